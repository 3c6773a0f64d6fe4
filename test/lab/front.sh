# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# front.sh - devices by hand, from dom0, for lab tests: no backend's driver is behind them.
#
#   device TYPE ID [KEY=VALUE]…    lines for "front_dom0 batch" that make both directories. KEY is
#                                  the backend's; front.KEY the front's; front.perms and back.perms
#                                  are permissions with '+' between them; a KEY= is left out
#   back TYPE ID KEY [VALUE]       writes a key of the backend's, or prints it
#   drop_device TYPE ID            removes both directories

front_of() { echo "/local/domain/$GUEST/device/$1/$2"; }
back_of() { echo "/local/domain/0/backend/$1/$GUEST/$2"; }

# All that a device has where nothing else is said, the backend's path last: then it is whole.
device() {
	lab_front=$(front_of "$1" "$2")
	lab_back=$(back_of "$1" "$2")
	shift 2
	printf '%s\n' "front.perms=n$GUEST+r0" "back.perms=n0+r$GUEST" "frontend=$lab_front" \
		"frontend-id=$GUEST" online=1 state=1 front.backend-id=0 front.state=1 \
		"front.backend=$lab_back" "$@" |
		awk -F= -v front="$lab_front" -v back="$lab_back" '
			{
				if (!($1 in value)) order[++n] = $1
				value[$1] = substr($0, length($1) + 2)
			}
			function perms(key) {
				gsub(/[+]/, " ", value[key])
				return value[key]
			}
			END {
				print "w " front " "
				print "w " back " "
				print "p " front " " perms("front.perms")
				print "p " back " " perms("back.perms")
				for (i = 1; i <= n; i++) {
					key = order[i]
					if (key ~ /perms$/ || value[key] == "") continue
					if (key == "front.backend") continue
					if (sub(/^front[.]/, "", key))
						print "w " front "/" key " " value["front." key]
					else
						print "w " back "/" key " " value[key]
				}
				if (value["front.backend"] != "")
					print "w " front "/backend " value["front.backend"]
			}'
}

back() {
	if [ $# -eq 4 ]; then
		xenstore-write "$(back_of "$1" "$2")/$3" "$4"
	else
		xenstore-read "$(back_of "$1" "$2")/$3"
	fi
}

drop_device() { xenstore-rm "$(front_of "$1" "$2")" "$(back_of "$1" "$2")"; }
