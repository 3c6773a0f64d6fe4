# SPDX-License-Identifier: GPL-2.0
# states.dom0.sh - dom0's half of states.sh: which half of the sequences is the guest's type to say.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

shard=0
if xl list -l "$GUEST" | grep -q '"type": "pvh"'; then
	shard=1
fi
ok "the guest is ready" await ready
tap ./front_dom0 states "$GUEST" $shard 2
tell end
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
