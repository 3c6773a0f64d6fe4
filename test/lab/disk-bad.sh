# SPDX-License-Identifier: GPL-2.0
# lab: --type pv
# timeout: 120
#
# disk-bad.sh - a disk whose backend lies: what it answers fits no request, its index runs away, its
# keys make no disk. Whoever reads gets an error, the log says why, once, and all is well again when
# the backend is. dom0's half tells the backend (bad_disk.ko) how to lie.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

disk=/dev/xsblka
read_disk() { dd if=$disk of=/dev/null bs=4k count=64 iflag=direct; }
# Asks dom0 for another lie, and for a connection with a new ring where the old one is broken.
lie() {
	mark
	tell "$1"
	await "is-$1"
}

ok "the disk comes" wait_for 30 test -b $disk
ok "it can be read" read_disk
for how in id operation far; do
	lie $how
	fails "an answer with a bad $how: the reader gets an error" 1 read_disk
	ok "the log says why" dmesg_has \
		'vbd/51712: the backend is not to be believed: (it answers what was not|a response)'
	is "once" "$(log | grep -c 'not to be believed')" 1
	fails "so does who comes later" 1 read_disk
	lie well-after-$how
	ok "it connects anew" wait_for 20 dmesg_has 'vbd/51712: front Connected, back Connected'
	ok "it can be read" read_disk
done
lie status
fails "an answer that says error: the reader gets one" 1 read_disk
ok "the backend is believed" dmesg_has_not 'not to be believed'
lie well-after-status
ok "it can be read" read_disk
lie keys
ok "sectors of 300 bytes: the log says so" wait_for 20 dmesg_has \
	'vbd/51712: 2048 sectors of 512 bytes, sector size 300: cannot be'
lie well-after-keys
ok "it connects anew" wait_for 30 dmesg_has 'vbd/51712: front Connected, back Connected'
ok "it can be read" read_disk
lie keys-for-good
ok "it is away" wait_for 20 dmesg_has 'sector size 300: cannot be'
read_disk &
reader=$!
ok "the device is given up" wait_for 60 dmesg_has 'vbd/51712: failed 3 times in a row; left alone'
fails "who has waited for the disk gets an error" 1 wait $reader
mark
ok "rmmod" rmmod xsfront
ok "nothing was left with the backend" dmesg_has_not 'still ha(s|ve)|replies owed'
plan
