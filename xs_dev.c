// SPDX-License-Identifier: GPL-2.0
/*
 * xs_dev.c - /dev/xen/xenbus: raw frames in, raw frames out, for libxenstore and its like.
 *
 *   write(2) ─▶ frame ─┬─ plain ───────────────────────▶ store ─▶ reply ─┐
 *                      └─ todo ─▶ worker: WATCH, START, …                ├─▶ out ─▶ read(2)
 *                                   events of this file's watches ───────┘
 *
 * Each open file is a client of its own that shares this guest's one connection. Requests go out in
 * the order in which they were written. Most go straight to the ring, from write(2). Those that
 * concern what the file owns (watches, transactions) may have to wait for the store or for a quota,
 * so a worker does them, and what was written behind them waits there too: in this file, in no
 * other.
 *
 * What a program gets back is what the store would have sent it: its own req_id and tokens, ERROR
 * replies with the store's names. An errno of write(2) means that the bytes are no frame.
 *
 * Bounds, for each file: REQUESTS_MAX requests that have no reply in `out` yet, and REPLIES_BYTES
 * of replies, which count from when they are asked for until they are read; then write(2) waits or
 * says EAGAIN. EVENTS_BYTES of unread events, beyond which they are lost, counted, and said once.
 * WATCHES_MAX watches, beyond which a WATCH says E2BIG.
 *
 * Locks, outermost first: file->io (mutex: one reader or writer at a time; nobody sleeps for the
 * store under it), client.lock, xs_watch_lock (a reply's done() and a watch's event() run under
 * them), file->lock (spinlock, interrupts off: all lists and counts).
 *
 * Lifetime: a kref; the open file, each request and each queued work hold one. What a closed file
 * leaves at the store is ended by its worker, which holds up nobody.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include "xs_client.h"
#include "xs_dev.h"
#include "xs_source.h"
#include "xs_transaction.h"

#define REQUESTS_MAX	64
#define WATCHES_MAX	1024
#define REPLIES_BYTES	(1024 * 1024)
#define EVENTS_BYTES	(256 * 1024)
#define SMALL_REPLY	64	/* OK, a number, the name of an error */

/**
 * struct message - a frame for read(2)
 * @link: in file->out
 * @hdr: its header
 * @data: its payload
 * @size: what it counts against EVENTS_BYTES or REPLIES_BYTES: the memory that it holds
 * @request: what it is the reply to, which it is a part of; NULL for an event, which stands alone
 */
struct message {
	struct list_head link;
	struct xsd_sockmsg hdr;
	const char *data;
	size_t size;
	struct request *request;
};

/**
 * struct request - a frame from write(2), and then its reply
 * @link: in file->todo
 * @file: whose it is
 * @req: what travels
 * @hdr: the header as it was written
 * @msg: the reply
 * @reply: the reply's payload, allocated
 * @payload: the request's
 */
struct request {
	struct list_head link;
	struct xs_file *file;
	struct xs_req req;
	struct xsd_sockmsg hdr;
	struct message msg;
	char *reply;
	char payload[];
};

/**
 * struct xs_file - an open file
 * @ref: see the top of this file
 * @lock: guards lists and counts
 * @wait: readers and writers
 * @out: frames for read(2), replies and events in the order in which they came
 * @out_at: bytes of the first of them that were read already
 * @event_bytes: unread events, in bytes
 * @reply_bytes: replies that are to come or unread, in bytes
 * @requests: requests that have no reply in @out yet
 * @todo: frames that wait for the worker
 * @working: the worker has taken something from @todo, or will
 * @closed: nobody reads any more
 * @lossy: an event was lost
 * @worker: does @todo, and cleans up after the file was closed
 * @watches: the worker's
 * @nwatches: how many
 * @transactions: ids that this file has open; the worker and done() change it
 * @io: guards @out_at and what follows, the frame that is being written
 * @hdr: its header
 * @have: bytes of it
 * @frame: the request that it becomes
 * @pid: who opened it, for messages
 */
struct xs_file {
	struct kref ref;
	spinlock_t lock;
	wait_queue_head_t wait;
	struct list_head out;
	size_t out_at;
	size_t event_bytes;
	size_t reply_bytes;
	unsigned int requests;
	struct list_head todo;
	bool working, closed, lossy;
	struct work_struct worker;
	struct list_head watches;
	unsigned int nwatches;
	struct xarray transactions;

	struct mutex io;
	struct xsd_sockmsg hdr;
	u32 have;
	struct request *frame;
	pid_t pid;
};

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

static struct workqueue_struct *queue;
static atomic_t n_files = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(no_files);
static atomic64_t lost_events = ATOMIC64_INIT(0);

