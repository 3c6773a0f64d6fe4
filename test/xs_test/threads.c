// SPDX-License-Identifier: GPL-2.0
/*
 * threads.c - tests of many callers at once, of callers that are being killed, and of a store that
 * does not answer.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "xs_test.h"

#define THREADS		16
#define CALLS		50

/**
 * struct worker - one thread
 * @h: the handle that all share
 * @number: which it is
 * @made: calls made
 * @right: of which the answer was right
 * @err: the first answer that was not
 * @at: the call that it was given to
 * @done: it has ended
 * @task: itself
 */
struct worker {
	struct xs_handle *h;
	int number, made, right, err, at;
	struct completion done;
	struct task_struct *task;
};

/* A thread must have left the module's code before the module goes. */
static bool start(struct worker *w, int (*fn)(void *))
{
	struct task_struct *task;

	init_completion(&w->done);
	task = kthread_create(fn, w, "xs_test-%d", w->number);
	if (IS_ERR(task))
		return false;
	get_task_struct(task);
	w->task = task;
	wake_up_process(task);
	return true;
}

static void join(struct worker *w)
{
	if (!w->task)
		return;
	wait_for_completion(&w->done);
	kthread_stop(w->task);
	put_task_struct(w->task);
}

static int once_more(struct worker *w, const char *path)
{
	char value[16];
	u32 tx;
	int err;

	do {
		err = xs_transaction_start(w->h, &tx);
		if (err)
			return err;
		err = xs_write(w->h, tx, path, "in-tx", 5);
		if (err) {
			xs_transaction_end(w->h, tx, false);
			return err;
		}
		err = xs_transaction_end(w->h, tx, true);
	} while (err == -EAGAIN);
	if (err)
		return err;
	err = xs_read(w->h, NO_TX, path, value, sizeof(value));
	return err == 5 && !strcmp(value, "in-tx") ? 0 : -EILSEQ;
}

static int list_own(struct worker *w, const char *dir, const char *leaf)
{
	struct xs_list list;
	const char *name;
	int err = xs_directory(w->h, NO_TX, dir, &list);

	if (err)
		return err;
	err = -EILSEQ;
	xs_list_for_each(name, &list)
		if (!strcmp(name, leaf))
			err = 0;
	xs_list_free(&list);
	return err;
}

/* One call of a kind, with what only this thread and this call wrote. Returns 0 when right. */
static int one_call(struct worker *w, int i)
{
	char dir[32], path[48], leaf[16], want[600], got[601];
	struct xs_permission perms[4];
	int err, len = 1 + (w->number * 37 + i * 53) % (int)sizeof(want);

	snprintf(dir, sizeof(dir), HERE "/%d", w->number);
	snprintf(leaf, sizeof(leaf), "%d", i / 6);
	snprintf(path, sizeof(path), "%s/%s", dir, leaf);
	memset(want, 'a' + (w->number + i) % 26, len);
	switch (i % 6) {
	case 0:
		return xs_mkdir(w->h, NO_TX, path);
	case 1:
		err = xs_write(w->h, NO_TX, path, want, len);
		if (err)
			return err;
		err = xs_read(w->h, NO_TX, path, got, sizeof(got));
		if (err < 0)
			return err;
		return err == len && !memcmp(got, want, len) && !got[len] ? 0 : -EILSEQ;
	case 2:
		return list_own(w, dir, leaf);
	case 3:
		err = xs_get_permissions(w->h, NO_TX, path, perms, ARRAY_SIZE(perms));
		return err == 1 ? 0 : -EILSEQ;
	case 4:
		return once_more(w, path);
	default:
		err = xs_rm(w->h, NO_TX, path);
		if (err)
			return err;
		err = xs_read(w->h, NO_TX, path, got, sizeof(got));
		return err == -ENOENT ? 0 : -EILSEQ;
	}
}

static int mixed_calls(void *arg)
{
	struct worker *w = arg;
	int i, err;

	for (i = 0; i < CALLS; i++) {
		err = one_call(w, i);
		w->made++;
		w->right += !err;
		if (err && !w->err) {
			w->err = err;
			w->at = i;
		}
	}
	complete(&w->done);
	return 0;
}

