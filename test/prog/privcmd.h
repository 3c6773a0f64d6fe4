/* SPDX-License-Identifier: GPL-2.0 */
/*
 * privcmd.h - hypercalls by /dev/xen/privcmd, for programs of dom0: the libraries for this are not
 * for programs like these. Included before all others of Xen.
 */
#ifndef PRIVCMD_H
#define PRIVCMD_H

/* Without this Xen's headers give the hypercalls of 2006. */
#define __XEN_INTERFACE_VERSION__ 0x00040d00

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/sys/privcmd.h>

#define PORTS	4096

static int privcmd;
static void *locked;		/* a page that stays: the hypervisor reads and writes it */

/* Returns false, with errno, where it cannot be had. */
static inline bool privcmd_open(void)
{
	privcmd = open("/dev/xen/privcmd", O_RDWR);
	locked = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	return privcmd >= 0 && locked != MAP_FAILED;
}

/* One command on one structure, @data. Returns what the hypervisor does; -1, with errno. */
static inline long hypercall(int op, int cmd, void *data, size_t size)
{
	privcmd_hypercall_t call = { .op = op, .arg = { cmd, (uintptr_t)locked, 1 } };
	long ret;

	memcpy(locked, data, size);
	ret = ioctl(privcmd, IOCTL_PRIVCMD_HYPERCALL, &call);
	memcpy(data, locked, size);
	return ret;
}

/* dom0's own port whose other end is a guest's, @theirs; -1 for none. xenstored has the store's. */
static inline int port_to(int domid, uint32_t theirs)
{
	struct evtchn_status s;
	unsigned int port;

	for (port = 1; port < PORTS; port++) {
		memset(&s, 0, sizeof(s));
		s.dom = DOMID_SELF;
		s.port = port;
		if (hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_status, &s, sizeof(s)) >= 0 &&
		    s.status == EVTCHNSTAT_interdomain && s.u.interdomain.dom == domid &&
		    s.u.interdomain.port == theirs)
			return (int)port;
	}
	return -1;
}

static inline long signal_port(int port)
{
	struct evtchn_send send = { .port = port };

	return hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, &send, sizeof(send));
}

#endif /* PRIVCMD_H */
