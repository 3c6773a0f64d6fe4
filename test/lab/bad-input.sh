# SPDX-License-Identifier: GPL-2.0
# lab: --type pv
# timeout: 60
#
# bad-input.sh - what a guest's own programs may do wrong: bad pointers and lengths at
# /dev/xsecho0, bad values for the module's parameters, a second insmod, rmmod of a device in use.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

timeout=/sys/module/xsfront/parameters/timeout
dev=/dev/xsecho0

ok "the device comes" wait_for 30 test -c $dev
tap ./echo_io bad $dev
tap ./throw nobody $dev

mark
for value in 0 abc -1 3601 ''; do
	ok "timeout '$value' is refused" sh -c "! echo '$value' >$timeout"
	is "and stays as it was" "$(cat $timeout)" 30
	ok "the log says why" dmesg_has \
		"^xsfront: timeout: '$value' is not a number of seconds from 1 to 3600$"
done
ok "timeout with an escape in it is refused" sh -c "! printf 'a\033b' >$timeout"
ok "and it is no escape in the log" dmesg_has "^xsfront: timeout: 'a.eb' is not a number"
ok "timeout 7 is taken" sh -c "echo 7 >$timeout"
is "and is there" "$(cat $timeout)" 7

mark
is "attach is as it was asked for" "$(cat /sys/module/xsfront/parameters/attach)" auto
is "the way that was taken" "$(cat /sys/module/xsfront/parameters/attached)" \
	"own: the kernel's own xenbus is down"
fails "it is read only" 1 sh -c 'echo share >/sys/module/xsfront/parameters/attached'
ok "dom0 is told" tell shut-me
ok "what the kernel cannot do is said" wait_for 20 dmesg_has \
	"^xsfront: attach own: the toolstack asks for 'suspend', which the kernel can do only"

fails "a second insmod is EEXIST" 17 ./load xsfront.ko
exec 3<>$dev
fails "rmmod while the device is open is refused" 1 rmmod xsfront
exec 3>&-
tap ./echo_io stream $dev 10000
ok "dom0 has ended" await dom0-ended
ok "rmmod when it is closed" rmmod xsfront

mark
fails "there is nothing to share with" $ENODEV ./load xsfront.ko attach=share
ok "the log says so" dmesg_has "^xsfront: attach=share: the kernel.s own xenbus is down"
fails "attach=both is no way" $EINVAL ./load xsfront.ko attach=both
ok "the log says so" dmesg_has "^xsfront: attach: 'both' is none of auto, own, share"
ok "attach=own is one" ./load xsfront.ko attach=own
plan
