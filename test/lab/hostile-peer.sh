# SPDX-License-Identifier: GPL-2.0
# lab: --type pv
# lab: --type pvh --attach share
# timeout: 120
# turns: by the day
#
# hostile-peer.sh - an echo device whose backend lies (bad_echo.ko, told by dom0's half): about
# its answers, its indices, its page, its channel, and its state. Whoever uses the device gets an
# error or waits as long as he wants to, the log says why, once, and all is well again when the
# backend is. disk-bad does the same to a disk.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

dev=/dev/xsecho0
EIO=5 EAGAIN=11
lie() {
	mark
	tell "$1"
	await "is-$1"
}
well() {
	lie "well-after-$1"
	ok "after $1: it connects anew" wait_for 20 dmesg_has \
		'echo/0: front Connected, back Connected'
	ok "after $1: the device is there" wait_for 20 test -c $dev
	ok "after $1: it echoes" ./echo_io try $dev
}

ok "the device comes" wait_for 30 test -c $dev
ok "it echoes" ./echo_io try $dev

for how in id no-length all-lengths longer one-more far; do
	lie $how
	fails "$how: the reader gets EIO" $EIO ./echo_io try $dev
	ok "$how: the log says why" dmesg_has 'echo/0: the backend is not to be believed: '
	fails "$how: so does who comes later" $EIO ./echo_io try $dev
	is "$how: it is said once" "$(log | grep -c 'not to be believed')" 1
	well $how
done
for how in back half scribble; do
	lie $how
	# It need not be a lie that shows; but nobody is held for ever.
	./echo_io try $dev
	like "$how: the reader gets an error, or nothing" "$?" "^($EIO|$EAGAIN|0)$"
	well $how
done
for how in silent let-go close-channel; do
	lie $how
	fails "$how: nothing comes back" $EAGAIN ./echo_io try $dev
	ok "$how: and nothing is said" dmesg_has_not 'not to be believed|failed|broken'
	well $how
done

lie flood
ok "20000 events for nothing: it echoes" ./echo_io try $dev
lie well-after-flood

lie never-map
ok "never-map: the device is there" wait_for 20 test -c $dev
fails "never-map: nothing comes back" $EAGAIN ./echo_io try $dev
well never-map

lie keep
ok "keep: the log says what the backend has kept" wait_for 20 dmesg_has \
	'echo/0: the backend still has ring pages of ours: 1; they are freed later'
ok "keep: it is with a new ring that it connects" wait_for 20 test -c $dev
ok "keep: and echoes" ./echo_io try $dev
lie well-after-keep
ok "keep: the page comes back" wait_for 10 grep -q 'not let go: 0 now' \
	/sys/kernel/debug/xsfront/devices

lie states
ok "states that are none: all is well again" wait_for 20 ./echo_io try $dev
tap ./echo_io stream $dev 20000
mark
ok "rmmod" rmmod xsfront
ok "nothing was left with the backend" dmesg_has_not 'still ha(s|ve)|replies owed'
plan
