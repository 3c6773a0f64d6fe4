// SPDX-License-Identifier: GPL-2.0
/*
 * xs_source.c - watches at the server, and who shares them.
 *
 *   server ──event──▶ dispatch ──token──▶ source ─┬─▶ sub (a callback's watch, xs_watch.c)
 *                                                 └─▶ sub (an open file's, xs_dev_requests.c) …
 *
 * A source is one watch at the server, for one path and depth. All who watch that share it, since
 * the server counts watches for the whole guest. A newcomer to a source that stands gets its first
 * event from us, as it would from the server; one that comes before the server's own first event
 * shares that.
 *
 *   IDLE ──the first sub claims it──▶ SETTING ──reply──▶ SET ──the last sub leaves──▶ IDLE
 *
 * Who claims a source asks the server; others wait until it is SET or IDLE again. The end of a
 * watch is posted and not waited for. No lock is held over a round trip. A connection that is
 * renewed sets all that are SET again, with the numbers that they have.
 *
 * Tokens are 'x' and the source's number in hex: short, since the server drops an event whose path
 * and token do not fit a message, and never like the kernel's own (hex digits alone). A number is
 * new whenever a watch leaves IDLE, so a late event of one that has ended finds nothing and is
 * ignored.
 *
 * Locks, outermost first: client.lock (xs_client.c; held by dispatch's caller), xs_watch_lock.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/stringhash.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include "xs_client.h"
#include "xs_source.h"

#define TOKEN_MAX	12	/* 'x', eight hex digits, NUL; rounded up */
#define DEPTH_MAX	12	/* ten decimal digits, NUL; rounded up */

enum source_state {
	SOURCE_IDLE,
	SOURCE_SETTING,
	SOURCE_SET,
};

/**
 * struct xs_source - one watch at the server
 * @link: in sources
 * @hash: in by_path
 * @users: subscribers, and those who are about to become one
 * @state: where it stands
 * @greeted: the server's first event has come
 * @id: its number while it is SETTING or SET
 * @subs: who wants its events
 * @depth: how far down, as a decimal number; empty for all the way
 * @path: what is watched
 */
struct xs_source {
	struct list_head link;
	struct hlist_node hash;
	unsigned int users;
	enum source_state state;
	bool greeted;
	u32 id;
	struct list_head subs;
	char depth[DEPTH_MAX];
	char path[];
};

/**
 * struct setting - a WATCH on its way
 * @req: the request
 * @done: completed by its reply
 * @source: what is being set
 * @id: the number that it is set with
 * @token: its token
 * @ok: the reply's payload
 */
struct setting {
	struct xs_req req;
	struct completion done;
	struct xs_source *source;
	u32 id;
	char token[TOKEN_MAX];
	char ok[4];
};

DEFINE_SPINLOCK(xs_watch_lock);
static LIST_HEAD(sources);
static DEFINE_HASHTABLE(by_path, 7);
static DEFINE_XARRAY_ALLOC1(by_id);
static u32 next_id;
static DECLARE_WAIT_QUEUE_HEAD(changed);	/* a source has left SETTING */

/* ---- sources ---------------------------------------------------------------------------- */

/* All who share a source hear of a change: of @path, or for NULL that they may have missed some. */
static void tell_subs(struct xs_source *source, const char *path)
{
	struct xs_sub *sub;

	lockdep_assert_held(&xs_watch_lock);
	if (path)
		source->greeted = true;
	list_for_each_entry(sub, &source->subs, link)
		sub->event(sub, path);
}

/**
 * xs_source_dispatch() - an event has come from the server
 * @path: what has changed
 * @token: the token that its watch was set with
 *
 * Context: any; client.lock is held.
 *
 * Return: true when the token is of a watch of ours; else it may be somebody else's.
 */
bool xs_source_dispatch(const char *path, const char *token)
{
	struct xs_source *source;
	unsigned long irq;
	u32 id;

	if (token[0] != 'x' || kstrtou32(token + 1, 16, &id))
		return false;
	spin_lock_irqsave(&xs_watch_lock, irq);
	source = xa_load(&by_id, id);
	if (source)
		tell_subs(source, path);
	spin_unlock_irqrestore(&xs_watch_lock, irq);
	return source;
}

/**
 * xs_source_begin() - where to begin with the numbers of watches
 * @first: the first one; the next ones follow
 *
 * Somebody else's tokens cannot be known beforehand: beside the kernel's xenbus, begin at random.
 */
void xs_source_begin(u32 first)
{
	next_id = first;
}

static struct xs_source *source_find(const char *path, const char *depth, u32 hash)
{
	struct xs_source *source;

	lockdep_assert_held(&xs_watch_lock);
	hash_for_each_possible(by_path, source, hash, hash)
		/* cppcheck-suppress uninitvar ; what the loop sets is beyond it */
		if (!strcmp(source->path, path) && !strcmp(source->depth, depth))
			return source;
	return NULL;
}

