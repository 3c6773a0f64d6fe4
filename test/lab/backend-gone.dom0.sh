# SPDX-License-Identifier: GPL-2.0
# backend-gone.dom0.sh - dom0's half of backend-gone.sh: takes the backend away and brings it back.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

back=/local/domain/0/backend/echo/$GUEST
front=/local/domain/$GUEST/device/echo

insmod echo_back.ko
activate.sh "$GUEST" echo 0

# The kernel holds on to a backend's module while a device uses it.
await remove-module
mark
echo "echo-$GUEST-0" >/sys/bus/xen-backend/drivers/echo/unbind
ok "the backend is taken off the device" test ! -e "/sys/bus/xen-backend/drivers/echo/echo-$GUEST-0"
ok "rmmod echo_back" rmmod echo_back
ok "it lets go of the ring" dmesg_has "echo_back: backend/echo/$GUEST/0: disconnected"
await insert-module
ok "insmod echo_back" insmod echo_back.ko

await remove-device
mark
ok "activate.sh --remove" activate.sh --remove "$GUEST" echo 0
ok "the backend closes" dmesg_has "backend/echo/$GUEST/0: front Closed, back Closed"
fails "the front's directory has gone" 1 xenstore-exists "$front/0"
fails "the back's directory has gone" 1 xenstore-exists "$back/0"
await make-device
ok "activate.sh" activate.sh "$GUEST" echo 0

await rm-back
mark
ok "xenstore-rm of the back's directory" xenstore-rm "$back/0"
ok "the backend lets go of the ring" wait_for 10 dmesg_has "echo/$GUEST/0: disconnected"
await make-device-2
ok "activate.sh --remove takes what is left" activate.sh --remove "$GUEST" echo 0
ok "activate.sh" activate.sh "$GUEST" echo 0

await rm-front
mark
ok "xenstore-rm of the front's directory" xenstore-rm "$front/0"
ok "the backend lets go of the ring" wait_for 10 dmesg_has "echo/$GUEST/0: disconnected"
await make-device-3
ok "activate.sh --remove takes what is left" activate.sh --remove "$GUEST" echo 0
ok "activate.sh" activate.sh "$GUEST" echo 0

await second
ok "activate.sh of a second device" activate.sh "$GUEST" echo 7
await no-second
ok "activate.sh --remove of the second" activate.sh --remove "$GUEST" echo 7
plan_tell dom0-ended
