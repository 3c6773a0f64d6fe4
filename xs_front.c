// SPDX-License-Identifier: GPL-2.0
/*
 * xs_front.c - finds a guest's devices and takes each through its handshake. See xs_front.h.
 *
 *   watch device/<type> ──▶ scan: which are there? ──▶ add / remove
 *   watch <backend>/state ──▶ follow: read it, ask the table (xenbus_state.c), act, write ours
 *
 * Each device has a watch of its own, hence a work item of its own: one that is stuck holds up no
 * other. What a device does is decided in one place, follow(), from what is read there and then;
 * the event that led to it says only "look again".
 *
 * Who owns what: a driver's list owns its devices; it is changed by scan() alone, under drv->scan.
 * A device's fields are guarded by dev->lock, which is held over round trips to the store and over
 * the driver's calls. Lock order: drv->scan, dev->lock.
 *
 * The core never writes to a device whose directory has gone: a WRITE would make it again.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <xen/interface/io/xenbus.h>
#include "xenbus_state.h"
#include "xs_client.h"
#include "xs_front.h"

/* A pair of states leads to the next one at once; this many in a row, and something is odd. */
#define STEPS_MAX	8

/* Set-ups in a row that may fail before a device is left alone. */
#define FAILURES_MAX	3

/* A step that the store has not carried out is taken again after this. */
#define RETRY_SECONDS	5

#define NOBODY		(~0u)	/* no device's number */

/**
 * struct xs_front_dev - a device
 * @link: in its driver's list
 * @drv: its driver
 * @data: its driver's
 * @lock: guards all below, and serialises the driver's calls
 * @id: as in device/<type>/<id>
 * @node: device/<type>/<id>
 * @backend: the backend's directory
 * @backend_id: the backend's domain
 * @watch: on the backend's state
 * @retry: looks again after the store has failed us
 * @front: our state
 * @back: the backend's, as read last
 * @next: our state to be, while it is being written
 * @is_set_up: the driver's setup was called, its release was not
 * @connected: the driver's connect was called, its disconnect was not
 * @leaving: the driver is going away: do not begin anew
 * @gone: the directory has gone: write nothing
 * @failures: set-ups that have failed since the last one that did not
 * @odd: the last pair of states that made no sense
 * @closed: both ends are done with each other; waited for when @leaving
 */
struct xs_front_dev {
	struct list_head link;
	struct xs_front_driver *drv;
	void *data;
	struct mutex lock;
	unsigned int id;
	char *node;
	char *backend;
	u16 backend_id;
	struct xs_watch *watch;
	struct delayed_work retry;
	u32 front, back, next;
	bool is_set_up, connected, leaving, gone;
	unsigned int failures;
	unsigned int odd;
	struct completion closed;
};

static struct xs_handle *store;

/* ---- for drivers ------------------------------------------------------------------------ */

/**
 * xs_front_id() - the number in device/<type>/<id>
 * @dev: a device
 *
 * Return: the number.
 */
unsigned int xs_front_id(const struct xs_front_dev *dev)
{
	return dev->id;
}

/**
 * xs_front_backend_id() - whom to grant pages to
 * @dev: a device
 *
 * Return: the backend's domid.
 */
u16 xs_front_backend_id(const struct xs_front_dev *dev)
{
	return dev->backend_id;
}

/**
 * xs_front_name() - for messages
 * @dev: a device
 *
 * Return: device/<type>/<id>; lives as long as the device.
 */
const char *xs_front_name(const struct xs_front_dev *dev)
{
	return dev->node;
}

/**
 * xs_front_set_data() - keep something with a device
 * @dev: a device
 * @data: the driver's
 */
void xs_front_set_data(struct xs_front_dev *dev, void *data)
{
	dev->data = data;
}

/**
 * xs_front_data() - what xs_front_set_data() kept
 * @dev: a device
 *
 * Return: it.
 */
void *xs_front_data(const struct xs_front_dev *dev)
{
	return dev->data;
}

