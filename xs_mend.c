// SPDX-License-Identifier: GPL-2.0
/*
 * xs_mend.c - what is done when the store's ring breaks.
 *
 *   LIVE ──broken──▶ MENDING ──▶ LIVE
 *    ▲                  │ neither way works
 *    └── came back ─── DEAD      (requests fail at once, with ENOTCONN)
 *
 * What breaks a ring: an index that cannot be, an error that the server shows, a length over 4096,
 * a reply that nobody asked for (in a share that is passed to the kernel, which drops it); and when
 * it has been silent for longer than the deadline, half a message, or replies owed in all slots.
 * What is in flight then ends with ECONNRESET, transactions are over (they say EAGAIN, and a server
 * that still has them is told later, see xs_client_owe()), and everything else waits for the
 * mending, in two ways:
 *   reconnect   where the server offers it: it makes the rings new (docs/misc/xenstore-ring.txt).
 *   seek        where it does not, but the page looks sane: the response stream is searched for the
 *               reply to a request of ours, as after an unclean predecessor (xs_in_seek()).
 * After either all watches are set again, in one burst, and everyone who watches is told to look at
 * everything again. A server that does neither leaves the ring dead; it is looked at now and then,
 * and at each of its signals, and taken back when it is well.
 *
 * The kernel's xenbus, where we are under it: its requests in flight end with EIO, the others wait
 * too, on a dead ring until it is looked at. A server that makes a new connection has dropped the
 * kernel's transactions, which it is told when it goes on with one (xs_shadow_renewed()), and its
 * watches; those that were set before we came are not known to us and stay lost, as they would be
 * without us.
 *
 * While we leave a share (client.leaving) nothing is mended any more: the page goes back as it is.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include "xs_client_impl.h"
#include "xs_source.h"

#define client xs_the_client

#define REVIVE_SECONDS	5	/* between looks at a dead ring */

/* A store that breaks and mends without an end must not fill the log. */
static DEFINE_RATELIMIT_STATE(lines, 60 * HZ, 100);

/**
 * xs_mend_why() - what has broken the ring, for people
 * @err: what xs_conn_pump() returned
 *
 * Return: the end of a sentence.
 */
const char *xs_mend_why(int err)
{
	switch (err) {
	case -EIO:
		return "its indices cannot be";
	case -ECOMM:
		return "the store shows an error in the page";
	case -EPROTO:
		return "a message is longer than 4096 bytes";
	case -EBADMSG:
		return "a reply came that nobody asked for";
	case -ENODATA:
		return "the rest of a message does not come";
	case -ENOBUFS:
		return "it owes as many replies as it may, and answers nothing";
	}
	return "for a reason that has no name";
}

/* ---- mending ---------------------------------------------------------------------------- */

/**
 * xs_life_broken() - the pump has found the ring broken
 * @err: what xs_conn_pump() returned
 *
 * Context: any; client.lock is held.
 */
void xs_life_broken(int err)
{
	lockdep_assert_held(&client.lock);
	if (client.life == XS_PROBING) {	/* it is as dead as it was */
		WRITE_ONCE(client.life, XS_DEAD);
		xs_conn_break(&client.conn, -ENOTCONN);
		return;
	}
	if (__ratelimit(&lines))
		pr_err("the store's ring is broken: %s; trying to mend it\n", xs_mend_why(err));
	WRITE_ONCE(client.life, XS_MENDING);
	xs_tx_next_epoch();
	xs_conn_break(&client.conn, -ECONNRESET);
	wake_up_all(&client.idle);
	schedule_work(&client.mend);
}

static bool life_is(enum xs_life life)
{
	return READ_ONCE(client.life) == life;
}

/* The page is not ours any more: we are being stopped, or the guest suspended. */
static bool gone(void)
{
	return life_is(XS_DOWN) || life_is(XS_ASIDE);
}

static bool reconnected(void)
{
	return xs_conn_reconnected(&client.conn) || gone();
}

static int ask_reconnect(void)
{
	int err = 0;

	spin_lock_irq(&client.lock);
	if (gone())
		err = -ENOTCONN;
	else
		xs_conn_ask_reconnect(&client.conn);
	spin_unlock_irq(&client.lock);
	return err;
}

