// SPDX-License-Identifier: GPL-2.0
/*
 * xs_device.c - one device's life.
 *
 *   event, timer ─▶ look ─▶ work item of this device
 *                              │ identify: who is the backend? probe
 *                              │ look:     xs_handshake.c
 *                              └ finish:   let go, remove, free
 *
 * Each device has a work item of its own, which is the only one that touches it: so what it does
 * needs no lock, and one that is stuck holds up no other. Others set bits in dev->asked and call
 * xs_device_look(). What led to a look says only "look again".
 *
 * What is shown of a device is dev->view, a copy under dev->view_lock (spinlock), so that a device
 * whose driver sleeps can be looked at too.
 *
 * The core never writes to a device whose directory has gone: a WRITE would make it again.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <xen/interface/io/xenbus.h>
#include "xenbus_state.h"
#include "xs_client.h"
#include "xs_front.h"
#include "xs_why.h"

/* A device that has not moved for so long is stuck; it is said, and again after so long. */
#define STUCK_SECONDS	5
#define STUCK_AGAIN	30

/* ---- for drivers ------------------------------------------------------------------------ */

/**
 * xs_front_id() - the number in device/<type>/<id>
 * @dev: a device
 *
 * Context: any.
 *
 * Return: the number.
 */
unsigned int xs_front_id(const struct xs_front_dev *dev)
{
	return dev->id;
}
EXPORT_SYMBOL_GPL(xs_front_id);

/**
 * xs_front_backend_id() - whom to grant pages to
 * @dev: a device
 *
 * Context: any.
 *
 * Return: the backend's domid.
 */
u16 xs_front_backend_id(const struct xs_front_dev *dev)
{
	return dev->backend_id;
}
EXPORT_SYMBOL_GPL(xs_front_backend_id);

/**
 * xs_front_backend() - the backend's directory
 * @dev: a device
 *
 * Context: any.
 *
 * Return: its path; lives as long as the device.
 */
const char *xs_front_backend(const struct xs_front_dev *dev)
{
	return dev->backend;
}
EXPORT_SYMBOL_GPL(xs_front_backend);

/**
 * xs_front_name() - for messages
 * @dev: a device
 *
 * Context: any.
 *
 * Return: device/<type>/<id>; lives as long as the device.
 */
const char *xs_front_name(const struct xs_front_dev *dev)
{
	return dev->node;
}
EXPORT_SYMBOL_GPL(xs_front_name);

/**
 * xs_front_may_log() - has a device's backend made us log too much?
 * @dev: a device
 *
 * For what a backend can bring about as often as it likes; XS_LINES_A_MINUTE lines of a device are
 * enough. The kernel tells how many were left out ("callbacks suppressed"). Context: any.
 *
 * Return: whether a line about the device may go to the log.
 */
bool xs_front_may_log(struct xs_front_dev *dev)
{
	return __ratelimit(&dev->lines);
}
EXPORT_SYMBOL_GPL(xs_front_may_log);

/**
 * xs_front_set_data() - keep something with a device
 * @dev: a device
 * @data: the driver's
 *
 * Context: any.
 */
void xs_front_set_data(struct xs_front_dev *dev, void *data)
{
	dev->data = data;
}
EXPORT_SYMBOL_GPL(xs_front_set_data);

/**
 * xs_front_data() - what xs_front_set_data() kept
 * @dev: a device
 *
 * Context: any.
 *
 * Return: it; NULL before.
 */
void *xs_front_data(const struct xs_front_dev *dev)
{
	return dev->data;
}
EXPORT_SYMBOL_GPL(xs_front_data);

/* ---- what is known of it ---------------------------------------------------------------- */

/**
 * xs_device_view() - what is known of a device
 * @dev: a device
 * @view: takes a copy
 */
void xs_device_view(struct xs_front_dev *dev, struct xs_front_view *view)
{
	spin_lock(&dev->view_lock);
	*view = dev->view;
	spin_unlock(&dev->view_lock);
}

/**
 * xs_device_rests() - is a device where it may stay?
 * @view: what is known of it
 *
 * Return: whether both ends are Connected, or it is switched off by its backend, or not wanted by
 * its driver.
 */
bool xs_device_rests(const struct xs_front_view *view)
{
	return !view->doing && (view->offline || view->refused ||
				(view->connected && view->back == XenbusStateConnected));
}

/* Not before the device has stood still for @seconds does the log say why. */
static void arm_stuck(struct xs_front_dev *dev, unsigned int seconds)
{
	mod_delayed_work(system_unbound_wq, &dev->stuck, seconds * HZ);
}

