// SPDX-License-Identifier: GPL-2.0
/*
 * many.c - tests of many things at once: operations, watches, names in a directory; and of
 * transactions that are run again. Run by test/lab/many.sh, whose dom0 half makes "huge".
 */
#include <linux/atomic.h>
#include <linux/bitmap.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <xen/interface/io/xs_wire.h>
#include "xs_test.h"

#define MOMENT_MS	50
#define BURST_MAX	64
#define RUNS_MAX	32	/* of one transaction, see xs_transaction() */

/* ---- bursts ----------------------------------------------------------------------------- */

struct burst;

/**
 * struct job - one operation of a burst, and what must come of it
 * @burst: what it belongs to
 * @want: its result
 * @calls: how often its done() was called
 * @path: its node
 * @buf: what it reads into or writes from; the last byte stays as it was
 */
struct job {
	struct burst *burst;
	int want;
	atomic_t calls;
	char path[48];
	char buf[32];
};

/**
 * struct burst - operations that are submitted together
 * @n: how many
 * @left: how many are not done
 * @done: all are
 * @op: the operations
 * @job: what belongs to each
 */
struct burst {
	unsigned int n;
	atomic_t left;
	struct completion done;
	struct xs_op op[BURST_MAX];
	struct job job[BURST_MAX];
};

static void on_done(struct xs_op *op)
{
	struct job *job = op->ctx;

	atomic_inc(&job->calls);
	if (atomic_dec_and_test(&job->burst->left))
		complete(&job->burst->done);
}

static struct xs_op *set_job(struct burst *b, unsigned int i, enum xs_op_type type,
			     const char *path, int want)
{
	struct job *job = &b->job[i];
	struct xs_op *op = &b->op[i];

	strscpy(job->path, path, sizeof(job->path));
	memset(job->buf, '#', sizeof(job->buf));
	job->burst = b;
	job->want = want;
	atomic_set(&job->calls, 0);
	*op = (struct xs_op){
		.type = type, .path = job->path, .done = on_done, .ctx = job, .result = 4711,
		.buf = job->buf, .size = sizeof(job->buf) - 1,
	};
	return op;
}

enum kind { OLD, MISSING, TOO_LONG, NAMES, NEW, MADE, REMOVED, FORBIDDEN, KINDS };

/* Operation @i of a burst that is told apart by @tag; its node is made where it needs one. */
static int prepare(struct xs_handle *h, struct burst *b, char tag, unsigned int i)
{
	enum kind kind = i % KINDS;
	char path[48], below[64], value[16];
	int len = snprintf(value, sizeof(value), "%c-%u", tag, i), err = 0;
	struct xs_op *op;

	snprintf(path, sizeof(path), HERE "/%c%u", tag, i);
	if (kind == OLD || kind == TOO_LONG || kind == REMOVED)
		err = xs_write(h, NO_TX, path, value, len);
	switch (kind) {
	case OLD:
		set_job(b, i, XS_OP_READ, path, len);
		break;
	case MISSING:
		set_job(b, i, XS_OP_READ, path, -ENOENT);
		break;
	case TOO_LONG:
		op = set_job(b, i, XS_OP_READ, path, -ENOBUFS);
		op->size = len - 1;
		break;
	case NAMES:
		snprintf(below, sizeof(below), "%s/%s", path, value);
		err = xs_mkdir(h, NO_TX, below);
		set_job(b, i, XS_OP_DIRECTORY, path, len + 1);
		break;
	case NEW:
		op = set_job(b, i, XS_OP_WRITE, path, 0);
		memcpy(op->buf, value, len);
		op->size = len;
		break;
	case MADE:
		set_job(b, i, XS_OP_MKDIR, path, 0);
		break;
	case REMOVED:
		set_job(b, i, XS_OP_RM, path, 0);
		break;
	default:
		op = set_job(b, i, XS_OP_WRITE, "name", -EACCES);
		op->size = 1;
		break;
	}
	return err;
}

