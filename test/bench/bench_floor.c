// SPDX-License-Identifier: GPL-2.0
/*
 * bench_floor.c - the barest loop that reads a node: what no client can be faster than.
 *
 *   read ──▶ bytes into the request ring, prod, signal ──▶ store
 *     └── sleeps until the interrupt ◀── response ring ◀────┘
 *
 * No lock, no queue, no id that is looked at, no check of what the store says, no second caller; it
 * works in a lab and nowhere else. Inserted where nothing else is on the store's page; it leaves
 * the event channel open, as xs_attach.c does and for the same reason.
 *
 * One thread produces requests and consumes responses; the handler only wakes it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/string.h>
#include <xen/events.h>
#include <xen/hvm.h>
#include <xen/interface/io/xs_wire.h>
#include <xen/page.h>
#include <xen/xen.h>
#include "bench.h"

static const char path[] = BENCH_DIR "/value";

struct message {
	struct xsd_sockmsg hdr;
	char payload[32];
};

static struct xenstore_domain_interface *page;
static evtchn_port_t port;
static bool remapped;
static DECLARE_COMPLETION(signalled);

static irqreturn_t on_signal(int irq, void *dev)
{
	complete(&signalled);
	return IRQ_HANDLED;
}

static void put(const char *from, u32 len)
{
	u32 at = MASK_XENSTORE_IDX(page->req_prod), first = min(len, XENSTORE_RING_SIZE - at);

	memcpy(page->req + at, from, first);
	memcpy(page->req, from + first, len - first);
	virt_wmb();	/* the bytes before the index that tells of them */
	page->req_prod += len;
}

static void take(char *to, u32 len)
{
	u32 at = MASK_XENSTORE_IDX(page->rsp_cons), first = min(len, XENSTORE_RING_SIZE - at);

	while (READ_ONCE(page->rsp_prod) - page->rsp_cons < len)
		wait_for_completion(&signalled);
	virt_rmb();	/* the index before the bytes that it tells of */
	memcpy(to, page->rsp + at, first);
	memcpy(to + first, page->rsp, len - first);
	virt_mb();	/* the bytes are out before their room is given back */
	page->rsp_cons += len;
}

static int read_one(void *ctx)
{
	struct message msg = { .hdr = { .type = XS_READ, .len = sizeof(path) } };

	memcpy(msg.payload, path, sizeof(path));
	put((char *)&msg, sizeof(msg.hdr) + sizeof(path));
	notify_remote_via_evtchn(port);
	take((char *)&msg.hdr, sizeof(msg.hdr));
	if (msg.hdr.type != XS_READ || msg.hdr.len > sizeof(msg.payload))
		return -EPROTO;
	take(msg.payload, msg.hdr.len);
	return msg.hdr.len == strlen(BENCH_VALUE) ? 0 : -EPROTO;
}

static int attach_hvm(void)
{
	u64 pfn, at;
	int err = hvm_get_parameter(HVM_PARAM_STORE_PFN, &pfn);

	if (!err)
		err = hvm_get_parameter(HVM_PARAM_STORE_EVTCHN, &at);
	if (err)
		return err;
	port = at;
	page = memremap(pfn << XEN_PAGE_SHIFT, XEN_PAGE_SIZE, MEMREMAP_WB);
	remapped = true;
	return page ? 0 : -ENOMEM;
}

static void attach_pv(void)
{
	page = gfn_to_virt(xen_start_info->store_mfn);
	port = xen_start_info->store_evtchn;
}

static const struct bench_row all[] = {
	{ .name = "read", .ops = 1, .run = read_one },
};

static int __init bench_floor_init(void)
{
	int irq, err = 0;

	if (xen_pv_domain())
		attach_pv();
	else
		err = attach_hvm();
	if (err)
		return err;
	irq = irq_from_evtchn(port);
	if (irq < 0)
		irq = bind_evtchn_to_irq(port);
	err = irq < 0 ? irq : request_irq(irq, on_signal, 0, KBUILD_MODNAME, &page);
	if (!err) {
		err = bench_measure("floor", "", all, ARRAY_SIZE(all));
		free_irq(irq, &page);
	}
	if (remapped)
		memunmap(page);
	return err ? err : -ECANCELED;
}
module_init(bench_floor_init);

MODULE_DESCRIPTION("make bench: the barest loop that reads a node");
MODULE_AUTHOR("The xsfront developers");
MODULE_LICENSE("GPL");
