# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# guest.sh SEED SIDE - the guest's half of make soak: turns of a few jobs at once, chosen by SEED,
# and every now and then the module goes and comes. SIDE is own or share; in share the kernel's own
# disk and node are in use all the time.
#
# Each turn is told before it begins, and what a job that failed has said. What is in use is counted
# at the same two moments as dom0 does.
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/../lab
. ./lib.sh
. ./soak.sh

seed=$1 side=$2
node=/dev/xen/xenbus insert='' files=/sys/kernel/debug/xsfront
[ "$side" = own ] || node=/dev/xen/xsfront insert='attach=share blk=51712,51728'
turns=0 wrong='' children=''
work=/tmp/soak
mkdir -p $work

workers() { cat /proc/[0-9]*/comm 2>/dev/null | grep -c kworker; }
living() { grep -c '^device/echo/' $files/devices; }
in_use() {
	sed -n 's/^\(watches\|device_files\) /&/p' $files/stats
	sed -n 's/^pages .*: \([0-9]*\) now.*/pages \1/p' $files/devices
	echo "devices $(grep -c ^device/ $files/devices)"
	echo "interrupts $(grep -c xen /proc/interrupts)"
	echo "nodes $(find /dev | wc -l)"
	echo "modules $(lsmod | wc -l)"
}
# The first disk is the larger one; which letter it has, depends on who came first.
disk() {
	for disk in /dev/xsblk?; do
		[ "$(blockdev --getsize64 "$disk" 2>/dev/null)" != 8388608 ] || return 0
	done
	return 1
}
whole() { [ -c /dev/xsecho255 ] && [ -b /dev/xsblka ] && [ -b /dev/xsblkb ] && disk; }
only_those() { [ "$(living)" = 1 ] && whole && grep -q '^pages .*: 0 now' $files/devices; }

# The kernel's own xenbus keeps its events of devices until its thread has asked the store about
# each: thousands, where they come by the dozen. That thread sleeps in its loop when it has none.
kernel_has_read() {
	thread=$(grep -l '^xenwatch$' /proc/[0-9]*/comm)
	head -n 1 "${thread%comm}stack" | grep -q xenwatch_thread
}

# write_and_read DISK BLOCK: 64 KiB, past the cache
write_and_read() {
	block=$work/block${1##*/}
	dd if=/dev/urandom of="$block" bs=4k count=16 2>/dev/null
	dd if="$block" of="$1" bs=4k seek="$2" conv=notrunc,fsync 2>/dev/null || return 1
	dd if="$1" bs=4k skip="$2" count=16 iflag=direct 2>/dev/null | cmp - "$block"
}

# ---- jobs: each has one word by chance, and is run at most once in a turn -------------------

job_stream() { ./echo_io stream /dev/xsecho255 $((1 + $1 % 40000)); }
job_disk() { disk && write_and_read "$disk" $(($1 % 2000)); }
job_raw() { ./xenbus_raw "$1" $node; }
job_tally() { ./tally $node data/soak-tally $(($1 % 4 + 2)) $(($1 % 30 + 1)); }

job_kernel() {
	./load xs_test.ko run="$1"
	[ $? -eq "$ECANCELED" ]
}

job_tools() {
	export XENSTORED_PATH=$node
	xenstore-write data/soak-tools/a "$1" data/soak-tools/b/c 2 || return 1
	[ "$(xenstore-read data/soak-tools/a)" = "$1" ] || return 1
	[ "$(xenstore-list data/soak-tools | sort | tr '\n' ' ')" = "a b " ] || return 1
	xenstore-rm data/soak-tools
}

# Watches that nobody takes back: their process is killed while dom0 writes to what they watch.
job_watches() {
	XENSTORED_PATH=$node xenstore-watch data data/soak-count data/none >$work/events &
	watcher=$!
	wait_for 20 test -s $work/events
	seen=$?
	usleep $(($1 % 400000))
	kill -9 $watcher
	return $seen
}

# And a process in the middle of requests and transactions.
job_killed() {
	./storm $node 4 0 >/dev/null 2>&1 &
	storm=$!
	usleep $(($1 % 700000))
	kill -9 $storm
	wait $storm
	rm -f storm-watches
}

# ---- turns ----------------------------------------------------------------------------------

# fail WHAT FILE: it is told at once; the rest of the run goes on.
fail() {
	wrong="$wrong, but $1 in turn $turns"
	echo "# wrong: turn $turns: $1"
	tail -n 20 "$2" | indent
}

unused() { [ "$(cat /sys/module/xsfront/refcnt)" = 0 ]; }

away() {
	die 1000000
	chosen "away=$die"
	# The kernel may still be looking for partitions on a disk that has just come.
	wait_for 15 unused || fail "a module that is in use at rest" /dev/null
	rmmod xsfront >$work/away 2>&1 || fail rmmod $work/away
	usleep $die
	# shellcheck disable=SC2086 # parameters are words
	insmod ./xsfront.ko $insert >$work/away 2>&1 || fail insmod $work/away
	wait_for 15 whole || {
		echo "# they are slow to come back:"
		indent <$files/devices
	}
	wait_for 60 whole || {
		cat $files/devices >$work/away
		fail "devices that have not come back" $work/away
	}
}

# The word of a job, in $picked
word_of() {
	case $1 in
	kernel)
		pick read_write directory permissions errnos transaction conflict \
			close_ends_transactions watch watch_shared unwatch_from_callback \
			unwatch_with_more_to_come no_call_after_unwatch events_merge \
			calls_from_callback close_ends_watches many_watches threads killed
		;;
	raw) pick order errors split nonblock unread threads ;;
	*)
		die 1000000
		picked=$die
		;;
	esac
}

