// SPDX-License-Identifier: GPL-2.0
/*
 * echo_io WHAT DEVICE [N]: what a program can do with /dev/xsecho<N>. Prints TAP, ends with 0 when
 * all is well.
 *
 *	stream DEVICE BYTES	random bytes there and back, written and read at the same time
 *	nonblock DEVICE		O_NONBLOCK: write until EAGAIN, read until EAGAIN
 *	poll DEVICE		POLLIN and POLLOUT in each state of the ring
 *	two DEVICE		two open files are two ends of the same stream
 *	bad DEVICE		pointers to nowhere, lengths of 0, seeking; a signal in a wait
 *	gone DEVICE		a reader and a poller wait until the device goes away; prints
 *				"# waiting" when they do
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "tap.h"

#define PATIENCE_MS	20000
#define RING_MAX	(1 << 20)	/* no ring holds as much */

static const char *device;

static int open_device(int flags)
{
	int fd = open(device, O_RDWR | O_CLOEXEC | flags);

	if (fd < 0) {
		check(0, "%s is opened: %s", device, strerror(errno));
		exit(1);
	}
	return fd;
}

/* A byte of an endless stream that repeats nowhere near. */
static uint8_t byte_at(uint64_t i)
{
	uint64_t x = (i >> 3) * 0x9e3779b97f4a7c15u;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9u;
	return (uint8_t)(x >> (8 * (i & 7)));
}

static void fill(uint8_t *buf, uint64_t from, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = byte_at(from + i);
}

/* Where the stream that begins at `from` differs from buf; len when nowhere. */
static size_t same(const uint8_t *buf, uint64_t from, size_t len)
{
	size_t i = 0;

	while (i < len && buf[i] == byte_at(from + i))
		i++;
	return i;
}

static int wait_poll(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };
	int n = poll(&p, 1, PATIENCE_MS);

	return n <= 0 ? 0 : p.revents;
}

static short now(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	poll(&p, 1, 0);
	return p.revents;
}

/* Reads just len bytes and compares them with the stream. Returns whether all came and were right. */
static int read_same(int fd, uint64_t from, size_t len)
{
	uint8_t buf[8192];
	size_t done = 0;

	while (done < len) {
		size_t want = len - done < sizeof(buf) ? len - done : sizeof(buf);
		ssize_t n;

		if (!wait_poll(fd, POLLIN)) {
			printf("# %zu of %zu bytes came, then nothing\n", done, len);
			return 0;
		}
		n = read(fd, buf, want);
		if (n <= 0) {
			printf("# read: %s\n", n ? strerror(errno) : "0 bytes");
			return 0;
		}
		if (same(buf, from + done, n) != (size_t)n) {
			printf("# byte %zu differs\n", done + same(buf, from + done, n));
			return 0;
		}
		done += n;
	}
	return 1;
}

/* ---- stream ---------------------------------------------------------------------------- */

struct stream {
	int fd;
	uint64_t bytes;
	int err;
};

static void *write_stream(void *arg)
{
	/* Lengths around those of messages and rings, and odd ones. */
	static const size_t lengths[] = { 1, 124, 125, 123, 4096, 7, 1984, 3000, 8191, 248 };
	struct stream *s = arg;
	uint8_t buf[8192];
	uint64_t done = 0;

	for (unsigned int i = 0; done < s->bytes; i++) {
		size_t len = lengths[i % (sizeof(lengths) / sizeof(*lengths))];
		ssize_t n;

		if (len > s->bytes - done)
			len = s->bytes - done;
		fill(buf, done, len);
		n = write(s->fd, buf, len);
		if (n <= 0) {
			s->err = errno;
			break;
		}
		done += n;
	}
	return NULL;
}

static void do_stream(const char *bytes)
{
	struct stream s = { .fd = open_device(0), .bytes = bytes ? strtoull(bytes, NULL, 0) : 1 };
	pthread_t writer;

	pthread_create(&writer, NULL, write_stream, &s);
	check(read_same(s.fd, 0, s.bytes), "%llu bytes came back as they were",
	      (unsigned long long)s.bytes);
	if (bad)
		exit(1);	/* the writer may wait for ever */
	pthread_join(writer, NULL);
	check(!s.err, "all were written%s%s", s.err ? ": " : "", s.err ? strerror(s.err) : "");
	check(!(now(s.fd) & POLLIN), "no more came");
	close(s.fd);
}

