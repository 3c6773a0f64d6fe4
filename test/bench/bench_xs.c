// SPDX-License-Identifier: GPL-2.0
/*
 * bench_xs.c - the calls of include/xsfront.h at the work of bench_kernel.c, row by row, and at
 * what only this module has: many operations at once.
 *
 *   rows ── xs_read(), xs_write(), xs_read_many(), … ──▶ xsfront.ko ──▶ store
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <xsfront.h>
#include "bench.h"

#define MANY_MAX	32

static char *rows = "";
module_param(rows, charp, 0444);
MODULE_PARM_DESC(rows, "names of rows, parted by commas (default: all)");

static char *side = "xs";
module_param(side, charp, 0444);
MODULE_PARM_DESC(side, "what to call this side (default: xs)");

static struct xs_handle *store;

static int read_one(void *ctx)
{
	char value[32];
	int len = xs_read(store, XS_NO_TRANSACTION, BENCH_DIR "/value", value, sizeof(value));

	if (len < 0)
		return len;
	return len == strlen(BENCH_VALUE) ? 0 : -EPROTO;
}

static int write_value(void *ctx)
{
	return xs_write(store, XS_NO_TRANSACTION, BENCH_DIR "/value", BENCH_VALUE,
			strlen(BENCH_VALUE));
}

static char long_value[BENCH_LONG];

static int fill_long(void *ctx)
{
	memset(long_value, 'x', BENCH_LONG);
	return 0;
}

static int write_long(void *ctx)
{
	return xs_write(store, XS_NO_TRANSACTION, BENCH_DIR "/long", long_value, BENCH_LONG);
}

static int make_names(void *ctx)
{
	char path[32];
	int i, err = 0;

	for (i = 0; i < BENCH_NAMES && !err; i++) {
		snprintf(path, sizeof(path), BENCH_DIR "/names/n%d", i);
		err = xs_mkdir(store, XS_NO_TRANSACTION, path);
	}
	return err;
}

static int list_names(void *ctx)
{
	struct xs_list names;
	unsigned int n;
	int err = xs_directory(store, XS_NO_TRANSACTION, BENCH_DIR "/names", &names);

	if (err)
		return err;
	n = names.count;
	xs_list_free(&names);
	return n == BENCH_NAMES ? 0 : -EPROTO;
}

/* All three in one flight; none is committed where one has failed. */
static int write_keys(struct xs_handle *h, u32 tx, void *ctx)
{
	static const char *const key[] = {
		BENCH_DIR "/key-a", BENCH_DIR "/key-b", BENCH_DIR "/key-c",
	};
	static char value[] = BENCH_VALUE;
	static struct xs_op write[ARRAY_SIZE(key)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(key); i++) {
		write[i].type = XS_OP_WRITE;
		write[i].tx = tx;
		write[i].path = key[i];
		write[i].buf = value;
		write[i].size = strlen(value);
	}
	return xs_do_many(h, write, ARRAY_SIZE(key));
}

static int transaction(void *ctx)
{
	return xs_transaction(store, write_keys, NULL);
}

/* ---- many at once ----------------------------------------------------------------------- */

static struct xs_op ops[MANY_MAX];
static char values[MANY_MAX][32];

static int read_many(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		ops[i].path = BENCH_DIR "/value";
		ops[i].buf = values[i];
		ops[i].size = sizeof(values[i]);
	}
	return xs_read_many(store, XS_NO_TRANSACTION, ops, n);
}

static int read_16(void *ctx)
{
	return read_many(16);
}

static int read_32(void *ctx)
{
	return read_many(32);
}

static struct bench_crew *crew;

static int read_for_crew(unsigned int who)
{
	return read_one(NULL);
}

static int crew_start(void *ctx)
{
	crew = bench_crew_start(read_for_crew);
	return PTR_ERR_OR_ZERO(crew);
}

static int crew_run(void *ctx)
{
	return bench_crew_run(crew);
}

