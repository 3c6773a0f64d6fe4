# SPDX-License-Identifier: GPL-2.0
# lab: --kernel pvdbg --type pv --modules failwork --no-insmod --dom0-add test/lab/devices.sh
# lab: --kernel kasan --type pvh --modules failwork --no-insmod --dom0-add test/lab/devices.sh
# lab: --kernel pvdbg --type pv --attach share --modules failwork --no-insmod
# timeout: 400
#
# failnth.sh - memory that runs out: each allocation of each call fails once, and all else goes
# well. test/prog/failnth.h says what is wanted of a call; the debug kernel says what memory has
# leaked, and dom0's half which event channels.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

# By default GFP_KERNEL never fails, nor do single pages; and each failure would be told at length.
faults=/sys/kernel/debug
for what in failslab fail_page_alloc fail_usercopy; do
	echo 0 >$faults/$what/verbose
done
echo N >$faults/failslab/ignore-gfp-wait
echo N >$faults/fail_page_alloc/ignore-gfp-wait
echo 0 >$faults/fail_page_alloc/min-order

# dom0 counts them, and again later.
count_channels() {
	ok "dom0 is told: $1" tell "$1"
	ok "it has counted the channels" await "$1-counted"
}

ok "failwork.ko is inserted" insmod failwork.ko

ok "the module is inserted" insmod xsfront.ko
count_channels plain
ok "it goes" rmmod xsfront
echo "# the module, without devices"
tap ./failnth_load module xsfront.ko
node=/dev/xen/xenbus
[ -e /dev/xen/xsfront ] && node=/dev/xen/xsfront

echo "# the device node"
ok "a node is there" test -c $node
tap ./failnth_node $node

export XENSTORED_PATH=$node
echo "# devices"
ok "dom0 is told" tell ready
ok "dom0 has made them" await made
ok "the echo device comes" wait_for 30 test -c /dev/xsecho0
tap ./failnth_io echo /dev/xsecho0
if [ $node = /dev/xen/xenbus ]; then
	ok "the disk comes" wait_for 30 test -b /dev/xsblka
	tap ./failnth_io disk /dev/xsblka
fi
count_channels up
# All of them would take a quarter of an hour, since most end in a wait of 5 s.
tap ./failnth_load devices xsfront.ko 10
ok "the echo device is back" wait_for 30 test -c /dev/xsecho0
if [ $node = /dev/xen/xenbus ]; then
	ok "the disk is back" wait_for 30 test -b /dev/xsblka
fi

ok "dom0 is told: ended" tell ended
ok "dom0 has ended" await dom0-ended 60
ok "rmmod" rmmod xsfront failwork
plan
