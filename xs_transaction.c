// SPDX-License-Identifier: GPL-2.0
/*
 * xs_transaction.c - transactions at the server, whoever in this guest has them.
 *
 * The server allows a guest a handful of open transactions (10 by default), not each program. So
 * one that is refused for the quota waits here until another of ours ends, until its deadline; in a
 * share those of the kernel's are not counted, and where they are all, it fails at once.
 *
 * A start whose caller has gone must not leave a transaction open that nobody knows: the request is
 * on the heap, and when its late reply brings an id, the same request goes out again to end it.
 *
 * The server of a new connection begins to count anew, while callers still have transactions of the
 * old one, which are to say EAGAIN. So what a caller knows a transaction by is its name: the
 * server's id, over which stands which connection it belongs to.
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include "xs_client.h"
#include "xs_transaction.h"

struct start {
	struct xs_req req;
	struct completion done;
	u32 epoch;		/* of the connection that the reply has come on */
	char reply[16];
};

/*
 * How many are open or being opened, and how many have ended so far. The server may have opened one
 * whose thread has not seen the reply yet, so a start counts from before it is sent; and the two
 * change together, so that who was refused cannot miss the end of the one it was refused for.
 */
static DEFINE_SPINLOCK(count_lock);
static unsigned int n_open, n_ended;
static DECLARE_WAIT_QUEUE_HEAD(ended);

/* One more is being opened. Returns how many have ended. */
static unsigned int count_start(void)
{
	unsigned int seen;

	spin_lock_irq(&count_lock);
	n_open++;
	seen = n_ended;
	spin_unlock_irq(&count_lock);
	return seen;
}

/* It was not opened. Returns whether there is, or was, another one whose end makes room. */
static bool count_refused(unsigned int seen)
{
	bool others;

	spin_lock_irq(&count_lock);
	n_open--;
	others = n_open || n_ended != seen;
	spin_unlock_irq(&count_lock);
	return others;
}

static struct start *to_start(struct xs_req *req)
{
	return container_of(req, struct start, req);
}

static void start_done(struct xs_req *req)
{
	to_start(req)->epoch = xs_tx_epoch();
	complete(&to_start(req)->done);
}

static void orphan_ended(struct xs_req *req)
{
	if (xs_client_owe(req))
		return;
	kfree(to_start(req));
	xs_tx_over();
}

/* The late reply to a start that nobody waits for: end what it has started. */
static void orphan_started(struct xs_req *req)
{
	struct start *start = to_start(req);
	const struct xs_vec abort = { "F", 2 };
	u32 tx;

	if (req->result || xs_number(start->reply, req->len, &tx) ||
	    xs_out_init(&req->out, XS_TRANSACTION_END, tx, &abort, 1)) {
		orphan_ended(req);
		return;
	}
	req->epoch = xs_tx_epoch();
	req->done = orphan_ended;
	xs_client_resubmit(req);
}

static int start_once(struct xs_tx *tx, u32 who)
{
	const struct xs_vec empty = { "", 1 };
	struct start *start = kzalloc(sizeof(*start), GFP_KERNEL);
	int err;

	if (!start)
		return -ENOMEM;
	start->req.reply = start->reply;
	start->req.cap = sizeof(start->reply);
	start->req.who = who;
	start->req.done = start_done;
	init_completion(&start->done);
	xs_out_init(&start->req.out, XS_TRANSACTION_START, 0, &empty, 1);
	err = xs_client_submit(&start->req);
	if (!err)
		err = xs_client_wait(&start->req, &start->done, orphan_started);
	if (err == -ETIMEDOUT || err == -EINTR)
		return err;	/* the orphan frees itself */
	tx->epoch = start->epoch;
	if (!err && (xs_number(start->reply, start->req.len, &tx->id) || !tx->id))
		err = -EPROTO;
	kfree(start);
	return err;
}

static bool nobody_wants(const bool *unwanted)
{
	return unwanted && READ_ONCE(*unwanted);
}

