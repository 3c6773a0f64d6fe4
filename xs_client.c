// SPDX-License-Identifier: GPL-2.0
/*
 * xs_client.c - the one client of this guest's store: waiting callers on a connection.
 *
 *   caller ── submit ──▶ ┌──────────────┐ ──▶ request ring, one signal for a burst
 *                        │ xs_conn pump │
 *   done() ◀── reply ─── └──────────────┘ ◀── response ring ◀── event channel handler
 *                               └── watch event ──▶ xs_source.c
 *
 * The pump runs where there is something to move: in the caller that submits, and in the handler
 * of the event channel. No thread stands between a caller and the ring. A store that keeps the
 * handler busy without an end is served from a work item instead.
 *
 * How the connection begins, ends, breaks and is mended is in xs_life.c; the state that the two
 * files share in xs_client_impl.h.
 *
 * Locks, outermost first:
 *   client.lock    spinlock, interrupts off. Guards the connection and all requests that are on
 *                  it. req->done() runs under it.
 *   watch_lock     xs_source.c's: which watch an event belongs to.
 *
 * A request belongs to its caller (xs_conn.h). One that has waited too long, or whose caller is
 * being killed, is taken back under client.lock, so a late reply finds nothing to write to.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include "xs_client_impl.h"

struct xs_client xs_the_client = {
	.lock = __SPIN_LOCK_UNLOCKED(xs_the_client.lock),
	.idle = __WAIT_QUEUE_HEAD_INITIALIZER(xs_the_client.idle),
	.signalled = __WAIT_QUEUE_HEAD_INITIALIZER(xs_the_client.signalled),
};

#define client xs_the_client

struct xs_client_counts xs_client_counts;

/**
 * xs_client_timeout() - how long a call may take
 *
 * Return: the module parameter `timeout`, in jiffies.
 */
unsigned long xs_client_timeout(void)
{
	return READ_ONCE(xs_timeout) * HZ;
}

/* The kernel's side of a share. Takes the flags that are for it out of them. */
static int serve_kernel(int flags)
{
	if (flags & XS_PUMP_KERNEL)
		xs_share_wake_kernel(client.attach.share);
	if (client.shadow->reset) {
		client.shadow->reset = false;
		xs_life_watches_gone();
	}
	return flags & ~XS_PUMP_KERNEL;
}

/* What can be lived with, but should be known. */
static void note_odd(void)
{
	const struct xs_conn_stats *stats = &client.conn.stats;

	if (stats->wrong_type != client.wrong_type)
		pr_warn_ratelimited("a reply of the store is of the wrong type: "
				    "its request fails\n");
	if (stats->bad_events != client.bad_events)
		pr_warn_ratelimited("a watch event of the store makes no sense: ignored\n");
	client.wrong_type = stats->wrong_type;
	client.bad_events = stats->bad_events;
}

/* When has the store said something whole? */
static void note_heard(void)
{
	if (client.conn.heard == client.heard)
		return;
	client.heard = client.conn.heard;
	client.heard_at = jiffies;
	if (client.conn.answered != client.answered)
		client.answered_at = jiffies;
	client.answered = client.conn.answered;
	note_odd();
}

/* What the kernel was told until now it may read, and before we leave it has nothing begun. */
static int serve_no_store(struct xs_shadow *shadow)
{
	return READ_ONCE(client.leaving) ? xs_shadow_wind_up(shadow) : xs_shadow_give(shadow);
}

/* Moves what can be moved. Called and returns with client.lock held; says what is left to do. */
static int pump_locked(void)
{
	struct xs_shadow *shadow = client.shadow;
	int flags = -ENOTCONN;

	lockdep_assert_held(&client.lock);
	if (client.life == XS_LIVE || client.life == XS_PROBING) {
		flags = shadow ? xs_shadow_pump(shadow) : xs_conn_pump(&client.conn);
		note_heard();
		if (flags < 0)
			xs_life_broken(flags);
	}
	if (flags < 0)
		flags = shadow ? serve_no_store(shadow) : 0;
	if (shadow)
		flags = serve_kernel(flags);
	if (waitqueue_active(&client.idle))
		wake_up(&client.idle);
	return flags;
}

