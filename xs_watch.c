// SPDX-License-Identifier: GPL-2.0
/*
 * xs_watch.c - watches: shared at the server, delivered from a workqueue.
 *
 *   server ──event──▶ dispatch ──token──▶ source ─┬─▶ sub (a callback's watch) ─▶ queue ─▶ work ─▶ fn
 *                                                 └─▶ sub (another of the same path) …
 *
 * A source is one watch at the server, for one path. All who watch that path share it, since the
 * server counts watches for the whole guest. A newcomer to a source that stands gets its first
 * event from us, as it would from the server.
 *
 * Tokens are 'x' and the source's number in hex: short, since the server drops an event whose path
 * and token do not fit a message, and never like the kernel's own (hex digits alone). A number is
 * not used again soon, so a late event of a watch that has ended finds nothing and is ignored.
 *
 * Delivery. Each callback's watch has a queue of its own and a work item of its own on an unbound
 * workqueue: a slow callback holds up no other. An event equal to one that waits already is merged
 * into it. Where the queue is full or memory is short, the callback is told to look at everything
 * again: a change is never lost in silence.
 *
 * Locks, outermost first:
 *   sources_mutex   which sources there are, and source->users. Held shortly, no round trips.
 *   source->mutex   one WATCH or UNWATCH at a time for a source; held over the round trip.
 *   client.lock     (xs_client.c) held by dispatch's caller
 *   watch_lock      spinlock, interrupts off: source->subs, the queues of callbacks.
 * sources_mutex and source->mutex are never held together.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include "xs_client.h"
#include "xs_watch.h"

#define QUEUE_MAX	64	/* events that may wait for one callback */
#define TOKEN_MAX	12	/* 'x', eight hex digits, NUL; rounded up */
#define DEPTH_MAX	12	/* ten decimal digits, NUL; rounded up */

/**
 * struct xs_source - one watch at the server
 * @link: in sources
 * @users: who holds it; guarded by sources_mutex
 * @mutex: held over WATCH and UNWATCH
 * @set: the server has it; guarded by @mutex
 * @id: its number while it is set or being set
 * @subs: who wants its events; guarded by watch_lock
 * @depth: how far down, as a decimal number; empty for all the way
 * @path: what is watched
 */
struct xs_source {
	struct list_head link;
	unsigned int users;
	struct mutex mutex;
	bool set;
	u32 id;
	struct list_head subs;
	char depth[DEPTH_MAX];
	char path[];
};

static DEFINE_MUTEX(sources_mutex);
static LIST_HEAD(sources);
static DEFINE_SPINLOCK(watch_lock);
static DEFINE_XARRAY_ALLOC1(by_id);
static u32 next_id;
static struct workqueue_struct *queue;

/* ---- the server's side ------------------------------------------------------------------ */

/**
 * xs_watch_dispatch() - an event has come from the server
 * @path: what has changed
 * @token: the token that its watch was set with
 *
 * Context: any; client.lock is held.
 */
void xs_watch_dispatch(const char *path, const char *token)
{
	struct xs_source *source = NULL;
	struct xs_sub *sub;
	unsigned long irq;
	u32 id;

	if (token[0] != 'x' || kstrtou32(token + 1, 16, &id))
		return;
	spin_lock_irqsave(&watch_lock, irq);
	source = xa_load(&by_id, id);
	if (source)
		list_for_each_entry(sub, &source->subs, link)
			sub->event(sub, path);
	spin_unlock_irqrestore(&watch_lock, irq);
}

static struct xs_source *source_get(const char *path, const char *depth)
{
	struct xs_source *source;
	size_t size = strlen(path) + 1;

	mutex_lock(&sources_mutex);
	list_for_each_entry(source, &sources, link)
		if (!strcmp(source->path, path) && !strcmp(source->depth, depth))
			goto found;
	source = kzalloc(struct_size(source, path, size), GFP_KERNEL);
	if (!source)
		goto out;
	memcpy(source->path, path, size);
	strscpy(source->depth, depth, sizeof(source->depth));
	mutex_init(&source->mutex);
	INIT_LIST_HEAD(&source->subs);
	list_add(&source->link, &sources);
found:
	source->users++;
out:
	mutex_unlock(&sources_mutex);
	return source;
}

static void source_put(struct xs_source *source)
{
	mutex_lock(&sources_mutex);
	if (--source->users == 0) {
		list_del(&source->link);
		kfree(source);
	}
	mutex_unlock(&sources_mutex);
}

/* The payload of WATCH, and without depth of UNWATCH: path, token, depth. Returns the pieces. */
static u32 source_vec(struct xs_source *source, char *token, struct xs_vec *vec)
{
	vec[0] = (struct xs_vec){ source->path, strlen(source->path) + 1 };
	vec[1] = (struct xs_vec){ token, snprintf(token, TOKEN_MAX, "x%x", source->id) + 1 };
	vec[2] = (struct xs_vec){ source->depth, strlen(source->depth) + 1 };
	return source->depth[0] ? 3 : 2;
}

