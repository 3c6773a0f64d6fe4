# SPDX-License-Identifier: GPL-2.0
# bad-input.dom0.sh - dom0's half of bad-input.sh: the device, and nodes beside it that are no
# devices.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

front=/local/domain/$GUEST/device/echo
ok "the backend is inserted" insmod echo_back.ko
xenstore-write "$front/zero" "" "$front/99999999999" "" "$front/7" "" "$front/300/backend" nowhere
ok "a device is made beside nodes that are none" activate.sh "$GUEST" echo 0
await shut-me
ok "the toolstack would have the guest suspended" \
	xenstore-write "/local/domain/$GUEST/control/shutdown" suspend
plan_tell dom0-ended
