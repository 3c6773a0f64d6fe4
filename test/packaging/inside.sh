#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# inside.sh - run by test/packaging/run as root in a clean Debian that has dkms and the headers of
# two kernels, with the sources in /root/xsfront. Prints TAP, and leaves in /root/out what a guest
# is to load.
#
# shellcheck disable=SC2015 # ok and not ok print, and do not fail
set -u
cd /root/xsfront || exit 1
out=/root/out
count=0 failed=0
mkdir -p $out
exec 3>&1 >/root/packaging.log 2>&1

# ok TEXT CMD…: a TAP line; what the command said comes with it when it has failed.
ok() {
	local text=$1 log=/root/said
	shift
	count=$((count + 1))
	if "$@" >$log 2>&1; then
		echo "ok - $text" >&3
	else
		failed=$((failed + 1))
		{
			echo "not ok - $text"
			tail -n 25 $log | sed 's/^/# /'
		} >&3
	fi
	cat $log
}
no() { ! "$@"; }

# The file that modprobe would take for a kernel.
chosen() {
	modprobe -S "$1" --show-depends xsfront |
		sed -n 's/^insmod \([^ ]*xsfront\.ko[^ ]*\).*/\1/p'
}
is_below() {
	chosen "$1"
	[[ $(chosen "$1") == "/lib/modules/$1/$2/"* ]]
}
made_for() { modinfo -k "$1" -F vermagic xsfront | grep "^$1 "; }
signed() { modinfo -k "$1" -F signer xsfront | grep .; }

version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' dkms.conf)
releases=$(cd /lib/modules && echo ./*/build | sed 's|\./||g; s|/build||g')
ok "there are headers of two kernels: $releases" test "$(echo "$releases" | wc -w)" -eq 2

# Where a kernel itself is installed this has been done; dkms asks for it, and has its reasons.
for release in $releases; do depmod "$release"; done

ok "dkms add" dkms add .
for release in $releases; do
	ok "$release: dkms install" dkms install "xsfront/$version" -k "$release"
	ok "$release: it was built for that kernel" made_for "$release"
	ok "$release: modprobe finds it where dkms puts modules" is_below "$release" updates/dkms
	ok "$release: dkms has signed it" signed "$release"
	case $(chosen "$release") in
	*.xz) xz -dc "$(chosen "$release")" ;;
	*) cat "$(chosen "$release")" ;;
	esac >$out/dkms-"$release".ko
done
ok "dkms status names both" test "$(dkms status xsfront | grep -c installed)" -eq 2
ok "dkms remove" dkms remove "xsfront/$version" --all
for release in $releases; do
	ok "$release: nothing of it is left" no modprobe -S "$release" --show-depends xsfront
done

for release in $releases; do
	ok "$release: make install" make "KDIR=/lib/modules/$release/build" install
	ok "$release: modprobe finds it" test -n "$(chosen "$release")"
	ok "$release: it was built for that kernel" made_for "$release"
	ok "$release: make clean" make "KDIR=/lib/modules/$release/build" clean
done

# A Debian of a few files for the guest: kmod with what it needs, and what was installed.
small=/root/small
mkdir -p $small/{proc,sys,dev,etc,tmp,usr/bin,usr/sbin,lib64}
# kmod asks for liblzma when it meets a packed module, and not before: xz has it on its list.
files="/bin/bash /bin/kmod $(ldd /bin/bash /bin/kmod /bin/xz | grep -o '/lib[^ ]*\.so[^ ]*' |
	sort -u)"
for file in $files; do
	mkdir -p "$small/$(dirname "$file")"
	cp -L "$file" "$small/$file"
done
for name in modprobe depmod insmod rmmod lsmod modinfo; do
	ln -s /bin/kmod $small/usr/sbin/$name
done
[ ! -d /etc/modprobe.d ] || cp -a /etc/modprobe.d $small/etc/
for release in $releases; do
	mkdir -p "$small/lib/modules/$release"
	cp -a /lib/modules/"$release"/{modules.*,updates} "$small/lib/modules/$release/"
done
tar -cf $out/debian.tar -C $small .
cp /root/packaging.log $out/
echo "1..$count" >&3
[ $failed -eq 0 ]
