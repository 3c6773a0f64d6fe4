# SPDX-License-Identifier: GPL-2.0
# hostile-store.dom0.sh - dom0's half: the rogue in place of xenstored, with its nodes.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

home=/local/domain/$GUEST
port=$(xenstore-read "$home/store/port")
pid=$(pidof xenstored)

# NAME [starts]: xenstored stops, the rogue serves, and xenstored goes on.
rogue() {
	xenstore-ls -f | grep "/$GUEST/" >nodes
	echo "$home/rogue/here = \"1\"" >>nodes
	sleep 1		# what the guest has asked until now is answered
	ok "xenstored is stopped" kill -STOP "$pid"
	tap ./rogue_store "$GUEST" "$port" 2 ${2:+"$2"} <nodes
	ok "xenstored goes on" kill -CONT "$pid"
	tell "$1"
}

ok "the guest is at work" await ready 90
rogue true starts
ok "the backend is inserted" insmod echo_back.ko
ok "an echo device is made" activate.sh "$GUEST" echo 0
ok "the guest is at work again" await again 90
rogue again-true
plan_tell dom0-ended
