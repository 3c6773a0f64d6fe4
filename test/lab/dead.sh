# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --modparam timeout=5
# lab: --type pv --attach share --modparam timeout=5
# timeout: 150
#
# dead.sh - the ring breaks and the server has no reconnection (C xenstored 4.17): visibly dead, and
# back by itself when the ring is well again. In a share the kernel's own node waits for that.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

node=/dev/xen/xenbus
[ ! -e /dev/xen/xsfront ] || node=/dev/xen/xsfront
live() { [ "$(cat /sys/module/xsfront/parameters/state)" = live ]; }
dead() { [ "$(cat /sys/module/xsfront/parameters/state)" = dead ]; }
ready_then_tell() { wait_for 60 test -e ready && tell ready; }
# What the kernel is asked while the ring is dead. Its node knows no deadline.
ask_kernel() {
	wait_for 60 dead
	for n in 1 2 3 4 5; do
		timeout 60 xenstore-read domid >"kernel-$n" 2>&1 &
	done
	wait
}

mark
ready_then_tell &
[ $node = /dev/xen/xenbus ] || ask_kernel &
kernel=$!
tap ./xenbus_raw dead $node
is "the log says so once" "$(log | grep -Ec 'ring is dead: error -[0-9]+; requests fail')" 1
ok "it comes back by itself" wait_for 60 live
ok "the log says that, too" dmesg_has "live again: it has come back by itself"
if [ $node = /dev/xen/xsfront ]; then
	wait $kernel
	is "what the kernel was asked meanwhile is answered, five times" \
		"$(cat kernel-? | sort | uniq -c | xargs)" "5 $(xenstore-read domid)"
fi
like "a read works" "$(XENSTORED_PATH=$node xenstore-read domid)" '^[1-9][0-9]*$'
kernel_test read_write
kernel_test watch
ok "dom0 is told" tell end
ok "rmmod" rmmod xsfront
plan
