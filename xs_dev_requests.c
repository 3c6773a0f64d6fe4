// SPDX-License-Identifier: GPL-2.0
/*
 * xs_dev_requests.c - what the frames that programs write ask for, and what they get back.
 *
 *   dispatch() ─┬─ plain ────────────────────────▶ store ─▶ on_done() ─┐
 *               └─ todo ─▶ worker: WATCH, START, … ─▶ reply of our own ┼─▶ out, for read(2)
 *                            └─ watches ─▶ on_event() ─────────────────┘
 *
 * Most requests go straight to the ring, from write(2). Those that concern what the file owns
 * (watches, transactions) may have to wait for the store or for a quota, so a worker does them, and
 * what was written behind them waits there too: in this file, in no other.
 *
 * What a program gets back is what the store would have sent it: its own req_id and tokens, ERROR
 * replies with the store's names.
 *
 * Bounds, for each file: EVENTS_BYTES of unread events, beyond which they are lost, counted, and
 * said once; WATCHES_MAX watches, beyond which a WATCH says E2BIG.
 *
 * Locks and lifetime: see xs_dev.c.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "xs_dev.h"
#include "xs_dev_impl.h"
#include "xs_source.h"
#include "xs_transaction.h"

#define WATCHES_MAX	1024
#define EVENTS_BYTES	(256 * 1024)
#define SMALL_REPLY	64	/* OK, a number, the name of an error */

/**
 * struct watch - a watch of a file
 * @sub: where its events come from
 * @link: in file->watches
 * @file: whose it is
 * @early: events that came before the reply to WATCH was in file->out; guarded by file->lock
 * @told: the reply is there; guarded by file->lock
 * @path: as it was written
 * @token: as it was written; behind the path, in the same memory
 */
struct watch {
	struct xs_sub sub;
	struct list_head link;
	struct xs_file *file;
	struct list_head early;
	bool told;
	const char *token;
	char path[];
};

static atomic64_t lost_events = ATOMIC64_INIT(0);

/* ---- replies and events, for read(2) ---------------------------------------------------- */

/* The reply of a request is whole: it becomes readable. Called with file->lock held. */
static void deliver_reply(struct request *r)
{
	struct xs_file *f = r->file;

	lockdep_assert_held(&f->lock);
	r->msg.hdr.req_id = r->hdr.req_id;
	r->msg.hdr.tx_id = r->hdr.tx_id;
	r->msg.request = r;
	list_add_tail(&r->msg.link, &f->out);
	WRITE_ONCE(f->requests, f->requests - 1);
	wake_up_all(&f->wait);
}

/* Makes a reply of our own: OK, or the name of an error. */
static void make_reply(struct request *r, int err)
{
	r->msg.hdr.type = err ? XS_ERROR : r->hdr.type;
	r->msg.data = err ? xs_error_name(err) : "OK";
	r->msg.hdr.len = strlen(r->msg.data) + 1;
}

static void reply_now(struct request *r, int err)
{
	struct xs_file *f = r->file;
	unsigned long irq;

	make_reply(r, err);
	spin_lock_irqsave(&f->lock, irq);
	deliver_reply(r);
	spin_unlock_irqrestore(&f->lock, irq);
	xs_file_put(f);
}

static void lose_event(struct xs_file *f)
{
	atomic64_inc(&lost_events);
	if (!f->lossy)
		pr_warn("process %d does not read its watch events: some are lost\n", f->pid);
	f->lossy = true;
}

/* Called under xs_watch_lock. */
static void on_event(struct xs_sub *sub, const char *path)
{
	struct watch *w = container_of(sub, struct watch, sub);
	size_t path_size, token_size = strlen(w->token) + 1, size;
	struct xs_file *f = w->file;
	struct message *m = NULL;
	unsigned long irq;
	char *data;

	if (!path)	/* a renewed watch fires by itself */
		return;
	path_size = strlen(path) + 1;
	size = sizeof(*m) + path_size + token_size;
	spin_lock_irqsave(&f->lock, irq);
	if (f->closed)
		goto out;
	if (f->event_bytes + size <= EVENTS_BYTES && path_size + token_size <= XS_PAYLOAD_MAX)
		m = kzalloc(size, GFP_ATOMIC);
	if (!m) {
		lose_event(f);
		goto out;
	}
	data = (char *)(m + 1);
	memcpy(data, path, path_size);
	memcpy(data + path_size, w->token, token_size);
	m->data = data;
	m->size = size;
	m->hdr.type = XS_WATCH_EVENT;
	m->hdr.len = path_size + token_size;
	f->event_bytes += size;
	list_add_tail(&m->link, w->told ? &f->out : &w->early);
	wake_up_all(&f->wait);
out:
	spin_unlock_irqrestore(&f->lock, irq);
}

