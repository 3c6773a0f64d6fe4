# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --store oxenstored --vcpus 2
# lab: --type pvh --store oxenstored --attach share
# timeout: 150
#
# mended.sh - the ring breaks under load, and the server offers a reconnection (oxenstored does). In
# a share the kernel asks too: it is told of what was lost, and goes on.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

ready_then_tell() { wait_for 60 test -e ready && tell ready; }

node=/dev/xen/xenbus
[ ! -e /dev/xen/xsfront ] || node=/dev/xen/xsfront

# The kernel's own node, in a share: how many reads it answered, and how many it said were lost.
kernel_reads() {
	while [ ! -e over ]; do
		timeout 30 xenstore-read domid >/dev/null 2>&1
		echo $? >>kernel-reads
	done
}

mark
ready_then_tell &
[ $node = /dev/xen/xenbus ] || kernel_reads &
reader=$!
tap ./xenbus_raw mended $node
touch over
wait $reader
if [ $node = /dev/xen/xsfront ]; then
	echo "# reads by the kernel's node, by exit status: $(sort kernel-reads | uniq -c | xargs)"
	ok "the kernel's node answered" test "$(grep -c '^0$' kernel-reads)" -gt 2
	is "and never hung" "$(grep -c -v '^[01]$' kernel-reads)" 0
	is "it answered to the end" "$(tail -n 1 kernel-reads)" 0
fi
log | grep xsfront >seen
ok "the log says why" grep -q "ring is broken: its indices cannot be" seen
ok "and how it was mended" grep -q "live again: mended" seen
ok "the stock tools work" xenstore-write data/after 1
kernel_test read_write
kernel_test watch
kernel_test submit_transaction
ok "dom0 is told" tell end
ok "rmmod" rmmod xsfront
plan
