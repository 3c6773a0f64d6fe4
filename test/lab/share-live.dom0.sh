# SPDX-License-Identifier: GPL-2.0
# share-live.dom0.sh - dom0's half of share-live.sh: the devices, and xl shutdown; the latter also
# of a guest out of which the module has been taken.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
. ./devices.sh

# A guest that has had the module: it ends by itself when it is told to shut down.
lab-guest start after none -- '
	echo /lab/over >/proc/sys/kernel/poweroff_cmd
	printf "#!/bin/sh\ntouch /shutdown-came\n" >over; chmod +x over
	insmod ./xsfront.ko attach=share && XENSTORED_PATH=/dev/xen/xsfront xenstore-read domid &&
		rmmod xsfront && xenstore-write data/sync-after 1 || exit 1
	for _ in $(seq 1200); do [ -e /shutdown-came ] && exit 0; sleep 0.1; done
	exit 1'

mkdir -p www
insmod echo_back.ko
disk=$(disk_image disk.img 8)
head -c 1000000 /dev/urandom >www/big
{
	sha256sum <disk.img
	echo "$(sha256sum <www/big) big"
} >www/sums
ok "an echo device is made" activate.sh "$GUEST" echo 255
devices_make "$disk"
node=/local/domain/$GUEST/xenstore-test
xenstore-write "$node" ""
xenstore-chmod "$node" "n$GUEST"
tell test-node
ok "the guest asks its kernel's node" await crowd 100
tap ./front_dom0 churn "$GUEST" 5 1
tell crowd-over
ok "the guest has used them" await used 100
devices_take
ok "the guest may be shut down" await shut-me
ok "xl shutdown" xl shutdown guest

id=$(lab-guest id after)
ok "the other guest has had the module, and not any more" wait_for 60 \
	xenstore-exists "/local/domain/$id/data/sync-after"
ok "xl shutdown" xl shutdown after
ok "it reaches the guest" lab-guest wait after
plan_tell dom0-ended
