// SPDX-License-Identifier: GPL-2.0
/*
 * watches.c - tests of being told.
 *
 * That a callback is not called cannot be waited for. Instead a second watch on the same path is
 * the fence: events of one path come to all who watch it at the same time, so when the fence has
 * been called (and a moment has passed), the other one would have been too.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/wait.h>
#include "xs_test.h"

#define MOMENT_MS	50

/**
 * struct ear - one that is told
 * @h: the handle of its watch
 * @watch: its watch
 * @calls: how often it was called
 * @agains: how often with @again set
 * @last: the path of the last call
 * @wait: woken at each call
 * @hold: where not NULL, the callback waits for it, once
 * @held: the callback has come to wait
 * @overslept: it has waited in vain
 * @end_at: the callback ends its own watch at this call
 * @ended: the watch has ended: no call may come
 * @after_end: how many came
 * @busy: how many callbacks are running
 * @twice: two ran at once
 */
struct ear {
	struct xs_handle *h;
	struct xs_watch *watch;
	int calls, agains;
	char last[128];
	wait_queue_head_t wait;
	struct completion *hold;
	bool held, overslept;
	int end_at;
	bool ended;
	int after_end;
	atomic_t busy;
	bool twice;
};

static void on_event(void *ctx, const char *path, bool again)
{
	struct ear *ear = ctx;
	struct completion *hold = ear->hold;

	if (atomic_inc_return(&ear->busy) > 1)
		ear->twice = true;
	if (READ_ONCE(ear->ended))
		ear->after_end++;
	strscpy(ear->last, path, sizeof(ear->last));
	ear->agains += again;
	if (hold) {
		ear->hold = NULL;
		WRITE_ONCE(ear->held, true);
		wake_up_all(&ear->wait);
		if (!wait_for_completion_timeout(hold, PATIENCE))
			ear->overslept = true;
	}
	if (ear->calls + 1 == ear->end_at)
		xs_unwatch(ear->watch);
	atomic_dec(&ear->busy);
	WRITE_ONCE(ear->calls, ear->calls + 1);
	wake_up_all(&ear->wait);
}

static struct ear *listen(struct xs_handle *h, const char *path)
{
	struct ear *ear = kzalloc(sizeof(*ear), GFP_KERNEL);

	if (!ear)
		return NULL;
	ear->h = h;
	init_waitqueue_head(&ear->wait);
	ear->watch = xs_watch(h, path, on_event, ear);
	if (!IS_ERR(ear->watch))
		return ear;
	check_int(PTR_ERR(ear->watch), 0, "watch on %s", path);
	kfree(ear);
	return NULL;
}

static bool heard(struct ear *ear, int calls)
{
	return wait_event_timeout(ear->wait, READ_ONCE(ear->calls) >= calls, PATIENCE) > 0;
}

/* Two events that are equal may become one: wait for one before causing the next. */
static bool listen_first(struct xs_handle *h, const char *path, struct ear **ear)
{
	*ear = listen(h, path);
	if (!*ear)
		return false;
	return heard(*ear, 1);
}

static void unlisten(struct ear *ear)
{
	xs_unwatch(ear->watch);
	WRITE_ONCE(ear->ended, true);
}

static void put(struct xs_handle *h, const char *path)
{
	int err = xs_write(h, NO_TX, path, "x", 1);

	if (err)
		check_int(err, 0, "write to %s", path);
}

static void test_watch(void)
{
	struct xs_handle *h = open_clean();
	struct ear *ear;

	if (!check(listen_first(h, HERE "/w", &ear), "the first event comes at once"))
		goto out;
	check(!strcmp(ear->last, HERE "/w"), "it names the watched path (%s)", ear->last);
	put(h, HERE "/w");
	check(heard(ear, 2), "a change is told, of a node that was not there");
	put(h, HERE "/w/x/y");
	check(heard(ear, 3), "a change below is told");
	check(!strncmp(ear->last, HERE "/w/x", 10), "with the path of what changed (%s)",
	      ear->last);
	xs_rm(h, NO_TX, HERE "/w");
	check(wait_event_timeout(ear->wait, !strcmp(ear->last, HERE "/w"), PATIENCE) > 0,
	      "its removal is told");
	check(!ear->agains && !ear->twice, "no call was 'again', and no two ran at once");
	unlisten(ear);
	check_int(ear->after_end, 0, "none came after the end");
	kfree(ear);
out:
	xs_close(h);
}

