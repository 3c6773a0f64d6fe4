# SPDX-License-Identifier: GPL-2.0
# client.dom0.sh - dom0's half of client.sh.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

home=/local/domain/$GUEST
for node in alice vm-data; do
	xenstore-write "$home/$node" ""
	xenstore-chmod "$home/$node" "n$GUEST"
done
xenstore-write "$home/sealed" "dom0's"
xenstore-chmod "$home/sealed" n0
# More names than a guest may make: over 4096 bytes in all.
pairs=$(seq 0 274 | sed "s|.*|$home/big/name-of-a-node-& x|")
# shellcheck disable=SC2086 # words
xenstore-write $pairs
xenstore-chmod "$home/big" "n$GUEST"
tell made
ok "the guest has written" await written 100
like "xenstore-ls shows alice" "$(xenstore-ls "$home" 2>/dev/null)" '^alice = "test"$'
is "xenstore-read finds the guest's address" "$(xenstore-read "$home/vm-data/ip-address")" 192.0.2.7
plan_tell read
