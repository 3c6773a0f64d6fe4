# SPDX-License-Identifier: GPL-2.0
# states.dom0.sh - dom0's half of states.sh: which half of the sequences is the guest's type to say.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
. ./front.sh

shard=0
if xl list -l "$GUEST" | grep -q '"type": "pvh"'; then
	shard=1
fi
ok "the guest is ready" await ready
tap ./front_dom0 states "$GUEST" $shard 2
tell end

await offers
device echo 17 | ./front_dom0 batch
front_is() { [ "$(xenstore-read "$(front_of echo 17)/state")" = "$1" ]; }
# refuse SECONDS: a backend that closes whenever the front has published its keys. How often?
refuse() {
	offers=0
	until=$(($(uptime) + $1))
	while [ "$(uptime)" -lt $until ]; do
		wait_for 1 front_is 1 || continue
		back echo 17 state 2
		wait_for 5 front_is 3 || break
		offers=$((offers + 1))
		back echo 17 state 5
		wait_for 5 front_is 6 && back echo 17 state 6
	done
}
refuse 14
echo "# $offers times in 14 s"
ok "a backend that closes each time is offered a ring five times at once" test $offers -ge 5
ok "and after that once in 5 s" test $offers -le 8
ok "it is called once more" wait_for 10 front_is 1
back echo 17 state 2
ok "and offered a ring" wait_for 10 front_is 3
back echo 17 state 4
ok "which it takes" wait_for 10 front_is 4
drop_device echo 17
tell offered

insmod echo_back.ko
activate.sh "$GUEST" echo 16
await flips
back=$(xenstore-read "/local/domain/$GUEST/device/echo/16/backend")
for _ in $(seq 1200); do
	echo "w $back/state 7"
	echo "w $back/state 8"
done >flips
ok "a backend says that it is Reconfiguring, Reconfigured, 1200 times" ./front_dom0 batch <flips
xenstore-write "$back/state" 4
tell flipped
plan
