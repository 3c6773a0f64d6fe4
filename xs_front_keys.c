// SPDX-License-Identifier: GPL-2.0
/*
 * xs_front_keys.c - keys of a device: the backend's, read in one flight; ours, published in one.
 *
 *   xs_front_read_keys() ─▶ READ READ READ … ─▶ checked, typed
 *   xs_front_key() … ─▶ dev->keys ─▶ START ─▶ READs, WRITE key …, WRITE state ─▶ END
 *
 * A transaction ends with a commit only when every one of its writes went well: each result is
 * looked at before. It begins with a look at what xenbus_state.h wants to hold when our state is
 * written: the device is there (a WRITE to one that has gone would make it again), it was not made
 * anew, and the backend is where it was. What is read there is true when it is committed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/semaphore.h>
#include <linux/slab.h>
#include <xen/interface/io/xenbus.h>
#include "xs_client.h"
#include "xs_front.h"

#define NUMBER_SIZE	24	/* of 64 bits in decimal, and a NUL */

/**
 * xs_store_failed() - was it the store that failed, and not what was asked of it?
 * @err: a negative errno
 *
 * Return: whether the same is worth another try later.
 */
bool xs_store_failed(int err)
{
	return err == -ECONNRESET || err == -ENOTCONN || err == -ETIMEDOUT || err == -ENOMEM ||
	       err == -EAGAIN;
}

/* ---- reading ---------------------------------------------------------------------------- */

/* What has been read goes to where it is wanted, once it is what it should be. */
static int take_value(const struct xs_op *op, const struct xs_front_key *key)
{
	char *text = op->buf;
	int len = op->result;

	if (len == -ENOBUFS && !key->text)
		return -EINVAL;
	if (len < 0)
		return len;
	text[len] = '\0';
	if (key->text)
		return 0;
	if (key->u64)
		return kstrtou64(text, 10, key->u64);
	return xs_number(text, len, key->u32);
}

/* Reads keys of @dir in one flight; with @dev, whose backend's it is, behind the watch on it. */
static int gather(struct xs_front_dev *dev, const char *dir, const struct xs_front_key *keys,
		  unsigned int n, int *errs)
{
	struct xs_op *ops = kcalloc(n, sizeof(*ops), GFP_KERNEL);
	char (*numbers)[NUMBER_SIZE] = kcalloc(n, NUMBER_SIZE, GFP_KERNEL);
	unsigned int i;
	int err = 0;

	if (!ops || !numbers) {
		kfree(numbers);
		kfree(ops);
		return -ENOMEM;
	}
	for (i = 0; !err && i < n; i++) {
		ops[i].path = kasprintf(GFP_KERNEL, "%s/%s", dir, keys[i].name);
		ops[i].buf = keys[i].text ? : numbers[i];
		ops[i].size = (keys[i].text ? keys[i].size : NUMBER_SIZE) - 1;
		ops[i].result = -EINPROGRESS;
		if (!ops[i].path)
			err = -ENOMEM;
	}
	if (!err && dev)
		err = xs_front_read_watched(dev, ops, n);
	else if (!err)
		err = xs_read_many(xs_front_store, XS_NO_TRANSACTION, ops, n);
	/* Only what was refused as a whole is a failure here: each has its own else. */
	if (ops[0].result != -EINPROGRESS) {
		err = 0;
		for (i = 0; i < n; i++)
			errs[i] = take_value(&ops[i], &keys[i]);
	}
	for (i = 0; i < n; i++)
		kfree(ops[i].path);
	kfree(numbers);
	kfree(ops);
	return err;
}

/**
 * xs_front_gather() - read keys of a directory in one flight
 * @dir: the directory
 * @keys: which, and where to
 * @n: how many, at least one
 * @errs: takes 0 or a negative errno for each; -ENOENT also for an optional one that is not there
 *
 * Context: may sleep.
 *
 * Return: 0 when all were tried; -ENOMEM; what xs_submit() returns.
 */
int xs_front_gather(const char *dir, const struct xs_front_key *keys, unsigned int n, int *errs)
{
	return gather(NULL, dir, keys, n, errs);
}

