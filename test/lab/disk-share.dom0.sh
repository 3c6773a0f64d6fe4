# SPDX-License-Identifier: GPL-2.0
# disk-share.dom0.sh - dom0's half of disk-share.sh: two disks.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
. ./devices.sh

first=$(disk_image first.img 4)
second=$(disk_image second.img 1)
await ready
ok "a disk is made" vbd_add "$GUEST" 51712 "$first"
ok "and another" vbd_add "$GUEST" 51728 "$second"
plan
