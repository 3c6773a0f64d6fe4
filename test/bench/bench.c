// SPDX-License-Identifier: GPL-2.0
/*
 * bench.c - the measure that the other modules of this folder share, and that programs read from
 * /dev/xsbench. See bench.h.
 *
 *   bench_measure() ── prepare, warm up, three rounds of run() ──▶ log
 *   read(2) of /dev/xsbench ──▶ two numbers: the machine's clock and the guest's
 *
 * A crew is a number of threads that all do something once, at the same time: bench_crew_run() lets
 * them go and waits for the last. The caller owns the crew; its threads own nothing.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <asm/xen/hypercall.h>
#include <xen/interface/vcpu.h>
#include "bench.h"

static unsigned int count = 350;
module_param(count, uint, 0644);
MODULE_PARM_DESC(count, "operations in a round, at least (default 350)");

/*
 * Operations before the first round. Where several threads take part, as in the kernel's xenbus,
 * it takes the scheduler some hundreds until one costs what the next one does.
 */
#define WARM_UP	600

/**
 * struct reading - the two clocks
 * @machine: time, in ns; under --icount the instructions of all that runs
 * @guest: for how much of it this guest's first vCPU was running
 */
struct reading {
	u64 machine;
	u64 guest;
};

static struct reading read_clocks(void)
{
	struct vcpu_runstate_info info = { };

	HYPERVISOR_vcpu_op(VCPUOP_get_runstate_info, 0, &info);
	return (struct reading){ ktime_get_raw_ns(), info.time[RUNSTATE_running] };
}

static int run_often(const struct bench_row *row, unsigned int runs)
{
	int err = 0;

	while (runs-- && !err)
		err = row->run(row->ctx);
	return err;
}

static int measure_round(const struct bench_row *row, struct reading *spent, unsigned int runs)
{
	struct reading from = read_clocks(), to;
	int err = run_often(row, runs);

	to = read_clocks();
	*spent = (struct reading){ to.machine - from.machine, to.guest - from.guest };
	return err;
}

/* The log is written when all rounds are over: what it costs is in none of them. */
static int measure_row(const char *side, const struct bench_row *row)
{
	unsigned int runs = DIV_ROUND_UP(READ_ONCE(count), row->ops), round;
	struct reading spent[BENCH_ROUNDS];
	int err = row->prepare ? row->prepare(row->ctx) : 0;

	if (!err)
		err = run_often(row, DIV_ROUND_UP(WARM_UP, row->ops));
	for (round = 0; round < BENCH_ROUNDS && !err; round++)
		err = measure_round(row, &spent[round], runs);
	if (row->finish)
		row->finish(row->ctx);
	if (err) {
		pr_err("failed %s: error %d\n", row->name, err);
		return err;
	}
	for (round = 0; round < BENCH_ROUNDS; round++)
		pr_info("row %s side %s round %u ops %u total %llu guest %llu\n", row->name, side,
			round, runs * row->ops, spent[round].machine, spent[round].guest);
	return 0;
}

/* Is @name one of the words of @wanted, which commas part? An empty @wanted means all. */
static bool is_wanted(const char *wanted, const char *name)
{
	size_t len;

	if (!*wanted)
		return true;
	for (; *wanted; wanted += len + (wanted[len] == ',')) {
		len = strcspn(wanted, ",");
		if (len == strlen(name) && !strncmp(wanted, name, len))
			return true;
	}
	return false;
}

/**
 * bench_measure() - measure rows, and log what they cost
 * @side: whose rows they are
 * @wanted: names, parted by commas; empty for all
 * @rows: the rows
 * @n: how many
 *
 * Context: may sleep.
 *
 * Return: 0 or the first error of a row; the rows behind it are measured all the same.
 */
int bench_measure(const char *side, const char *wanted, const struct bench_row *rows, size_t n)
{
	int err, ret = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!is_wanted(wanted, rows[i].name))
			continue;
		err = measure_row(side, &rows[i]);
		if (!ret)
			ret = err;
	}
	return ret;
}
EXPORT_SYMBOL_GPL(bench_measure);