/**
 * xs_device_set_flag() - something about a device is another than before, or not
 * @dev: the caller's own device
 * @flag: a bool of its view
 * @value: what it is now
 */
void xs_device_set_flag(struct xs_front_dev *dev, bool *flag, bool value)
{
	bool moved;

	spin_lock(&dev->view_lock);
	moved = *flag != value;
	*flag = value;
	spin_unlock(&dev->view_lock);
	if (moved)
		xs_front_moved();
}

/**
 * xs_device_set_states() - a device has moved; the log is told
 * @dev: the caller's own device
 * @front: our state
 * @back: the backend's
 */
void xs_device_set_states(struct xs_front_dev *dev, u32 front, u32 back)
{
	struct xs_front_view *v = &dev->view;
	u64 now = ktime_get_ns();

	spin_lock(&dev->view_lock);
	if (front != v->front)
		v->front_since = now;
	if (back != v->back || !v->back_since)
		v->back_since = now;
	v->front = front;
	v->back = back;
	v->history[v->count++ % XS_HISTORY] = (struct xs_transition){ now, front, back };
	spin_unlock(&dev->view_lock);
	if (xs_front_may_log(dev))
		pr_info("%s: front %s, back %s\n", dev->node, xenbus_state_name(front),
			xenbus_state_name(back));
	arm_stuck(dev, STUCK_SECONDS);
	xs_front_moved();
}

/* The driver is in a call, @what; NULL when it has come back. */
static void set_doing(struct xs_front_dev *dev, const char *what)
{
	spin_lock(&dev->view_lock);
	dev->view.doing = what;
	dev->view.doing_since = ktime_get_ns();
	spin_unlock(&dev->view_lock);
	if (what)
		arm_stuck(dev, STUCK_SECONDS);
}

/**
 * xs_device_set_error() - a step of a device has failed
 * @dev: the caller's own device
 * @what: which; NULL for none
 * @err: how; 0 for not
 */
void xs_device_set_error(struct xs_front_dev *dev, const char *what, int err)
{
	spin_lock(&dev->view_lock);
	dev->view.failed = what;
	dev->view.error = err;
	spin_unlock(&dev->view_lock);
}

static void on_stuck(struct work_struct *work)
{
	struct xs_front_dev *dev = container_of(to_delayed_work(work), struct xs_front_dev, stuck);
	struct xs_front_view view;

	xs_device_view(dev, &view);
	if (xs_device_rests(&view))
		return;
	xs_why_say(dev, &view);
	arm_stuck(dev, STUCK_AGAIN);
	xs_device_look(dev);	/* should an event have been lost, it is made up for here */
}

/**
 * xs_device_call() - call a device's driver, which can fail
 * @dev: the caller's own device
 * @fn: what; NULL does nothing
 * @name: its name
 *
 * Return: what it returns; -EIO for -ESTALE and -ECANCELED.
 */
int xs_device_call(struct xs_front_dev *dev, int (*fn)(struct xs_front_dev *dev), const char *name)
{
	int err;

	if (!fn)
		return 0;
	set_doing(dev, name);
	err = fn(dev);
	set_doing(dev, NULL);
	/* From xs_front_publish() these two mean "again, at once"; a driver has only failed. */
	return err == -ESTALE || err == -ECANCELED ? -EIO : err;
}

/**
 * xs_device_tell() - call a device's driver
 * @dev: the caller's own device
 * @fn: what; NULL does nothing
 * @name: its name
 */
void xs_device_tell(struct xs_front_dev *dev, void (*fn)(struct xs_front_dev *dev),
		    const char *name)
{
	if (!fn)
		return;
	set_doing(dev, name);
	fn(dev);
	set_doing(dev, NULL);
}

/* ---- who is it? ------------------------------------------------------------------------- */

/**
 * struct identity - what a device's directory says
 * @backend: the backend's directory
 * @id: its domain
 * @state: our state
 * @has_state: it has one
 */
struct identity {
	char backend[XENSTORE_ABS_PATH_MAX + 1];
	u32 id, state;
	bool has_state;
};

static int read_identity(struct xs_front_dev *dev, struct identity *who)
{
	const struct xs_front_key keys[] = {
		XS_KEY_TEXT("backend", who->backend, sizeof(who->backend)),
		XS_KEY_U32("backend-id", &who->id),
		XS_KEY_U32("state", &who->state),
	};
	int errs[ARRAY_SIZE(keys)];
	int err = xs_front_gather(dev->node, keys, ARRAY_SIZE(keys), errs);

	if (!err)
		err = errs[0] ? : errs[1];
	if (!err && (xs_path_check(who->backend) < 0 || who->backend[0] != '/' || who->id > 0xffff))
		err = -EINVAL;
	if (!err && xs_store_failed(errs[2]))
		err = errs[2];
	if (!err && errs[2])
		who->state = XenbusStateUnknown;
	if (!err)
		who->has_state = errs[2] != -ENOENT;
	return err;
}

