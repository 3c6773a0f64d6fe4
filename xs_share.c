// SPDX-License-Identifier: GPL-2.0
/*
 * xs_share.c - getting under the kernel's own xenbus, and out again. See xs_share.h.
 *
 * What the kernel's xenbus holds of the store are two exported variables: the address of the page
 * and the number of the event channel. They are read by one thread ("xenbus"), anew each time it
 * looks at the rings. So while that thread sleeps they can be changed; stop_machine() sees to it
 * that it goes on sleeping. The kernel's interrupt handler for the store does nothing but wake that
 * thread; it is found in the channel's irqaction, and we call it when there is something to read.
 *
 * When is the right moment? The thread sleeps and both rings are empty. That does not say yet that
 * both streams are between two messages:
 *   requests   a long one is in part in the ring, is read, and the thread is about to go on. So
 *              right after the swap the thread is woken. Whatever it had to go on with is then the
 *              first thing on the shadow page (xs_shadow_in_step()), and nothing else of ours is
 *              done yet: all goes back as it was, and is tried again.
 *   responses  the kernel has read a part and waits for the rest. Our first request finds the start
 *              of the stream, and all that comes before its reply is the kernel's, byte for byte
 *              (xs_conn_seek(), xs_shadow_skipped()).
 * Requests of the kernel that the store has not answered yet at the swap are no obstacle: it
 * answers in order, so they come before our first reply.
 *
 * The way back mirrors this: all that we and the kernel have asked is answered, the kernel has read
 * it and its thread sleeps; what it has put into the shadow's ring meanwhile moves to the store's.
 *
 * The store's channel is never closed: free_irq() and request_irq() change who hears of it, since
 * nothing could open it again. Signals of the moment between the two are kept by the channel.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/delay.h>
#include <linux/irq.h>
#include <linux/irqdesc.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/stop_machine.h>
#include <linux/vmalloc.h>
#include <asm/xen/hypercall.h>
#include <xen/events.h>
#include <xen/xen.h>
#include "xs_channel.h"
#include "xs_compat.h"
#include "xs_share.h"

/**
 * struct xs_share - our place under the kernel's xenbus
 * @at: the store's page and channel
 * @conn: the connection on them
 * @user: who is told
 * @thread: the kernel's xenbus thread
 * @handler: the kernel's interrupt handler
 * @dev: its argument
 * @name: its name
 * @flags: as it was requested
 * @page: the shadow page
 * @kernel_port: the kernel's end of the loop-back channel
 * @port: our end of it
 * @irq: of our end
 * @shadow: what is served on the page
 */
struct xs_share {
	struct xs_attach *at;
	struct xs_conn *conn;
	const struct xs_share_user *user;
	struct task_struct *thread;
	irq_handler_t handler;
	void *dev;
	const char *name;
	unsigned long flags;
	struct xenstore_domain_interface *page;
	evtchn_port_t kernel_port, port;
	int irq;
	struct xs_shadow shadow;
};

/**
 * xs_share_shadow() - what the kernel's xenbus works on
 * @share: ours
 *
 * Return: it.
 */
struct xs_shadow *xs_share_shadow(struct xs_share *share)
{
	return &share->shadow;
}

/**
 * xs_share_wake_kernel() - there is something on the shadow page for the kernel
 * @share: ours
 *
 * Context: any.
 */
void xs_share_wake_kernel(struct xs_share *share)
{
	share->handler(share->at->irq, share->dev);
}

/* ---- finding the kernel's xenbus -------------------------------------------------------- */

static struct task_struct *find_thread(void)
{
	struct task_struct *task, *found = NULL;

	rcu_read_lock();
	for_each_process(task)
		if ((task->flags & PF_KTHREAD) && !strcmp(task->comm, "xenbus"))
			found = task;
	if (found)
		get_task_struct(found);
	rcu_read_unlock();
	return found;
}

/* Who hears of the store's signals: the kernel, we hope. */
static int find_handler(struct xs_share *s)
{
	int irq = (int)irq_from_evtchn(s->at->port);
	struct irq_data *data = irq >= 0 ? irq_get_irq_data(irq) : NULL;
	struct irqaction *action = data ? irq_data_to_desc(data)->action : NULL;

	if (!action || !action->handler || action->next || action->thread)
		return -ENODEV;
	s->at->irq = irq;
	s->handler = action->handler;
	s->dev = action->dev_id;
	s->name = action->name;
	s->flags = action->flags;
	return 0;
}

