/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xsfront.h - the kernel API of xsfront.ko: a XenStore client for Xen guests.
 *
 * Everything here is exported GPL-only. A handle (xs_open()) owns the watches and transactions that
 * are made with it; xs_close() ends them. Paths are absolute (/local/domain/…) or relative to the
 * guest's home (device/…); the rules are those of docs/misc/xenstore.txt of Xen.
 *
 * Context: every function may sleep, so none may be called with a spinlock held or from an
 * interrupt. Any number of threads may call at once, on one handle too.
 *
 * Waiting: every call ends. It can be killed (a fatal signal to the caller) where it does not say
 * otherwise, and each request of it has a deadline, the module parameter `timeout` (seconds). A
 * request that was given up may have reached the store or not; its late reply is recognised and
 * dropped. xs_unwatch() and xs_close() wait for callbacks that run, as long as those take.
 *
 * Every call that talks to the store can return, beside what it lists itself:
 *   -ETIMEDOUT   the deadline passed
 *   -EINTR       the caller is being killed
 *   -ECONNRESET  the connection broke while the request was under way
 *   -ENOTCONN    the connection is dead (the log says why)
 *   -EAGAIN      the transaction's connection is no more: run the whole transaction again
 *   -EINVAL, -ENAMETOOLONG   a path that cannot be one; -EINVAL also for a transaction that the
 *                handle does not have
 *   -E2BIG       path and value are more than the 4096 bytes that a message may carry; also C
 *                xenstored's word for one watch too many
 *   -EPROTO, -ENOBUFS   the store's answer makes no sense, or is longer than it can be
 *   -EREMOTEIO   the store gave an error that has no number (of a plain call, the log shows its
 *                name)
 * or the errno that the store itself sent: EACCES, ENOENT, EQUOTA as -EDQUOT, …
 */
#ifndef XSFRONT_H
#define XSFRONT_H

#include <linux/types.h>
#include <linux/string.h>
#include "xsfront_types.h"

struct xs_handle;
struct xs_watch;

#define XS_NO_TRANSACTION	0u
#define XS_OP_STORE		24	/* words that the module needs in a struct xs_op */

struct xs_handle *xs_open(const char *name);
void xs_close(struct xs_handle *h);

int xs_read(struct xs_handle *h, u32 tx, const char *path, char *buf, size_t size);
int xs_read_u32(struct xs_handle *h, u32 tx, const char *path, u32 *value);
int xs_write(struct xs_handle *h, u32 tx, const char *path, const void *value, size_t len);
__printf(4, 5)
int xs_printf(struct xs_handle *h, u32 tx, const char *path, const char *fmt, ...);
int xs_mkdir(struct xs_handle *h, u32 tx, const char *path);
int xs_rm(struct xs_handle *h, u32 tx, const char *path);
int xs_exists(struct xs_handle *h, u32 tx, const char *path);

/**
 * struct xs_list - the names in a directory
 * @buf: NUL-terminated names, one behind the other; owned by the list
 * @len: bytes in @buf
 * @count: how many names
 */
struct xs_list {
	char *buf;
	size_t len;
	unsigned int count;
};

int xs_directory(struct xs_handle *h, u32 tx, const char *path, struct xs_list *list);
void xs_list_free(struct xs_list *list);

/**
 * xs_list_next() - walk a list
 * @list: from xs_directory()
 * @prev: the name before; NULL for the first
 *
 * Return: the next name, which lives as long as the list; NULL at the end.
 */
static inline const char *xs_list_next(const struct xs_list *list, const char *prev)
{
	const char *next = prev ? prev + strlen(prev) + 1 : list->buf;

	return next && next < list->buf + list->len ? next : NULL;
}

#define xs_list_for_each(name, list) \
	for (name = xs_list_next(list, NULL); name; name = xs_list_next(list, name))

int xs_get_permissions(struct xs_handle *h, u32 tx, const char *path,
		       struct xs_permission *perms, unsigned int max);
int xs_set_permissions(struct xs_handle *h, u32 tx, const char *path,
		       const struct xs_permission *perms, unsigned int count);
int xs_get_domain_path(struct xs_handle *h, u16 domid, char *buf, size_t size);

int xs_transaction_start(struct xs_handle *h, u32 *tx);
int xs_transaction_end(struct xs_handle *h, u32 tx, bool commit);
int xs_transaction(struct xs_handle *h, int (*fn)(struct xs_handle *h, u32 tx, void *ctx),
		   void *ctx);

/* ---- many at once ----------------------------------------------------------------------- */

/**
 * enum xs_op_type - what a struct xs_op does
 * @XS_OP_READ: the value of @path into @buf; @result is its length
 * @XS_OP_DIRECTORY: the names in @path into @buf, each with its NUL; @result is their length
 * @XS_OP_WRITE: @buf, @size bytes, into @path
 * @XS_OP_MKDIR: make @path
 * @XS_OP_RM: remove @path
 */
enum xs_op_type {
	XS_OP_READ,
	XS_OP_DIRECTORY,
	XS_OP_WRITE,
	XS_OP_MKDIR,
	XS_OP_RM,
};

/**
 * struct xs_op - an operation of which many can be under way
 * @type: what it does
 * @tx: a transaction, or XS_NO_TRANSACTION
 * @path: the node; needed until it is done
 * @buf: as @type says; the caller's, needed until it is done
 * @size: of @buf in bytes
 * @done: called once when it is done, unless xs_submit() has refused it. In any context, with a
 *	  lock held: it must not sleep, and may call xs_submit() no more than any other function of
 *	  this file
 * @ctx: the caller's
 * @result: a length or 0, or a negative errno as listed above; -ENOBUFS when @buf is too small
 * @store: the module's
 */
struct xs_op {
	enum xs_op_type type;
	u32 tx;
	const char *path;
	void *buf;
	size_t size;
	void (*done)(struct xs_op *op);
	void *ctx;
	int result;
	u64 store[XS_OP_STORE];
};

int xs_submit(struct xs_handle *h, struct xs_op *ops, unsigned int n);
int xs_do_many(struct xs_handle *h, struct xs_op *ops, unsigned int n);
int xs_read_many(struct xs_handle *h, u32 tx, struct xs_op *ops, unsigned int n);

/**
 * typedef xs_watch_fn - what a watch calls
 * @ctx: as given to xs_watch()
 * @path: what has changed; where @again is set, the watched path itself
 * @again: events were lost or the connection was renewed: look at everything again
 *
 * Called from a workqueue, never two at once for one watch, in the order of events. May sleep, may
 * call every function of this file but xs_close() of its own handle, xs_unwatch() of its own watch
 * too. A slow one holds up no other. An event says "look again"; several changes may have become
 * one.
 */
typedef void (*xs_watch_fn)(void *ctx, const char *path, bool again);

#define XS_DEPTH_ALL	(~0u)

/**
 * struct xs_watch_spec - one of many watches
 * @path: what to watch
 * @fn: what to call
 * @ctx: handed to @fn
 * @watch: takes the watch
 */
struct xs_watch_spec {
	const char *path;
	xs_watch_fn fn;
	void *ctx;
	struct xs_watch *watch;
};

struct xs_watch *xs_watch(struct xs_handle *h, const char *path, xs_watch_fn fn, void *ctx);
struct xs_watch *xs_watch_depth(struct xs_handle *h, const char *path, unsigned int depth,
				xs_watch_fn fn, void *ctx);
int xs_watch_many(struct xs_handle *h, struct xs_watch_spec *spec, unsigned int n);
void xs_unwatch(struct xs_watch *watch);

#endif /* XSFRONT_H */
