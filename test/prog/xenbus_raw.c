// SPDX-License-Identifier: GPL-2.0
/*
 * xenbus_raw.c - raw frames at the device node: what libxenstore never does, and what must work all
 * the same. Prints TAP lines for `tap` of test/lab/lib.sh.
 *
 *   xenbus_raw TEST [NODE]      TEST: see tests[] at the end; NODE: default /dev/xen/xenbus
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>
#include "frame.h"
#include "tap.h"

#define ANSWER_MS	20000	/* a store under emulation is slow; one that is stuck is slower */

static const char *node = "/dev/xen/xenbus";
static char *volatile nowhere = (char *)1;	/* volatile: the compiler must not know */

static int node_open(int flags)
{
	int fd = open(node, O_RDWR | O_CLOEXEC | flags);

	if (fd < 0) {
		printf("not ok - open %s: %s\n", node, strerror(errno));
		exit(1);
	}
	return fd;
}

/* ---- frames ----------------------------------------------------------------------------- */

static size_t make(struct frame *f, uint32_t type, uint32_t id, uint32_t tx,
		   const void *data, size_t len)
{
	f->hdr = (struct xsd_sockmsg){ .type = type, .req_id = id, .tx_id = tx, .len = len };
	memcpy(f->data, data, len);
	return sizeof(f->hdr) + len;
}

/* A string constant with its NULs, the last one included. */
#define LIT(s) s, sizeof(s)

static bool write_all(int fd, const void *buf, size_t len)
{
	return write(fd, buf, len) == (ssize_t)len;
}

static bool ask(int fd, uint32_t type, uint32_t id, uint32_t tx, const void *data, size_t len)
{
	return frame_put(fd, type, id, tx, data, len);
}

static bool get(int fd, struct frame *f)
{
	if (frame_get(fd, f, ANSWER_MS))
		return true;
	memset(&f->hdr, 0xff, sizeof(f->hdr));
	return false;
}

/* The next frame that is no event. */
static bool get_reply(int fd, struct frame *f)
{
	do {
		if (!get(fd, f))
			return false;
	} while (f->hdr.type == XS_WATCH_EVENT);
	return true;
}

static bool call(int fd, struct frame *f, uint32_t type, uint32_t tx, const void *data, size_t len)
{
	return ask(fd, type, 77, tx, data, len) && get_reply(fd, f);
}

static bool is_error(const struct frame *f, const char *name)
{
	return f->hdr.type == XS_ERROR && !strcmp(f->data, name);
}

static bool is_ok(const struct frame *f, uint32_t type)
{
	return f->hdr.type == type && !strcmp(f->data, "OK");
}

static bool put(int fd, const char *path, const char *value)
{
	struct frame f;
	char data[256];
	int n = snprintf(data, sizeof(data), "%s%c%s", path, 0, value);

	return call(fd, &f, XS_WRITE, 0, data, n) && is_ok(&f, XS_WRITE);
}

static uint32_t start(int fd, struct frame *f)
{
	if (!call(fd, f, XS_TRANSACTION_START, 0, LIT("")))
		return 0;
	return f->hdr.type == XS_TRANSACTION_START ? (uint32_t)atoi(f->data) : 0;
}

static long stat_of(const char *name)
{
	char line[128], *end;
	FILE *file = fopen("/sys/kernel/debug/xsfront/stats", "r");
	long value = -1;

	while (file && fgets(line, sizeof(line), file)) {
		end = strchr(line, ' ');
		if (!end)
			continue;
		*end = '\0';
		if (!strcmp(line, name))
			value = atol(end + 1);
	}
	if (file)
		fclose(file);
	return value;
}

/* ---- tests ------------------------------------------------------------------------------ */

/* Other programs may be at work on the same node. */
static bool get_event(int fd, struct frame *f, const char *path)
{
	unsigned int others;

	for (others = 0; others < 1000 && get(fd, f) && f->hdr.type == XS_WATCH_EVENT; others++)
		if (!strcmp(f->data, path))
			return true;
	return false;
}