/* The ring is well, and with it what the kernel sees. Called with client.lock held. */
static void be_live(bool kernel_asks)
{
	lockdep_assert_held(&client.lock);
	if (client.shadow && (client.shadow->broken || kernel_asks))
		xs_shadow_fresh(client.shadow);
	else if (client.shadow)
		xs_shadow_show_error(client.shadow);
	WRITE_ONCE(client.life, XS_LIVE);
	xs_client_pay();
}

/**
 * xs_mend_reconnect() - have the server make the connection new
 *
 * Nobody else touches the page while the life is MENDING or DEAD. Context: may sleep.
 *
 * Return: 0; -ETIMEDOUT; -ENOTCONN when we are being stopped, or step aside.
 */
int xs_mend_reconnect(void)
{
	int err = ask_reconnect();

	if (err)
		return err;
	xs_attach_signal(&client.attach);
	if (!wait_event_timeout(client.signalled, reconnected(), xs_client_timeout()))
		return -ETIMEDOUT;
	spin_lock_irq(&client.lock);
	if (gone()) {
		err = -ENOTCONN;
	} else {
		xs_conn_restart(&client.conn, true);
		xs_tx_none_left();
		/* ends of old ones; their ids may soon be somebody's new ones */
		xs_conn_end_transactions(&client.conn, -ECONNRESET);
		if (client.shadow)
			xs_shadow_renewed(client.shadow);
		be_live(client.shadow && xs_shadow_asks_reconnect(client.shadow));
	}
	spin_unlock_irq(&client.lock);
	return err;
}

/* The stream's start is found, if nothing has happened since. Returns whether. */
static bool found(enum xs_life meanwhile)
{
	bool as_thought;

	spin_lock_irq(&client.lock);
	as_thought = client.life == meanwhile;
	if (as_thought && client.way != XS_WAY_SHARE)
		xs_tx_none_left();	/* RESET_WATCHES ends transactions, too */
	if (as_thought)
		be_live(false);
	spin_unlock_irq(&client.lock);
	return as_thought;
}

/* The first request of a stream whose start is not known. */
struct probe {
	struct xs_req req;
	struct completion done;
	char ok[XS_ERROR_MAX];
};

static void probe_done(struct xs_req *req)
{
	complete(&container_of(req, struct probe, req)->done);
}

static void probe_make(struct probe *probe)
{
	/* In a share the watches are the kernel's too, and stay. */
	static const struct xs_vec empty = { "", 1 }, domid = { "domid", 6 };

	memset(probe, 0, sizeof(*probe));
	init_completion(&probe->done);
	probe->req.done = probe_done;
	probe->req.reply = probe->ok;
	probe->req.cap = sizeof(probe->ok);
	if (client.way == XS_WAY_SHARE)
		xs_out_init(&probe->req.out, XS_READ, 0, &domid, 1);
	else
		xs_out_init(&probe->req.out, XS_TYPE_RESET_WATCHES, 0, &empty, 1);
}

/* What was the answer? Any is as good as another, if it is one. */
static int probe_result(const struct probe *probe, int err)
{
	if (!err || probe->req.type != XS_ERROR)
		return err;
	if (client.way != XS_WAY_SHARE && err == -ENOSYS)
		pr_notice("the store cannot drop old watches; their events will be ignored\n");
	else if (client.way != XS_WAY_SHARE)
		return err;
	return 0;
}

/**
 * xs_mend_seek() - find the start of the response stream
 * @meanwhile: the life until then: LIVE lets others queue behind us, PROBING refuses them
 *
 * Sends a RESET_WATCHES ahead of all that waits, in a share a READ, and waits for its reply.
 * Nothing else goes out meanwhile (xs_conn_seek()). After the RESET_WATCHES a predecessor's
 * watches, and our own old ones, are gone. Context: may sleep.
 *
 * Return: 0; -EIO when the page does not look sane; as a request else.
 */
int xs_mend_seek(enum xs_life meanwhile)
{
	struct probe probe;
	int err = 0;

	probe_make(&probe);
	spin_lock_irq(&client.lock);
	if (!gone() && xs_conn_sane(&client.conn)) {
		xs_conn_restart(&client.conn, false);
		xs_conn_seek(&client.conn, &probe.req);
		WRITE_ONCE(client.life, meanwhile);
	} else {
		err = -EIO;
	}
	spin_unlock_irq(&client.lock);
	if (err)
		return err;
	xs_client_pump();
	err = probe_result(&probe, xs_client_wait(&probe.req, &probe.done, NULL));
	/* The ring may have broken again behind the reply. */
	if (!err && !found(meanwhile))
		err = -ECONNRESET;
	return err;
}