/* The source for a path, which is made where there is none. NULL when memory is short. */
static struct xs_source *source_get(const char *path, const char *depth)
{
	size_t size = strlen(path) + 1;
	u32 hash = full_name_hash(NULL, path, size - 1);
	struct xs_source *fresh = kzalloc(struct_size(fresh, path, size), GFP_KERNEL);
	struct xs_source *source;

	if (!fresh)
		return NULL;
	memcpy(fresh->path, path, size);
	strscpy(fresh->depth, depth, sizeof(fresh->depth));
	INIT_LIST_HEAD(&fresh->subs);
	spin_lock_irq(&xs_watch_lock);
	source = source_find(path, depth, hash);
	if (!source) {
		source = fresh;
		fresh = NULL;
		list_add(&source->link, &sources);
		hash_add(by_path, &source->hash, hash);
	}
	source->users++;
	spin_unlock_irq(&xs_watch_lock);
	kfree(fresh);
	return source;
}

/* Any context: a renewed watch lets go of its source in done(). */
static void source_put(struct xs_source *source)
{
	unsigned long irq;
	bool last;

	spin_lock_irqsave(&xs_watch_lock, irq);
	last = --source->users == 0;
	if (last) {
		list_del(&source->link);
		hash_del(&source->hash);
	}
	spin_unlock_irqrestore(&xs_watch_lock, irq);
	if (last)
		kfree(source);
}

/* When it returns, no dispatch knows the number any more. */
static void forget_id(u32 id)
{
	xa_erase(&by_id, id);
	/* A dispatch that found it just before still holds the lock. */
	spin_lock_irq(&xs_watch_lock);
	spin_unlock_irq(&xs_watch_lock);
}

static void post_unwatch(const struct xs_source *source, u32 id)
{
	char token[TOKEN_MAX];
	const struct xs_vec vec[] = {
		{ source->path, strlen(source->path) + 1 },
		{ token, snprintf(token, sizeof(token), "x%x", id) + 1 },
	};

	xs_client_post(XS_UNWATCH, XS_TX_NONE, vec, ARRAY_SIZE(vec));
}

/* ---- setting a watch -------------------------------------------------------------------- */

/*
 * SET from here on, and not only when the waiter runs: if the ring breaks in between, the renewal
 * must not miss it.
 */
static void setting_done(struct xs_req *req)
{
	struct setting *s = container_of(req, struct setting, req);
	unsigned long irq;

	if (!req->result) {
		spin_lock_irqsave(&xs_watch_lock, irq);
		WRITE_ONCE(s->source->state, SOURCE_SET);
		spin_unlock_irqrestore(&xs_watch_lock, irq);
		wake_up_all(&changed);
	}
	complete(&s->done);
}

static int setting_make(struct setting *s, struct xs_source *source, u32 id)
{
	const char *depth = source->depth;
	const struct xs_vec vec[] = {
		{ source->path, strlen(source->path) + 1 },
		{ s->token, snprintf(s->token, sizeof(s->token), "x%x", id) + 1 },
		{ depth, strlen(depth) + 1 },
	};

	s->source = source;
	s->id = id;
	s->req.reply = s->ok;
	s->req.cap = sizeof(s->ok);
	return xs_out_init(&s->req.out, XS_WATCH, 0, vec, depth[0] ? 3 : 2);
}

/* We have claimed a source: hand its WATCH to the client, to be sent by the next pump. */
static int setting_begin(struct setting *s, struct xs_source *source, u32 who)
{
	int err = xa_alloc_cyclic(&by_id, &source->id, source, xa_limit_32b, &next_id, GFP_KERNEL);

	s->source = source;
	if (err < 0) {
		source->id = 0;
		return err;
	}
	err = setting_make(s, source, source->id);
	init_completion(&s->done);
	s->req.who = who;
	s->req.done = setting_done;
	s->req.deadline = get_jiffies_64() + xs_client_timeout();
	return err ? err : xs_client_queue(&s->req);
}

/* The source is SET, or IDLE again. @err is what setting_begin() returned. */
static int setting_end(struct setting *s, struct xs_sub *sub, int err)
{
	struct xs_source *source = s->source;

	if (!err) {
		err = xs_client_wait(&s->req, &s->done, NULL);
		/* A watch that was asked for too long ago may still come to be. */
		if (err == -ETIMEDOUT || err == -EINTR)
			post_unwatch(source, source->id);
	}
	if (!err)
		return 0;	/* setting_done() has done the rest */
	if (source->id)
		forget_id(source->id);
	spin_lock_irq(&xs_watch_lock);
	WRITE_ONCE(source->state, SOURCE_IDLE);
	list_del(&sub->link);
	spin_unlock_irq(&xs_watch_lock);
	wake_up_all(&changed);
	return err;
}