static void t_order(void)
{
	int fd = node_open(0), other = node_open(0);
	struct frame f;

	check(ask(fd, XS_WATCH, 0xdeadbeef, 0, LIT("data\0my token")), "a WATCH is taken");
	check(get(fd, &f) && is_ok(&f, XS_WATCH), "its OK comes before its first event");
	check(f.hdr.req_id == 0xdeadbeef, "with the req_id of the request");
	check(get(fd, &f) && f.hdr.type == XS_WATCH_EVENT, "then the first event");
	check(f.hdr.req_id == 0 && f.hdr.tx_id == 0, "with req_id 0 and tx_id 0");
	check(f.hdr.len == 14 && !memcmp(f.data, "data\0my token", 14),
	      "with the path and the token as they were written");
	check(put(other, "data/order", "1") && get_event(fd, &f, "data/order"),
	      "a change below it fires");
	close(fd);
	close(other);
}

static void t_errors(void)
{
	static char path[4000];
	int fd = node_open(0), other = node_open(0);
	struct frame f;
	uint32_t tx;

	check(call(fd, &f, XS_UNWATCH, 0, LIT("data\0none")) && is_error(&f, "ENOENT"),
	      "UNWATCH of nothing: ENOENT");
	check(call(fd, &f, XS_WATCH, 0, LIT("data\0one")) && is_ok(&f, XS_WATCH), "WATCH");
	check(call(fd, &f, XS_WATCH, 0, LIT("data\0one")) && is_error(&f, "EEXIST"),
	      "the same WATCH again: EEXIST");
	check(call(fd, &f, XS_WATCH, 0, LIT("data")) && is_error(&f, "EINVAL"),
	      "WATCH without a token: EINVAL");
	check(call(fd, &f, XS_WATCH, 0, LIT("no good\0t")) && is_error(&f, "EINVAL"),
	      "WATCH of a path that is none: EINVAL");
	check(call(fd, &f, XS_READ, 0, LIT("nope")) && is_error(&f, "ENOENT"),
	      "READ of nothing: ENOENT");
	check(call(fd, &f, XS_READ, 0, LIT("/")) && is_error(&f, "EACCES"),
	      "READ of dom0's: EACCES");
	check(call(fd, &f, 99, 0, LIT("")) && f.hdr.type == XS_ERROR,
	      "an unknown type: ERROR (%s)", f.data);
	check(call(fd, &f, XS_READ, 12345, LIT("domid")) && is_error(&f, "ENOENT"),
	      "a transaction that is not there: ENOENT");
	tx = start(other, &f);
	check(tx && call(fd, &f, XS_READ, tx, LIT("domid")) && is_error(&f, "ENOENT"),
	      "a transaction of another file: ENOENT");
	check(call(other, &f, XS_TRANSACTION_END, tx, LIT("F")) && is_ok(&f, XS_TRANSACTION_END),
	      "which that file can end");
	memset(path, 'x', sizeof(path) - 1);
	check(call(fd, &f, XS_READ, 0, path, sizeof(path)) && is_error(&f, "EINVAL"),
	      "a path that is too long: EINVAL");
	f.hdr = (struct xsd_sockmsg){ .type = XS_READ, .len = XENSTORE_PAYLOAD_MAX + 1 };
	check(write(fd, &f.hdr, sizeof(f.hdr)) < 0 && errno == EINVAL,
	      "a length over 4096 is no frame: write says EINVAL");
	check(write(fd, nowhere, 16) < 0 && errno == EFAULT, "a bad pointer: EFAULT");
	check(call(fd, &f, XS_READ, 0, LIT("domid")) && f.hdr.type == XS_READ,
	      "and the next frame is answered");
	close(fd);
	close(other);
}

