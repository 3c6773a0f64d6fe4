// SPDX-License-Identifier: GPL-2.0
/*
 * xs_watch.c - callbacks of watches, delivered from a workqueue.
 *
 *   source (xs_source.c) ─▶ sub ─▶ queue of this watch ─▶ its work item ─▶ fn
 *
 * Each watch has a queue of its own and a work item of its own on an unbound workqueue: a slow
 * callback holds up no other. An event equal to one that waits already is merged into it. Where the
 * queue is full, memory is short, or the connection was renewed, the callback is told to look at
 * everything again: a change is never lost in silence.
 *
 * Locks, outermost first: handle->lock (mutex; a handle's list of watches), xs_watch_lock
 * (spinlock, interrupts off; queues and flags of watches).
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "xs_client.h"
#include "xs_many.h"
#include "xs_source.h"
#include "xs_watch.h"

#define QUEUE_MAX	64	/* events that may wait for one callback */

static struct workqueue_struct *queue;

/* Operations that go out with a WATCH, behind it. */
struct behind {
	struct xs_burst burst;
	struct xs_op *ops;
	unsigned int n;
	bool begun;
	int err;
};

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
 * @runner: who is calling @fn right now; guarded by xs_watch_lock
 * @events: what waits; guarded by xs_watch_lock
 * @nevents: how many
 * @again: events were lost; guarded by xs_watch_lock
 * @ended: @fn must not be called any more; guarded by xs_watch_lock
 * @behind: what is done behind it, while xs_watch_and_do() sets it
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
	struct behind *behind;
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

	lockdep_assert_held(&xs_watch_lock);
	if (w->ended)
		return;
	if (path)
		queue_event(w, path);
	else
		w->again = true;
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

	spin_lock_irq(&xs_watch_lock);
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
	spin_unlock_irq(&xs_watch_lock);
	return any;
}

/* The last call of a watch that its own callback has ended is over. xs_close() waits for it. */
static void orphan_free(struct xs_watch *w)
{
	struct xs_handle *h = w->handle;

	drop_events(w);
	kfree(w);
	spin_lock_irq(&xs_watch_lock);
	WRITE_ONCE(h->orphans, h->orphans - 1);
	wake_up_all(&h->quiet);
	spin_unlock_irq(&xs_watch_lock);
}

static void deliver(struct work_struct *work)
{
	struct xs_watch *w = container_of(work, struct xs_watch, work);
	unsigned int noio = memalloc_noio_save();	/* as in xs_device.c */
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
	if (w->orphan && !work_pending(&w->work))
		orphan_free(w);
	/* Else the run that is pending finds nothing to tell, and frees it. */
	memalloc_noio_restore(noio);
}

/*
 * A callback may end another watch, which waits for that one's callback. To lockdep all work that
 * one INIT_WORK() has made is one lock, and this would look like a deadlock: so each callback is a
 * lock of its own. Its address is a key that lives as long as the module that it is in.
 */
static void work_init(struct xs_watch *w)
{
	INIT_WORK(&w->work, deliver);
#ifdef CONFIG_LOCKDEP
	lockdep_init_map(&w->work.lockdep_map, "xs_watch", (struct lock_class_key *)w->fn, 0);
#endif
}

/* A watch that nobody feeds yet. In its list already: its callback may run before xs_watch() ends. */
static struct xs_watch *watch_new(struct xs_handle *h, const char *path, xs_watch_fn fn, void *ctx)
{
	int len = xs_path_check(path);
	struct xs_watch *w;

	if (len < 0)
		return ERR_PTR(len);
	w = kzalloc(struct_size(w, path, len + 1), GFP_KERNEL);
	if (!w)
		return ERR_PTR(-ENOMEM);
	memcpy(w->path, path, len);
	w->sub.event = on_sub_event;
	w->handle = h;
	w->fn = fn;
	w->ctx = ctx;
	work_init(w);
	INIT_LIST_HEAD(&w->events);
	mutex_lock(&h->lock);
	list_add(&w->link, &h->watches);
	mutex_unlock(&h->lock);
	return w;
}

