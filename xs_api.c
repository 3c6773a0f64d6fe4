// SPDX-License-Identifier: GPL-2.0
/*
 * xs_api.c - the calls of include/xsfront.h: handles, nodes, permissions, transactions.
 *
 * Each call makes a payload in pieces that point to its caller's memory, has xs_client.c carry it,
 * and reads the reply. Watches are in xs_watch.c. What every call can return, what it may wait for
 * and where it may be called from stands at the top of xsfront.h.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/random.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "xs_client.h"
#include "xs_transaction.h"
#include "xs_watch.h"

/* ---- handles ---------------------------------------------------------------------------- */

/**
 * xs_open() - become a user of the store
 * @name: whose it is, for who debugs: no message shows it; not copied
 *
 * Context: may sleep.
 *
 * Return: a handle, to be closed by xs_close(); ERR_PTR(-ENOMEM).
 */
struct xs_handle *xs_open(const char *name)
{
	struct xs_handle *h = kzalloc(sizeof(*h), GFP_KERNEL);

	if (!h)
		return ERR_PTR(-ENOMEM);
	h->name = name;
	mutex_init(&h->lock);
	INIT_LIST_HEAD(&h->watches);
	init_waitqueue_head(&h->quiet);
	xa_init_flags(&h->transactions, XA_FLAGS_LOCK_IRQ);	/* as xs_tx_keep() wants it */
	return h;
}
EXPORT_SYMBOL_GPL(xs_open);

/**
 * xs_close() - the mirror of xs_open()
 * @h: a handle that nobody uses any more; an error pointer or NULL is ignored
 *
 * Ends its watches, as xs_unwatch() does, and aborts its transactions. Not from a callback of one
 * of its own watches. Context: may sleep.
 */
void xs_close(struct xs_handle *h)
{
	unsigned long tx;
	void *entry;

	if (IS_ERR_OR_NULL(h))
		return;
	xs_unwatch_all(h);
	xa_for_each(&h->transactions, tx, entry)
		xs_tx_drop(xs_tx_named(tx, entry));
	xa_destroy(&h->transactions);
	kfree(h);
}
EXPORT_SYMBOL_GPL(xs_close);

/* ---- nodes ------------------------------------------------------------------------------ */

/**
 * xs_handle_check() - may this handle ask this?
 * @h: a handle
 * @tx: a transaction, or XS_NO_TRANSACTION
 * @path: the node
 * @ref: takes the transaction with its connection, for the request
 * @vec: takes the path with its NUL, for the request
 *
 * Return: 0; -EINVAL or -ENAMETOOLONG for @path; -EINVAL when the handle has no such transaction.
 */
int xs_handle_check(struct xs_handle *h, u32 tx, const char *path, struct xs_tx *ref,
		    struct xs_vec *vec)
{
	void *epoch;
	int len;

	*ref = XS_TX_NONE;
	if (tx != XS_NO_TRANSACTION) {
		epoch = xa_load(&h->transactions, tx);
		if (!epoch)
			return -EINVAL;
		*ref = xs_tx_named(tx, epoch);
	}
	len = xs_path_check(path);
	if (len < 0)
		return len;
	*vec = (struct xs_vec){ path, len + 1 };
	return 0;
}

/* A request about one path, with something behind it or not, whose answer is OK or an error. */
static int tell(struct xs_handle *h, u32 type, u32 tx, const char *path, const void *more,
		size_t len)
{
	struct xs_vec vec[] = { { NULL, 0 }, { more, len } };
	struct xs_tx ref;
	int err = xs_handle_check(h, tx, path, &ref, &vec[0]);
	char ok[4];

	if (!err && len > XS_PAYLOAD_MAX)
		err = -E2BIG;
	if (err)
		return err;
	return xs_client_call(type, ref, vec, ARRAY_SIZE(vec), ok, sizeof(ok), NULL);
}

/* A request about one path whose answer is data. Returns its length or a negative errno. */
static int ask(struct xs_handle *h, u32 type, u32 tx, const char *path, void *reply, size_t size)
{
	struct xs_vec vec;
	struct xs_tx ref;
	int err = xs_handle_check(h, tx, path, &ref, &vec);
	u32 len;

	if (!err)
		err = xs_client_call(type, ref, &vec, 1, reply, min_t(size_t, size, XS_PAYLOAD_MAX),
				     &len);
	return err ? err : (int)len;
}

