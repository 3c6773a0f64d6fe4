// SPDX-License-Identifier: GPL-2.0
/*
 * xs_many.c - the calls of include/xsfront.h that are more than one request: bursts of operations,
 * and directories that are longer than a message.
 */
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "xs_client.h"
#include "xs_many.h"

/* ---- bursts ----------------------------------------------------------------------------- */

/* What lies in the words that a struct xs_op keeps for us. */
struct op_store {
	struct xs_req req;
};

static struct op_store *store_of(struct xs_op *op)
{
	BUILD_BUG_ON(sizeof(struct op_store) > sizeof(op->store));
	return (struct op_store *)op->store;
}

static void op_done(struct xs_req *req)
{
	struct op_store *store = container_of(req, struct op_store, req);
	struct xs_op *op = container_of((u64 (*)[XS_OP_STORE])store, struct xs_op, store);

	op->result = req->result;
	if (!op->result && (op->type == XS_OP_READ || op->type == XS_OP_DIRECTORY))
		op->result = (int)req->len;
	op->done(op);
}

static const u32 op_message[] = {
	[XS_OP_READ] = XS_READ,
	[XS_OP_DIRECTORY] = XS_DIRECTORY,
	[XS_OP_WRITE] = XS_WRITE,
	[XS_OP_MKDIR] = XS_MKDIR,
	[XS_OP_RM] = XS_RM,
};

/* "OK" is all that an operation without data has in its reply; nobody looks at it. */
static char op_ok[4];

static int op_make(struct xs_handle *h, struct xs_op *op)
{
	bool reads = op->type == XS_OP_READ || op->type == XS_OP_DIRECTORY;
	bool writes = op->type == XS_OP_WRITE;
	struct xs_req *req = &store_of(op)->req;
	struct xs_vec vec[2];
	struct xs_tx tx;
	int err;

	if (op->type >= ARRAY_SIZE(op_message) || !op->done)
		return -EINVAL;
	err = xs_handle_check(h, op->tx, op->path, &tx, &vec[0]);
	if (!err && writes && op->size > XS_PAYLOAD_MAX)
		err = -E2BIG;
	if (err)
		return err;
	vec[1] = (struct xs_vec){ op->buf, writes ? op->size : 0 };
	memset(req, 0, sizeof(*req));
	req->reply = reads ? op->buf : op_ok;
	req->cap = reads ? min_t(size_t, op->size, XS_PAYLOAD_MAX) : sizeof(op_ok);
	req->done = op_done;
	req->epoch = tx.epoch;
	req->deadline = get_jiffies_64() + xs_client_timeout();
	return xs_out_init(&req->out, op_message[op->type], tx.id, vec, ARRAY_SIZE(vec));
}

/**
 * xs_submit() - begin operations, with one signal for all
 * @h: a handle
 * @ops: what to do; each is the module's until its done() is called
 * @n: how many
 *
 * They are sent in their order, as many at a time as the store bears, and may end in any order.
 * Each has the deadline of all calls, and then ends with -ETIMEDOUT. Context: may sleep.
 *
 * Return: 0; else a negative errno, nothing was begun, and no done() will be called: -EINVAL for an
 * unknown type or a missing done(); -ENOTCONN; what xsfront.h lists for paths and transactions.
 */
int xs_submit(struct xs_handle *h, struct xs_op *ops, unsigned int n)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < n && !err; i++)
		err = op_make(h, &ops[i]);
	if (err)
		return err;
	for (i = 0; i < n; i++) {
		struct xs_req *req = &store_of(&ops[i])->req;

		err = xs_client_queue(req);
		if (err && i == 0)
			return err;
		if (err) {	/* the connection has died since the first one */
			req->result = err;
			op_done(req);
		}
	}
	xs_client_kick();
	return 0;
}
EXPORT_SYMBOL_GPL(xs_submit);

