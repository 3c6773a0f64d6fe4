// SPDX-License-Identifier: GPL-2.0
/*
 * xs_front_ring.c - what a frontend shares with its backend: ring pages, grants, event channels.
 *
 *   xs_front_ring() ─▶ pages ─▶ grants ─▶ channel ─▶ keys (xs_front_keys.c)
 *                                │
 *   backend has let go ─▶ ended at once, else ─▶ endings: tried once a second ─▶ page freed
 *
 * A grant that the backend has mapped cannot be ended, and its page must not be used for anything
 * else. It waits in the list of endings, which is counted (debugfs), and is given to the kernel,
 * which does the same, when the module goes.
 *
 * Events reach the driver while the ring is open, and never two at once: ring->lock (spinlock,
 * interrupts off) is held over the driver's event. One that has come before is told when it opens.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/export.h>
#include <linux/interrupt.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <xen/page.h>
#include <asm/xen/hypercall.h>
#include <xen/interface/event_channel.h>
#include "xs_channel.h"
#include "xs_compat.h"
#include "xs_front.h"

/**
 * struct ring - a ring of a device
 * @public: what the driver sees
 * @link: in its device's list
 * @dev: its device
 * @event: the driver's
 * @lock: guards @open and @missed, and is held over @event
 * @open: the driver wants events
 * @missed: one has come before
 * @npages: how many pages
 * @ngrants: how many are granted
 * @refs: their grants
 */
struct ring {
	struct xs_front_ring public;
	struct list_head link;
	struct xs_front_dev *dev;
	bool (*event)(struct xs_front_dev *dev);
	spinlock_t lock;
	bool open, missed;
	unsigned int npages, ngrants;
	grant_ref_t refs[1 << XS_RING_ORDER_MAX];
};

/* ---- grants ----------------------------------------------------------------------------- */

struct ending {
	struct list_head link;
	grant_ref_t ref;
	struct page *page;
};

static LIST_HEAD(endings);
static DEFINE_SPINLOCK(ending_lock);	/* guards the list and the two numbers */
static unsigned int endings_now;
static u64 endings_ever;

static void on_try_again(struct work_struct *work);
static DECLARE_DELAYED_WORK(try_again, on_try_again);

/* Nothing tells when a backend unmaps a page. So it is tried. */
static void on_try_again(struct work_struct *work)
{
	struct ending *e, *next;
	LIST_HEAD(ended);
	bool more;

	spin_lock_irq(&ending_lock);
	list_for_each_entry_safe(e, next, &endings, link) {
		if (!gnttab_try_end_foreign_access(e->ref))
			continue;
		list_move(&e->link, &ended);
		endings_now--;
	}
	more = endings_now;
	spin_unlock_irq(&ending_lock);
	list_for_each_entry_safe(e, next, &ended, link) {
		put_page(e->page);
		kfree(e);
	}
	if (more)
		schedule_delayed_work(&try_again, HZ);
}

static bool end_grant(grant_ref_t ref, struct page *page)
{
	struct ending *e;
	unsigned long irq;

	if (gnttab_try_end_foreign_access(ref)) {
		put_page(page);
		return true;
	}
	e = kmalloc(sizeof(*e), GFP_ATOMIC);
	spin_lock_irqsave(&ending_lock, irq);
	endings_ever++;
	if (e) {
		e->ref = ref;
		e->page = page;
		list_add_tail(&e->link, &endings);
		endings_now++;
	}
	spin_unlock_irqrestore(&ending_lock, irq);
	if (e)
		schedule_delayed_work(&try_again, HZ);
	else
		xs_end_grant(ref, page);	/* the kernel has a list of its own */
	return false;
}

/**
 * xs_front_end_grant() - end a grant that a driver has made, now or when the backend lets go
 * @dev: a device
 * @ref: from gnttab_grant_foreign_access() and the like; the driver's no more after this
 * @page: the granted page. One reference to it goes over to this function, which drops it when the
 *	  backend cannot touch the page any more
 *
 * Context: any.
 *
 * Return: true when it has ended; false when the backend still has it: it is counted (debugfs
 * xsfront/devices) and tried again until it ends.
 */
