# SPDX-License-Identifier: GPL-2.0
# guest-destroyed.dom0.sh - dom0's half of guest-destroyed.sh.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

busy='until [ -c /dev/xsecho0 ]; do usleep 50000; done
cat /dev/zero >/dev/xsecho0 & exec cat /dev/xsecho0 >/dev/null'

connected() { [ "$(xenstore-read "/local/domain/0/backend/echo/$1/0/state")" = 4 ]; }
served() { awk '$NF == "echo_back" { n += $2 } END { print n + 0 }' /proc/interrupts; }
flows() { [ "$(served)" -gt 20 ]; }
no_zombie() { ! xl list | grep -q '(null)'; }

ok "the backend is inserted" insmod echo_back.ko
for name in first second; do
	mark
	ok "the $name guest is made" lab-guest start $name -- "$busy"
	id=$(lab-guest id $name)
	ok "it gets a device" activate.sh "$id" echo 0
	ok "it is Connected" wait_for 40 connected "$id"
	ok "data flows" wait_for 20 flows
	ok "it is destroyed" lab-guest destroy $name
	ok "the backend lets go of its ring" \
		wait_for 20 dmesg_has "echo_back: backend/echo/$id/0: disconnected"
	ok "nothing holds on to the dead guest" wait_for 20 no_zombie
	ok "what is left in the store is removed" activate.sh --remove "$id" echo 0
	fails "nothing is left" 1 xenstore-exists "/local/domain/0/backend/echo/$id/0"
	ok "the kernel has not complained" dmesg_has_not 'WARNING|BUG|Oops'
done
ok "a device for the guest that lives" activate.sh "$GUEST" echo 0
plan_tell others-gone
tell dom0-ended
