#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# slow
# The kernel's checkpatch, strict, has nothing to say but what is allowed here, file by file.
cd "$(dirname "$0")/../.." || exit 1
. test/static/lib.sh

need perl
tool=$(test/proof/tools checkpatch) || skip "$tool"

# TYPE FILES	why; what is allowed and not there any more is a fault, too.
allowed='
LONG_LINE_COMMENT *	it counts bytes; style.sh counts columns
CAMELCASE *	names of Xen
SPLIT_STRING *	messages that are longer than a line
UNCOMMENTED_DEFINITION *	what a lock guards is said in the comment above the struct
LINUX_VERSION_CODE xs_compat.h	the one place for versions
CONSTANT_COMPARISON xs_compat.h	it takes KERNEL_VERSION() for a variable
CONSTANT_COMPARISON xs_frames.c	two constants
DEPRECATED_API xs_compat.h	what old kernels have
STATIC_CONST_CHAR_ARRAY xs_compat.h	a type that kernels differ in
PREFER_KERNEL_TYPES xs_port.h	the half for user space
VOLATILE xs_port.h	READ_ONCE() for user space
MEMORY_BARRIER xs_port.h	defined here, not used
MEMORY_BARRIER xs_echo.c	said above the function
WAITQUEUE_ACTIVE xs_client.c	said at xs_client_quiet(): the lock is the barrier
REPEATED_WORD *	English
LINE_SPACING xs_frames.c	an initialiser, not a declaration
MULTIPLE_ASSIGNMENTS xs_life.c	three counters to 0
ENOSYS *	a server that does not know a request says so
COMPLEX_MACRO xs_frames.h	lists for the tracepoints
PARENTHESIS_ALIGNMENT xs_trace.h	TRACE_EVENT()
OPEN_ENDED_LINE xs_trace.h	TRACE_EVENT()
MACRO_ARG_REUSE include/xsfront.h	a loop over a list, as its like
'

bad=0
seen=
while IFS= read -r line; do
	file=${line%%:*}		# FILE:LINE: LEVEL:TYPE: words
	type=${line#*: *:}
	type=${type%%:*}
	if grep -q "^$type $file	" <<<"$allowed"; then
		seen="$seen$type $file
"
	elif grep -q "^$type \*	" <<<"$allowed"; then
		seen="$seen$type *
"
	else
		echo "$line"
		bad=1
	fi
done < <(perl "$tool" --no-tree --strict --terse --show-types -f ./*.c ./*.h include/*.h 2>&1 |
	sed 's#^\./##' | grep -v '^total:')
while IFS= read -r line; do
	if [ -n "$line" ] && ! grep -qxF "${line%%	*}" <<<"$seen"; then
		echo "is allowed and not there any more: $line"
		bad=1
	fi
done <<<"$allowed"
exit $bad