# Each job is in it or not.
choose() {
	jobs=''
	for job in stream disk kernel raw tally tools watches killed; do
		word_of $job
		die 2
		[ "$die" -ne 0 ] || jobs="$jobs $job=$picked"
	done
}

turn() {
	turns=$((turns + 1))
	choose
	# shellcheck disable=SC2086 # each is a word
	chosen "turn $turns:" $jobs
	for job in $jobs; do
		(
			job_"${job%=*}" "${job#*=}" >$work/"${job%=*}" 2>&1
			echo $? >$work/"${job%=*}.status"
		) &
		children="$children $!"
	done
	# shellcheck disable=SC2086 # process ids
	[ -z "$children" ] || wait $children
	children=''
	for job in $jobs; do
		[ "$(cat $work/"${job%=*}.status")" = 0 ] || fail "$job" $work/"${job%=*}"
		[ "${job%=*}" != tally ] || cat $work/tally >>$work/tallies
	done
	[ "$(cat /sys/module/xsfront/parameters/state)" = live ] ||
		fail "a module that is not live" /dev/null
	dmesg -c >$work/log
	! grep -E 'not ok|BUG:|WARNING|replies owed|not to be believed' $work/log >$work/bad ||
		fail "the kernel's log" $work/bad
}

# What the kernel's own users do meanwhile, whether the module is there or not.
theirs() {
	rounds=0
	until [ -e $work/over ]; do
		rounds=$((rounds + 1))
		write_and_read /dev/xvdc $((rounds * 16 % 1000)) || break
		xenstore-write data/soak-theirs $rounds || break
		[ "$(xenstore-read data/soak-theirs)" = $rounds ] || break
		usleep 300000
	done
	[ -e $work/over ]
	echo "$? $rounds rounds of the kernel's own users" >$work/theirs
}

# stretch NAME: turns until dom0 says that it is over, and some after the module's last insertion,
# which has the store forget what it had; then all comes to rest, and dom0 counts.
stretch() {
	rm -f $work/over
	[ "$side" = own ] || theirs &
	until xenstore-exists "data/sync-over-$1"; do
		turn
		die 3
		[ "$die" -ne 0 ] || away
	done
	for _ in 1 2 3; do turn; done
	touch $work/over
	wait
	[ "$side" = own ] || grep -q ^0 $work/theirs || fail "the kernel's own users" $work/theirs
	for mine in storm t soak-tally soak-theirs $(xenstore-list data | grep '^t[0-9]'); do
		xenstore-rm "data/$mine" 2>/dev/null
	done
	wait_for 60 only_those || fail "devices that are not at rest" $files/devices
	[ "$side" = own ] || wait_for 120 kernel_has_read ||
		fail "watch events that the kernel has not read" /dev/null
	count "$1"
	workers >"$1.workers"
	tell "rest-$1"
	await "counted-$1" 120
	xenstore-rm "data/sync-counted-$1"
}

if [ "$side" = share ]; then
	modprobe xen-blkfront
	echo 0 >/sys/bus/xen/drivers_autoprobe	# each disk to the driver that it is for
fi
# shellcheck disable=SC2086 # parameters are words
ok "insmod" insmod ./xsfront.ko $insert
ok "dom0 is told" tell ready
ok "an echo device and two disks come" wait_for 60 whole
if [ "$side" = share ]; then
	wait_for 30 test -e /sys/bus/xen/devices/vbd-51744
	echo vbd-51744 >/sys/bus/xen/drivers/vbd/bind
	ok "the kernel's own disk comes" wait_for 30 test -b /dev/xvdc
fi
away	# what stays from the first time on is there now
stretch warm
turns=0
stretch soak
ok "all jobs of $turns turns were well$wrong" test -z "$wrong"
[ "$side" = own ] || sed 's/^0/#/' $work/theirs
# Devices that wait at the same time have a kernel thread each, which stays for five minutes.
threads=$(($(cat soak.workers) - $(cat warm.workers)))
echo "# $threads threads more; $(awk '{ sum += $4 } END { print sum }' $work/tallies)" \
	"transactions were refused, as others were quicker"
# And caches, which fill by chance: what is lost a little at a time takes a longer run to show.
compare warm soak $((2000 + threads * 24))
sed 's/^/# /; / 0$/d; /latency/d' $files/stats
sed -n 's/^now at /# the clock: /p' /proc/timer_list
ok "dom0 has ended" await dom0-ended 120
ok "rmmod" rmmod xsfront
plan