/* ---- crews ------------------------------------------------------------------------------ */

/**
 * struct bench_crew - threads that work at the same time
 * @fn: what each does, once for each run
 * @start: how many runs have begun
 * @left: threads that have not ended this one
 * @err: the first error of it
 * @go: woken when a run begins
 * @done: completed when it has ended
 * @thread: who they are; NULL where there is none
 * @named: how many have taken their number
 */
struct bench_crew {
	int (*fn)(unsigned int who);
	unsigned int start;
	atomic_t left, named;
	int err;
	wait_queue_head_t go;
	struct completion done;
	struct task_struct *thread[BENCH_CREW];
};

static int crew_thread(void *data)
{
	struct bench_crew *crew = data;
	unsigned int who = atomic_inc_return(&crew->named) - 1, seen = 0;
	int err;

	for (;;) {
		wait_event(crew->go, kthread_should_stop() || READ_ONCE(crew->start) != seen);
		if (kthread_should_stop())
			return 0;
		seen++;
		err = crew->fn(who);
		if (err)
			WRITE_ONCE(crew->err, err);
		if (atomic_dec_and_test(&crew->left))
			complete(&crew->done);
	}
}

/**
 * bench_crew_start() - have BENCH_CREW threads ready
 * @fn: what each does in a run; @who is its number
 *
 * Context: may sleep.
 *
 * Return: the crew, for bench_crew_stop(); an error pointer.
 */
struct bench_crew *bench_crew_start(int (*fn)(unsigned int who))
{
	struct bench_crew *crew = kzalloc(sizeof(*crew), GFP_KERNEL);
	unsigned int i;
	int err;

	if (!crew)
		return ERR_PTR(-ENOMEM);
	crew->fn = fn;
	init_waitqueue_head(&crew->go);
	init_completion(&crew->done);
	for (i = 0; i < BENCH_CREW; i++) {
		crew->thread[i] = kthread_run(crew_thread, crew, "bench/%u", i);
		err = PTR_ERR_OR_ZERO(crew->thread[i]);
		if (!err)
			continue;
		crew->thread[i] = NULL;
		bench_crew_stop(crew);
		return ERR_PTR(err);
	}
	return crew;
}
EXPORT_SYMBOL_GPL(bench_crew_start);

/**
 * bench_crew_run() - have each thread of a crew do its work once
 * @crew: the crew
 *
 * Context: may sleep.
 *
 * Return: 0, or what one of them returned.
 */
int bench_crew_run(struct bench_crew *crew)
{
	reinit_completion(&crew->done);
	atomic_set(&crew->left, BENCH_CREW);
	WRITE_ONCE(crew->start, crew->start + 1);
	wake_up_all(&crew->go);
	wait_for_completion(&crew->done);
	return crew->err;
}
EXPORT_SYMBOL_GPL(bench_crew_run);

/**
 * bench_crew_stop() - the mirror of bench_crew_start()
 * @crew: a crew at rest; an error pointer or NULL is ignored
 */
void bench_crew_stop(struct bench_crew *crew)
{
	unsigned int i;

	if (IS_ERR_OR_NULL(crew))
		return;
	for (i = 0; i < BENCH_CREW; i++)
		if (crew->thread[i])
			kthread_stop(crew->thread[i]);
	kfree(crew);
}
EXPORT_SYMBOL_GPL(bench_crew_stop);

/* ---- for programs ----------------------------------------------------------------------- */

static ssize_t clocks_read(struct file *file, char __user *buf, size_t size, loff_t *pos)
{
	struct reading now = read_clocks();

	if (size < sizeof(now))
		return -EINVAL;
	return copy_to_user(buf, &now, sizeof(now)) ? -EFAULT : sizeof(now);
}

static const struct file_operations clocks_fops = {
	.owner = THIS_MODULE,
	.read = clocks_read,
};

static struct miscdevice clocks = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "xsbench",
	.fops = &clocks_fops,
	.mode = 0400,
};
module_misc_device(clocks);

MODULE_DESCRIPTION("The measure of make bench");
MODULE_AUTHOR("The xsfront developers");
MODULE_LICENSE("GPL");
