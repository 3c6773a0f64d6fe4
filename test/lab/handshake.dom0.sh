# SPDX-License-Identifier: GPL-2.0
# handshake.dom0.sh - dom0's half of handshake.sh: the backend's log, line by line.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

# The watch on the frontend's state has a first event, before those of what is written. It tells
# that there is something to read, not what: when dom0 is late, that is Initialised already, and is
# read once more at the event of its own.
echo "waiting for the frontend
* front Initialising, back InitWait
front Initialised, back InitWait
front Initialised, back Connected
? front Initialised, back Connected
? front Initialised, back Connected
front Connected, back Connected
front Connected, back Connected" | patterns "echo_back: backend/echo/$GUEST/0: " >up
echo "front Closing, back Connected
front Closing, back Closing
front Closed, back Closing
disconnected, [0-9]* messages served
front Closed, back Closed
? front Initialising, back Closed
front Initialising, back InitWait
front Initialised, back InitWait
front Initialised, back Connected
front Connected, back Connected
front Connected, back Connected" | patterns "echo_back: backend/echo/$GUEST/0: " >once_more

mark
# What xenbus_dev_fatal() and dev_err() print begins with the device.
complaints='^echo echo-|rules|WARNING|BUG'
ok "the backend is inserted" insmod echo_back.ko
ok "the device is made" activate.sh "$GUEST" echo 0
back=/local/domain/0/backend/echo/$GUEST/0
ok "data has flown" await data-done 120
ok "the backend's states came one by one, up to Connected" dmesg_in_order "echo/$GUEST/0" up
is "the store has the backend's state" "$(xenstore-read "$back/state")" 4
like "the guest may read the backend's directory, no more" "$(xenstore-ls -p "$back")" \
	"^online = .1. .* [(]n0,r${GUEST}[)]$"
ok "the backend has not complained" dmesg_has_not "$complaints"
mark
tell dom0-seen
ok "the guest has unloaded and loaded twice" await again 100
cat once_more once_more >twice
ok "the backend's states came one by one, down and up, twice" dmesg_in_order "echo/$GUEST/0" twice
ok "nor after that" dmesg_has_not "$complaints"
plan_tell dom0-ended
