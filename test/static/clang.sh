#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# slow
# clang's analyzer finds nothing in the module: the files as kbuild compiles them, less the options
# that only gcc knows. And it does look: in test/static/bad/analyzer.c it finds what is there.
cd "$(dirname "$0")/../.." || exit 1
. test/static/lib.sh

clang=${CLANG:-$(command -v clang-14 || echo clang)}
need "$clang"
strict_build || exit 1
headers=$(kernel_headers) || skip "no kernel headers"
copy=$PWD/build/test/strict

# The compiler's line for a file, as an array: kbuild has left it beside the object.
options() {
	local word line

	words=()
	line=$(sed -n "1s/^[^=]*:= *//; s/ ;.*//; s/'//g; 1p" "$copy/.$1.o.cmd")
	for word in $line; do
		case $word in
		gcc* | -Wp,-MMD* | -W* | -c | -o | */"$1".o | */"$1".c) ;;
		-mfunction-return=* | -mindirect-branch* | -mharden-sls=* | -mpreferred-stack* | \
			-mskip-rax-setup | -mrecord-mcount | -fconserve-stack | -falign-* | \
			-fno-allow-store-data-races | -fno-ipa* | -fzero-call-used-regs* | \
			-ftrivial-auto-var-init* | -fsanitize=bounds-strict | -fplugin*) ;;
		*) words+=("$word") ;;
		esac
	done
}

# Prints what it finds in a file. What it finds in the kernel's headers, assembler above all that it
# cannot read, is not ours.
analyze() {
	(cd "$headers" && "$clang" --analyze -Xclang -analyzer-output=text -Wno-everything \
		"${words[@]}" -o /dev/null "$1" 2>&1)
}

bad=0
count=0
for object in "$copy"/.x*.o.cmd; do
	name=${object##*/.}
	name=${name%.o.cmd}
	case $name in *.mod) continue ;; esac
	[ -e "$copy/$name.c" ] || continue
	count=$((count + 1))
	options "$name"
	said=$(analyze "$copy/$name.c") || { echo "$name.c: $clang fails"; bad=1; }
	if grep -qE "^$copy/[^:]*:[0-9:]* (warning|error)|^[^ ]*: error:" <<<"$said"; then
		grep -E "^[^ ]*:[0-9:]* (warning|note|error)" <<<"$said"
		bad=1
	fi
done
echo "$count files looked at"
[ "$count" -ge 20 ] || bad=1

options xs_main
said=$(analyze "$PWD/test/static/bad/analyzer.c")
for what in "after it is freed" "null pointer" "uninitialized\|garbage"; do
	if ! grep -q "$what" <<<"$said"; then
		echo "it does not see: $what"
		bad=1
	fi
done
exit $bad
