# SPDX-License-Identifier: GPL-2.0
# example.dom0.sh - dom0's half of example.sh.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
. ./front.sh

insmod echo_back.ko
activate.sh "$GUEST" ping 0
ok "devices are made" activate.sh "$GUEST" echo 0
tell made
ok "the guest wants one that does not connect" await stuck
device echo 1 "front.backend=/local/domain/0/nowhere/1" >lines
ok "it is made" ./front_dom0 batch <lines
plan_tell stuck-made