/* What pump_locked() left to do, without the lock. */
static void pump_tail(int flags)
{
	if (flags & XS_PUMP_SIGNAL) {
		atomic_long_inc(&xs_client_counts.signals_sent);
		xs_attach_signal(&client.attach);
	}
	if (flags & XS_PUMP_AGAIN)
		schedule_work(&client.pump_again);
}

/**
 * xs_client_pump() - move what can be moved, and signal once
 *
 * Context: any but with client.lock held.
 */
void xs_client_pump(void)
{
	unsigned long irq;
	int flags;

	spin_lock_irqsave(&client.lock, irq);
	flags = pump_locked();
	spin_unlock_irqrestore(&client.lock, irq);
	pump_tail(flags);
}

static void on_pump_again(struct work_struct *work)
{
	xs_client_pump();
}

/* The server has eaten what we sent and says nothing, or it has not even read it: which? */
static const char *silence(void)
{
	unsigned long irq;
	bool unread;

	spin_lock_irqsave(&client.lock, irq);
	unread = READ_ONCE(*client.conn.req.peer) != client.conn.req.published;
	spin_unlock_irqrestore(&client.lock, irq);
	return unread ? "store reads nothing: throttled or gone"
		      : "store answers nothing: it has read the request";
}

/*
 * A deadline has passed. A store that is merely slow says something in between, or owes less. One
 * that has lost the end of a message, or all our requests, would be waited for for ever.
 */
static void look_if_stuck(void)
{
	unsigned long irq, long_ago;
	int err = 0, flags = 0;

	spin_lock_irqsave(&client.lock, irq);
	long_ago = jiffies - xs_client_timeout();
	if (client.life == XS_LIVE && time_before_eq(client.answered_at, long_ago))
		err = xs_conn_stuck(&client.conn, time_before_eq(client.heard_at, long_ago));
	if (err) {
		xs_life_broken(err);
		flags = pump_locked();	/* who leaves a share ends what is left */
	}
	spin_unlock_irqrestore(&client.lock, irq);
	pump_tail(flags);
}

/*
 * One timer for all deadlines, set for the first of them: one for each request would cost each a
 * timer that hardly ever fires. Called with client.lock held.
 */
static void arm_expire(u64 deadline)
{
	u64 now = get_jiffies_64();

	if (!deadline || (client.expire_at && client.expire_at <= deadline))
		return;
	client.expire_at = deadline;
	mod_delayed_work(system_wq, &client.expire, deadline > now ? deadline - now : 0);
}

static void on_expire(struct work_struct *work)
{
	u64 before, first;

	spin_lock_irq(&client.lock);
	before = client.conn.stats.expired;
	first = xs_conn_expire(&client.conn, get_jiffies_64());
	before = client.conn.stats.expired - before;
	client.expire_at = 0;
	arm_expire(first);
	wake_up_all(&client.idle);
	spin_unlock_irq(&client.lock);
	if (!before)
		return;
	pr_warn_ratelimited("no reply to %llu requests in %u s: %s\n", before,
			    READ_ONCE(xs_timeout), silence());
	look_if_stuck();
}

/* May its transaction still be spoken of? Nobody waits for the end of one that is only broken off. */
static bool of_this_connection(const struct xs_req *req)
{
	u32 tx = req->out.hdr.tx_id;

	return !tx || req->epoch == client.epoch ||
	       (req->left && xs_tx_at_server((struct xs_tx){ tx, req->epoch }));
}

/* Called with client.lock held. */
static int enqueue(struct xs_req *req)
{
	lockdep_assert_held(&client.lock);
	if (client.life != XS_LIVE && client.life != XS_MENDING && client.life != XS_ASIDE)
		return -ENOTCONN;
	if (!of_this_connection(req))
		return -EAGAIN;
	arm_expire(req->deadline);
	xs_conn_queue(&client.conn, req);
	return 0;
}

/**
 * xs_client_queue() - have a request sent by the next pump
 * @req: as for xs_client_submit()
 *
 * For bursts: queue them all, then xs_client_kick(). Context: as xs_client_submit().
 *
 * Return: as xs_client_submit().
 */
int xs_client_queue(struct xs_req *req)
{
	unsigned long irq;
	int err;

	spin_lock_irqsave(&client.lock, irq);
	err = enqueue(req);
	spin_unlock_irqrestore(&client.lock, irq);
	return err;
}

