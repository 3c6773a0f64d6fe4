# SPDX-License-Identifier: GPL-2.0
# dom0.sh - dom0's part of `make bench`: one guest after another, each alone with the machine.
# test/bench/run puts the call of bench_guest for each behind it.
# shellcheck shell=sh

failed=0

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
	lab-guest wait "$2-$guests" || failed=1
}

# The verdict of them all.
bench_end() {
	exit $failed
}

guests=0