static char *key_path(const char *dir, const char *key)
{
	return kasprintf(GFP_KERNEL, "%s/%s", dir, key);
}

/**
 * xs_front_put_u32() - write one of our keys
 * @dev: a device
 * @tx: a transaction, or XS_NO_TRANSACTION
 * @key: its name
 * @value: written as a decimal number
 *
 * Context: may sleep.
 *
 * Return: 0; -ENOMEM; what xsfront.h lists.
 */
int xs_front_put_u32(struct xs_front_dev *dev, u32 tx, const char *key, u32 value)
{
	char *path = key_path(dev->node, key);
	int err = path ? xs_printf(store, tx, path, "%u", value) : -ENOMEM;

	kfree(path);
	return err;
}

/* ---- one device's handshake ------------------------------------------------------------- */

static void log_states(const struct xs_front_dev *dev)
{
	pr_info("%s: front %s, back %s\n", dev->node, xenbus_state_name(dev->front),
		xenbus_state_name(dev->back));
}

/* Reads a state node. A directory that has gone, or cannot be read, has state Unknown. */
static int read_state(const char *dir, u32 *state)
{
	char *path = key_path(dir, "state");
	int err = path ? xs_read_u32(store, XS_NO_TRANSACTION, path, state) : -ENOMEM;

	kfree(path);
	if (err == -ENOENT || err == -EACCES) {
		*state = XenbusStateUnknown;
		err = 0;
	}
	return err;
}

/*
 * In transaction @tx: is the device's directory still there? A WRITE would make it again. The keys
 * that we write and the one that we look for go together, or not at all.
 */
static int still_there(struct xs_front_dev *dev, u32 tx)
{
	char *path = key_path(dev->node, "backend");
	int there = path ? xs_exists(store, tx, path) : -ENOMEM;

	kfree(path);
	if (there < 0)
		return there;
	return there ? 0 : -ENOENT;
}

/* Keys and state become visible together, or not at all. */
static int publish(struct xs_handle *h, u32 tx, void *ctx)
{
	struct xs_front_dev *dev = ctx;
	int err = still_there(dev, tx);

	if (!err)
		err = dev->drv->publish(dev, tx);
	return err ? err : xs_front_put_u32(dev, tx, "state", XenbusStateInitialised);
}

static int set_up(struct xs_front_dev *dev)
{
	int err;

	if (!dev->is_set_up) {	/* what could not be published may be tried again */
		err = dev->drv->setup(dev);
		if (err)
			return err;
		dev->is_set_up = true;
	}
	return xs_transaction(store, publish, dev);
}

static void stop_data(struct xs_front_dev *dev)
{
	if (dev->connected)
		dev->drv->disconnect(dev);
	dev->connected = false;
}

static void let_go(struct xs_front_dev *dev)
{
	stop_data(dev);
	if (dev->is_set_up)
		dev->drv->release(dev);
	dev->is_set_up = false;
	complete_all(&dev->closed);
}

static int connect(struct xs_front_dev *dev)
{
	int err;

	if (dev->connected)
		return 0;
	err = dev->drv->connect(dev);
	if (err)
		return err;
	dev->connected = true;
	dev->failures = 0;
	return 0;
}

/* Does what a cell of the table says, short of writing the state. Returns 0 or a negative errno. */
static int act(struct xs_front_dev *dev, struct xenbus_step step)
{
	int err = 0;

	switch (step.action) {
	case XENBUS_SETUP:
		return set_up(dev);
	case XENBUS_CONNECT:
		return connect(dev);
	case XENBUS_RECONFIGURE:
		err = connect(dev);	/* Connected itself may not have been seen */
		if (!err && dev->drv->reconfigure)
			dev->drv->reconfigure(dev);
		return err;
	case XENBUS_CLOSE:
		stop_data(dev);
		return 0;
	case XENBUS_RELEASE:
	case XENBUS_RESTART:
		let_go(dev);
		return 0;
	}
	return err;
}

static int write_next(struct xs_handle *h, u32 tx, void *ctx)
{
	struct xs_front_dev *dev = ctx;
	int err = still_there(dev, tx);

	return err ? err : xs_front_put_u32(dev, tx, "state", dev->next);
}

