# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --modparam timeout=3
# lab: --type pvh --store oxenstored --modparam timeout=3
# timeout: 90
#
# mute-store.sh - the store falls silent for longer than the deadline: dom0's half stops xenstored
# with SIGSTOP and lets it go on. Calls time out and say why; then all is as before.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

is "the deadline is 3 s" "$(cat /sys/module/xsfront/parameters/timeout)" 3
ok "dom0 is told" tell ready
kernel_test mute_store
reason='store reads nothing: throttled or gone|store answers nothing: it has read the request'
ok "the log says what the store has done with the request" \
	dmesg_has "^xsfront: no reply to .*($reason)"
kernel_test read_write
ok "a stock program is answered again" xenstore-read domid
ok "dom0 has ended" await dom0-ended
mark
ok "rmmod" rmmod xsfront
ok "no reply is owed any more" dmesg_has_not 'replies owed'
ok "insmod" insmod ./xsfront.ko
ok "a stock program is answered" xenstore-read domid
plan