/* ---- life of a file --------------------------------------------------------------------- */

static void message_free(struct message *m)
{
	struct request *r = m->request;

	if (!r) {
		kfree(m);
		return;
	}
	kfree(r->reply);
	kfree(r);
}

static void file_free(struct kref *ref)
{
	struct xs_file *f = container_of(ref, struct xs_file, ref);
	struct message *m, *next;

	list_for_each_entry_safe(m, next, &f->out, link)
		message_free(m);
	xa_destroy(&f->transactions);
	kfree(f->frame);
	kfree(f);
	if (atomic_dec_and_test(&n_files))
		wake_up_all(&no_files);
}

static void file_put(struct xs_file *f)
{
	kref_put(&f->ref, file_free);
}

/* Has the worker run, which holds a reference meanwhile. Called with file->lock held. */
static void wake_worker(struct xs_file *f)
{
	lockdep_assert_held(&f->lock);
	if (queue_work(queue, &f->worker))
		kref_get(&f->ref);
}

/* ---- frames for read(2) ----------------------------------------------------------------- */

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
	file_put(f);
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

static bool readable(struct xs_file *f)
{
	return !list_empty_careful(&f->out);
}

/* Takes the first frame out when all of it was read. Called with file->lock held. */
static struct message *pop_if_read(struct xs_file *f)
{
	struct message *m = list_first_entry(&f->out, struct message, link);

	if (f->out_at < XS_HDR_SIZE + m->hdr.len)
		return NULL;
	list_del(&m->link);
	f->out_at = 0;
	if (m->request) {
		WRITE_ONCE(f->reply_bytes, f->reply_bytes - m->size);
		wake_up_all(&f->wait);	/* writers */
	} else {
		f->event_bytes -= m->size;
	}
	return m;
}

/*
 * Copies from the first frame. Readers take turns by file->io, so that frame stays where it is.
 * Returns bytes copied, 0 when there is nothing.
 */
static ssize_t read_piece(struct xs_file *f, char __user *buf, size_t count)
{
	struct message *m;
	const char *from;
	size_t len;

	spin_lock_irq(&f->lock);
	m = list_first_entry_or_null(&f->out, struct message, link);
	spin_unlock_irq(&f->lock);
	if (!m)
		return 0;
	if (f->out_at < XS_HDR_SIZE) {
		from = (const char *)&m->hdr + f->out_at;
		len = min_t(size_t, count, XS_HDR_SIZE - f->out_at);
	} else {
		from = m->data + (f->out_at - XS_HDR_SIZE);
		len = min_t(size_t, count, XS_HDR_SIZE + m->hdr.len - f->out_at);
	}
	if (copy_to_user(buf, from, len))
		return -EFAULT;
	spin_lock_irq(&f->lock);
	f->out_at += len;
	m = pop_if_read(f);
	spin_unlock_irq(&f->lock);
	if (m)
		message_free(m);
	return len;
}

static ssize_t read_some(struct xs_file *f, char __user *buf, size_t count)
{
	size_t done = 0;
	ssize_t n = 0;

	while (done < count) {
		n = read_piece(f, buf + done, count - done);
		if (n <= 0)
			break;
		done += n;
	}
	return done ? (ssize_t)done : n;
}

static ssize_t xs_dev_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct xs_file *f = file->private_data;
	ssize_t n = 0;

	while (count && !n) {
		if (mutex_lock_interruptible(&f->io))
			return -ERESTARTSYS;
		n = read_some(f, buf, count);
		mutex_unlock(&f->io);
		if (n)
			break;
		n = -EAGAIN;
		if (!(file->f_flags & O_NONBLOCK))
			n = wait_event_interruptible(f->wait, readable(f));
	}
	return n;
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

/*
 * A transaction that the store has ended is not ours to end any more. EINVAL means that it did not
 * understand the END; and what never got there has ended nothing.
 */
static bool has_ended(const struct request *r)
{
	return r->hdr.type == XS_TRANSACTION_END && !r->req.result &&
		!(r->req.type == XS_ERROR && !strcmp(r->msg.data, "EINVAL"));
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
		r->reply[req->len] = '\0';	/* for has_ended(); there is room */
	}
	if (has_ended(r))
		transaction_over(f, r->hdr.tx_id);
	spin_lock_irqsave(&f->lock, irq);
	deliver_reply(r);
	spin_unlock_irqrestore(&f->lock, irq);
	file_put(f);
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
static int check_transaction(struct request *r)
{
	void *epoch;

	if (!r->hdr.tx_id)
		return 0;
	epoch = xa_load(&r->file->transactions, r->hdr.tx_id);
	if (!epoch)
		return -ENOENT;
	r->req.epoch = xa_to_value(epoch);
	return 0;
}