static void test_watch_absolute(void)
{
	struct xs_handle *h = open_clean();
	char path[64];
	struct ear *ear;
	u32 domid = 0;

	xs_read_u32(h, NO_TX, "domid", &domid);
	snprintf(path, sizeof(path), "/local/domain/%u/" HERE "/w", domid);
	if (check(listen_first(h, path, &ear), "a watch on an absolute path")) {
		put(h, HERE "/w");
		check(heard(ear, 2), "a change by the relative path is told");
		check(!strcmp(ear->last, path), "with the absolute path (%s)", ear->last);
		unlisten(ear);
		kfree(ear);
	}
	xs_close(h);
}

static void test_watch_shared(void)
{
	struct xs_handle *h = open_clean(), *other = xs_open("other");
	struct ear *ears[6];
	int i, n;

	for (i = 0, n = 0; i < ARRAY_SIZE(ears); i++)
		n += listen_first(i % 2 ? h : other, HERE "/w", &ears[i]);
	check_int(n, ARRAY_SIZE(ears), "six watches on one path each get a first event");
	put(h, HERE "/w");
	for (i = 0, n = 0; i < ARRAY_SIZE(ears); i++)
		n += ears[i] && heard(ears[i], 2);
	check_int(n, ARRAY_SIZE(ears), "each is told of a change");

	if (ears[0])
		unlisten(ears[0]);
	put(h, HERE "/w");
	for (i = 1, n = 0; i < ARRAY_SIZE(ears); i++)
		n += ears[i] && heard(ears[i], 3);
	check_int(n, ARRAY_SIZE(ears) - 1, "when the first has ended, the others are told");
	msleep(MOMENT_MS);
	check(ears[0] && ears[0]->calls == 2, "and it is not");
	for (i = 0; i < ARRAY_SIZE(ears); i++) {
		if (i && ears[i])
			unlisten(ears[i]);
		kfree(ears[i]);
	}
	xs_close(other);
	xs_close(h);
}

static void test_unwatch_from_callback(void)
{
	struct xs_handle *h = open_clean();
	struct ear *ear, *fence;

	if (!listen_first(h, HERE "/w", &ear) || !listen_first(h, HERE "/w", &fence)) {
		check(false, "two watches are set");
		goto out;
	}
	ear->end_at = 2;
	put(h, HERE "/w");
	check(heard(ear, 2), "a callback ends its own watch");
	heard(fence, 2);
	put(h, HERE "/w");
	check(heard(fence, 3), "another one on the path goes on");
	msleep(MOMENT_MS);
	check_int(ear->calls, 2, "the call in which it ended was its last");
	unlisten(fence);
	kfree(fence);
	kfree(ear);
out:
	xs_close(h);
}

/*
 * The callback ends its own watch while another event waits behind the one it was called for, so
 * that its work is queued again. (A debug kernel sees what is wrong here; a stock one may not.)
 */
static void test_unwatch_with_more_to_come(void)
{
	enum { ROUNDS = 10 };
	struct completion hold;
	struct xs_handle *h;
	struct ear *ear, *fence;
	int round, last_calls = 0;

	for (round = 0; round < ROUNDS; round++) {
		h = open_clean();
		if (!listen_first(h, HERE "/w", &ear) || !listen_first(h, HERE "/w", &fence)) {
			check(false, "two watches are set");
			xs_close(h);
			return;
		}
		init_completion(&hold);
		ear->hold = &hold;
		ear->end_at = 2;
		put(h, HERE "/w");
		wait_event_timeout(ear->wait, READ_ONCE(ear->held), PATIENCE);
		put(h, HERE "/w/more");
		heard(fence, 3);
		complete(&hold);
		xs_close(h);	/* waits for the callback, whose watch is in no list any more */
		last_calls += ear->calls == 2;
		kfree(fence);
		kfree(ear);
	}
	check_int(last_calls, ROUNDS, "%d callbacks end their watch with an event behind them",
		  ROUNDS);
}