/**
 * xs_read() - read a node
 * @h: a handle
 * @tx: a transaction, or XS_NO_TRANSACTION
 * @path: the node
 * @buf: takes the value and a NUL behind it, which is not part of it
 * @size: of @buf in bytes; XENSTORE_PAYLOAD_MAX + 1 is enough for every value
 *
 * Context: may sleep. @buf is written to before this returns, and never after.
 *
 * Return: bytes of the value; -ENOBUFS when it and a NUL do not fit @buf; -EINVAL for a @size of 0;
 * what xsfront.h lists.
 */
int xs_read(struct xs_handle *h, u32 tx, const char *path, char *buf, size_t size)
{
	int len;

	if (!size)
		return -EINVAL;
	len = ask(h, XS_READ, tx, path, buf, size - 1);
	if (len >= 0)
		buf[len] = '\0';
	return len;
}
EXPORT_SYMBOL_GPL(xs_read);

/**
 * xs_read_u32() - read a node that holds a decimal number
 * @h: a handle
 * @tx: a transaction, or XS_NO_TRANSACTION
 * @path: the node
 * @value: takes the number
 *
 * Context: may sleep.
 *
 * Return: 0; -EINVAL when the node holds no number; -ERANGE when it does not fit 32 bits; what
 * xsfront.h lists.
 */
int xs_read_u32(struct xs_handle *h, u32 tx, const char *path, u32 *value)
{
	char buf[24];
	int len = xs_read(h, tx, path, buf, sizeof(buf));

	if (len == -ENOBUFS)
		return -EINVAL;
	return len < 0 ? len : xs_number(buf, len, value);
}
EXPORT_SYMBOL_GPL(xs_read_u32);

/**
 * xs_write() - write a node; it and its parents are made where they do not exist
 * @h: a handle
 * @tx: a transaction, or XS_NO_TRANSACTION
 * @path: the node
 * @value: bytes, any of them
 * @len: how many; with path and NUL at the most XENSTORE_PAYLOAD_MAX, and servers have a quota
 *	 (2048 in C xenstored, -ENOSPC)
 *
 * Context: may sleep.
 *
 * Return: 0 or what xsfront.h lists.
 */
int xs_write(struct xs_handle *h, u32 tx, const char *path, const void *value, size_t len)
{
	return tell(h, XS_WRITE, tx, path, value, len);
}
EXPORT_SYMBOL_GPL(xs_write);

/**
 * xs_printf() - write a node, formatted
 * @h: a handle
 * @tx: a transaction, or XS_NO_TRANSACTION
 * @path: the node
 * @fmt: as printk() has it, followed by its arguments
 *
 * Context: may sleep.
 *
 * Return: 0; -ENOMEM; what xsfront.h lists.
 */
int xs_printf(struct xs_handle *h, u32 tx, const char *path, const char *fmt, ...)
{
	va_list args;
	char *value;
	int err;

	va_start(args, fmt);
	value = kvasprintf(GFP_KERNEL, fmt, args);
	va_end(args);
	if (!value)
		return -ENOMEM;
	err = xs_write(h, tx, path, value, strlen(value));
	kfree(value);
	return err;
}
EXPORT_SYMBOL_GPL(xs_printf);

/**
 * xs_mkdir() - make a node, empty, and its parents where they do not exist
 * @h: a handle
 * @tx: a transaction, or XS_NO_TRANSACTION
 * @path: the node; no error when it exists
 *
 * Context: may sleep.
 *
 * Return: 0 or what xsfront.h lists.
 */
int xs_mkdir(struct xs_handle *h, u32 tx, const char *path)
{
	return tell(h, XS_MKDIR, tx, path, NULL, 0);
}
EXPORT_SYMBOL_GPL(xs_mkdir);

/**
 * xs_rm() - remove a node with all below it
 * @h: a handle
 * @tx: a transaction, or XS_NO_TRANSACTION
 * @path: the node; no error when only it does not exist, -ENOENT when its parent does not either
 *
 * Context: may sleep.
 *
 * Return: 0 or what xsfront.h lists.
 */
int xs_rm(struct xs_handle *h, u32 tx, const char *path)
{
	return tell(h, XS_RM, tx, path, NULL, 0);
}
EXPORT_SYMBOL_GPL(xs_rm);

