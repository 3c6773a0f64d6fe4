// SPDX-License-Identifier: GPL-2.0
/*
 * xs_life.c - how the connection to the store begins and ends, and steps aside while the guest is
 * suspended.
 *
 *   DOWN ──start──▶ LIVE ──stop──▶ DOWN
 *                   │  ▲
 *             aside ▼  │ back          (share only)
 *                   ASIDE
 *
 * What happens between when the ring breaks is in xs_mend.c.
 *
 * Own: the page and the channel are taken, and at the end the channel is left open for the next.
 * Share: we slide under the kernel's xenbus (xs_share.c), find the start of the response stream
 * with a first request of ours, and at the end wait until all is answered before the kernel has its
 * page back.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <xen/xen.h>
#include "xs_client_impl.h"
#include "xs_frames.h"
#include "xs_source.h"

#define client xs_the_client

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
		[XS_ASIDE] = "aside",
	};

	return name[READ_ONCE(client.life)];
}

/**
 * xs_life_shares() - is the kernel's own xenbus beside us?
 *
 * Return: true on share attach, also while the guest is suspended.
 */
bool xs_life_shares(void)
{
	return client.way == XS_WAY_SHARE;
}

/* ---- what comes from the store ---------------------------------------------------------- */

static irqreturn_t on_signal(int irq, void *dev)
{
	atomic_long_inc(&xs_client_counts.signals_received);
	xs_client_pump();
	if (READ_ONCE(client.life) != XS_LIVE) {
		wake_up_all(&client.signalled);
		if (READ_ONCE(client.life) == XS_DEAD)
			mod_delayed_work(system_wq, &client.revive, 0);
	}
	return IRQ_HANDLED;
}

static irqreturn_t on_kernel_signal(int irq, void *dev)
{
	xs_client_pump();
	return IRQ_HANDLED;
}

static void on_event(struct xs_conn *conn, const char *path, const char *token)
{
	if (!xs_source_dispatch(path, token) && client.shadow)
		xs_shadow_pass(client.shadow, &conn->in.hdr, conn->event_buf);
}

static void on_stray(struct xs_conn *conn, const struct xsd_sockmsg *hdr, const void *payload)
{
	xs_shadow_pass(client.shadow, hdr, payload);
}

static void on_skipped(struct xs_conn *conn, const void *bytes, u32 n)
{
	xs_shadow_skipped(client.shadow, bytes, n);
}

static void conn_begin(void)
{
	xs_conn_init(&client.conn, client.attach.page, get_random_u32(), on_event);
	client.heard = client.answered = client.wrong_type = client.bad_events = 0;
	client.heard_at = client.answered_at = jiffies;
	xs_frames_attach(&client.conn);
}

/* What is owed will not be paid any more, and nothing of ours runs when this returns. */
static void be_down(void)
{
	spin_lock_irq(&client.lock);
	WRITE_ONCE(client.life, XS_DOWN);
	xs_conn_fail(&client.conn, -ENOTCONN);
	xs_client_pay_nothing();
	spin_unlock_irq(&client.lock);
	xs_mend_stop_work();
	xs_client_stop_work();
}

/* ---- own -------------------------------------------------------------------------------- */

/* The first words with the store. A predecessor may have left bytes unread, and watches. */
static int first_words(void)
{
	int err = xs_mend_seek(XS_LIVE);

	if (err == -EIO && (xs_conn_features(&client.conn) & XS_FEATURE_RECONNECT)) {
		pr_notice("the store's ring is broken; asking the server for a new one\n");
		err = xs_mend_reconnect();
	}
	if (err == -EIO)
		pr_err("the store's ring is broken: %s; a predecessor may have left it so\n",
		       xs_mend_why(err));
	else if (err)
		pr_err("the store does not answer: error %d\n", err);
	else if (client.conn.stats.dropped)
		pr_notice("%llu bytes that a predecessor left unread are dropped\n",
			  client.conn.stats.dropped);
	return err;
}

static void own_end(void)
{
	xs_attach_deafen(&client.attach, &client);
	be_down();
	xs_attach_release(&client.attach);
}

