#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Rules of our own, for what compilers do not see: test/static/cocci/*.cocci. Each finds just the
# lines of test/static/bad/NAME.c that say BAD, and none in the module.
cd "$(dirname "$0")/../.." || exit 1
. test/static/lib.sh

need spatch

# What a rule finds and is none. A rule knows no values: RULE FILE FUNCTION, why.
allowed='
listed xs_front.c xs_front_register	it is listed only where err is 0
'

find_by() {
	{
		timeout 300 spatch --very-quiet --timeout 60 \
			--cocci-file "test/static/cocci/$1.cocci" "${@:2}" 2>&1 ||
			echo "$1: spatch has ended with $?"
	} | sort -u
}

# The function around a line.
function_of() {
	head -n "$2" "$1" | sed -n 's/^[a-z].*[ *]\([a-z_0-9]*\)(.*/\1/p' | tail -n 1
}

bad=0
count=0
used=
for rule in test/static/cocci/*.cocci; do
	name=$(basename "$rule" .cocci)
	count=$((count + 1))
	want=$(grep -n BAD "test/static/bad/$name.c" | cut -d: -f1)
	got=$(find_by "$name" "test/static/bad/$name.c" |
		sed -n 's/^[^:]*:\([0-9]*\): .*/\1/p' | sort -nu)
	if [ -z "$want" ] || [ "$got" != "$want" ]; then
		echo "$name: bad are ${want//$'\n'/ } in bad/$name.c, it finds ${got//$'\n'/ }"
		bad=1
	fi
	while IFS= read -r line; do
		file=${line%%:*}
		number=${line#*:}
		key="$name $file $(function_of "$file" "${number%%:*}")"
		if grep -q "^$key	" <<<"$allowed"; then
			used="$used$key
"
		else
			echo "$line"
			bad=1
		fi
	done < <(find_by "$name" ./*.c | sed 's#^\./##' | grep .)
done
while IFS= read -r line; do
	if [ -n "$line" ] && ! grep -qF "${line%%	*}" <<<"$used"; then
		echo "is allowed and not there any more: $line"
		bad=1
	fi
done <<<"$allowed"
echo "$count rules"
[ "$count" -gt 0 ] || bad=1
exit $bad