/* Only some of the keys are there: is the directory? */
static bool is_there(struct xs_front_dev *dev)
{
	return xs_exists(xs_front_store, XS_NO_TRANSACTION, dev->node) != 0;
}

/*
 * The state that a predecessor left: Initialising and Closed are where a frontend may begin; in all
 * others the backend may have a ring that we know nothing of, and has to close first: Unknown.
 */
static u32 own_state(u32 state)
{
	return state == XenbusStateInitialising || state == XenbusStateClosed ? state
									       : XenbusStateUnknown;
}

/* Does its driver want it? One that has no memory is asked again. */
static int ask_driver(struct xs_front_dev *dev)
{
	int err = xs_device_call(dev, dev->type->drv->probe, "probe");

	if (err == -ENOMEM)
		return err;
	if (err) {
		xs_device_set_error(dev, "probe", err);
		xs_device_set_flag(dev, &dev->view.refused, true);
		if (err != -ENODEV && xs_front_may_log(dev))
			pr_err("%s: cannot be used: error %d\n", dev->node, err);
		return 0;
	}
	pr_info("%s: found, backend %s in domain %u\n", dev->node, dev->backend, dev->backend_id);
	xs_device_set_flag(dev, &dev->view.found, true);
	arm_stuck(dev, STUCK_SECONDS);
	return 0;
}

static int adopt(struct xs_front_dev *dev, const struct identity *who)
{
	char *backend = kstrdup(who->backend, GFP_KERNEL);

	if (!backend)
		return -ENOMEM;
	dev->backend = backend;
	dev->backend_id = (u16)who->id;
	spin_lock(&dev->view_lock);
	dev->view.backend = backend;
	dev->view.backend_id = dev->backend_id;
	dev->view.front = own_state(who->state);
	spin_unlock(&dev->view_lock);
	return ask_driver(dev);
}

/* Has a device that we know been made anew? With another backend, or from the start. */
static bool other_device(const struct xs_front_dev *dev, const struct identity *who)
{
	u32 front = dev->view.front;

	return who->id != dev->backend_id || strcmp(who->backend, dev->backend) ||
	       (who->state == XenbusStateInitialising && front != XenbusStateInitialising &&
		front != XenbusStateUnknown);
}

static void made_anew(struct xs_front_dev *dev, const char *how)
{
	pr_info("%s: %s\n", dev->node, how);
	xs_device_ask(dev, XS_ASK_GONE);
	xs_device_ask(dev, XS_ASK_IDENTIFY);	/* there is another one after this */
}

static void identify(struct xs_front_dev *dev)
{
	struct identity *who = kzalloc(sizeof(*who), GFP_KERNEL);
	int err = who ? read_identity(dev, who) : -ENOMEM;

	if (!err)
		dev->has_state = who->has_state;
	if (!err && !dev->backend)
		err = adopt(dev, who);
	else if (!err && other_device(dev, who))
		made_anew(dev, "made anew");
	else if (!err && !dev->view.found && !dev->view.refused)
		err = ask_driver(dev);
	else if (err == -ENOENT && !is_there(dev))
		xs_device_ask(dev, XS_ASK_GONE);
	else if (err == -ENOENT && dev->backend)
		made_anew(dev, "half of it has gone");
	if (xs_store_failed(err)) {
		set_bit(XS_ASK_IDENTIFY, &dev->asked);
		xs_device_look_later(dev);
	} else if (err && err != -ENOENT && xs_front_may_log(dev)) {
		pr_err("%s: cannot be used: error %d\n", dev->node, err);
	}
	if (err && err != -ENOENT)
		xs_device_set_error(dev, "reading who the backend is", err);
	kfree(who);
}

/* ---- its life --------------------------------------------------------------------------- */

static bool is_ending(const struct xs_front_dev *dev)
{
	return xs_device_asked(dev, XS_ASK_GONE) || xs_device_asked(dev, XS_ASK_END);
}

static bool has_left(const struct xs_front_dev *dev)
{
	return xs_device_asked(dev, XS_ASK_LEAVE) &&
	       (!dev->view.found || (dev->view.front == XenbusStateClosed && !dev->is_set_up));
}

