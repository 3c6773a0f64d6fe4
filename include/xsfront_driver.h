/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xsfront_driver.h - the API for drivers of xenbus frontends, in xsfront.ko and in other modules.
 *
 * doc/frontend.md shows a whole driver. The core finds devices, follows both ends' states, makes
 * and frees what the two ends share, and calls the driver:
 *
 *   probe ─▶ setup ─▶ connect ─▶ disconnect ─▶ release ─▶ remove
 *              ▲         event, backend_changed,   │
 *              │         reconfigure between       │
 *              └───── when the backend is back ────┘
 *
 * probe and remove are paired, and so are setup and release, connect and disconnect; each is called
 * at most once in a row. One that has failed is not paired: what it made itself, beside rings and
 * keys, it takes back itself. All but event come one after another for one device, from a
 * workqueue, and may sleep; another device's are not held up by them. None is called after
 * xs_front_unregister().
 *
 * Who owns what: what xs_front_ring() has made is the core's. It is the driver's to use from setup
 * to the end of disconnect, and not to be touched after that: the backend may have it mapped until
 * release, and the core ends its grants when the backend has let go, however late that is.
 *
 * Trust: nothing that the backend writes is believed, and the driver must not either: read each
 * shared word once, then check it.
 */
#ifndef XSFRONT_DRIVER_H
#define XSFRONT_DRIVER_H

#include <linux/device.h>
#include <linux/types.h>
#include <xen/events.h>
#include <xen/grant_table.h>
#include "xsfront.h"

struct page;
struct xs_front_dev;
struct xs_front_type;

/**
 * struct xs_front_driver - a kind of frontend
 * @type: as in device/<type>/<id>
 * @probe: a device has been found: keep what it needs with xs_front_set_data(). 0, or a negative
 *	   errno to leave it alone until it is made anew; -ENODEV does so without a word. With
 *	   -ENOMEM it is called again after 5 s. Optional
 * @setup: the backend waits for us: read its keys (xs_front_read_keys()), make what it needs
 *	   (xs_front_ring(), xs_front_key()). All keys are published with our state after this, in
 *	   one transaction. 0, or a negative errno: what was made is freed, and it is tried again
 *	   after 5 s, three times in a row at the most; but without end for -ENOMEM, -EAGAIN,
 *	   -ETIMEDOUT, -ECONNRESET and -ENOTCONN, with which the store fails
 * @connect: the backend has mapped the ring: data may flow. 0, or a negative errno to close; with
 *	   one of the five above it is called again after 5 s instead
 * @event: the backend has signalled a ring of this device; atomic context. From just before connect
 *	   is called, if it has signalled by then, to when disconnect is called, and never two at
 *	   once for one ring: what it needs is to be there after setup. See
 *	   struct xs_front_ring_spec for several rings. Returns whether there was something new
 * @backend_changed: while connected, the backend has written its state again, the same or not: its
 *	   keys may be others now. Optional
 * @reconfigure: the backend has said Reconfigured: its keys are others now. Optional
 * @disconnect: no data any more; do not touch the ring after this. Optional
 * @release: the backend has let go of all that it had of this device; data that was under way may
 *	   be given back or sent anew. Rings go after this. Also called for a device that has been
 *	   taken away, or when a driver leaves and the backend does not let go in time: then grants
 *	   may still be in use, see xs_front_end_grant(). Optional
 * @given_up: no connection is tried any more: steps have failed three times in a row, or both ends
 *	      are closed and the toolstack has said that it is over (online is 0). The device is
 *	      there until it is removed, and should it come to a connection after all, @connect
 *	      says so. Who waits for the device can be told now. Optional
 * @remove: the mirror of @probe. Optional
 * @core: the core's
 */
struct xs_front_driver {
	const char *type;
	int (*probe)(struct xs_front_dev *dev);
	int (*setup)(struct xs_front_dev *dev);
	int (*connect)(struct xs_front_dev *dev);
	bool (*event)(struct xs_front_dev *dev);
	void (*backend_changed)(struct xs_front_dev *dev);
	void (*reconfigure)(struct xs_front_dev *dev);
	void (*disconnect)(struct xs_front_dev *dev);
	void (*release)(struct xs_front_dev *dev);
	void (*given_up)(struct xs_front_dev *dev);
	void (*remove)(struct xs_front_dev *dev);