/* ---- plain requests: from the frame to the ring and back -------------------------------- */

/* Takes an id out of file->transactions. Returns its entry, NULL when it is not there. Any context. */
static void *transaction_take(struct xs_file *f, u32 tx)
{
	unsigned long irq;
	void *entry;

	xa_lock_irqsave(&f->transactions, irq);
	entry = __xa_erase(&f->transactions, tx);
	xa_unlock_irqrestore(&f->transactions, irq);
	return entry;
}

static void transaction_over(struct xs_file *f, u32 tx)
{
	if (transaction_take(f, tx))
		xs_tx_over();
}

/* May sleep. */
static void transaction_drop(struct xs_file *f, u32 tx)
{
	void *entry = transaction_take(f, tx);

	if (entry)
		xs_tx_drop(xs_tx_named(tx, entry));
}

/*
 * A transaction that the store has ended is not ours to end any more. EINVAL means that it did not
 * understand the END; and what never got there has ended nothing.
 */
static bool has_ended(const struct request *r)
{
	return r->hdr.type == XS_TRANSACTION_END && !r->req.result &&
		!(r->req.type == XS_ERROR && !strncmp(r->msg.data, "EINVAL", sizeof("EINVAL")));
}

/* The reply of the store, or the connection's end. Called under client.lock. */
static void on_done(struct xs_req *req)
{
	struct request *r = container_of(req, struct request, req);
	struct xs_file *f = r->file;
	unsigned long irq;

	if (req->result) {
		make_reply(r, -EIO);
	} else {
		r->msg.hdr.type = req->type;
		r->msg.hdr.len = req->len;
		r->msg.data = r->reply;
		if (req->len < req->cap)
			r->reply[req->len] = '\0';	/* for has_ended() */
	}
	if (has_ended(r))
		transaction_over(f, r->hdr.tx_id);
	spin_lock_irqsave(&f->lock, irq);
	deliver_reply(r);
	spin_unlock_irqrestore(&f->lock, irq);
	xs_file_put(f);
}

/* How much the reply may hold. What the guest may not do is answered by an error's name. */
static u32 reply_size(u32 type)
{
	switch (type) {
	case XS_DIRECTORY:
	case XS_READ:
	case XS_GET_PERMS:
	case XS_GET_DOMAIN_PATH:
	case XS_TYPE_DIRECTORY_PART:
	case XS_TYPE_CONTROL:
		return XS_PAYLOAD_MAX;
	default:
		return type < XS_TYPE_RESET_WATCHES ? SMALL_REPLY : XS_PAYLOAD_MAX;
	}
}

/*
 * A transaction of another file is none that this one could know of. One whose connection is no
 * more has to be run again, which the store would say at its end.
 */
static int check_transaction(const struct request *r, struct xs_tx *tx)
{
	void *entry;

	*tx = XS_TX_NONE;
	if (!r->hdr.tx_id)
		return 0;
	entry = xa_load(&r->file->transactions, r->hdr.tx_id);
	if (!entry)
		return -ENOENT;
	*tx = xs_tx_named(r->hdr.tx_id, entry);
	return 0;
}

