# SPDX-License-Identifier: GPL-2.0
# failnth.dom0.sh - dom0's half of failnth.sh: an echo device and a disk, which stay.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
# In a share the disks are the kernel's.
[ ! -e devices.sh ] || . ./devices.sh

ok "the guest is ready" await ready 1500
ok "the backend is inserted" insmod echo_back.ko
ok "an echo device is made" activate.sh "$GUEST" echo 0
if [ -e devices.sh ]; then
	loop=$(disk_image image 1)
	ok "a disk is made" vbd_add "$GUEST" 51712 "$loop"
fi
tell made
ok "the guest has ended" await ended 1500
plan
