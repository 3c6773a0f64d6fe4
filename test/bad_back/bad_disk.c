// SPDX-License-Identifier: GPL-2.0
/*
 * bad_disk.c - a backend of type vbd that lies as it is told, for dom0, in place of xen-blkback.
 *
 *   request ─▶ an answer, at once; no data are touched: a good read gives what was there, zeros
 *
 * The parameter `bad` says what is wrong with answers from now on; it can be written at any time:
 *   none, id, operation (they fit no request), status (an error), far (the index runs away),
 *   keys (from the next connection on: sectors of 300 bytes)
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <xen/interface/io/blkif.h>
#include <xen/page.h>
#include "bad_back.h"

static char bad[16] = "none";
module_param_string(bad, bad, sizeof(bad), 0644);
MODULE_PARM_DESC(bad, "what is wrong with answers: none, id, operation, status, far, keys");

/**
 * struct bad_disk - one device
 * @dev: its xenbus device
 * @ring: our view of the shared page
 * @page: the shared page, mapped; NULL while not connected
 * @irq: the event channel's interrupt
 * @work: answers
 */
struct bad_disk {
	struct xenbus_device *dev;
	struct blkif_back_ring ring;
	void *page;
	int irq;
	struct work_struct work;
};

static bool is_bad(const char *how)
{
	return sysfs_streq(bad, how);
}

static void answer(struct bad_disk *d)
{
	struct blkif_request req;
	struct blkif_response *rsp;

	RING_COPY_REQUEST(&d->ring, d->ring.req_cons, &req);
	d->ring.req_cons++;
	rsp = RING_GET_RESPONSE(&d->ring, d->ring.rsp_prod_pvt);
	rsp->id = is_bad("id") ? ~0ull : req.u.rw.id;
	rsp->operation = is_bad("operation") ? BLKIF_OP_DISCARD : req.operation;
	rsp->status = is_bad("status") ? BLKIF_RSP_ERROR : BLKIF_RSP_OKAY;
	d->ring.rsp_prod_pvt += is_bad("far") ? 1000 : 1;
}

static void on_work(struct work_struct *work)
{
	struct bad_disk *d = container_of(work, struct bad_disk, work);
	RING_IDX prod = READ_ONCE(d->ring.sring->req_prod);
	int more = 0, notify;

	virt_rmb();	/* with the guest's barrier between request and req_prod */
	while (d->ring.req_cons != prod)
		answer(d);
	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&d->ring, notify);
	if (notify || is_bad("far"))
		notify_remote_via_irq(d->irq);
	RING_FINAL_CHECK_FOR_REQUESTS(&d->ring, more);
	if (more && !is_bad("far"))
		schedule_work(&d->work);
	else
		xen_irq_lateeoi(d->irq, 0);
}

static irqreturn_t on_event(int irq, void *data)
{
	struct bad_disk *d = data;

	d->irq = irq;
	schedule_work(&d->work);
	return IRQ_HANDLED;
}

static void let_go(struct bad_disk *d)
{
	if (!d->page)
		return;
	disable_irq(d->irq);
	cancel_work_sync(&d->work);
	unbind_from_irqhandler(d->irq, d);
	bad_back_unmap(d->dev, &d->page);
}

static void disconnect(struct xenbus_device *dev)
{
	let_go(dev_get_drvdata(&dev->dev));
}

static int connect(struct xenbus_device *dev)
{
	struct bad_disk *d = dev_get_drvdata(&dev->dev);
	unsigned int port;
	int err;

	err = bad_back_map(dev, &d->page, &port);
	if (err)
		return err;
	BACK_RING_INIT(&d->ring, (struct blkif_sring *)d->page, XEN_PAGE_SIZE);
	err = bad_back_bind(dev, &d->page, port, on_event, d);
	if (err < 0)
		return err;
	d->irq = err;
	xenbus_printf(XBT_NIL, dev->nodename, "sectors", "%u", 2048);
	xenbus_printf(XBT_NIL, dev->nodename, "info", "%u", 0);
	xenbus_printf(XBT_NIL, dev->nodename, "sector-size", "%u", is_bad("keys") ? 300 : 512);
	return 0;
}

static void frontend_changed(struct xenbus_device *dev, enum xenbus_state front)
{
	bool over = bad_back_over(dev, front);

	bad_back_step(dev, front, connect, disconnect);
	if (over)
		device_unregister(&dev->dev);
}

static int bad_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	struct bad_disk *d = kzalloc(sizeof(*d), GFP_KERNEL);

	if (!d)
		return -ENOMEM;
	d->dev = dev;
	INIT_WORK(&d->work, on_work);
	dev_set_drvdata(&dev->dev, d);
	return xenbus_switch_state(dev, XenbusStateInitWait);
}

static XS_REMOVE_GIVES bad_remove(struct xenbus_device *dev)
{
	struct bad_disk *d = dev_get_drvdata(&dev->dev);

	let_go(d);
	dev_set_drvdata(&dev->dev, NULL);
	kfree(d);
	return XS_REMOVED;
}

static const struct xenbus_device_id bad_ids[] = {
	{ "vbd" },
	{ "" }
};

static struct xenbus_driver bad_driver = {
	.ids = bad_ids,
	.probe = bad_probe,
	.remove = bad_remove,
	.otherend_changed = frontend_changed,
};

static int __init bad_disk_init(void)
{
	return xenbus_register_backend(&bad_driver);
}

static void __exit bad_disk_exit(void)
{
	xenbus_unregister_driver(&bad_driver);
}

module_init(bad_disk_init);
module_exit(bad_disk_exit);

MODULE_DESCRIPTION("A disk's backend that lies, for tests in dom0");
MODULE_AUTHOR("The xsfront developers");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
