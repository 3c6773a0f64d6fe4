# SPDX-License-Identifier: GPL-2.0
# lab: --type pvh --no-insmod
# timeout: 90
# kernel: stock
#
# late-page.sh - a guest that is up before its store page is (dom0less guests are): the module waits
# for it, with a deadline. dom0's half takes the page away and gives it back.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

# The store cannot be used to talk to dom0 without the module, so each end waits by the clock:
# dom0's first change is there 2 s after the guest's start, and its last one 12 s after it. That is
# why no debug kernel is for this: it has its modules later.
sleep 3
mark
fails "no page within the deadline" 110 ./load xsfront.ko timeout=3
ok "the log says that it waits" dmesg_has 'the store page does not exist yet: waiting'
ok "and that it has not come" dmesg_has 'the store page has not appeared in time'
mark
ok "a page that comes late is taken" ./load xsfront.ko timeout=30
ok "the log says that it waited" dmesg_has 'the store page does not exist yet: waiting'
ok "the module is attached" dmesg_has 'attach own: store page of a PVH or HVM guest'
ok "and works" xenstore-read domid
ok "rmmod" rmmod xsfront
plan
