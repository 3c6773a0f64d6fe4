# SPDX-License-Identifier: GPL-2.0
# hotplug.dom0.sh - dom0's half of hotplug.sh. What is in use is counted here, as Xen sees it.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
. ./front.sh
dmesg -n 1	# the console is slow

HOTPLUG_SECONDS=${HOTPLUG_SECONDS:-20}

channels() { lsevtchn "$GUEST" | wc -l; }
frames() { xen-diag gnttab_query_size "$GUEST" | sed -n 's/.*[ :]nr_frames=\([0-9]*\).*/\1/p'; }
nodes() { xenstore-ls "/local/domain/$GUEST/device/echo" | grep -c .; }
backs() { xenstore-list "/local/domain/0/backend/echo/$GUEST" 2>/dev/null | wc -l; }
count() { echo "$(channels) channels, $(frames) grant frames, $(nodes) nodes, $(backs) backends"; }
counted() { [ "$(count)" = "$before" ]; }

ok "the backend is inserted" insmod echo_back.ko
ok "a device that stays" activate.sh "$GUEST" echo 255
# The first ones make what stays: the grant table grows, caches fill.
tap ./front_dom0 churn "$GUEST" 5 1
device test 1 state=2 sectors=1 >lines
ok "one that will sleep in its driver" ./front_dom0 batch <lines
tell warm
ok "the guest is ready" await begin 60
before=$(count)
echo "# $before"
mark
tap ./front_dom0 churn "$GUEST" "$HOTPLUG_SECONDS" 2
connected=$(log | grep -c 'front Connected, back Connected')
ok "devices have connected meanwhile: $connected" test "$connected" -gt 5
tell over
ok "the guest has counted" await counted 60
counted || sleep 2	# the last of dom0's own may still be on their way out
is "as much is in use as before" "$(count)" "$before"
ok "the backend has not complained" dmesg_has_not 'fatal|rules|WARNING|BUG'
back test 1 state 6	# what has slept may go
plan_tell ended
