# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --dom0-add test/lab/front.sh
# lab: --type pvh --dom0-add test/lab/front.sh
# timeout: 150
#
# hotplug.sh - devices of 200 numbers come and go at random for a while, in order and out of
# it, with a real backend; one beside them carries data all the time, and one that sleeps in its
# driver holds up nobody. Nothing is left: no device, node, interrupt, channel, grant or memory.
#
# HOTPLUG_SECONDS in the environment of test/run says for how long.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

devices=/sys/kernel/debug/xsfront/devices
interrupts() { grep -c xen /proc/interrupts; }
memory() { awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo; }
stat_of() { sed -n "s/^$1 //p" /sys/kernel/debug/xsfront/stats; }
living() { grep -c '^device/echo/' $devices; }
only_one() { [ "$(living)" = 1 ]; }
# Devices that wait at the same time have a kernel thread each, which stays for five minutes.
workers() { cat /proc/[0-9]*/comm 2>/dev/null | grep -c kworker; }
drop_caches() { echo 3 >/proc/sys/vm/drop_caches; }
report() { echo "$(interrupts) interrupts, $(stat_of watches) watches"; }

ok "a device comes, that stays" wait_for 30 test -c /dev/xsecho255
ok "dom0 has had the others come and go once" await warm
insmod ./front_test.ko hang=setup hang_ms=25000
ok "they are gone" wait_for 20 only_one
drop_caches
before=$(report)
memory_before=$(memory)
workers_before=$(workers)
ls /dev >nodes
tell begin
dmesg -n 1
./echo_io stream /dev/xsecho255 200000 >stream.out &
streamer=$!
ok "dom0 has had its time" await over 120
dmesg -n 7
wait $streamer
tap cat stream.out
mark
ok "they are gone" wait_for 20 only_one
is "as much is in use as before" "$(report)" "$before"
ls /dev >nodes.after
is "no node is left in /dev" "$(cat nodes.after)" "$(cat nodes)"
ok "no page is with a backend" wait_for 10 grep -q '^pages .*: 0 now' $devices
head -n1 $devices | sed 's/^/# /'
drop_caches
memory_after=$(memory)
threads=$(($(workers) - workers_before))
echo "# memory available: $memory_before kB before, $memory_after kB after; $threads threads more"
# A debug kernel keeps more for each thing, and looks for leaks by itself.
ok "no memory is left over" test $((memory_before - memory_after - threads * 24)) -lt \
	$((1500 * lab_slower))
tell counted
ok "dom0 has counted" await ended
ok "rmmod of the driver that sleeps" rmmod front_test
ok "rmmod" rmmod xsfront
ok "nothing has gone wrong" dmesg_has_not 'BAD|still ha(s|ve)|replies owed'
plan
