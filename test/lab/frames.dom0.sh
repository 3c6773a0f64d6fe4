# SPDX-License-Identifier: GPL-2.0
# frames.dom0.sh - dom0's half of frames.sh: the other end of an echo device.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

ok "the backend is inserted" insmod echo_back.ko
ok "the guest is ready" await ready
ok "the device is made" activate.sh "$GUEST" echo 0
plan