/* Is what it has read right, or what it has done to be seen? */
static bool outcome_right(struct xs_handle *h, const struct job *job, char tag, unsigned int i)
{
	char value[16];
	int len = snprintf(value, sizeof(value), "%c-%u", tag, i);

	if (job->buf[sizeof(job->buf) - 1] != '#')
		return false;
	switch ((enum kind)(i % KINDS)) {
	case OLD:
		return !memcmp(job->buf, value, len) && job->buf[len] == '#';
	case TOO_LONG:
		return job->buf[len - 1] == '#';
	case NAMES:
		return !memcmp(job->buf, value, len + 1) && job->buf[len + 1] == '#';
	case NEW:
		return holds(h, NO_TX, job->path, value);
	case MADE:
		return xs_exists(h, NO_TX, job->path) == 1;
	case REMOVED:
		return xs_exists(h, NO_TX, job->path) == 0;
	default:
		return true;
	}
}

static struct burst *burst_new(struct xs_handle *h, char tag, unsigned int n)
{
	struct burst *b = kzalloc(sizeof(*b), GFP_KERNEL);
	unsigned int i;
	int err = b ? 0 : -ENOMEM;

	for (i = 0; i < n && !err; i++)
		err = prepare(h, b, tag, i);
	if (err) {
		check_int(err, 0, "%u operations are prepared", n);
		kfree(b);
		return NULL;
	}
	b->n = n;
	atomic_set(&b->left, n);
	init_completion(&b->done);
	return b;
}

/* Waits for it, looks at all that came of it, and frees it. */
static void burst_judge(struct xs_handle *h, struct burst *b, char tag)
{
	unsigned int i, once = 0, right = 0, seen = 0;

	if (!check(wait_for_completion_timeout(&b->done, PATIENCE) > 0,
		   "burst %c: all %u operations are done", tag, b->n))
		return;		/* and lose the memory: the module may still write to it */
	msleep(MOMENT_MS);
	for (i = 0; i < b->n; i++) {
		once += atomic_read(&b->job[i].calls) == 1;
		right += b->op[i].result == b->job[i].want;
		seen += outcome_right(h, &b->job[i], tag, i);
		if (b->op[i].result != b->job[i].want)
			note("operation %u, kind %u: %d, want %d", i, i % KINDS, b->op[i].result,
			     b->job[i].want);
	}
	check_int(once, b->n, "burst %c: each done() was called, once", tag);
	check_int(right, b->n, "burst %c: each has its own result", tag);
	check_int(seen, b->n, "burst %c: what was read and done is right", tag);
	kfree(b);
}

static void submit_and_judge(struct xs_handle *h, char tag, unsigned int n)
{
	struct burst *b = burst_new(h, tag, n);

	if (!b)
		return;
	if (check_int(xs_submit(h, b->op, n), 0, "%u operations in one xs_submit()", n))
		burst_judge(h, b, tag);
	else
		kfree(b);
}

static void test_submit(void)
{
	struct xs_handle *h = open_clean();

	submit_and_judge(h, 'a', 1);
	submit_and_judge(h, 'b', 16);
	submit_and_judge(h, 'c', BURST_MAX);
	check_int(xs_submit(h, NULL, 0), 0, "no operation at all");
	xs_close(h);
}

static void test_submit_transaction(void)
{
	struct xs_handle *h = open_clean();
	struct burst *b = burst_new(h, 't', 16);
	unsigned int i;
	u32 tx;

	if (!b)
		goto out;
	check_int(xs_transaction_start(h, &tx), 0, "a transaction is started");
	for (i = 0; i < b->n; i++)
		b->op[i].tx = tx;
	check_int(xs_submit(h, b->op, b->n), 0, "16 operations in it");
	if (wait_for_completion_timeout(&b->done, PATIENCE))
		complete(&b->done);	/* for burst_judge() */
	check_int(xs_exists(h, NO_TX, b->job[NEW].path), 0, "nothing is seen before the end");
	check_int(xs_transaction_end(h, tx, true), 0, "it is committed");
	burst_judge(h, b, 't');
out:
	xs_close(h);
}

