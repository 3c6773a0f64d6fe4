# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# lib.sh - what the lab tests are written in. Sourced by test/lab/*.sh, in the guest and in dom0,
# both of which have busybox sh.
#
#   ok TEXT CMD…              CMD ends with status 0
#   fails TEXT STATUS CMD…    CMD ends with just that status
#   is TEXT GOT WANT          two texts are equal
#   like TEXT GOT REGEX       GOT has a line that matches (extended regular expression)
#   skip TEXT WHY             not tried, and why
#   tap CMD…                  CMD prints TAP lines of its own; they count, and so does its status
#   kernel_test NAME [P=V]…   one test of xs_test.ko (its lines are TAP in the kernel's log)
#   plan                      the last line: how many there were
#   plan_tell NAME            the same, and then the other end is told (see below)
#
#   wait_for SECONDS CMD…     until CMD succeeds; a short poll
#   uptime                    seconds since the boot
#   mark                      begin a new part of the kernel's log
#   log                       the kernel's log since the mark, without times
#   dmesg_has REGEX           it is there since the mark
#   patterns PREFIX               makes such a FILE
#   dmesg_in_order FILTER FILE    the lines that match FILTER are those of FILE, one by one
#   tell NAME, await NAME [SECONDS]    between dom0 and guest, through the store (data/sync-NAME)
#
# SECONDS are those of a stock kernel: a debug kernel's guest has several times as long.
#
# A check that fails prints what was seen, as "# " lines, and the script goes on.

# errnos, as ./load and test programs exit with
export EBUSY=16 ENODEV=19 EINVAL=22 ECANCELED=125

lab_slower=$(sed -n 's/^SLOWER=//p' /lab/.run/env)
lab_slower=${lab_slower:-1}
lab_count=0
lab_failed=0
lab_out=/tmp/lab-out.$$
[ -d /tmp ] || mkdir /tmp
# The kernel drops what is written to /dev/kmsg too fast, and a mark must not be lost.
echo on >/proc/sys/kernel/printk_devkmsg 2>/dev/null

if [ "$(hostname)" = dom0 ]; then
	lab_end=dom0
else
	lab_end=guest
fi

indent() { sed 's/^/# /'; }