/* Joins a source that is SET, claims one that is IDLE. Returns the state that it was found in. */
static enum source_state join_or_claim(struct xs_source *source, struct xs_sub *sub)
{
	enum source_state state;

	spin_lock_irq(&xs_watch_lock);
	state = source->state;
	if (state != SOURCE_SETTING)
		list_add_tail(&sub->link, &source->subs);
	if (state == SOURCE_IDLE) {
		WRITE_ONCE(source->state, SOURCE_SETTING);
		source->greeted = false;
	}
	/* The server's first event went to those who were here before, or is yet to come. */
	if (state == SOURCE_SET && source->greeted)
		sub->event(sub, source->path);
	spin_unlock_irq(&xs_watch_lock);
	return state;
}

static bool is_setting(const struct xs_source *source)
{
	return READ_ONCE(source->state) == SOURCE_SETTING;
}

/* Waits while somebody else sets it. Returns 0, -EINTR or -ETIMEDOUT. */
static int wait_set(struct xs_source *source, unsigned long deadline)
{
	long left = (long)(deadline - jiffies);

	if (left > 0)
		left = wait_event_killable_timeout(changed, !is_setting(source), left);
	if (left < 0)
		return -EINTR;
	return left ? 0 : -ETIMEDOUT;
}

/**
 * xs_subscribe() - hear of a path
 * @sub: with @sub->event set; the caller's until xs_unsubscribe() returns
 * @path: what to watch; not checked, the store does that
 * @depth: how many levels below it, a decimal number; "" for all, which every server can do
 *
 * The first event comes at once. Context: may sleep.
 *
 * Return: 0 or an errno as listed in xsfront.h; -EINVAL for a @depth of over 11 digits; -ENOMEM.
 */
int xs_subscribe(struct xs_sub *sub, const char *path, const char *depth)
{
	unsigned long deadline = jiffies + xs_client_timeout();
	struct setting setting = { };
	enum source_state state;
	int err = 0;

	if (strlen(depth) >= DEPTH_MAX)
		return -EINVAL;
	sub->source = source_get(path, depth);
	if (!sub->source)
		return -ENOMEM;
	do {
		state = join_or_claim(sub->source, sub);
		if (state == SOURCE_SETTING)
			err = wait_set(sub->source, deadline);
	} while (state == SOURCE_SETTING && !err);
	if (state == SOURCE_IDLE)
		err = setting_begin(&setting, sub->source, sub->who);
	if (sub->behind)
		sub->behind(sub);
	if (state == SOURCE_IDLE) {
		xs_client_kick();
		err = setting_end(&setting, sub, err);
	}
	if (err)
		source_put(sub->source);
	return err;
}

/* The wishes that were granted at once, or that are on their way in @s; others are left alone. */
static void begin_many(struct xs_wish *wish, struct setting *s, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct xs_sub *sub = wish[i].sub;

		wish[i].err = -ENOMEM;
		sub->source = source_get(wish[i].path, "");
		if (!sub->source)
			continue;
		switch (join_or_claim(sub->source, sub)) {
		case SOURCE_SET:
			wish[i].err = 0;
			break;
		case SOURCE_IDLE:
			wish[i].err = setting_begin(&s[i], sub->source, sub->who);
			break;
		case SOURCE_SETTING:	/* somebody else does: come back for it */
			source_put(sub->source);
			wish[i].err = -EAGAIN;
			break;
		}
	}
}

/**
 * xs_subscribe_many() - hear of many paths, with one signal for all
 * @wish: who and what; @wish->err takes what came of each
 * @n: how many
 *
 * Context: may sleep.
 *
 * Return: 0; the first error, and then nothing is subscribed.
 */
int xs_subscribe_many(struct xs_wish *wish, unsigned int n)
{
	struct setting *s = kcalloc(n, sizeof(*s), GFP_KERNEL);
	unsigned int i;
	int err = 0;

	if (!s)
		return -ENOMEM;
	begin_many(wish, s, n);
	xs_client_kick();
	/* Our own first: others may wait for those while we wait for theirs. */
	for (i = 0; i < n; i++) {
		if (!s[i].source)
			continue;
		wish[i].err = setting_end(&s[i], wish[i].sub, wish[i].err);
		if (wish[i].err)
			source_put(s[i].source);
	}
	for (i = 0; i < n; i++) {
		if (!s[i].source && wish[i].err == -EAGAIN)
			wish[i].err = xs_subscribe(wish[i].sub, wish[i].path, "");
		if (!err)
			err = wish[i].err;
	}
	kfree(s);
	for (i = 0; err && i < n; i++)
		if (!wish[i].err)
			xs_unsubscribe(wish[i].sub);
	return err;
}

