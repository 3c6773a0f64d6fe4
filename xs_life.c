// SPDX-License-Identifier: GPL-2.0
/*
 * xs_life.c - how the connection to the store begins, ends, breaks and is mended.
 *
 *   DOWN ──start──▶ LIVE ──broken──▶ MENDING ──▶ LIVE
 *                    ▲                  │ neither way works
 *                    └── came back ─── DEAD      (requests fail at once, with ENOTCONN)
 *
 * What breaks a ring: an index that cannot be, an error that the server shows, a length over 4096,
 * a reply that nobody asked for. What is in flight then ends with ECONNRESET, transactions are over
 * (they say EAGAIN), and everything else waits for the mending, which has two ways:
 *   reconnect   where the server offers it: it makes the rings new (docs/misc/xenstore-ring.txt).
 *   seek        where it does not, but the page looks sane: the response stream is searched for the
 *               reply to a RESET_WATCHES of ours, as after an unclean predecessor (xs_in_seek()).
 * After either all watches are set again, in one burst, and everyone who watches is told to look at
 * everything again. A server that does neither leaves the ring dead; it is looked at now and then,
 * and at each of its signals, and taken back when it is well.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <xen/xen.h>
#include "xs_client_impl.h"
#include "xs_frames.h"
#include "xs_source.h"

#define client xs_the_client

#define REVIVE_SECONDS	5	/* between looks at a dead ring */

/**
 * xs_life_name() - how the connection is, for people
 *
 * Return: a word.
 */
const char *xs_life_name(void)
{
	static const char *const name[] = {
		[XS_DOWN] = "down",
		[XS_LIVE] = "live",
		[XS_MENDING] = "mending",
		[XS_DEAD] = "dead",
		[XS_PROBING] = "dead",
	};

	return name[READ_ONCE(client.life)];
}

static const char *why(int err)
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
		client.life = XS_DEAD;
		xs_conn_break(&client.conn, -ENOTCONN);
		return;
	}
	pr_err("the store's ring is broken: %s; trying to mend it\n", why(err));
	client.life = XS_MENDING;
	WRITE_ONCE(client.epoch, (client.epoch + 1) & INT_MAX);
	xs_conn_break(&client.conn, -ECONNRESET);
	wake_up_all(&client.idle);
	schedule_work(&client.mend);
}

static bool life_is(enum xs_life life)
{
	return READ_ONCE(client.life) == life;
}

static bool reconnected(void)
{
	return xs_conn_reconnected(&client.conn) || life_is(XS_DOWN);
}

/* Nobody else touches the page while the life is MENDING or DEAD. */
static int reconnect(void)
{
	int err = 0;

	xs_conn_ask_reconnect(&client.conn);
	xs_attach_signal(&client.attach);
	if (!wait_event_timeout(client.signalled, reconnected(), xs_client_timeout()))
		return -ETIMEDOUT;
	spin_lock_irq(&client.lock);
	if (client.life == XS_DOWN) {
		err = -ENOTCONN;
	} else {
		xs_conn_restart(&client.conn, true);
		client.life = XS_LIVE;
	}
	spin_unlock_irq(&client.lock);
	return err;
}

/* Changes the life, and says so, unless it is another one than the caller thinks. */
static bool set_life(enum xs_life from, enum xs_life to)
{
	bool as_thought;

	spin_lock_irq(&client.lock);
	as_thought = client.life == from;
	if (as_thought)
		client.life = to;
	spin_unlock_irq(&client.lock);
	return as_thought;
}

/* RESET_WATCHES by itself: the first request of a stream whose start is not known. */
struct probe {
	struct xs_req req;
	struct completion done;
	char ok[XS_ERROR_MAX];
};

static void probe_done(struct xs_req *req)
{
	complete(&container_of(req, struct probe, req)->done);
}

/*
 * Sends a RESET_WATCHES ahead of all that waits, and waits for its reply. Nothing else goes out
 * meanwhile (xs_conn_seek()). The predecessor's watches, or our own old ones, are gone after it.
 * @meanwhile is the life until then: LIVE lets others queue behind it, PROBING refuses them.
 */
static int seek(enum xs_life meanwhile)
{
	const struct xs_vec empty = { "", 1 };
	struct probe probe = { .req = { .done = probe_done } };
	int err = 0;

	init_completion(&probe.done);
	probe.req.reply = probe.ok;
	probe.req.cap = sizeof(probe.ok);
	xs_out_init(&probe.req.out, XS_TYPE_RESET_WATCHES, 0, &empty, 1);
	spin_lock_irq(&client.lock);
	if (client.life != XS_DOWN && xs_conn_sane(&client.conn)) {
		xs_conn_restart(&client.conn, false);
		xs_conn_seek(&client.conn, &probe.req);
		client.life = meanwhile;
	} else {
		err = -EIO;
	}
	spin_unlock_irq(&client.lock);
	if (err)
		return err;
	xs_client_pump();
	err = xs_client_wait(&probe.req, &probe.done, NULL);
	if (err == -ENOSYS) {
		pr_notice("the store cannot drop old watches; their events will be ignored\n");
		err = 0;
	}
	/* The ring may have broken again behind the reply. */
	if (!err && !set_life(meanwhile, XS_LIVE))
		err = -ECONNRESET;
	return err;
}

