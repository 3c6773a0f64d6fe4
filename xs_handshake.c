// SPDX-License-Identifier: GPL-2.0
/*
 * xs_handshake.c - a device and its backend: look, ask the table, act, say so.
 *
 *   read the backend's state ─▶ table (xenbus_state.c) ─▶ act: the driver's calls, rings
 *          ▲                                                │
 *          └──────────── ours is written, in a transaction ◀┘ that reads the backend's again
 *
 * A look reads the backend's state and follows the table until it rests. Each write of our state
 * reads it again, in the same transaction: what is done after we have said Closed, the end of
 * grants above all, has to be done by what the backend says then. A state that changes after that
 * makes an event, and a look of its own.
 *
 * Runs in the device's work item (xs_device.c), which owns all that is touched here; so it takes no
 * lock but for the view.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <xen/interface/io/xenbus.h>
#include "xenbus_state.h"
#include "xs_front.h"

/* A pair of states leads to the next one at once; this many in a row, and something is odd. */
#define STEPS_MAX	8

/* Steps in a row that may fail before a device is left alone. */
#define FAILURES_MAX	3

/* So often a backend may close without having connected before it waits for each new beginning. */
#define OFFERS_MAX	5

/* ---- what the driver does --------------------------------------------------------------- */

static void drop_shared(struct xs_front_dev *dev)
{
	xs_front_rings_free(dev);
	xs_front_keys_free(dev);
}

static int set_up(struct xs_front_dev *dev)
{
	int err;

	if (!dev->is_set_up) {	/* what could not be published may be tried again */
		err = xs_device_call(dev, dev->type->drv->setup, "setup");
		if (err) {
			drop_shared(dev);
			return err;
		}
		dev->is_set_up = true;
	}
	err = xs_front_publish(dev, XenbusStateInitialised, true);
	if (!err)
		dev->offered = true;
	dev->offers += !err;
	if (xs_store_failed(err))	/* and may have committed it all the same */
		dev->maybe_offered = true;
	/* What the backend says next may ask for another set-up; this one it has not seen. */
	if (err == -ECANCELED && !dev->maybe_offered)
		xs_handshake_let_go(dev);
	return err;
}

static int connect(struct xs_front_dev *dev)
{
	int err;

	if (dev->view.connected)
		return 0;
	xs_front_rings_start(dev);
	err = xs_device_call(dev, dev->type->drv->connect, "connect");
	if (err) {
		xs_front_rings_stop(dev);
		return err;
	}
	dev->offered = false;
	dev->offers = 0;
	dev->failures = 0;
	xs_device_set_error(dev, NULL, 0);
	xs_device_set_flag(dev, &dev->view.connected, true);
	return 0;
}

static void stop_data(struct xs_front_dev *dev)
{
	if (!dev->view.connected)
		return;
	xs_front_rings_stop(dev);
	xs_device_tell(dev, dev->type->drv->disconnect, "disconnect");
	xs_device_set_flag(dev, &dev->view.connected, false);
}

/**
 * xs_handshake_let_go() - stop, and end all that the device shares
 * @dev: the caller's own device
 *
 * Context: may sleep.
 */
void xs_handshake_let_go(struct xs_front_dev *dev)
{
	stop_data(dev);
	if (!dev->is_set_up)
		return;
	xs_device_tell(dev, dev->type->drv->release, "release");
	drop_shared(dev);
	dev->is_set_up = false;
	dev->maybe_offered = false;
}

/**
 * xs_handshake_forgive() - what has failed may go well now: somebody has changed something
 * @dev: the caller's own device
 * @anew: it was the toolstack; else the backend, which does not end its own pause by it
 */
void xs_handshake_forgive(struct xs_front_dev *dev, bool anew)
{
	dev->failures = 0;
	if (anew)
		dev->offers = 0;
	if (dev->offers < OFFERS_MAX)
		dev->hold = false;
	xs_device_set_flag(dev, &dev->view.left_alone, false);
}

static int reconfigure(struct xs_front_dev *dev)
{
	int err = connect(dev);		/* Connected itself may not have been seen */

	if (!err)
		xs_device_tell(dev, dev->type->drv->reconfigure, "reconfigure");
	return err;
}