static void t_split(void)
{
	int fd = node_open(0);
	struct frame f, many[3];
	size_t len, i, at = 0;
	bool good = true;
	char buf[200];

	len = make(&f, XS_READ, 5, 0, LIT("domid"));
	for (i = 0; i < len; i++)
		good &= write_all(fd, (char *)&f + i, 1);
	check(good && get(fd, &f) && f.hdr.type == XS_READ && f.hdr.req_id == 5,
	      "a frame written byte by byte");
	for (i = 0; i < 3; i++) {
		len = make(&many[i], XS_READ, 100 + i, 0, LIT("domid"));
		memcpy(buf + at, &many[i], len);
		at += len;
	}
	check(write_all(fd, buf, at - 3) && write_all(fd, buf + at - 3, 3),
	      "three frames in two writes, cut in the middle of one");
	for (i = 0; i < 3; i++)
		check(get(fd, &f) && f.hdr.type == XS_READ && f.hdr.req_id == 100 + i,
		      "reply %zu", i + 1);
	close(fd);
}

/* dom0 has made big/names (16 names of 255 letters), and big/value as long as big/length says. */
static void t_big(void)
{
	int fd = node_open(0);
	struct frame f;
	char data[XENSTORE_PAYLOAD_MAX];
	size_t i, len;

	check(call(fd, &f, XS_DIRECTORY, 0, LIT("big/names")) && f.hdr.type == XS_DIRECTORY &&
	      f.hdr.len == XENSTORE_PAYLOAD_MAX, "a reply of 4096 bytes");
	check(call(fd, &f, XS_READ, 0, LIT("big/length")) && atoi(f.data) >= 2000,
	      "dom0 has made a big value: %s bytes", f.data);
	len = atoi(f.data);
	check(call(fd, &f, XS_READ, 0, LIT("big/value")) && f.hdr.type == XS_READ &&
	      f.hdr.len == len, "it comes whole");
	for (i = 0; i < f.hdr.len && f.data[i] == 'v'; i++)
		;
	check(i == len, "each of its bytes is right");
	memset(data, 'w', sizeof(data));
	memcpy(data, "data/b", 7);
	check(call(fd, &f, XS_WRITE, 0, data, sizeof(data)) &&
	      (is_ok(&f, XS_WRITE) || f.hdr.type == XS_ERROR),
	      "a request of 4096 bytes is answered by the store (%s)", f.data);
	check(call(fd, &f, XS_WRITE, 0, data, 2000) && is_ok(&f, XS_WRITE), "one of 2000: OK");
	check(call(fd, &f, XS_READ, 0, LIT("data/b")) && f.hdr.len == 1993 &&
	      !memcmp(f.data, data + 7, 1993), "and read back");
	close(fd);
}

static void *other_user(void *stop)
{
	int fd = node_open(0);
	struct frame f;
	long n = 0;

	while (!*(volatile bool *)stop) {
		if (!call(fd, &f, XS_READ, 0, LIT("domid")) || f.hdr.type != XS_READ) {
			n = -1;
			break;
		}
		n++;
	}
	close(fd);
	return (void *)n;
}

static void t_pileup(void)
{
	int fd = node_open(0), i, reads = 0, watches = 0, events = 0;
	bool stop = false, good = true;
	pthread_t other;
	struct frame f;
	char data[64];
	void *n;

	pthread_create(&other, NULL, other_user, &stop);
	for (i = 0; i < 50; i++) {
		struct pollfd p = { .fd = fd, .events = POLLOUT };

		good &= ask(fd, XS_READ, 1000 + i, 0, LIT("domid"));
		/*
		 * A file may have 64 requests without a reply taken in; then it waits for the
		 * store.
		 */
		good &= poll(&p, 1, ANSWER_MS) == 1;
		good &= ask(fd, XS_WATCH, 2000 + i, 0, data,
			    snprintf(data, sizeof(data), "data%ctoken%d", 0, i) + 1);
	}
	check(good, "50 x (READ, WATCH) are written before anything is read");
	for (i = 0; i < 150; i++) {
		if (!get(fd, &f))
			break;
		reads += f.hdr.type == XS_READ && f.hdr.req_id - 1000 < 50;
		watches += is_ok(&f, XS_WATCH) && f.hdr.req_id - 2000 < 50;
		events += f.hdr.type == XS_WATCH_EVENT;
	}
	check(reads == 50 && watches == 50 && events == 50,
	      "%d reads, %d watches, %d first events are answered", reads, watches, events);
	stop = true;
	pthread_join(other, &n);
	check((long)n > 0, "meanwhile another user had %ld answers", (long)n);
	close(fd);
}

