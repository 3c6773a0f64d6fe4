# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --modparam timeout=2
# lab: --type pv --attach share --modparam timeout=2
# lab: --type pvh --modparam timeout=2
# timeout: 400
# turns: by the day
#
# hostile-store.sh - a store that lies: dom0's half stops xenstored and serves the guest's ring
# itself, as badly as can be (test/prog/rogue_tricks.h has the table). Nothing hangs, each failure
# is an errno and a line, and all is well again when the store is, also when the true one is back.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

node=/dev/xen/xenbus
kernel=
if [ -e /dev/xen/xsfront ]; then
	node=/dev/xen/xsfront
	kernel=/dev/xen/xenbus
fi

ours() { XENSTORED_PATH=$node timeout 20 "$@"; }

# The rogue answers the first words of the module as it is loaded, badly for 5 s.
start() {
	rmmod xsfront
	mark
	began=$(date +%s)
	./load xsfront.ko timeout=2
	status=$?
	echo "# errno $status"
	if [ $status -ne 0 ]; then
		ok "loaded under $1: the log says why it is not" dmesg_has '^xsfront: '
		ok "loaded under $1: it is, once the store is honest" \
			wait_for 1 ./load xsfront.ko timeout=2
	fi
	ok "loaded under $1: it has not taken long" test $(($(date +%s) - began)) -le 20
}

ok "dom0 is told" tell ready
ok "the rogue is there" wait_for 60 ours xenstore-read rogue/here
while name=$(ours xenstore-read rogue/start) && [ "$name" != end ]; do
	# In a share what comes before our first reply is the kernel's, and a page that is given
	# back too: a stream that is torn is torn for the kernel, as it would be without us.
	case $kernel$name in
	/*half* | /*rsp_prod*)
		skip "loaded under $name" "the store does not answer the kernel alone after that"
		;;
	*) start "$name" ;;
	esac
done
is "there are no more ways to be loaded" "$name" end
ok "the true store is back" wait_for 60 ours xenstore-exists data/sync-true
ok "the echo device comes" wait_for 30 test -c /dev/xsecho0
ok "dom0 is told" tell again
ok "the rogue is there again" wait_for 60 ours xenstore-read rogue/here
kernel_test endless_directory
tap ./rogue_guest $node 2 $kernel
ok "the true store is back" wait_for 60 ours xenstore-exists data/sync-again-true
ok "for the stock programs too" wait_for 60 timeout 10 xenstore-exists data/sync-again-true
is "the module is live" "$(cat /sys/module/xsfront/parameters/state)" live
kernel_test read_write
kernel_test watch
ok "the echo device is there" wait_for 30 test -c /dev/xsecho0
tap ./echo_io stream /dev/xsecho0 20000
ok "rmmod" rmmod xsfront
ok "insmod" insmod ./xsfront.ko
ok "a stock program is answered" ours xenstore-read domid
ok "dom0 has ended" await dom0-ended
plan