/* ---- without waiting ------------------------------------------------------------------- */

/* Writes until nothing goes any more, which the device must say by EAGAIN. Returns how much went. */
static size_t write_all(int fd, uint64_t from)
{
	uint8_t buf[1000];
	size_t done = 0;
	ssize_t n;

	do {
		fill(buf, from + done, sizeof(buf));
		n = write(fd, buf, sizeof(buf));
		if (n > 0)
			done += n;
	} while (n > 0 && done < RING_MAX);
	check(n < 0 && errno == EAGAIN, "write ends with EAGAIN (%s)",
	      n < 0 ? strerror(errno) : "it does not end");
	return done;
}

static void do_nonblock(void)
{
	int fd = open_device(O_NONBLOCK);
	uint8_t byte;
	size_t went;
	ssize_t n;

	n = read(fd, &byte, 1);
	check(n < 0 && errno == EAGAIN, "read of nothing is EAGAIN");
	for (int round = 1; round <= 3; round++) {
		went = write_all(fd, 0);
		check(went >= 1024, "%zu bytes went in round %d", went, round);
		check(read_same(fd, 0, went), "they came back as they were");
		n = read(fd, &byte, 1);
		check(n < 0 && errno == EAGAIN, "read ends with EAGAIN");
	}
	close(fd);
}

static void *write_later(void *arg)
{
	int fd = *(int *)arg;

	usleep(100000);
	if (write(fd, "later", 5) != 5)
		bad = 1;
	return NULL;
}

static void do_poll(void)
{
	int fd = open_device(O_NONBLOCK);
	char buf[8];
	pthread_t thread;
	size_t went;
	short got;

	got = now(fd);
	check(got == POLLOUT, "an empty ring: POLLOUT alone (%#x)", got);
	pthread_create(&thread, NULL, write_later, &fd);
	got = wait_poll(fd, POLLIN);
	check(got & POLLIN, "poll wakes when something comes back (%#x)", got);
	pthread_join(thread, NULL);
	check(read(fd, buf, sizeof(buf)) == 5 && !memcmp(buf, "later", 5),
	      "it is what was written");
	went = write_all(fd, 0);
	got = wait_poll(fd, POLLIN);
	check((got & POLLIN) && !(now(fd) & POLLOUT), "a full ring: POLLIN, no POLLOUT (%#x)",
	      got);
	check(read_same(fd, 0, went), "it is emptied");
	got = wait_poll(fd, POLLOUT);
	check((got & POLLOUT) && !(now(fd) & POLLIN), "then POLLOUT, no POLLIN (%#x)", got);
	close(fd);
}

static void do_two(void)
{
	int a = open_device(0), b = open_device(0);
	char buf[8] = "";

	check(write(a, "abc", 3) == 3, "one open file writes");
	check(wait_poll(b, POLLIN) & POLLIN, "the other one sees it");
	check(read(b, buf, sizeof(buf)) == 3 && !memcmp(buf, "abc", 3), "and reads it");
	check(!(now(a) & POLLIN), "then nothing is left for the first");
	close(a);
	check(write(b, "xyz", 3) == 3, "when one is closed the other goes on");
	check(wait_poll(b, POLLIN) && read(b, buf, 2) == 2 && !memcmp(buf, "xy", 2),
	      "a short read takes a part");
	check(read(b, buf, 8) == 1 && buf[0] == 'z', "the next one the rest");
	close(b);
}

/* ---- bad input ------------------------------------------------------------------------- */

static void on_alarm(int number)
{
	(void)number;
}

