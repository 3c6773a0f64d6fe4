# SPDX-License-Identifier: GPL-2.0
# lib.sh - what the static checks share. Sourced with the repository's top as working directory.
# shellcheck shell=bash

skip() {
	echo "$*"
	exit 77
}

need() {
	command -v "$1" >/dev/null || skip "no $1 here"
}

# Kernel headers to build against: $KDIR, those of the lab's cache (its usual kernel's before
# others that were fetched for more), those of the host.
kernel_headers() {
	local dir cache=${XSFRONT_CACHE:-.cache}

	for dir in "${KDIR:-}" "$cache"/trees/headers-6.1/usr/src/linux-headers-*-amd64 \
		"$cache"/trees/headers-*/usr/src/linux-headers-*-amd64 \
		"$cache"/headers-*/usr/src/linux-headers-*-amd64 /lib/modules/*/build; do
		if [ -n "$dir" ] && [ -e "$dir/Makefile" ]; then
			(cd "$dir" && pwd)
			return
		fi
	done
	return 1
}

# Copies the module's sources, and those of the test modules, to a place of their own and builds
# them as strictly as kbuild can: W=1 and sparse, with every warning an error. Prints what is wrong.
# One build at a time; what did not change is not compiled again.
strict_build() {
	local headers copy=build/test/strict dir cc=gcc file

	headers=$(kernel_headers) || skip "no kernel headers: set KDIR, or run scripts/lab fetch"
	need sparse
	need make
	if command -v gcc-12 >/dev/null; then cc=gcc-12; fi
	mkdir -p "$copy"
	exec 9>"$copy/.lock"
	flock 9
	while IFS= read -r file; do
		mkdir -p "$copy/$(dirname "$file")"
		cmp -s "$file" "$copy/$file" || cp "$file" "$copy/$file"
	done < <(module_sources)
	# what has gone from the tree must not help the copy to build
	(cd "$copy" && find . -name '*.[ch]' ! -name '*.mod.c') | while IFS= read -r file; do
		[ -e "$file" ] || rm -f "$copy/$file"
	done
	for dir in . test/*/; do
		[ -e "$dir/Kbuild" ] || continue
		make -s -C "$headers" M="$PWD/$copy/${dir%/}" CC=$cc W=1 C=2 CHECK=sparse \
			CF="-D__CHECK_ENDIAN__ -Wsparse-error" KCFLAGS=-Werror \
			KBUILD_EXTRA_SYMBOLS="$(symbols "$dir" "$copy")" modules 2>&1 || return 1
	done
	flock -u 9
}

module_sources() {
	local dir

	ls Kbuild ./*.c ./*.h include/*.h
	for dir in test/*/; do
		[ -e "$dir/Kbuild" ] || continue
		find "$dir" -maxdepth 1 -name '*.[ch]' -o -name Kbuild
	done
}

symbols() {
	if [ "$1" != . ]; then echo "$PWD/$2/Module.symvers"; fi
}

# Every file of ours that begins with a shell's name, or ends in .sh.
shell_files() {
	local file

	git ls-files -co --exclude-standard | while IFS= read -r file; do
		[ -f "$file" ] || continue
		case $file in
		*.sh) echo "$file" ;;
		*) head -n1 "$file" | tr -d '\0' | grep -qE '^#!.*\b(ba|da)?sh\b' && echo "$file" ;;
		esac
	done
}
