#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Modules build with W=1 and sparse without a warning.
cd "$(dirname "$0")/../.." || exit 1
. test/static/lib.sh

out=$(strict_build)
status=$?
if [ $status = 77 ]; then skip "$out"; fi
if [ $status != 0 ] || grep -q 'warning:' <<<"$out"; then
	echo "$out"
	exit 1
fi
