# SPDX-License-Identifier: GPL-2.0
# share-load.dom0.sh - dom0's half of share-load.sh: the devices, the writes, and the guest's event
# channels as Xen counts them.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
. ./devices.sh

channels() { lsevtchn "$GUEST" | wc -l; }

mkdir -p www
disk=$(disk_image disk.img 8)
head -c 60000 /dev/urandom >www/small
echo "$(sha256sum <www/small) small" >www/sums
home=/local/domain/$GUEST/data
xenstore-write "$home/storm-count" 0
xenstore-chmod "$home/storm-count" n0 "r$GUEST"
devices_make "$disk"
ok "the guest has begun" await begin 60
before=$(channels)
tell counted
for _ in 1 2 3 4 5 6 7 8 9 10; do
	./rewrite "$home/storm-count" 200 || echo "not ok - rewrite"
	sleep 2		# spread over the guest's cycles
done
tell written
ok "the guest has ended" await over 200
is "the guest has as many event channels as before" "$(channels)" "$before"
devices_take
plan_tell dom0-ended