struct scribbler {
	struct xs_handle *h;
	struct completion ready;
};

static int scribble(void *arg)
{
	struct scribbler *s = arg;

	complete(&s->ready);
	while (!kthread_should_stop())
		put(s->h, HERE "/w");
	return 0;
}

/* While somebody writes without an end, no callback may come after xs_unwatch(). */
static void test_no_call_after_unwatch(void)
{
	enum { ROUNDS = 100 };
	struct xs_handle *h = open_clean();
	struct scribbler s = { .h = h };
	struct task_struct *task;
	struct ear **ears = kcalloc(ROUNDS, sizeof(*ears), GFP_KERNEL);
	int i, after = 0, deaf = 0, twice = 0;

	init_completion(&s.ready);
	task = ears ? kthread_run(scribble, &s, "xs_test") : ERR_PTR(-ENOMEM);
	if (IS_ERR(task))
		goto out;
	wait_for_completion(&s.ready);
	for (i = 0; i < ROUNDS; i++) {
		ears[i] = listen(h, HERE "/w");
		if (!ears[i])
			break;
		deaf += !heard(ears[i], 1 + i % 3);
		unlisten(ears[i]);
	}
	kthread_stop(task);
	msleep(MOMENT_MS);
	for (i = 0; i < ROUNDS && ears[i]; i++) {
		after += ears[i]->after_end;
		twice += ears[i]->twice;
		kfree(ears[i]);
	}
	check_int(i, ROUNDS, "%d watches begun and ended under fire", ROUNDS);
	check_int(deaf, 0, "each was told");
	check_int(after, 0, "no callback came after xs_unwatch()");
	check_int(twice, 0, "no callback ran twice at once");
out:
	kfree(ears);
	xs_close(h);
}

static void test_slow_callback(void)
{
	struct xs_handle *h = open_clean();
	DECLARE_COMPLETION_ONSTACK(hold);
	struct ear *slow, *quick;

	if (!listen_first(h, HERE "/slow", &slow) || !listen_first(h, HERE "/quick", &quick)) {
		check(false, "two watches are set");
		goto out;
	}
	slow->hold = &hold;
	put(h, HERE "/slow");
	check(wait_event_timeout(slow->wait, READ_ONCE(slow->held), PATIENCE) > 0,
	      "a callback is stuck");
	put(h, HERE "/quick");
	check(heard(quick, 2), "another one is called meanwhile");
	check(holds(h, NO_TX, HERE "/slow", "x"), "calls go on meanwhile");
	complete(&hold);
	check(heard(slow, 2) && !slow->overslept, "the stuck one goes on");
	unlisten(slow);
	unlisten(quick);
	kfree(slow);
	kfree(quick);
out:
	xs_close(h);
}

/* Equal events that wait become one; too many different ones become "look at everything". */
static void test_events_merge(void)
{
	struct xs_handle *h = open_clean();
	DECLARE_COMPLETION_ONSTACK(hold);
	char path[64];
	struct ear *ear;
	int i;

	if (!check(listen_first(h, HERE "/w", &ear), "a watch is set"))
		goto out;
	ear->hold = &hold;
	put(h, HERE "/w");
	wait_event_timeout(ear->wait, READ_ONCE(ear->held), PATIENCE);
	for (i = 0; i < 50; i++)
		put(h, HERE "/w");
	complete(&hold);
	check(heard(ear, 3), "what changed while a callback ran is told after it");
	msleep(MOMENT_MS);
	check(ear->calls <= 4, "50 equal changes are told in %d calls", ear->calls - 2);
	check_int(ear->agains, 0, "none of them is 'again'");

	reinit_completion(&hold);
	ear->held = false;
	ear->hold = &hold;
	put(h, HERE "/w");
	wait_event_timeout(ear->wait, READ_ONCE(ear->held), PATIENCE);
	for (i = 0; i < 200; i++) {
		snprintf(path, sizeof(path), HERE "/w/%d", i);
		put(h, path);
	}
	complete(&hold);
	check(wait_event_timeout(ear->wait, READ_ONCE(ear->agains) > 0, PATIENCE) > 0,
	      "200 different changes at once are told as 'again'");
	unlisten(ear);
	kfree(ear);
out:
	xs_close(h);
}

