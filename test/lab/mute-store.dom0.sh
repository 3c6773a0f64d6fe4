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
plan_tell dom0-ended
