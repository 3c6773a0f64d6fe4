#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# guest.sh SIDE COUNT ROWS - one guest's part of `make bench`; see test/bench/run.
#
# SIDE is kernel (a stock guest), own or share. COUNT is how many operations a round has at least,
# ROWS are names of rows, parted by commas, or "all". Prints bench.ko's lines.
side=$1 count=$2 rows=$3
failed=0

wanted() {
	case ",$rows," in *,all,* | *,"$1",*) ;; *) return 1 ;; esac
}

fail() {
	echo "failed $*"
	failed=1
}

# What bench.ko has logged since the last time; later the log may hold no more of it.
logged() {
	dmesg -c | sed -n 's/.*bench: \(row\|failed\)/\1/p'
}

# Rows of a module: ECANCELED is how they end well.
measure() {
	./load "$@" 2>/tmp/load.err
	[ $? -eq 125 ] || fail "$*: $(cat /tmp/load.err)"
}

sleep 2		# until dom0 has come to rest
names=$rows
[ "$rows" != all ] || names=
dmesg -n 1	# what goes to the console costs dom0 something
insmod ./bench.ko count="$count" || fail "bench.ko"
case $side in
kernel)
	measure bench_kernel.ko rows="$names"
	;;
own)
	! wanted read || measure bench_floor.ko
	insmod ./xsfront.ko || fail "xsfront.ko"
	measure bench_xs.ko rows="$names"
	;;
share)
	insmod ./xsfront.ko || fail "xsfront.ko"
	measure bench_xs.ko side=share rows="$names"
	measure bench_kernel.ko side=kernel-share rows="$names"
	;;
esac
logged
# the sides of programs are called like those of modules
[ "$side" != own ] || side=xs
if wanted node-read; then
	./bench_node node-read "$side" "$count" || failed=1
fi
if wanted test-xenstore; then
	./bench_run test-xenstore "$side" 1 'test-xenstore -i 200 >/dev/null 2>&1' || failed=1
fi
if wanted setup || wanted setup-50 || wanted setup-100; then
	[ "$side" != kernel ] || insmod ./bench_front.ko || fail "bench_front.ko"
	xenstore-write data/bench/ready 1	# now it is dom0's turn
	xenstore-watch -n 2 data/bench/over >/dev/null 2>&1
	[ "$side" != kernel ] || rmmod bench_front
fi
if wanted setup && [ "$side" != kernel ]; then
	mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
	awk -v side="$side" -f trips.awk /sys/kernel/debug/xsfront/frames
fi
# NAME LENGTH WINDOW: so many messages of that length on their way
echo_row() {
	wanted "$1" && [ "$side" != kernel ] || return 0
	[ -c /dev/xsecho0 ] || xenstore-write data/bench/echo 1
	until [ -c /dev/xsecho0 ]; do sleep 0.1; done
	./bench_echo "$1" "$side" "$count" "$2" "$3" || failed=1
}
echo_row echo-64 64 1
echo_row echo-64-32 64 32
echo_row echo-4k 4096 1
echo_row echo-4k-32 4096 32
if [ -c /dev/xsecho0 ]; then
	xenstore-write data/bench/echoed 1	# what follows is to be alone again
	while [ -c /dev/xsecho0 ]; do sleep 0.1; done
fi
if [ "$side" = xs ]; then
	rmmod xsfront
	if wanted insmod; then
		./bench_run insmod xs 3 'insmod ./xsfront.ko' 'rmmod xsfront' || failed=1
	fi
fi
logged
exit $failed
