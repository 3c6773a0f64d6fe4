// SPDX-License-Identifier: GPL-2.0
/*
 * xs_why.c - why is a device not connected? One sentence, and what would mend it.
 *
 *   view (xs_device.c) ─┐
 *   keys, in one flight ┴▶ facts ─▶ the first of the questions below that has an answer ─▶ words
 *
 * The order of the questions is from the nearest to the farthest: a call of our driver's that does
 * not come back, the store, our driver's other words, our directory, the backend's directory, the
 * backend's state. Nothing is changed here, and nothing of the device is held: what is read may be
 * newer than the view, and the next look will tell.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/slab.h>
#include <xen/interface/io/xenbus.h>
#include "xenbus_state.h"
#include "xs_client.h"
#include "xs_front.h"
#include "xs_why.h"

/* A driver's call that takes longer than this is what the device waits for. */
#define LONG_CALL	(2 * NSEC_PER_SEC)

/**
 * struct facts - what is known of a device that waits
 * @dev: the device
 * @v: what it says of itself
 * @guest: our domid
 * @own: errors of reading our keys: backend, backend-id
 * @state: error of reading the backend's state
 * @online: the backend's `online`
 * @hotplug: the backend's `hotplug-status`; empty where there is none
 * @store: the store did not answer
 */
struct facts {
	const struct xs_front_dev *dev;
	const struct xs_front_view *v;
	u32 guest;
	int own[2];
	int state;
	u32 online;
	char hotplug[32];
	int store;
};

/* Where the backend's kernel says what has gone wrong: error/<the directory within its home>. */
static void error_dir(const struct xs_front_view *v, char *path, size_t size)
{
	char home[32];
	size_t len = snprintf(home, sizeof(home), "/local/domain/%u/", v->backend_id);

	path[0] = '\0';
	if (!strncmp(v->backend, home, len))
		snprintf(path, size, "%serror/%s", home, v->backend + len);
}

/* A peer's words go into lines of ours: nothing in them may look like more than words. */
static void tame(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			*text = '?';
}

static void read_backend(struct facts *f, struct xs_why *w)
{
	const struct xs_front_key keys[] = {
		XS_KEY_U32("state", &(u32){ 0 }),
		XS_KEY_U32("online", &f->online),
		XS_KEY_TEXT("hotplug-status", f->hotplug, sizeof(f->hotplug)),
	};
	struct xs_front_key error = XS_KEY_TEXT("error", w->error, sizeof(w->error));
	int errs[ARRAY_SIZE(keys)] = { };

	f->store = xs_front_gather(f->v->backend, keys, ARRAY_SIZE(keys), errs);
	f->state = errs[0];
	if (errs[2])
		f->hotplug[0] = '\0';
	error_dir(f->v, w->error_dir, sizeof(w->error_dir));
	if (!f->store && w->error_dir[0])
		f->store = xs_front_gather(w->error_dir, &error, 1, &w->error_err);
	if (w->error_err)
		w->error[0] = '\0';
	tame(w->error);
	tame(f->hotplug);
}

static void read_own(struct facts *f)
{
	char *backend = kmalloc(XENSTORE_ABS_PATH_MAX + 1, GFP_KERNEL);
	const struct xs_front_key keys[] = {
		XS_KEY_TEXT("backend", backend, XENSTORE_ABS_PATH_MAX + 1),
		XS_KEY_U32("backend-id", &(u32){ 0 }),
	};

	f->store = backend ? xs_front_gather(f->dev->node, keys, ARRAY_SIZE(keys), f->own)
			   : -ENOMEM;
	kfree(backend);
}

/* ---- the questions: each says whether it has the answer ---------------------------------- */

/* @key of our directory, or of the backend's, cannot be used. */
static void say_key(const char *dir, const char *key, int err, struct xs_why *w)
{
	const char *what = err == -ENOENT ? "is missing" :
			   err == -EACCES ? "is missing, or may not be read" :
			   err == -EINVAL ? "holds no number" : "cannot be used";

	snprintf(w->why, sizeof(w->why), "%s/%s %s", dir, key, what);
}

static bool in_a_call(const struct facts *f, struct xs_why *w)
{
	u64 since = ktime_get_ns() - f->v->doing_since;

	if (!f->v->doing || since < LONG_CALL)
		return false;
	w->who = "its driver";
	snprintf(w->why, sizeof(w->why), "its %s() has not come back for %llu s", f->v->doing,
		 div_u64(since, NSEC_PER_SEC));
	return true;
}

static bool store_is_silent(const struct facts *f, struct xs_why *w)
{
	if (!xs_store_failed(f->store) && !xs_store_failed(f->v->error))
		return false;
	w->who = "the store";
	snprintf(w->why, sizeof(w->why), "the store does not answer: error %d",
		 f->store ? : f->v->error);
	return true;
}

static bool not_found(const struct facts *f, struct xs_why *w)
{
	const char *node = f->dev->node;
	int i = f->own[0] ? 0 : 1;

	if (f->v->backend)
		return false;
	w->who = "the toolstack";
	if (f->own[i])
		say_key(node, i ? "backend-id" : "backend", f->own[i], w);
	else
		snprintf(w->why, sizeof(w->why), "%s/backend is no path, or backend-id no domain",
			 node);
	if (f->own[i] == -EACCES)
		snprintf(w->mend, sizeof(w->mend), "xenstore-chmod -r /local/domain/%u/%s n%u r0",
			 f->guest, node, f->guest);
	return true;
}

static bool not_wanted(const struct facts *f, struct xs_why *w)
{
	if (!f->v->refused)
		return false;
	w->who = "nobody";
	snprintf(w->why, sizeof(w->why), "its driver does not want it: error %d", f->v->error);
	return true;
}

