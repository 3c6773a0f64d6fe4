/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_front.h - drivers of frontends, and what the core does for them.
 *
 * The core (xs_front.c) finds devices, follows both states and calls the driver where the table of
 * xenbus_state.c says so:
 *
 *   probe ─▶ setup ─▶ publish ─▶ connect ─▶ disconnect ─▶ release ─▶ remove
 *            └──────────────────── again after a restart ◀──┘
 *
 * All calls for one device come one after another, from a workqueue, and may sleep. setup and
 * release are paired, and so are connect and disconnect, probe and remove; each is called at most
 * once in a row. Between disconnect and release the backend may still have the ring mapped.
 */
#ifndef XS_FRONT_H
#define XS_FRONT_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>
#include "include/xsfront.h"

struct xs_front_dev;

/**
 * struct xs_front_driver - a kind of frontend
 * @type: as in device/<type>/<id>
 * @probe: a device has been found; 0, or a negative errno to leave it alone
 * @setup: make what the backend needs: ring, grants, event channel
 * @publish: write it, in transaction @tx; called again with another when that has to be retried
 * @connect: the backend has mapped the ring: data may flow
 * @reconfigure: the backend has changed its keys; optional
 * @disconnect: no data any more; the ring stays
 * @release: end grants and channel
 * @remove: the mirror of @probe
 * @devices: those that were found; the core's
 * @watch: on device/<type>; the core's
 * @scan: one look at the directory at a time; the core's
 * @rescan: looks again after the store has failed; the core's
 */
struct xs_front_driver {
	const char *type;
	int (*probe)(struct xs_front_dev *dev);
	int (*setup)(struct xs_front_dev *dev);
	int (*publish)(struct xs_front_dev *dev, u32 tx);
	int (*connect)(struct xs_front_dev *dev);
	void (*reconfigure)(struct xs_front_dev *dev);
	void (*disconnect)(struct xs_front_dev *dev);
	void (*release)(struct xs_front_dev *dev);
	void (*remove)(struct xs_front_dev *dev);

	struct list_head devices;
	struct xs_watch *watch;
	struct mutex scan;
	struct delayed_work rescan;
};

int xs_front_init(void);
void xs_front_exit(void);
int xs_front_register(struct xs_front_driver *drv);
void xs_front_unregister(struct xs_front_driver *drv);

unsigned int xs_front_id(const struct xs_front_dev *dev);
u16 xs_front_backend_id(const struct xs_front_dev *dev);
const char *xs_front_name(const struct xs_front_dev *dev);
void xs_front_set_data(struct xs_front_dev *dev, void *data);
void *xs_front_data(const struct xs_front_dev *dev);
int xs_front_put_u32(struct xs_front_dev *dev, u32 tx, const char *key, u32 value);

#endif /* XS_FRONT_H */