static void t_nonblock(void)
{
	int fd = node_open(O_NONBLOCK), n = 0, got = 0;
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };
	struct frame f;
	size_t len = make(&f, XS_READ, 1, 0, LIT("domid"));
	ssize_t done = 0;

	check(read(fd, &f.hdr, 1) < 0 && errno == EAGAIN, "read of nothing: EAGAIN");
	check(poll(&p, 1, 0) == 1 && p.revents == POLLOUT, "poll: writable, not readable");
	while (n < 10000) {
		make(&f, XS_READ, n, 0, LIT("domid"));
		done = write(fd, &f, len);
		if (done != (ssize_t)len)
			break;
		n++;
	}
	check(n > 16 && (n == 10000 || (done < 0 && errno == EAGAIN)),
	      "%d writes, then EAGAIN or never", n);
	while (got < n && get(fd, &f) && f.hdr.type == XS_READ && f.hdr.req_id == (uint32_t)got)
		got++;
	check(got == n, "%d replies, in the order of the requests", got);
	p.events = POLLIN | POLLOUT;
	check(poll(&p, 1, 0) == 1 && p.revents == POLLOUT, "poll: writable again");
	close(fd);
}

/* Who never reads has to stop writing: what waits for it is the guest's memory. */
static void t_unread(void)
{
	int fd = node_open(0), n = 0, got = 0;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	struct frame f;

	/* What poll() has promised holds, also when a reply comes before the write. */
	while (n < 20000 && poll(&p, 1, 3000) == 1 && !usleep(5000) &&
	       ask(fd, XS_READ, n, 0, LIT("domid")))
		n++;
	check(n >= 100 && n < 20000, "%d requests with no reply read, then there is no room", n);
	while (got < n && get(fd, &f) && f.hdr.type == XS_READ && f.hdr.req_id == (uint32_t)got)
		got++;
	check(got == n, "%d replies are read, in order", got);
	check(poll(&p, 1, 0) == 1 && p.revents == POLLOUT, "and there is room again");
	close(fd);
}