static bool key_is_wrong(const struct facts *f, struct xs_why *w)
{
	if (!f->v->key_error)
		return false;
	w->who = "the backend";
	say_key(f->v->backend, f->v->key, f->v->key_error, w);
	if (f->v->key_error == -EACCES)
		snprintf(w->mend, sizeof(w->mend), "xenstore-chmod %s/%s n%u r%u",
			 f->v->backend, f->v->key, f->v->backend_id, f->guest);
	return true;
}

static bool step_failed(const struct facts *f, struct xs_why *w)
{
	int err = f->v->error;

	if (!err)
		return false;
	w->who = f->v->left_alone ? "the toolstack" : "us";
	if (err == -EACCES) {
		w->who = "the toolstack";
		snprintf(w->why, sizeof(w->why), "we may not write to %s", f->dev->node);
		snprintf(w->mend, sizeof(w->mend), "xenstore-chmod -r /local/domain/%u/%s n%u r%u",
			 f->guest, f->dev->node, f->guest, f->v->backend_id);
		return true;
	}
	snprintf(w->why, sizeof(w->why), "%s failed: error %d%s", f->v->failed, err,
		 f->v->left_alone ? ", too often: remove the device and make it anew"
				  : "; it is tried again");
	return true;
}

static bool back_not_readable(const struct facts *f, struct xs_why *w)
{
	const char *backend = f->v->backend;

	if (f->state != -ENOENT && f->state != -EACCES &&
	    (f->state || f->v->back != XenbusStateUnknown))
		return false;
	w->who = "the toolstack";
	if (f->state == -EACCES) {
		say_key(backend, "state", f->state, w);
		snprintf(w->mend, sizeof(w->mend), "xenstore-chmod -r %s n%u r%u", backend,
			 f->v->backend_id, f->guest);
	} else if (f->state) {
		say_key(backend, "state", f->state, w);
	} else {
		w->who = "us";
		snprintf(w->why, sizeof(w->why), "the backend has just come");
	}
	return true;
}

static bool is_off(const struct facts *f, struct xs_why *w)
{
	if (f->v->front != XenbusStateClosed || f->v->back != XenbusStateClosed || f->online)
		return false;
	w->who = "the toolstack";
	snprintf(w->why, sizeof(w->why), "the device is switched off: %s/online is not 1",
		 f->v->backend);
	return true;
}

/* What the backend has to do next, by our state and its own. */
static const char *next_move(u32 front, u32 back)
{
	switch (front) {
	case XenbusStateInitialising:
		return back == XenbusStateClosed
			? "the backend is Closed, and does not begin anew"
			: "the backend has not begun: is its driver loaded?";
	case XenbusStateInitialised:
		return "the backend has not taken our ring";
	case XenbusStateConnected:
		return "the backend is changing its keys, and not done";
	case XenbusStateClosing:
		return "we close, and the backend does not";
	default:
		return "the backend has not let go of the ring that it had";
	}
}

static bool backends_turn(const struct facts *f, struct xs_why *w)
{
	w->who = "the backend";
	if (f->v->back == ~0u)
		snprintf(w->why, sizeof(w->why), "its state is no number");
	else if (f->v->back >= XENBUS_STATES)
		snprintf(w->why, sizeof(w->why), "its state is %u, which is none", f->v->back);
	else if (f->v->front == XenbusStateInitialised && f->hotplug[0] &&
		 strcmp(f->hotplug, "connected"))
		snprintf(w->why, sizeof(w->why), "its hotplug-status is '%s', not 'connected'",
			 f->hotplug);
	else
		snprintf(w->why, sizeof(w->why), "%s", next_move(f->v->front, f->v->back));
	return true;
}

/**
 * xs_why() - why is this device not connected?
 * @h: a handle
 * @dev: the device; the caller holds a reference
 * @view: what it says of itself
 * @w: takes the answer
 *
 * Reads some keys, in three round trips. Context: may sleep, for a few deadlines of a request.
 */
void xs_why(struct xs_handle *h, struct xs_front_dev *dev, const struct xs_front_view *view,
	    struct xs_why *w)
{
	static bool (*const questions[])(const struct facts *f, struct xs_why *w) = {
		in_a_call, store_is_silent, not_wanted, not_found, key_is_wrong, step_failed,
		back_not_readable, is_off, backends_turn,
	};
	struct facts f = { .dev = dev, .v = view };
	unsigned int i = 0;

	memset(w, 0, sizeof(*w));
	f.store = xs_read_u32(h, XS_NO_TRANSACTION, "domid", &f.guest);
	if (!xs_store_failed(f.store) && view->backend)
		read_backend(&f, w);
	else if (!xs_store_failed(f.store))
		read_own(&f);
	while (!questions[i](&f, w))
		i++;
}

/**
 * xs_why_say() - a line in the log: why a device is stuck
 * @dev: the device; the caller holds a reference
 * @view: what it says of itself
 *
 * Context: as xs_why().
 */
void xs_why_say(struct xs_front_dev *dev, const struct xs_front_view *view)
{
	u64 since = max(view->front_since, view->back_since);
	struct xs_why *w = kmalloc(sizeof(*w), GFP_KERNEL);

	if (!w)
		return;
	xs_why(xs_front_store, dev, view, w);
	pr_warn("%s: stuck for %llu s, waits for %s: %s%s%s%s%s%s\n", dev->node,
		div_u64(ktime_get_ns() - since, NSEC_PER_SEC), w->who, w->why,
		w->error[0] ? "; it says: " : "", w->error,
		w->mend[0] ? " (" : "", w->mend, w->mend[0] ? ")" : "");
	kfree(w);
}
