// SPDX-License-Identifier: GPL-2.0
/*
 * bench_kernel.c - the kernel's own xenbus at the work of bench_xs.c, row by row.
 *
 *   rows ── xenbus_read(), xenbus_write(), … ──▶ the kernel's xenbus ──▶ store
 *
 * Written as a driver would be that wants to be fast with what include/xen/xenbus.h offers. It has
 * no call for many operations at once: the nearest is many threads.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <xen/xenbus.h>
#include "bench.h"

static char *rows = "";
module_param(rows, charp, 0444);
MODULE_PARM_DESC(rows, "names of rows, parted by commas (default: all)");

static char *side = "kernel";
module_param(side, charp, 0444);
MODULE_PARM_DESC(side, "what to call this side (default: kernel)");

static int read_one(void *ctx)
{
	unsigned int len;
	void *value = xenbus_read(XBT_NIL, BENCH_DIR, "value", &len);

	if (IS_ERR(value))
		return PTR_ERR(value);
	kfree(value);
	return len == strlen(BENCH_VALUE) ? 0 : -EPROTO;
}

static int write_value(void *ctx)
{
	return xenbus_write(XBT_NIL, BENCH_DIR, "value", BENCH_VALUE);
}

static char long_value[BENCH_LONG + 1];

static int fill_long(void *ctx)
{
	memset(long_value, 'x', BENCH_LONG);
	return 0;
}

static int write_long(void *ctx)
{
	return xenbus_write(XBT_NIL, BENCH_DIR, "long", long_value);
}

static int make_names(void *ctx)
{
	char name[8];
	int i, err = 0;

	for (i = 0; i < BENCH_NAMES && !err; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		err = xenbus_mkdir(XBT_NIL, BENCH_DIR "/names", name);
	}
	return err;
}

static int list_names(void *ctx)
{
	unsigned int n;
	char **names = xenbus_directory(XBT_NIL, BENCH_DIR, "names", &n);

	if (IS_ERR(names))
		return PTR_ERR(names);
	kfree(names);
	return n == BENCH_NAMES ? 0 : -EPROTO;
}

static int transaction(void *ctx)
{
	static const char *const key[] = { "key-a", "key-b", "key-c" };
	struct xenbus_transaction xbt;
	int err, end;
	size_t i;

again:
	err = xenbus_transaction_start(&xbt);
	if (err)
		return err;
	for (i = 0; i < ARRAY_SIZE(key) && !err; i++)
		err = xenbus_write(xbt, BENCH_DIR, key[i], BENCH_VALUE);
	end = xenbus_transaction_end(xbt, err);
	if (!err && end == -EAGAIN)
		goto again;
	return err ? err : end;
}

/* ---- from threads ----------------------------------------------------------------------- */

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

static void on_watch(struct xenbus_watch *watch, const char *path, const char *token)
{
	complete(&seen);
}

static struct xenbus_watch watch = {
	.node = BENCH_DIR "/watched",
	.callback = on_watch,
};

static int wait_seen(void)
{
	return wait_for_completion_timeout(&seen, 10 * HZ) ? 0 : -ETIMEDOUT;
}

static int watch_begin(void *ctx)
{
	int err;

	reinit_completion(&seen);
	err = register_xenbus_watch(&watch);
	return err ? err : wait_seen();
}

static void watch_end(void *ctx)
{
	unregister_xenbus_watch(&watch);
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
	err = xenbus_write(XBT_NIL, BENCH_DIR, "watched", BENCH_VALUE);
	return err ? err : wait_seen();
}

/* Many at once: all are set, each has its first event, all are ended. */
static struct xenbus_watch many[BENCH_WATCHES];
static char many_path[BENCH_WATCHES][32];
static atomic_t to_come;

static void on_many(struct xenbus_watch *watch, const char *path, const char *token)
{
	if (atomic_dec_and_test(&to_come))
		complete(&seen);
}

static int name_many(void *ctx)
{
	unsigned int i;

	for (i = 0; i < BENCH_WATCHES; i++) {
		snprintf(many_path[i], sizeof(many_path[i]), BENCH_DIR "/many-%u", i);
		many[i].node = many_path[i];
		many[i].callback = on_many;
	}
	return 0;
}

static int watch_many(unsigned int n)
{
	unsigned int set;
	int err = 0;

	reinit_completion(&seen);
	atomic_set(&to_come, n);
	for (set = 0; set < n && !err; set++)
		err = register_xenbus_watch(&many[set]);
	if (err)
		set--;
	else
		err = wait_seen();
	while (set--)
		unregister_xenbus_watch(&many[set]);
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
	{ .name = "write", .ops = 1, .run = write_value },
	{ .name = "write-2k", .ops = 1, .prepare = fill_long, .run = write_long },
	{ .name = "directory", .ops = 1, .prepare = make_names, .run = list_names },
	{ .name = "transaction", .ops = 1, .run = transaction },
	{ .name = "threads-16", .ops = BENCH_CREW, .prepare = crew_start, .run = crew_run,
	  .finish = crew_stop },
	{ .name = "watch-set", .ops = 1, .prepare = write_value, .run = watch_once },
	{ .name = "watch-event", .ops = 1, .prepare = watch_begin, .run = write_watched,
	  .finish = watch_end },
	{ .name = "watches-20", .ops = 20, .prepare = name_many, .run = watch_20 },
	{ .name = "watches-120", .ops = BENCH_WATCHES, .prepare = name_many, .run = watch_all },
};

static int __init bench_kernel_init(void)
{
	int err = bench_measure(side, rows, all, ARRAY_SIZE(all));

	return err ? err : -ECANCELED;	/* nothing is left to stay for */
}
module_init(bench_kernel_init);

MODULE_DESCRIPTION("make bench: the kernel's own xenbus");
MODULE_AUTHOR("The xsfront developers");
MODULE_LICENSE("GPL");