/* Some of these files have their first reply. */
static bool one_has_replies(const int *fds, nfds_t n)
{
	struct pollfd p[32];
	nfds_t i;

	for (i = 0; i < n; i++)
		p[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	return poll(p, n, ANSWER_MS) > 0;
}

/*
 * Who asks and closes, again and again, without a look at the replies, has to wait for the store at
 * last: what closed files have left is the guest's memory, too.
 */
static void t_closed(void)
{
	struct frame f = { };
	long files, most = 0;
	struct pollfd p = { .events = POLLOUT };
	int round, i, fd, good = 0, many[20];

	for (round = 0; round < 200; round++) {
		fd = node_open(0);
		for (i = 0; i < 40; i++)
			good += ask(fd, XS_DIRECTORY_PART, i, 0, LIT("data\0" "0"));
		close(fd);
		files = stat_of("device_files");
		most = files > most ? files : most;
	}
	check(good == 200 * 40, "%d requests of files that are closed at once", good);
	check(most > 0 && most <= 17, "of these files at most %ld were not done yet", most);
	fd = node_open(0);
	check(call(fd, &f, XS_READ, 0, LIT("domid")), "another is answered");
	close(fd);

	/* Who has transactions wants more than the guest may have: they wait for each other. */
	for (i = 0; i < 20; i++) {
		many[i] = node_open(0);
		for (round = 0; round < 40; round++)
			ask(many[i], XS_TRANSACTION_START, round, 0, LIT(""));
	}
	check(one_has_replies(many, 20), "of twenty some have transactions, and want more");
	for (i = 0; i < 20; i++)
		close(many[i]);
	p.fd = fd = node_open(O_NONBLOCK);
	check(poll(&p, 1, 5000) == 1 && ask(fd, XS_READ, 1, 0, LIT("domid")) &&
	      frame_get(fd, &f, 5000), "when they have gone, another is answered in 5 s");
	close(fd);
	for (i = 0; i < 1200 && stat_of("device_files"); i++)
		usleep(50000);
	check(stat_of("device_files") == 0, "all are done at last");
}

#define THREADS		32
#define CALLS		200

static void *mixed_calls(void *arg)
{
	long me = (long)arg, i, good = 0;
	char path[32], value[32], data[80];
	int fd = node_open(0), n;
	struct frame f;
	uint32_t tx;

	snprintf(path, sizeof(path), "data/t%ld", me);
	for (i = 0; i < CALLS; i++) {
		snprintf(value, sizeof(value), "%ld-%ld", me, i);
		switch (i % 4) {
		case 0:
			good += put(fd, path, value);
			break;
		case 1:
			snprintf(value, sizeof(value), "%ld-%ld", me, i - 1);
			good += call(fd, &f, XS_READ, 0, path, strlen(path) + 1) &&
				f.hdr.type == XS_READ && !strcmp(f.data, value);
			break;
		case 2:
			good += call(fd, &f, XS_GET_PERMS, 0, path, strlen(path) + 1) &&
				f.hdr.type == XS_GET_PERMS && f.data[0] == 'n';
			break;
		case 3:
			if (i % 16 != 3) {
				good += call(fd, &f, XS_READ, 0, LIT("data/none")) &&
					is_error(&f, "ENOENT");
				break;
			}
			tx = start(fd, &f);
			n = snprintf(data, sizeof(data), "%s/x%c%s", path, 0, value);
			good += tx && call(fd, &f, XS_WRITE, tx, data, n) && is_ok(&f, XS_WRITE) &&
				call(fd, &f, XS_TRANSACTION_END, tx, LIT("T")) &&
				(is_ok(&f, XS_TRANSACTION_END) || is_error(&f, "EAGAIN"));
			break;
		}
	}
	close(fd);
	return (void *)good;
}

static void t_threads(void)
{
	pthread_t t[THREADS];
	long i, sum = 0;
	void *good;

	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, mixed_calls, (void *)i);
	for (i = 0; i < THREADS; i++) {
		pthread_join(t[i], &good);
		sum += (long)good;
	}
	check(sum == THREADS * CALLS, "%d threads x %d calls: %ld answers are right", THREADS,
	      CALLS, sum);
	check(stat_of("in_flight_most") <= 16, "at most %ld were in flight",
	      stat_of("in_flight_most"));
}

static void *one_transaction(void *unused)
{
	int fd = node_open(0);
	struct frame f;
	uint32_t tx = start(fd, &f);
	long good = tx != 0;

	(void)unused;

	if (!good)
		fprintf(stderr, "# start: %s\n", f.data);
	usleep(100000);		/* hold it, so that others have to queue */
	good = good && call(fd, &f, XS_TRANSACTION_END, tx, LIT("F"));
	close(fd);
	return (void *)good;
}