/* The ring cannot be had, now. It is looked at again in a while. */
static void be_dead(void)
{
	spin_lock_irq(&client.lock);
	if (client.life != XS_DOWN)
		client.life = XS_DEAD;
	xs_conn_fail(&client.conn, -ENOTCONN);
	wake_up_all(&client.idle);
	spin_unlock_irq(&client.lock);
	schedule_delayed_work(&client.revive, REVIVE_SECONDS * HZ);
}

static void be_live_again(const char *how)
{
	pr_notice("the store's ring is live again: %s; all watches are set anew\n", how);
	xs_source_renew();
	xs_client_kick();
}

/* The way that the server offers. Returns 0 or a negative errno. */
static int try_again(enum xs_life meanwhile)
{
	if (xs_conn_features(&client.conn) & XS_FEATURE_RECONNECT)
		return reconnect();
	return seek(meanwhile);
}

static void on_mend(struct work_struct *work)
{
	int err;

	if (!life_is(XS_MENDING))
		return;
	err = try_again(XS_LIVE);
	if (!err) {
		be_live_again("mended");
		return;
	}
	be_dead();	/* also when it broke again at once: not in a loop at the peer's speed */
	pr_err("the store's ring is dead: error %d; requests fail until it comes back\n", err);
}

/* A dead ring: is it well again? Silent while it is not. */
static void on_revive(struct work_struct *work)
{
	if (!life_is(XS_DEAD))
		return;
	if (try_again(XS_PROBING))
		be_dead();
	else
		be_live_again("it has come back by itself");
}

/* ---- start and stop --------------------------------------------------------------------- */

static irqreturn_t on_signal(int irq, void *dev)
{
	xs_client_pump();
	if (READ_ONCE(client.life) != XS_LIVE) {
		wake_up_all(&client.signalled);
		if (READ_ONCE(client.life) == XS_DEAD)
			mod_delayed_work(system_wq, &client.revive, 0);
	}
	return IRQ_HANDLED;
}

static void on_event(struct xs_conn *conn, const char *path, const char *token)
{
	xs_source_dispatch(path, token);
}

/* The first words with the store. A predecessor may have left bytes unread, and watches. */
static int first_words(void)
{
	int err = seek(XS_LIVE);

	if (err == -EIO && (xs_conn_features(&client.conn) & XS_FEATURE_RECONNECT)) {
		pr_notice("the store's ring is broken; asking the server for a new one\n");
		err = reconnect();
	}
	if (err == -EIO)
		pr_err("the store's ring is broken: %s; a predecessor may have left it so\n",
		       why(err));
	else if (err)
		pr_err("the store does not answer: error %d\n", err);
	else if (client.conn.stats.dropped)
		pr_notice("%llu bytes that a predecessor left unread are dropped\n",
			  client.conn.stats.dropped);
	return err;
}

static void stop_listening(void)
{
	xs_attach_deafen(&client.attach, &client);
	spin_lock_irq(&client.lock);
	client.life = XS_DOWN;
	xs_conn_fail(&client.conn, -ENOTCONN);	/* what is owed will not be paid any more */
	spin_unlock_irq(&client.lock);
	wake_up_all(&client.signalled);
	cancel_work_sync(&client.mend);
	cancel_delayed_work_sync(&client.revive);
	xs_client_stop_work();
}

/**
 * xs_client_start() - be the store's client of this guest
 *
 * Context: may sleep.
 *
 * Return: 0; what xs_attach_own() and xs_attach_listen() return; what a request can return when the
 * store does not answer the first one.
 */
int xs_client_start(void)
{
	int err = xs_attach_own(&client.attach, jiffies + xs_client_timeout());

	if (err)
		return err;
	xs_conn_init(&client.conn, client.attach.page, get_random_u32(), on_event);
	xs_frames_attach(&client.conn);
	client.life = XS_MENDING;
	xs_client_init_work();
	INIT_WORK(&client.mend, on_mend);
	INIT_DELAYED_WORK(&client.revive, on_revive);
	err = xs_attach_listen(&client.attach, on_signal, &client);
	if (err)
		goto err_listen;
	err = first_words();
	if (err)
		goto err_words;
	pr_info("attach own: store page of a %s guest, event channel %u\n",
		xen_pv_domain() ? "PV" : "PVH or HVM", client.attach.port);
	return 0;

err_words:
	stop_listening();
err_listen:
	client.life = XS_DOWN;
	xs_attach_release(&client.attach);
	return err;
}

/**
 * xs_client_stop() - the mirror of xs_client_start()
 *
 * All callers are gone. Waits until the last message is whole in both directions, so that the next
 * client finds the stream in step.
 */
void xs_client_stop(void)
{
	if (!wait_event_timeout(client.idle, xs_client_idle(), xs_client_timeout()))
		pr_warn("unloaded with replies owed by the store\n");
	stop_listening();
	xs_attach_release(&client.attach);
}
