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
plan