/* A channel of the guest with itself, so that the kernel's signals come to us. */
static int open_loop(struct xs_share *s)
{
	struct evtchn_alloc_unbound ours = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
	struct evtchn_bind_interdomain theirs = { .remote_dom = DOMID_SELF };
	int err = HYPERVISOR_event_channel_op(EVTCHNOP_alloc_unbound, &ours);

	if (err)
		return err;
	theirs.remote_port = ours.port;
	err = HYPERVISOR_event_channel_op(EVTCHNOP_bind_interdomain, &theirs);
	if (err) {
		xs_channel_close(ours.port);
		return err;
	}
	s->port = ours.port;
	s->kernel_port = theirs.local_port;
	s->irq = xs_channel_request(s->port, bind_evtchn_to_irq(s->port), s->user->on_kernel,
				    KBUILD_MODNAME "-kernel", s);
	if (s->irq >= 0)
		return 0;
	xs_channel_close(s->kernel_port);
	return s->irq;
}

static void close_loop(struct xs_share *s)
{
	unbind_from_irqhandler(s->irq, s);
	xs_channel_close(s->kernel_port);
}

static int find_parts(struct xs_share *s)
{
	int err;

	s->thread = find_thread();
	if (!s->thread) {
		pr_err("the kernel's xenbus is up, but its thread is not found\n");
		return -EBUSY;
	}
	err = find_handler(s);
	if (err) {
		pr_err("the kernel's xenbus does not listen on event channel %u as it should\n",
		       s->at->port);
		return -EBUSY;
	}
	s->page = (void *)get_zeroed_page(GFP_KERNEL);
	if (!s->page)
		return -ENOMEM;
	err = open_loop(s);
	if (err)
		pr_err("cannot open a loop-back event channel: error %d\n", err);
	return err;
}

/**
 * xs_share_find() - find the kernel's xenbus and make what it takes to get under it
 * @at: filled in, as by xs_attach_own()
 * @conn: the connection; the caller begins it with @at->page before xs_share_enter()
 * @user: who is told of signals
 *
 * Nothing changes in the guest yet. Context: may sleep.
 *
 * Return: 0 with @at->share; -EBUSY when the kernel's xenbus is not as we know it; -ENOMEM; or a
 * negative errno of the hypervisor. Each is said in one line.
 */
int xs_share_find(struct xs_attach *at, struct xs_conn *conn, const struct xs_share_user *user)
{
	struct xs_share *s;
	int err;

	memset(at, 0, sizeof(*at));
	if (!xen_store_interface || xen_store_evtchn <= 0) {
		pr_err("the kernel's xenbus has not found its store yet\n");
		return -EBUSY;
	}
	s = vzalloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->at = at;
	s->conn = conn;
	s->user = user;
	at->page = xen_store_interface;
	at->port = (evtchn_port_t)xen_store_evtchn;
	err = find_parts(s);
	if (err) {
		if (s->thread)
			put_task_struct(s->thread);
		free_page((unsigned long)s->page);
		vfree(s);
		return err;
	}
	xs_shadow_init(&s->shadow, s->page, s->conn);
	at->share = s;
	return 0;
}

/**
 * xs_share_free() - the mirror of xs_share_find()
 * @share: ours, left or never entered
 */
void xs_share_free(struct xs_share *share)
{
	close_loop(share);
	put_task_struct(share->thread);
	free_page((unsigned long)share->page);
	share->at->share = NULL;
	vfree(share);
}

/* ---- the swap --------------------------------------------------------------------------- */

static bool store_is_empty(const struct xenstore_domain_interface *store)
{
	return READ_ONCE(store->req_prod) == READ_ONCE(store->req_cons) &&
		READ_ONCE(store->rsp_prod) == READ_ONCE(store->rsp_cons);
}

/* All other processors are stopped. */
static int swap_in(void *share)
{
	struct xs_share *s = share;

	if (!xs_task_sleeps(s->thread) || !store_is_empty(s->at->page))
		return -EAGAIN;
	xs_conn_restart(s->conn, true);
	xs_shadow_begin(&s->shadow);
	xen_store_interface = s->page;
	xen_store_evtchn = (int)s->kernel_port;
	return 0;
}

