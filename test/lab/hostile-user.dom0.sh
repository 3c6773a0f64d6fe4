# SPDX-License-Identifier: GPL-2.0
# hostile-user.dom0.sh - dom0's half of hostile-user.sh: an echo device, and which server it is.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

server=xenstored
! pidof oxenstored >/dev/null || server=oxenstored
ok "the guest is told of the server" xenstore-write "/local/domain/$GUEST/data/server" $server
ok "the backend is inserted" insmod echo_back.ko
ok "a device is made" activate.sh "$GUEST" echo 0
plan