/**
 * xs_tx_start() - open a transaction at the server
 * @tx: takes its id, never 0, and the connection that it belongs to
 * @who: for those who look on, see struct xs_req
 * @unwanted: NULL, or what becomes true when nobody wants it any more; then xs_tx_look()
 *
 * Context: may sleep. Waits, with the deadline of all calls, when the guest has too many open.
 *
 * Return: 0; -EINTR for one that nobody wants any more, or whose caller is killed; -ENOSPC or
 * -EDQUOT when the guest still has too many open at the deadline, or none of them is ours; -ENOMEM;
 * what xsfront.h lists.
 */
int xs_tx_start(struct xs_tx *tx, u32 who, const bool *unwanted)
{
	unsigned long deadline = jiffies + xs_client_timeout();
	unsigned int seen;
	bool others;
	long left;
	int err;

	for (;;) {
		seen = count_start();
		err = start_once(tx, who);
		if (!err)
			return 0;
		if (err == -ETIMEDOUT || err == -EINTR)
			return err;	/* the orphan may be open, and ends as such */
		others = count_refused(seen);
		left = (long)(deadline - jiffies);
		if ((err != -ENOSPC && err != -EDQUOT) || !others || left <= 0)
			return err;
		left = wait_event_killable_timeout(ended, READ_ONCE(n_ended) != seen ||
						   nobody_wants(unwanted), left);
		if (left < 0 || nobody_wants(unwanted))
			return -EINTR;
		if (!left)
			return err;
	}
}

/**
 * xs_tx_look() - somebody does not want a transaction any more
 *
 * Context: any.
 */
void xs_tx_look(void)
{
	wake_up_all(&ended);
}

/**
 * xs_tx_over() - a transaction has ended
 *
 * Called once for each that xs_tx_start() has opened, when the server has been told, and for each
 * start that was left to itself.
 * Context: any.
 */
void xs_tx_over(void)
{
	unsigned long irq;

	spin_lock_irqsave(&count_lock, irq);
	n_open--;
	WRITE_ONCE(n_ended, n_ended + 1);
	spin_unlock_irqrestore(&count_lock, irq);
	wake_up_all(&ended);
}

/**
 * xs_tx_drop() - abort a transaction, not waiting for it
 * @tx: the transaction; of one that the server has ended by itself there is nothing left to abort
 *
 * Context: may sleep.
 */
void xs_tx_drop(struct xs_tx tx)
{
	const struct xs_vec abort = { "F", 2 };

	xs_client_post(XS_TRANSACTION_END, tx, &abort, 1);
	xs_tx_over();
}

/* ---- names ------------------------------------------------------------------------------ */

/**
 * xs_tx_keep() - a transaction is somebody's from here on
 * @open: his open ones, an xarray that is locked with interrupts off: index is the name, value the
 *	  epoch
 * @tx: from xs_tx_start(); aborted where this fails
 * @name: takes what he is to know it by, never 0
 *
 * Context: may sleep.
 *
 * Return: 0; -ENOMEM; -EPROTO for an id that leaves no room for the connection; -EBUSY when he has
 * one open of that name, which was lost fifteen connections ago.
 */
int xs_tx_keep(struct xarray *open, struct xs_tx tx, u32 *name)
{
	u32 mark = tx.epoch ? (tx.epoch - 1) % XS_TX_MARKS + 1 : 0;
	int err = mark && tx.id > XS_TX_MASK ? -EPROTO : 0;

	*name = mark << XS_TX_BITS | tx.id;
	if (!err)
		err = xa_insert_irq(open, *name, xa_mk_value(tx.epoch), GFP_KERNEL);
	if (err)
		xs_tx_drop(tx);
	return err;
}

/**
 * xs_tx_named() - which transaction is it?
 * @name: from xs_tx_keep()
 * @entry: what @open holds for it
 *
 * Return: it, as the server knows it.
 */
struct xs_tx xs_tx_named(u32 name, const void *entry)
{
	u32 epoch = xa_to_value(entry);

	return (struct xs_tx){ epoch ? name & XS_TX_MASK : name, epoch };
}
