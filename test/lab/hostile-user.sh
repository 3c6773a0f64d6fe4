# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --attach share
# lab: --type pvh
# lab: --type pvh --store oxenstored
# timeout: 120
# turns: by the day
# debug: 3 in kasan
#
# hostile-user.sh - a user who throws whatever he can at all files that the module has, as root,
# from 8 processes, for THROW_SECONDS (a minute where the kernel is kasan); nobody can write to any
# of them. Nothing hangs, the module is as it was, and no file or line shows an address of the
# kernel. With oxenstored random and sound frames are thrown at once.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

node=/dev/xen/xenbus
[ ! -e /dev/xen/xsfront ] || node=/dev/xen/xsfront
debugfs=/sys/kernel/debug/xsfront
files="$node /dev/xsecho0 $debugfs/stats $debugfs/devices $debugfs/frames \
	$(echo /sys/module/xsfront/parameters/*)"
export XENSTORED_PATH=$node

ok "the echo device comes" wait_for 30 test -c /dev/xsecho0
# shellcheck disable=SC2086 # files are words
tap ./throw nobody $files

mark
at_once=
[ "$(xenstore-read data/server)" != oxenstored ] || at_once=at-once
# shellcheck disable=SC2086
tap ./throw $at_once "${THROW_SEED:-1}" "${THROW_SECONDS:-$((12 * lab_slower))}" 8 $files
ok "the log says nothing of a broken ring" dmesg_has_not 'xsfront: .*(broken|dead)'
echo 30 >/sys/module/xsfront/parameters/timeout
is "the module is live" "$(cat /sys/module/xsfront/parameters/state)" live
ok "the store answers" timeout 20 xenstore-read domid
ok "a value is written" xenstore-write data/after-throw 1
is "and read" "$(xenstore-read data/after-throw)" 1
kernel_test read_write
kernel_test watch
ok "and shows no address" sh -c '! dmesg | grep -E "xsf.*ffff[0-9a-f]{12}"'
ok "nor a control character" sh -c '! dmesg | grep -a "xsf.*[[:cntrl:]]"'
ok "nor does a file" sh -c "! grep -aE 'ffff[0-9a-f]{12}' $debugfs/stats $debugfs/devices"
ok "rmmod" rmmod xsfront
ok "insmod" insmod ./xsfront.ko
ok "the echo device is back" wait_for 30 test -c /dev/xsecho0
tap ./echo_io stream /dev/xsecho0 20000
plan
