// SPDX-License-Identifier: GPL-2.0
/*
 * xs_test.ko - tests of include/xsfront.h, run in a guest by test/lab/client.sh and others.
 *
 *	insmod xs_test.ko run=read_write
 *
 * runs one test, prints TAP to the kernel's log (see xs_test.h) and at last "end of NAME: N
 * checks". insmod always fails: with ECANCELED, so that nothing stays loaded, or with EINVAL for a
 * test that does not exist.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "xs_test.h"

static char *run = "";
module_param(run, charp, 0444);
MODULE_PARM_DESC(run, "name of the test");

static atomic_t checks;

static bool vcheck(bool good, const char *fmt, va_list args)
{
	struct va_format vaf = { .fmt = fmt };
	va_list copy;

	va_copy(copy, args);
	vaf.va = &copy;
	atomic_inc(&checks);
	pr_info("%s - %pV\n", good ? "ok" : "not ok", &vaf);
	va_end(copy);
	return good;
}

bool check(bool good, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vcheck(good, fmt, args);
	va_end(args);
	return good;
}

bool check_int(long got, long want, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vcheck(got == want, fmt, args);
	va_end(args);
	if (got != want)
		pr_info("# got %ld, want %ld\n", got, want);
	return got == want;
}

void note(const char *fmt, ...)
{
	struct va_format vaf = { .fmt = fmt };
	va_list args;

	va_start(args, fmt);
	vaf.va = &args;
	pr_info("# %pV\n", &vaf);
	va_end(args);
}

/* A handle, and nothing left below HERE. */
struct xs_handle *open_clean(void)
{
	struct xs_handle *h = xs_open("xs_test");
	int err = IS_ERR(h) ? PTR_ERR(h) : xs_rm(h, NO_TX, HERE);

	if (err)
		check_int(err, 0, "a handle is opened and " HERE " is empty");
	return h;
}

bool holds(struct xs_handle *h, u32 tx, const char *path, const char *want)
{
	char buf[64];
	int len = xs_read(h, tx, path, buf, sizeof(buf));

	if (len == (int)strlen(want) && !strcmp(buf, want))
		return true;
	note("%s: got %d '%s', want '%s'", path, len, len < 0 ? "" : buf, want);
	return false;
}

static const struct test *const all[] = {
	node_tests, transaction_tests, watch_tests, thread_tests, many_tests,
};

static const struct test *find(const char *name)
{
	const struct test *test;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		for (test = all[i]; test->name; test++)
			if (!strcmp(test->name, name))
				return test;
	return NULL;
}

static int __init xs_test_init(void)
{
	const struct test *test = find(run);

	if (!test) {
		pr_err("there is no test '%s'\n", run);
		return -EINVAL;
	}
	test->fn();
	pr_info("end of %s: %d checks\n", run, atomic_read(&checks));
	return -ECANCELED;
}
module_init(xs_test_init);

MODULE_DESCRIPTION("Tests of the kernel API of xsfront.ko");
MODULE_AUTHOR("The xsfront developers");
MODULE_LICENSE("GPL");
