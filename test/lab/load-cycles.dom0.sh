# SPDX-License-Identifier: GPL-2.0
# load-cycles.dom0.sh - dom0's half of load-cycles.sh: the guest's event channels, as Xen counts
# them.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

channels() { lsevtchn "$GUEST" | wc -l; }

await begin
before=$(channels)
ok "lsevtchn tells of the guest" test "$before" -gt 2
tell counted
ok "the guest has done its cycles" await cycled 140
is "the guest has as many event channels as before" "$(channels)" "$before"
insmod echo_back.ko
ok "a device is made" activate.sh "$GUEST" echo 0
plan_tell counted-again