/* Nobody calls the callback any more. */
static void watch_free(struct xs_watch *w)
{
	cancel_work_sync(&w->work);
	drop_events(w);
	kfree(w);
}

/*
 * Claims the end of a watch, so that it has one even when its callback and xs_close() come to it at
 * the same time. Called with handle->lock held. Returns false when somebody else has claimed it.
 */
static bool claim_end(struct xs_watch *w, bool *by_callback)
{
	bool mine;

	lockdep_assert_held(&w->handle->lock);
	spin_lock_irq(&xs_watch_lock);
	mine = !w->ended;
	w->ended = true;
	*by_callback = w->runner == current;
	if (mine && *by_callback)
		WRITE_ONCE(w->handle->orphans, w->handle->orphans + 1);
	spin_unlock_irq(&xs_watch_lock);
	if (mine)
		list_del(&w->link);
	return mine;
}

/* Ends a watch whose end was claimed. */
static void watch_end(struct xs_watch *w, bool by_callback)
{
	xs_unsubscribe(&w->sub);
	if (by_callback)
		w->orphan = true;	/* deliver() frees it */
	else
		watch_free(w);
}

/* The mirror of watch_new(), for a watch that could not be subscribed. */
static void watch_undo(struct xs_watch *w)
{
	mutex_lock(&w->handle->lock);
	list_del(&w->link);
	mutex_unlock(&w->handle->lock);
	watch_free(w);
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
	return xs_watch_depth(h, path, XS_DEPTH_ALL, fn, ctx);
}
EXPORT_SYMBOL_GPL(xs_watch);

/**
 * xs_watch_depth() - be told of changes down to some level
 * @h: a handle
 * @path: what to watch
 * @depth: 0 for @path alone, 1 for its children too, …; XS_DEPTH_ALL for all
 * @fn: as for xs_watch()
 * @ctx: handed to @fn
 *
 * Where the server has no such thing, @fn is called for deeper changes too. Context: may sleep.
 *
 * Return: as xs_watch().
 */
