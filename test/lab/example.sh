# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --dom0-add test/lab/front.sh
# lab: --type pvh --dom0-add test/lab/front.sh
# timeout: 60
#
# example.sh - the example of doc/frontend.md is inserted, and says hello. And insmod with wait=.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

ok "dom0 has made the devices" await made
mark
ok "insmod" insmod ./ping_front.ko
ok "the device connects" wait_for 10 dmesg_has 'device/ping/0: front Connected, back Connected'
ok "the backend has given the message back" \
	wait_for 10 dmesg_has '^ping_front: device/ping/0: hello from device/ping/0$'
is "its keys are there" "$(xenstore-read device/ping/0/greeting)" hello
fails "xsfront stays as long as its driver" 1 rmmod xsfront
ok "rmmod of the driver" rmmod ping_front
is "it has closed" "$(xenstore-read device/ping/0/state)" 6
ok "rmmod" rmmod xsfront

echo "# insmod waits for the devices that there are"
mark
ok "insmod wait=20" insmod ./xsfront.ko wait=20
is "the device is there at once" "$(stat -c %F /dev/xsecho0)" "character special file"
tell stuck
ok "dom0 has made one that does not connect" await stuck-made
ok "rmmod" rmmod xsfront
mark
before=$(uptime)
ok "insmod wait=3" insmod ./xsfront.ko wait=3
took=$(($(uptime) - before))
ok "it has waited 3 s, and no longer ($took s)" test $took -ge 3 -a $took -le 6
ok "the other one was not held up" test -c /dev/xsecho0
ok "the log says which, and why" dmesg_has \
	'^xsfront: device/echo/1: stuck .* waits for the toolstack: .*/nowhere/1/state is missing'
ok "rmmod" rmmod xsfront
fails "nonsense is refused" $EINVAL ./load xsfront.ko wait=never
plan
