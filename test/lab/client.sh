# SPDX-License-Identifier: GPL-2.0
# lab: --type pv
# lab: --type pvh --store oxenstored
# lab: --type pv --attach share --vcpus 2
# timeout: 120
#
# client.sh - the kernel API against a real store: every test of test/xs_test. dom0's half makes
# one node that the guest may not read and those of the seed examples, and reads what the guest has
# written there.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

ok "dom0 has made its nodes" await made
for name in read_write mkdir_rm directory permissions domain_path errnos \
	transaction conflict transaction_misuse close_ends_transactions \
	watch watch_absolute watch_shared unwatch_from_callback \
	unwatch_with_more_to_come no_call_after_unwatch \
	slow_callback events_merge calls_from_callback close_ends_watches many_watches \
	threads killed; do
	echo "# $name"
	kernel_test $name
done

echo "# seed examples"
kernel_test seed_examples
kernel_test big_directory
ok "dom0 is told" tell written
ok "dom0 has read them" await read

mark
ok "rmmod" rmmod xsfront
ok "the log says that it is unloaded" dmesg_has 'xsfront: unloaded'
plan