static void burst_done(struct xs_op *op)
{
	struct xs_burst *burst = op->ctx;

	if (atomic_dec_and_test(&burst->left))
		complete(&burst->done);
}

/**
 * xs_burst_begin() - begin operations that are waited for later
 * @h: a handle
 * @burst: filled in
 * @ops: as for xs_do_many()
 * @n: how many, at least one
 *
 * Context: may sleep.
 *
 * Return: 0, and xs_burst_wait() has to follow; else what xs_submit() returns.
 */
int xs_burst_begin(struct xs_handle *h, struct xs_burst *burst, struct xs_op *ops, unsigned int n)
{
	unsigned int i;

	atomic_set(&burst->left, n);
	init_completion(&burst->done);
	for (i = 0; i < n; i++) {
		ops[i].done = burst_done;
		ops[i].ctx = burst;
	}
	return xs_submit(h, ops, n);
}

/**
 * xs_burst_wait() - wait until all operations have ended
 * @burst: from xs_burst_begin()
 *
 * Context: may sleep.
 */
void xs_burst_wait(struct xs_burst *burst)
{
	wait_for_completion(&burst->done);
}

/**
 * xs_do_many() - carry out many operations, in one flight, and wait for them
 * @h: a handle
 * @ops: as for xs_submit(); @done and @ctx are the module's. @result of each says how it went
 * @n: how many
 *
 * The store carries them out in their order. Each ends by its deadline at the latest, so this
 * cannot be killed before. Context: may sleep.
 *
 * Return: 0 when all went well; else the first negative @result; what xs_submit() returns, and then
 * no @result was touched.
 */
int xs_do_many(struct xs_handle *h, struct xs_op *ops, unsigned int n)
{
	struct xs_burst burst;
	unsigned int i;
	int err;

	if (!n)
		return 0;
	err = xs_burst_begin(h, &burst, ops, n);
	if (err)
		return err;
	xs_burst_wait(&burst);
	for (i = 0; i < n; i++)
		if (ops[i].result < 0)
			return ops[i].result;
	return 0;
}
EXPORT_SYMBOL_GPL(xs_do_many);

/**
 * xs_read_many() - read many nodes, in one flight
 * @h: a handle
 * @tx: a transaction, or XS_NO_TRANSACTION
 * @ops: @path, @buf and @size of each are the caller's; @result takes a length or a negative errno.
 *	 Values are not NUL-terminated
 * @n: how many
 *
 * Each ends by its deadline at the latest, so this cannot be killed before. Context: may sleep.
 *
 * Return: 0 when all were read; else the first negative @result; what xs_submit() returns.
 */
int xs_read_many(struct xs_handle *h, u32 tx, struct xs_op *ops, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		ops[i].type = XS_OP_READ;
		ops[i].tx = tx;
	}
	return xs_do_many(h, ops, n);
}
EXPORT_SYMBOL_GPL(xs_read_many);

/* ---- directories ------------------------------------------------------------------------ */

#define LIST_MAX	(1024 * 1024)	/* bytes of names; a store's quota is far below */
#define STARTS_MAX	16		/* a directory that changes all the time */

