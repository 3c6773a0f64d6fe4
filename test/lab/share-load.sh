# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --attach none --add test/lab/devices.sh --dom0-add test/lab/devices.sh
# lab: --type pvh --attach none --add test/lab/devices.sh --dom0-add test/lab/devices.sh
# timeout: 240
# turns: by the day
#
# share-load.sh - a stock guest under load: threads ask the store through the kernel's node as fast
# as they are answered, dom0 writes to what they watch, data flows from and to a disk and through a
# network card. Meanwhile the module is inserted and removed 100 times.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
. ./devices.sh

THREADS=4
WRITES=2000	# dom0's, to what storm watches
CYCLES=100

interrupts() { grep -c xen /proc/interrupts; }
memory() { awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo; }

devices_come

# Both go round until the file "over" is there, and say how often; a wrong sum ends them.
disk_load() {
	rounds=0
	while [ ! -e over ]; do
		head -c 100000 /dev/urandom >block
		want=$(sha256sum <block)
		dd if=block of=/dev/xvda conv=fsync 2>/dev/null && echo 3 >/proc/sys/vm/drop_caches
		[ "$(head -c 100000 /dev/xvda | sha256sum)" = "$want" ] || {
			echo "wrong" >disk-load
			return
		}
		rounds=$((rounds + 1))
		sleep 0.5	# a load beside others, not instead of them
	done
	echo "$rounds rounds, all right" >disk-load
}

net_load() {
	rounds=0
	while has_net && [ ! -e over ]; do
		wget -q -O small "http://$dom0/small"
		[ "$(sha256sum <small) small" = "$(grep small sums)" ] || {
			echo "wrong" >net-load
			return
		}
		rounds=$((rounds + 1))
		sleep 0.5
	done
	echo "$rounds rounds, all right" >net-load
}

cycle() {
	insmod ./xsfront.ko || return 1
	[ "$(XENSTORED_PATH=/dev/xen/xsfront xenstore-read domid)" = "$me" ] || wrong=$((wrong + 1))
	rmmod xsfront
}

# The load gets all the time that the cycles leave: they come first.
renice -n 10 $$ >/dev/null
./storm /dev/xen/xenbus $THREADS $WRITES >storm-out &
storm=$!
disk_load &
net_load &
renice -n -10 $$ >/dev/null
ok "the watch stands" wait_for 30 test -e storm-watches
ok "dom0 is told" tell begin
ok "dom0 has counted" await counted 60
wrong=0
cycle	# the first one leaves what stays: memory of the kernel's own tables
lines=$(interrupts)
before=$(memory)
failed=0
cycles=$CYCLES
while [ $cycles -gt 0 ]; do
	cycle || failed=$((failed + 1))
	cycles=$((cycles - 1))
done
is "$CYCLES times inserted and removed" "$failed failed" "0 failed"
is "each time its own node answered" "$wrong wrong" "0 wrong"
ok "dom0 has written all" await written 60
touch over
kill $storm
wait
tap cat storm-out
like "the disk's data: $(cat disk-load)" "$(cat disk-load)" 'all right'
net_ok "the card's data: $(cat net-load)" grep 'all right' net-load
is "no interrupt was left over" "$(interrupts)" "$lines"
after=$(memory)
echo "# memory available: $before kB before, $after kB after"
ok "no memory was left over" test $((before - after)) -lt 4000
is "the store's interrupt is the kernel's" "$(grep -c ' xenbus$' /proc/interrupts)" 1
ok "nothing was said by the module but attach and unload" dmesg_has_not \
	'xsfront: (the |left |waiting |cannot |attach=|no )'
ok "dom0 is told" tell over
ok "dom0 has ended" await dom0-ended
ok "the store answers" xenstore-read domid
plan
