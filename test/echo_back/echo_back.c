// SPDX-License-Identifier: GPL-2.0
/*
 * echo_back.c - the echo device's backend: runs in dom0, on the stock kernel's xenbus.
 *
 *   frontend's state ──▶ frontend_changed ──▶ map ring, bind channel / let go
 *   frontend's event ──▶ on_event ──▶ work: each request becomes its own response
 *
 * Trust: none in the guest. Its index is read once and must not pass the ring; a request is copied
 * out before it is looked at; its length is checked. A guest that breaks the rules is cut off: the
 * device closes with the reason in its `error` node. A guest that floods is slowed down by the late
 * end of interrupt, and a burst is served in portions, so that it does not hold a CPU.
 *
 * struct echo_back belongs to its xenbus device. connect() and disconnect() are called by xenbus,
 * one after another; the work item runs only between them.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <xen/events.h>
#include <xen/page.h>
#include <xen/xenbus.h>
#include <xsecho.h>
#define XS_COMPAT_BACK
#include <xs_compat.h>

#define PORTION	64	/* requests served before others have a turn */

/**
 * struct echo_back - one device
 * @dev: its xenbus device
 * @ring: our view of the shared page
 * @page: the shared page, mapped; NULL while not connected
 * @irq: the event channel's interrupt
 * @work: serves requests
 * @served: how many, in all
 */
struct echo_back {
	struct xenbus_device *dev;
	struct xsecho_back_ring ring;
	void *page;
	int irq;
	struct work_struct work;
	u64 served;
};

/* Serves a portion of the requests. Returns how many, or a negative errno for a guest that lies. */
static int serve(struct echo_back *e)
{
	RING_IDX prod = READ_ONCE(e->ring.sring->req_prod);
	struct xsecho_msg msg;
	int n = 0, notify;

	if (RING_REQUEST_PROD_OVERFLOW(&e->ring, prod))
		return -EIO;
	virt_rmb();	/* with the guest's barrier between request and req_prod */
	while (e->ring.req_cons != prod && n < PORTION) {
		RING_COPY_REQUEST(&e->ring, e->ring.req_cons, &msg);
		if (msg.len == 0 || msg.len > XSECHO_BYTES)
			return -EPROTO;
		e->ring.req_cons++;
		memcpy(RING_GET_RESPONSE(&e->ring, e->ring.rsp_prod_pvt), &msg, sizeof(msg));
		e->ring.rsp_prod_pvt++;
		n++;
	}
	RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&e->ring, notify);
	if (notify)
		notify_remote_via_irq(e->irq);
	e->served += n;
	return n;
}

static void on_work(struct work_struct *work)
{
	struct echo_back *e = container_of(work, struct echo_back, work);
	int n = serve(e), more = 0;

	if (n < 0) {
		xenbus_dev_fatal(e->dev, n, "the frontend breaks the ring's rules");
		return;		/* no end of interrupt: it has lost its right to call */
	}
	RING_FINAL_CHECK_FOR_REQUESTS(&e->ring, more);
	if (more)
		schedule_work(&e->work);
	else
		xen_irq_lateeoi(e->irq, n ? 0 : XEN_EOI_FLAG_SPURIOUS);
}

static irqreturn_t on_event(int irq, void *data)
{
	struct echo_back *e = data;

	/* The first event comes at once, while connect() does not know the number yet. */
	e->irq = irq;
	schedule_work(&e->work);
	return IRQ_HANDLED;
}

static void disconnect(struct echo_back *e)
{
	if (!e->page)
		return;
	/* The handler goes first, since it queues the work, which may still want the interrupt. */
	disable_irq(e->irq);
	cancel_work_sync(&e->work);
	unbind_from_irqhandler(e->irq, e);
	xenbus_unmap_ring_vfree(e->dev, e->page);
	e->page = NULL;
	pr_info("%s: disconnected, %llu messages served\n", e->dev->nodename, e->served);
}

