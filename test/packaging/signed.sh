# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# signed.sh - run by test/packaging/run in a guest whose kernel takes nothing but modules that are
# signed with a key of its own: which of ours it takes.
# shellcheck source-path=SCRIPTDIR/../lab
. ./lib.sh

EKEYREJECTED=129

# refused TEXT FILE REGEX: and the log says so
refused() {
	mark
	fails "$1 is refused" $EKEYREJECTED ./load "$2"
	ok "and the log says why" dmesg_has "$3"
}

refused "one without a signature" xsfront.ko 'Loading of unsigned module is rejected'
refused "one signed with another key" other.ko \
	'Loading of module with unavailable key is rejected'
# A byte of its code, far from either end.
cp signed.ko damaged.ko
printf '\125' | dd of=damaged.ko bs=1 seek=$(($(stat -c %s signed.ko) / 3)) conv=notrunc 2>/dev/null
fails "cmp sees that a byte was changed" 1 cmp signed.ko damaged.ko
fails "the signed one with a byte changed is refused" $EKEYREJECTED ./load damaged.ko
mark
ok "the signed one is loaded" insmod signed.ko
ok "and the log says so" dmesg_has 'xsfront: attach own'
ok "the store answers" xenstore-read domid
ok "rmmod" rmmod xsfront
plan