static void t_quota(void)
{
	pthread_t t[30];
	long i, sum = 0;
	void *good;

	for (i = 0; i < 30; i++)
		pthread_create(&t[i], NULL, one_transaction, NULL);
	for (i = 0; i < 30; i++) {
		pthread_join(t[i], &good);
		sum += (long)good;
	}
	check(sum == 30, "30 transactions at once, %ld of them began: the guest's quota queues",
	      sum);
}

static void t_shared(void)
{
	int a = node_open(0), b = node_open(0);
	long before = stat_of("watches");
	struct frame f;

	check(call(a, &f, XS_WATCH, 0, LIT("data/shared\0a")) && is_ok(&f, XS_WATCH) &&
	      get(a, &f) && f.hdr.type == XS_WATCH_EVENT, "one file watches");
	check(call(b, &f, XS_WATCH, 0, LIT("data/shared\0b")) && is_ok(&f, XS_WATCH),
	      "another watches the same");
	check(get(b, &f) && f.hdr.type == XS_WATCH_EVENT && !strcmp(f.data + 12, "b"),
	      "and has its first event, with its own token");
	check(stat_of("watches") == before + 1, "the server has one watch for both");
	check(call(a, &f, XS_RESET_WATCHES, 0, LIT("")) && is_ok(&f, XS_RESET_WATCHES),
	      "RESET_WATCHES by the first");
	check(put(a, "data/shared", "1") && get(b, &f) && f.hdr.type == XS_WATCH_EVENT,
	      "leaves the other its watch");
	check(call(a, &f, XS_UNWATCH, 0, LIT("data/shared\0a")) && is_error(&f, "ENOENT"),
	      "and the first has none");
	close(a);
	close(b);
}

/* Kernel memory in small pieces, in kB. */
static long slab(void)
{
	char line[128];
	FILE *file = fopen("/proc/meminfo", "r");
	long kb = -1;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Slab: %ld", &kb) == 1)
			break;
	if (file)
		fclose(file);
	return kb;
}

static bool settled(const char *name, long want)
{
	int tries;

	for (tries = 0; tries < 200 && stat_of(name) != want; tries++)
		usleep(50000);
	return stat_of(name) == want;
}

static void die_with(void (*fn)(int fd))
{
	pid_t pid = fork();

	if (!pid) {
		fn(node_open(0));
		kill(getpid(), SIGKILL);
	}
	waitpid(pid, NULL, 0);
}

static void open_transactions(int fd)
{
	struct frame f;
	int i;

	for (i = 0; i < 5; i++)
		start(fd, &f);
}

static void half_a_frame(int fd)
{
	write_all(fd, "half a header", 13);
}

static void watch_and_die(int fd)
{
	struct frame f;

	call(fd, &f, XS_WATCH, 0, LIT("data/rogue\0r"));
	call(fd, &f, XS_WATCH, 0, LIT("data\0r"));
}

static void t_rogue(void)
{
	long files = stat_of("device_files"), watches = stat_of("watches"), lost, before = slab();
	int rogue = node_open(0), fd = node_open(0), i;
	char path[64];
	struct frame f;
	bool good = true;

	check(call(rogue, &f, XS_WATCH, 0, LIT("data\0rogue")) && is_ok(&f, XS_WATCH),
	      "a file that will not read watches");
	for (i = 0; i < 10000 && good; i++) {
		snprintf(path, sizeof(path), "data/rogue/%d", i % 10);
		good = put(fd, path, "x");
	}
	check(good, "%d events for it: the writer is never held up", i);
	lost = stat_of("lost_events");
	check(lost > 0, "the counter says that %ld are lost", lost);
	close(rogue);
	close(fd);
	for (i = 0; i < 10; i++)
		die_with(open_transactions);
	fd = node_open(0);
	check(start(fd, &f), "10 x 5 transactions of killed processes: the next one begins");
	close(fd);
	die_with(half_a_frame);
	die_with(watch_and_die);
	check(settled("device_files", files), "nothing is left of them: %ld files",
	      stat_of("device_files"));
	check(settled("watches", watches), "%ld watches", stat_of("watches"));
	check(slab() - before < 1024, "memory came back: %ld kB of slab before, %ld after", before,
	      slab());
}

