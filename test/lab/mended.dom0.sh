# SPDX-License-Identifier: GPL-2.0
# mended.dom0.sh - dom0's half: makes the server's index impossible while much is in flight.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

ok "the guest is at work" await ready 90
ok "rsp_prod is made impossible" ./ringpoke "$GUEST" rsp_prod +5000
ok "the guest has come to its end" await end 90
plan