bool xs_front_end_grant(struct xs_front_dev *dev, grant_ref_t ref, struct page *page)
{
	bool ended = end_grant(ref, page);

	if (!ended)
		pr_warn_ratelimited("%s: the backend still has a page of ours; it is freed later\n",
				    xs_front_name(dev));
	return ended;
}
EXPORT_SYMBOL_GPL(xs_front_end_grant);

/**
 * xs_front_grants() - pages that backends have kept
 * @now: takes how many are still to be freed
 * @ever: takes how many there have been
 */
void xs_front_grants(unsigned int *now, u64 *ever)
{
	spin_lock_irq(&ending_lock);
	*now = endings_now;
	*ever = endings_ever;
	spin_unlock_irq(&ending_lock);
}

/**
 * xs_front_grants_exit() - the module goes: leave to the kernel what has not ended
 */
void xs_front_grants_exit(void)
{
	struct ending *e, *next;

	cancel_delayed_work_sync(&try_again);
	on_try_again(NULL);
	cancel_delayed_work_sync(&try_again);
	if (endings_now)
		pr_warn("backends still have our pages: %u; the kernel frees them later\n",
			endings_now);
	list_for_each_entry_safe(e, next, &endings, link) {
		xs_end_grant(e->ref, e->page);
		kfree(e);
	}
	INIT_LIST_HEAD(&endings);
	endings_now = 0;
}

/* ---- events ----------------------------------------------------------------------------- */

/* An event that tells nothing new: the kernel slows down a backend that goes on like that. */
static irqreturn_t on_event(int irq, void *data)
{
	struct ring *ring = data;
	bool news;

	spin_lock(&ring->lock);
	if (ring->open) {
		news = ring->event(ring->dev);
	} else {
		news = !ring->missed;
		ring->missed = true;
	}
	spin_unlock(&ring->lock);
	xen_irq_lateeoi(irq, news ? 0 : XEN_EOI_FLAG_SPURIOUS);
	return IRQ_HANDLED;
}

/**
 * xs_front_rings_start() - the driver wants events from here on
 * @dev: a device
 */
void xs_front_rings_start(struct xs_front_dev *dev)
{
	struct ring *ring;

	list_for_each_entry(ring, &dev->rings, link) {
		spin_lock_irq(&ring->lock);
		ring->open = true;
		if (ring->missed)
			ring->event(dev);
		ring->missed = false;
		spin_unlock_irq(&ring->lock);
	}
}

/**
 * xs_front_rings_stop() - the mirror of xs_front_rings_start(); the driver's event runs no more
 * @dev: a device
 */
void xs_front_rings_stop(struct xs_front_dev *dev)
{
	struct ring *ring;

	list_for_each_entry(ring, &dev->rings, link) {
		spin_lock_irq(&ring->lock);
		ring->open = false;
		spin_unlock_irq(&ring->lock);
	}
}

static int make_channel(struct ring *ring, const char *key)
{
	struct evtchn_alloc_unbound alloc = {
		.dom = DOMID_SELF,
		.remote_dom = ring->dev->backend_id,
	};
	int err = HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &alloc);

	if (err)
		return err;
	err = xs_channel_request(alloc.port, bind_evtchn_to_irq_lateeoi(alloc.port), on_event,
				 ring->dev->type->drv->type, ring);
	if (err < 0)
		return err;
	ring->public.irq = err;
	return xs_front_key(ring->dev, key, "%u", alloc.port);
}

/* ---- rings ------------------------------------------------------------------------------ */

static void ring_free(struct ring *ring)
{
	struct page *page = virt_to_page(ring->public.shared);
	unsigned int i, late = 0;

	if (ring->public.irq >= 0)
		unbind_from_irqhandler(ring->public.irq, ring);
	for (i = 0; i < ring->ngrants; i++)
		late += !end_grant(ring->refs[i], page + i);
	for (; i < ring->npages; i++)
		put_page(page + i);
	if (late && xs_front_may_log(ring->dev))
		pr_warn("%s: the backend still has ring pages of ours: %u; they are freed later\n",
			ring->dev->node, late);
	kfree(ring);
}

