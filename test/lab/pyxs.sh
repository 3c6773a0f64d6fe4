# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --with python --add test/prog/pyxs_pair.py
# timeout: 180
#
# pyxs.sh - Debian's python3-pyxs on the module's device node, from two processes at once, with its
# monitor (watch) API.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

ok "pyxs is here" python3 -c 'import pyxs'
tap python3 pyxs_pair.py
tap python3 pyxs_pair.py
is "the connection is live" "$(cat /sys/module/xsfront/parameters/state)" live
is "no file is open" "$(sed -n 's/^device_files //p' /sys/kernel/debug/xsfront/stats)" 0
mark
ok "rmmod" rmmod xsfront
ok "nothing is owed by the store" dmesg_has_not 'replies owed'
plan