/* A whole burst is refused for one bad operation of it. */
static void check_refused(struct xs_handle *h, struct burst *b, int want, const char *what)
{
	unsigned int i, calls = 0;

	check_int(xs_submit(h, b->op, b->n), want, "refused: %s", what);
	msleep(MOMENT_MS);
	for (i = 0; i < b->n; i++)
		calls += atomic_read(&b->job[i].calls);
	check_int(calls, 0, "no done() is called");
	check_int(xs_exists(h, NO_TX, HERE "/refused"), 0, "nothing is done");
}

static struct xs_op *refusal(struct burst *b)
{
	unsigned int i;

	b->n = 3;
	for (i = 0; i < b->n; i++)
		set_job(b, i, XS_OP_WRITE, HERE "/refused", 0);
	return &b->op[2];
}

static void test_submit_refused(void)
{
	struct xs_handle *h = open_clean(), *other = xs_open("other");
	struct burst *b = kzalloc(sizeof(*b), GFP_KERNEL);
	u32 tx = 0;

	if (!b)
		goto out;
	refusal(b)->type = XS_OP_RM + 1;
	check_refused(h, b, -EINVAL, "an unknown type");
	refusal(b)->done = NULL;
	check_refused(h, b, -EINVAL, "no done()");
	refusal(b)->path = HERE "//x";
	check_refused(h, b, -EINVAL, "a bad path");
	refusal(b)->path = "";
	check_refused(h, b, -EINVAL, "an empty path");
	refusal(b)->size = XENSTORE_PAYLOAD_MAX;
	check_refused(h, b, -E2BIG, "more than a message holds");
	refusal(b)->size = SIZE_MAX;
	check_refused(h, b, -E2BIG, "more than there is memory");
	refusal(b)->tx = 4711;
	check_refused(h, b, -EINVAL, "a transaction that nobody has");
	xs_transaction_start(other, &tx);
	refusal(b)->tx = tx;
	check_refused(h, b, -EINVAL, "another handle's transaction");
	kfree(b);
out:
	xs_close(other);
	xs_close(h);
}

static void test_read_many(void)
{
	enum { MANY = 32, GONE = 20 };
	struct xs_handle *h = open_clean();
	struct burst *b = kzalloc(sizeof(*b), GFP_KERNEL);
	unsigned int i, right = 0;
	char path[48];

	if (!b)
		goto out;
	for (i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), HERE "/r%u", i);
		xs_printf(h, NO_TX, path, "%u", i * 1001);
		set_job(b, i, XS_OP_RM, path, snprintf(NULL, 0, "%u", i * 1001));
	}
	check_int(xs_read_many(h, NO_TX, b->op, MANY), 0, "32 nodes are read");
	for (i = 0; i < MANY; i++) {
		snprintf(path, sizeof(path), "%u", i * 1001);
		right += b->op[i].result == b->job[i].want &&
			 !memcmp(b->job[i].buf, path, b->op[i].result);
	}
	check_int(right, MANY, "each has its own value");

	xs_rm(h, NO_TX, b->op[GONE].path);
	check_int(xs_read_many(h, NO_TX, b->op, MANY), -ENOENT, "one of them is missing");
	for (i = 0, right = 0; i < MANY; i++)
		right += b->op[i].result == (i == GONE ? -ENOENT : b->job[i].want);
	check_int(right, MANY, "the others are read");
	b->op[GONE + 1].size = 1;
	check_int(xs_read_many(h, NO_TX, b->op, MANY), -ENOENT, "the first error of two counts");
	check_int(b->op[GONE + 1].result, -ENOBUFS, "the second has its own");
	b->op[3].path = "a b";
	check_int(xs_read_many(h, NO_TX, b->op, MANY), -EINVAL, "a bad path among them");
	check_int(xs_read_many(h, NO_TX, NULL, 0), 0, "none at all");
	kfree(b);
out:
	xs_close(h);
}

/* ---- watches ---------------------------------------------------------------------------- */

#define WATCHES		60
#define WATCHES_OVER	140	/* more than a server allows a guest (128 or 100) */

