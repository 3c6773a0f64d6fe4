# SPDX-License-Identifier: GPL-2.0
# hostile-user.dom0.sh - dom0's half of hostile-user.sh: an echo device.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

ok "the backend is inserted" insmod echo_back.ko
ok "a device is made" activate.sh "$GUEST" echo 0
plan
