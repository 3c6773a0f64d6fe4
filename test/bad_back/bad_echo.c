// SPDX-License-Identifier: GPL-2.0
/*
 * bad_echo.c - an echo backend that lies as it is told, for dom0, in place of echo_back.
 *
 * The parameter `bad` names a lie (the table `lies`); it can be written at any time. Some change
 * each answer from then on, some the connection that comes next, and some are done at once.
 *
 * One device. The lock keeps the lies of the parameter out of the handshake.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/prandom.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <xen/page.h>
#include <xsecho.h>
#include "bad_back.h"

/**
 * struct bad_echo - the device
 * @dev: its xenbus device
 * @ring: our view of the shared page
 * @page: the shared page, mapped; NULL while not connected
 * @kept: a page of a connection before, which should not be mapped any more
 * @irq: the event channel's interrupt; 0 without one
 * @work: answers
 */
struct bad_echo {
	struct xenbus_device *dev;
	struct xsecho_back_ring ring;
	void *page, *kept;
	int irq;
	struct work_struct work;
};

static DEFINE_MUTEX(lock);
static struct bad_echo *device;

/**
 * struct lie - what may be wrong
 * @name: for the parameter
 * @answer: changes an answer, and says how far the index moves
 * @now: done at once
 * @silent: requests are not answered
 * @never_map: connects without the ring
 * @keep: goes without letting go of the ring
 */
struct lie {
	const char *name;
	int (*answer)(struct xsecho_msg *rsp);
	void (*now)(struct bad_echo *e);
	bool silent, never_map, keep;
};

static int a_bad_id(struct xsecho_msg *rsp)
{
	rsp->id++;
	return 1;
}

static int no_length(struct xsecho_msg *rsp)
{
	rsp->len = 0;
	return 1;
}

static int all_lengths(struct xsecho_msg *rsp)
{
	rsp->len = 0xffff;
	return 1;
}

static int one_more_byte(struct xsecho_msg *rsp)
{
	rsp->len++;
	return 1;
}

static int one_more(struct xsecho_msg *rsp)
{
	return 2;
}

static int far_away(struct xsecho_msg *rsp)
{
	return 1000;
}

static void show(struct bad_echo *e)
{
	virt_wmb();
	if (e->irq)
		notify_remote_via_irq(e->irq);
}

static void go_back(struct bad_echo *e)
{
	e->ring.sring->rsp_prod -= 1;
	show(e);
}

static void half_the_world(struct bad_echo *e)
{
	e->ring.sring->rsp_prod += 1u << 31;
	show(e);
}

/* The whole page, again and again; the same bytes each time. */
static void scribble(struct bad_echo *e)
{
	struct rnd_state random;
	int i;

	prandom_seed_state(&random, 1);
	for (i = 0; i < 100; i++) {
		prandom_bytes_state(&random, e->page, XEN_PAGE_SIZE);
		show(e);
	}
}

static void flood(struct bad_echo *e)
{
	int i;

	for (i = 0; i < 20000; i++)
		show(e);
}

static void close_channel(struct bad_echo *e)
{
	if (!e->irq)
		return;
	disable_irq(e->irq);
	cancel_work_sync(&e->work);
	unbind_from_irqhandler(e->irq, e);
	e->irq = 0;
}

static void let_go(struct bad_echo *e)
{
	close_channel(e);
	bad_back_unmap(e->dev, &e->page);
}

static const struct lie lies[] = {
	{ .name = "none" },
	{ .name = "id", .answer = a_bad_id },
	{ .name = "no-length", .answer = no_length },
	{ .name = "all-lengths", .answer = all_lengths },
	{ .name = "longer", .answer = one_more_byte },
	{ .name = "one-more", .answer = one_more },
	{ .name = "far", .answer = far_away },
	{ .name = "back", .now = go_back },
	{ .name = "half", .now = half_the_world },
	{ .name = "scribble", .now = scribble },
	{ .name = "flood", .now = flood },
	{ .name = "close-channel", .now = close_channel },
	{ .name = "let-go", .now = let_go },
	{ .name = "silent", .silent = true },
	{ .name = "never-map", .never_map = true },
	{ .name = "keep", .keep = true },
};

static const struct lie *lie = &lies[0];

/* ---- the ring --------------------------------------------------------------------------- */

static void answer(struct bad_echo *e)
{
	struct xsecho_msg *rsp = RING_GET_RESPONSE(&e->ring, e->ring.rsp_prod_pvt);
	int by = 1;

	RING_COPY_REQUEST(&e->ring, e->ring.req_cons, rsp);
	e->ring.req_cons++;
	if (lie->answer)
		by = lie->answer(rsp);
	e->ring.rsp_prod_pvt += by;
}

