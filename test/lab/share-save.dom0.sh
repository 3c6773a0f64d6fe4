# SPDX-License-Identifier: GPL-2.0
# share-save.dom0.sh - dom0's half of share-save.sh: saves the guest, restores it, and makes its
# devices.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

insmod echo_back.ko

save_and_restore() {
	mkdir big	# dom0's root has not the room
	mount -t tmpfs -o size=75% tmpfs big
	ok "round $1: it is saved" lab-guest save guest big/image
	ok "round $1: it is restored" lab-guest restore guest big/image
	umount big
}

save_in_vain() {
	mkdir small
	mount -t tmpfs -o size=4m tmpfs small
	fails "round $1: it cannot be saved, for want of room" 1 lab-guest save guest small/image
	umount small
}

round() {
	await "ready$1"
	ok "round $1: a device is made" activate.sh "$GUEST" echo 0
	ok "round $1: the guest may be saved" await "save$1" 60
	"$2" "$1"
	activate.sh --remove "$GUEST" echo 0
	GUEST=$(lab-guest id guest)
	tell "restored$1"
	ok "round $1: the guest has looked around" await "again$1" 60
	ok "round $1: a device is made again" activate.sh "$GUEST" echo 0
	wait_for 20 sh -c "[ \"\$(xenstore-read /local/domain/$GUEST/device/echo/0/state)\" = 4 ]"
	sleep 2		# data flows; there is nothing in the store to wait for
	ok "round $1: it is taken away" activate.sh --remove "$GUEST" echo 0
	tell "ended$1"
}

round 1 save_and_restore
if [ "$(cat /sys/hypervisor/version/minor)" = 14 ]; then
	skip "round 2" "the kernel does not go on after a save in vain on Xen 4.14, nor without us"
else
	round 2 save_in_vain
fi
plan_tell dom0-ended