/* A device that has gone meanwhile is not written to; the scan will find that, too. */
static int write_state(struct xs_front_dev *dev, u32 next)
{
	int err;

	if (dev->gone)
		return 0;
	dev->next = next;
	err = xs_transaction(store, write_next, dev);
	return err == -ENOENT ? 0 : err;
}

/*
 * A backend that is not online any more does not want to be called again. What the store does not
 * answer is not taken for a no: the step is taken, fails as well, and is taken again.
 */
static bool online(const struct xs_front_dev *dev)
{
	char *path = key_path(dev->backend, "online");
	u32 value = 0;
	int err = path ? xs_read_u32(store, XS_NO_TRANSACTION, path, &value) : -ENOMEM;

	kfree(path);
	if (err == -ENOENT || err == -EACCES || err == -EINVAL || err == -ERANGE)
		return false;
	return err || value;
}

static struct xenbus_step next_step(struct xs_front_dev *dev)
{
	struct xenbus_step step = xenbus_front_step(dev->front, dev->back);

	if (step.action == XENBUS_RESTART &&
	    (dev->leaving || dev->failures >= FAILURES_MAX || !online(dev))) {
		step.action = XENBUS_RELEASE;
		step.next = XenbusStateClosed;
	}
	/* Who leaves closes, whatever the backend does; if it has begun to, this says WAIT. */
	if (dev->leaving && step.action != XENBUS_CLOSE && step.action != XENBUS_RELEASE)
		step = xenbus_front_close(dev->front);
	return step;
}

static void say_odd(struct xs_front_dev *dev)
{
	unsigned int pair = dev->front * 16 + dev->back + 1;

	if (dev->odd == pair)
		return;
	dev->odd = pair;
	pr_warn("%s: front %s, back %s (%u): makes no sense, ignored\n", dev->node,
		xenbus_state_name(dev->front), xenbus_state_name(dev->back), dev->back);
}

/*
 * A step has failed. Closes from our side; what the backend may have mapped is kept until it has
 * let go, as in every other closing.
 */
static bool give_up(struct xs_front_dev *dev)
{
	struct xenbus_step step = xenbus_front_close(dev->front);
	u32 before = dev->front;

	if (++dev->failures == FAILURES_MAX)
		pr_err("%s: failed %d times in a row; left alone\n", dev->node, FAILURES_MAX);
	act(dev, step);
	dev->front = step.next;
	write_state(dev, dev->front);
	return dev->front != before;
}

static bool store_failed(int err)
{
	return err == -ECONNRESET || err == -ENOTCONN || err == -ETIMEDOUT;
}

/*
 * Was it the store that failed, and not the step? Then the device is left as it is, and the same
 * step is taken again: every step can be.
 */
static bool try_later(struct xs_front_dev *dev, int err)
{
	if (!store_failed(err))
		return false;
	schedule_delayed_work(&dev->retry, RETRY_SECONDS * HZ);
	return true;
}

/* Takes one step. Returns whether our state has changed. */
static bool take_step(struct xs_front_dev *dev, struct xenbus_step step)
{
	u32 before = dev->front;
	int err = act(dev, step);

	/* Set-up has written its state together with its keys. */
	if (!err && step.next != before && step.action != XENBUS_SETUP)
		err = write_state(dev, step.next);
	if (err) {
		pr_err("%s: %s -> %s failed: error %d\n", dev->node, xenbus_state_name(before),
		       xenbus_state_name(step.next), err);
		return try_later(dev, err) ? false : give_up(dev);
	}
	dev->front = step.next;
	return dev->front != before;
}