/*
 * The ring cannot be had, now. It is looked at again in a while. If we have gone meanwhile, only
 * our probe is ended: the others wait for us to be back.
 */
static void be_dead(void)
{
	spin_lock_irq(&client.lock);
	if (client.life == XS_ASIDE) {
		xs_conn_break(&client.conn, -ECONNRESET);
		spin_unlock_irq(&client.lock);
		return;
	}
	if (client.life != XS_DOWN)
		WRITE_ONCE(client.life, XS_DEAD);
	xs_conn_fail(&client.conn, -ENOTCONN);
	if (client.shadow) {
		if (xs_shadow_give(client.shadow))
			xs_share_wake_kernel(client.attach.share);
		xs_shadow_show_error(client.shadow);
	}
	wake_up_all(&client.idle);
	spin_unlock_irq(&client.lock);
	schedule_delayed_work(&client.revive, REVIVE_SECONDS * HZ);
}

/* Disks may wait for the store: what is done for it does not wait for memory that they free. */
static void renew(void)
{
	unsigned int noio = memalloc_noio_save();

	xs_source_renew();
	memalloc_noio_restore(noio);
}

static void be_live_again(const char *how)
{
	if (__ratelimit(&lines))
		pr_notice("the store's ring is live again: %s; all watches are set anew\n", how);
	renew();
	xs_client_pump();	/* where nobody watches: ends of transactions may wait */
}

/* The way that the server offers. Returns 0 or a negative errno. */
static int try_again(enum xs_life meanwhile)
{
	if (xs_conn_features(&client.conn) & XS_FEATURE_RECONNECT)
		return xs_mend_reconnect();
	return xs_mend_seek(meanwhile);
}

static void on_mend(struct work_struct *work)
{
	int err;

	if (!life_is(XS_MENDING) || READ_ONCE(client.leaving))
		return;
	err = try_again(XS_LIVE);
	if (!err) {
		be_live_again("mended");
		return;
	}
	be_dead();	/* also when it broke again at once: not in a loop at the peer's speed */
	if (__ratelimit(&lines))
		pr_err("the store's ring is dead: error %d; requests fail until it comes back\n",
		       err);
}

/* A dead ring: is it well again? Silent while it is not. */
static void on_revive(struct work_struct *work)
{
	if (!life_is(XS_DEAD) || READ_ONCE(client.leaving))
		return;
	if (try_again(XS_PROBING))
		be_dead();
	else
		be_live_again("it has come back by itself");
}

/* The kernel has dropped all watches of this guest, ours too. */
static void on_renew(struct work_struct *work)
{
	renew();
}

/**
 * xs_life_watches_gone() - the kernel's xenbus has sent a RESET_WATCHES
 *
 * That ends all watches and transactions of the guest. Context: any; client.lock is held.
 */
void xs_life_watches_gone(void)
{
	lockdep_assert_held(&client.lock);
	xs_tx_next_epoch();
	xs_tx_none_left();
	schedule_work(&client.renew);
}

/**
 * xs_mend_init_work() - set-up of this file's work items
 */
void xs_mend_init_work(void)
{
	INIT_WORK(&client.mend, on_mend);
	INIT_DELAYED_WORK(&client.revive, on_revive);
	INIT_WORK(&client.renew, on_renew);
}

/**
 * xs_mend_rest() - we are about to leave a share: what is being mended comes to its end
 *
 * From here on nothing is mended, and nothing but what has begun is on the rings. Context: may
 * sleep, for as long as a request may take.
 */
void xs_mend_rest(void)
{
	WRITE_ONCE(client.leaving, true);
	flush_work(&client.mend);
	cancel_delayed_work_sync(&client.revive);
}

/**
 * xs_mend_stop_work() - the mirror of xs_mend_init_work(); the life is DOWN or ASIDE
 */
void xs_mend_stop_work(void)
{
	wake_up_all(&client.signalled);
	cancel_work_sync(&client.mend);
	cancel_delayed_work_sync(&client.revive);
	cancel_work_sync(&client.renew);
}