/* A callback may call everything. */
static void use_everything(void *ctx, const char *path, bool again)
{
	struct ear *ear = ctx;
	char buf[16];
	u32 tx;

	if (xs_read(ear->h, NO_TX, "domid", buf, sizeof(buf)) > 0 &&
	    !xs_transaction_start(ear->h, &tx) &&
	    !xs_write(ear->h, tx, HERE "/by-callback", "x", 1) &&
	    !xs_transaction_end(ear->h, tx, true))
		ear->agains = 1;
	WRITE_ONCE(ear->calls, ear->calls + 1);
	wake_up_all(&ear->wait);
}

static void test_calls_from_callback(void)
{
	struct xs_handle *h = open_clean();
	struct ear ear = { .h = h };

	init_waitqueue_head(&ear.wait);
	ear.watch = xs_watch(h, HERE "/w", use_everything, &ear);
	if (check_int(PTR_ERR_OR_ZERO(ear.watch), 0, "a watch is set")) {
		check(heard(&ear, 1), "its callback ran");
		xs_unwatch(ear.watch);
		check(ear.agains, "read, transaction and write from it worked");
		check(holds(h, NO_TX, HERE "/by-callback", "x"), "what it wrote is there");
	}
	xs_close(h);
}

static void test_close_ends_watches(void)
{
	struct xs_handle *h = open_clean(), *other = xs_open("other");
	struct ear *a, *b, *fence;

	if (!listen_first(h, HERE "/w", &a) || !listen_first(h, HERE "/v", &b) ||
	    !listen_first(other, HERE, &fence)) {
		check(false, "three watches are set");
		goto out;
	}
	xs_close(h);
	h = NULL;
	a->ended = true;
	b->ended = true;
	put(other, HERE "/w");
	put(other, HERE "/v");
	check(wait_event_timeout(fence->wait, !strcmp(fence->last, HERE "/v"), PATIENCE) > 0,
	      "another handle is told");
	msleep(MOMENT_MS);
	check(a->calls == 1 && b->calls == 1, "the handle that was closed is not");
	kfree(a);
	kfree(b);
	xs_close(other);
	other = NULL;
	kfree(fence);
out:
	xs_close(other);
	xs_close(h);
}

/* Watches that have ended do not count at the store: more in turn than its quota (128 or 100). */
static void test_many_watches(void)
{
	enum { AT_ONCE = 60, ROUNDS = 4 };
	struct xs_handle *h = open_clean();
	struct ear *ears[AT_ONCE];
	int round, i, told = 0;
	char path[64];

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < AT_ONCE; i++) {
			snprintf(path, sizeof(path), HERE "/w%d", i);
			ears[i] = listen(h, path);
			if (!ears[i])
				break;
			told += heard(ears[i], 1);
		}
		while (i--) {
			unlisten(ears[i]);
			kfree(ears[i]);
		}
	}
	check_int(told, AT_ONCE * ROUNDS, "%d times %d watches, each told", ROUNDS, AT_ONCE);
	xs_close(h);
}

const struct test watch_tests[] = {
	{ "watch", test_watch },
	{ "watch_absolute", test_watch_absolute },
	{ "watch_shared", test_watch_shared },
	{ "unwatch_from_callback", test_unwatch_from_callback },
	{ "unwatch_with_more_to_come", test_unwatch_with_more_to_come },
	{ "no_call_after_unwatch", test_no_call_after_unwatch },
	{ "slow_callback", test_slow_callback },
	{ "events_merge", test_events_merge },
	{ "calls_from_callback", test_calls_from_callback },
	{ "close_ends_watches", test_close_ends_watches },
	{ "many_watches", test_many_watches },
	{}
};
