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
await ready
ok "a disk is made" vbd_add "$GUEST" 51712 "$disk"
ok "a network card is made" vif_add "$GUEST" 0
httpd -p 80 -h www
tell made
ok "the disk's backend is Connected" reached "$GUEST" vbd 51712 4
ok "the card's backend is Connected" reached "$GUEST" vif 0 4
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
ok "the disk is taken away" vbd_del "$GUEST" 51712
ok "the card is taken away" vif_del "$GUEST" 0
plan_tell dom0-ended
