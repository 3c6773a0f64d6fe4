# SPDX-License-Identifier: GPL-2.0
# lab: --type pv
# lab: --type pvh --store oxenstored
# lab: --type pv --vcpus 2
# timeout: 180
# turns: by the day
#
# many.sh - the kernel API, many at once: bursts of operations and of watches, transactions that are
# run again, directories of 3000 names. dom0's half makes those.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

stat_of() { sed -n "s/^$1 //p" /sys/kernel/debug/xsfront/stats; }

watches=$(stat_of watches)
for name in submit submit_transaction submit_refused read_many \
	watch_many watch_many_refused watch_depth transaction_run exists two_handles; do
	echo "# $name"
	kernel_test $name
done
most=$(stat_of in_flight_most)
ok "some requests were under way at once, 16 at the most ($most)" \
	test "$most" -gt 8 -a "$most" -le 16
is "no watch is left at the store" "$(stat_of watches)" "$watches"

echo "# long directories"
ok "dom0 has made 3000 names" await made 100
kernel_test huge_directory
ok "dom0 is told" tell grow
kernel_test growing_directory
ok "dom0 is told" tell enough
ok "dom0 changes it all the time" await restless
kernel_test restless_directory
ok "dom0 is told" tell end
ok "dom0 has ended" await dom0-ended

mark
ok "rmmod" rmmod xsfront
ok "nothing is owed by the store" dmesg_has_not 'replies owed'
plan