/* Without a watch it is looked at now and then. */
static void look_at_backend(struct xs_front_dev *dev)
{
	int err = xs_front_join(dev);

	if (err) {
		xs_device_set_error(dev, "watching the backend", err);
		xs_device_look_later(dev);
	}
	xs_handshake(dev);
}

static void finish(struct xs_front_dev *dev)
{
	if (xs_device_asked(dev, XS_ASK_GONE) && dev->view.found)
		pr_info("%s: gone\n", dev->node);
	else if (dev->is_set_up)
		pr_warn("%s: back is %s and may still have our pages; they are freed later\n",
			dev->node, xenbus_state_name(dev->view.back));
	xs_handshake_let_go(dev);
	if (dev->view.found)
		xs_device_tell(dev, dev->type->drv->remove, "remove");
	cancel_delayed_work_sync(&dev->stuck);
	xs_front_forget(dev);		/* the type may be no more */
	cancel_delayed_work(&dev->work);
	xs_device_put(dev);
}

static void work(struct xs_front_dev *dev)
{
	if (test_and_clear_bit(XS_ASK_RETRY, &dev->asked))
		xs_handshake_forgive(dev, false);
	if (!dev->failures && !dev->view.refused)
		xs_device_set_error(dev, NULL, 0);	/* what fails again will be said again */
	if (!is_ending(dev) && test_and_clear_bit(XS_ASK_IDENTIFY, &dev->asked)) {
		xs_handshake_forgive(dev, true);
		identify(dev);
	}
	if (!is_ending(dev) && dev->view.found)
		look_at_backend(dev);
	if (is_ending(dev) || has_left(dev))
		finish(dev);
}

/* A disk that comes back must not wait for memory that only the disk can free. */
static void on_work(struct work_struct *item)
{
	unsigned int noio = memalloc_noio_save();

	work(container_of(to_delayed_work(item), struct xs_front_dev, work));
	memalloc_noio_restore(noio);
}

/**
 * xs_device_look() - have a device look at what is to be done
 * @dev: a device that is known under xs_front_lock, or the caller's own
 *
 * Context: any.
 */
void xs_device_look(struct xs_front_dev *dev)
{
	mod_delayed_work(xs_front_queue, &dev->work, 0);
}

/**
 * xs_device_look_later() - have a device look again after XS_RETRY_SECONDS
 * @dev: the caller's own device
 */
void xs_device_look_later(struct xs_front_dev *dev)
{
	queue_delayed_work(xs_front_queue, &dev->work, XS_RETRY_SECONDS * HZ);
}

/**
 * xs_device_ask() - ask something of a device
 * @dev: as for xs_device_look()
 * @what: what
 *
 * Context: any.
 */
void xs_device_ask(struct xs_front_dev *dev, enum xs_front_ask what)
{
	set_bit(what, &dev->asked);
	xs_device_look(dev);
}

/**
 * xs_device_new() - begin a device's life; it ends by itself
 * @type: its driver
 * @id: as in device/<type>/<id>
 *
 * It has not looked at anything yet: ask it to identify itself. Context: may sleep.
 *
 * Return: the device, whose reference is the type's; NULL when there is no memory.
 */
struct xs_front_dev *xs_device_new(struct xs_front_type *type, unsigned int id)
{
	struct xs_front_dev *dev = kzalloc(sizeof(*dev), GFP_KERNEL);

	if (!dev)
		return NULL;
	dev->node = kasprintf(GFP_KERNEL, "device/%s/%u", type->drv->type, id);
	if (!dev->node) {
		kfree(dev);
		return NULL;
	}
	kref_init(&dev->ref);
	dev->type = type;
	dev->id = id;
	spin_lock_init(&dev->view_lock);
	INIT_LIST_HEAD(&dev->rings);
	INIT_LIST_HEAD(&dev->keys);
	INIT_DELAYED_WORK(&dev->work, on_work);
	INIT_DELAYED_WORK(&dev->stuck, on_stuck);
	ratelimit_state_init(&dev->lines, 60 * HZ, XS_LINES_A_MINUTE);
	dev->view.born = ktime_get_ns();
	dev->view.front_since = dev->view.born;
	arm_stuck(dev, STUCK_SECONDS);
	return dev;
}

static void dev_free(struct kref *ref)
{
	struct xs_front_dev *dev = container_of(ref, struct xs_front_dev, ref);

	kfree(dev->backend);
	kfree(dev->node);
	kfree(dev);
}

/**
 * xs_device_put() - the mirror of xs_device_new(), and of a kref_get() of its ref
 * @dev: a device
 */
void xs_device_put(struct xs_front_dev *dev)
{
	kref_put(&dev->ref, dev_free);
}
