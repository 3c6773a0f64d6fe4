# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --dom0-add test/lab/front.sh
# lab: --type pvh --dom0-add test/lab/front.sh
# timeout: 200
#
# states.sh - all 6561 sequences of 4 backend states, written by hand from dom0, half of them in
# each configuration: the guest lives, and answers each state as the table says. See front_dom0.c.
# And a backend that never rests, whose states are more than the log may hold.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

dmesg -n 1	# the console is slow
tell ready
tap ./front_guest 140
dmesg -n 7
ok "no page is with a backend" grep -q ': 0 now, 0 so far$' /sys/kernel/debug/xsfront/devices
left() { grep -Eq '^device/echo/([0-9]|1[0-5]):' /sys/kernel/debug/xsfront/devices; }
none_left() { ! left; }
ok "no device of those is left" wait_for 2 none_left
ok "nor is its node" test ! -e /dev/xsecho0
tell offers
ok "a backend is offered rings that it does not want" await offered 60
began=$(uptime)
ok "a device connects after that" wait_for 20 test -c /dev/xsecho16
mark
tell flips
ok "its backend goes to and fro" await flipped 120
lines=$(log | grep -c echo/16:)
echo "# $lines lines, $(($(uptime) - began)) s"
# A guest with a debug kernel is slower than dom0, and sees some of it at one look.
ok "the log has much of that" test "$lines" -gt $((500 / lab_slower))
ok "and not all: 600 lines a minute" test "$lines" -le $((600 * (1 + ($(uptime) - began) / 60)))
tap ./echo_io stream /dev/xsecho16 5000
ok "rmmod" rmmod xsfront
plan
