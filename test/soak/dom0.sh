# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# dom0.sh SECONDS SEED SIDE - dom0's half of make soak: devices that stay, others that come and go,
# and writes to what the guest watches, for SECONDS of the machine's own time. Counts before, after.
# shellcheck source-path=SCRIPTDIR source-path=SCRIPTDIR/../lab
. ./lib.sh
. ./devices.sh
. ./soak.sh

seconds=$1 seed=$2 side=$3 guest=$GUEST
watched="/local/domain/$guest/data/soak-count"
wrong=''

in_use() {
	usage "$guest" | sed 's/^/guest-/'
	usage 0 | sed 's/^/dom0-/'
	echo "backends $(xenstore-ls /local/domain/0/backend | grep -c frontend-id)"
}

# act NAME=WORD CMD…: what is done, and whether it went well
act() {
	chosen "$1"
	lab_name=$1
	shift
	"$@" >said 2>&1 && return
	wrong="$wrong, but $lab_name at $(uptime) s"
	echo "# wrong: $lab_name"
	xenstore-ls "$(back_dir "$guest" vbd 51728)" >>said 2>&1
	xenstore-ls "/local/domain/$guest/device/vbd/51728" >>said 2>&1
	indent <said
}

act_by_chance() {
	pick cycles churn churn rewrite pause
	what=$picked
	die 100000
	case $what in
	cycles) act cycles=$((die % 5 + 1)) vbd_cycles "$guest" 51728 $((die % 5 + 1)) ;;
	churn) act churn=$die ./front_dom0 churn "$guest" $((die % 3 + 4)) $die ;;
	rewrite) act rewrite=$((die % 80 + 1)) ./rewrite "$watched" $((die % 80 + 1)) ;;
	pause) act pause=$((die * 20)) usleep $((die * 20)) ;;
	esac
}

make_watched() {
	xenstore-write "$watched" 0
	xenstore-chmod "$watched" n0 "r$guest"
}

# stretch NAME SECONDS: acts, and when both ends are at rest counts
stretch() {
	end=$(($(uptime) + $2))
	while [ "$(uptime)" -lt $end ]; do act_by_chance; done
	tell "over-$1"
	await "rest-$1" 300 || wrong="$wrong, but the guest has not come to rest"
	xenstore-rm "$watched"
	make_watched
	# Linux's xenbus keeps what it had to say of a device that went while it was being set up.
	xenstore-rm /local/domain/0/error 2>/dev/null
	xenstore-rm "$(sync_key "over-$1")" "$(sync_key "rest-$1")"
	xenstore-ls -f / | sed 's/ = .*//' >"$1.nodes"
	count "$1"
	tell "counted-$1"
}

make_watched
# What a guest may not read, for the test of errors in xs_test.ko.
xenstore-write "/local/domain/$guest/sealed" "dom0's"
xenstore-chmod "/local/domain/$guest/sealed" n0
insmod echo_back.ko
await ready
first=$(disk_image first.img 8)
second=$(disk_image second.img 4)
ok "an echo device is made" activate.sh "$guest" echo 255
ok "a disk is made" vbd_add "$guest" 51712 "$first"
ok "and another" vbd_add "$guest" 51728 "$second"
if [ "$side" = share ]; then
	third=$(disk_image third.img 4)
	ok "and one for the kernel's own driver" vbd_add "$guest" 51744 "$third"
fi
ok "it is Connected" reached "$guest" vbd 51728 4
stretch warm 5
stretch soak "$seconds"
ok "all that dom0 did was well$wrong" test -z "$wrong"
compare warm soak 1000
awk 'NR == FNR { was[$0]; next } !($0 in was) { print "# new in the store: " $0 }
	' warm.nodes soak.nodes
ok "the backend has not complained" dmesg_has_not 'fatal|rules|WARNING|BUG'
sed -n 's/^now at /# the clock: /p' /proc/timer_list
plan_tell dom0-ended