/* Does what a cell of the table says, short of writing the state. Returns 0 or a negative errno. */
static int act(struct xs_front_dev *dev, struct xenbus_step step)
{
	switch (step.action) {
	case XENBUS_SETUP:
		return set_up(dev);
	case XENBUS_CONNECT:
		return connect(dev);
	case XENBUS_RECONFIGURE:
		return reconfigure(dev);
	case XENBUS_CLOSE:
		stop_data(dev);
		return 0;
	case XENBUS_RELEASE:
	case XENBUS_RESTART:
		xs_handshake_let_go(dev);
		return 0;
	}
	return 0;
}

/* ---- the handshake ---------------------------------------------------------------------- */

/*
 * Reads the backend's state. A directory that has gone, or cannot be read, has state Unknown; what
 * is no number is no state.
 */
static int read_back(struct xs_front_dev *dev, u32 *state)
{
	const struct xs_front_key key = XS_KEY_U32("state", state);
	int one = 0, err = xs_front_gather_watched(dev, &key, 1, &one);

	if (err)
		return err;
	if (one == -ENOENT || one == -EACCES) {
		*state = XenbusStateUnknown;
		one = 0;
	}
	if (one == -EINVAL || one == -ERANGE) {
		*state = ~0u;
		one = 0;
	}
	return one;
}

/*
 * A backend that is not online any more does not want to be called again. What the store does not
 * answer is not taken for a no: the step is taken, fails as well, and is taken again.
 */
static bool online(struct xs_front_dev *dev)
{
	u32 value = 0;
	const struct xs_front_key key = XS_KEY_U32("online", &value);
	int one = 0, err = xs_front_gather(dev->backend, &key, 1, &one);

	if (err || xs_store_failed(one))
		return true;
	/* cppcheck-suppress knownConditionTrueFalse ; it does not see that this is read */
	return value != 0;
}

/* It has failed, just now or too often, or was refused just now. */
static bool held_back(struct xs_front_dev *dev)
{
	if (dev->failures >= FAILURES_MAX)
		return true;
	if (!dev->hold || !time_before(jiffies, dev->not_before)) {
		dev->hold = false;
		return false;
	}
	xs_device_look_later(dev);
	return true;
}

static void hold_back(struct xs_front_dev *dev)
{
	dev->not_before = jiffies + XS_RETRY_SECONDS * HZ;
	dev->hold = true;
}

/* May it begin anew now? */
static bool may_restart(struct xs_front_dev *dev)
{
	bool on;

	if (xs_device_asked(dev, XS_ASK_LEAVE))
		return false;
	if (dev->offered && dev->offers >= OFFERS_MAX)	/* not at the backend's speed for ever */
		hold_back(dev);
	dev->offered = false;
	if (held_back(dev))
		return false;
	on = online(dev);
	if (!on && !dev->view.offline)
		xs_device_tell(dev, dev->type->drv->given_up, "given_up");
	xs_device_set_flag(dev, &dev->view.offline, !on);
	return on;
}

static struct xenbus_step next_step(struct xs_front_dev *dev)
{
	struct xenbus_step step = xenbus_front_step(dev->view.front, dev->view.back);
	const struct xenbus_step closed = { XENBUS_RELEASE, XenbusStateClosed };

	if (step.action == XENBUS_SETUP && held_back(dev))
		step = (struct xenbus_step){ XENBUS_WAIT, (u8)dev->view.front };
	if (step.action == XENBUS_RESTART && !may_restart(dev))
		step = closed;
	/* Who leaves closes, whatever the backend does; if it has begun to, this says WAIT. */
	if (xs_device_asked(dev, XS_ASK_LEAVE) && step.action != XENBUS_CLOSE &&
	    step.action != XENBUS_RELEASE)
		step = xenbus_front_close(dev->view.front);
	return step;
}

static void say_odd(struct xs_front_dev *dev)
{
	u32 front = dev->view.front, back = dev->view.back;
	unsigned int pair = front * 16 + back + 1;

	if (dev->odd == pair)
		return;
	dev->odd = pair;
	if (xs_front_may_log(dev))
		pr_warn("%s: front %s, back %s (%u): makes no sense, ignored\n", dev->node,
			xenbus_state_name(front), xenbus_state_name(back), back);
}

/* A device that has gone meanwhile is not written to: it is asked who it is instead. */
static int write_state(struct xs_front_dev *dev, u32 next)
{
	return xs_front_publish(dev, next, false);
}

static void close_ours(struct xs_front_dev *dev)
{
	struct xenbus_step step = xenbus_front_close(dev->view.front);

	act(dev, step);
	if (step.next != dev->view.front) {
		dev->owed = write_state(dev, step.next) != 0;
		xs_device_set_states(dev, step.next, dev->back_now);
	}
}