static DECLARE_WAIT_QUEUE_HEAD(told);

static void count_call(void *ctx, const char *path, bool again)
{
	atomic_inc((atomic_t *)ctx);
	wake_up_all(&told);
}

/**
 * struct ear - one of many watches
 * @calls: of its callback
 * @astray: how many of them were not about its path
 * @path: its path
 */
struct ear {
	atomic_t calls, astray;
	char path[32];
};

/**
 * struct crowd - many watches
 * @spec: what xs_watch_many() gets
 * @ear: what belongs to each
 */
struct crowd {
	struct xs_watch_spec spec[WATCHES_OVER];
	struct ear ear[WATCHES_OVER];
};

static void on_crowd(void *ctx, const char *path, bool again)
{
	struct ear *ear = ctx;

	if (again || strcmp(path, ear->path))
		atomic_inc(&ear->astray);
	count_call(&ear->calls, path, again);
}

/* Each has a path of its own, but the last two of WATCHES share one. */
static struct crowd *crowd_new(void)
{
	struct crowd *c = kzalloc(sizeof(*c), GFP_KERNEL);
	unsigned int i;

	for (i = 0; c && i < WATCHES_OVER; i++) {
		snprintf(c->ear[i].path, sizeof(c->ear[i].path), HERE "/w%u",
			 i == WATCHES - 1 ? i - 1 : i);
		c->spec[i] = (struct xs_watch_spec){
			c->ear[i].path, on_crowd, &c->ear[i], ERR_PTR(-EUCLEAN),
		};
	}
	return c;
}

static bool called(struct crowd *c, unsigned int i, int times)
{
	return wait_event_timeout(told, atomic_read(&c->ear[i].calls) >= times, PATIENCE) > 0;
}

/* How many of the first @n were called just @times times. */
static unsigned int count_called(const struct crowd *c, unsigned int n, int times)
{
	unsigned int i, count = 0;

	for (i = 0; i < n; i++)
		count += atomic_read(&c->ear[i].calls) == times;
	return count;
}

static unsigned int count_astray(const struct crowd *c, unsigned int n)
{
	unsigned int i, count = 0;

	for (i = 0; i < n; i++)
		count += atomic_read(&c->ear[i].astray);
	return count;
}

static unsigned int count_null(const struct crowd *c, unsigned int n)
{
	unsigned int i, count = 0;

	for (i = 0; i < n; i++)
		count += !c->spec[i].watch;
	return count;
}

static void test_watch_many(void)
{
	struct xs_handle *h = open_clean();
	struct crowd *c = crowd_new();
	unsigned int i, n = 0;

	if (!c || !check_int(xs_watch_many(h, c->spec, WATCHES), 0, "60 watches at once"))
		goto out;
	for (i = 0; i < WATCHES; i++)
		n += called(c, i, 1);
	check_int(n, WATCHES, "each gets its first event");
	msleep(MOMENT_MS);
	/* One that joins a watch just set may get ours and the server's: see xs_subscribe(). */
	check_int(count_called(c, WATCHES - 1, 1), WATCHES - 1, "and no second one");
	for (i = 0; i < WATCHES; i++)
		atomic_set(&c->ear[i].calls, 0);
	for (i = 0; i < WATCHES - 1; i++)
		xs_write(h, NO_TX, c->ear[i].path, "x", 1);
	for (i = 0, n = 0; i < WATCHES; i++)
		n += called(c, i, 1);
	check_int(n, WATCHES, "each is told of a change, both that share a path too");
	msleep(MOMENT_MS);
	check_int(count_called(c, WATCHES, 1), WATCHES, "of one change each");
	for (i = 0; i < WATCHES / 2; i++)
		xs_unwatch(c->spec[2 * i].watch);
	for (i = 0; i < WATCHES - 1; i++)
		xs_write(h, NO_TX, c->ear[i].path, "y", 1);
	for (i = 1, n = 0; i < WATCHES; i += 2)
		n += called(c, i, 2);
	check_int(n, WATCHES / 2, "half of them are ended, the others go on");
	msleep(MOMENT_MS);
	check_int(count_called(c, WATCHES, 1), WATCHES / 2, "and those that are ended do not");
	check_int(count_astray(c, WATCHES), 0, "each was told of its own path, and no other");
	check_int(xs_watch_many(h, NULL, 0), 0, "no watch at all");
out:
	xs_close(h);
	kfree(c);
}