static int grant_pages(struct ring *ring)
{
	u16 domid = ring->dev->backend_id;
	char *at = ring->public.shared;
	unsigned int i;
	int ref;

	for (i = 0; i < ring->npages; i++) {
		ref = gnttab_grant_foreign_access(domid,
						  virt_to_gfn(at + i * PAGE_SIZE), 0);
		if (ref < 0)
			return ref;
		ring->refs[i] = ref;
		ring->ngrants++;
	}
	return 0;
}

/* One page: KEY. More: ring-page-order and KEY0, KEY1, … */
static int put_refs(struct ring *ring, unsigned int order, const char *key)
{
	char name[XS_KEY_NAME];
	unsigned int i;
	int err;

	if (!order)
		return xs_front_key(ring->dev, key, "%u", ring->refs[0]);
	err = xs_front_key(ring->dev, "ring-page-order", "%u", order);
	for (i = 0; !err && i < ring->npages; i++) {
		snprintf(name, sizeof(name), "%s%u", key, i);
		err = xs_front_key(ring->dev, name, "%u", ring->refs[i]);
	}
	return err;
}

static struct ring *ring_new(struct xs_front_dev *dev, unsigned int order)
{
	struct ring *ring = kzalloc(sizeof(*ring), GFP_KERNEL);

	if (!ring)
		return NULL;
	ring->dev = dev;
	ring->public.irq = -1;
	ring->npages = 1u << order;
	ring->public.size = PAGE_SIZE << order;
	/* Pages of their own, not one large one: each is freed when its grant ends. */
	ring->public.shared = alloc_pages_exact(ring->public.size, GFP_KERNEL | __GFP_ZERO);
	if (!ring->public.shared) {
		kfree(ring);
		return NULL;
	}
	spin_lock_init(&ring->lock);
	return ring;
}

/**
 * xs_front_ring() - make a ring: pages that the backend may map, and an event channel to it
 * @dev: a device
 * @spec: what ring
 *
 * Call it from setup. The keys that tell the backend of it are published after setup, with our
 * state. The ring goes after the driver's release; nothing has to be undone by the driver, also
 * when its setup fails later on. Context: may sleep.
 *
 * Return: the ring; ERR_PTR of -EINVAL for an order over XS_RING_ORDER_MAX or a channel without an
 * event, of -ENOMEM, of -ENOSPC (no more grants), or of what the hypervisor says to a new channel.
 */
struct xs_front_ring *xs_front_ring(struct xs_front_dev *dev, const struct xs_front_ring_spec *spec)
{
	struct list_head *last = dev->keys.prev;
	struct ring *ring;
	int err;

	if (spec->order > XS_RING_ORDER_MAX ||
	    (!spec->silent && !spec->event && !dev->type->drv->event))
		return ERR_PTR(-EINVAL);
	ring = ring_new(dev, spec->order);
	if (!ring)
		return ERR_PTR(-ENOMEM);
	ring->event = spec->event ? : dev->type->drv->event;
	err = grant_pages(ring);
	if (!err)
		err = put_refs(ring, spec->order, spec->ref_key ? : "ring-ref");
	if (!err && !spec->silent)
		err = make_channel(ring, spec->channel_key ? : "event-channel");
	if (err) {
		xs_front_keys_cut(dev, last);	/* the driver may do with one ring less */
		ring_free(ring);
		return ERR_PTR(err);
	}
	list_add_tail(&ring->link, &dev->rings);
	return &ring->public;
}
EXPORT_SYMBOL_GPL(xs_front_ring);

/**
 * xs_front_rings_free() - end what the device shares: at once, or when the backend lets go
 * @dev: a device whose rings are stopped
 */
void xs_front_rings_free(struct xs_front_dev *dev)
{
	struct ring *ring, *next;

	list_for_each_entry_safe(ring, next, &dev->rings, link)
		ring_free(ring);
	INIT_LIST_HEAD(&dev->rings);
}
