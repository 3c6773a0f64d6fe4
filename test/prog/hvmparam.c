// SPDX-License-Identifier: GPL-2.0
/*
 * hvmparam.c - what a toolstack does to a guest's store page before the guest may use it. For dom0.
 *
 *   hvmparam DOMID get             prints STORE_PFN
 *   hvmparam DOMID set PFN         changes it
 *   hvmparam DOMID signal          signals the guest's end of the store's event channel
 */
#include "privcmd.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

static long param(int cmd, int domid, uint32_t index, uint64_t *value)
{
	struct xen_hvm_param p = { .domid = domid, .index = index, .value = *value };
	long ret = hypercall(__HYPERVISOR_hvm_op, cmd, &p, sizeof(p));

	*value = p.value;
	return ret;
}

static long signal_store(int domid)
{
	uint64_t theirs = 0;
	int port;

	if (param(HVMOP_get_param, domid, HVM_PARAM_STORE_EVTCHN, &theirs) < 0)
		return -1;
	port = port_to(domid, theirs);
	return port < 0 ? -1 : signal_port(port);
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
	if (!privcmd_open()) {
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
