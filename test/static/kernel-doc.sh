#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The kernel's own kernel-doc reads every comment of ours without a warning.
cd "$(dirname "$0")/../.." || exit 1
. test/static/lib.sh

need perl
tool=
for at in /usr/lib/linux-kbuild-*/scripts/kernel-doc \
	"${XSFRONT_CACHE:-.cache}"/trees/headers-*/usr/lib/linux-kbuild-*/scripts/kernel-doc; do
	if [ -e "$at" ]; then tool=$at; fi
done
[ -n "$tool" ] || skip "no kernel-doc: it comes with linux-kbuild, or by scripts/lab fetch"

bad=0
for file in *.c *.h include/*.h; do
	perl "$tool" -none -Werror "$file" 2>&1 || bad=1
done
exit $bad
