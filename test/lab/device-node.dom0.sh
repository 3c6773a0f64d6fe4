# SPDX-License-Identifier: GPL-2.0
# device-node.dom0.sh - dom0's half: nodes that only dom0 can make.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

home=/local/domain/$GUEST
mine() { xenstore-write "$1" "" && xenstore-chmod "$1" "n$GUEST"; }

ok "a node for test-xenstore" mine "$home/xenstore-test"
ok "a node for big things" mine "$home/big"	# what is made below it has its permissions
# 16 names of 255 letters and a NUL: 4096 bytes.
name=$(printf '%0251d' 0)
for i in 1000 1001 1002 1003 1004 1005 1006 1007 1008 1009 1010 1011 1012 1013 1014 1015; do
	xenstore-write "$home/big/names/$name$i" ""
done
# C xenstored lets dom0 write values that a guest may not; oxenstored has one limit for all.
for length in 4000 2000; do
	xenstore-write "$home/big/value" "$(printf '%0*d' $length 0 | tr 0 v)" 2>/dev/null &&
		xenstore-write "$home/big/length" $length && break
done
ok "the guest is told" tell made
ok "the guest has run it" await again 100
ok "a node for test-xenstore, anew" mine "$home/xenstore-test"
ok "the guest is told" tell remade
plan