static int connect(struct echo_back *e)
{
	struct xenbus_device *dev = e->dev;
	unsigned int port;
	grant_ref_t ref;
	int err;

	err = xenbus_gather(XBT_NIL, dev->otherend, "ring-ref", "%u", &ref,
			    "event-channel", "%u", &port, NULL);
	if (err) {
		xenbus_dev_fatal(dev, err, "reading ring-ref and event-channel");
		return err;
	}
	err = xenbus_map_ring_valloc(dev, &ref, 1, &e->page);
	if (err) {
		e->page = NULL;
		return err;	/* xenbus has said why */
	}
	BACK_RING_INIT(&e->ring, (struct xsecho_sring *)e->page, XEN_PAGE_SIZE);
	err = xs_bind_frontend(dev, port, on_event, "echo_back", e);
	if (err < 0) {
		xenbus_unmap_ring_vfree(dev, e->page);
		e->page = NULL;
		xenbus_dev_fatal(dev, err, "binding event channel %u", port);
		return err;
	}
	e->irq = err;
	return 0;
}

static void log_states(struct xenbus_device *dev, enum xenbus_state front)
{
	pr_info("%s: front %s, back %s\n", dev->nodename, xenbus_strstate(front),
		xenbus_strstate(dev->state));
}

static void frontend_changed(struct xenbus_device *dev, enum xenbus_state front)
{
	struct echo_back *e = dev_get_drvdata(&dev->dev);

	log_states(dev, front);
	switch (front) {
	case XenbusStateInitialising:
		if (dev->state == XenbusStateClosed)
			xenbus_switch_state(dev, XenbusStateInitWait);
		break;
	case XenbusStateInitialised:
		if (dev->state == XenbusStateInitWait && !connect(e))
			xenbus_switch_state(dev, XenbusStateConnected);
		break;
	case XenbusStateClosing:
		xenbus_switch_state(dev, XenbusStateClosing);
		break;
	case XenbusStateClosed:
		disconnect(e);
		xenbus_switch_state(dev, XenbusStateClosed);
		if (xenbus_dev_is_online(dev))
			break;
		log_states(dev, front);
		device_unregister(&dev->dev);
		return;		/* the device may be no more */
	case XenbusStateUnknown:
		disconnect(e);
		log_states(dev, front);
		device_unregister(&dev->dev);
		return;
	default:
		break;
	}
	log_states(dev, front);
}

static int echo_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	struct echo_back *e = kzalloc(sizeof(*e), GFP_KERNEL);
	int err;

	if (!e)
		return -ENOMEM;
	e->dev = dev;
	INIT_WORK(&e->work, on_work);
	dev_set_drvdata(&dev->dev, e);
	err = xenbus_switch_state(dev, XenbusStateInitWait);
	if (err) {
		kfree(e);
		return err;
	}
	pr_info("%s: waiting for the frontend\n", dev->nodename);
	return 0;
}

static XS_REMOVE_GIVES echo_remove(struct xenbus_device *dev)
{
	struct echo_back *e = dev_get_drvdata(&dev->dev);

	disconnect(e);
	dev_set_drvdata(&dev->dev, NULL);
	kfree(e);
	return XS_REMOVED;
}

static const struct xenbus_device_id echo_ids[] = {
	{ XSECHO_TYPE },
	{ "ping" },		/* the example of doc/frontend.md: the same ring */
	{ "" }
};

static struct xenbus_driver echo_driver = {
	.ids = echo_ids,
	.probe = echo_probe,
	.remove = echo_remove,
	.otherend_changed = frontend_changed,
};

static int __init echo_back_init(void)
{
	return xenbus_register_backend(&echo_driver);
}

static void __exit echo_back_exit(void)
{
	xenbus_unregister_driver(&echo_driver);
}

module_init(echo_back_init);
module_exit(echo_back_exit);

MODULE_DESCRIPTION("Backend of the echo device, for dom0");
MODULE_AUTHOR("The xsfront developers");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
MODULE_ALIAS("xen-backend:" XSECHO_TYPE);