	struct xs_front_type *core;
};

int xs_front_register(struct xs_front_driver *drv);
void xs_front_unregister(struct xs_front_driver *drv);

/* For a module that is a driver and nothing else: its init and exit. */
#define module_xs_front_driver(drv) module_driver(drv, xs_front_register, xs_front_unregister)

/* ---- a device --------------------------------------------------------------------------- */

unsigned int xs_front_id(const struct xs_front_dev *dev);
u16 xs_front_backend_id(const struct xs_front_dev *dev);
const char *xs_front_backend(const struct xs_front_dev *dev);
const char *xs_front_name(const struct xs_front_dev *dev);
bool xs_front_may_log(struct xs_front_dev *dev);
void xs_front_set_data(struct xs_front_dev *dev, void *data);
void *xs_front_data(const struct xs_front_dev *dev);

/* ---- rings ------------------------------------------------------------------------------ */

#define XS_RING_ORDER_MAX	4u	/* 16 pages, as much as any backend of Xen's takes */

/**
 * struct xs_front_ring_spec - what ring is wanted; all zero is one page with its own channel
 * @order: 1 << order pages. Published as ring-ref, or ring-page-order, ring-ref0, ring-ref1, …
 * @ref_key: another name for ring-ref
 * @channel_key: another name for event-channel
 * @silent: no event channel for this ring: it shares that of another
 * @event: instead of the driver's event
 */
struct xs_front_ring_spec {
	unsigned int order;
	const char *ref_key;
	const char *channel_key;
	bool silent;
	bool (*event)(struct xs_front_dev *dev);
};

/**
 * struct xs_front_ring - pages that the backend may map, and an event channel to it; the core's
 * @shared: the pages, one behind the other, zeroed
 * @size: bytes
 * @irq: of the event channel; -1 for a silent ring
 */
struct xs_front_ring {
	void *shared;
	size_t size;
	int irq;
};

struct xs_front_ring *xs_front_ring(struct xs_front_dev *dev,
				    const struct xs_front_ring_spec *spec);

/**
 * xs_front_signal() - tell the backend to look into the ring
 * @ring: not a silent one
 *
 * Context: any. From setup to disconnect.
 */
static inline void xs_front_signal(const struct xs_front_ring *ring)
{
	notify_remote_via_irq(ring->irq);
}

bool xs_front_end_grant(struct xs_front_dev *dev, grant_ref_t ref, struct page *page);

/* ---- keys ------------------------------------------------------------------------------- */

__printf(3, 4)
int xs_front_key(struct xs_front_dev *dev, const char *key, const char *fmt, ...);
int xs_front_no_key(struct xs_front_dev *dev, const char *key);

/**
 * struct xs_front_key - a key of the backend's that a driver wants; made by the macros below
 * @name: below the backend's directory
 * @u32: takes a decimal number of 32 bits, or
 * @u64: one of 64 bits, or
 * @text: takes what is there, and a NUL
 * @size: of @text in bytes, the NUL included
 * @optional: where the key does not exist, leave what @u32, @u64 or @text has
 */
struct xs_front_key {
	const char *name;
	u32 *u32;
	u64 *u64;
	char *text;
	size_t size;
	bool optional;
};

#define XS_KEY_U32(key, to)		{ .name = (key), .u32 = (to) }
#define XS_KEY_U64(key, to)		{ .name = (key), .u64 = (to) }
#define XS_KEY_TEXT(key, to, bytes)	{ .name = (key), .text = (to), .size = (bytes) }
#define XS_KEY_MAYBE_U32(key, to)	{ .name = (key), .u32 = (to), .optional = true }
#define XS_KEY_MAYBE_U64(key, to)	{ .name = (key), .u64 = (to), .optional = true }
#define XS_KEY_MAYBE_TEXT(key, to, bytes) \
	{ .name = (key), .text = (to), .size = (bytes), .optional = true }

int xs_front_read_keys(struct xs_front_dev *dev, const struct xs_front_key *keys, unsigned int n);

#endif /* XSFRONT_DRIVER_H */