/* Looks at the backend and does what is to be done. */
static void follow(struct xs_front_dev *dev)
{
	u32 back = XenbusStateUnknown;
	struct xenbus_step step;
	int steps, err = 0;

	lockdep_assert_held(&dev->lock);
	for (steps = 0; steps < STEPS_MAX; steps++) {
		if (!dev->gone)
			err = read_state(dev->backend, &back);
		if (err) {
			pr_err("%s: cannot read the backend's state: error %d\n", dev->node, err);
			try_later(dev, err);
			return;
		}
		if (back != dev->back) {
			dev->back = back;
			log_states(dev);
		}
		step = next_step(dev);
		if (step.action == XENBUS_ODD)
			say_odd(dev);
		if (!take_step(dev, step))
			return;
		log_states(dev);
	}
	pr_warn("%s: the backend changes its mind too often; waiting for it\n", dev->node);
}

static void on_backend(void *ctx, const char *path, bool again)
{
	struct xs_front_dev *dev = ctx;

	mutex_lock(&dev->lock);
	follow(dev);
	mutex_unlock(&dev->lock);
}

static void on_retry(struct work_struct *work)
{
	on_backend(container_of(to_delayed_work(work), struct xs_front_dev, retry), NULL, false);
}

/* ---- finding devices -------------------------------------------------------------------- */

static void dev_free(struct xs_front_dev *dev)
{
	kfree(dev->node);
	kfree(dev->backend);
	kfree(dev);
}

/*
 * Reads who the backend is. Both keys are needed: a device whose directory is still being made has
 * neither, and will be looked at again when they come.
 */
static int read_backend(struct xs_front_dev *dev)
{
	size_t size = XENSTORE_ABS_PATH_MAX + 1;
	char *path = key_path(dev->node, "backend");
	char *id_path = key_path(dev->node, "backend-id");
	char *buf = kmalloc(size, GFP_KERNEL);
	int err = path && id_path && buf ? 0 : -ENOMEM;
	u32 id = 0;

	if (!err)
		err = xs_read(store, XS_NO_TRANSACTION, path, buf, size);
	if (err >= 0)
		err = xs_read_u32(store, XS_NO_TRANSACTION, id_path, &id);
	if (!err && (xs_path_check(buf) || id > 0xffff))
		err = -EINVAL;
	if (!err) {
		dev->backend_id = (u16)id;
		dev->backend = kstrdup(buf, GFP_KERNEL);
		if (!dev->backend)
			err = -ENOMEM;
	}
	kfree(buf);
	kfree(id_path);
	kfree(path);
	return err;
}

/*
 * The state that a predecessor left. Initialising and Closed are where a frontend may begin; in all
 * others the backend may have a ring that we know nothing of, and has to close first: Unknown.
 */
static int read_own_state(struct xs_front_dev *dev)
{
	int err = read_state(dev->node, &dev->front);

	if (!err && dev->front != XenbusStateInitialising && dev->front != XenbusStateClosed)
		dev->front = XenbusStateUnknown;
	return err;
}

static int watch_backend(struct xs_front_dev *dev)
{
	char *path = key_path(dev->backend, "state");
	struct xs_watch *watch = path ? xs_watch(store, path, on_backend, dev) : ERR_PTR(-ENOMEM);

	kfree(path);
	if (IS_ERR(watch))
		return PTR_ERR(watch);
	dev->watch = watch;
	return 0;
}

static int dev_add(struct xs_front_driver *drv, const char *name, unsigned int id)
{
	struct xs_front_dev *dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	int err = -ENOMEM;

	if (!dev)
		return err;
	dev->drv = drv;
	dev->id = id;
	mutex_init(&dev->lock);
	init_completion(&dev->closed);
	INIT_DELAYED_WORK(&dev->retry, on_retry);
	dev->node = kasprintf(GFP_KERNEL, "device/%s/%s", drv->type, name);
	if (!dev->node)
		goto err_free;
	err = read_backend(dev);
	if (!err)
		err = read_own_state(dev);
	if (err)
		goto err_free;
	err = drv->probe(dev);
	if (err)
		goto err_free;
	pr_info("%s: found, backend %s in domain %u\n", dev->node, dev->backend, dev->backend_id);
	err = watch_backend(dev);
	if (err)
		goto err_watch;
	list_add_tail(&dev->link, &drv->devices);
	return 0;

err_watch:
	/* An event may have come before the watch failed. */
	cancel_delayed_work_sync(&dev->retry);
	mutex_lock(&dev->lock);
	let_go(dev);
	mutex_unlock(&dev->lock);
	drv->remove(dev);
err_free:
	/* Not there yet, or there no more: the next event tells. */
	if (err != -ENOENT)
		pr_err("device/%s/%s: cannot be used: error %d\n", drv->type, name, err);
	dev_free(dev);
	return err;
}

