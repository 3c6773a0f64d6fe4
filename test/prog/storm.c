// SPDX-License-Identifier: GPL-2.0
/*
 * storm.c - requests to the store on a raw device node, as fast as they are answered, by several
 * threads, each answer checked; and a watch whose events are counted. Runs until SIGTERM.
 *
 *   storm NODE THREADS WRITES       NODE: /dev/xen/xenbus, the kernel's own
 *
 * Each thread has a node of its own below data/storm and does in turn: write a value, of up to
 * 2000 bytes, and read it back; list a directory; a transaction of two writes; a read of what is
 * not there. The watch is on data/storm-count, below which dom0 writes WRITES times; when it stands
 * the file storm-watches is made.
 *
 * Prints TAP lines and no plan; ends with status 1 when something was wrong.
 */
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
#include <time.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>
#include "frame.h"
#include "tap.h"

#define THREADS_MAX	64
#define VALUE_MAX	2000
#define ANSWER_MS	60000	/* no reply for this long is a failure */

struct worker {
	pthread_t thread;
	unsigned int number;
	unsigned long requests, failed, slowest_us;
};

static const char *node;
static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	stop = 1;
}

static bool put(int fd, uint32_t type, uint32_t tx, const void *data, size_t len)
{
	return frame_put(fd, type, 7, tx, data, len);
}

static bool get(int fd, struct frame *f)
{
	return frame_get(fd, f, ANSWER_MS);
}

static unsigned long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000UL + t.tv_nsec / 1000;
}

/* One request and its reply, which has to be of type @want. */
static bool call(struct worker *w, int fd, struct frame *f, uint32_t type, uint32_t tx,
		 const void *data, size_t len, uint32_t want)
{
	unsigned long began = now_us();
	bool good = put(fd, type, tx, data, len) && get(fd, f) && f->hdr.type == want &&
		f->hdr.req_id == 7;

	w->requests++;
	w->failed += !good;
	if (now_us() - began > w->slowest_us)
		w->slowest_us = now_us() - began;
	return good;
}

static void write_and_read(struct worker *w, int fd, unsigned int round)
{
	char path[64], data[64 + VALUE_MAX];
	size_t head = snprintf(path, sizeof(path), "data/storm/%u/v", w->number) + 1;
	size_t len = (round * 37 + w->number * 101) % VALUE_MAX;
	struct frame f;

	memcpy(data, path, head);
	memset(data + head, 'a' + round % 26, len);
	call(w, fd, &f, XS_WRITE, 0, data, head + len, XS_WRITE);
	if (call(w, fd, &f, XS_READ, 0, path, head, XS_READ) &&
	    (f.hdr.len != len || memcmp(f.data, data + head, len)))
		w->failed++;
}

static void transaction(struct worker *w, int fd, unsigned int round)
{
	char data[96];
	struct frame f;
	uint32_t tx;
	int i;

	if (!call(w, fd, &f, XS_TRANSACTION_START, 0, "", 1, XS_TRANSACTION_START))
		return;
	tx = strtoul(f.data, NULL, 10);
	for (i = 0; i < 2; i++) {
		int head = snprintf(data, sizeof(data), "data/storm/%u/t%d", w->number, i) + 1;

		call(w, fd, &f, XS_WRITE, tx, data,
		     head + snprintf(data + head, sizeof(data) - head, "%u", round), XS_WRITE);
	}
	/* Others write too: the store may want it tried again. */
	w->requests++;
	if (!put(fd, XS_TRANSACTION_END, tx, "T", 2) || !get(fd, &f) ||
	    (f.hdr.type != XS_TRANSACTION_END && strcmp(f.data, "EAGAIN")))
		w->failed++;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	int fd = open(node, O_RDWR);
	unsigned int round;
	char path[64];
	struct frame f;

	if (fd < 0) {
		w->failed++;
		return NULL;
	}
	for (round = 0; !stop; round++) {
		write_and_read(w, fd, round);
		snprintf(path, sizeof(path), "data/storm/%u", w->number);
		call(w, fd, &f, XS_DIRECTORY, 0, path, strlen(path) + 1, XS_DIRECTORY);
		if (w->number % 4 == 0)		/* the store allows 10 at once */
			transaction(w, fd, round);
		call(w, fd, &f, XS_READ, 0, "data/none", 10, XS_ERROR);
	}
	close(fd);
	return NULL;
}

/* Counts events until all have come; after SIGTERM for as long as they go on coming. */
static void *watch(void *arg)
{
	unsigned long *events = arg, want = *events;
	static const char payload[] = "data/storm-count\0storm";
	int fd = open(node, O_RDWR);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct frame f;

	*events = 0;
	if (fd < 0 || !put(fd, XS_WATCH, 0, payload, sizeof(payload)))
		return NULL;
	while (!stop || *events < want + 1) {
		int n = poll(&p, 1, stop ? 5000 : 200);

		if (n == 0 && stop)
			break;
		if (n != 1)
			continue;
		if (!get(fd, &f))
			break;
		if (f.hdr.type == XS_WATCH_EVENT && !strncmp(f.data, "data/storm-count", 16) &&
		    !strcmp(f.data + strlen(f.data) + 1, "storm"))
			++*events;
		if (*events == 1)
			close(open("storm-watches", O_CREAT | O_WRONLY, 0600));
	}
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = on_term, .sa_flags = SA_RESTART };
	unsigned long requests = 0, failed = 0, slowest = 0, writes, events;
	static struct worker workers[THREADS_MAX];
	pthread_t watcher;
	int threads, i;

	if (argc != 4 || (threads = atoi(argv[2])) < 1 || threads > THREADS_MAX) {
		fprintf(stderr, "storm NODE THREADS WRITES\n");
		return 2;
	}
	node = argv[1];
	writes = events = strtoul(argv[3], NULL, 10);
	sigaction(SIGTERM, &act, NULL);
	pthread_create(&watcher, NULL, watch, &events);
	for (i = 0; i < threads; i++) {
		workers[i].number = i;
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	for (i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		requests += workers[i].requests;
		failed += workers[i].failed;
		if (workers[i].slowest_us > slowest)
			slowest = workers[i].slowest_us;
	}
	pthread_join(watcher, NULL);
	check(requests >= 1000 && !failed,
	      "%d threads on %s: %lu requests, %lu failed, the slowest took %lu ms", threads, node,
	      requests, failed, slowest / 1000);
	check(events == writes + 1, "%lu writes by dom0, %lu events (the first is for the watch)",
	      writes, events);
	return bad != 0;
}
