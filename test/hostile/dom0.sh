# SPDX-License-Identifier: GPL-2.0
# dom0.sh - dom0's part of test/hostile/run: stock guests, one after another, each until a trick of
# rogue_store that its kernel does not outlive. The next one begins behind that. FIRST: where the
# first one begins.
# shellcheck shell=sh source-path=SCRIPTDIR/../lab
. ./lib.sh

first=${FIRST:-0} all=64 guests=0
pid=$(pidof xenstored)
while [ "$first" -lt "$all" ]; do
	guests=$((guests + 1))
	name=stock-$guests
	lab-guest start "$name" none -- "sh guest.sh"
	GUEST=$(lab-guest id "$name")
	home=/local/domain/$GUEST
	await ready 90 || exit 1
	port=$(xenstore-read "$home/store/port")
	xenstore-ls -f | grep "/$GUEST/" >nodes
	echo "$home/rogue/here = \"1\"" >>nodes
	kill -STOP "$pid"
	./rogue_store "$GUEST" "$port" 2 "$first" <nodes >said
	kill -CONT "$pid"
	cat said
	# What it has seen of the last one comes when it has waited for it in vain.
	if ! wait_for 6 sh -c "lab-guest log $name | grep -q '# no more is tried'"; then
		why=$(lab-guest log "$name" | grep -m 1 -o 'BUG: .*\|Oops: .*\|Kernel panic.*')
		echo "# $name: $why"
	fi
	lab-guest destroy "$name"
	before=$first
	first=$(sed -n 's/^# played \(.*\) of .*/\1/p' said)
	all=$(sed -n 's/^# played .* of //p' said)
	[ "$first" -gt "$before" ] || {
		echo "# $name has not asked for a trick"
		exit 1
	}
done