static void send_plain(struct request *r)
{
	const struct xs_vec vec = { r->payload, r->hdr.len };
	u32 cap = reply_size(r->hdr.type);
	int err = check_transaction(r);

	if (err) {
		reply_now(r, err);
		return;
	}
	r->reply = kmalloc(cap + 1, GFP_KERNEL);
	if (!r->reply) {
		reply_now(r, -ENOMEM);
		return;
	}
	r->req.reply = r->reply;
	r->req.cap = cap;
	r->req.raw = true;
	r->req.who = r->file->pid;
	r->req.done = on_done;
	xs_out_init(&r->req.out, r->hdr.type, r->hdr.tx_id, &vec, 1);
	r->req.deadline = get_jiffies_64() + xs_client_timeout();
	err = xs_client_submit(&r->req);
	if (err == -EAGAIN && r->hdr.type == XS_TRANSACTION_END)
		transaction_over(r->file, r->hdr.tx_id);
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
		message_free(m);
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
	file_put(f);
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
		if (transaction_take(f, tx))
			xs_tx_drop((struct xs_tx){ tx, xa_to_value(entry) });
}

static void do_start(struct request *r)
{
	struct xs_file *f = r->file;
	int err = r->hdr.tx_id ? -EBUSY : 0;	/* as the store has it: none inside another */
	struct xs_tx tx;

	/* First what can fail: one that nobody is told of would be open as long as the file. */
	if (!err) {
		r->reply = kmalloc(SMALL_REPLY, GFP_KERNEL);
		err = r->reply ? 0 : -ENOMEM;
	}
	if (!err)
		err = xs_tx_start(&tx, f->pid);
	if (!err) {
		err = xa_err(xa_store_irq(&f->transactions, tx.id, xa_mk_value(tx.epoch),
					  GFP_KERNEL));
		if (err)
			xs_tx_drop(tx);
	}
	if (err) {
		reply_now(r, err);
		return;
	}
	r->msg.hdr.type = XS_TRANSACTION_START;
	r->msg.hdr.len = snprintf(r->reply, SMALL_REPLY, "%u", tx.id) + 1;
	r->msg.data = r->reply;
	spin_lock_irq(&f->lock);
	deliver_reply(r);
	spin_unlock_irq(&f->lock);
	file_put(f);
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

static void on_work(struct work_struct *work)
{
	struct xs_file *f = container_of(work, struct xs_file, worker);
	struct request *r;

	while ((r = next_todo(f)))
		do_request(r);
	if (READ_ONCE(f->closed))
		end_all(f);
	file_put(f);
}

/* ---- frames from write(2) --------------------------------------------------------------- */

static bool has_room(struct xs_file *f)
{
	return READ_ONCE(f->requests) < REQUESTS_MAX &&
		READ_ONCE(f->reply_bytes) < REPLIES_BYTES;
}

/* A frame is whole. It goes out behind those that were written before it. */
static void dispatch(struct xs_file *f, struct request *r)
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
		wake_worker(f);
	}
	spin_unlock_irq(&f->lock);
	if (direct)
		send_plain(r);
}

static int begin_frame(struct xs_file *f)
{
	struct request *r;

	if (f->hdr.len > XS_PAYLOAD_MAX) {
		f->have = 0;	/* what follows is taken for a new frame */
		return -EINVAL;
	}
	r = kzalloc(struct_size(r, payload, f->hdr.len), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	r->file = f;
	r->hdr = f->hdr;
	f->frame = r;
	return 0;
}

/* Takes bytes of one frame. Returns how many, or a negative errno. Called with file->io held. */
static ssize_t write_piece(struct xs_file *f, const char __user *buf, size_t count)
{
	size_t len = 0;
	char *to;
	int err;

	if (f->have < XS_HDR_SIZE) {
		len = min_t(size_t, count, XS_HDR_SIZE - f->have);
		to = (char *)&f->hdr + f->have;
	} else {
		len = min_t(size_t, count, XS_HDR_SIZE + f->hdr.len - f->have);
		to = f->frame->payload + (f->have - XS_HDR_SIZE);
	}
	if (copy_from_user(to, buf, len))
		return -EFAULT;
	f->have += len;
	if (f->have == XS_HDR_SIZE && !f->frame) {
		err = begin_frame(f);
		if (err) {
			if (f->have)	/* the header's last bytes can be written again */
				f->have -= len;
			return err;
		}
	}
	if (f->frame && f->have == XS_HDR_SIZE + f->hdr.len) {
		dispatch(f, f->frame);
		f->frame = NULL;
		f->have = 0;
	}
	return len;
}

/* Takes what there is room for. Returns bytes taken, or a negative errno when that is none. */
static ssize_t write_some(struct xs_file *f, const char __user *buf, size_t count)
{
	size_t done = 0;
	ssize_t n = 0;

	while (done < count && (f->have || has_room(f))) {
		n = write_piece(f, buf + done, count - done);
		if (n < 0)
			break;
		done += n;
	}
	return done ? (ssize_t)done : n;
}

static ssize_t xs_dev_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct xs_file *f = file->private_data;
	size_t done = 0;
	ssize_t n = 0;

	while (done < count) {
		if (mutex_lock_interruptible(&f->io)) {
			n = -ERESTARTSYS;
			break;
		}
		n = write_some(f, buf + done, count - done);
		mutex_unlock(&f->io);
		if (n < 0)
			break;
		done += n;
		if (done == count)
			break;
		n = -EAGAIN;
		if (!(file->f_flags & O_NONBLOCK))
			n = wait_event_interruptible(f->wait, has_room(f));
		if (n)
			break;
	}
	return done ? (ssize_t)done : n;
}