static int source_watch(struct xs_source *source)
{
	char token[TOKEN_MAX], ok[4];
	struct xs_vec vec[3];
	u32 n = source_vec(source, token, vec);

	return xs_client_call(XS_WATCH, 0, vec, n, ok, sizeof(ok), NULL);
}

static void source_unwatch(struct xs_source *source)
{
	char token[TOKEN_MAX];
	struct xs_vec vec[3];

	source_vec(source, token, vec);
	xs_client_post(XS_UNWATCH, 0, vec, 2);
}

/* When it returns, no dispatch knows the source any more. */
static void source_forget_id(struct xs_source *source)
{
	xa_erase(&by_id, source->id);
	/* A dispatch that found it just before still holds the lock. */
	spin_lock_irq(&watch_lock);
	spin_unlock_irq(&watch_lock);
}

static void sub_link(struct xs_source *source, struct xs_sub *sub)
{
	spin_lock_irq(&watch_lock);
	list_add_tail(&sub->link, &source->subs);
	/* The server's first event went to those who were here before. */
	if (source->set)
		sub->event(sub, source->path);
	spin_unlock_irq(&watch_lock);
}

/* Returns whether nobody is left. */
static bool sub_unlink(struct xs_source *source, struct xs_sub *sub)
{
	bool empty;

	spin_lock_irq(&watch_lock);
	list_del(&sub->link);
	empty = list_empty(&source->subs);
	spin_unlock_irq(&watch_lock);
	return empty;
}

/* The first subscriber sets the watch. Its event may come before the reply has been seen. */
static int source_join(struct xs_source *source, struct xs_sub *sub)
{
	int err;

	if (source->set) {
		sub_link(source, sub);
		return 0;
	}
	err = xa_alloc_cyclic(&by_id, &source->id, source, xa_limit_32b, &next_id, GFP_KERNEL);
	if (err < 0)
		return err;
	sub_link(source, sub);
	err = source_watch(source);
	if (err) {
		/* A watch that was asked for too long ago may still come to be. */
		if (err == -ETIMEDOUT || err == -EINTR)
			source_unwatch(source);
		sub_unlink(source, sub);
		source_forget_id(source);
		return err;
	}
	source->set = true;
	return 0;
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
	struct xs_source *source;
	int err;

	if (strlen(depth) >= DEPTH_MAX)
		return -EINVAL;
	source = source_get(path, depth);
	if (!source)
		return -ENOMEM;
	if (mutex_lock_killable(&source->mutex)) {
		source_put(source);
		return -EINTR;
	}
	sub->source = source;
	/* Whoever held the mutex may have waited for a mute store until now. */
	err = time_after(jiffies, deadline) ? -ETIMEDOUT : source_join(source, sub);
	mutex_unlock(&source->mutex);
	if (err)
		source_put(source);
	return err;
}

/**
 * xs_unsubscribe() - the mirror of xs_subscribe()
 * @sub: a subscriber; its event() does not run any more when this returns
 *
 * The last one ends the watch at the server, and does not wait for that: its late events are ignored.
 * Context: may sleep.
 */
void xs_unsubscribe(struct xs_sub *sub)
{
	struct xs_source *source = sub->source;

	mutex_lock(&source->mutex);
	if (sub_unlink(source, sub) && source->set) {
		source_unwatch(source);
		source_forget_id(source);
		source->set = false;
	}
	mutex_unlock(&source->mutex);
	source_put(source);
}

/* ---- callbacks -------------------------------------------------------------------------- */

struct queued {
	struct list_head link;
	char path[];
};

/**
 * struct xs_watch - a callback's watch
 * @sub: where its events come from
 * @link: in its handle's list
 * @handle: whose it is
 * @fn: the callback
 * @ctx: its argument
 * @work: calls @fn
 * @runner: who is calling @fn right now; guarded by watch_lock
 * @events: what waits; guarded by watch_lock
 * @nevents: how many
 * @again: events were lost; guarded by watch_lock
 * @ended: @fn must not be called any more; guarded by watch_lock
 * @orphan: the callback has ended its own watch: who calls it frees it
 * @path: what is watched; outlives the source when the callback ends its own watch
 */
struct xs_watch {
	struct xs_sub sub;
	struct list_head link;
	struct xs_handle *handle;
	xs_watch_fn fn;
	void *ctx;
	struct work_struct work;
	struct task_struct *runner;
	struct list_head events;
	unsigned int nevents;
	bool again;
	bool ended;
	bool orphan;
	char path[];
};

static void queue_event(struct xs_watch *w, const char *path)
{
	size_t size = strlen(path) + 1;
	struct queued *q;

	list_for_each_entry(q, &w->events, link)
		if (!strcmp(q->path, path))
			return;
	q = w->nevents < QUEUE_MAX ? kmalloc(struct_size(q, path, size), GFP_ATOMIC) : NULL;
	if (!q) {
		w->again = true;
		return;
	}
	memcpy(q->path, path, size);
	list_add_tail(&q->link, &w->events);
	w->nevents++;
}

