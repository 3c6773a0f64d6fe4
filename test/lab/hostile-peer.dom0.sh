# SPDX-License-Identifier: GPL-2.0
# hostile-peer.dom0.sh - dom0's half of hostile-peer.sh: has the backend lie, and connect anew.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

back=/local/domain/0/backend/echo/$GUEST/0
bad() { echo "$1" >/sys/module/bad_echo/parameters/bad; }
anew() { xenstore-write "$back/state" 5; }
# NAME LIE [anew]: waits to be asked for it.
lie() {
	await "$1"
	bad "$2"
	[ -z "$3" ] || anew
	tell "is-$1"
}

insmod bad_echo.ko
ok "a device is made" activate.sh "$GUEST" echo 0
for how in id no-length all-lengths longer one-more far back half scribble \
		silent let-go close-channel; do
	lie $how $how
	lie well-after-$how none anew
done
lie flood flood
lie well-after-flood none
lie never-map never-map anew
lie well-after-never-map none anew
lie keep keep anew
lie well-after-keep none
await states
fours=$(head -c 1500 /dev/zero | tr '\0' 4)
for state in '' abc -1 0 7 8 9 99 4x 4294967300 "$fours" 2 6 1 3 5 6; do
	xenstore-write -- "$back/state" "$state"
	usleep 50000
done
# The backend's driver does not know what was written in its name, and where it stands.
driver=/sys/bus/xen-backend/drivers/echo
ok "the backend ends" sh -c "echo echo-$GUEST-0 >$driver/unbind"
ok "and begins anew" sh -c "echo echo-$GUEST-0 >$driver/bind"
tell is-states
plan
