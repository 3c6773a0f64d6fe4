# SPDX-License-Identifier: GPL-2.0
# failnth.dom0.sh - dom0's half of failnth.sh: an echo device and a disk, which stay.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
# In a share the disks are the kernel's.
[ ! -e devices.sh ] || . ./devices.sh

channels() { usage "$GUEST" | grep '^channels '; }
count_channels() {
	ok "the guest is there: $1" await "$1" 1500
	before=$(channels)
	like "its channels are counted" "$before" '[1-9]'
	tell "$1-counted"
}
as_before() {
	echo "before: $before, now: $(channels)"
	[ "$(channels)" = "$before" ]
}

count_channels plain
ok "the guest is ready" await ready 1500
ok "it has no channel more" wait_for 1 as_before
ok "the backend is inserted" insmod echo_back.ko
ok "an echo device is made" activate.sh "$GUEST" echo 0
if [ -e devices.sh ]; then
	loop=$(disk_image image 1)
	ok "a disk is made" vbd_add "$GUEST" 51712 "$loop"
fi
tell made
count_channels up
ok "the guest has ended" await ended 1500
ok "it has no channel more than with its devices before" wait_for 1 as_before
plan_tell dom0-ended
