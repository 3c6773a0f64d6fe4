# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --attach none
# lab: --type pvh --attach none
# timeout: 60
#
# refuse.sh - a stock guest, where the kernel's own xenbus is on the store page: asked to have the
# page alone (attach=own), the module refuses in one clear line, and the guest's xenbus goes on.
# dom0's half: bad calls of activate.sh. shellcheck source-path=SCRIPTDIR
. ./lib.sh

refused() {
	mark
	fails "attach=own is refused with EBUSY" "$EBUSY" ./load xsfront.ko attach=own "$@"
	ok "in one line, which says what to do" dmesg_in_order '^xsfront:' busy
	ok "a stock program's read goes on" xenstore-read domid
	ok "so does its write" xenstore-write data/refuse "$#"
	is "and what it wrote is there" "$(xenstore-read data/refuse)" "$#"
}

refused_parameter() {
	mark
	fails "timeout=$1 is refused with EINVAL" "$EINVAL" ./load xsfront.ko timeout="$1"
	ok "in a line that says what it may be" dmesg_has \
		"^xsfront: timeout: '$1' is not a number of seconds from 1 to 3600$"
}

echo "? xsfront: loading out-of-tree module taints kernel.
? xsfront: module verification failed: .*
xsfront: attach=own: the kernel.s own xenbus is up: boot with initcall_blacklist=xenbus_init" >busy

refused
refused timeout=5
for value in 0 abc -1 3601 99999999999 3s; do
	refused_parameter $value
done
is "nothing is loaded" "$(lsmod | grep -c xsfront)" 0
ok "dom0 has ended" await dom0-ended
plan
