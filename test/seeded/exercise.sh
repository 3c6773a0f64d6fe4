# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# exercise.sh - what is done to a module with a seeded bug (test/seeded/prove): something of each
# kind at the device node, so that whatever was planted is walked over. It prints TAP for people;
# what counts is what the kernel says of it. It stops when the kernel has said something, since what
# comes behind a lock that is still held would hang.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

# KCSAN tells of races all over the kernel, and nothing hangs for that.
stop_if_reported() {
	if dmesg | grep -E '\] (WARNING|BUG|UBSAN): ' | grep -qv KCSAN; then
		echo "# the kernel has reported something"
		exit 1
	fi
}

# KCSAN looks at one access of so many, for so many microseconds, in which the other processor has
# to come by, also on a busy machine. It is told here and not at boot, which would take minutes.
kcsan=/sys/module/kcsan/parameters
if [ -e $kcsan ]; then
	echo 400 >$kcsan/skip_watch
	echo 1000 >$kcsan/udelay_task
	echo 1000 >$kcsan/udelay_interrupt
fi

ok "a value is written" xenstore-write data/a 1
is "and read" "$(xenstore-read data/a)" 1
stop_if_reported
printf '\002\000\000\000\001\000\000\000\000\000\000\000\377\377\377\377' >/tmp/long
fails "a frame that is too long is none" 1 dd if=/tmp/long of=/dev/xen/xenbus bs=16
stop_if_reported
for name in order errors threads; do
	tap ./xenbus_raw $name
	stop_if_reported
done

mkfifo /tmp/watch
timeout 60 xenstore-watch data/a >/tmp/watch &
watcher=$!
exec 3</tmp/watch
read -r first <&3
is "a watch fires" "$first" data/a
xenstore-write data/a 1
read -r second <&3
is "and again, of a change" "$second" data/a
exec 3<&-
kill $watcher
ok "the counters are read" cat /sys/kernel/debug/xsfront/stats
ok "rmmod" rmmod xsfront
plan
