# SPDX-License-Identifier: GPL-2.0
# lab: --type pv
# lab: --type pvh --store oxenstored
# timeout: 120
#
# backend-gone.sh - the other end goes away under a connected device, in each way there is, and
# comes back. dom0's half does it, step by step; the guest looks at what it sees.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

dev=/dev/xsecho0
gone() { test ! -e $dev; }
# Programs that have the device open while it goes; what they saw is in the file.
open_and_wait() {
	./echo_io gone $dev >gone.out &
	waiter=$!
	wait_for 20 grep -q '^# waiting' gone.out
}

ok "the device comes" wait_for 30 test -c $dev
tap ./echo_io stream $dev 5000

echo "# the backend's module is removed and inserted again"
ok "programs wait at the device" open_and_wait
mark
tell remove-module
ok "the device goes" wait_for 30 gone
ok "the programs end well" wait "$waiter"
tap cat gone.out
ok "the log says so" wait_for 10 dmesg_has \
	'device/echo/0: front Clos(ing|ed), back Clos(ing|ed)'
tell insert-module
ok "it comes back" wait_for 30 test -c $dev
ok "both ends are Connected" wait_for 10 \
	dmesg_has 'device/echo/0: front Connected, back Connected'
tap ./echo_io stream $dev 200000

echo "# the device is removed with activate.sh and made again"
ok "programs wait at the device" open_and_wait
mark
tell remove-device
ok "the device goes" wait_for 30 gone
ok "the programs end well" wait "$waiter"
tap cat gone.out
ok "the log says so" wait_for 10 dmesg_has 'device/echo/0: gone'
ok "nothing is left in the store" wait_for 10 sh -c '! xenstore-exists device/echo/0'
tell make-device
ok "it comes back" wait_for 30 test -c $dev
tap ./echo_io stream $dev 200000

echo "# the backend's directory is removed by hand"
mark
tell rm-back
ok "the device goes" wait_for 30 gone
ok "the log says so" wait_for 10 dmesg_has 'device/echo/0: front Closed, back Unknown'
tell make-device-2
ok "it comes back" wait_for 30 test -c $dev
tap ./echo_io stream $dev 200000

echo "# our own directory is removed by hand"
mark
tell rm-front
ok "the device goes" wait_for 30 gone
ok "the log says so" wait_for 10 dmesg_has 'device/echo/0: gone'
tell make-device-3
ok "it comes back" wait_for 30 test -c $dev
tap ./echo_io stream $dev 200000

echo "# a second device comes and goes beside the first"
tell second
ok "it comes" wait_for 30 test -c /dev/xsecho7
tap ./echo_io stream /dev/xsecho7 5000
tell no-second
ok "it goes" wait_for 30 test ! -e /dev/xsecho7
tap ./echo_io stream $dev 5000

ok "dom0 has ended" await dom0-ended
mark
ok "rmmod" rmmod xsfront
ok "nothing was left with the backend" dmesg_has_not 'still ha(s|ve)|replies owed'
plan