/* None is set where one cannot be: neither before it nor behind it. */
static void check_none_set(struct xs_handle *h, struct crowd *c, unsigned int n)
{
	struct xs_watch *fence;
	unsigned int i, calls;
	atomic_t fenced = ATOMIC_INIT(0);

	check_int(count_null(c, n), n, "each watch is NULL");
	for (i = 0; i < n; i++)
		atomic_set(&c->ear[i].calls, 0);
	fence = xs_watch(h, HERE, count_call, &fenced);
	for (i = 0; i < 20; i++)
		xs_write(h, NO_TX, c->ear[i].path, "x", 1);
	wait_event_timeout(told, atomic_read(&fenced) > 1, PATIENCE);
	msleep(MOMENT_MS);
	xs_unwatch(fence);
	for (i = 0, calls = 0; i < n; i++)
		calls += atomic_read(&c->ear[i].calls);
	check(calls == 0 && atomic_read(&fenced) > 1, "and no callback is called (%u, fence %d)",
	      calls, atomic_read(&fenced));
}

static void test_watch_many_refused(void)
{
	struct xs_handle *h = open_clean();
	struct crowd *c = crowd_new();
	int err;

	if (!c)
		goto out;
	c->spec[6].path = "a b";
	check_int(xs_watch_many(h, c->spec, 20), -EINVAL, "20 watches, one on a bad path");
	check_none_set(h, c, 20);
	kfree(c);

	c = crowd_new();
	if (!c)
		goto out;
	err = xs_watch_many(h, c->spec, WATCHES_OVER);
	check(err < 0, "140 watches are over the store's quota (%d)", err);
	check_none_set(h, c, WATCHES_OVER);
	check_int(xs_watch_many(h, c->spec, WATCHES), 0, "after that 60 can be set");
out:
	xs_close(h);
	kfree(c);
}

static void test_watch_depth(void)
{
	struct xs_handle *h = open_clean();
	atomic_t calls[3] = { };
	static const unsigned int depth[] = { 0, 1, XS_DEPTH_ALL };
	struct xs_watch *w[3];
	int i, n;

	for (i = 0; i < 3; i++) {
		w[i] = xs_watch_depth(h, HERE "/w", depth[i], count_call, &calls[i]);
		check_int(PTR_ERR_OR_ZERO(w[i]), 0, "a watch of depth %d", (int)depth[i]);
		check(wait_event_timeout(told, atomic_read(&calls[i]) > 0, PATIENCE) > 0,
		      "its first event");
	}
	xs_write(h, NO_TX, HERE "/w", "x", 1);
	for (i = 0, n = 0; i < 3; i++)
		n += wait_event_timeout(told, atomic_read(&calls[i]) > 1, PATIENCE) > 0;
	check_int(n, 3, "all are told of the path itself");
	xs_write(h, NO_TX, HERE "/w/x", "x", 1);
	for (i = 1, n = 0; i < 3; i++)
		n += wait_event_timeout(told, atomic_read(&calls[i]) > 2, PATIENCE) > 0;
	check_int(n, 2, "those of depth 1 and more are told of a child");
	msleep(MOMENT_MS);
	note("this server %s depths", atomic_read(&calls[0]) > 2 ? "knows no" : "knows");
	for (i = 0; i < 3; i++)
		xs_unwatch(w[i]);
	xs_close(h);
}

/* ---- transactions that are run again ---------------------------------------------------- */

/**
 * struct spoil - what is done in a transaction, and who spoils it
 * @other: somebody else
 * @runs: how often it was run
 * @times: how many runs the other spoils
 * @fail_at: the run in which it fails; 0 for none
 * @err: with what
 */
struct spoil {
	struct xs_handle *other;
	int runs, times, fail_at, err;
};