/**
 * xs_exists() - is there such a node?
 * @h: a handle
 * @tx: a transaction, or XS_NO_TRANSACTION
 * @path: the node
 *
 * Context: may sleep.
 *
 * Return: 1 or 0; -EACCES when it may not be read; what xsfront.h lists.
 */
int xs_exists(struct xs_handle *h, u32 tx, const char *path)
{
	char first;
	int len = ask(h, XS_READ, tx, path, &first, sizeof(first));

	if (len == -ENOENT)
		return 0;
	return len >= 0 || len == -ENOBUFS ? 1 : len;
}
EXPORT_SYMBOL_GPL(xs_exists);

/* ---- permissions ------------------------------------------------------------------------ */

/**
 * xs_get_permissions() - who may do what with a node?
 * @h: a handle
 * @tx: a transaction, or XS_NO_TRANSACTION
 * @path: the node
 * @perms: takes the entries, the owner's first
 * @max: how many it has room for
 *
 * Context: may sleep.
 *
 * Return: how many entries there are; -ENOBUFS when they are more than @max; -EPROTO when one of
 * them makes no sense; -ENOMEM; what xsfront.h lists.
 */
int xs_get_permissions(struct xs_handle *h, u32 tx, const char *path,
		       struct xs_permission *perms, unsigned int max)
{
	char *buf = kmalloc(XS_PAYLOAD_MAX, GFP_KERNEL);
	int len = buf ? ask(h, XS_GET_PERMS, tx, path, buf, XS_PAYLOAD_MAX) : -ENOMEM;
	const char *s = NULL;
	unsigned int n = 0;
	int err = len < 0 ? len : 0;

	if (!err && !xs_strings_valid(buf, len))
		err = -EPROTO;
	while (!err && (s = xs_strings_next(buf, len, s))) {
		if (n == max)
			err = -ENOBUFS;
		else if (xs_permission_parse(s, &perms[n++]))
			err = -EPROTO;
	}
	kfree(buf);
	return err ? err : (int)n;
}
EXPORT_SYMBOL_GPL(xs_get_permissions);

/**
 * xs_set_permissions() - say who may do what with a node
 * @h: a handle
 * @tx: a transaction, or XS_NO_TRANSACTION
 * @path: the node
 * @perms: the entries, the owner's first
 * @count: how many, at least one
 *
 * Context: may sleep.
 *
 * Return: 0; -EINVAL for a @count of 0; -E2BIG for one over 512, and when they do not fit a
 * message; -ENOMEM; what xsfront.h lists.
 */
