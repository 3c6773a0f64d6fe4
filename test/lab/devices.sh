# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# devices.sh - disks and network cards for guests, from dom0's own backends (xen-blkback,
# xen-netback). Sourced behind lib.sh; a test has it with --dom0-add test/lab/devices.sh, and in the
# guest with --add.
#
#   disk_image FILE MB         a file of random bytes behind a loop device, whose name is printed
#   vbd_add GUEST ID DEV [r|w [ARG…]]    block device DEV as a guest's vbd ID (51712 is xvda); r:
#                              read-only; ARG is one of activate.sh
#   vbd_del GUEST ID
#   vif_add GUEST ID           a network card: dom0 is 10.GUEST.ID.1, the guest may be ….2
#   vif_del GUEST ID
#   reached GUEST TYPE ID STATE [SECONDS]    until the backend's state is STATE (30 s)
#
# What a toolstack's hotplug scripts do is done here by hand, in plain steps: there is no udev, no
# bridge and no xl in it. Each returns 0, or says what went wrong and returns 1.

back_dir() { echo "/local/domain/0/backend/$2/$1/$3"; }

disk_image() {
	dd if=/dev/urandom of="$1" bs=1M count="$2" 2>/dev/null || return 1
	modprobe loop || return 1
	lab_loop=$(losetup -f) && losetup "$lab_loop" "$1" && echo "$lab_loop"
}

state_is() { [ "$(xenstore-read "$1/state" 2>/dev/null)" = "$2" ]; }

reached() {
	lab_back=$(back_dir "$1" "$2" "$3")
	wait_for "${5:-30}" state_is "$lab_back" "$4" && return 0
	echo "$lab_back has not come to state $4:"
	xenstore-ls "$lab_back" 2>&1
	return 1
}

vbd_add() {
	modprobe xen-blkback || return 1
	lab_guest=$1
	lab_id=$2
	lab_image=$3
	lab_mode=${4:-w}
	shift $(($# < 4 ? $# : 4))
	activate.sh --key type=phy --key params="$lab_image" --key dev=xvda \
		--key mode="$lab_mode" --key physical-device="$(stat -c %t:%T "$lab_image")" \
		--front-key virtual-device="$lab_id" --front-key device-type=disk "$@" \
		"$lab_guest" vbd "$lab_id"
}

vbd_del() { activate.sh --remove "$1" vbd "$2"; }

# The backend becomes Connected when the card has its hotplug-status, which says that it is up.
vif_add() {
	modprobe xen-netback || return 1
	lab_mac=$(printf '00:16:3e:00:%02x:%02x' "$1" "$2")
	activate.sh --key handle="$2" --key mac="$lab_mac" --key script=/bin/true \
		--front-key handle="$2" --front-key mac="$lab_mac" "$1" vif "$2" || return 1
	wait_for 10 test -e "/sys/class/net/vif$1.$2" || {
		echo "xen-netback has not made vif$1.$2"
		return 1
	}
	ifconfig "vif$1.$2" "10.$1.$2.1" netmask 255.255.255.0 up &&
		xenstore-write "$(back_dir "$1" vif "$2")/hotplug-status" connected
}

vif_del() { activate.sh --remove "$1" vif "$2"; }

# Has the guest a network? It tells dom0.
has_net() {
	if [ "$(hostname)" = dom0 ]; then
		xenstore-exists "/local/domain/$GUEST/data/has-net"
	else
		[ -e /proc/sys/net/ipv4 ]
	fi
}

# As ok, where the guest has one.
net_ok() {
	if has_net; then
		ok "$@"
	else
		skip "$1" "the guest's kernel has no network"
	fi
}

# A stock guest with a disk and a card, over which it reads what is in dom0's www: dom0's half,
# devices_make DISK, and the guest's, devices_come, which meet. The guest then has dom0's address in
# $dom0, its own domid in $me, and the file sums. Debug kernels have neither card nor network.
devices_make() {
	await ready
	ok "a disk is made" vbd_add "$GUEST" 51712 "$1"
	net_ok "a network card is made" vif_add "$GUEST" 0
	httpd -p 80 -h www
	while read -r sum; do
		xenstore-write "/local/domain/$GUEST/data/sums/${sum##* }" "$sum"
	done <www/sums
	tell made
	ok "the disk's backend is Connected" reached "$GUEST" vbd 51712 4
	net_ok "the card's backend is Connected" reached "$GUEST" vif 0 4
}

devices_take() {
	ok "the disk is taken away" vbd_del "$GUEST" 51712
	net_ok "the card is taken away" vif_del "$GUEST" 0
}

devices_come() {
	ok "the kernel's disks are here" modprobe xen-blkfront
	net_ok "and its cards" modprobe xen-netfront
	has_net && xenstore-write data/has-net 1
	ok "dom0 is told" tell ready
	ok "dom0 has made the devices" await made
	for sum in $(xenstore-list data/sums); do
		xenstore-read "data/sums/$sum"
	done >sums
	ok "the disk comes" wait_for 30 test -b /dev/xvda
	net_ok "the card comes" wait_for 30 test -e /sys/class/net/eth0
	me=$(xenstore-read domid)
	dom0=10.$me.0.1
	net_ok "it is given its address" ifconfig eth0 "10.$me.0.2" netmask 255.255.255.0 up
	net_ok "dom0 answers" ping -c 1 -W 20 "$dom0"
	net_ok "a list of sums comes over the network" wget -q -O sums-by-net "http://$dom0/sums"
	net_ok "it is the one that has come through the store" sh -c \
		'sort sums >a && sort sums-by-net | cmp - a'
}