static int spoiled(struct xs_handle *h, u32 tx, void *ctx)
{
	struct spoil *s = ctx;
	char buf[16];
	int err;

	s->runs++;
	err = xs_read(h, tx, HERE "/k", buf, sizeof(buf));
	if (err < 0)
		return err;
	err = xs_printf(h, tx, HERE "/out", "run %d", s->runs);
	if (!err && s->runs <= s->times)
		err = xs_printf(s->other, NO_TX, HERE "/k", "spoiled %d", s->runs);
	return s->runs == s->fail_at ? s->err : err;
}

static void check_run(struct xs_handle *h, struct spoil s, int want, int runs, const char *what)
{
	char seen[16];
	int err;

	xs_rm(h, NO_TX, HERE "/out");
	err = xs_transaction(h, spoiled, &s);
	check_int(err, want, "xs_transaction(): %s", what);
	check_int(s.runs, runs, "it has run %d times", runs);
	snprintf(seen, sizeof(seen), "run %d", runs);
	if (want)
		check_int(xs_exists(h, NO_TX, HERE "/out"), 0, "nothing of it is seen");
	else
		check(holds(h, NO_TX, HERE "/out", seen), "what the last run did is seen");
}

static void test_transaction_run(void)
{
	struct xs_handle *h = open_clean(), *other = xs_open("other");
	unsigned long began;

	xs_write(h, NO_TX, HERE "/k", "k", 1);
	check_run(h, (struct spoil){ other }, 0, 1, "nobody spoils it");
	check_run(h, (struct spoil){ other, .times = 3 }, 0, 4, "three runs are spoiled");
	check_run(h, (struct spoil){ other, .fail_at = 1, .err = -EPERM }, -EPERM, 1,
		  "it fails by itself");
	check_run(h, (struct spoil){ other, .times = 2, .fail_at = 2, .err = -EPERM }, -EPERM, 2,
		  "it fails in the second run");
	check_run(h, (struct spoil){ other, .fail_at = 1, .err = -EAGAIN }, 0, 2,
		  "it asks to be run again");
	began = jiffies;
	check_run(h, (struct spoil){ other, .times = INT_MAX }, -EAGAIN, RUNS_MAX,
		  "every run is spoiled");
	note("%d runs in %u ms", RUNS_MAX, jiffies_to_msecs(jiffies - began));
	check_run(h, (struct spoil){ other }, 0, 1, "after that, nobody spoils it");
	xs_close(other);
	xs_close(h);
}

/* ---- nodes ------------------------------------------------------------------------------ */

static void test_exists(void)
{
	struct xs_handle *h = open_clean();
	char *value = kzalloc(1024, GFP_KERNEL);
	u32 tx;

	check_int(xs_exists(h, NO_TX, HERE "/none"), 0, "a node that is not there");
	check_int(xs_exists(h, NO_TX, HERE "/none/below"), 0, "nor its parent");
	xs_mkdir(h, NO_TX, HERE "/empty");
	check_int(xs_exists(h, NO_TX, HERE "/empty"), 1, "an empty one");
	xs_write(h, NO_TX, HERE "/short", "x", 1);
	check_int(xs_exists(h, NO_TX, HERE "/short"), 1, "one of one byte");
	xs_write(h, NO_TX, HERE "/long", value, value ? 1024 : 0);
	check_int(xs_exists(h, NO_TX, HERE "/long"), 1, "one of 1024 bytes");
	check_int(xs_exists(h, NO_TX, "/local/domain/0/name"), -EACCES,
		  "one that we may not read");
	check_int(xs_exists(h, NO_TX, "a b"), -EINVAL, "a bad path");
	check_int(xs_transaction_start(h, &tx), 0, "a transaction is started");
	xs_rm(h, tx, HERE "/short");
	check_int(xs_exists(h, tx, HERE "/short"), 0, "in it a node has gone");
	check_int(xs_exists(h, NO_TX, HERE "/short"), 1, "outside of it, it is there");
	check_int(xs_transaction_end(h, tx, false), 0, "it is rolled back");
	check_int(xs_exists(h, 4711, HERE "/short"), -EINVAL, "no such transaction");
	kfree(value);
	xs_close(h);
}

