# SPDX-License-Identifier: GPL-2.0
# refuse.dom0.sh - dom0's half of refuse.sh: the module in dom0 itself, and bad calls of
# activate.sh.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

mark
fails "in dom0, where the store runs, there is no place for it: ENODEV" "$ENODEV" ./load xsfront.ko
ok "the log says so" dmesg_has '^xsfront: the store runs in this domain: xsfront is for guests$'
ok "dom0's store goes on" xenstore-read "/local/domain/$GUEST/name"

# bad STATUS REGEX ARGUMENT…: one line on stderr, the status, and nothing made.
bad() {
	bad_status=$1 bad_line=$2
	shift 2
	fails "activate.sh $*: status $bad_status" "$bad_status" activate.sh "$@"
	is "in one line" "$(activate.sh "$@" 2>&1 | wc -l)" 1
	like "which is clear" "$(activate.sh "$@" 2>&1)" "^activate.sh: $bad_line"
}

bad 2 'wants GUEST TYPE ID'
bad 2 'wants GUEST TYPE ID' "$GUEST" echo
bad 2 'wants GUEST TYPE ID' "$GUEST" echo 0 1
bad 2 'no such option: --nonsense' --nonsense "$GUEST" echo 0
bad 2 '--key wants NAME=VALUE' --key
bad 2 ".x. is not NAME=VALUE" --key x "$GUEST" echo 0
bad 2 ".e/c. is no device type" "$GUEST" e/c 0
bad 2 ".x. is no device number" "$GUEST" echo x
bad 2 ".-1. is no device number" "$GUEST" echo -1
bad 1 'there is no guest with domid 999' 999 echo 0
bad 1 'there is no guest .nobody.' nobody echo 0
bad 1 'there is no echo device 0' --remove "$GUEST" echo 0
fails "none of these has made a node" 1 xenstore-exists /local/domain/0/backend/echo

ok "activate.sh --help" activate.sh --help
ok "a device is made for a guest by name" activate.sh --key 'note=a value' guest echo 3
is "with its key" "$(xenstore-read "/local/domain/0/backend/echo/$GUEST/3/note")" "a value"
bad 1 '/local/domain/0/backend/echo/.*/3 exists already' "$GUEST" echo 3
ok "and removed" activate.sh --remove guest echo 3
fails "nothing is left of it in front" 1 xenstore-exists "/local/domain/$GUEST/device/echo/3"
fails "nor in back" 1 xenstore-exists "/local/domain/0/backend/echo/$GUEST/3"
plan_tell dom0-ended