/**
 * xs_client_kick() - send what is queued, with one signal
 *
 * Context: as xs_client_submit().
 */
void xs_client_kick(void)
{
	xs_client_pump();
}

/**
 * xs_client_submit() - send a request; done() will be called
 * @req: made by xs_out_init(), with reply, cap, raw, done and deadline (jiffies of 64 bits) set
 *
 * Context: any that may take a spinlock, but not from done().
 *
 * Return: 0; else done() is not called: -ENOTCONN when the connection is dead, -EAGAIN when the one
 * of the request's transaction is no more.
 */
int xs_client_submit(struct xs_req *req)
{
	unsigned long irq;
	int flags = 0, err;

	spin_lock_irqsave(&client.lock, irq);
	err = enqueue(req);
	if (!err)
		flags = pump_locked();
	spin_unlock_irqrestore(&client.lock, irq);
	pump_tail(flags);
	return err;
}

/**
 * xs_client_abandon() - take a request back
 * @req: a request that was submitted
 *
 * Return: as xs_conn_abandon(): false when done() was called already.
 */
bool xs_client_abandon(struct xs_req *req)
{
	unsigned long irq;
	bool ours;

	spin_lock_irqsave(&client.lock, irq);
	ours = xs_conn_abandon(&client.conn, req);
	spin_unlock_irqrestore(&client.lock, irq);
	return ours;
}

/**
 * xs_client_resubmit() - from done(): send another request, or the same one again
 * @req: as for xs_client_submit(); the pump that is running takes it along
 */
void xs_client_resubmit(struct xs_req *req)
{
	req->result = enqueue(req);
	if (req->result)
		req->done(req);
}

/* ---- calls that wait -------------------------------------------------------------------- */

struct call {
	struct xs_req req;
	struct completion done;
};

static void call_done(struct xs_req *req)
{
	complete(&container_of(req, struct call, req)->done);
}

/* Leaves a request to itself. Returns false when it is done already. */
static bool leave(struct xs_req *req, void (*orphan)(struct xs_req *))
{
	unsigned long irq;
	bool ours;

	spin_lock_irqsave(&client.lock, irq);
	ours = req->state != XS_REQ_IDLE;
	if (ours) {
		req->done = orphan;
		req->left = true;
	}
	spin_unlock_irqrestore(&client.lock, irq);
	return ours;
}

/* Returns more than 0 when it is done, 0 when it is too late, less when the caller is killed. */
static long wait_done(struct xs_req *req, struct completion *done)
{
	if (!req->deadline)
		return wait_for_completion_killable_timeout(done, xs_client_timeout());
	return wait_for_completion_killable(done) ? : 1;
}

/**
 * xs_client_wait() - wait for a request that was submitted
 * @req: the request; one with a deadline is ended by that, others after as long a time
 * @done: what its done() completes
 * @orphan: NULL to take the request back when it takes too long. Else it has no deadline, and is
 *	    left to travel: it and all that it points to is on the heap, and @orphan is called in
 *	    place of done()
 *
 * Context: may sleep.
 *
 * Return: the request's result; -ETIMEDOUT or -EINTR when it was taken back or left.
 */
int xs_client_wait(struct xs_req *req, struct completion *done, void (*orphan)(struct xs_req *))
{
	u32 type = req->out.hdr.type;
	bool slept = !completion_done(done);
	long left = wait_done(req, done);

	if (left > 0) {
		if (req->result == -ETIMEDOUT)	/* no store says that */
			atomic_long_inc(&xs_client_counts.timeouts);
		else if (slept)
			atomic_long_inc(&xs_client_counts.wake_ups);
		return req->result;
	}
	if (orphan ? !leave(req, orphan) : !xs_client_abandon(req))
		return req->result;
	if (left < 0)
		return -EINTR;
	atomic_long_inc(&xs_client_counts.timeouts);
	if (READ_ONCE(client.life) != XS_PROBING)	/* of a dead ring all is said */
		pr_warn_ratelimited("no reply to a request of type %u in %u s: %s\n", type,
				    READ_ONCE(xs_timeout), silence());
	look_if_stuck();
	return -ETIMEDOUT;
}

