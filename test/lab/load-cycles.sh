# SPDX-License-Identifier: GPL-2.0
# lab: --type pv
# lab: --type pvh
# timeout: 150
#
# load-cycles.sh - 50 times: insert the module, one read, remove it. Then a handshake. What the
# guest has in use does not grow.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

interrupts() { grep -c xen /proc/interrupts; }
memory() { awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo; }

cycle() {
	insmod ./xsfront.ko || return 1
	./load xs_test.ko run=one_read 2>/dev/null
	rmmod xsfront
}

ok "dom0 is told" tell begin
ok "dom0 has counted" await counted
mark
ok "rmmod" rmmod xsfront
cycle	# the first one makes what stays: the interrupt of the store's channel
lines=$(interrupts)
before=$(memory)
failed=0
cycles=50
while [ $cycles -gt 0 ]; do
	cycle || failed=$((failed + 1))
	cycles=$((cycles - 1))
done
after=$(memory)
is "50 cycles of insmod, one read, rmmod" "$failed failed" "0 failed"
is "in each the read went well" "$(log | grep -c 'xs_test: ok - domid is read')" 51
is "in each the module was unloaded whole" "$(log | grep -c 'xsfront: unloaded')" 52
is "no read went wrong" "$(log | grep -c 'xs_test: not ok')" 0
is "no interrupt was left over" "$(interrupts)" "$lines"
echo "# memory available: $before kB before, $after kB after"
ok "no memory was left over" test $((before - after)) -lt 2000

mark
ok "insmod once more" insmod ./xsfront.ko
ok "dom0 is told" tell cycled
ok "the device comes" wait_for 30 test -c /dev/xsecho0
ok "both ends are Connected" wait_for 10 \
	dmesg_has 'device/echo/0: front Connected, back Connected'
tap ./echo_io stream /dev/xsecho0 10000
ok "dom0 has counted again" await counted-again
plan