static void send_plain(struct request *r)
{
	const struct xs_vec vec = { r->payload, r->hdr.len };
	u32 cap = reply_size(r->hdr.type);
	struct xs_tx tx;
	int err = check_transaction(r, &tx);

	if (err) {
		reply_now(r, err);
		return;
	}
	r->reply = kmalloc(cap, GFP_KERNEL);
	if (!r->reply) {
		reply_now(r, -ENOMEM);
		return;
	}
	r->req.reply = r->reply;
	r->req.cap = cap;
	r->req.raw = true;
	r->req.who = r->file->pid;
	r->req.done = on_done;
	r->req.epoch = tx.epoch;
	xs_out_init(&r->req.out, r->hdr.type, tx.id, &vec, 1);
	r->req.deadline = get_jiffies_64() + xs_client_timeout();
	err = xs_client_submit(&r->req);
	if (err == -EAGAIN && r->hdr.type == XS_TRANSACTION_END)
		transaction_drop(r->file, r->hdr.tx_id);
	if (err)
		reply_now(r, err);	/* EAGAIN, or ENOTCONN, whose name is EIO */
}

/* ---- requests that concern what the file owns: the worker's ------------------------------ */

static struct watch *watch_find(struct xs_file *f, const char *path, const char *token)
{
	struct watch *w;

	list_for_each_entry(w, &f->watches, link)
		if (!strcmp(w->path, path) && !strcmp(w->token, token))
			return w;
	return NULL;
}

static void drop_early(struct watch *w)
{
	struct message *m, *next;

	spin_lock_irq(&w->file->lock);
	list_for_each_entry_safe(m, next, &w->early, link) {
		list_del(&m->link);
		w->file->event_bytes -= m->size;
		xs_message_free(m);
	}
	spin_unlock_irq(&w->file->lock);
}

static void watch_end(struct watch *w)
{
	xs_unsubscribe(&w->sub);
	list_del(&w->link);
	w->file->nwatches--;
	kfree(w);
}

static struct watch *watch_new(struct xs_file *f, const char *path, const char *token)
{
	size_t path_size = strlen(path) + 1, token_size = strlen(token) + 1;
	struct watch *w = kzalloc(struct_size(w, path, path_size + token_size), GFP_KERNEL);

	if (!w)
		return NULL;
	memcpy(w->path, path, path_size);
	memcpy(w->path + path_size, token, token_size);
	w->token = w->path + path_size;
	w->file = f;
	w->sub.event = on_event;
	w->sub.who = f->pid;
	INIT_LIST_HEAD(&w->early);
	return w;
}

/* The three strings of a WATCH, the two of an UNWATCH. Returns 0 or -EINVAL. */
static int watch_strings(const struct request *r, const char **path, const char **token,
			 const char **depth)
{
	u32 len = r->hdr.len, n = xs_strings_valid(r->payload, len) ?
		xs_strings_count(r->payload, len) : 0;

	if (n < 2 || n > (depth ? 3 : 2))
		return -EINVAL;
	*path = xs_strings_next(r->payload, len, NULL);
	*token = xs_strings_next(r->payload, len, *path);
	if (depth)
		*depth = n == 3 ? xs_strings_next(r->payload, len, *token) : "";
	return 0;
}

static void do_watch(struct request *r)
{
	const char *path, *token, *depth;
	struct xs_file *f = r->file;
	struct watch *w;
	int err = watch_strings(r, &path, &token, &depth);

	if (!err && watch_find(f, path, token))
		err = -EEXIST;
	if (!err && f->nwatches >= WATCHES_MAX)
		err = -E2BIG;	/* as C xenstored has it */
	if (err) {
		reply_now(r, err);
		return;
	}
	w = watch_new(f, path, token);
	err = w ? xs_subscribe(&w->sub, path, depth) : -ENOMEM;
	if (err) {
		if (w)
			drop_early(w);
		kfree(w);
		reply_now(r, err);
		return;
	}
	list_add(&w->link, &f->watches);
	f->nwatches++;
	make_reply(r, 0);
	spin_lock_irq(&f->lock);
	deliver_reply(r);
	list_splice_tail_init(&w->early, &f->out);
	w->told = true;
	spin_unlock_irq(&f->lock);
	xs_file_put(f);
}

static void do_unwatch(struct request *r)
{
	const char *path, *token;
	struct watch *w = NULL;
	int err = watch_strings(r, &path, &token, NULL);

	if (!err)
		w = watch_find(r->file, path, token);
	if (w)
		watch_end(w);
	else if (!err)
		err = -ENOENT;
	reply_now(r, err);
}

