# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --attach none --icount --dom0-add test/lab/devices.sh
# timeout: 240
# kernel: stock
#
# disk-share.sh - a stock guest with two disks of the kernel's blkfront: one of them is handed over
# to the module by its number, the other stays. Reads of 4 KiB, one after another, by either driver
# from the same disk, in instructions: the machine's clock counts them.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

reads=600
now() { sed -n 's/^now at \([0-9]*\) nsecs$/\1/p' /proc/timer_list; }
# What a read takes, in ns: the best of three times 600.
cost() {
	for _ in 1 2 3; do
		begin=$(now)
		dd if="$1" of=/dev/null bs=4k count=$reads iflag=direct 2>/dev/null || break
		echo $((($(now) - begin) / reads))
	done | sort -n | head -n 1
}

modprobe xen-blkfront
tell ready
ok "the kernel's disks come" wait_for 30 test -b /dev/xvda -a -b /dev/xvdb
sum=$(sha256sum </dev/xvda)
second=$(sha256sum </dev/xvdb)
theirs=$(cost /dev/xvda)

ok "the kernel's driver gives one back" sh -c 'echo vbd-51712 >/sys/bus/xen/drivers/vbd/unbind'
ok "its disk goes" wait_for 20 test ! -e /dev/xvda
mark
ok "insmod" insmod ./xsfront.ko attach=share blk=51712
ok "the module's disk comes" wait_for 30 test -b /dev/xsblka
is "it holds what it held" "$(sha256sum </dev/xsblka)" "$sum"
ours=$(cost /dev/xsblka)
echo "# instructions a read of 4 KiB: the kernel's driver $theirs, the module's $ours"
ok "a read costs less than 1.3 times that by the kernel's driver" \
	test "${ours:-0}" -gt 1000 -a "$((ours * 10))" -lt "$((theirs * 13))"
ok "the other one was not touched" dmesg_has_not 'vbd/51728: (found|front)'
echo 3 >/proc/sys/vm/drop_caches
is "and works" "$(sha256sum </dev/xvdb)" "$second"
ok "rmmod" rmmod xsfront
ok "the disk has gone" wait_for 20 test ! -e /dev/xsblka
ok "nothing was left with the backend" dmesg_has_not 'still ha(s|ve)'
plan
