# SPDX-License-Identifier: GPL-2.0
# lab: --type pv
# lab: --type pvh --attach share
# needs: test/prog/frames_io.c
# timeout: 90
#
# frames.sh - what is seen of the ring: the recorder and the tracepoints while an echo device
# connects, programs that read the recorder, values hidden and shown, the counters.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

debug=/sys/kernel/debug/xsfront
frames=$debug/frames
values=/sys/module/xsfront/parameters/frames_values
trace=/sys/kernel/tracing
node=/dev/xen/xenbus
me=module
if [ -c /dev/xen/xsfront ]; then
	node=/dev/xen/xsfront
fi
recorded() { grep -Eq -- "$1" $frames; }
traced() { grep -Eq -- "$1" $trace/trace; }
recorded_not() { ! grep -- "$1" $frames; }
traced_not() { ! grep -- "$1" $trace/trace; }
stat_of() { sed -n "s/^$1 //p" $debug/stats; }

echo "# a handshake"
is "the recorder is the owner's alone" "$(stat -c %a $frames)" 600
[ -d $trace/events ] || mount -t tracefs tracefs $trace
ok "the events are there" test -d $trace/events/xsfront/xenbus_state
echo 1 >$trace/events/xsfront/enable
ok "dom0 is told" tell ready
ok "the device comes" wait_for 30 test -c /dev/xsecho0
back=/local/domain/0/backend/echo/$(xenstore-read domid)/0
ok "the request for its backend" recorded " $me > READ device/echo/0/backend [0-9a-f]+ 0 22 - - -$"
ok "its reply, how long it took, and no value" \
	recorded " $me < READ device/echo/0/backend [0-9a-f]+ 0 [0-9]+ [0-9]+ OK -$"
ok "the WATCH on the backend" recorded " $me > WATCH /local/domain/0/backend/"
ok "events" recorded " $me < WATCH_EVENT device/echo/0"
ok "our states" recorded " > WRITE device/echo/0/state [0-9a-f]+ [0-9]+ 21 - - =4$"
ok "the backend's" recorded " < READ $back/state [0-9a-f]+ 0 1 [0-9]+ OK =4$"
ok "the same as events: a request" traced \
	" xs_request: who=$me pid=0 type=READ id=[0-9a-f]+ tx=0 len=22 path=device/echo/0/backend$"
ok "a reply" traced \
	" xs_reply: who=$me pid=0 type=READ .* us=[0-9]+ result=OK path=device/echo/0/backend$"
ok "an event" traced " xs_event: who=$me len=[0-9]+ path=device/echo/0"
ok "our state" traced " xenbus_state: who=$me wrote state=Connected path=device/echo/0/state$"
ok "the backend's state" traced " xenbus_state: who=$me read state=Connected path=$back/state$"

echo "# values"
xenstore-write data/hidden secret-1
xenstore-write data/state 7
xenstore-read data/hidden data/none >/dev/null
ok "who it was: the path is recorded" recorded '(node:[0-9]+|kernel) > WRITE data/hidden '
ok "an error's name is no secret" \
	recorded ' < READ data/none [0-9a-f]+ [0-9]+ 7 [0-9]+ ENOENT -$'
ok "a value is not" recorded_not secret-1
ok "nor one that only looks like a state" \
	recorded ' > WRITE data/state [0-9a-f]+ [0-9]+ 12 - - -$'
echo Y >$values
ok "nor was it kept for later" recorded_not secret-1
xenstore-write data/hidden secret-2
ok "with frames_values it is shown" \
	recorded ' > WRITE data/hidden [0-9a-f]+ [0-9]+ 20 - - =secret-2$'
is "read back" "$(xenstore-read data/hidden)" secret-2
ok "the reply's is, too" \
	recorded ' < READ data/hidden [0-9a-f]+ [0-9]+ 8 [0-9]+ OK =secret-2$'
xenstore-write data/hidden 'a b'
ok "as one word" recorded ' =a\\x20b$'
echo N >$values
xenstore-write data/hidden secret-3
ok "and hidden again" recorded_not secret-3
ok "events never show one" traced_not secret-
echo 0 >$trace/events/xsfront/enable

echo "# programs"
mark
for value in 2 -1 x ''; do
	ok "'$value' is refused" sh -c "! echo '$value' >$frames"
done
ok "the log says why" \
	dmesg_has '^xsfront: frames: neither 1 .readers wait for more. nor 0 .they end.$'
for name in pieces follow blocked odd bursts lost; do
	echo "# $name"
	tap ./frames_io $name $node
done

echo "# counters"
for name in requests replies events bytes_out bytes_in signals_sent signals_received wake_ups \
	in_flight_most; do
	ok "$name" test "$(stat_of $name)" -gt 0
done
for name in expired timeouts late_replies retries bad_events; do
	is "$name" "$(stat_of $name)" 0
done
is "in flight at most" "$(stat_of in_flight_most)" 16
sum=$(sed -n 's/^latency_us [A-Z_]* //p' $debug/stats | tr ' ' '\n' |
	awk -F: '{ n += $2 } END { print n }')
ok "of $(stat_of replies) replies $sum were measured" test "$sum" -ge 300 -a \
	"$sum" -le "$(stat_of replies)"

exec 3<$frames
fails "rmmod while somebody reads is refused" 1 rmmod xsfront
exec 3<&-
ok "rmmod" rmmod xsfront
ok "insmod again" insmod ./xsfront.ko frames_values=1
ok "what was recorded is gone" recorded_not data/hidden
xenstore-write data/hidden secret-4
if [ $node = /dev/xen/xenbus ]; then
	ok "the parameter is taken at insmod" recorded '=secret-4$'
else
	ok "the kernel's are recorded, too" recorded ' kernel > WRITE data/hidden .* =secret-4$'
fi
plan