static void do_bad(void)
{
	int fd = open_device(0);
	struct sigaction act = { .sa_handler = on_alarm };
	char *hole, *edge, buf[8];
	ssize_t n;

	hole = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(edge + 4096, 4096, PROT_NONE);
	memset(edge, 'e', 4096);

	n = write(fd, hole, 10);
	check(n < 0 && errno == EFAULT, "write from nowhere is EFAULT");
	n = write(fd, (void *)-4096L, 10);
	check(n < 0 && errno == EFAULT, "write from the kernel's memory is EFAULT");
	n = write(fd, hole, 0);
	check(n == 0, "write of 0 bytes is 0");
	n = read(fd, buf, 0);
	check(n == 0, "read of 0 bytes is 0, and does not wait");
	check(!(now(fd) & POLLIN), "none of these has sent anything");

	n = write(fd, edge + 4096 - 124, 300);
	check(n == 124, "write over the edge of memory: what could be read (%zd)", n);
	wait_poll(fd, POLLIN);
	n = read(fd, hole, 10);
	check(n < 0 && errno == EFAULT, "read to nowhere is EFAULT");
	n = read(fd, edge, 4096);
	check(n == 124 && edge[123] == 'e', "and has lost nothing (%zd)", n);
	check(lseek(fd, 0, SEEK_SET) < 0 && errno == ESPIPE, "seeking is ESPIPE");
	n = pwrite(fd, "x", 1, 0);
	check(n < 0 && errno == ESPIPE, "so is writing at a place");

	sigaction(SIGALRM, &act, NULL);
	alarm(1);
	n = read(fd, buf, sizeof(buf));
	check(n < 0 && errno == EINTR, "a signal ends a wait with EINTR");
	check(write(fd, "fine", 4) == 4 && wait_poll(fd, POLLIN) && read(fd, buf, 8) == 4 &&
	      !memcmp(buf, "fine", 4), "after all that, data flows");
	close(fd);
}

/* ---- the other end goes away ------------------------------------------------------------ */

struct waiter {
	const char *what;
	void *(*fn)(void *);
	int fd;
	ssize_t n;
	int err;
};

static void *wait_read(void *arg)
{
	struct waiter *w = arg;
	char buf[8];

	w->n = read(w->fd, buf, sizeof(buf));
	w->err = errno;
	return NULL;
}

static void *wait_hangup(void *arg)
{
	struct waiter *w = arg;
	struct pollfd p = { .fd = w->fd, .events = 0 };

	w->n = poll(&p, 1, 3 * PATIENCE_MS) == 1 && (p.revents & POLLHUP) ? -1 : 0;
	w->err = ENODEV;
	return NULL;
}

static void do_gone(void)
{
	struct waiter waiters[] = {
		{ .what = "a read that waits", .fn = wait_read },
		{ .what = "a poll (by POLLHUP)", .fn = wait_hangup },
	};
	pthread_t threads[2];
	char buf[8];
	ssize_t n;
	int i, fd;

	for (i = 0; i < 2; i++) {
		waiters[i].fd = fd = open_device(0);
		pthread_create(&threads[i], NULL, waiters[i].fn, &waiters[i]);
	}
	usleep(200000);
	printf("# waiting\n");
	fflush(stdout);
	for (i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		check(waiters[i].n < 0 && waiters[i].err == ENODEV, "%s ends with ENODEV (%s)",
		      waiters[i].what, waiters[i].n < 0 ? strerror(waiters[i].err) : "no error");
	}
	n = read(fd, buf, sizeof(buf));
	check(n < 0 && errno == ENODEV, "another read is ENODEV");
	n = write(fd, "x", 1);
	check(n < 0 && errno == ENODEV, "so is a write");
	check((now(fd) & (POLLHUP | POLLERR)) == (POLLHUP | POLLERR), "poll says POLLHUP");
	close(fd);
}

/* Of a backend that is not to be trusted: each call has to end, and with which error? */
static int do_try(void)
{
	int fd = open(device, O_RDWR | O_NONBLOCK);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char data[2000], back[2000];
	size_t have = 0;
	ssize_t n;

	memset(data, 'x', sizeof(data));
	if (fd < 0 || write(fd, data, sizeof(data)) < 0)
		return errno;
	while (have < 1000) {
		if (poll(&p, 1, 1000) != 1)
			return EAGAIN;
		n = read(fd, back, sizeof(back));
		if (n < 0 && errno != EAGAIN)
			return errno;
		have += n > 0 ? n : 0;
	}
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	device = argc > 2 ? argv[2] : NULL;
	if (!strcmp(what, "stream"))
		do_stream(argv[3]);
	else if (!strcmp(what, "nonblock"))
		do_nonblock();
	else if (!strcmp(what, "poll"))
		do_poll();
	else if (!strcmp(what, "two"))
		do_two();
	else if (!strcmp(what, "bad"))
		do_bad();
	else if (!strcmp(what, "try"))
		return do_try();
	else if (!strcmp(what, "gone"))
		do_gone();
	else {
		fprintf(stderr,
			"usage: echo_io stream|nonblock|poll|two|bad|try|gone DEVICE [BYTES]\n");
		return 2;
	}
	return bad != 0;
}
