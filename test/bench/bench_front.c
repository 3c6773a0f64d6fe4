// SPDX-License-Identifier: GPL-2.0
/*
 * bench_front.c - the echo device's frontend as a driver on the kernel's own xenbus has it, for the
 * set-up of devices: what xs_echo.c is compared with.
 *
 *   xenbus finds device/echo/<id> ─▶ probe
 *   backend InitWait  ─▶ ring, channel, two keys in a transaction, Initialised
 *   backend Connected ─▶ /dev/benchecho<id>, Connected
 *   backend Closing   ─▶ all of it back, Closed
 *
 * Written as the drivers of the kernel are. It goes as far as Connected: no data is moved.
 *
 * struct front belongs to its xenbus device; xenbus calls one function of it at a time.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <xen/events.h>
#include <xen/grant_table.h>
#include <xen/page.h>
#include <xen/xenbus.h>
#include <xsecho.h>
#include "../../xs_compat.h"

#define MINORS	256

/**
 * struct front - one device
 * @ring: our view of the shared page
 * @page: the shared page; NULL while there is none
 * @ref: the backend's right to map it
 * @port: our end of the event channel
 * @irq: its interrupt
 * @node: there while it is Connected
 */
struct front {
	struct xsecho_front_ring ring;
	struct page *page;
	grant_ref_t ref;
	evtchn_port_t port;
	int irq;
	struct device *node;
};

static struct class *class;
static dev_t region;

static irqreturn_t on_event(int irq, void *data)
{
	return IRQ_HANDLED;
}

static unsigned int id_of(const struct xenbus_device *dev)
{
	unsigned int id = 0;

	/* device/echo/<id>; a name that is no number is taken for 0 */
	if (kstrtouint(strrchr(dev->nodename, '/') + 1, 10, &id))
		return 0;
	return id % MINORS;
}

static int make_ring(struct xenbus_device *dev, struct front *f)
{
	struct xsecho_sring *sring;
	int ref;

	f->page = alloc_page(GFP_NOIO | __GFP_ZERO);
	if (!f->page)
		return -ENOMEM;
	sring = page_address(f->page);
	SHARED_RING_INIT(sring);
	FRONT_RING_INIT(&f->ring, sring, XEN_PAGE_SIZE);
	ref = gnttab_grant_foreign_access(dev->otherend_id, virt_to_gfn(sring), 0);
	if (ref < 0) {
		__free_page(f->page);
		f->page = NULL;
		return ref;
	}
	f->ref = ref;
	return 0;
}

static int make_channel(struct xenbus_device *dev, struct front *f)
{
	int err = xenbus_alloc_evtchn(dev, &f->port);

	if (err)
		return err;
	err = bind_evtchn_to_irqhandler(f->port, on_event, 0, "bench_front", f);
	if (err < 0) {
		xenbus_free_evtchn(dev, f->port);
		return err;
	}
	f->irq = err;
	return 0;
}

static void drop_ring(struct front *f)
{
	if (f->page)
		xs_end_grant(f->ref, f->page);
	f->page = NULL;
}

static int publish(struct xenbus_device *dev, struct front *f)
{
	struct xenbus_transaction xbt;
	int err, end;

again:
	err = xenbus_transaction_start(&xbt);
	if (err)
		return err;
	err = xenbus_printf(xbt, dev->nodename, "ring-ref", "%u", f->ref);
	if (!err)
		err = xenbus_printf(xbt, dev->nodename, "event-channel", "%u", f->port);
	end = xenbus_transaction_end(xbt, err);
	if (!err && end == -EAGAIN)
		goto again;
	return err ? err : end;
}

static void set_up(struct xenbus_device *dev, struct front *f)
{
	int err = make_ring(dev, f);

	if (err)
		goto err_ring;
	err = make_channel(dev, f);
	if (err)
		goto err_channel;
	err = publish(dev, f);
	if (err)
		goto err_publish;
	xenbus_switch_state(dev, XenbusStateInitialised);
	return;

err_publish:
	unbind_from_irqhandler(f->irq, f);
err_channel:
	drop_ring(f);
err_ring:
	xenbus_dev_fatal(dev, err, "setting up");
}

static void tear_down(struct front *f)
{
	if (!f->page)
		return;
	if (f->node)
		device_unregister(f->node);
	f->node = NULL;
	unbind_from_irqhandler(f->irq, f);
	drop_ring(f);
}

static void connect(struct xenbus_device *dev, struct front *f)
{
	f->node = device_create(class, &dev->dev, region + id_of(dev), f, "benchecho%u",
				id_of(dev));
	if (IS_ERR(f->node)) {
		xenbus_dev_fatal(dev, PTR_ERR(f->node), "making the device node");
		f->node = NULL;
		return;
	}
	xenbus_switch_state(dev, XenbusStateConnected);
}

static void backend_changed(struct xenbus_device *dev, enum xenbus_state state)
{
	struct front *f = dev_get_drvdata(&dev->dev);

	switch (state) {
	case XenbusStateInitWait:
		if (dev->state == XenbusStateInitialising)
			set_up(dev, f);
		break;
	case XenbusStateConnected:
		if (dev->state == XenbusStateInitialised)
			connect(dev, f);
		break;
	case XenbusStateClosing:
	case XenbusStateClosed:
		if (dev->state == XenbusStateClosed)
			break;
		tear_down(f);
		xenbus_frontend_closed(dev);
		break;
	default:
		break;
	}
}

static int front_probe(struct xenbus_device *dev, const struct xenbus_device_id *id)
{
	struct front *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	dev_set_drvdata(&dev->dev, f);
	return 0;
}

/* Other kernels' remove() returns something; a void one is what 6.1 and later have. */
static void front_remove(struct xenbus_device *dev)
{
	struct front *f = dev_get_drvdata(&dev->dev);

	tear_down(f);
	kfree(f);
}

static const struct xenbus_device_id ids[] = {
	{ XSECHO_TYPE },
	{ "" }
};

static struct xenbus_driver driver = {
	.ids = ids,
	.probe = front_probe,
	.remove = front_remove,
	.otherend_changed = backend_changed,
	.not_essential = true,
};

static int __init bench_front_init(void)
{
	int err = alloc_chrdev_region(&region, 0, MINORS, "benchecho");

	if (err)
		return err;
	class = xs_class_create("benchecho");
	err = PTR_ERR_OR_ZERO(class);
	if (err)
		goto err_class;
	err = xenbus_register_frontend(&driver);
	if (!err)
		return 0;
	class_destroy(class);
err_class:
	unregister_chrdev_region(region, MINORS);
	return err;
}

static void __exit bench_front_exit(void)
{
	xenbus_unregister_driver(&driver);
	class_destroy(class);
	unregister_chrdev_region(region, MINORS);
}

module_init(bench_front_init);
module_exit(bench_front_exit);

MODULE_DESCRIPTION("make bench: a conventional frontend of the echo device");
MODULE_AUTHOR("The xsfront developers");
MODULE_LICENSE("GPL");