/**
 * xs_client_call() - one request and its reply
 * @type: message type
 * @tx: transaction, or XS_TX_NONE
 * @vec: the payload in pieces
 * @nvec: how many
 * @reply: where the reply's payload goes
 * @cap: its size
 * @len: takes the length of the reply's payload; may be NULL
 *
 * Context: may sleep.
 *
 * Return: 0 or an errno as listed in xsfront.h; -ENOBUFS when @reply is too small (@len is right).
 */
int xs_client_call(u32 type, struct xs_tx tx, const struct xs_vec *vec, u32 nvec,
		   void *reply, u32 cap, u32 *len)
{
	struct call call = { .req = { .reply = reply, .cap = cap, .done = call_done } };
	int err = xs_out_init(&call.req.out, type, tx.id, vec, nvec);

	if (err)
		return err;
	call.req.epoch = tx.epoch;
	call.req.deadline = get_jiffies_64() + xs_client_timeout();
	init_completion(&call.done);
	err = xs_client_submit(&call.req);
	if (!err)
		err = xs_client_wait(&call.req, &call.done, NULL);
	if (err == -EREMOTEIO)
		pr_notice_ratelimited("the store said '%*pE', an error that has no number\n",
				      (int)strlen(call.req.error), call.req.error);
	if (len)
		*len = call.req.len;
	return err;
}

/* ---- requests that nobody waits for ----------------------------------------------------- */

struct post {
	struct xs_req req;
	char ok[16];
	char payload[];
};

static void post_done(struct xs_req *req)
{
	if (!xs_client_owe(req))
		kfree(container_of(req, struct post, req));
}

static void post(struct xs_req *req)
{
	unsigned long irq;
	int flags = 0;

	spin_lock_irqsave(&client.lock, irq);
	req->result = enqueue(req);
	if (req->result)
		req->done(req);
	else
		flags = pump_locked();
	spin_unlock_irqrestore(&client.lock, irq);
	pump_tail(flags);
}

/**
 * xs_client_post() - send a request and forget it
 * @type: message type, of one whose answer is OK or an error
 * @tx: transaction, or XS_TX_NONE
 * @vec: the payload in pieces; it is copied
 * @nvec: how many
 *
 * For what must be told to the store and can be waited for by nobody: the end of a watch, of a
 * transaction. It has no deadline: what a store that is slow is not told stays open there. The end
 * of a transaction outlives the ring, too (xs_client_owe()). Where memory is short it waits all the
 * same. Context: may sleep.
 */
void xs_client_post(u32 type, struct xs_tx tx, const struct xs_vec *vec, u32 nvec)
{
	struct xs_vec copy = { NULL, 0 };
	struct post *p;
	char ok[16];
	u32 i;

	for (i = 0; i < nvec; i++)
		copy.len += vec[i].len;
	p = kzalloc(struct_size(p, payload, copy.len), GFP_KERNEL);
	if (!p) {
		u32 now = xs_tx_epoch();	/* before the look: a later one is another */

		if (tx.id && xs_tx_at_server(tx))
			tx.epoch = now;
		xs_client_call(type, tx, vec, nvec, ok, sizeof(ok), NULL);
		return;
	}
	copy.base = p->payload;
	for (i = 0, copy.len = 0; i < nvec; copy.len += vec[i++].len)
		memcpy(p->payload + copy.len, vec[i].base, vec[i].len);
	p->req.reply = p->ok;
	p->req.cap = sizeof(p->ok);
	p->req.done = post_done;
	p->req.epoch = tx.epoch;
	p->req.left = true;
	if (xs_out_init(&p->req.out, type, tx.id, &copy, 1))
		kfree(p);
	else
		post(&p->req);
}

/* ---- ends of transactions that could not be told ---------------------------------------- */

/**
 * xs_client_owe() - from done(): keep the end of a transaction until the store can be told
 * @req: a TRANSACTION_END whose result is there; on the heap, as all that it points to
 *
 * A ring that is mended in place is another connection for us, and the same one for the server,
 * which counts the transaction against the guest's quota until it is told.
 *
 * Return: true when @req is kept: its done() is called again later. False when it was answered, or
 * the server has ended the transaction by itself.
 */
