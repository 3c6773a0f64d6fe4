# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# guest.sh - run by test/packaging/run in a guest with Debian's kernel: what was installed in the
# clean Debian, loaded by its own kmod; and what such a kernel says to modules without a signature
# that it knows.
# shellcheck source-path=SCRIPTDIR/../lab
. ./lib.sh

EKEYREJECTED=129
in_debian() {
	kmod=$1
	shift
	chroot /debian "/usr/sbin/$kmod" "$@"
}
enforce=/sys/module/module/parameters/sig_enforce

mkdir -p /debian
ok "the Debian is unpacked" tar -xf debian.tar -C /debian
rm debian.tar
mount -t proc proc /debian/proc
mount -t sysfs sysfs /debian/sys
like "modprobe is kmod's" "$(in_debian modprobe --version)" '^kmod version'
ok "depmod" in_debian depmod
mark
ok "modprobe xsfront" in_debian modprobe xsfront
ok "the log says so" dmesg_has 'xsfront: attach share'
is "the store answers by its node" \
	"$(XENSTORED_PATH=/dev/xen/xsfront xenstore-read domid)" "$(xenstore-read domid)"
ok "the module has a sum of its sources" test -s /sys/module/xsfront/srcversion
is "the module that runs is the one that was installed" "$(cat /sys/module/xsfront/srcversion)" \
	"$(in_debian modinfo -F srcversion xsfront)"
ok "modprobe -r" in_debian modprobe -r xsfront
ok "with a parameter" in_debian modprobe xsfront timeout=7
is "it is set" "$(cat /sys/module/xsfront/parameters/timeout)" 7
ok "modprobe -r" in_debian modprobe -r xsfront

echo "# a kernel that enforces signatures"
ok "it does from now on" sh -c "echo 1 >$enforce && grep -q Y $enforce"
ok "Debian's own module is let in" modprobe xen-netfront
mark
fails "one without a signature is not" $EKEYREJECTED ./load xsfront.ko
ok "the log says why" dmesg_has 'Loading of unsigned module is rejected'
mark
fails "nor one signed with dkms's key, which the kernel does not know" $EKEYREJECTED ./load dkms.ko
ok "the log says why" dmesg_has 'Loading of module with unavailable key is rejected'
plan
