# SPDX-License-Identifier: GPL-2.0
# dead.dom0.sh - dom0's half. The server is stopped meanwhile, so that it does not see what is done
# to the ring, and does not give the guest up for ever.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

ok "the guest is at work" await ready 90
pid=$(pidof xenstored)
ok "xenstored is stopped" kill -STOP "$pid"
ok "rsp_prod is made impossible" ./ringpoke "$GUEST" rsp_prod +5000
sleep 10	# longer than it takes the guest to find it dead and ask in vain
ok "rsp_prod is as it was" ./ringpoke "$GUEST" rsp_prod -5000
ok "xenstored goes on" kill -CONT "$pid"
ok "the guest has come to its end" await end 90
plan