static void on_sub_event(struct xs_sub *sub, const char *path)
{
	struct xs_watch *w = container_of(sub, struct xs_watch, sub);

	lockdep_assert_held(&watch_lock);
	if (w->ended)
		return;
	queue_event(w, path);
	queue_work(queue, &w->work);
}

static void drop_events(struct xs_watch *w)
{
	struct queued *q, *next;

	list_for_each_entry_safe(q, next, &w->events, link)
		kfree(q);
	INIT_LIST_HEAD(&w->events);
	w->nevents = 0;
}

/* What to tell the callback next. Returns false when there is nothing. */
static bool next_event(struct xs_watch *w, struct queued **q, bool *again)
{
	bool any;

	spin_lock_irq(&watch_lock);
	*again = w->again;
	w->again = false;
	if (*again)	/* "look at everything" covers all that waits */
		drop_events(w);
	*q = list_first_entry_or_null(&w->events, struct queued, link);
	if (*q) {
		list_del(&(*q)->link);
		w->nevents--;
	}
	any = !w->ended && (*q || *again);
	w->runner = any ? current : NULL;
	spin_unlock_irq(&watch_lock);
	return any;
}

static void deliver(struct work_struct *work)
{
	struct xs_watch *w = container_of(work, struct xs_watch, work);
	struct queued *q;
	bool again;

	while (next_event(w, &q, &again)) {
		w->fn(w->ctx, again ? w->path : q->path, again);
		kfree(q);
		q = NULL;
		if (w->orphan)
			break;
	}
	kfree(q);
	if (w->orphan) {
		drop_events(w);
		kfree(w);
	}
}

/**
 * xs_watch() - be told of changes at and below a path
 * @h: a handle
 * @path: what to watch
 * @fn: called for each change, and once at the beginning; see &typedef xs_watch_fn
 * @ctx: handed to @fn
 *
 * Context: may sleep.
 *
 * Return: the watch, to be ended by xs_unwatch() or xs_close(); an ERR_PTR() as listed in
 * xsfront.h, or of -ENOMEM. @fn may run before this returns.
 */
struct xs_watch *xs_watch(struct xs_handle *h, const char *path, xs_watch_fn fn, void *ctx)
{
	size_t size = strlen(path) + 1;
	struct xs_watch *w = kzalloc(struct_size(w, path, size), GFP_KERNEL);
	int err = xs_path_check(path);

	if (err) {
		kfree(w);
		return ERR_PTR(err);
	}
	if (!w)
		return ERR_PTR(-ENOMEM);
	memcpy(w->path, path, size);
	w->sub.event = on_sub_event;
	w->handle = h;
	w->fn = fn;
	w->ctx = ctx;
	INIT_WORK(&w->work, deliver);
	INIT_LIST_HEAD(&w->events);
	/* Linked first: the callback may run, and end the watch, before xs_subscribe() returns. */
	mutex_lock(&h->lock);
	list_add(&w->link, &h->watches);
	mutex_unlock(&h->lock);
	err = xs_subscribe(&w->sub, path, "");
	if (!err)
		return w;
	mutex_lock(&h->lock);
	list_del(&w->link);
	mutex_unlock(&h->lock);
	kfree(w);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(xs_watch);

/**
 * xs_unwatch() - end a watch
 * @w: from xs_watch(); an error pointer or NULL is ignored
 *
 * When this returns the callback does not run and will not. The callback may end its own watch: then
 * the call it is in is the last one. Two callbacks that end each other's watches wait for each other
 * for ever; so do not.
 *
 * Context: may sleep.
 */
void xs_unwatch(struct xs_watch *w)
{
	bool by_callback;

	if (IS_ERR_OR_NULL(w))
		return;
	mutex_lock(&w->handle->lock);
	list_del(&w->link);
	mutex_unlock(&w->handle->lock);
	spin_lock_irq(&watch_lock);
	w->ended = true;
	by_callback = w->runner == current;
	spin_unlock_irq(&watch_lock);
	xs_unsubscribe(&w->sub);
	if (by_callback) {
		w->orphan = true;
		return;
	}
	cancel_work_sync(&w->work);
	drop_events(w);
	kfree(w);
}
EXPORT_SYMBOL_GPL(xs_unwatch);

/**
 * xs_unwatch_all() - end all watches of a handle
 * @h: a handle that nobody uses any more
 */
void xs_unwatch_all(struct xs_handle *h)
{
	struct xs_watch *w;

	while ((w = list_first_entry_or_null(&h->watches, struct xs_watch, link)))
		xs_unwatch(w);
}

/**
 * xs_watch_init() - set-up of this file
 *
 * Return: 0 or -ENOMEM.
 */
int xs_watch_init(void)
{
	queue = alloc_workqueue(KBUILD_MODNAME, WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return queue ? 0 : -ENOMEM;
}

/**
 * xs_watch_exit() - the mirror of xs_watch_init(); all watches are ended
 */
void xs_watch_exit(void)
{
	destroy_workqueue(queue);
	xa_destroy(&by_id);
}
