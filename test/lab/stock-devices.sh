# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --attach none --add test/lab/devices.sh --dom0-add test/lab/devices.sh
# timeout: 90
# kernel: stock
#
# stock-devices.sh - the lab's disks and network cards (devices.sh) with the kernel's own drivers at
# both ends, and without the module: what other tests build on.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
. ./devices.sh

devices_come
is "the disk's size" "$(blockdev --getsize64 /dev/xvda)" 8388608
is "the disk holds what dom0 put there" "$(sha256sum </dev/xvda)" "$(grep -v big sums)"
ok "4 MB come over the network" wget -q -O big "http://$dom0/big"
is "as they were sent" "$(sha256sum <big) big" "$(grep big sums)"

modprobe vfat
ok "a file system is made" mkdosfs /dev/xvda
mkdir -p /mnt www
ok "it is mounted" mount -t vfat /dev/xvda /mnt
ok "4 MB are written" cp big /mnt/big
ok "it is unmounted" umount /mnt
head -c 3000000 /dev/urandom >www/out
(cd www && sha256sum out) >www/sums
ok "the guest serves files" httpd -p 80 -h www
ok "dom0 is told" tell written
ok "dom0 has ended" await dom0-ended
ok "the disk goes" wait_for 20 test ! -e /dev/xvda
ok "the card goes" wait_for 20 test ! -e /sys/class/net/eth0
plan
