# SPDX-License-Identifier: GPL-2.0
# disk.dom0.sh - dom0's half of disk.sh: makes disks from images, looks into them, and takes the
# backend away in each way there is.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
. ./devices.sh

driver=/sys/bus/xen-backend/drivers/vbd
tell_sum() { xenstore-write "/local/domain/$GUEST/data/sum-$1" "$2"; }
sum_is() { [ "$(sha256sum <"$1")" = "$(xenstore-read "/local/domain/$GUEST/data/sum-$2")" ]; }
reload() {
	rmmod xen-blkback && modprobe xen-blkback
}
unbind_all() {
	for device in "$driver"/vbd-*; do
		echo "${device##*/}" >$driver/unbind
	done
}

modprobe vfat
mkdir -p mnt
loop=$(disk_image disk.img 12)
await ready
tell_sum image "$(sha256sum <disk.img)"
# What a frontend that had it before may have left: more than one queue, a ring of two pages.
ok "a disk is made" vbd_add "$GUEST" 51712 "$loop" w --front-key multi-queue-num-queues=2 \
	--front-key ring-page-order=1 --front-key ring-ref0=8
ok "its backend is Connected" reached "$GUEST" vbd 51712 4
back=$(back_dir "$GUEST" vbd 51712)

ok "the guest has written" await written
ok "the image holds the same" sum_is disk.img whole
files=$(xenstore-read "/local/domain/$GUEST/data/sum-files")
if [ "$files" != none ]; then
	ok "dom0 mounts it" mount -t vfat -o loop,ro disk.img mnt
	is "the files are the guest's" \
		"$(cd mnt/files && sha256sum large deep/* | sha256sum)" "$files"
	ok "umount" umount mnt
fi
tell looked

await larger
dd if=/dev/urandom of=disk.img bs=1M seek=12 count=4 2>/dev/null
ok "the loop device grows" losetup -c "$loop"
ok "the backend tells the new size" wait_for 20 sh -c "[ \$(xenstore-read $back/sectors) = 32768 ]"
tell_sum grown "$(sha256sum <disk.img)"
tell is-larger

await reload
for i in 1 2 3; do
	usleep 300000
	ok "the driver lets go, time $i" unbind_all
	ok "rmmod xen-blkback, modprobe xen-blkback" wait_for 10 reload
	ok "its backend is Connected again" reached "$GUEST" vbd 51712 4
done
tell reloaded
await io-done
ok "the image holds what the guest wrote" sum_is disk.img reloaded
tell compared

await cycles
is "detached and attached 50 times" "$(vbd_cycles "$GUEST" 51712 50 2>&1)" "50 times"
tell cycled

await take
usleep 300000
ok "the disk is taken away" vbd_del "$GUEST" 51712
tell dom0-next
second=$(disk_image second.img 2)
tell_sum second "$(sha256sum <second.img)"
ok "a read-only disk is made" vbd_add "$GUEST" 51728 "$second" r
ok "its backend is Connected" reached "$GUEST" vbd 51728 4
await read-only-done
plan_tell dom0-ended
