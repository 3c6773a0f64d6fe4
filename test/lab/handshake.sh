# SPDX-License-Identifier: GPL-2.0
# lab: --type pv
# lab: --type pvh --store oxenstored
# lab: --type hvm
# lab: --type pv --vcpus 2
# timeout: 150
# debug: 1 in pvdbg
#
# handshake.sh - the life of one echo device, seen from both ends: from Initialising to Connected,
# data through the ring, unload, and all of it once more. dom0's half inserts the backend and makes
# the device.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

dev=/dev/xsecho0
echo "found, backend /local/domain/0/backend/echo/[0-9]*/0 in domain 0
? front Initialising, back Initialising
front Initialising, back InitWait
? front Initialised, back InitWait
front Initialised, back Connected
front Connected, back Connected" | patterns "xsfront: device/echo/0: " >up
echo "front Closing, back Connected
? front Closing, back Closing
? front Closed, back Closing
? front Closed, back Closed" | patterns "xsfront: device/echo/0: " >down
# The device was left Closed.
sed '1a ? xsfront: device/echo/0: front Closed, back Closed' up |
	sed '2a ? xsfront: device/echo/0: front Initialising, back Closed' >again

# Its node is there shortly before the last line of the log is.
connected() { test -c $dev && dmesg_has 'device/echo/0: front Connected, back Connected'; }
ok "the device comes" wait_for 30 connected
ok "its states came one by one, up to Connected" dmesg_in_order 'device/echo' up
is "its node is the owner's alone" "$(stat -c %a $dev)" 600
is "the store has our state" "$(xenstore-read device/echo/0/state)" 4

tap ./echo_io stream $dev 1
tap ./echo_io stream $dev 124
tap ./echo_io stream $dev 125
tap ./echo_io stream $dev 1048576
tap ./echo_io nonblock $dev
tap ./echo_io poll $dev
tap ./echo_io two $dev
head -c 300000 /dev/urandom >data
cat $dev >back &
reader=$!
cat data >$dev
wait_for 20 sh -c '[ "$(stat -c %s back)" = 300000 ]'
kill $reader
wait $reader
is "what cat writes, another cat reads" "$(sha256sum <back)" "$(sha256sum <data)"

ok "dom0 is told" tell data-done
ok "dom0 has seen it" await dom0-seen
mark
ok "rmmod" rmmod xsfront
ok "its states came one by one, down to Closed" dmesg_in_order 'device/echo' down
ok "the log says that it is unloaded" \
	dmesg_has '^xsfront: unloaded; the store.s event channel stays open$'
ok "the device has gone" test ! -e $dev
ok "nothing was left with the backend" dmesg_has_not 'still ha(s|ve)|replies owed'

mark
ok "insmod again" insmod ./xsfront.ko
ok "the device comes again" wait_for 30 connected
ok "its states came one by one, up to Connected" dmesg_in_order 'device/echo' again
tap ./echo_io stream $dev 100000
rmmod xsfront
insmod ./xsfront.ko
wait_for 30 test -c $dev
ok "dom0 is told" tell again
ok "dom0 has ended" await dom0-ended
rmmod xsfront
plan