/* ---- the connection breaks -------------------------------------------------------------- */

#define WATCHES		100

static const char *state(void)
{
	static char word[32];
	FILE *file = fopen("/sys/module/xsfront/parameters/state", "r");

	word[0] = '\0';
	if (file) {
		if (fscanf(file, "%31s", word) != 1)
			word[0] = '\0';
		fclose(file);
	}
	return word;
}

static bool watch_many(int fd)
{
	int i, events = 0, oks = 0;
	struct frame f;
	char data[64];

	for (i = 0; i < WATCHES; i++) {
		if (!ask(fd, XS_WATCH, i, 0, data,
			 snprintf(data, sizeof(data), "data/w%d%ctoken%d", i, 0, i) + 1))
			return false;
		while (oks + events < 2 * (i + 1) && get(fd, &f)) {
			oks += is_ok(&f, XS_WATCH);
			events += f.hdr.type == XS_WATCH_EVENT;
		}
	}
	return oks == WATCHES && events == WATCHES;
}

static volatile bool readers_stop;

/* Reads without an end. Whatever it gets is an answer; an EIO is one that the break has ended. */
static void *reader(void *ended)
{
	int fd = node_open(0);
	struct frame f;

	while (!readers_stop && call(fd, &f, XS_READ, 0, LIT("domid"))) {
		if (f.hdr.type == XS_READ)
			continue;
		if (is_error(&f, "EIO"))
			__atomic_fetch_add((int *)ended, 1, __ATOMIC_RELAXED);
		usleep(1000);
	}
	close(fd);
	return (void *)(long)readers_stop;
}

#define TRANSACTIONS	8	/* less than the quota, 10 */

/*
 * The server of a new connection counts from where it began once. A transaction of the old one must
 * not become one of the new, for who has both.
 */
static void no_mix(int fd, uint32_t old)
{
	int i, others = 0, well = 0;
	uint32_t tx[TRANSACTIONS];
	struct frame f;

	for (i = 0; i < TRANSACTIONS; i++) {
		tx[i] = start(fd, &f);
		others += tx[i] && tx[i] != old;
	}
	check(others == TRANSACTIONS, "%d new transactions, none of which is named %u", others,
	      old);
	check(call(fd, &f, XS_WRITE, old, LIT("data/old\0x")) && is_error(&f, "EAGAIN"),
	      "a write in the old one says EAGAIN (%s)", f.data);
	for (i = 0; i < TRANSACTIONS; i++)
		well += call(fd, &f, XS_TRANSACTION_END, tx[i], LIT("T")) &&
			is_ok(&f, XS_TRANSACTION_END);
	check(well == TRANSACTIONS, "%d of the new ones commit", well);
}

/*
 * 100 watches, an open transaction, 16 readers; then `ready` is made, and dom0 breaks the ring.
 * When it is live again everything must be there but the transaction.
 */
