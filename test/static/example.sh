#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The listing in doc/frontend.md is the file that is built and run, and 60 lines of code long.
cd "$(dirname "$0")/../.." || exit 1

file=test/example/ping_front.c
awk '/^```c$/ { show = 1; next } /^```$/ { show = 0 } show' doc/frontend.md |
	diff -u - "$file" || exit 1
lines=$(sed -n '/^struct ping {/,$p' "$file" | grep -cv '^$')
echo "$lines lines from its first struct to its end"
[ "$lines" -le 60 ]
