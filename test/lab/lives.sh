# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --dom0-add test/lab/front.sh --modparam timeout=2
# lab: --type pvh --dom0-add test/lab/front.sh --modparam timeout=2
# timeout: 90
#
# lives.sh - the module goes while its devices are in every state at once, and comes to devices that
# a predecessor has left in every state, as one that has crashed does; devices are made anew under
# the same path; a driver's calls stay paired through all of it. dom0's half writes the states.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

ok "dom0 has brought its devices to all states" await all-states
mark
before=$(uptime)
ok "rmmod" rmmod xsfront
took=$(($(uptime) - before))
ok "it has waited for those that did not let go, and no longer ($took s)" test $took -le 6
ok "the log says what they may still have" dmesg_has \
	'device/echo/4: back is Connected and may still have our pages; they are freed later'
insmod ./xsfront.ko timeout=2
tell unloaded
ok "dom0 has seen them Closed, and up again" await up-again
ok "rmmod, after which a predecessor's states are written" rmmod xsfront
# There is no store now: dom0 says by the console that it has written.
ok "dom0 has written them" timeout $((40 * lab_slower)) head -c 1 /dev/console
insmod ./xsfront.ko timeout=2
tell loaded
ok "dom0 has seen them begin anew" await anew
mark
insmod ./front_test.ko order=2
tell driver
ok "dom0 has made its device anew, in many ways" await lived
ok "the device was made anew" dmesg_has 'device/test/1: (made anew|gone|half of it has gone)$'
ok "and its driver's key was read again" \
	test "$(cat /sys/module/front_test/parameters/sectors)" = 99
ok "rmmod of the driver" rmmod front_test
ok "with all that it had" dmesg_has '^front_test: unloaded, 0 devices left$'
ok "its calls came in order" dmesg_has_not 'front_test: BAD'
ok "no page is with a backend" \
	wait_for 3 grep -q '^pages .*: 0 now' /sys/kernel/debug/xsfront/devices
# Long enough for dom0 to do what it does meanwhile; and as long as that, for what has gone.
echo $((60 * lab_slower)) >/sys/module/xsfront/parameters/timeout
tell last
before=$(uptime)
ok "rmmod, while a device is made anew" rmmod xsfront
took=$(($(uptime) - before))
ok "it has not waited for the one that is no more ($took s)" test $took -lt $((30 * lab_slower))
plan
