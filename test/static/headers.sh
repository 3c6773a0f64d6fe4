#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every header that the guests' programs include comes with a package that scripts/host-deps brings
# for the lab: on a machine where somebody once installed more, nothing else would miss it.
cd "$(dirname "$0")/../.." || exit 1
. test/static/lib.sh
set -o pipefail

need gcc
need dpkg-query
need git

# What gcc reads when it builds our programs, and which package each header is of.
read_by_programs() {
	local file

	while IFS= read -r file; do
		gcc -M -Iinclude "$file" || return 1
	done < <(git ls-files -co --exclude-standard 'test/prog/*.c') |
		tr -s ' ' '\n' | grep '^/' | sort -u
}

headers=$(read_by_programs) || exit 1
known=" $(sed -n 's/^lab .* //p' scripts/host-deps | tr '\n' ' ')"
known+=" linux-libc-dev " # of which libc6-dev has need
bad=0
count=0
for package in $(echo "$headers" | xargs -r realpath | xargs -r dpkg-query -S 2>/dev/null |
	sed 's/:.*//' | sort -u); do
	count=$((count + 1))
	case $package in libgcc-*-dev) continue ;; esac # gcc's own
	case $known in *" $package "*) continue ;; esac
	echo "scripts/host-deps lab does not name $package: of it are"
	echo "$headers" | xargs dpkg-query -S 2>/dev/null | grep "^$package:" | head -n 3
	bad=1
done
echo "$(echo "$headers" | wc -l) headers of $count packages"
[ $count -gt 2 ] || skip "the headers here are not of Debian's packages"
exit $bad
