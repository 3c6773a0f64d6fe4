# SPDX-License-Identifier: GPL-2.0
# disk-bad.dom0.sh - dom0's half of disk-bad.sh: has the backend lie, and connect anew.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

back=/local/domain/0/backend/vbd/$GUEST/51712
lie() {
	await "$1"
	echo "$2" >/sys/module/bad_disk/parameters/bad
	[ -z "$3" ] || xenstore-write "$back/state" 5
	tell "is-$1"
}

insmod bad_disk.ko
ok "a disk is made" activate.sh --front-key virtual-device=51712 "$GUEST" vbd 51712
for how in id operation far; do
	lie $how $how
	lie well-after-$how none anew
done
lie status status
lie well-after-status none
lie keys keys anew
lie well-after-keys none
lie keys-for-good keys anew
plan
