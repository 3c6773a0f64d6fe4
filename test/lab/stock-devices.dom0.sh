# SPDX-License-Identifier: GPL-2.0
# stock-devices.dom0.sh - dom0's half of stock-devices.sh: makes the devices, looks at what the
# guest has written, and takes them away.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
. ./devices.sh

mkdir -p www mnt
disk=$(disk_image disk.img 8)
head -c 4194304 /dev/urandom >www/big
{
	sha256sum <disk.img
	echo "$(sha256sum <www/big) big"
} >www/sums
devices_make "$disk"

ok "the guest has written" await written
modprobe vfat
ok "dom0 mounts the image" mount -t vfat -o loop,ro disk.img mnt
is "the file in it is what the guest copied" "$(sha256sum <mnt/big) big" "$(grep big www/sums)"
ok "and lets go of it" umount mnt
ok "a list of sums comes over the network" wget -q -O sums "http://10.$GUEST.0.2/sums"
ok "3 MB come over the network" wget -q -O out "http://10.$GUEST.0.2/out"
ok "as they were sent" sha256sum -c sums

devices_take
fails "nothing of the disk is left" 1 xenstore-exists "$(back_dir "$GUEST" vbd 51712)"
fails "nothing of the card is left" 1 test -e "/sys/class/net/vif$GUEST.0"
plan_tell dom0-ended