/* Begins to close from our side, and goes as far as the backend lets us. */
static void begin_close(struct xs_front_dev *dev)
{
	struct xenbus_step step;

	mutex_lock(&dev->lock);
	dev->leaving = true;
	reinit_completion(&dev->closed);
	step = xenbus_front_close(dev->front);
	if (take_step(dev, step))
		log_states(dev);
	follow(dev);
	if (!dev->is_set_up)	/* the backend has nothing of ours */
		complete_all(&dev->closed);
	mutex_unlock(&dev->lock);
}

/* Takes a device out of the world. Its backend has closed, or has had its time. */
static void dev_remove(struct xs_front_dev *dev)
{
	xs_unwatch(dev->watch);
	cancel_delayed_work_sync(&dev->retry);
	mutex_lock(&dev->lock);
	if (dev->is_set_up && !dev->gone)
		pr_warn("%s: back is %s and may still have our pages; they are freed later\n",
			dev->node, xenbus_state_name(dev->back));
	let_go(dev);
	mutex_unlock(&dev->lock);
	dev->drv->remove(dev);
	list_del(&dev->link);
	dev_free(dev);
}

static bool listed(const struct xs_list *names, const struct xs_front_dev *dev)
{
	const char *name;

	xs_list_for_each(name, names)
		if (!strcmp(name, strrchr(dev->node, '/') + 1))
			return true;
	return false;
}

static struct xs_front_dev *dev_find(struct xs_front_driver *drv, unsigned int id)
{
	struct xs_front_dev *dev;

	list_for_each_entry(dev, &drv->devices, link)
		if (dev->id == id)
			return dev;
	return NULL;
}

/* Its directory has gone: nothing is written any more. */
static void forget(struct xs_front_dev *dev)
{
	mutex_lock(&dev->lock);
	dev->gone = true;
	mutex_unlock(&dev->lock);
	dev_remove(dev);
}

static void remove_unlisted(struct xs_front_driver *drv, const struct xs_list *names)
{
	struct xs_front_dev *dev, *next;

	list_for_each_entry_safe(dev, next, &drv->devices, link) {
		if (listed(names, dev))
			continue;
		pr_info("%s: gone\n", dev->node);
		forget(dev);
	}
}

/* Has a device that we know been made anew, with another backend? Then it is another device. */
static void check_known(struct xs_front_driver *drv, unsigned int id)
{
	struct xs_front_dev now = { }, *dev = dev_find(drv, id);
	bool other;

	now.node = dev->node;
	if (read_backend(&now))
		return;		/* half made, or gone: there will be another event */
	other = now.backend_id != dev->backend_id || strcmp(now.backend, dev->backend);
	kfree(now.backend);
	if (!other)
		return;
	pr_info("%s: made anew with another backend\n", dev->node);
	forget(dev);
}

/* Returns the first error with which a device could not be looked at. */
static int add_listed(struct xs_front_driver *drv, const struct xs_list *names, u32 touched)
{
	const char *name;
	int err, ret = 0;
	u32 id;

	xs_list_for_each(name, names) {
		if (xs_number(name, strlen(name), &id)) {
			pr_warn_once("device/%s/%s: a device's name is a number; ignored\n",
				     drv->type, name);
			continue;
		}
		if (id == touched && dev_find(drv, id))
			check_known(drv, id);
		if (dev_find(drv, id))
			continue;
		err = dev_add(drv, name, id);
		if (!ret)
			ret = err;
	}
	return ret;
}

