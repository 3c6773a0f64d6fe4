// SPDX-License-Identifier: GPL-2.0
/*
 * xs_attach.c - the store page and its event channel. See xs_attach.h.
 *
 * A guest is given one page and one channel for its whole life, and two clients on them tear each
 * other's messages. So the first question is whether the kernel's own xenbus is on them already:
 * where it is not they are ours alone ("own"), where it is we slide under it ("share", xs_share.c).
 *
 * Where they are: PV: in start_info. PVH, HVM, Arm: in the HVM parameters STORE_PFN and
 * STORE_EVTCHN (xen/include/public/hvm/params.h). A dom0less guest may be started before its page
 * exists: STORE_PFN is 0 or ~0 until the toolstack has made it and signals the channel.
 *
 * Letting go must leave the channel open, since nothing can open it again for this guest.
 * unbind_from_irqhandler() closes it. So only the handler is taken off: free_irq() masks the
 * channel, which stays bound to its interrupt number, where the next one to attach finds it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <xen/events.h>
#include <xen/hvm.h>
#include <xen/page.h>
#include <xen/xen.h>
#include "xs_attach.h"
#include "xs_compat.h"

static irqreturn_t store_appeared(int irq, void *dev)
{
	complete(dev);
	return IRQ_HANDLED;
}

static bool is_pfn(u64 pfn)
{
	return pfn != 0 && pfn != ~0ULL;
}

/* Waits for the toolstack to say where the page is. Returns 0 with *pfn, or a negative errno. */
static int wait_for_pfn(struct xs_attach *at, unsigned long deadline, u64 *pfn)
{
	DECLARE_COMPLETION_ONSTACK(appeared);
	long left;
	int err;

	pr_info("the store page does not exist yet: waiting for it\n");
	err = xs_attach_listen(at, store_appeared, &appeared);
	if (err)
		return err;
	for (;;) {
		err = hvm_get_parameter(HVM_PARAM_STORE_PFN, pfn);
		if (err || is_pfn(*pfn))
			break;
		left = (long)(deadline - jiffies);
		if (left > 0)
			left = wait_for_completion_killable_timeout(&appeared, left);
		if (left <= 0) {
			err = left < 0 ? -EINTR : -ETIMEDOUT;
			break;
		}
	}
	xs_attach_deafen(at, &appeared);
	if (err == -ETIMEDOUT)
		pr_err("the store page has not appeared in time: no toolstack serves this guest\n");
	return err;
}

static int find_hvm(struct xs_attach *at, unsigned long deadline)
{
	u64 port = 0, pfn = 0;
	int err;

	err = hvm_get_parameter(HVM_PARAM_STORE_EVTCHN, &port);
	if (!err && !port) {
		pr_err("this guest has no event channel to the store\n");
		err = -ENODEV;
	}
	if (err)
		return err;
	at->port = (evtchn_port_t)port;
	err = hvm_get_parameter(HVM_PARAM_STORE_PFN, &pfn);
	if (!err && !is_pfn(pfn))
		err = wait_for_pfn(at, deadline, &pfn);
	if (err)
		return err;
	at->page = memremap(pfn << XEN_PAGE_SHIFT, XEN_PAGE_SIZE, MEMREMAP_WB);
	if (!at->page) {
		pr_err("cannot map the store page at guest frame %#llx\n", pfn);
		return -ENOMEM;
	}
	at->remapped = true;
	return 0;
}

#ifdef CONFIG_XEN_PV
static int find_pv(struct xs_attach *at)
{
	if (!xen_start_info->store_mfn || !xen_start_info->store_evtchn) {
		pr_err("start_info names no store page: this guest was given none\n");
		return -ENODEV;
	}
	at->page = gfn_to_virt(xen_start_info->store_mfn);
	at->port = xen_start_info->store_evtchn;
	return 0;
}
#else
static int find_pv(struct xs_attach *at)
{
	return -ENODEV;
}
#endif

