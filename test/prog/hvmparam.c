// SPDX-License-Identifier: GPL-2.0
/*
 * hvmparam.c - what a toolstack does to a guest's store page before the guest may use it. For dom0.
 *
 *   hvmparam DOMID get             prints STORE_PFN
 *   hvmparam DOMID set PFN         changes it
 *   hvmparam DOMID signal          signals the guest's end of the store's event channel
 *
 * Hypercalls by /dev/xen/privcmd, since the libraries for this are not for programs like this one.
 */
/* Without this Xen's headers give the hypercalls of 2006. */
#define __XEN_INTERFACE_VERSION__ 0x00040d00

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/sys/privcmd.h>

#define PORTS	4096

static int privcmd;
static void *arg;	/* a locked page: the hypervisor reads and writes it */

static long hypercall(int op, int cmd, void *data, size_t size)
{
	privcmd_hypercall_t call = { .op = op, .arg = { cmd, (uintptr_t)arg } };
	long ret;

	memcpy(arg, data, size);
	ret = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call);
	memcpy(data, arg, size);
	return ret;
}

static long param(int cmd, int domid, uint32_t index, uint64_t *value)
{
	struct xen_hvm_param p = { .domid = domid, .index = index, .value = *value };
	long ret = hypercall(__HYPERVISOR_hvm_op, cmd, &p, sizeof(p));

	*value = p.value;
	return ret;
}

/* dom0's own port whose other end is the guest's store port; xenstored has it. */
static int signal_store(int domid)
{
	struct evtchn_status s;
	struct evtchn_send send;
	uint64_t theirs = 0;
	unsigned int port;

	if (param(HVMOP_get_param, domid, HVM_PARAM_STORE_EVTCHN, &theirs) < 0)
		return -1;
	for (port = 1; port < PORTS; port++) {
		memset(&s, 0, sizeof(s));
		s.dom = DOMID_SELF;
		s.port = port;
		if (hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_status, &s, sizeof(s)) < 0)
			continue;
		if (s.status != EVTCHNSTAT_interdomain || s.u.interdomain.dom != domid ||
		    s.u.interdomain.port != theirs)
			continue;
		send.port = port;
		return hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send, sizeof(send));
	}
	return -1;
}

int main(int argc, char **argv)
{
	uint64_t value = 0;
	long ret = -1;
	int domid;

	if (argc < 3) {
		fprintf(stderr, "usage: hvmparam DOMID get|set PFN|signal\n");
		return 2;
	}
	domid = atoi(argv[1]);
	privcmd = open("/dev/xen/privcmd", O_RDWR);
	arg = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	if (privcmd < 0 || arg == MAP_FAILED) {
		perror("hvmparam");
		return 1;
	}
	if (!strcmp(argv[2], "get")) {
		ret = param(HVMOP_get_param, domid, HVM_PARAM_STORE_PFN, &value);
		printf("%#llx\n", (unsigned long long)value);
	} else if (!strcmp(argv[2], "set") && argc == 4) {
		value = strtoull(argv[3], NULL, 0);
		ret = param(HVMOP_set_param, domid, HVM_PARAM_STORE_PFN, &value);
	} else if (!strcmp(argv[2], "signal")) {
		ret = signal_store(domid);
	}
	if (ret < 0)
		perror("hvmparam");
	return ret < 0;
}