/**
 * xs_front_gather_watched() - read keys of the backend's, whose changes lead to a look
 * @dev: the caller's own device, which has joined
 * @keys: as for xs_front_gather()
 * @n: as for xs_front_gather()
 * @errs: as for xs_front_gather()
 *
 * Context: may sleep.
 *
 * Return: as xs_front_gather().
 */
int xs_front_gather_watched(struct xs_front_dev *dev, const struct xs_front_key *keys,
			    unsigned int n, int *errs)
{
	return gather(dev, dev->backend, keys, n, errs);
}

static const char *what_is_wrong(int err)
{
	switch (err) {
	case -ENOENT:
		return "is missing";
	case -EACCES:
		return "may not be read";
	case -EINVAL:
		return "holds no number";
	case -ERANGE:
		return "holds too large a number";
	case -ENOBUFS:
		return "is too long";
	}
	return "cannot be read";
}

static void key_is_wrong(struct xs_front_dev *dev, const char *name, int err)
{
	if (xs_front_may_log(dev))
		pr_err("%s: %s/%s %s: error %d\n", dev->node, dev->backend, name,
		       what_is_wrong(err), err);
	spin_lock(&dev->view_lock);
	strscpy(dev->view.key, name, sizeof(dev->view.key));
	WRITE_ONCE(dev->view.key_error, err);
	spin_unlock(&dev->view_lock);
}

/**
 * xs_front_read_keys() - read keys of the backend's, in one flight, typed
 * @dev: a device
 * @keys: which, and where to; see XS_KEY_U32() and the like
 * @n: how many
 *
 * The log and debugfs xsfront/devices name the first key that is not right. Context: may sleep;
 * from every call of a driver but event.
 *
 * Return: 0; -ENOENT when one that is not optional is missing; -EINVAL when one holds no number;
 * -ERANGE when a number does not fit; -ENOBUFS when a text does not; -ENOMEM; what xsfront.h lists.
 */
int xs_front_read_keys(struct xs_front_dev *dev, const struct xs_front_key *keys, unsigned int n)
{
	int *errs = kcalloc(n, sizeof(*errs), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!errs)
		return -ENOMEM;
	err = n ? xs_front_gather(dev->backend, keys, n, errs) : 0;
	for (i = 0; !err && i < n; i++) {
		if (errs[i] == -ENOENT && keys[i].optional)
			continue;
		err = errs[i];
		if (err)
			key_is_wrong(dev, keys[i].name, err);
	}
	kfree(errs);
	if (!err) {
		spin_lock(&dev->view_lock);
		WRITE_ONCE(dev->view.key_error, 0);
		spin_unlock(&dev->view_lock);
	}
	return err;
}
EXPORT_SYMBOL_GPL(xs_front_read_keys);

/* ---- publishing ------------------------------------------------------------------------- */

struct own_key {
	struct list_head link;
	char *path;
	char *value;		/* NULL: there is to be none */
};

static void key_free(struct own_key *key)
{
	kfree(key->path);
	kfree(key->value);
	kfree(key);
}

/**
 * xs_front_key() - tell the backend something, when setup has ended
 * @dev: a device
 * @key: its name, below device/<type>/<id>
 * @fmt: its value, as printk() has it, followed by its arguments
 *
 * Call it from setup. All keys of one setup and our state become visible together. Context: may
 * sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int xs_front_key(struct xs_front_dev *dev, const char *key, const char *fmt, ...)
{
	struct own_key *own = kzalloc(sizeof(*own), GFP_KERNEL);
	va_list args;

	if (!own)
		return -ENOMEM;
	va_start(args, fmt);
	own->value = kvasprintf(GFP_KERNEL, fmt, args);
	va_end(args);
	own->path = kasprintf(GFP_KERNEL, "%s/%s", dev->node, key);
	if (!own->value || !own->path) {
		key_free(own);
		return -ENOMEM;
	}
	list_add_tail(&own->link, &dev->keys);
	return 0;
}
EXPORT_SYMBOL_GPL(xs_front_key);

/**
 * xs_front_no_key() - the backend must not find a key that a predecessor may have left
 * @dev: a device
 * @key: as for xs_front_key(), as is all else
 *
 * Return: 0 or -ENOMEM.
 */