static void t_mended(void)
{
	int fd = node_open(0), tx_fd = node_open(0), ended = 0, i, events = 0;
	long answered = 0, replies;
	pthread_t t[16];
	struct frame f;
	uint32_t tx;
	void *good;

	check(watch_many(fd), "%d watches are set and have fired", WATCHES);
	tx = start(tx_fd, &f);
	check(tx, "a transaction is open");
	for (i = 0; i < 16; i++)
		pthread_create(&t[i], NULL, reader, &ended);
	close(open("ready", O_CREAT | O_WRONLY, 0600));
	while (events < WATCHES && get(fd, &f))
		events += f.hdr.type == XS_WATCH_EVENT;
	check(events == WATCHES, "the ring breaks, and %d watches fire anew", events);
	check(!strcmp(state(), "live"), "the state is %s", state());
	no_mix(tx_fd, tx);
	check(call(tx_fd, &f, XS_TRANSACTION_END, tx, LIT("T")) && is_error(&f, "EAGAIN"),
	      "the commit of the open transaction says EAGAIN (%s)", f.data);
	check(start(tx_fd, &f), "and can be begun again");
	replies = stat_of("replies");
	usleep(200000);
	check(stat_of("replies") > replies, "the readers go on");
	readers_stop = true;
	for (i = 0; i < 16; i++) {
		pthread_join(t[i], &good);
		answered += (long)good;
	}
	check(answered == 16, "%ld of 16 had an answer to each request; %d were ended by the break",
	      answered, ended);
	check(put(tx_fd, "data/w7", "x") && get(fd, &f) && f.hdr.type == XS_WATCH_EVENT &&
	      !strcmp(f.data, "data/w7"), "a change fires, as ever");
	close(fd);
	close(tx_fd);
}

/*
 * dom0 breaks the ring and does not mend it: nothing hangs, everything says so at once. When it is
 * well again, of transactions that were open nothing is left at the server, whose quota is 10.
 */
static void t_dead(void)
{
	int fd = node_open(0), gone = node_open(0), tries, i, good = 0, over = 0, again = 0;
	struct frame f;
	uint32_t tx[8];

	for (i = 0; i < 8; i++) {
		tx[i] = start(i < 4 ? fd : gone, &f);
		good += tx[i] != 0;
	}
	check(good == 8, "8 transactions are opened");
	close(open("ready", O_CREAT | O_WRONLY, 0600));
	for (tries = 0; tries < 400 && strcmp(state(), "dead"); tries++) {
		call(fd, &f, XS_READ, 0, LIT("domid"));
		usleep(50000);
	}
	check(!strcmp(state(), "dead"), "the state is %s", state());
	check(call(fd, &f, XS_READ, 0, LIT("domid")) && is_error(&f, "EIO"),
	      "a read fails at once");
	check(call(fd, &f, XS_WATCH, 0, LIT("data\0t")) && is_error(&f, "EIO"), "so does a watch");
	check(call(fd, &f, XS_TRANSACTION_START, 0, LIT("")) && is_error(&f, "EIO"),
	      "and a transaction");
	close(gone);		/* and its transactions are to end when the ring is well again */
	for (tries = 0; tries < 1200 && strcmp(state(), "live"); tries++)
		usleep(50000);
	check(!strcmp(state(), "live"), "later the state is %s", state());
	for (i = 0; i < 4; i++)
		over += call(fd, &f, XS_TRANSACTION_END, tx[i], LIT("T")) && is_error(&f, "EAGAIN");
	check(over == 4, "the transactions are over: EAGAIN for %d of 4", over);
	for (i = 0; i < 8; i++)
		again += start(fd, &f) != 0;
	check(again == 8, "there is room for 8 others: %d are opened", again);
	close(fd);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "order", t_order },
	{ "errors", t_errors },
	{ "split", t_split },
	{ "big", t_big },
	{ "pileup", t_pileup },
	{ "nonblock", t_nonblock },
	{ "unread", t_unread },
	{ "closed", t_closed },
	{ "threads", t_threads },
	{ "quota", t_quota },
	{ "shared", t_shared },
	{ "rogue", t_rogue },
	{ "mended", t_mended },
	{ "dead", t_dead },
};

int main(int argc, char **argv)
{
	size_t i;

	if (argc > 2)
		node = argv[2];
	for (i = 0; argc > 1 && i < sizeof(tests) / sizeof(tests[0]); i++) {
		if (strcmp(argv[1], tests[i].name))
			continue;
		tests[i].run();
		return bad != 0;
	}
	fprintf(stderr, "usage: xenbus_raw TEST [NODE]; tests:");
	for (i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		fprintf(stderr, " %s", tests[i].name);
	fprintf(stderr, "\n");
	return 2;
}
