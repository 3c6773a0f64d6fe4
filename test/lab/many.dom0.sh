# SPDX-License-Identifier: GPL-2.0
# many.dom0.sh - dom0's half of many.sh: a directory of 3000 names, then one more after the other,
# and then a change after the other.
# shellcheck source-path=SCRIPTDIR
. ./lib.sh

home=/local/domain/$GUEST
huge=$home/huge

# Names that dom0 makes below it are dom0's, as it is itself: they are not the guest's to pay for.
ok "the directory" xenstore-write "$huge" ""
ok "the guest's permissions for it" xenstore-chmod "$huge" n0 "r$GUEST"
first=0
while [ $first -lt 3000 ]; do
	pairs=$(seq $first $((first + 499)) | sed "s|.*|$huge/node-& x|")
	# shellcheck disable=SC2086 # words
	xenstore-write $pairs || break
	first=$((first + 500))
done
is "3000 names are made" "$first" 3000
tell made
ok "the guest has listed them" await grow 100
next=3000
until xenstore-exists "$(sync_key enough)" || [ $next -eq 3500 ]; do
	xenstore-write "$huge/node-$next" x || break
	next=$((next + 1))
done
echo "# $((next - 3000)) names more"
ok "the guest has seen it grow" await enough
./rewrite "$huge" &
writer=$!
tell restless
ok "the guest has tried to list it" await end
ok "it was changed up to then" kill $writer
wait $writer
plan_tell dom0-ended