static void end_all(struct xs_file *f)
{
	struct watch *w, *next;
	unsigned long tx;
	void *entry;

	list_for_each_entry_safe(w, next, &f->watches, link)
		watch_end(w);
	xa_for_each(&f->transactions, tx, entry)
		transaction_drop(f, tx);
}

static void do_start(struct request *r)
{
	struct xs_file *f = r->file;
	int err = r->hdr.tx_id ? -EBUSY : 0;	/* as the store has it: none inside another */
	struct xs_tx tx;
	u32 name;

	/* First what can fail: one that nobody is told of would be open as long as the file. */
	if (!err) {
		r->reply = kmalloc(SMALL_REPLY, GFP_KERNEL);
		err = r->reply ? 0 : -ENOMEM;
	}
	if (!err)
		err = xs_tx_start(&tx, f->pid, &f->closed);
	if (!err)
		err = xs_tx_keep(&f->transactions, tx, &name);
	if (err) {
		reply_now(r, err);
		return;
	}
	r->msg.hdr.type = XS_TRANSACTION_START;
	r->msg.hdr.len = snprintf(r->reply, SMALL_REPLY, "%u", name) + 1;
	r->msg.data = r->reply;
	spin_lock_irq(&f->lock);
	deliver_reply(r);
	spin_unlock_irq(&f->lock);
	xs_file_put(f);
}

static void do_request(struct request *r)
{
	/* Nobody wants it any more, and it may take as long as the store likes. */
	if (READ_ONCE(r->file->closed) &&
	    (r->hdr.type == XS_WATCH || r->hdr.type == XS_TRANSACTION_START)) {
		reply_now(r, -EIO);
		return;
	}
	switch (r->hdr.type) {
	case XS_WATCH:
		do_watch(r);
		break;
	case XS_UNWATCH:
		do_unwatch(r);
		break;
	case XS_TRANSACTION_START:
		do_start(r);
		break;
	case XS_TYPE_RESET_WATCHES:
		end_all(r->file);
		reply_now(r, 0);
		break;
	default:
		send_plain(r);
	}
}

static bool is_plain(u32 type)
{
	return type != XS_WATCH && type != XS_UNWATCH && type != XS_TRANSACTION_START &&
		type != XS_TYPE_RESET_WATCHES;
}

static struct request *next_todo(struct xs_file *f)
{
	struct request *r;

	spin_lock_irq(&f->lock);
	r = list_first_entry_or_null(&f->todo, struct request, link);
	if (r)
		list_del_init(&r->link);
	else
		f->working = false;
	spin_unlock_irq(&f->lock);
	return r;
}

/* The worker: does @todo in its order, and cleans up after the file was closed. */
void xs_file_work(struct work_struct *work)
{
	struct xs_file *f = container_of(work, struct xs_file, worker);
	struct request *r;

	while ((r = next_todo(f)))
		do_request(r);
	if (READ_ONCE(f->closed))
		end_all(f);
	xs_file_put(f);
}

/* ---- what write(2) has put together ------------------------------------------------------ */

/* A frame is whole. It goes out behind those that were written before it. */
void xs_file_dispatch(struct xs_file *f, struct request *r)
{
	bool direct;

	kref_get(&f->ref);	/* the request's; reply_now() and its like put it */
	spin_lock_irq(&f->lock);
	WRITE_ONCE(f->requests, f->requests + 1);
	/* From now on, so that no reply takes away the room that poll(2) has told of. */
	r->msg.size = sizeof(*r) + r->hdr.len + reply_size(r->hdr.type);
	WRITE_ONCE(f->reply_bytes, f->reply_bytes + r->msg.size);
	direct = !f->working && is_plain(r->hdr.type);
	if (!direct) {
		list_add_tail(&r->link, &f->todo);
		f->working = true;
		xs_file_wake_worker(f);
	}
	spin_unlock_irq(&f->lock);
	if (direct)
		send_plain(r);
}

/**
 * xs_dev_lost() - how many watch events programs have lost by not reading
 *
 * Return: the count since the module was loaded.
 */
u64 xs_dev_lost(void)
{
	return atomic64_read(&lost_events);
}
