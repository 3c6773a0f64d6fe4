#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The tool finds nothing in any shell script of ours. Guests have busybox sh, which is POSIX with
# "local". Left out, since they only guess: $ within single quotes, sets given to tr, and names
# that look like other names.
cd "$(dirname "$0")/../.." || exit 1
. test/static/lib.sh

need shellcheck
need git
bad=0
count=0
while IFS= read -r file; do
	count=$((count + 1))
	case $file in
	scripts/xslab/guest/* | test/lab/*.sh) shell=(-s dash -e SC3043) ;;
	*) shell=() ;;
	esac
	shellcheck -x -e SC1091,SC2016,SC2020,SC2153 "${shell[@]}" "$file" || bad=1
done < <(shell_files)
echo "$count scripts looked at"
[ $count -gt 0 ] || bad=1
exit $bad