int xs_set_permissions(struct xs_handle *h, u32 tx, const char *path,
		       const struct xs_permission *perms, unsigned int count)
{
	unsigned int i;
	u32 len = 0;
	char *buf;
	int err;

	if (!count)
		return -EINVAL;
	if (count > XS_PAYLOAD_MAX / XS_PERMISSION_MAX)
		return -E2BIG;
	buf = kmalloc_array(count, XS_PERMISSION_MAX, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		len += xs_permission_format(&perms[i], buf + len);
	err = tell(h, XS_SET_PERMS, tx, path, buf, len);
	kfree(buf);
	return err;
}
EXPORT_SYMBOL_GPL(xs_set_permissions);

/**
 * xs_get_domain_path() - where a domain's home is
 * @h: a handle
 * @domid: the domain
 * @buf: takes the path, NUL-terminated
 * @size: of @buf in bytes
 *
 * Context: may sleep.
 *
 * Return: length of the path; -ENOBUFS when it does not fit; what xsfront.h lists.
 */
int xs_get_domain_path(struct xs_handle *h, u16 domid, char *buf, size_t size)
{
	char digits[8];
	u32 n = snprintf(digits, sizeof(digits), "%u", domid) + 1, len;
	const struct xs_vec vec = { digits, n };
	int err = xs_client_call(XS_GET_DOMAIN_PATH, XS_TX_NONE, &vec, 1, buf,
				 min_t(size_t, size, XS_PAYLOAD_MAX), &len);

	if (err)
		return err;
	if (!len || buf[len - 1])
		return -EPROTO;
	return (int)len - 1;
}
EXPORT_SYMBOL_GPL(xs_get_domain_path);

/* ---- transactions ----------------------------------------------------------------------- */

/**
 * xs_transaction_start() - begin a transaction
 * @h: a handle
 * @tx: takes its id, never XS_NO_TRANSACTION
 *
 * The store allows a guest a number of open transactions (10 by default): one too many waits until
 * another that goes through this module has ended. Context: may sleep.
 *
 * Return: 0; -ENOSPC or -EDQUOT when there are still too many at the deadline, or at once where
 * none of them is ours (in a share: all are the kernel's); -ENOMEM; -EBUSY when one that was lost
 * fifteen connections ago, and has not been ended, has the same id; what xsfront.h lists.
 */
int xs_transaction_start(struct xs_handle *h, u32 *tx)
{
	struct xs_tx ref;
	int err = xs_tx_start(&ref, XS_WHO_MODULE, NULL);

	return err ? err : xs_tx_keep(&h->transactions, ref, tx);
}
EXPORT_SYMBOL_GPL(xs_transaction_start);

/**
 * xs_transaction_end() - commit or abort a transaction
 * @h: a handle
 * @tx: from xs_transaction_start() with the same handle
 * @commit: false to have nothing of it happen
 *
 * Whatever this returns, @tx cannot be used any more. Context: may sleep.
 *
 * Return: 0; -EAGAIN when somebody else has changed what it has read or written, or the connection
 * was lost before: nothing of it has happened, run the whole of it again; -ECONNRESET, -ETIMEDOUT
 * or -EINTR when nobody knows whether it has; -EINVAL when the handle has no such transaction; what
 * xsfront.h lists.
 */
int xs_transaction_end(struct xs_handle *h, u32 tx, bool commit)
{
	const struct xs_vec vec = { commit ? "T" : "F", 2 };
	void *epoch = xa_erase_irq(&h->transactions, tx);
	struct xs_tx ref;
	char ok[4];
	int err;

	if (!epoch)
		return -EINVAL;
	ref = xs_tx_named(tx, epoch);
	err = xs_client_call(XS_TRANSACTION_END, ref, &vec, 1, ok, sizeof(ok), NULL);
	/* An end that was taken back, or lost, may never have come there: abort it after all. */
	if (err == -EINTR || err == -ETIMEDOUT || ref.epoch != xs_tx_epoch())
		xs_tx_drop(ref);
	else
		xs_tx_over();
	return err;
}
EXPORT_SYMBOL_GPL(xs_transaction_end);

/* Runs of one transaction, and the longest pause between two of them. */
#define RUNS_MAX	32
#define PAUSE_MS_MAX	64u

/* So that two who spoil each other's transactions do not go on doing so in step. */
static int pause(unsigned int run)
{
	unsigned int ms = min(1u << min(run, 16u), PAUSE_MS_MAX);

	schedule_timeout_killable(msecs_to_jiffies(get_random_u32() % ms) + 1);
	return fatal_signal_pending(current) ? -EINTR : 0;
}

/**
 * xs_transaction() - do something in a transaction, again and again until it is committed
 * @h: a handle
 * @fn: does it, in transaction @tx; run again from its beginning when somebody else has changed
 *	what it has read or written. 0; -EAGAIN to be run again; or another negative errno to
 *	have nothing of it happen
 * @ctx: handed to @fn
 *
 * A commit is sent only when @fn has returned 0. Between two runs there is a pause, random and
 * longer each time. Context: may sleep.
 *
 * Return: 0 when it is committed; what @fn returned; -EAGAIN when 32 runs were not enough; what
 * xs_transaction_start() and xs_transaction_end() return.
 */
int xs_transaction(struct xs_handle *h, int (*fn)(struct xs_handle *h, u32 tx, void *ctx),
		   void *ctx)
{
	unsigned int run;
	int err, end;
	u32 tx;

	for (run = 0; run < RUNS_MAX; run++) {
		err = xs_transaction_start(h, &tx);
		if (err)
			return err;
		err = fn(h, tx, ctx);
		end = xs_transaction_end(h, tx, !err);
		if (!err)
			err = end;
		if (err != -EAGAIN)
			return err;
		err = pause(run);
		if (err)
			return err;
	}
	return -EAGAIN;
}
EXPORT_SYMBOL_GPL(xs_transaction);
