// SPDX-License-Identifier: GPL-2.0
/*
 * failwork.ko - has the n-th allocation fail that xsfront makes where no program can count it.
 *
 * /proc/self/fail-nth fails what a task does by itself. But what xsfront does for a device, a watch
 * or a transaction it does in a work item, in whatever thread the kernel runs it; and its init runs
 * in the midst of an insmod(8), which warns of a failure of its own. So this hangs on the functions
 * that run work items and inits (kretprobes), and lends a thread its count for as long as it runs
 * one of xsfront's: one thread at a time, and those beside it go free.
 *
 *   echo 3 >/sys/module/failwork/parameters/works    the third from now on fails, once
 *   cat /sys/module/failwork/parameters/works        how many are to come still; 0: it has failed
 *   echo 0 >/sys/module/failwork/parameters/works    none; `init` is the same of xsfront's init
 *
 * It can be loaded where the kernel has CONFIG_FAULT_INJECTION, and not elsewhere.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#ifdef CONFIG_FAULT_INJECTION
#define fail_nth(task)	(&(task)->fail_nth)
#else
static unsigned int none;
#define fail_nth(task)	(&none)
#endif

/**
 * struct counter - what is still to come, and who has the count
 * @left: that many, the last of which fails; guarded by lock
 * @lent_to: the thread that has it now; guarded by lock
 */
struct counter {
	unsigned int left;
	struct task_struct *lent_to;
};

#define SPARED	(1U << 30)	/* more than anything allocates while it is spared */

static DEFINE_SPINLOCK(lock);
static struct counter works, init;

static bool is_xsfronts(const void *function)
{
	char name[128];

	snprintf(name, sizeof(name), "%ps", function);
	return strstr(name, "[xsfront]") != NULL;
}

/* A thread is about to run a function. Returns 0 to be called at its end, too. */
static int begin(struct counter *c, const void *function)
{
	unsigned long irq;
	int skip = 1;

	if (!READ_ONCE(c->left) || !is_xsfronts(function))
		return skip;
	spin_lock_irqsave(&lock, irq);
	if (c->left && !c->lent_to && !*fail_nth(current)) {
		c->lent_to = current;
		*fail_nth(current) = c->left;
		skip = 0;
	}
	spin_unlock_irqrestore(&lock, irq);
	return skip;
}

static int end(struct counter *c)
{
	unsigned long irq;

	spin_lock_irqsave(&lock, irq);
	if (c->lent_to == current) {
		WRITE_ONCE(c->left, *fail_nth(current));
		c->lent_to = NULL;
	}
	*fail_nth(current) = 0;
	spin_unlock_irqrestore(&lock, irq);
	return 0;
}

static int on_work(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const struct work_struct *work = (void *)regs_get_kernel_argument(regs, 1);

	return begin(&works, work->func);
}

static int on_work_end(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	return end(&works);
}

static int on_init(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	return begin(&init, (void *)regs_get_kernel_argument(regs, 0));
}

static int on_init_end(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	return end(&init);
}

/*
 * A kernel that cannot make a file of an interrupt in /proc says nothing, and warns when it takes
 * that file away. That is no failure of ours, and ends a guest that runs with panic_on_warn.
 */
static int on_irq_proc(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	unsigned int *kept = (unsigned int *)instance->data;

	*kept = *fail_nth(current);
	if (!*kept)
		return 1;
	WRITE_ONCE(*fail_nth(current), *kept + SPARED);
	return 0;
}

/* It is 0 where somebody has set the count meanwhile. */
static int on_irq_proc_end(struct kretprobe_instance *instance, struct pt_regs *regs)
{
	const unsigned int *kept = (unsigned int *)instance->data;

	if (*fail_nth(current))
		WRITE_ONCE(*fail_nth(current), *kept);
	return 0;
}

static struct kretprobe work_probe = {
	.kp.symbol_name = "process_one_work",
	.entry_handler = on_work,
	.handler = on_work_end,
	.maxactive = 64,
};

static struct kretprobe init_probe = {
	.kp.symbol_name = "do_one_initcall",
	.entry_handler = on_init,
	.handler = on_init_end,
};

static struct kretprobe irq_proc_probe = {
	.kp.symbol_name = "register_irq_proc",
	.entry_handler = on_irq_proc,
	.handler = on_irq_proc_end,
	.data_size = sizeof(unsigned int),
};

static struct kretprobe *probes[] = { &work_probe, &init_probe, &irq_proc_probe };

/* Who has the count goes on without it. */
static int set_count(const char *text, const struct kernel_param *param)
{
	struct counter *c = param->arg;
	unsigned int value;
	int err = kstrtouint(text, 0, &value);

	if (err)
		return err;
	spin_lock_irq(&lock);
	if (c->lent_to)
		WRITE_ONCE(*fail_nth(c->lent_to), 0);
	c->lent_to = NULL;
	WRITE_ONCE(c->left, value);
	spin_unlock_irq(&lock);
	return 0;
}

static int get_count(char *buf, const struct kernel_param *param)
{
	const struct counter *c = param->arg;
	unsigned int value;

	spin_lock_irq(&lock);
	value = c->lent_to ? READ_ONCE(*fail_nth(c->lent_to)) : c->left;
	spin_unlock_irq(&lock);
	return scnprintf(buf, PAGE_SIZE, "%u\n", value);
}

static const struct kernel_param_ops count_ops = {
	.set = set_count,
	.get = get_count,
};
module_param_cb(works, &count_ops, &works, 0600);
MODULE_PARM_DESC(works, "which allocation in works is to fail, from now on; 0: none");
module_param_cb(init, &count_ops, &init, 0600);
MODULE_PARM_DESC(init, "the same of xsfront's init");

static int __init failwork_init(void)
{
	if (!IS_ENABLED(CONFIG_FAULT_INJECTION))
		return -EOPNOTSUPP;
	return register_kretprobes(probes, ARRAY_SIZE(probes));
}

static void __exit failwork_exit(void)
{
	unregister_kretprobes(probes, ARRAY_SIZE(probes));
}

module_init(failwork_init);
module_exit(failwork_exit);

MODULE_DESCRIPTION("Failures of memory where xsfront works by itself, for tests");
MODULE_AUTHOR("The xsfront developers");
MODULE_LICENSE("GPL");