static int own_begin(void)
{
	int err = xs_attach_own(&client.attach, jiffies + xs_client_timeout());

	if (err)
		return err;
	conn_begin();
	WRITE_ONCE(client.life, XS_MENDING);
	err = xs_attach_listen(&client.attach, on_signal, &client);
	if (err) {
		WRITE_ONCE(client.life, XS_DOWN);
		xs_attach_release(&client.attach);
		return err;
	}
	err = first_words();
	if (err) {
		own_end();
		return err;
	}
	pr_info("attach own: store page of a %s guest, event channel %u\n",
		xen_pv_domain() ? "PV" : "PVH or HVM", client.attach.port);
	return 0;
}

/* ---- share ------------------------------------------------------------------------------ */

/* Called with all other processors stopped, by xs_share_leave(). */
static bool may_leave(void)
{
	return xs_shadow_may_leave(client.shadow, client.life == XS_LIVE);
}

static void left(void)
{
	client.shadow = NULL;
	WRITE_ONCE(client.life, XS_ASIDE);
}

static const struct xs_share_user share_user = {
	.on_store = on_signal,
	.on_kernel = on_kernel_signal,
	.may_leave = may_leave,
	.left = left,
};

/* Under the lock, as xs_client_quiet(). */
static bool kernel_is_between_messages(void)
{
	unsigned long irq;
	bool between;

	spin_lock_irqsave(&client.lock, irq);
	between = client.shadow->broken || !client.shadow->taking;
	spin_unlock_irqrestore(&client.lock, irq);
	return between;
}

/* From here on only what has begun goes on, the kernel's first and then ours. */
static void stop_new_messages(void)
{
	spin_lock_irq(&client.lock);
	client.shadow->stop = true;
	spin_unlock_irq(&client.lock);
	xs_client_pump();	/* of a dead ring nobody else does */
	while (!wait_event_timeout(client.idle, kernel_is_between_messages(),
				   xs_client_timeout())) {
		pr_warn("waiting for the kernel to put the rest of a message\n");
		xs_client_pump();
	}
	spin_lock_irq(&client.lock);
	xs_conn_pause(&client.conn);
	spin_unlock_irq(&client.lock);
	xs_client_pump();
}

/* A search for the stream's start has to end: what looked like that goes to the kernel. */
static void stop_seeking(void)
{
	lockdep_assert_held(&client.lock);
	client.conn.skipped = on_skipped;
	xs_conn_give_up_seek(&client.conn);
}

/* Their replies, should they come, go to the kernel, which ignores them. */
static void forget_what_is_owed(void)
{
	spin_lock_irq(&client.lock);
	xs_conn_forget(&client.conn, -ECONNRESET);
	spin_unlock_irq(&client.lock);
	xs_client_pump();
}

/*
 * Gives the store's page back to the kernel. A message of which the store has taken a part has to
 * be sent to its end first, one of the store's that we have taken in part has to come to its end,
 * and what the kernel has asked meanwhile has to fit behind ours, or the streams would be torn for
 * the kernel: that is waited for, as long as it takes.
 */
static void share_leave(void)
{
	xs_mend_rest();
	spin_lock_irq(&client.lock);
	if (client.life != XS_LIVE)
		stop_seeking();
	spin_unlock_irq(&client.lock);
	stop_new_messages();
	if (!wait_event_timeout(client.idle, xs_client_quiet(), xs_client_timeout())) {
		forget_what_is_owed();
		pr_warn("left with replies owed by the store\n");
	}
	while (xs_share_leave(client.attach.share, jiffies + xs_client_timeout())) {
		pr_warn("waiting for the store to read what is in its ring\n");
		forget_what_is_owed();
	}
}

/*
 * The store has not answered the first request, so the start of the stream is not known, and
 * nothing of it was read but what went to the kernel. Of the kernel's requests none was taken.
 */
static void share_give_up(void)
{
	xs_mend_rest();
	spin_lock_irq(&client.lock);
	WRITE_ONCE(client.life, XS_MENDING);
	stop_seeking();
	xs_conn_forget(&client.conn, -ECONNRESET);
	spin_unlock_irq(&client.lock);
	xs_client_pump();
	while (xs_share_leave(client.attach.share, jiffies + xs_client_timeout())) {
		pr_warn("waiting for the kernel or the store to read its messages\n");
		xs_client_pump();
	}
}

/* The streams are in step: the kernel's requests may flow. */
static void share_open(void)
{
	spin_lock_irq(&client.lock);
	client.conn.skipped = NULL;
	client.shadow->stop = false;
	spin_unlock_irq(&client.lock);
	xs_client_pump();
}

