# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --attach share --add test/lab/devices.sh --dom0-add test/lab/devices.sh
# lab: --type pvh --attach share --add test/lab/devices.sh --dom0-add test/lab/devices.sh
# timeout: 150
#
# share-live.sh - life of a stock guest with the module in: a disk and a network card come and go,
# an echo device works while the card is in use, both nodes are used at once, ours is piled up
# without harm to the kernel's, and the guest is told to shut down.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
. ./devices.sh

ours=/dev/xen/xsfront

is "the way that was taken, and why" "$(cat /sys/module/xsfront/parameters/attached)" \
	"share: the kernel's own xenbus is up"
is "what was asked for" "$(cat /sys/module/xsfront/parameters/attach)" auto
ok "the log says so in one line" dmesg_has "xsfront: attach share: under the kernel's own xenbus"
is "the kernel's node is the kernel's" "$(readlink -f /dev/xen/xenbus)" /dev/xen/xenbus
is "ours is for its owner alone" "$(stat -c %a $ours)" 600

echo "# disk and card"
devices_come
is "the disk holds what dom0 put there" "$(sha256sum </dev/xvda)" "$(grep -v big sums)"

echo "# an echo device while the card is in use"
{
	while has_net && [ ! -e over ]; do
		wget -q -O big "http://$dom0/big" && sha256sum <big
	done
} >big-sums &
loader=$!
ok "the echo device comes" wait_for 30 test -c /dev/xsecho255
tap ./echo_io stream /dev/xsecho255 100000
touch over
wait $loader
net_ok "the card was in use" test "$(wc -l <big-sums)" -ge 1
net_ok "and all that came is right" test "$(sort -u big-sums) big" = "$(grep big sums)"

echo "# both nodes at once"
ok "dom0 has made the test's node" await test-node
XENSTORED_PATH=$ours test-xenstore -i 10 >ours-out 2>&1 &
tester=$!
ok "test-xenstore on the kernel's node" test-xenstore -i 10
ok "and on ours, at the same time" wait $tester
xenstore-watch data/both >kernel-events &
kernel_watch=$!
XENSTORED_PATH=$ours xenstore-watch data/both >our-events &
our_watch=$!
ok "both watch the same" wait_for 10 sh -c 'grep -q . kernel-events && grep -q . our-events'
xenstore-write data/both 1
ok "both have the event" wait_for 10 \
	sh -c '[ $(wc -l <kernel-events) -ge 2 ] && [ $(wc -l <our-events) -ge 2 ]'
kill $kernel_watch $our_watch
wait

echo "# the pile-up, on ours"
tap ./xenbus_raw pileup $ours
ok "the kernel's node answers" timeout 20 xenstore-read domid
tap ./xenbus_raw split $ours
tap ./xenbus_raw threads $ours
ok "the kernel's node answers still" timeout 20 xenstore-read domid

echo "# devices by the dozen, each with a transaction"
ok "dom0 is told" tell crowd
{
	await crowd-over 60
	touch crowd-over
} &
asked=0 refused=0
until [ -e crowd-over ]; do
	asked=$((asked + 1))
	xenstore-exists domid || refused=$((refused + 1))
done
wait
is "the kernel's node was asked $asked times meanwhile" "$refused refused" "0 refused"

echo "# what was hot-plugged goes"
ok "dom0 is told" tell used
ok "the disk goes" wait_for 30 test ! -e /dev/xvda
net_ok "the card goes" wait_for 30 test ! -e /sys/class/net/eth0

echo "# in use"
exec 5<>$ours
fails "the module is in use while its node is open" 1 rmmod xsfront
exec 5<&-

echo "# the shutdown reaches the guest"
cat >came <<-END
	#!/bin/sh
	echo yes >/shutdown-came
END
chmod +x came
echo "$PWD/came" >/proc/sys/kernel/poweroff_cmd
ok "dom0 is told" tell shut-me
ok "the kernel hears of it, with the module in" wait_for 30 test -e /shutdown-came
ok "rmmod with a device that is connected" rmmod xsfront
ok "the kernel's node goes on" timeout 20 xenstore-read domid
ok "dom0 has ended" await dom0-ended
plan
