// SPDX-License-Identifier: GPL-2.0
/*
 * leftovers.ko - leaves the store as a client does that has died: run at insmod, which always fails
 * with ECANCELED. For test/lab/unclean.sh.
 *
 * It asks for a watch, for some transactions and for some values, waits until all the answers are
 * in the ring, takes a few bytes of them, so that the next client finds the middle of a message,
 * and goes. Nobody else may be on the store page meanwhile.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/string.h>
#include <xen/hvm.h>
#include <xen/interface/event_channel.h>
#include <xen/interface/io/xs_wire.h>
#include <xen/page.h>
#include <xen/xen.h>
#include <asm/xen/hypercall.h>

#define TRANSACTIONS	9
#define READS		5
#define TAKE		21	/* the first answer and a part of the second message */
#define PATIENCE_MS	10000

static struct xenstore_domain_interface *page;
static evtchn_port_t port;
static bool remapped;

static int find_page(void)
{
	u64 pfn = 0, channel = 0;

	if (xen_pv_domain()) {
		page = gfn_to_virt(xen_start_info->store_mfn);
		port = xen_start_info->store_evtchn;
		return 0;
	}
	if (hvm_get_parameter(HVM_PARAM_STORE_PFN, &pfn) ||
	    hvm_get_parameter(HVM_PARAM_STORE_EVTCHN, &channel))
		return -ENODEV;
	port = (evtchn_port_t)channel;
	page = memremap(pfn << XEN_PAGE_SHIFT, XEN_PAGE_SIZE, MEMREMAP_WB);
	remapped = true;
	return page ? 0 : -ENOMEM;
}

static void put(const void *from, u32 len)
{
	const char *bytes = from;
	u32 prod = page->req_prod, i;

	for (i = 0; i < len; i++)
		page->req[MASK_XENSTORE_IDX(prod + i)] = bytes[i];
	virt_wmb();
	page->req_prod = prod + len;
}

static void ask(u32 type, u32 id, const char *payload, u32 len)
{
	struct xsd_sockmsg hdr = { .type = type, .req_id = id, .len = len };

	put(&hdr, sizeof(hdr));
	put(payload, len);
}

static void signal_store(void)
{
	struct evtchn_send send = { .port = port };

	HYPERVISOR_event_channel_op(EVTCHNOP_send, &send);
}

static void copy_out(u32 at, void *to, u32 len)
{
	char *bytes = to;
	u32 i;

	for (i = 0; i < len; i++)
		bytes[i] = page->rsp[MASK_XENSTORE_IDX(at + i)];
}

/* Walks over the answers without taking them. Returns how many there are, events not counted. */
static int count_answers(u32 at)
{
	u32 end = READ_ONCE(page->rsp_prod);
	struct xsd_sockmsg hdr;
	int n = 0;

	virt_rmb();
	while (end - at >= sizeof(hdr)) {
		copy_out(at, &hdr, sizeof(hdr));
		if (end - at < sizeof(hdr) + hdr.len)
			break;
		if (hdr.type == XS_ERROR) {
			char name[16] = "";

			copy_out(at + sizeof(hdr), name, min_t(u32, hdr.len, sizeof(name) - 1));
			pr_info("request %u: %s\n", hdr.req_id, name);
		}
		n += hdr.type != XS_WATCH_EVENT;
		at += sizeof(hdr) + hdr.len;
	}
	return n;
}

static bool wait_for_answers(u32 from, int count)
{
	int ms;

	for (ms = 0; ms < PATIENCE_MS; ms += 10) {
		u32 before = READ_ONCE(page->rsp_prod);

		msleep(10);
		if (before != READ_ONCE(page->rsp_prod))
			continue;
		/* All the bytes of all answers, and the watch's first event has come with them. */
		if (ms % 100 == 0 && count_answers(from) == count)
			return true;
	}
	return false;
}

static int __init leftovers_init(void)
{
	static const char watch[] = "data\0predecessor";
	u32 id = 1, i, from;
	int err = find_page();

	if (err)
		return err;
	from = page->rsp_prod;	/* a predecessor may have left something, too */
	ask(XS_WATCH, id++, watch, sizeof(watch));
	for (i = 0; i < TRANSACTIONS; i++)
		ask(XS_TRANSACTION_START, id++, "", 1);
	for (i = 0; i < READS; i++)
		ask(XS_READ, id++, "domid", sizeof("domid"));
	signal_store();
	if (wait_for_answers(from, id - 1)) {
		virt_mb();
		page->rsp_cons += TAKE;
		signal_store();
		pr_info("%u bytes are left unread\n", page->rsp_prod - page->rsp_cons);
	} else {
		pr_info("%d answers of %u came\n", count_answers(from), id - 1);
	}
	if (remapped)
		memunmap(page);
	return -ECANCELED;
}
module_init(leftovers_init);

MODULE_DESCRIPTION("Leaves a store page as a client that has died");
MODULE_AUTHOR("The xsfront developers");
MODULE_LICENSE("GPL");
