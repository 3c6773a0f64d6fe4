# SPDX-License-Identifier: GPL-2.0
# dom0.sh - dom0's part of `make bench`: one guest after another, each alone with the machine.
# test/bench/run puts the call of bench_guest for each behind it.
# shellcheck shell=sh

failed=0

wanted() {
	case ",$1," in *,all,* | *,"$2",*) ;; *) return 1 ;; esac
}

# What the guest can only wait for: dom0 makes devices for it, and removes them.
devices() {
	wanted "$3" setup || wanted "$3" setup-50 || wanted "$3" setup-100 || return 0
	home=/local/domain/$1
	side=$2
	[ "$side" != own ] || side=xs
	timeout 300 xenstore-watch -n 2 "$home/data/bench/ready" >/dev/null 2>&1
	if wanted "$3" setup-100; then
		./bench_devices setup-100 "$side" "$1" 1 100 || failed=1
	fi
	if wanted "$3" setup-50; then
		./bench_devices setup-50 "$side" "$1" 1 50 || failed=1
	fi
	if wanted "$3" setup; then	# the last, for the recorder
		./bench_devices setup "$side" "$1" 12 1 || failed=1
	fi
	xenstore-write "$home/data/bench/over" 1
}

# The other end of an echo device, for those who measure what goes through it.
echo_device() {
	[ "$2" != kernel ] || return 0
	wanted "$3" echo-64 || wanted "$3" echo-64-32 || wanted "$3" echo-4k ||
		wanted "$3" echo-4k-32 || return 0
	home=/local/domain/$1
	timeout 300 xenstore-watch -n 2 "$home/data/bench/echo" >/dev/null 2>&1
	activate.sh "$1" echo 0 || failed=1
	timeout 300 xenstore-watch -n 2 "$home/data/bench/echoed" >/dev/null 2>&1
	activate.sh --remove "$1" echo 0 || failed=1
}

# bench_guest TYPE SIDE COUNT ROWS
bench_guest() {
	case $2 in
	kernel) attach=none ;;
	*) attach=$2 ;;
	esac
	guests=$((guests + 1))
	lab-guest start "$2-$guests" "$1" "$attach" -- "sh guest.sh $2 $3 $4"
	home=/local/domain/$(lab-guest id "$2-$guests")
	xenstore-chmod "$home" "n${home##*/}"	# test-xenstore makes its nodes just there
	xenstore-write "$home/data/bench/value" 0123456789abcdef
	devices "${home##*/}" "$2" "$4"
	echo_device "${home##*/}" "$2" "$4"
	lab-guest wait "$2-$guests" || failed=1
}

# The verdict of them all.
bench_end() {
	exit $failed
}

guests=0
insmod ./echo_back.ko || failed=1
killall cat	# the reader of the log, which would cost something at each line of echo_back's
