# SPDX-License-Identifier: GPL-2.0
# lab: --type pv
# lab: --type pvh
# timeout: 150
#
# guest-destroyed.sh - guests are destroyed while Connected, with data in the ring; then this one
# connects to the same backend module. dom0's half makes and destroys the others.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

ok "the others have gone" await others-gone 240
ok "the device comes" wait_for 30 test -c /dev/xsecho0
tap ./echo_io stream /dev/xsecho0 300000
ok "dom0 has ended" await dom0-ended
plan
