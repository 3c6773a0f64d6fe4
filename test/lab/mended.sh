# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --store oxenstored
# lab: --type pvh --store oxenstored
# timeout: 150
#
# mended.sh - the ring breaks under load, and the server offers a reconnection (oxenstored does).
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

ready_then_tell() { wait_for 60 test -e ready && tell ready; }

mark
ready_then_tell &
tap ./xenbus_raw mended
log | grep xsfront >seen
ok "the log says why" grep -q "ring is broken: its indices cannot be" seen
ok "and how it was mended" grep -q "live again: mended" seen
ok "the stock tools work" xenstore-write data/after 1
kernel_test read_write
kernel_test watch
ok "dom0 is told" tell end
ok "rmmod" rmmod xsfront
plan
