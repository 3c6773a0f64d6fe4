# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --no-insmod
# lab: --type pvh --store oxenstored --no-insmod
# timeout: 90
#
# unclean.sh - the module comes after a client that has died: test/leftovers left answers unread,
# the first of them torn, a watch, and nine of the ten transactions that a guest may have.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

left() { log | sed -n 's/^leftovers: \([0-9]*\) bytes are left unread$/\1/p'; }
dropped() { log | sed -n 's/^xsfront: \([0-9]*\) bytes that a predecessor left unread .*/\1/p'; }

mark
fails "a client dies" $ECANCELED ./load leftovers.ko
left=$(left)
ok "it leaves answers unread" test "${left:-0}" -gt 200
ok "all that it asked for it has got" dmesg_has_not 'leftovers: request'
ok "the module is inserted" ./load xsfront.ko
is "it says how many bytes it has dropped" "$(dropped)" "$left"
kernel_test read_write
kernel_test close_ends_transactions
kernel_test watch

mark
ok "rmmod" rmmod xsfront
fails "another client dies" $ECANCELED ./load leftovers.ko
ok "the first one's watch was gone: this one's is new" dmesg_has_not 'leftovers: request 1: EEXIST'
ok "it leaves answers unread" test "$(left)" -gt 200
mark
fails "one more dies, which asks for the same" $ECANCELED ./load leftovers.ko
ok "and is told that the watch is there" dmesg_has 'leftovers: request .*: EEXIST'
ok "the module is inserted" ./load xsfront.ko
ok "it says that it has dropped bytes" test "$(dropped)" -gt 200
kernel_test threads

mark
ok "rmmod" rmmod xsfront
ok "insmod" ./load xsfront.ko
ok "after a clean predecessor there is nothing to drop" dmesg_has_not 'predecessor'
plan
