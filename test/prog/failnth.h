/* SPDX-License-Identifier: GPL-2.0 */
/*
 * failnth.h - each call again and again, the n-th time with the n-th allocation or copy to or from
 * user memory failing in it, until it has run without a failure. What failnth_*.c are made of.
 *
 * What is wanted of each call: a failure is ENOMEM or EFAULT, and the same call without one goes
 * well just after. That nothing has leaked is seen by the kernel (kmemleak), when all is over.
 *
 * In the calling thread it is the kernel's /proc/self/fail-nth that counts; in works, and in the
 * init of xsfront, it is failwork.ko.
 */
#ifndef FAILNTH_H
#define FAILNTH_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tap.h"

#define N_MAX		3000
#define ANSWER_MS	20000
#define FAILWORK	"/sys/module/failwork/parameters/"

static const char *file;	/* of the command line */
static int failures;

/* ---- what fails, and when ---------------------------------------------------------------- */

static int self = -1, works = -1, init = -1;

/* These two are calls like any other: what the call before them has left may fail in them, too. */
static void put_number(int fd, int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", n), tries = 2;

	while (pwrite(fd, text, len, 0) != len) {
		if (errno != EFAULT || !--tries) {
			printf("not ok - n is set: %s\n", strerror(errno));
			exit(1);
		}
	}
}

static int get_number(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) > 0)
		return atoi(text);
	if (errno == EFAULT)	/* there was one left, for this call */
		return 1;
	printf("not ok - n is read: %s\n", strerror(errno));
	exit(1);
}

static void open_counters(void)
{
	self = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (self < 0) {
		printf("1..0 # SKIP this kernel has no fail-nth\n");
		exit(0);
	}
	works = open(FAILWORK "works", O_RDWR | O_CLOEXEC);
	init = open(FAILWORK "init", O_RDWR | O_CLOEXEC);
	if (works < 0 || init < 0) {
		printf("not ok - failwork.ko is there: %s\n", strerror(errno));
		exit(1);
	}
}

/**
 * struct sweep - one call, to be done with each of its failures
 * @name: for people
 * @counter: where the count is: &self, &works or &init
 * @prepare: what has to be there before; may be NULL
 * @call: the call: 0, or an errno, negative
 * @again: the same without failures, after one that failed; NULL: @prepare and @call
 * @clean: undoes it; may be NULL
 * @arg: theirs
 * @rounds: how often, from the first failure to the last; 0 for once. Works run beside each other,
 *	    and so the n-th is not always the same one
 * @most: the first so many failures are enough; 0 for all
 * @also: an errno, negative, that the kernel has for a lack of memory here; 0 for none
 */
struct sweep {
	const char *name;
	const int *counter;
	bool (*prepare)(const struct sweep *s);
	int (*call)(const struct sweep *s);
	bool (*again)(const struct sweep *s);
	void (*clean)(const struct sweep *s);
	const void *arg;
	int rounds, most, also;
};

static bool expected(const struct sweep *s, int err)
{
	return err == -ENOMEM || err == -EFAULT || err == s->also;
}

/* The same call, and nothing fails. */
static bool goes_well(const struct sweep *s)
{
	int err;

	if (s->again)
		return s->again(s);
	if (s->clean)
		s->clean(s);
	if (s->prepare && !s->prepare(s))
		return false;
	err = s->call(s);
	if (err)
		printf("# again: %s\n", strerror(-err));
	return !err;
}

static void sweep(const struct sweep *s)
{
	int n, err = 0, left = 0, survived = 0, failed = 0, rounds = s->rounds;
	const char *wrong = NULL;

	for (n = 1; n < N_MAX && !wrong; n++) {
		if (s->prepare && !s->prepare(s)) {
			wrong = "it cannot be prepared";
			break;
		}
		put_number(*s->counter, n);
		err = s->call(s);
		left = get_number(*s->counter);
		put_number(*s->counter, 0);
		if (left && err)
			wrong = "it fails by itself";
		else if (err && !expected(s, err))
			wrong = "no errno for a lack of memory";
		else if (err && !goes_well(s))
			wrong = "it does not go well after a failure";
		if (s->clean)
			s->clean(s);
		if (left && --rounds <= 0)
			break;
		if (left)
			n = 0;
		failed += !left && err;
		survived += !left && !err;
		if (n == s->most)
			break;
	}
	failures += failed + survived;
	if (!wrong && n == N_MAX)
		wrong = "it never came to its end";
	if (wrong)
		printf("# n is %d, %s\n", n, err ? strerror(-err) : "no error");
	check(!wrong, "%s: %d failures, %d of them told, %d borne%s%s", s->name,
	      failed + survived, failed, survived, wrong ? ": " : "", wrong ? wrong : "");
}

static inline int done(long ret)
{
	return ret < 0 ? -errno : 0;
}

/* ---- a device that is opened ------------------------------------------------------------- */

static int node = -1;

static inline bool open_node(const struct sweep *s)
{
	(void)s;
	node = open(file, O_RDWR | O_CLOEXEC);
	return node >= 0;
}

static inline void close_node(const struct sweep *s)
{
	(void)s;
	if (node >= 0)
		close(node);
	node = -1;
}

static inline int call_open(const struct sweep *s)
{
	return open_node(s) ? 0 : -errno;
}

static inline int call_close(const struct sweep *s)
{
	int fd = node;

	(void)s;
	node = -1;
	return done(close(fd));
}

static inline int call_poll(const struct sweep *s)
{
	struct pollfd p = { .fd = node, .events = POLLIN | POLLOUT };

	(void)s;
	return done(poll(&p, 1, 0));
}

/* ---- main() ------------------------------------------------------------------------------ */

/* For main(): all that a program has to try of a file. Returns its exit status. */
static inline int try_all(const char *path, void (*run)(void))
{
	file = path;
	open_counters();
	run();
	check(failures, "there were failures: %d", failures);
	return bad != 0;
}

#endif