bool xs_client_owe(struct xs_req *req)
{
	bool lost = req->result == -ECONNRESET || req->result == -ENOTCONN;

	lockdep_assert_held(&client.lock);
	if (!lost || !req->out.hdr.tx_id || client.life == XS_DOWN ||
	    !xs_tx_at_server((struct xs_tx){ req->out.hdr.tx_id, req->epoch }))
		return false;
	req->next = client.owed;
	client.owed = req;
	return true;
}

/* Takes what is owed. Each is owed again, or done with, or sent. */
static struct xs_req *take_owed(void)
{
	struct xs_req *all = client.owed;

	lockdep_assert_held(&client.lock);
	client.owed = NULL;
	return all;
}

/**
 * xs_client_pay() - the ring is live: send what xs_client_owe() has kept
 *
 * Context: any; client.lock is held.
 */
void xs_client_pay(void)
{
	struct xs_req *req = take_owed(), *next;

	for (; req; req = next) {
		next = req->next;
		xs_conn_queue(&client.conn, req);
	}
}

/**
 * xs_client_pay_nothing() - nothing is owed any more: the server has ended all, or we go
 *
 * Context: any; client.lock is held.
 */
void xs_client_pay_nothing(void)
{
	struct xs_req *req = take_owed(), *next;

	for (; req; req = next) {
		next = req->next;
		req->done(req);
	}
}

/* ---- for xs_life.c ---------------------------------------------------------------------- */

/**
 * xs_client_init_work() - set-up of this file's work items
 */
void xs_client_init_work(void)
{
	INIT_WORK(&client.pump_again, on_pump_again);
	INIT_DELAYED_WORK(&client.expire, on_expire);
}

/**
 * xs_client_stop_work() - the mirror of xs_client_init_work(); no signal comes any more
 */
void xs_client_stop_work(void)
{
	cancel_work_sync(&client.pump_again);
	cancel_delayed_work_sync(&client.expire);
}

/**
 * xs_client_quiet() - is nothing under way that will end by itself?
 *
 * For who waits in client.idle: who pumps looks there under the lock, with no barrier else.
 *
 * Return: true when it is so; of a connection that is paused, what is queued does not count.
 */
bool xs_client_quiet(void)
{
	unsigned long irq;
	bool quiet;

	spin_lock_irqsave(&client.lock, irq);
	quiet = client.life != XS_LIVE || xs_conn_quiet(&client.conn);
	spin_unlock_irqrestore(&client.lock, irq);
	return quiet;
}

/**
 * xs_tx_next_epoch() - the connection is a new one, or is to be: its transactions are over
 *
 * Context: any; client.lock is held.
 */
void xs_tx_next_epoch(void)
{
	lockdep_assert_held(&client.lock);
	WRITE_ONCE(client.epoch, (client.epoch + 1) & INT_MAX);
}

/**
 * xs_tx_epoch() - which connection is it?
 *
 * Return: a number that changes whenever the connection is lost; a transaction of another epoch is
 * over. 31 bits, so that it fits an xarray's value everywhere.
 */
u32 xs_tx_epoch(void)
{
	return READ_ONCE(client.epoch);
}

/**
 * xs_tx_none_left() - the server has ended all transactions of this guest
 *
 * Context: any; client.lock is held.
 */
void xs_tx_none_left(void)
{
	lockdep_assert_held(&client.lock);
	WRITE_ONCE(client.server_epoch, client.epoch);
	xs_client_pay_nothing();
}

/**
 * xs_tx_at_server() - may the server have a transaction still?
 * @tx: one that was opened
 *
 * A ring that was mended in place is another connection for us, and the same one for the server.
 * Context: any.
 *
 * Return: false when it was ended there together with all others.
 */
bool xs_tx_at_server(struct xs_tx tx)
{
	u32 now = xs_tx_epoch();

	return ((now - tx.epoch) & INT_MAX) <= ((now - READ_ONCE(client.server_epoch)) & INT_MAX);
}

/**
 * xs_client_features() - what the server says that it can do
 *
 * Return: XS_FEATURE_* bits.
 */
u32 xs_client_features(void)
{
	return xs_conn_features(&client.conn);
}

/**
 * xs_client_stats() - what the connection has seen so far
 * @stats: takes a copy
 */
void xs_client_stats(struct xs_conn_stats *stats)
{
	unsigned long irq;

	spin_lock_irqsave(&client.lock, irq);
	*stats = client.conn.stats;
	spin_unlock_irqrestore(&client.lock, irq);
}