static void on_work(struct work_struct *work)
{
	struct bad_echo *e = container_of(work, struct bad_echo, work);
	RING_IDX prod = READ_ONCE(e->ring.sring->req_prod);
	int i, more = 0;

	virt_rmb();	/* with the guest's barrier between request and req_prod */
	for (i = 0; i < 64 && e->ring.req_cons != prod && !lie->silent; i++)
		answer(e);
	RING_PUSH_RESPONSES(&e->ring);
	notify_remote_via_irq(e->irq);
	RING_FINAL_CHECK_FOR_REQUESTS(&e->ring, more);
	if (more && lie == &lies[0])	/* an honest one loses no request */
		schedule_work(&e->work);
	else
		xen_irq_lateeoi(e->irq, 0);
}

static irqreturn_t on_event(int irq, void *data)
{
	struct bad_echo *e = data;

	e->irq = irq;	/* connect() does not know it yet when the first one comes */
	schedule_work(&e->work);
	return IRQ_HANDLED;
}

static void disconnect(struct xenbus_device *dev)
{
	struct bad_echo *e = dev_get_drvdata(&dev->dev);

	if (!e->page)
		return;
	if (!lie->keep) {
		let_go(e);
		return;
	}
	close_channel(e);
	e->kept = e->page;
	e->page = NULL;
}

static int connect(struct xenbus_device *dev)
{
	struct bad_echo *e = dev_get_drvdata(&dev->dev);
	unsigned int port;
	int err;

	if (lie->never_map)
		return 0;
	err = bad_back_map(dev, &e->page, &port);
	if (err)
		return err;
	BACK_RING_INIT(&e->ring, (struct xsecho_sring *)e->page, XEN_PAGE_SIZE);
	err = bad_back_bind(dev, &e->page, port, on_event, e);
	if (err < 0)
		return err;
	e->irq = err;
	return 0;
}

/* ---- the parameter ---------------------------------------------------------------------- */

static int set_bad(const char *value, const struct kernel_param *kp)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lies); i++)
		if (sysfs_streq(value, lies[i].name))
			break;
	if (i == ARRAY_SIZE(lies))
		return -EINVAL;
	mutex_lock(&lock);
	WRITE_ONCE(lie, &lies[i]);
	if (device && device->kept)
		bad_back_unmap(device->dev, &device->kept);
	if (device && device->page && lie->now)
		lie->now(device);
	mutex_unlock(&lock);
	return 0;
}

static int get_bad(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", lie->name);
}

static const struct kernel_param_ops bad_ops = {
	.set = set_bad,
	.get = get_bad,
};

module_param_cb(bad, &bad_ops, NULL, 0644);
MODULE_PARM_DESC(bad, "what is wrong: a name of the table in bad_echo.c");

/* ---- the handshake ---------------------------------------------------------------------- */

static void frontend_changed(struct xenbus_device *dev, enum xenbus_state front)
{
	bool over = bad_back_over(dev, front);

	mutex_lock(&lock);
	bad_back_step(dev, front, connect, disconnect);
	mutex_unlock(&lock);
	if (over)
		device_unregister(&dev->dev);
}

static int bad_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	struct bad_echo *e = device ? NULL : kzalloc(sizeof(*e), GFP_KERNEL);

	if (!e)
		return -ENOMEM;
	e->dev = dev;
	INIT_WORK(&e->work, on_work);
	dev_set_drvdata(&dev->dev, e);
	mutex_lock(&lock);
	device = e;
	mutex_unlock(&lock);
	return xenbus_switch_state(dev, XenbusStateInitWait);
}

static XS_REMOVE_GIVES bad_remove(struct xenbus_device *dev)
{
	struct bad_echo *e = dev_get_drvdata(&dev->dev);

	mutex_lock(&lock);
	device = NULL;
	if (e->page)
		let_go(e);
	if (e->kept)
		bad_back_unmap(dev, &e->kept);
	mutex_unlock(&lock);
	dev_set_drvdata(&dev->dev, NULL);
	kfree(e);
	return XS_REMOVED;
}

static const struct xenbus_device_id bad_ids[] = {
	{ XSECHO_TYPE },
	{ "" }
};

static struct xenbus_driver bad_driver = {
	.ids = bad_ids,
	.probe = bad_probe,
	.remove = bad_remove,
	.otherend_changed = frontend_changed,
};

static int __init bad_echo_init(void)
{
	return xenbus_register_backend(&bad_driver);
}

static void __exit bad_echo_exit(void)
{
	xenbus_unregister_driver(&bad_driver);
}

module_init(bad_echo_init);
module_exit(bad_echo_exit);

MODULE_DESCRIPTION("An echo backend that lies, for tests in dom0");
MODULE_AUTHOR("The xsfront developers");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
