#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Every module says what it is, whose, under which license; every parameter has a description; and
# dkms.conf has the module's version.
cd "$(dirname "$0")/../.." || exit 1
. test/static/lib.sh

need objcopy
strict_build || exit 1

bad=0
found=0
for ko in build/test/strict/*.ko build/test/strict/test/*/*.ko; do
	[ -e "$ko" ] || continue
	found=$((found + 1))
	info=$(objcopy -O binary -j .modinfo "$ko" /dev/stdout | tr '\0' '\n')
	tags="description author license"
	if [ "${ko##*/}" = xsfront.ko ]; then tags="$tags version"; fi
	for tag in $tags; do
		if ! grep -q "^$tag=." <<<"$info"; then
			echo "${ko##*/}: no $tag"
			bad=1
		fi
	done
	while IFS= read -r parm; do
		if ! grep -q "^parm=$parm:." <<<"$info"; then
			echo "${ko##*/}: parameter $parm has no description"
			bad=1
		fi
	done < <(sed -n 's/^parmtype=\([^:]*\):.*/\1/p' <<<"$info")
done
if ! [ -e build/test/strict/xsfront.ko ]; then
	echo "xsfront.ko was not built"
	bad=1
elif ! objcopy -O binary -j .modinfo build/test/strict/xsfront.ko /dev/stdout | tr '\0' '\n' |
		grep -qx "version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' dkms.conf)"; then
	echo "dkms.conf has another version than xsfront.ko"
	bad=1
fi
echo "$found modules looked at"
exit $bad
