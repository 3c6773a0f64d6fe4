# SPDX-License-Identifier: GPL-2.0
# why.dom0.sh - dom0's half of why.sh: makes a device for each reason that xs-why knows, and mends
# what can be mended with the very command that the guest was told.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
. ./front.sh

front_is() { wait_for 10 sh -c "[ \"\$(xenstore-read $(front_of "$1" "$2")/state)\" = $3 ]"; }

# connect TYPE NUMBER: a device whose backend goes by the handshake until it is Connected.
connect() {
	device "$1" "$2" state=2 sectors=1 | ./front_dom0 batch
	front_is "$1" "$2" 3
	back "$1" "$2" state 4
}

node=/local/domain/0/error/backend/echo/$GUEST/1/error
{
	device echo 1
	device echo 2 state=2
	device echo 3 state=
	device echo 4 back.perms=n0
	device echo 5 state=99
	device echo 6 state=abc
	device echo 7 state=6
	device echo 8 state=4 front.state=4
	device echo 300
	device echo 13 hotplug-status=busy state=2
	device echo 14 front.backend=
	device echo 15 front.perms=n0
	device echo 16 front.backend=nonsense
	device echo 18 online=0 state=6 front.state=6
	device echo 19 state=2 "front.perms=n0+r$GUEST"
	device noone 1
	device test 1 state=2
	device test 2 state=2 sectors=many
	device test 3 state=2 sectors=77
	echo "p $(back_of test 3)/sectors n0"
	echo "w $node 2 no disk like this"
	echo "p $node n0 r$GUEST"
} >devices
ok "devices are made" ./front_dom0 batch <devices
ok "the guest's module is told of the devices" tell made

ok "the guest asks for the mending" await mend
eval "$(xenstore-read "$(sync_key mend-4)")"
eval "$(xenstore-read "$(sync_key mend-15)")"
eval "$(xenstore-read "$(sync_key mend-19)")"
eval "$(xenstore-read "$(sync_key mend-t3)")"
ok "what the guest named was done" tell mended

await close
# The front's turn: Closing. A backend that does not follow.
connect test 4
ok "the guest has seen who does not close" await fail
device test 6 state=2 sectors=1 | ./front_dom0 batch
ok "the guest has seen who fails" await hang 60
device test 5 state=2 sectors=1 | ./front_dom0 batch
ok "the guest has seen who does not come back" await reconf 30
connect test 7
front_is test 7 4
connect echo 20
front_is echo 20 4
back echo 20 state 7
ok "the guest has seen who changes its keys" await silence 30
pid=$(pidof xenstored)
kill -STOP "$pid"
sleep 6		# the guest cannot say when it has seen it: it has no store
kill -CONT "$pid"
ok "the guest has come to its end" await end 60
plan