static void point_back(struct xs_share *s)
{
	xs_shadow_hand_back(&s->shadow);
	xen_store_interface = s->at->page;
	xen_store_evtchn = (int)s->at->port;
}

/* All other processors are stopped. Nothing went through the shadow page yet. */
static int undo_swap_in(void *share)
{
	struct xs_share *s = share;

	if (!xs_task_sleeps(s->thread))
		return -EAGAIN;
	point_back(s);
	return 0;
}

/* All other processors are stopped. */
static int swap_out(void *share)
{
	struct xs_share *s = share;

	if (!xs_task_sleeps(s->thread) || !s->user->may_leave())
		return -EAGAIN;
	point_back(s);
	s->user->left();
	return 0;
}

/*
 * Stopping all processors is dear, so it is tried only when it looks as if it would succeed. Looked
 * at from here, the answer may be wrong either way; what counts is what @swap sees.
 */
static int try_swap(struct xs_share *s, int (*swap)(void *))
{
	if (!xs_task_sleeps(s->thread))
		return -EAGAIN;
	return stop_machine(swap, s, NULL);
}

/* Between two tries; there is no event for a thread that goes to sleep. */
static void a_moment(void)
{
	usleep_range(100, 400);
}

static int hear_store(struct xs_share *s)
{
	int irq = s->at->irq, err;

	free_irq(irq, s->dev);
	err = request_irq(irq, s->user->on_store, 0, KBUILD_MODNAME, s);
	if (err)
		pr_err("cannot listen on the store's event channel: error %d\n", err);
	return err;
}

/* The kernel cannot do without it, so this is tried until there is memory for it. */
static void kernel_hears_store(struct xs_share *s)
{
	while (request_irq(s->at->irq, s->handler, s->flags, s->name, s->dev)) {
		pr_err_ratelimited("no memory to give the store's interrupt back; trying again\n");
		msleep(20);
	}
}

static void undo_enter(struct xs_share *s, bool heard)
{
	while (try_swap(s, undo_swap_in))
		a_moment();
	if (heard)
		free_irq(s->at->irq, s);
	kernel_hears_store(s);
	xs_share_wake_kernel(s);
	xs_attach_signal(s->at);
}

/* The kernel's thread runs once, with its new page. Then it has put there what it was about to. */
static void let_kernel_run(struct xs_share *s)
{
	xs_share_wake_kernel(s);
	while (!xs_task_sleeps(s->thread))
		a_moment();
}

/**
 * xs_share_enter() - slide under the kernel's xenbus
 * @share: ours
 * @deadline: how long to wait for a moment in which nothing is under way, in jiffies
 *
 * On success the kernel works on the shadow page, and the connection on the store's. The first
 * request on that has to be a xs_conn_seek(). Context: may sleep.
 *
 * Return: 0; -EBUSY when there was no such moment, and -ENOMEM: nothing has changed then.
 */
int xs_share_enter(struct xs_share *share, unsigned long deadline)
{
	struct xs_share *s = share;
	int err;

	for (;;) {
		err = store_is_empty(s->at->page) ? try_swap(s, swap_in) : -EAGAIN;
		if (!err) {
			err = hear_store(s);
			let_kernel_run(s);
			if (!err && xs_shadow_in_step(&s->shadow))
				return 0;
			undo_enter(s, !err);
			if (err)
				return -ENOMEM;
		}
		if (time_after(jiffies, deadline)) {
			pr_err("the kernel's xenbus is never at rest: not attached\n");
			return -EBUSY;
		}
		a_moment();
	}
}

/**
 * xs_share_leave() - give the store's page back to the kernel
 * @share: ours, entered
 * @deadline: how long to wait for the moment, in jiffies
 *
 * The caller has stopped new messages, ours and the kernel's. Context: may sleep.
 *
 * Return: 0; -ETIMEDOUT when may_leave() was never true, and nothing has changed then.
 */
int xs_share_leave(struct xs_share *share, unsigned long deadline)
{
	struct xs_share *s = share;

	while (!s->user->may_leave() || try_swap(s, swap_out)) {
		if (time_after(jiffies, deadline))
			return -ETIMEDOUT;
		a_moment();
	}
	free_irq(s->at->irq, s);
	kernel_hears_store(s);
	xs_share_wake_kernel(s);
	xs_attach_signal(s->at);	/* of what was handed back */
	return 0;
}