/* What one handle has goes on when another one, which has the same, is closed. */
static void test_two_handles(void)
{
	struct xs_handle *a = open_clean(), *b = xs_open("second");
	struct burst *one = burst_new(a, 'a', BURST_MAX), *two = burst_new(b, 'b', BURST_MAX);
	atomic_t calls_a = ATOMIC_INIT(0), calls_b = ATOMIC_INIT(0);
	struct xs_watch *wa, *wb;
	u32 ta = 0, tb = 0;
	int seen;

	if (!one || !two) {
		kfree(one);
		kfree(two);
		goto out;
	}
	check_int(xs_submit(a, one->op, one->n), 0, "64 operations with one handle");
	check_int(xs_submit(b, two->op, two->n), 0, "64 with another at the same time");
	burst_judge(a, one, 'a');
	burst_judge(b, two, 'b');

	/* Not made later: that would change HERE, which the transactions change as well. */
	xs_mkdir(a, NO_TX, HERE "/w");
	wa = xs_watch(a, HERE "/w", count_call, &calls_a);
	wb = xs_watch(b, HERE "/w", count_call, &calls_b);
	check(!IS_ERR(wa) && !IS_ERR(wb), "both watch one path");
	check_int(xs_transaction_start(a, &ta), 0, "the one starts a transaction");
	check_int(xs_transaction_start(b, &tb), 0, "so does the other");
	check(ta != tb, "they are two");
	xs_write(a, ta, HERE "/by-a", "a", 1);
	xs_write(b, tb, HERE "/by-b", "b", 1);
	check(wait_event_timeout(told, atomic_read(&calls_a) && atomic_read(&calls_b),
				 PATIENCE) > 0, "both watches have their first event");
	xs_close(b);
	b = NULL;
	seen = atomic_read(&calls_b);
	xs_write(a, NO_TX, HERE "/w", "x", 1);
	check(wait_event_timeout(told, atomic_read(&calls_a) > 1, PATIENCE) > 0,
	      "the other is closed: the one's watch goes on");
	msleep(MOMENT_MS);
	check_int(atomic_read(&calls_b), seen, "and the other's does not");
	check_int(xs_transaction_end(a, ta, true), 0, "the one's transaction is committed");
	check(holds(a, NO_TX, HERE "/by-a", "a"), "what it wrote is there");
	check_int(xs_exists(a, NO_TX, HERE "/by-b"), 0, "what the other's wrote is not");
out:
	xs_close(b);
	xs_close(a);
}

/* ---- long directories ------------------------------------------------------------------- */

#define HUGE		3000	/* names that dom0's half makes in "huge" */
#define GROWN		(HUGE + 12)	/* as many more are enough */

/* Are its names node-0, node-1, …, each of them once and none left out? */
static bool whole(const struct xs_list *list)
{
	unsigned long *seen = bitmap_zalloc(list->count, GFP_KERNEL);
	unsigned int n = 0, i;
	const char *name;

	if (!seen)
		return false;
	xs_list_for_each(name, list)
		if (!strncmp(name, "node-", 5) && !kstrtouint(name + 5, 10, &i) &&
		    i < list->count && !test_and_set_bit(i, seen))
			n++;
	bitmap_free(seen);
	return n == list->count;
}

static bool is_huge(struct xs_handle *h, u32 tx)
{
	struct xs_list list = { };
	int err = xs_directory(h, tx, "huge", &list);
	bool good = !err && list.count == HUGE && whole(&list);

	if (!good)
		note("error %d, %u names", err, list.count);
	xs_list_free(&list);
	return good;
}

/* Where the server gives no parts, the answer is E2BIG and never a part of the names. */
static bool gives_parts(struct xs_handle *h)
{
	struct xs_list list = { .count = 4711 };

	if (xs_directory(h, NO_TX, "huge", &list) != -E2BIG) {
		xs_list_free(&list);
		return true;
	}
	check_int(list.count, 4711, "this server gives no parts: E2BIG, and no list");
	return false;
}