int xs_front_no_key(struct xs_front_dev *dev, const char *key)
{
	struct own_key *own = kzalloc(sizeof(*own), GFP_KERNEL);

	if (!own)
		return -ENOMEM;
	own->path = kasprintf(GFP_KERNEL, "%s/%s", dev->node, key);
	if (!own->path) {
		key_free(own);
		return -ENOMEM;
	}
	list_add_tail(&own->link, &dev->keys);
	return 0;
}
EXPORT_SYMBOL_GPL(xs_front_no_key);

/**
 * xs_front_keys_cut() - forget what xs_front_key() was told last
 * @dev: a device
 * @last: what dev->keys.prev was before that
 */
void xs_front_keys_cut(struct xs_front_dev *dev, const struct list_head *last)
{
	struct own_key *key;

	while (dev->keys.prev != last) {
		key = list_last_entry(&dev->keys, struct own_key, link);
		list_del(&key->link);
		key_free(key);
	}
}

/**
 * xs_front_keys_free() - forget all that xs_front_key() was told
 * @dev: a device
 */
void xs_front_keys_free(struct xs_front_dev *dev)
{
	xs_front_keys_cut(dev, &dev->keys);
}

/*
 * What a transaction looks at first: our state, the backend's, and where we had no state who the
 * backend is, to see whether the device is there.
 */
enum { LOOK_OWN, LOOK_BACK, LOOK_THERE, LOOKS };

/**
 * struct flight - the operations of a transaction
 * @dev: whose
 * @ops: first the looks, last our state
 * @n: how many
 * @looks: how many of them are looks
 * @paths: of the looks; our state goes where it is looked at
 * @read: what is looked at
 * @next: our state to be
 * @state: the same, as text
 * @flown: there was a transaction
 */
struct flight {
	struct xs_front_dev *dev;
	struct xs_op *ops;
	unsigned int n, looks;
	char *paths[LOOKS];
	char read[LOOKS][4];
	u32 next;
	char state[4];
	bool flown;
};

static void add_op(struct flight *f, enum xs_op_type type, char *path, void *buf, size_t size)
{
	struct xs_op *op = &f->ops[f->n++];

	op->type = type;
	op->path = path;
	op->buf = buf;
	op->size = size;
}

static int flight_init(struct flight *f, struct xs_front_dev *dev, u32 state, bool with_keys)
{
	struct own_key *key;
	unsigned int i, n = LOOKS + 1;

	if (with_keys)
		list_for_each_entry(key, &dev->keys, link)
			n++;
	f->dev = dev;
	f->next = state;
	f->looks = dev->has_state ? LOOK_THERE : LOOKS;
	f->ops = kcalloc(n, sizeof(*f->ops), GFP_KERNEL);
	if (!f->ops)
		return -ENOMEM;
	snprintf(f->state, sizeof(f->state), "%u", state);
	for (i = 0; i < f->looks; i++) {
		f->paths[i] = kasprintf(GFP_KERNEL, "%s/%s",
					i == LOOK_BACK ? dev->backend : dev->node,
					i == LOOK_THERE ? "backend" : "state");
		if (!f->paths[i])
			return -ENOMEM;
		add_op(f, XS_OP_READ, f->paths[i], f->read[i], sizeof(f->read[i]));
	}
	if (with_keys)
		list_for_each_entry(key, &dev->keys, link)
			add_op(f, key->value ? XS_OP_WRITE : XS_OP_RM, key->path, key->value,
			       key->value ? strlen(key->value) : 0);
	add_op(f, XS_OP_WRITE, f->paths[LOOK_OWN], f->state, strlen(f->state));
	return 0;
}

/* A state that was read. One that is not there, or not to be read, is Unknown; nonsense is ~0. */
static u32 look(const struct flight *f, unsigned int which)
{
	int len = f->ops[which].result;
	u32 state;

	if (len == -ENOENT || len == -EACCES)
		return XenbusStateUnknown;
	return len < 0 || xs_number(f->read[which], len, &state) ? ~0u : state;
}

