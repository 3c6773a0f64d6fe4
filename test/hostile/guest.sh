# SPDX-License-Identifier: GPL-2.0
# guest.sh - in a stock guest, without xsfront: what its own node does under a store that lies.
# shellcheck shell=sh source-path=SCRIPTDIR/../lab
. ./lib.sh

tell ready
wait_for 60 timeout 20 xenstore-read rogue/here
./rogue_guest /dev/xen/xenbus 2 stock
