# SPDX-License-Identifier: GPL-2.0
# lab: --type pv --add scripts/xs-why --dom0-add test/lab/front.sh
# lab: --type pvh --add scripts/xs-why --dom0-add test/lab/front.sh
# timeout: 120
# turns: by the day
#
# why.sh - each reason why a device is not connected, provoked once: xs-why and the kernel's log say
# it, and what would mend it does. dom0's half makes the devices, by hand.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

# What xs-why says of one device; all is asked once, and again when something has changed.
look() { ./xs-why -a >all; }
of() { awk -v dev="device/$1:" '/^[^\t]/ { show = $1 == dev } show' all; }
says() { of "$1" | grep -Eq -- "$2"; }
look_says() { look; says "$@"; }
# because DEVICE REGEX: it waits, and this is who and why.
because() {
	says "$1" "waits for: $2" || wait_for 1 look_says "$1" "waits for: $2"
	like "$1 waits for $2" "$(of "$1")" "waits for: $2"
}
mend_of() { of "$1" | sed -n 's/^.*mend: //p'; }
param() { echo "$2" >"/sys/module/front_test/parameters/$1"; }

ok "dom0 has made the devices" await made
insmod ./front_test.ko
because test/3 'the backend: .*/3/sectors is missing, or may not be read'
because test/1 'the backend: .*/1/sectors is missing'
because test/2 'the backend: .*/2/sectors holds no number'
because echo/1 'the backend: the backend has not begun: is its driver loaded\?'
like "the backend's error node is shown" "$(of echo/1)" 'error: 2 no disk like this'
because echo/2 'the backend: the backend has not taken our ring'
because echo/3 'the toolstack: .*/3/state is missing'
because echo/4 'the toolstack: .*/4/state is missing, or may not be read'
because echo/5 'the backend: its state is 99, which is none'
because echo/6 'the backend: its state is no number'
because echo/7 'the backend: the backend is Closed, and does not begin anew'
because echo/8 'the backend: the backend has not let go of the ring that it had'
because echo/13 "the backend: its hotplug-status is 'busy', not 'connected'"
because echo/14 'the toolstack: device/echo/14/backend is missing'
because echo/15 'the toolstack: device/echo/15/backend is missing, or may not be read'
because echo/16 'the toolstack: device/echo/16/backend is no path, or backend-id no domain'
because echo/19 'the toolstack: we may not write to device/echo/19'
like "who is not wanted does not wait, and says so" "$(of echo/300)" \
	'waits for: nobody: its driver does not want it: error -34'
like "who is switched off does not wait, and says so" "$(of echo/18)" \
	'waits for: the toolstack: the device is switched off: .*/18/online is not 1'
like "a type without a driver is named" "$(cat all)" \
	'^device/noone: no driver of xsfront is for this type$'
like "what a device has done is there" "$(of echo/2)" \
	'history: [0-9.]* s ago front Initialised, back InitWait'
fails "xs-why ends with 1 when one waits" 1 ./xs-why echo/2
fails "xs-why of a device that is not there" 1 ./xs-why echo/99
fails "xs-why of nonsense" 2 ./xs-why --nonsense

ok "after 5 s the log has the command" wait_for 12 dmesg_has \
	'^xsfront: device/echo/4: stuck for .* [(]xenstore-chmod -r .*[)]$'

echo "# what would mend it mends it"
for pair in 4:echo/4 15:echo/15 19:echo/19 t3:test/3; do
	command=$(mend_of "${pair#*:}")
	like "xs-why names a command for ${pair#*:}" "$command" '^xenstore-chmod '
	xenstore-write "$(sync_key "mend-${pair%%:*}")" "$command"
done
tell mend
ok "dom0 has done so" await mended
look
because echo/4 'the backend: the backend has not begun'
because echo/15 'the backend: the backend has not begun'
because echo/19 'the backend: the backend has not taken our ring'
because test/3 'the backend: the backend has not taken our ring'

echo "# the log says the same"
ok "after 5 s" wait_for 8 dmesg_has \
	'^xsfront: device/echo/8: stuck for [5-9] s, waits for the backend: .* has not let go'
ok "and with the backend's words" dmesg_has \
	'^xsfront: device/echo/1: stuck for .*; it says: 2 no disk like this$'

param fail connect
tell close
because test/4 "us: Connected failed: error -5; it is tried again"
param fail setup
tell fail
wait_for 10 look_says test/6 'failed: error -5'
because test/6 "us: .* failed: error -5; it is tried again"
ok "it is, three times" wait_for 30 look_says test/6 \
	'the toolstack: .* failed: error -5, too often: remove the device and make it anew'
param fail none
param hang_ms 4000
param hang setup
tell hang
because test/5 "its driver: its setup.. has not come back for"
tell reconf
wait_for 20 look_says echo/20 'changing its keys'
because echo/20 'the backend: the backend is changing its keys, and not done'
echo 1 >/sys/module/xsfront/parameters/timeout
tell silence
sleep 1
./xs-why echo/1 >all
like "a store that does not answer" "$(of echo/1)" \
	'waits for: the store: the store does not answer: error -110'
echo 30 >/sys/module/xsfront/parameters/timeout
wait_for 20 xenstore-exists domid
ok "and again 30 s after" wait_for 25 dmesg_has \
	'^xsfront: device/echo/8: stuck for 3[5-9] s, waits for the (backend|store)'
ok "no page is with a backend" \
	grep -q '^pages that .*: 0 now, 0 so far$' /sys/kernel/debug/xsfront/devices
tell end
rmmod front_test &
because test/7 'the backend: we close, and the backend does not'
ok "a driver's module goes" wait $!
ok "with all that it had" dmesg_has '^front_test: unloaded, 0 devices left$'
ok "its calls came in order" dmesg_has_not 'front_test: BAD'
ok "rmmod" rmmod xsfront
plan