/**
 * xs_unsubscribe() - the mirror of xs_subscribe()
 * @sub: a subscriber; its event() does not run any more when this returns
 *
 * The last one ends the watch at the server, and does not wait for that: its late events are
 * ignored. Context: may sleep.
 */
void xs_unsubscribe(struct xs_sub *sub)
{
	struct xs_source *source = sub->source;
	bool last;
	u32 id;

	spin_lock_irq(&xs_watch_lock);
	list_del(&sub->link);
	last = list_empty(&source->subs);
	if (last)
		WRITE_ONCE(source->state, SOURCE_IDLE);
	id = source->id;
	spin_unlock_irq(&xs_watch_lock);
	if (last) {
		post_unwatch(source, id);
		forget_id(id);
	}
	source_put(source);
}

/* ---- a renewed connection --------------------------------------------------------------- */

static void renewal_over(struct xs_req *req)
{
	struct setting *s = container_of(req, struct setting, req);

	source_put(s->source);
	kfree(s);
}

/*
 * The server has answered a renewal. Returns whether it is stale: everybody has left the source, or
 * it was set anew, while it was under way. @stood: the watch stood at the server, so it does not
 * fire: we do, for what was missed.
 */
static bool renewal_is_stale(struct setting *s, bool stood)
{
	struct xs_source *source = s->source;
	unsigned long irq;
	bool stale;

	spin_lock_irqsave(&xs_watch_lock, irq);
	stale = source->state != SOURCE_SET || source->id != s->id;
	if (!stale && stood)
		tell_subs(source, source->path);
	spin_unlock_irqrestore(&xs_watch_lock, irq);
	return stale;
}

static void renewal_done(struct xs_req *req)
{
	struct setting *s = container_of(req, struct setting, req);
	const struct xs_vec vec[] = { req->out.vec[0], req->out.vec[1] };
	bool stood = req->result == -EEXIST;
	bool stale = (!req->result || stood) && renewal_is_stale(s, stood);

	if (req->result && !stood && req->result != -ECONNRESET && req->result != -ENOTCONN)
		pr_err("watch on %s could not be set again: %*pE\n", s->source->path,
		       (int)strlen(req->error), req->error);
	if (stale && !stood) {
		xs_out_init(&req->out, XS_UNWATCH, 0, vec, ARRAY_SIZE(vec));
		req->done = renewal_over;
		xs_client_resubmit(req);
	} else {
		renewal_over(req);
	}
}

/* Queues the WATCH of a source with the number that it had; takes over the caller's hold on it. */
static void renew(struct xs_source *source, u32 id)
{
	struct setting *s = kzalloc(sizeof(*s), GFP_KERNEL | __GFP_NOFAIL);

	s->req.done = renewal_done;
	s->req.left = true;	/* nobody waits: a store that loses it cannot stand in the way */
	if (!setting_make(s, source, id) && !xs_client_queue(&s->req))
		return;
	source_put(source);
	kfree(s);
}

/* The next source behind one that is held, held as well; the first for NULL. */
static struct xs_source *source_after(struct xs_source *source)
{
	struct list_head *at;
	struct xs_source *next = NULL;

	spin_lock_irq(&xs_watch_lock);
	at = source ? source->link.next : sources.next;
	if (at != &sources) {
		next = list_entry(at, struct xs_source, link);
		next->users++;
	}
	spin_unlock_irq(&xs_watch_lock);
	return next;
}

/*
 * Tells all who share a source that they may have missed something. Returns whether it is SET, and
 * with which number.
 */
static bool tell_missed(struct xs_source *source, u32 *id)
{
	bool set;

	spin_lock_irq(&xs_watch_lock);
	set = source->state == SOURCE_SET;
	*id = source->id;
	if (set)
		tell_subs(source, NULL);
	spin_unlock_irq(&xs_watch_lock);
	return set;
}

/**
 * xs_source_renew() - the connection is a new one, or events were missed: set all watches again
 *
 * With one signal for all. Each fires at once, as new watches do; for those that the server still
 * has we do that. Context: may sleep.
 */
void xs_source_renew(void)
{
	struct xs_source *source = source_after(NULL), *next;
	u32 id;

	for (; source; source = next) {
		next = source_after(source);
		if (tell_missed(source, &id))
			renew(source, id);
		else
			source_put(source);
	}
	xs_client_kick();
}

/**
 * xs_source_count() - how many watches this guest has at the server
 *
 * Return: the count.
 */
unsigned int xs_source_count(void)
{
	struct xs_source *source;
	unsigned int n = 0;

	spin_lock_irq(&xs_watch_lock);
	list_for_each_entry(source, &sources, link)
		n += source->state == SOURCE_SET;
	spin_unlock_irq(&xs_watch_lock);
	return n;
}