static void test_huge_directory(void)
{
	struct xs_handle *h = xs_open("xs_test");
	u32 tx;

	if (gives_parts(h)) {
		check(is_huge(h, NO_TX), "%d names, each of them once", HUGE);
		check_int(xs_transaction_start(h, &tx), 0, "a transaction is started");
		check(is_huge(h, tx), "in it, too");
		check_int(xs_transaction_end(h, tx, true), 0, "it is committed");
	}
	xs_close(h);
}

/* dom0's half makes one name after the other meanwhile. */
static void test_growing_directory(void)
{
	unsigned long end = jiffies + 4 * PATIENCE, began, longest = 0;
	unsigned int lists = 0, torn = 0, tired = 0, grown = 0, last = HUGE;
	struct xs_handle *h = xs_open("xs_test");
	int err = 0;

	if (!gives_parts(h))
		goto out;
	while (time_before(jiffies, end) && (last < GROWN || grown < 2) &&
	       (!err || err == -EAGAIN)) {
		struct xs_list list = { };

		began = jiffies;
		err = xs_directory(h, NO_TX, "huge", &list);
		longest = max(longest, jiffies - began);
		lists++;
		tired += err == -EAGAIN;
		if (!err) {
			torn += list.count < last || !whole(&list);
			grown += list.count > last;
			last = list.count;
		}
		xs_list_free(&list);
	}
	check(!err || err == -EAGAIN, "a directory that grows is listed again and again (%d)",
	      err);
	check(last >= GROWN, "until it has grown by %d names (%u)", GROWN - HUGE,
	      last - HUGE);
	check_int(torn, 0, "each list was one that the directory had at some time");
	check(grown > 1, "the growth was seen in steps (%u)", grown);
	check(longest < 4 * PATIENCE, "no call took long (%u ms)", jiffies_to_msecs(longest));
	note("%u lists, %u of them ended with EAGAIN", lists, tired);
out:
	xs_close(h);
}

/* dom0's half makes it another one at each look: the call gives up, and does not go on for ever. */
static void test_restless_directory(void)
{
	struct xs_handle *h = xs_open("xs_test");
	struct xs_list list = { .count = 4711 };
	unsigned long began = jiffies;
	int err;

	if (gives_parts(h)) {
		err = xs_directory(h, NO_TX, "huge", &list);
		check_int(err, -EAGAIN, "the list of a directory that never rests is given up");
		check_int(list.count, 4711, "and none is returned");
		check(jiffies - began < 4 * PATIENCE, "in time (%u ms)",
		      jiffies_to_msecs(jiffies - began));
	}
	xs_close(h);
}

/* The store has part after part of it, each in good time (test/prog/rogue_store.c). */
static void test_endless_directory(void)
{
	struct xs_handle *h = xs_open("xs_test");
	struct xs_list list = { .count = 4711 };
	unsigned long began = jiffies;

	check_int(xs_directory(h, NO_TX, "rogue/endless", &list), -ETIMEDOUT,
		  "all parts of a directory have one deadline");
	check_int(list.count, 4711, "and no list is returned");
	check(jiffies - began < 4 * PATIENCE, "in time (%u ms)", jiffies_to_msecs(jiffies - began));
	xs_close(h);
}

const struct test many_tests[] = {
	{ "submit", test_submit },
	{ "submit_transaction", test_submit_transaction },
	{ "submit_refused", test_submit_refused },
	{ "read_many", test_read_many },
	{ "watch_many", test_watch_many },
	{ "watch_many_refused", test_watch_many_refused },
	{ "watch_depth", test_watch_depth },
	{ "transaction_run", test_transaction_run },
	{ "exists", test_exists },
	{ "two_handles", test_two_handles },
	{ "huge_directory", test_huge_directory },
	{ "growing_directory", test_growing_directory },
	{ "restless_directory", test_restless_directory },
	{ "endless_directory", test_endless_directory },
	{}
};
