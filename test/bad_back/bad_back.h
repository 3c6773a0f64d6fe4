/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bad_back.h - what the backends that lie do as any backend does: the way to a ring and back.
 */
#ifndef BAD_BACK_H
#define BAD_BACK_H

#define XS_COMPAT_BACK
#include <xs_compat.h>

/* Maps the page that the frontend has published, and says its event channel. */
static inline int bad_back_map(struct xenbus_device *dev, void **page, unsigned int *port)
{
	grant_ref_t ref;
	int err;

	err = xenbus_gather(XBT_NIL, dev->otherend, "ring-ref", "%u", &ref,
			    "event-channel", "%u", port, NULL);
	if (!err)
		err = xenbus_map_ring_valloc(dev, &ref, 1, page);
	if (err)
		*page = NULL;
	return err;
}

static inline void bad_back_unmap(struct xenbus_device *dev, void **page)
{
	xenbus_unmap_ring_vfree(dev, *page);
	*page = NULL;
}

/* Binds the channel; the first event may come before this returns. Without it the page goes. */
static inline int bad_back_bind(struct xenbus_device *dev, void **page, unsigned int port,
				irq_handler_t handler, void *data)
{
	int irq = xs_bind_frontend(dev, port, handler, KBUILD_MODNAME, data);

	if (irq < 0)
		bad_back_unmap(dev, page);
	return irq;
}

/* The handshake, told honestly. */
static inline void bad_back_step(struct xenbus_device *dev, enum xenbus_state front,
				 int (*connect)(struct xenbus_device *dev),
				 void (*disconnect)(struct xenbus_device *dev))
{
	switch (front) {
	case XenbusStateInitialising:
		if (dev->state == XenbusStateClosed)
			xenbus_switch_state(dev, XenbusStateInitWait);
		break;
	case XenbusStateInitialised:
		if (dev->state == XenbusStateInitWait && !connect(dev))
			xenbus_switch_state(dev, XenbusStateConnected);
		break;
	case XenbusStateClosing:
		xenbus_switch_state(dev, XenbusStateClosing);
		break;
	case XenbusStateClosed:
		disconnect(dev);
		xenbus_switch_state(dev, XenbusStateClosed);
		break;
	default:
		break;
	}
}

/* Is the device to go, once that step has been made? */
static inline bool bad_back_over(struct xenbus_device *dev, enum xenbus_state front)
{
	return front == XenbusStateUnknown ||
		(front == XenbusStateClosed && !xenbus_dev_is_online(dev));
}

#endif /* BAD_BACK_H */
