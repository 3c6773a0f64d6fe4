#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# cppcheck finds nothing in the module and the test modules.
cd "$(dirname "$0")/../.." || exit 1
. test/static/lib.sh

need cppcheck
files=(./*.c)
for dir in test/*/; do
	if [ -e "$dir/Kbuild" ]; then files+=("$dir"*.c); fi
done
# Kernel headers are not given: what they define is unknown to it, and kern.cfg names what matters.
cppcheck --enable=warning,portability,performance,style --std=c11 --inline-suppr --quiet \
	--library=test/static/kern.cfg -D__KERNEL__ -DCONFIG_X86 -DCONFIG_BLOCK \
	-I. -Iinclude --error-exitcode=1 \
	--suppress=missingInclude --suppress=unmatchedSuppression --suppress=variableScope \
	--template='{file}:{line}: {severity} {id}: {message}' "${files[@]}"