/**
 * xs_attach_choose() - which way onto the store page?
 * @asked: what the user wants
 *
 * Return: XS_WAY_OWN or XS_WAY_SHARE; -ENODEV when not on Xen, when the store runs in this very
 * domain, and when there is no kernel's xenbus to share with; -EBUSY when the page is to be ours
 * alone and the kernel's xenbus is on it. Each is said in one line.
 */
int xs_attach_choose(enum xs_way asked)
{
	bool up = xen_store_domain_type != XS_KERNEL_XENBUS_DOWN;

	if (!xen_domain()) {
		pr_err("not a Xen guest\n");
		return -ENODEV;
	}
	if (xen_initial_domain() || xen_store_domain_type == XS_KERNEL_XENBUS_LOCAL) {
		pr_err("the store runs in this domain: xsfront is for guests\n");
		return -ENODEV;
	}
	if (asked == XS_WAY_OWN && up) {
		pr_err("attach=own: the kernel's own xenbus is up: "
		       "boot with initcall_blacklist=xenbus_init\n");
		return -EBUSY;
	}
	if (asked == XS_WAY_SHARE && !up) {
		pr_err("attach=share: the kernel's own xenbus is down: "
		       "there is nothing to share\n");
		return -ENODEV;
	}
	return up ? XS_WAY_SHARE : XS_WAY_OWN;
}

/**
 * xs_attach_own() - take the store page for ourselves alone
 * @at: filled in
 * @deadline: when to give up waiting for a page that does not exist yet, in jiffies
 *
 * Context: may sleep. xs_attach_choose() has said that it is free.
 *
 * Return: 0; -ENODEV when the guest was given no store; -ETIMEDOUT or -EINTR while waiting for the
 * page; -ENOMEM when it cannot be mapped. Each is said in one line.
 */
int xs_attach_own(struct xs_attach *at, unsigned long deadline)
{
	memset(at, 0, sizeof(*at));
	return xen_pv_domain() ? find_pv(at) : find_hvm(at, deadline);
}

/**
 * xs_attach_listen() - have a handler called when the server signals
 * @at: a hold
 * @handler: called in hard interrupt context
 * @dev: handed to @handler
 *
 * Return: 0 or a negative errno from the interrupt layer; -EBUSY when somebody else listens.
 */
int xs_attach_listen(struct xs_attach *at, irq_handler_t handler, void *dev)
{
	int irq = (int)irq_from_evtchn(at->port);
	int err;

	/*
	 * A predecessor may have left the channel bound: see the top of this file. On Arm even to
	 * interrupt 0, which is one like any other there. Bound and requested in two steps, since
	 * bind_evtchn_to_irqhandler() closes the channel when it fails.
	 */
	if (irq < 0)
		irq = bind_evtchn_to_irq(at->port);
	err = irq < 0 ? irq : request_irq(irq, handler, 0, KBUILD_MODNAME, dev);
	if (err) {
		pr_err("cannot listen on the store's event channel %u: error %d\n", at->port, err);
		return err;
	}
	at->irq = irq;
	return 0;
}

/**
 * xs_attach_deafen() - the mirror of xs_attach_listen()
 * @at: a hold
 * @dev: as given to xs_attach_listen()
 *
 * When it returns the handler does not run and will not. The channel stays open.
 */
void xs_attach_deafen(struct xs_attach *at, void *dev)
{
	free_irq(at->irq, dev);
}

/**
 * xs_attach_release() - the mirror of xs_attach_own()
 * @at: a hold, nobody listening
 */
void xs_attach_release(struct xs_attach *at)
{
	if (at->remapped)
		memunmap(at->page);
}

/**
 * xs_attach_signal() - tell the server that a ring has changed
 * @at: a hold
 *
 * Context: any.
 */
void xs_attach_signal(const struct xs_attach *at)
{
	notify_remote_via_evtchn(at->port);
}