struct xs_watch *xs_watch_depth(struct xs_handle *h, const char *path, unsigned int depth,
				xs_watch_fn fn, void *ctx)
{
	struct xs_watch *w = watch_new(h, path, fn, ctx);
	char digits[12] = "";
	int err;

	if (IS_ERR(w))
		return w;
	if (depth != XS_DEPTH_ALL && (xs_client_features() & XS_FEATURE_WATCHDEPTH))
		snprintf(digits, sizeof(digits), "%u", depth);
	err = xs_subscribe(&w->sub, path, digits);
	if (!err)
		return w;
	watch_undo(w);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(xs_watch_depth);

/* Those that cannot be begun have ended with that. */
static void begin_behind(struct xs_handle *h, struct behind *b)
{
	unsigned int i;

	b->begun = true;
	b->err = xs_burst_begin(h, &b->burst, b->ops, b->n);
	for (i = 0; b->err && i < b->n; i++)
		b->ops[i].result = b->err;
}

static void on_behind(struct xs_sub *sub)
{
	struct xs_watch *w = container_of(sub, struct xs_watch, sub);

	begin_behind(w->handle, w->behind);
}

/**
 * xs_watch_and_do() - set a watch, and carry out operations behind it in the same flight
 * @h: a handle
 * @path: as for xs_watch()
 * @fn: as for xs_watch()
 * @ctx: handed to @fn
 * @ops: as for xs_do_many(); @result of each says how it went. Also when the watch cannot be set.
 *	 What changes after they have read it is told to @fn
 * @n: how many, at least one
 *
 * Context: may sleep.
 *
 * Return: as xs_watch().
 */
struct xs_watch *xs_watch_and_do(struct xs_handle *h, const char *path, xs_watch_fn fn, void *ctx,
				 struct xs_op *ops, unsigned int n)
{
	struct behind behind = { .ops = ops, .n = n };
	struct xs_watch *w = watch_new(h, path, fn, ctx);
	int err = PTR_ERR_OR_ZERO(w);

	if (!err) {
		w->behind = &behind;
		w->sub.behind = on_behind;
		err = xs_subscribe(&w->sub, path, "");
		if (err)
			watch_undo(w);
	}
	if (!behind.begun)
		begin_behind(h, &behind);
	if (!behind.err)
		xs_burst_wait(&behind.burst);
	return err ? ERR_PTR(err) : w;
}

/**
 * xs_watch_many() - set many watches, with one signal for all
 * @h: a handle
 * @spec: path, fn and ctx of each, as for xs_watch(); takes the watch
 * @n: how many
 *
 * Context: may sleep.
 *
 * Return: 0; the first error, and then none of them is set and each @spec->watch is NULL.
 */
int xs_watch_many(struct xs_handle *h, struct xs_watch_spec *spec, unsigned int n)
{
	struct xs_wish *wish = kcalloc(n, sizeof(*wish), GFP_KERNEL);
	unsigned int i, made;
	int err = wish ? 0 : -ENOMEM;

	for (i = 0; i < n; i++)
		spec[i].watch = NULL;
	for (made = 0; !err && made < n; made++) {
		struct xs_watch *w = watch_new(h, spec[made].path, spec[made].fn, spec[made].ctx);

		if (IS_ERR(w)) {
			err = PTR_ERR(w);
			break;
		}
		spec[made].watch = w;
		wish[made].sub = &w->sub;
		wish[made].path = w->path;
	}
	if (!err)
		err = xs_subscribe_many(wish, n);
	for (i = 0; err && i < made; i++) {
		watch_undo(spec[i].watch);
		spec[i].watch = NULL;
	}
	kfree(wish);
	return err;
}
EXPORT_SYMBOL_GPL(xs_watch_many);

/**
 * xs_unwatch() - end a watch
 * @w: from xs_watch(); an error pointer or NULL is ignored
 *
 * When this returns the callback does not run and will not. The callback may end its own watch:
 * then the call it is in is the last one. Two callbacks that end each other's watches wait for each
 * other for ever; so do not.
 *
 * Context: may sleep.
 */
void xs_unwatch(struct xs_watch *w)
{
	bool mine, by_callback;
	struct xs_handle *h;

	if (IS_ERR_OR_NULL(w))
		return;
	h = w->handle;
	mutex_lock(&h->lock);
	mine = claim_end(w, &by_callback);
	mutex_unlock(&h->lock);
	if (mine)
		watch_end(w, by_callback);
}
EXPORT_SYMBOL_GPL(xs_unwatch);

/**
 * xs_unwatch_all() - end all watches of a handle
 * @h: a handle that nobody uses any more
 *
 * When it returns no callback of the handle runs, also none that has ended its own watch.
 */
void xs_unwatch_all(struct xs_handle *h)
{
	struct xs_watch *w;
	bool unused;

	do {
		mutex_lock(&h->lock);
		w = list_first_entry_or_null(&h->watches, struct xs_watch, link);
		if (w)
			claim_end(w, &unused);	/* those in the list nobody has claimed */
		mutex_unlock(&h->lock);
		if (w)
			watch_end(w, false);
	} while (w);
	wait_event(h->quiet, !READ_ONCE(h->orphans));
	spin_lock_irq(&xs_watch_lock);	/* who has woken us has let go of the handle after this */
	spin_unlock_irq(&xs_watch_lock);
}

/**
 * xs_watch_init() - set-up of this file
 *
 * Return: 0 or -ENOMEM.
 */
int xs_watch_init(void)
{
	queue = alloc_workqueue(KBUILD_MODNAME, WQ_UNBOUND, 0);
	return queue ? 0 : -ENOMEM;
}

/**
 * xs_watch_exit() - the mirror of xs_watch_init(); all watches are ended
 */
void xs_watch_exit(void)
{
	destroy_workqueue(queue);
}