static int list_add_names(struct xs_list *list, const char *names, u32 len)
{
	char *buf;

	if (list->len + len > LIST_MAX)
		return -E2BIG;
	buf = krealloc(list->buf, list->len + len, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	memcpy(buf + list->len, names, len);
	list->buf = buf;
	list->len += len;
	return 0;
}

#define GENERATION_MAX	24	/* 64 bits in decimal, NUL; text, since it is only compared */

/*
 * One part: "generation|name|name|…", with an empty name behind the last one of all. Returns 1 when
 * it was the last part, 0 when more follow, -EAGAIN when the directory is another one by now.
 */
static int take_part(struct xs_list *list, const char *part, u32 len, char *generation)
{
	size_t skip;
	bool last;

	if (!len || !xs_strings_valid(part, len))
		return -EPROTO;
	skip = strlen(part) + 1;
	if (skip > GENERATION_MAX || skip == len)
		return -EPROTO;
	if (list->len && strcmp(part, generation))
		return -EAGAIN;
	memcpy(generation, part, skip);
	part += skip;
	len -= skip;
	last = !part[len - 1] && (len == 1 || !part[len - 2]);
	return list_add_names(list, part, len - last) ? : last;
}

static int ask_part(struct xs_tx tx, const char *path, u32 offset, char *buf, u32 *len)
{
	char digits[12];
	const struct xs_vec vec[] = {
		{ path, strlen(path) + 1 },
		{ digits, snprintf(digits, sizeof(digits), "%u", offset) + 1 },
	};

	return xs_client_call(XS_TYPE_DIRECTORY_PART, tx, vec, ARRAY_SIZE(vec), buf, XS_PAYLOAD_MAX,
			      len);
}

/*
 * From the first part to the last; -EAGAIN when it has to be begun again. Each part has a deadline
 * of its own, but a store may make as many of a directory as it has names.
 */
static int read_parts(struct xs_tx tx, const char *path, struct xs_list *list, char *buf,
		      unsigned long deadline)
{
	char generation[GENERATION_MAX];
	u32 len;
	int err;

	do {
		err = time_after(jiffies, deadline) ? -ETIMEDOUT :
		      ask_part(tx, path, list->len, buf, &len);
		if (!err)
			err = take_part(list, buf, len, generation);
	} while (!err);
	return err < 0 ? err : 0;
}

static int big_directory(struct xs_tx tx, const char *path, struct xs_list *list, char *buf)
{
	unsigned long deadline = jiffies + xs_client_timeout();
	int starts, err = -EAGAIN;

	for (starts = 0; starts < STARTS_MAX && err == -EAGAIN; starts++) {
		xs_list_free(list);
		err = read_parts(tx, path, list, buf, deadline);
	}
	return err == -ENOSYS ? -E2BIG : err;
}

/**
 * xs_directory() - list the names in a node
 * @h: a handle
 * @tx: a transaction, or XS_NO_TRANSACTION
 * @path: the node
 * @list: filled in on success; to be freed by xs_list_free()
 *
 * One that does not fit a message is read in parts, from the start again when it changes meanwhile.
 * Context: may sleep.
 *
 * Return: 0; -E2BIG when the names are more than a message holds and the server cannot give them in
 * parts, or more than 1 MiB; -EAGAIN when it has changed 16 times while it was read; -ETIMEDOUT
 * also when all parts together take longer than one request may; -ENOMEM; what xsfront.h lists.
 */
int xs_directory(struct xs_handle *h, u32 tx, const char *path, struct xs_list *list)
{
	struct xs_list names = { };
	struct xs_vec vec;
	struct xs_tx ref;
	char *buf;
	u32 len;
	int err = xs_handle_check(h, tx, path, &ref, &vec);

	if (err)
		return err;
	buf = kmalloc(XS_PAYLOAD_MAX, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	err = xs_client_call(XS_DIRECTORY, ref, &vec, 1, buf, XS_PAYLOAD_MAX, &len);
	if (err == -E2BIG)
		err = big_directory(ref, path, &names, buf);
	else if (!err)
		err = xs_strings_valid(buf, len) ? list_add_names(&names, buf, len) : -EPROTO;
	kfree(buf);
	if (err) {
		xs_list_free(&names);
		return err;
	}
	names.count = xs_strings_count(names.buf, names.len);
	*list = names;
	return 0;
}
EXPORT_SYMBOL_GPL(xs_directory);

/**
 * xs_list_free() - the mirror of xs_directory()
 * @list: a list; its names are gone after this
 */
void xs_list_free(struct xs_list *list)
{
	kfree(list->buf);
	list->buf = NULL;
	list->len = 0;
	list->count = 0;
}
EXPORT_SYMBOL_GPL(xs_list_free);
