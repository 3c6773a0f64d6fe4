# SPDX-License-Identifier: GPL-2.0
# mute-store.dom0.sh - dom0's half of mute-store.sh.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

store=$(pidof xenstored || pidof oxenstored)
await ready
sleep 1
ok "the store is stopped" kill -STOP "$store"
sleep 7
ok "the store goes on" kill -CONT "$store"
like "it answers" "$(xenstore-read "/local/domain/$GUEST/name")" guest
# One whose caller was killed before the store had answered, one that ended while the ring was full.
none_open() { usage "$GUEST" | grep -x 'transactions 0'; }
if pidof xenstored >/dev/null; then
	ok "no transaction of the guest is open any more" wait_for 10 none_open
else
	skip "no transaction of the guest is open any more" "oxenstored keeps no such books"
fi
plan_tell dom0-ended
