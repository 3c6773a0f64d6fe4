# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --dom0-add test/lab/devices.sh
# lab: --type pvh --store oxenstored --dom0-add test/lab/devices.sh
# timeout: 240
# turns: by the day
#
# disk.sh - /dev/xsblka from dom0's own xen-blkback, with an image on a loop device behind it: read
# and written whole, a file system, size and mode, and what happens under those who use it when the
# backend goes. dom0's half makes the disks, and looks into the image.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

disk=/dev/xsblka
gone() { test ! -e $disk; }
size_is() { [ "$(blockdev --getsize64 $disk)" = "$1" ]; }
# The sum that dom0 has put into the store.
sum_of() { xenstore-read "data/sum-$1"; }
tell_sum() { xenstore-write "data/sum-$1" "$2"; }
# Reads past the cache: what the backend has, not what the guest remembers.
fresh_sum() {
	echo 3 >/proc/sys/vm/drop_caches
	sha256sum <$disk
}

tell ready
ok "the disk comes" wait_for 30 test -b $disk
ok "both ends are Connected" wait_for 20 \
	dmesg_has 'device/vbd/51712: front Connected, back Connected'
ok "the log names it" dmesg_has 'device/vbd/51712: /dev/xsblka has 24576 sectors of 512 bytes'
ok "it is as large as the image" size_is 12582912
is "the kernel's blkfront is not loaded" "$(lsmod | grep -c blkfront)" 0
is "it holds what is in the image" "$(fresh_sum)" "$(sum_of image)"

echo "# a file system"
files=none
mkdir -p /mnt files/deep
for i in 1 2 3 4 5 6 7 8; do
	head -c $((i * 77777)) /dev/urandom >files/deep/$i
done
head -c 3000000 /dev/urandom >files/large
if modprobe vfat; then
	ok "mkfs" mkdosfs $disk
	ok "mount" mount -t vfat $disk /mnt
	ok "files are copied" cp -r files /mnt/
	ok "umount" umount /mnt
	files=$(cd files && sha256sum large deep/* | sha256sum)
else
	skip "mkfs, mount, files are copied" "this kernel has no vfat"
	ok "a file is written" dd if=files/large of=$disk bs=64k conv=notrunc,fsync
fi
tell_sum files "$files"
tell_sum whole "$(fresh_sum)"
tell written
ok "dom0 has looked into the image" await looked
if [ "$files" != none ]; then
	ok "mount again" mount -t vfat -o ro $disk /mnt
	is "the files are as they were" "$(cd /mnt/files && sha256sum large deep/* | sha256sum)" \
		"$files"
	ok "umount" umount /mnt
fi

echo "# another size"
mark
tell larger
ok "the disk has grown" wait_for 20 size_is 16777216
ok "the log says so" dmesg_has '/dev/xsblka has 32768 sectors'
await is-larger
is "what was added is there" "$(fresh_sum)" "$(sum_of grown)"

echo "# the backend's driver is loaded anew under those who read and write"
mark
head -c 6000000 /dev/urandom >data
sum=$(sha256sum <data)
(
	i=0
	while [ $i -lt 6 ]; do
		dd if=data of=$disk bs=64k oflag=direct conv=notrunc 2>/dev/null || echo failed
		i=$((i + 1))
	done
	echo written
) >writer.out &
(
	while ! grep -q written writer.out; do
		dd if=$disk of=/dev/null bs=64k iflag=direct 2>/dev/null || echo failed
	done
	echo read
) >reader.out &
tell reload
ok "dom0 has reloaded it" await reloaded
wait
is "the writer has seen no error" "$(cat writer.out)" written
is "nor has the reader" "$(cat reader.out)" read
ok "the disk was away" dmesg_has 'vbd/51712: front Clos(ing|ed), back'
ok "and is back" dmesg_has 'vbd/51712: front Connected, back Connected'
is "all is there" "$(head -c 6000000 $disk | sha256sum)" "$sum"
tell_sum reloaded "$(fresh_sum)"
tell io-done
ok "dom0 has compared" await compared

echo "# away and back, again and again"
mark
tell cycles
ok "dom0 has done so" await cycled 100
ok "the disk comes" wait_for 20 test -b $disk
is "it holds what it held" "$(fresh_sum)" "$(sum_of reloaded)"
is "as often as it should" "$(log | grep -c 'vbd/51712: found')" 50

echo "# taken away under those who use it"
mark
dd if=$disk of=/dev/null bs=4k iflag=direct 2>reader.out &
while dd if=/dev/zero of=$disk bs=4k count=100 oflag=direct conv=notrunc 2>writer.out; do :; done &
tell take
ok "it goes" wait_for 30 gone
wait
like "who read has seen an error" "$(cat reader.out)" 'error|such device'
like "who wrote has, too" "$(cat writer.out)" 'error|such device'
ok "dom0 has ended" await dom0-next 40

echo "# read only"
ok "the disk comes" wait_for 30 test -b /dev/xsblkb
ok "the log says that it is read only" dmesg_has '/dev/xsblkb has .*, read only'
is "so does the kernel" "$(cat /sys/block/xsblkb/ro)" 1
is "it can be read" "$(sha256sum </dev/xsblkb)" "$(sum_of second)"
fails "it cannot be opened for writing" 1 sh -c 'echo x >/dev/xsblkb'
tell read-only-done
ok "dom0 has ended" await dom0-ended

mark
ok "rmmod" rmmod xsfront
ok "the disk has gone" test ! -e /dev/xsblkb
ok "nothing was left with the backend" dmesg_has_not 'still ha(s|ve)|replies owed'
plan