# result STATUS TEXT: prints the TAP line; what was seen comes on stdin when it failed.
result() {
	lab_count=$((lab_count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok - $2"
	else
		lab_failed=$((lab_failed + 1))
		echo "not ok - $2"
		indent
	fi
}

ok() {
	lab_text=$1
	shift
	"$@" >"$lab_out" 2>&1
	lab_status=$?
	{
		echo "status $lab_status: $*"
		cat "$lab_out"
	} | tail -n 30 >"$lab_out.seen"
	result $lab_status "$lab_text" <"$lab_out.seen"
}

fails() {
	lab_text=$1 lab_want=$2
	shift 2
	"$@" >"$lab_out" 2>&1
	lab_status=$?
	{
		echo "status $lab_status, not $lab_want: $*"
		cat "$lab_out"
	} >"$lab_out.seen"
	[ $lab_status -eq "$lab_want" ]
	result $? "$lab_text" <"$lab_out.seen"
}

is() {
	printf 'got:  %s\nwant: %s\n' "$2" "$3" >"$lab_out.seen"
	[ "$2" = "$3" ]
	result $? "$1" <"$lab_out.seen"
}

like() {
	printf 'got:\n%s\nno line matches: %s\n' "$2" "$3" >"$lab_out.seen"
	printf '%s\n' "$2" | grep -Eq -- "$3"
	result $? "$1" <"$lab_out.seen"
}

uptime() { cut -d. -f1 /proc/uptime; }

skip() {
	lab_count=$((lab_count + 1))
	echo "ok - $1 # SKIP $2"
}

# Prints the TAP lines of a file, and counts them. Returns 1 when there is none.
relay_tap() {
	cat "$1"
	lab_good=$(grep -c '^ok' "$1")
	lab_bad=$(grep -c '^not ok' "$1")
	lab_count=$((lab_count + lab_good + lab_bad))
	lab_failed=$((lab_failed + lab_bad))
	[ $((lab_good + lab_bad)) -gt 0 ]
}

tap() {
	"$@" >"$lab_out" 2>&1
	lab_status=$?
	if ! relay_tap "$lab_out" || [ $lab_status -ne 0 ]; then
		echo "status $lab_status" >"$lab_out"
		result 1 "$* ends well" <"$lab_out"
	fi
}

plan() {
	rm -f "$lab_out" "$lab_out.seen" "$lab_out.log"
	echo "1..$lab_count"
	[ $lab_failed -eq 0 ]
}

plan_tell() {
	plan
	lab_status=$?
	tell "$1"
	return $lab_status
}

wait_for() {
	lab_tries=$(($1 * 20 * lab_slower))
	shift
	until "$@" >/dev/null 2>&1; do
		lab_tries=$((lab_tries - 1))
		[ $lab_tries -gt 0 ] || return 1
		usleep 50000
	done
}

# ---- the kernel's log ----------------------------------------------------------------------

lab_marks=0
mark() {
	lab_marks=$((lab_marks + 1))
	echo "lab mark $$ $lab_marks" >/dev/kmsg
}

log() {
	dmesg | sed 's/^\[[^]]*\] //' | awk -v mark="lab mark $$ $lab_marks" '
		index($0, mark) { n = 0; next }
		{ line[n++] = $0 }
		END { for (i = 0; i < n; i++) print line[i] }'
}

dmesg_has() {
	log >"$lab_out.log"
	grep -Eq -- "$1" "$lab_out.log" && return 0
	echo "no line matches: $1; there are:"
	tail -n 25 "$lab_out.log"
	return 1
}

dmesg_has_not() {
	log >"$lab_out.log"
	! grep -E -- "$1" "$lab_out.log"
}

# Puts a text before each pattern of dmesg_in_order, behind its mark.
patterns() { sed "/^[?*] /!s|^|$1|; s|^[?*] |&$1|"; }

# FILE: one extended regular expression for each line that must come, whole; "? REGEX" may be
# missing, and "* REGEX" may come any number of times, none included. Lines of the log that match
# FILTER and have no place there are a failure.
dmesg_in_order() {
	log | grep -E -- "$1" >"$lab_out.log"
	awk -v patterns="$2" '
		BEGIN {
			n = at = 0
			while ((getline line < patterns) > 0)
				if (line != "") want[n++] = line
		}
		function kind(i) {
			return i < n && want[i] ~ /^[?*] / ? substr(want[i], 1, 1) : ""
		}
		function regex(i) {
			return "^(" (kind(i) == "" ? want[i] : substr(want[i], 3)) ")$"
		}
		{
			while (at < n && $0 !~ regex(at)) {
				if (kind(at) == "") break
				at++
			}
			if (at == n || $0 !~ regex(at)) {
				print "line " NR " is:     " $0
				print "should be:     " (at < n ? want[at] : "(nothing more)")
				bad = 1
				exit
			}
			if (kind(at) != "*") at++
		}
		END {
			while (!bad && at < n && kind(at) != "") at++
			if (!bad && at < n) {
				print "has not come:  " want[at]
				bad = 1
			}
			exit bad
		}' "$lab_out.log" && return 0
	echo "the lines were:"
	cat "$lab_out.log"
	return 1
}

# ---- kernel tests --------------------------------------------------------------------------

# xs_test.ko runs a test when it is inserted, and then refuses to stay.
kernel_test() {
	lab_name=$1
	shift
	mark
	./load xs_test.ko run="$lab_name" "$@" >"$lab_out" 2>&1
	lab_status=$?
	log >"$lab_out.log"
	sed -n 's/^xs_test: \(ok - \|not ok - \|# \)/\1/p' "$lab_out.log" >"$lab_out"
	relay_tap "$lab_out"
	lab_said=$(sed -n "s/^xs_test: end of $lab_name: //p" "$lab_out.log")
	if [ $((lab_good + lab_bad)) -eq 0 ] ||
		[ "$lab_said" != "$((lab_good + lab_bad)) checks" ] ||
		[ $lab_status -ne $ECANCELED ]; then
		{
			echo "insmod: errno $lab_status"
			tail -n 25 "$lab_out.log"
		} >"$lab_out"
		result 1 "kernel test $lab_name comes to its end" <"$lab_out"
	fi
}

# ---- between the two ends ------------------------------------------------------------------
# A key in data/, which both ends may write. A watch says when to look; it fires once at once.

sync_key() {
	if [ $lab_end = dom0 ]; then
		echo "/local/domain/$GUEST/data/sync-$1"
	else
		echo "data/sync-$1"
	fi
}

tell() {
	xenstore-write "$(sync_key "$1")" 1 || {
		echo "# '$1' could not be told to the other end"
		return 1
	}
}

await() {
	lab_key=$(sync_key "$1")
	lab_fifo=/tmp/lab-await.$$
	rm -f $lab_fifo
	mkfifo $lab_fifo
	timeout $((${2:-60} * lab_slower)) xenstore-watch "$lab_key" >$lab_fifo &
	lab_watcher=$!
	lab_found=1
	while read -r _; do
		if xenstore-exists "$lab_key"; then
			lab_found=0
			break
		fi
	done <$lab_fifo
	kill $lab_watcher 2>/dev/null
	wait $lab_watcher 2>/dev/null	# it has the store's node open, and rmmod may be next
	rm -f $lab_fifo
	[ $lab_found -eq 0 ] || echo "# '$1' has not come from the other end"
	return $lab_found
}
