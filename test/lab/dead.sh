# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --modparam timeout=5
# timeout: 150
#
# dead.sh - the ring breaks and the server has no reconnection (C xenstored 4.17): visibly dead, and
# back by itself when the ring is well again.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

live() { [ "$(cat /sys/module/xsfront/parameters/state)" = live ]; }
ready_then_tell() { wait_for 60 test -e ready && tell ready; }

mark
ready_then_tell &
tap ./xenbus_raw dead
ok "the log says so once" dmesg_has "ring is dead: error -[0-9]+; requests fail"
ok "it comes back by itself" wait_for 60 live
ok "the log says that, too" dmesg_has "live again: it has come back by itself"
is "a read works" "$(xenstore-read domid)" "$(xenstore-read domid)"
kernel_test read_write
kernel_test watch
ok "dom0 is told" tell end
ok "rmmod" rmmod xsfront
plan