static void crew_stop(void *ctx)
{
	bench_crew_stop(crew);
	crew = NULL;
}

/* ---- watches ---------------------------------------------------------------------------- */

static DECLARE_COMPLETION(seen);
static struct xs_watch *watch;

static void on_watch(void *ctx, const char *path, bool again)
{
	complete(&seen);
}

static int wait_seen(void)
{
	return wait_for_completion_timeout(&seen, 10 * HZ) ? 0 : -ETIMEDOUT;
}

static int watch_begin(void *ctx)
{
	reinit_completion(&seen);
	watch = xs_watch(store, BENCH_DIR "/watched", on_watch, NULL);
	return IS_ERR(watch) ? PTR_ERR(watch) : wait_seen();
}

static void watch_end(void *ctx)
{
	xs_unwatch(watch);
}

static int watch_once(void *ctx)
{
	int err = watch_begin(ctx);

	watch_end(ctx);
	return err;
}

static int write_watched(void *ctx)
{
	int err;

	reinit_completion(&seen);
	err = xs_write(store, XS_NO_TRANSACTION, BENCH_DIR "/watched", BENCH_VALUE,
		       strlen(BENCH_VALUE));
	return err ? err : wait_seen();
}

/* Many at once: all are set, each has its first event, all are ended. */
static struct xs_watch_spec many[BENCH_WATCHES];
static char many_path[BENCH_WATCHES][32];
static atomic_t to_come;

static void on_many(void *ctx, const char *path, bool again)
{
	if (atomic_dec_and_test(&to_come))
		complete(&seen);
}

static int name_many(void *ctx)
{
	unsigned int i;

	for (i = 0; i < BENCH_WATCHES; i++) {
		snprintf(many_path[i], sizeof(many_path[i]), BENCH_DIR "/many-%u", i);
		many[i].path = many_path[i];
		many[i].fn = on_many;
	}
	return 0;
}

static int watch_many(unsigned int n)
{
	int err;

	reinit_completion(&seen);
	atomic_set(&to_come, n);
	err = xs_watch_many(store, many, n);
	if (err)
		return err;
	err = wait_seen();
	while (n--)
		xs_unwatch(many[n].watch);
	return err;
}

static int watch_20(void *ctx)
{
	return watch_many(20);
}

static int watch_all(void *ctx)
{
	return watch_many(BENCH_WATCHES);
}

static const struct bench_row all[] = {
	{ .name = "read", .ops = 1, .prepare = write_value, .run = read_one },
	{ .name = "read-16", .ops = 16, .run = read_16 },
	{ .name = "read-32", .ops = 32, .run = read_32 },
	{ .name = "write", .ops = 1, .run = write_value },
	{ .name = "write-2k", .ops = 1, .prepare = fill_long, .run = write_long },
	{ .name = "directory", .ops = 1, .prepare = make_names, .run = list_names },
	{ .name = "transaction", .ops = 1, .run = transaction },
	{ .name = "threads-16", .ops = BENCH_CREW, .prepare = crew_start, .run = crew_run,
	  .finish = crew_stop },
	{ .name = "watch-set", .ops = 1, .run = watch_once },
	{ .name = "watch-event", .ops = 1, .prepare = watch_begin, .run = write_watched,
	  .finish = watch_end },
	{ .name = "watches-20", .ops = 20, .prepare = name_many, .run = watch_20 },
	{ .name = "watches-120", .ops = BENCH_WATCHES, .prepare = name_many, .run = watch_all },
};

static int __init bench_xs_init(void)
{
	int err;

	store = xs_open("bench");
	if (IS_ERR(store))
		return PTR_ERR(store);
	err = bench_measure(side, rows, all, ARRAY_SIZE(all));
	xs_close(store);
	return err ? err : -ECANCELED;	/* nothing is left to stay for */
}
module_init(bench_xs_init);

MODULE_DESCRIPTION("make bench: the calls of xsfront.ko");
MODULE_AUTHOR("The xsfront developers");
MODULE_LICENSE("GPL");