/* Has the store failed to say a state? */
static int look_failed(const struct flight *f, unsigned int which)
{
	int err = f->ops[which].result;

	return err < 0 && err != -ENOENT && err != -EACCES && err != -ENOBUFS ? err : 0;
}

/* Is the device still in the store? Returns 0, -ESTALE, or a negative errno. */
static int check_there(const struct flight *f)
{
	int which = f->looks > LOOK_THERE ? LOOK_THERE : LOOK_OWN;
	int err = f->ops[which].result;

	if (err == -ENOENT)
		return -ESTALE;
	return err < 0 && which == LOOK_THERE && err != -ENOBUFS ? err : 0;
}

/* May our state be written? */
static int check_looks(const struct flight *f)
{
	struct xs_front_dev *dev = f->dev;
	u32 front = dev->view.front;
	int err = check_there(f);

	if (err)
		return err;
	err = look_failed(f, LOOK_OWN) ? : look_failed(f, LOOK_BACK);
	if (err)
		return err;
	/* Nobody but a toolstack that makes the device anew writes Initialising for us. */
	if (look(f, LOOK_OWN) == XenbusStateInitialising && front != XenbusStateInitialising &&
	    front != XenbusStateUnknown)
		return -ESTALE;
	dev->back_now = look(f, LOOK_BACK);
	if ((f->next == XenbusStateInitialising || f->next == XenbusStateInitialised) &&
	    dev->back_now != dev->view.back)
		return -ECANCELED;
	return 0;
}

/* What is to be removed may not be there. */
static bool went_well(const struct xs_op *op)
{
	return op->result >= 0 || (op->type == XS_OP_RM && op->result == -ENOENT);
}

/* One run of it: 0 to commit. */
static int fly(struct xs_handle *h, u32 tx, void *ctx)
{
	struct flight *f = ctx;
	unsigned int i;
	int err;

	f->flown = true;
	for (i = 0; i < f->n; i++) {
		f->ops[i].tx = tx;
		f->ops[i].result = -EINPROGRESS;
	}
	err = xs_do_many(h, f->ops, f->n);
	if (f->ops[0].result == -EINPROGRESS)
		return err;
	err = check_looks(f);
	for (i = f->looks; !err && i < f->n; i++)
		if (!went_well(&f->ops[i]))
			err = f->ops[i].result;
	return err;
}

/*
 * In a share the kernel's own users have the guest's quota of transactions (10 by default) with us,
 * and are refused where we wait. However many devices come at once, they leave half of it.
 */
#define SHARED_MOST	5
static struct semaphore room = __SEMAPHORE_INITIALIZER(room, SHARED_MOST);

static int fly_when_there_is_room(struct flight *f)
{
	bool shared = xs_life_shares();
	int err;

	if (shared && down_timeout(&room, xs_client_timeout()))
		return -ETIMEDOUT;
	err = xs_transaction(xs_front_store, fly, f);
	if (shared)
		up(&room);
	/* The guest has too many transactions now: that is no fault of the device's. */
	return !f->flown && (err == -ENOSPC || err == -EDQUOT) ? -EAGAIN : err;
}

/**
 * xs_front_publish() - write our state, with or without our keys, in one transaction
 * @dev: a device
 * @state: our state
 * @with_keys: all that xs_front_key() was told, too
 *
 * dev->back_now is the backend's state at that moment. Three round trips. Context: may sleep.
 *
 * Return: 0; -ESTALE when the device's directory is no more, or was made anew; -ECANCELED when
 * @state is Initialising or Initialised and the backend's state is not dev->view.back any more:
 * nothing was written; -ENOMEM; what xsfront.h lists.
 */
int xs_front_publish(struct xs_front_dev *dev, u32 state, bool with_keys)
{
	struct flight f = { };
	int i, err = flight_init(&f, dev, state, with_keys);

	if (!err)
		err = fly_when_there_is_room(&f);
	if (!err)
		dev->has_state = true;
	for (i = 0; i < LOOKS; i++)
		kfree(f.paths[i]);
	kfree(f.ops);
	return err;
}
