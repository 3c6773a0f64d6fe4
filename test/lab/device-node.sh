# SPDX-License-Identifier: GPL-2.0
# lab: --type pv
# lab: --type pvh --store oxenstored
# lab: --type pv --store oxenstored --vcpus 2
# timeout: 240
# turns: by the day
#
# device-node.sh - /dev/xen/xenbus of the module: the stock tools on it, and raw frames.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

echo "# the node"
is "its mode" "$(stat -c %a /dev/xen/xenbus)" 600

echo "# the stock tools"
ok "xenstore-write" xenstore-write data/a 1 data/b/c 2
is "xenstore-read" "$(xenstore-read data/a data/b/c | tr '\n' ' ')" "1 2 "
is "xenstore-list" "$(xenstore-list data | sort | tr '\n' ' ' | grep -o 'a b ')" "a b "
like "xenstore-ls" "$(xenstore-ls data)" '^ c = "2"'
ok "xenstore-exists" xenstore-exists data/a
fails "xenstore-exists of nothing" 1 xenstore-exists data/none
ok "xenstore-chmod" xenstore-chmod data/a "n$(xenstore-read domid)" r0
like "xenstore-ls -p" "$(xenstore-ls -p data)" '^a = "1"[ .]+\(n[0-9]+,r0\)'
mkfifo /tmp/watch
timeout 20 xenstore-watch data/a >/tmp/watch &
exec 3</tmp/watch
read -r first <&3
is "xenstore-watch: first event" "$first" data/a
xenstore-write data/a 5
read -r second <&3
is "xenstore-watch: a change" "$second" data/a
exec 3<&-
kill %1 2>/dev/null
ok "xenstore-rm" xenstore-rm data/b
fails "it is gone" 1 xenstore-exists data/b/c

echo "# test-xenstore"
ok "dom0 has made its node" await made
ok "test-xenstore -i 20" test-xenstore -i 20
ok "dom0 is told" tell again
ok "dom0 has made it anew" await remade
ok "test-xenstore -r 20" test-xenstore -r 20

# Ten thousand events take a while; once for each server is enough, and those are the PV guests.
rogue=
[ "$(cat /sys/hypervisor/guest_type)" != PV ] || rogue=rogue
for name in order errors split big pileup nonblock unread closed shared quota threads $rogue; do
	echo "# raw frames: $name"
	mark
	tap ./xenbus_raw "$name"
done
[ -z "$rogue" ] || ok "the log names who does not read" \
	dmesg_has 'does not read its watch events'
is "the connection is live" "$(cat /sys/module/xsfront/parameters/state)" live
echo "# $(tr '\n' ' ' </sys/kernel/debug/xsfront/stats)"
ok "rmmod" rmmod xsfront
plan