/* Under the kernel's xenbus, from finding it to our first reply. */
static int share_enter(void)
{
	int err = xs_share_enter(client.attach.share, jiffies + xs_client_timeout());

	if (err)
		return err;
	err = xs_mend_seek(XS_LIVE);
	if (err) {
		pr_err("the store does not answer: error %d\n", err);
		share_give_up();
	} else {
		share_open();
	}
	return err;
}

static int share_begin(bool first)
{
	int err = xs_share_find(&client.attach, &client.conn, &share_user);

	if (err)
		return err;
	spin_lock_irq(&client.lock);
	if (first)
		conn_begin();
	else
		xs_conn_attach(&client.conn, client.attach.page);
	client.conn.stray = on_stray;
	client.conn.skipped = on_skipped;
	client.shadow = xs_share_shadow(client.attach.share);
	WRITE_ONCE(client.leaving, false);
	WRITE_ONCE(client.life, XS_MENDING);
	spin_unlock_irq(&client.lock);
	err = share_enter();
	if (err) {
		spin_lock_irq(&client.lock);
		left();
		spin_unlock_irq(&client.lock);
		xs_mend_stop_work();	/* the ring may have broken meanwhile */
		xs_share_free(client.attach.share);
	}
	return err;
}

static int share_start(void)
{
	int err;

	xs_source_begin(get_random_u32());
	err = share_begin(true);
	if (err) {
		WRITE_ONCE(client.life, XS_DOWN);
		xs_client_stop_work();
		return err;
	}
	pr_info("attach share: under the kernel's own xenbus of a %s guest, event channel %u\n",
		xen_pv_domain() ? "PV" : "PVH or HVM", client.attach.port);
	return 0;
}

static void share_stop(void)
{
	if (client.attach.share) {
		share_leave();
		xs_share_free(client.attach.share);
	}
	be_down();
}

/**
 * xs_life_aside() - the guest is about to be suspended: let the kernel do that by itself
 *
 * Share only. Requests wait from here on. Context: may sleep.
 */
void xs_life_aside(void)
{
	if (!client.attach.share)
		return;		/* it could not be had back after the last time */
	share_leave();
	flush_work(&client.renew);	/* its requests wait for xs_life_back() */
	xs_mend_stop_work();
	xs_share_free(client.attach.share);
}

/**
 * xs_life_back() - the mirror of xs_life_aside(): the guest runs again
 * @new_store: it was restored, maybe elsewhere: the store knows nothing of us
 *
 * Context: may sleep.
 */
void xs_life_back(bool new_store)
{
	int err;

	if (new_store) {
		spin_lock_irq(&client.lock);
		xs_tx_next_epoch();
		xs_tx_none_left();
		xs_conn_end_transactions(&client.conn, -ECONNRESET);
		spin_unlock_irq(&client.lock);
	}
	err = share_begin(false);
	if (err) {
		pr_err("cannot share again after the suspension: error %d; requests fail\n", err);
		spin_lock_irq(&client.lock);
		WRITE_ONCE(client.life, XS_DEAD);
		xs_conn_fail(&client.conn, -ENOTCONN);
		spin_unlock_irq(&client.lock);
		return;
	}
	xs_source_renew();	/* what fired meanwhile the kernel has read, and thrown away */
	pr_info("attach share: back after the suspension, event channel %u\n", client.attach.port);
}

/* ---- start and stop --------------------------------------------------------------------- */

/**
 * xs_client_start() - be a client of this guest's store
 * @asked: which way to attach
 *
 * Context: may sleep.
 *
 * Return: 0; what xs_attach_choose(), xs_attach_own(), xs_attach_listen(), xs_share_find() and
 * xs_share_enter() return; what a request can return when the store does not answer the first one.
 */
int xs_client_start(enum xs_way asked)
{
	int way = xs_attach_choose(asked);

	if (way < 0)
		return way;
	client.way = way;
	xs_client_init_work();
	xs_mend_init_work();
	return way == XS_WAY_SHARE ? share_start() : own_begin();
}

/**
 * xs_client_stop() - the mirror of xs_client_start()
 *
 * All callers are gone. Waits until the last message is whole in both directions, so that the next
 * client finds the stream in step.
 */
void xs_client_stop(void)
{
	if (client.way == XS_WAY_SHARE) {
		share_stop();
		return;
	}
	if (!wait_event_timeout(client.idle, xs_client_quiet(), xs_client_timeout()))
		pr_warn("unloaded with replies owed by the store\n");
	own_end();
}
