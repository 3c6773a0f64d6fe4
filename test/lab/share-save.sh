# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --attach share --saved
# lab: --type pvh --attach share --store oxenstored --saved
# timeout: 120
#
# share-save.sh - a stock guest with the module in is saved and restored (xl save, xl restore): it
# has another domid, another event channel and an empty home in the store. Reads, a watch that was
# set before, and a device that comes again work. Twice.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

parameters=/sys/module/xsfront/parameters
# The tools, and those that wait for dom0, go by our node; the kernel's they are told.
export XENSTORED_PATH=/dev/xen/xsfront
kernels() { XENSTORED_PATH=/dev/xen/xenbus "$@"; }
home() { xenstore-read domid; }

ok "the module is under the kernel's xenbus" grep -q '^share' $parameters/attached
xenstore-watch data/seen >events &
watcher=$!
wait_for 10 grep -q . events

round() {
	was=$(home)
	ok "round $1: dom0 is told" tell "ready$1"
	ok "round $1: the device comes" wait_for 30 test -c /dev/xsecho0
	tap ./echo_io stream /dev/xsecho0 20000
	mark
	ok "round $1: dom0 may save" tell "save$1"
	# From here on the store is another one, some time.
	ok "round $1: it runs again, and dom0 says so" await "restored$1" 90
	ok "round $1: the log says that the module is back" dmesg_has \
		'attach share: back after the suspension'
	now=$(home)
	like "round $1: the store says which domain it is" "$now" '^[1-9][0-9]*$'
	if [ "$1" = 1 ]; then
		ok "round $1: it is another domain" test "$now" != "$was"
	else
		is "round $1: it is the same domain" "$now" "$was"
	fi
	is "round $1: the kernel's node agrees" "$(kernels xenstore-read domid)" "$now"
	is "round $1: it is live" "$(cat /sys/module/xsfront/parameters/state)" live
	before=$(wc -l <events)
	ok "round $1: a write through ours" xenstore-write data/seen "$1"
	ok "round $1: the old watch has an event" wait_for 10 \
		sh -c "[ \$(wc -l <events) -gt $before ]"
	is "round $1: a read by the kernel's" "$(kernels xenstore-read data/seen)" "$1"
	ok "round $1: the old device has gone" wait_for 20 test ! -e /dev/xsecho0
	ok "round $1: dom0 may make it again" tell "again$1"
	ok "round $1: it comes" wait_for 30 test -c /dev/xsecho0
	tap ./echo_io stream /dev/xsecho0 20000
	ok "round $1: dom0 has ended it" await "ended$1"
	ok "round $1: it has gone" wait_for 20 test ! -e /dev/xsecho0
}

round 1
if [ "$(cat /sys/hypervisor/version/minor)" = 14 ]; then
	skip "round 2" "the kernel does not go on after a save in vain on Xen 4.14, nor without us"
else
	round 2
fi
kill $watcher
wait $watcher
ok "rmmod" rmmod xsfront
unset XENSTORED_PATH
ok "the kernel's node goes on" xenstore-write data/seen over
ok "dom0 has ended" await dom0-ended
plan
