# SPDX-License-Identifier: GPL-2.0
# late-page.dom0.sh - dom0's half: no page (0, then ~0), and then the page and a signal.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

pfn=$(./hvmparam "$GUEST" get)
ok "the guest has a page" [ "$pfn" != 0 ]
ok "it is taken away" ./hvmparam "$GUEST" set 0
sleep 8
ok "it is still to come" ./hvmparam "$GUEST" set 0xffffffffffffffff
sleep 4
ok "it is there" ./hvmparam "$GUEST" set "$pfn"
ok "the guest is signalled" ./hvmparam "$GUEST" signal
plan