static void test_threads(void)
{
	struct xs_handle *h = open_clean();
	struct worker *workers = kcalloc(THREADS, sizeof(*workers), GFP_KERNEL);
	int i, right = 0;

	for (i = 0; workers && i < THREADS; i++) {
		workers[i].h = h;
		workers[i].number = i;
		start(&workers[i], mixed_calls);
	}
	for (i = 0; workers && i < THREADS; i++) {
		join(&workers[i]);
		right += workers[i].right;
		if (workers[i].right != CALLS)
			note("thread %d: %d of %d calls right; call %d was %d", i, workers[i].right,
			     workers[i].made, workers[i].at, workers[i].err);
	}
	check_int(right, THREADS * CALLS, "%d threads, %d calls each, each answer right", THREADS,
		  CALLS);
	kfree(workers);
	xs_close(h);
}

/* A caller that is being killed gets EINTR, unless the reply was there before it looked. */
static int killed_calls(void *arg)
{
	struct worker *w = arg;
	char buf[16];
	int i, err;

	allow_signal(SIGKILL);
	for (i = 0; i < CALLS; i++) {
		send_sig(SIGKILL, current, 1);
		memset(buf, '#', sizeof(buf));
		err = xs_read(w->h, NO_TX, HERE "/k", buf, sizeof(buf));
		w->made++;
		if (err == -EINTR)
			w->right++;
		else if (err != 5 || strcmp(buf, "alive"))
			w->err = err;
		flush_signals(current);
	}
	complete(&w->done);
	return 0;
}

static void test_killed(void)
{
	struct xs_handle *h = open_clean();
	struct worker w = { .h = h };
	ktime_t began = ktime_get();

	xs_write(h, NO_TX, HERE "/k", "alive", 5);
	if (!check(start(&w, killed_calls), "a thread with a pending SIGKILL: %d calls", CALLS))
		goto out;
	join(&w);
	check_int(w.err, 0, "each says EINTR, or has its answer");
	check(w.right > 0, "EINTR: %d of %d", w.right, w.made);
	check(ktime_ms_delta(ktime_get(), began) < 10000, "nobody waited");
	check(holds(h, NO_TX, HERE "/k", "alive"), "after that the stream is in step");
out:
	xs_close(h);
}

static int killed_start(void *arg)
{
	struct worker *w = arg;
	u32 tx;

	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	w->err = xs_transaction_start(w->h, &tx);
	flush_signals(current);
	complete(&w->done);
	return 0;
}

/* A message that is longer than the ring, and goes on being sent when its caller has gone. */
static int killed_write(void *arg)
{
	static const char big[4000];
	struct worker *w = arg;

	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	w->err = xs_write(w->h, NO_TX, HERE "/m", big, sizeof(big));
	flush_signals(current);
	complete(&w->done);
	return 0;
}

/*
 * The store falls silent at some time from now on, and speaks again later: dom0's half does that,
 * and looks in the store's books for transactions: one whose caller did not wait for its id, and
 * one that ended when there was no room in the ring to say so.
 * Expects module parameter timeout=3.
 */
static void test_mute_store(void)
{
	struct xs_handle *h = open_clean();
	struct xs_handle *other = xs_open("other");
	struct worker w = { .h = h };
	ktime_t began, give_up = ktime_add_ms(ktime_get(), 60000);
	s64 ms = 0;
	int err = 0;
	u32 tx;

	check_int(xs_transaction_start(other, &tx), 0, "a transaction is open");
	xs_write(h, NO_TX, HERE "/m", "first", 5);
	while (!err && ktime_before(ktime_get(), give_up)) {
		char buf[16];

		began = ktime_get();
		err = xs_read(h, NO_TX, HERE "/m", buf, sizeof(buf));
		ms = ktime_ms_delta(ktime_get(), began);
		if (err == 5)
			err = 0;
		msleep(20);
	}
	check_int(err, -ETIMEDOUT, "a call to a mute store times out");
	check(ms >= 2900 && ms < 5000, "after 3 s (%lld ms)", ms);
	check(start(&w, killed_start), "a thread that is killed while it opens a transaction");
	join(&w);
	check_int(w.err, -EINTR, "it waits for no store");
	check(start(&w, killed_write), "one that is killed with a message in the ring's way");
	join(&w);
	check_int(w.err, -EINTR, "nor does that");
	xs_close(other);
	do {
		err = xs_write(h, NO_TX, HERE "/m", "second", 6);
	} while (err == -ETIMEDOUT && ktime_before(ktime_get(), give_up));
	check_int(err, 0, "when the store goes on, calls do too");
	check(holds(h, NO_TX, HERE "/m", "second"), "and the answers are theirs");
	xs_close(h);
}

const struct test thread_tests[] = {
	{ "threads", test_threads },
	{ "killed", test_killed },
	{ "mute_store", test_mute_store },
	{}
};
