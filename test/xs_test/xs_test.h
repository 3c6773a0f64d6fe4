/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_test.h - what the kernel tests of include/xsfront.h are written in.
 *
 * A test is a function without arguments. It says what it finds with check*(), each of which prints
 * one line of TAP to the kernel's log: "xs_test: ok - text" or "xs_test: not ok - text", and then
 * what was seen. A check that fails does not end the test.
 */
#ifndef XS_TEST_H
#define XS_TEST_H

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <xsfront.h>

#define NO_TX		XS_NO_TRANSACTION
#define HERE		"data/t"	/* where tests make nodes: a guest may write to data/ */
#define PATIENCE	(10 * HZ)	/* for what comes at once when all is well */

__printf(2, 3) bool check(bool good, const char *fmt, ...);
__printf(3, 4) bool check_int(long got, long want, const char *fmt, ...);
void note(const char *fmt, ...) __printf(1, 2);

struct xs_handle *open_clean(void);
bool holds(struct xs_handle *h, u32 tx, const char *path, const char *want);

struct test {
	const char *name;
	void (*fn)(void);
};

extern const struct test node_tests[], transaction_tests[], watch_tests[], thread_tests[];
extern const struct test many_tests[];

#endif /* XS_TEST_H */