/* ---- the character device --------------------------------------------------------------- */

static __poll_t xs_dev_poll(struct file *file, poll_table *wait)
{
	struct xs_file *f = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &f->wait, wait);
	if (readable(f))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (has_room(f))
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}

static int xs_dev_open(struct inode *inode, struct file *file)
{
	struct xs_file *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	kref_init(&f->ref);
	spin_lock_init(&f->lock);
	init_waitqueue_head(&f->wait);
	INIT_LIST_HEAD(&f->out);
	INIT_LIST_HEAD(&f->todo);
	INIT_LIST_HEAD(&f->watches);
	INIT_WORK(&f->worker, on_work);
	xa_init_flags(&f->transactions, XA_FLAGS_LOCK_IRQ);	/* on_done() changes it */
	mutex_init(&f->io);
	f->pid = task_tgid_nr(current);
	atomic_inc(&n_files);
	file->private_data = f;
	return stream_open(inode, file);
}

static int xs_dev_close(struct inode *inode, struct file *file)
{
	struct xs_file *f = file->private_data;

	spin_lock_irq(&f->lock);
	WRITE_ONCE(f->closed, true);
	wake_worker(f);
	spin_unlock_irq(&f->lock);
	file_put(f);
	return 0;
}

static const struct file_operations xs_dev_fops = {
	.owner = THIS_MODULE,
	.open = xs_dev_open,
	.release = xs_dev_close,
	.read = xs_dev_read,
	.write = xs_dev_write,
	.poll = xs_dev_poll,
};

static struct miscdevice xs_dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.fops = &xs_dev_fops,
	.mode = 0600,
};

/**
 * xs_dev_lost() - how many watch events programs have lost by not reading
 *
 * Return: the count since the module was loaded.
 */
u64 xs_dev_lost(void)
{
	return atomic64_read(&lost_events);
}

/**
 * xs_dev_files() - how many files are open, or closed and not cleaned up yet
 *
 * Return: the count.
 */
unsigned int xs_dev_files(void)
{
	return atomic_read(&n_files);
}

/**
 * xs_dev_init() - make the device node
 *
 * /dev/xen/xenbus, where libxenstore finds it by itself: on own attach the name is free, since the
 * kernel's node and its xenbus are made by initcalls of the same name. In a share the name is the
 * kernel's, and ours is /dev/xen/xsfront.
 *
 * Return: 0 or a negative errno.
 */
int xs_dev_init(void)
{
	int err;

	atomic64_set(&lost_events, 0);
	queue = alloc_workqueue("xsfront_dev", WQ_UNBOUND, 0);
	if (!queue)
		return -ENOMEM;
	xs_dev.name = xs_life_shares() ? "xen/xsfront" : "xen/xenbus";
	err = misc_register(&xs_dev);
	if (err) {
		pr_err("cannot make /dev/%s: error %d\n", xs_dev.name, err);
		destroy_workqueue(queue);
	}
	return err;
}

/**
 * xs_dev_exit() - the mirror of xs_dev_init()
 *
 * No file is open (the module would be in use). Waits for what closed files leave behind; each of
 * their requests has a deadline.
 */
void xs_dev_exit(void)
{
	misc_deregister(&xs_dev);
	wait_event(no_files, !atomic_read(&n_files));
	destroy_workqueue(queue);
}
