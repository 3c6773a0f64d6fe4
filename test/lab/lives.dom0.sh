# SPDX-License-Identifier: GPL-2.0
# lives.dom0.sh - dom0's half of lives.sh.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh
. ./front.sh

ids='1 2 3 4 5 6 7 8'
front_is() { [ "$(xenstore-read "$(front_of "$1" "$2")/state" 2>/dev/null)" = "$3" ]; }
# fronts "STATE…": each device of $ids has come to its state.
fronts() {
	for id in $ids; do
		front_is echo "$id" "$1" || return 1
		shift
	done
}
# backs "STATE…": the backend's state of each.
backs() {
	for id in $ids; do
		echo "w $(back_of echo "$id")/state $1"
		shift
	done >states
	./front_dom0 batch <states
}
# to TEXT "BACKS" "FRONTS": write those, and these must come.
to() {
	# shellcheck disable=SC2086 # words
	backs $2
	# shellcheck disable=SC2086 # words
	ok "$1" wait_for 6 fronts $3
}

for id in $ids; do device echo "$id" state=2; done >made
./front_dom0 batch <made
ok "devices are made" wait_for 15 fronts 3 3 3 3 3 3 3 3
to "they connect" "4 4 4 4 4 4 4 4" "4 4 4 4 4 4 4 4"
to "device N has a backend in state N" "1 2 3 4 5 6 7 8" "6 6 4 4 6 1 4 4"
tell all-states
ok "the module has gone and come" await unloaded 40
to "all let go, all begin anew" "6 6 6 6 6 6 6 6" "1 1 1 1 1 1 1 1"
to "and are up" "2 2 2 2 2 2 2 2" "3 3 3 3 3 3 3 3"
to "and connected" "4 4 4 4 4 4 4 4" "4 4 4 4 4 4 4 4"
to "and down" "6 6 6 6 6 6 6 6" "1 1 1 1 1 1 1 1"
tell up-again
ok "the module has gone" wait_for 20 fronts 6 6 6 6 6 6 6 6
backs 4 4 4 4 4 4 4 4
for id in $ids; do echo "w $(front_of echo "$id")/state $id"; done >states
./front_dom0 batch <states
echo >"$(xenstore-read "/local/domain/$GUEST/console/tty")"
ok "the module has come to what a predecessor has left" await loaded
ok "it has all of them closed first" wait_for 6 fronts 6 6 6 6 6 6 6 6
to "they let go, and begin anew" "6 6 6 6 6 6 6 6" "1 1 1 1 1 1 1 1"
to "come up" "2 2 2 2 2 2 2 2" "3 3 3 3 3 3 3 3"
to "and connect" "4 4 4 4 4 4 4 4" "4 4 4 4 4 4 4 4"
tell anew

ok "the guest has the other driver" await driver
# again TEXT STATE [KEY=VALUE]…: made anew under the same path, all at once; comes to STATE.
again() {
	lab_text=$1 lab_state=$2
	shift 2
	{
		echo "r $(front_of test 1)"
		echo "r $(back_of test 1)"
		device test 1 "$@"
	} >lines
	./front_dom0 batch <lines
	ok "made anew $lab_text" wait_for 6 front_is test 1 "$lab_state"
}
device test 1 state=2 sectors=1 | ./front_dom0 batch
ok "a device" wait_for 6 front_is test 1 3
is "it has a ring of four pages" "$(xenstore-read "$(front_of test 1)/ring-page-order")" 2
like "each with a key" "$(xenstore-list "$(front_of test 1)")" '^ring-ref3$'
again "while Initialised" 3 state=2 sectors=2
back test 1 state 4
ok "connects" wait_for 6 front_is test 1 4
again "while Connected" 3 state=2 sectors=3
back test 1 state 4
wait_for 6 front_is test 1 4
back test 1 state 5
ok "closes" wait_for 6 front_is test 1 6
again "while it closes" 3 state=2 sectors=4
back test 1 state 4
wait_for 6 front_is test 1 4
# Gone, and there again, behind the front's back; what comes after Closed decides.
xenstore-rm "$(back_of test 1)/state"
ok "closes when the backend is gone" wait_for 6 front_is test 1 6
again "with another size" 3 state=2 sectors=98
back test 1 state 4
wait_for 6 front_is test 1 4
back test 1 sectors 99
back test 1 state 4
back test 1 online 0
back test 1 state 6
ok "stays closed when it is switched off" wait_for 6 front_is test 1 6
tell lived

# The module goes. Its devices are Closed, and wait for their backends to let go: all do, but one,
# of which there is another one now that has just begun.
ok "the module goes" await last
ok "its devices are Closing" wait_for 6 fronts 5 5 5 5 5 5 5 5
to "and Closed" "5 5 5 5 5 5 5 5" "6 6 6 6 6 6 6 6"
{
	echo "r $(front_of echo 1)"
	device echo 1 state=2
	for id in 2 3 4 5 6 7 8; do echo "w $(back_of echo "$id")/state 6"; done
} >lines
ok "one is made anew, the others' backends let go" ./front_dom0 batch <lines
plan
