# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# soak.sh - what both ends of make soak have in common, beside test/lab/lib.sh: chance, and counts.
#
#   die N           a number from 0 to N-1, in $die; by $seed, which it moves on
#   pick WORD…      one of the words, in $picked
#   chosen WORD…    tells what is done next, with the machine's time
#   count NAME      keeps what in_use prints (in each line a name and a number) in the file NAME,
#                   and the memory that is left when all caches are empty. What changes within a
#                   second is looked at again, up to 30 times
#   compare A B KB  checks: in B as much is in use as in A, and at most KB kB of memory more
#
# "word=…" in what is told is an act, which test/soak/run counts.

dmesg -n 1	# the console is slow

die() {
	seed=$(((seed * 1103515245 + 12345) & 0x7fffffff))
	die=$(((seed >> 8) % $1))
}

pick() {
	die $#
	shift $die
	export picked="$1"
}

chosen() { echo "# at $(uptime) s: $*"; }

count() {
	in_use >"$1"
	for _ in $(seq 30); do
		sleep 1
		in_use >"$1.now"
		! cmp -s "$1" "$1.now" || break
		mv "$1.now" "$1"
	done
	sync
	echo 3 >/proc/sys/vm/drop_caches
	# Not what the kernel calls available: that has its own reserves in it, which move.
	awk '/^(MemFree|SReclaimable):/ { sum += $2 } END { print sum }' /proc/meminfo >"$1.memory"
	{
		sed -n 's/^\([A-Z][A-Za-z()]*\): *\([0-9]*\) kB$/\1 \2/p' /proc/meminfo
		awk 'NR > 2 { print "slab-" $1, int($3 * $4 / 1024) }' /proc/slabinfo
	} >"$1.kinds"
}

# Of which kinds of memory there is more, or less, by 200 kB.
kinds() {
	awk 'NR == FNR { was[$1] = $2; next }
		$2 - was[$1] > 200 || was[$1] - $2 > 200 {
			print "#   " $1, was[$1], "->", $2, "kB"
		}
		' "$1.kinds" "$2.kinds"
}

differences() {
	awk -v first="$1" 'FILENAME == first { was[$1] = $2; next }
		{ now[$1] = 1 }
		was[$1] != $2 { printf "%s%s %s -> %s", sep, $1, was[$1], $2; sep = ", " }
		END {
			for (n in was)
				if (!(n in now)) {
					printf "%s%s is not counted", sep, n
					sep = ", "
				}
		}' "$1" "$2"
}

compare() {
	others=$(differences "$1" "$2")
	ok "as much is in use as before${others:+, but $others}" test -z "$others"
	sed 's/^/# in use: /' "$2"
	before=$(cat "$1.memory") after=$(cat "$2.memory")
	ok "no memory is left over: $before kB free before, $after kB after" \
		test $((before - after)) -lt "$3"
	kinds "$1" "$2"
}
