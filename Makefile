# SPDX-License-Identifier: GPL-2.0
# For people; what kbuild makes is in Kbuild. `make help` lists the targets.

KDIR ?= /lib/modules/$(shell uname -r)/build
T ?=
MIN ?= 10
SEED ?= 1

.PHONY: modules demo test check lab debug coverage matrix soak packaging bench mutate install \
	clean help

modules:
	@test -e $(KDIR)/Makefile || { echo "no kernel headers at $(KDIR):" \
		"apt-get install linux-headers-$$(uname -r), or make KDIR=…" >&2; exit 2; }
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

demo:
	@scripts/host-deps lab
	@scripts/demo

test:
	@scripts/host-deps lab test versions
	@test/run all

check:
	@scripts/host-deps test
	@test/run check

lab:
	@test -n "$(T)" || { echo "usage: make lab T=name; names:" >&2; \
		test/run --list lab | sed -n "s/^lab //p" >&2; exit 2; }
	@test/run lab $(T)

matrix:
	@scripts/host-deps lab test versions \
		$(if $(T),$(patsubst arm64:%,arm64,$(filter arm64 arm64:%,$(T))),arm64)
	@test/matrix $(T)

soak:
	@scripts/host-deps lab test
	@test/soak/run --minutes $(MIN) --seed $(SEED) $(T)

packaging:
	@scripts/host-deps lab packaging kernels
	@test/packaging/run $(T)

debug:
	@scripts/host-deps lab test kernels
	@test/run debug $(T)

coverage:
	@scripts/host-deps lab test kernels
	@test/coverage/run $(T)

bench:
	@scripts/host-deps lab bench
	@test/bench/run $(T)

mutate:
	@scripts/host-deps test
	@test/mutate/run $(T)

install: modules
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install
	@# Debian's headers have no System.map, and without that kbuild leaves this to others.
	PATH="$$PATH:/usr/sbin:/sbin" depmod -b "$(INSTALL_MOD_PATH)/" \
		"$$(cat $(KDIR)/include/config/kernel.release)"

clean:
	@if test -e $(KDIR)/Makefile; then $(MAKE) -C $(KDIR) M=$(CURDIR) clean; fi
	rm -rf build

help:
	@echo 'make            xsfront.ko for the running kernel (KDIR=… for another)'
	@echo 'make demo       the split-driver handshake, in a real Xen guest, on this machine'
	@echo 'make test       all tests; up to 30 minutes'
	@echo 'make check      the quick ones of those that need no guest; under 2 minutes'
	@echo 'make lab T=name one test in the lab'
	@echo 'make matrix     the tests with other versions of Linux, of Xen, and on Arm (T=name)'
	@echo 'make soak       guests at work for MIN minutes, by SEED (T=own or share)'
	@echo 'make packaging  DKMS, make install, modprobe and signatures in a clean Debian'
	@echo 'make debug      the lab tests under debug kernels, and seeded bugs (T=name)'
	@echo 'make coverage   which lines of the glue lab tests run, by gcov (T=test)'
	@echo 'make bench      speed beside the kernel: table, build/bench.json, .svg (T=row)'
	@echo 'make mutate     change the pure files a little; a test has to notice (T=file)'
	@echo 'make install    xsfront.ko into /lib/modules, for modprobe'
	@echo 'make clean      remove what was built (the lab keeps its cache in .cache/)'