/*
 * A step has failed. Of a set-up that has the backend has seen nothing: it is tried again after a
 * while. Else we close from our side; what the backend may have mapped is kept until it has let go,
 * as in every other closing, and all begins anew.
 */
static void give_up(struct xs_front_dev *dev, u8 failed)
{
	bool last = ++dev->failures == FAILURES_MAX;

	hold_back(dev);
	if (last) {
		pr_err("%s: failed %d times in a row; left alone\n", dev->node, FAILURES_MAX);
		xs_device_set_flag(dev, &dev->view.left_alone, true);
	}
	xs_device_look_later(dev);
	if (failed != XENBUS_SETUP)
		close_ours(dev);
	if (last)
		xs_device_tell(dev, dev->type->drv->given_up, "given_up");
}

/* What give_up() could not write. Returns whether the store has our state now. */
static bool write_owed(struct xs_front_dev *dev)
{
	int err = dev->owed ? write_state(dev, dev->view.front) : 0;

	dev->owed = err && err != -ESTALE;
	if (err == -ESTALE)
		xs_device_ask(dev, XS_ASK_IDENTIFY);
	else if (err)
		xs_device_look_later(dev);
	return !err;
}

/* Who failed? The store: the device is left as it is, and the same step is taken again. */
static void step_failed(struct xs_front_dev *dev, struct xenbus_step step, int err)
{
	if (err == -ESTALE) {
		xs_device_ask(dev, XS_ASK_IDENTIFY);
		return;
	}
	if (xs_front_may_log(dev))
		pr_err("%s: %s -> %s failed: error %d\n", dev->node,
		       xenbus_state_name(dev->view.front), xenbus_state_name(step.next), err);
	xs_device_set_error(dev, xenbus_state_name(step.next), err);
	if (xs_store_failed(err))
		xs_device_look_later(dev);
	else
		give_up(dev, step.action);
}

/* Takes one step. Returns whether our state has changed by it. */
static bool take_step(struct xs_front_dev *dev, struct xenbus_step step)
{
	u32 before = dev->view.front;
	int err = act(dev, step);

	/* Set-up has written its state together with its keys. */
	if (!err && step.next != before && step.action != XENBUS_SETUP)
		err = write_state(dev, step.next);
	if (err == -ECANCELED) {	/* the backend was faster */
		xs_device_set_states(dev, before, dev->back_now);
		return true;
	}
	if (err) {
		step_failed(dev, step, err);
		/* It may have been written: then the store's Initialising is not a new device's. */
		if (step.next == XenbusStateInitialising && xs_store_failed(err) &&
		    before != XenbusStateUnknown)
			xs_device_set_states(dev, XenbusStateUnknown, dev->view.back);
		return false;
	}
	if (dev->view.failed == xenbus_state_name(step.next))
		xs_device_set_error(dev, NULL, 0);	/* what had failed has gone well */
	if (step.next != before)
		xs_device_set_states(dev, step.next, dev->back_now);
	return step.next != before;
}

/**
 * xs_handshake() - look at the backend, and do what is to be done
 * @dev: the caller's own device, found
 *
 * Context: may sleep, in the driver and in round trips to the store.
 */
void xs_handshake(struct xs_front_dev *dev)
{
	bool was_connected = dev->view.connected;
	u32 back = XenbusStateUnknown;
	struct xenbus_step step;
	int steps, err;

	if (!write_owed(dev))
		return;
	err = read_back(dev, &back);
	if (err) {
		/* The store's failures have lines of their own. */
		if (!xs_store_failed(err) && xs_front_may_log(dev))
			pr_err("%s: cannot read the backend's state: error %d\n", dev->node, err);
		xs_device_set_error(dev, "reading the backend's state", err);
		xs_device_look_later(dev);
		return;
	}
	dev->back_now = back;
	if (back != dev->view.back)
		xs_device_set_states(dev, dev->view.front, back);
	for (steps = 0; steps < STEPS_MAX; steps++) {
		step = next_step(dev);
		if (step.action == XENBUS_ODD)
			say_odd(dev);
		if (!take_step(dev, step))
			break;
	}
	if (was_connected && dev->view.connected && step.action == XENBUS_WAIT)
		xs_device_tell(dev, dev->type->drv->backend_changed, "backend_changed");
}
