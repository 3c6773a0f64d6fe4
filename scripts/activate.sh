#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# activate.sh - make a device's nodes for a guest, front and back, or remove them. Runs in dom0,
# with the stock xenstore tools; plain sh, since a dom0 may have no more than that.
set -eu

usage() {
	cat <<-END
	usage: activate.sh [--key NAME=VALUE]... [--front-key NAME=VALUE]... GUEST TYPE ID
	       activate.sh --remove GUEST TYPE ID

	  GUEST  domid of the guest, or its name (looked up in the store)
	  TYPE   kind of device: echo, vbd, …
	  ID     its number: device/TYPE/ID in the guest

	Makes, with the permissions that both ends need,
	  /local/domain/GUEST/device/TYPE/ID            backend, backend-id, state = 1
	  /local/domain/SELF/backend/TYPE/GUEST/ID      frontend, frontend-id, online = 1, state = 1
	and with --key adds NAME = VALUE to the backend's, with --front-key to the frontend's.
	The states come last: the device is whole when a driver sees it. A device that exists is
	refused.
	--remove sets online = 0, has the backend close, waits for it (10 s) and removes both
	directories.

	exit: 0 done, 1 the store refused, 2 usage
	END
}

die() {
	code=$1
	shift
	echo "activate.sh: $*" >&2
	exit "$code"
}

number() {
	case $1 in
	'' | *[!0-9]*) return 1 ;;
	esac
}

domid_of() {
	if number "$1"; then
		echo "$1"
		return
	fi
	for id in $(xenstore-list /local/domain); do
		if [ "$(xenstore-read "/local/domain/$id/name" 2>/dev/null)" = "$1" ]; then
			echo "$id"
			return
		fi
	done
	return 1
}

remove=
keys=
front_keys=
while [ $# -gt 0 ]; do
	case $1 in
	-h | --help)
		usage
		exit 0
		;;
	--remove) remove=1 ;;
	--key | --front-key)
		[ $# -ge 2 ] || die 2 "$1 wants NAME=VALUE"
		case $2 in
		[a-zA-Z]*=*) ;;
		*) die 2 "'$2' is not NAME=VALUE" ;;
		esac
		if [ "$1" = --key ]; then
			keys="$keys$2
"
		else
			front_keys="$front_keys$2
"
		fi
		shift
		;;
	-*) die 2 "no such option: $1 (try --help)" ;;
	*) break ;;
	esac
	shift
done
[ $# -eq 3 ] || die 2 "wants GUEST TYPE ID (try --help)"
case $2 in
'' | *[!a-zA-Z0-9_-]*) die 2 "'$2' is no device type" ;;
esac
number "$3" || die 2 "'$3' is no device number"
xenstore-exists / || die 1 "the store does not answer"
guest=$(domid_of "$1") || die 1 "there is no guest '$1'"
# What a guest that has gone left in the store can be removed by its domid.
[ -n "$remove" ] || xenstore-exists "/local/domain/$guest" ||
	die 1 "there is no guest with domid $guest"
self=$(xenstore-read domid 2>/dev/null) || self=0

front=/local/domain/$guest/device/$2/$3
back=/local/domain/$self/backend/$2/$guest/$3

# The backend writes its own state; wait for it by watch. Reading once before would race, so the
# watch (which fires once at once) is what triggers each look.
wait_closed() {
	fifo=$(mktemp -u)
	mkfifo "$fifo"
	timeout 10 xenstore-watch "$back/state" >"$fifo" &
	watcher=$!
	closed=1
	while read -r _; do
		case $(xenstore-read "$back/state" 2>/dev/null || echo gone) in
		6 | gone)
			closed=0
			break
			;;
		esac
	done <"$fifo"
	kill "$watcher" 2>/dev/null || true
	wait "$watcher" 2>/dev/null || true
	rm -f "$fifo"
	return "$closed"
}

if [ -n "$remove" ]; then
	xenstore-exists "$front" || xenstore-exists "$back" ||
		die 1 "there is no $2 device $3 in guest $guest"
	if xenstore-exists "$back/state"; then
		xenstore-write "$back/online" 0
		case $(xenstore-read "$back/state") in
		1 | 2 | 6) ;;	# nothing is mapped
		*)
			xenstore-write "$back/state" 5
			wait_closed ||
				echo "activate.sh: not Closed after 10 s; removed anyway" >&2
			;;
		esac
	fi
	for dir in "$front" "$back"; do
		! xenstore-exists "$dir" || xenstore-rm "$dir"
	done
	exit 0
fi

xenstore-exists "$back" && die 1 "$back exists already (--remove it first)"
xenstore-exists "$front" && die 1 "$front exists already (--remove it first)"
xenstore-write "$front" "" "$back" ""
xenstore-chmod "$front" "n$guest" "r$self"
xenstore-chmod "$back" "n$self" "r$guest"
xenstore-write "$back/frontend" "$front" "$back/frontend-id" "$guest" \
	"$back/online" 1
write_keys() { # DIR, and NAME=VALUE lines on stdin
	while IFS= read -r pair; do
		xenstore-write "$1/${pair%%=*}" "${pair#*=}"
	done
}
printf '%s' "$keys" | write_keys "$back"
printf '%s' "$front_keys" | write_keys "$front"
xenstore-write "$front/backend-id" "$self" "$front/state" 1 "$front/backend" "$back"
xenstore-write "$back/state" 1