/* Compares what is there with what we have. @touched is a device whose keys have changed. */
static void scan(struct xs_front_driver *drv, u32 touched)
{
	struct xs_list names = { NULL, 0, 0 };
	char path[32];
	int err;

	snprintf(path, sizeof(path), "device/%s", drv->type);
	mutex_lock(&drv->scan);
	err = xs_directory(store, XS_NO_TRANSACTION, path, &names);
	if (err && err != -ENOENT) {
		pr_err("%s: cannot be listed: error %d\n", path, err);
	} else {
		remove_unlisted(drv, &names);
		err = add_listed(drv, &names, touched);
	}
	mutex_unlock(&drv->scan);
	xs_list_free(&names);
	if (store_failed(err))
		schedule_delayed_work(&drv->rescan, RETRY_SECONDS * HZ);
}

static void on_rescan(struct work_struct *work)
{
	scan(container_of(to_delayed_work(work), struct xs_front_driver, rescan), NOBODY);
}

/*
 * The watch covers all below device/<type>, what we write ourselves too. A device comes, becomes
 * complete or goes with an event for the directory itself, for device/<type>/<id>, or for one of
 * the two keys that say who the backend is.
 */
static bool worth_a_scan(const struct xs_front_driver *drv, const char *path, u32 *touched)
{
	const char *id = strstr(path, drv->type);
	const char *key;

	*touched = NOBODY;
	id = id ? strchr(id, '/') : NULL;
	key = id ? strchr(id + 1, '/') : NULL;
	if (!key)
		return true;
	if (strcmp(key, "/backend") && strcmp(key, "/backend-id"))
		return false;
	xs_number(id + 1, key - id - 1, touched);
	return true;
}

static void on_devices(void *ctx, const char *path, bool again)
{
	struct xs_front_driver *drv = ctx;
	u32 touched = NOBODY;

	if (again || worth_a_scan(drv, path, &touched))
		scan(drv, touched);
}

/* ---- drivers ---------------------------------------------------------------------------- */

/**
 * xs_front_register() - drive all devices of a type, those that are there and those that come
 * @drv: a driver; used until xs_front_unregister() returns
 *
 * Devices are found in the background: this does not wait for them. Context: may sleep.
 *
 * Return: 0 or what xs_watch() can return.
 */
int xs_front_register(struct xs_front_driver *drv)
{
	char path[32];

	INIT_LIST_HEAD(&drv->devices);
	mutex_init(&drv->scan);
	INIT_DELAYED_WORK(&drv->rescan, on_rescan);
	snprintf(path, sizeof(path), "device/%s", drv->type);
	drv->watch = xs_watch(store, path, on_devices, drv);
	return PTR_ERR_OR_ZERO(drv->watch);
}

/**
 * xs_front_unregister() - the mirror of xs_front_register()
 * @drv: a driver
 *
 * Has all devices begin to close, one after another, and then waits for their backends to let go:
 * the module parameter `timeout` at the most, for all together. A store that does not answer costs
 * each device the deadline of its requests before that. Pages that a backend still has by then are
 * freed when it lets go of them. Context: may sleep.
 */
void xs_front_unregister(struct xs_front_driver *drv)
{
	unsigned long deadline = jiffies + xs_client_timeout();
	struct xs_front_dev *dev, *next;
	long left;

	xs_unwatch(drv->watch);
	cancel_delayed_work_sync(&drv->rescan);	/* no scan from here on */
	list_for_each_entry(dev, &drv->devices, link)
		begin_close(dev);
	list_for_each_entry_safe(dev, next, &drv->devices, link) {
		left = (long)(deadline - jiffies);
		wait_for_completion_timeout(&dev->closed, left > 0 ? left : 0);
		dev_remove(dev);
	}
}

/**
 * xs_front_init() - set-up of this file
 *
 * Return: 0 or -ENOMEM.
 */
int xs_front_init(void)
{
	store = xs_open("front");
	return PTR_ERR_OR_ZERO(store);
}

/**
 * xs_front_exit() - the mirror of xs_front_init(); no driver is registered any more
 */
void xs_front_exit(void)
{
	xs_close(store);
}
