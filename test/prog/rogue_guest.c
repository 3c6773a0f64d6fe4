// SPDX-License-Identifier: GPL-2.0
/*
 * rogue_guest.c - a guest's programs under a store that lies (rogue_store.c, in dom0).
 *
 *   rogue_guest NODE TIMEOUT [KERNEL]      TIMEOUT: xsfront's deadline, in seconds
 *                                          KERNEL: the kernel's own node, in a share
 *   rogue_guest NODE TIMEOUT stock         in a guest without xsfront: what its node does
 *
 * Asks the store for its next trick, lets four threads do all that a program can ask for while it
 * is played, and then looks at what has come of it. One TAP line for each trick:
 *   - no call has taken longer than the deadline, plus what a busy machine needs;
 *   - the module is live again, and says it only where it was not;
 *   - a value is written and read, and a watch that was set before all tricks fires;
 *   - the log says what the trick's "want" says, and not much more:
 *       lives     nothing about a broken ring
 *       any       that depends
 *       limit     perhaps nothing: a minute has had its lines
 *       TEXT      there is a line with this in it
 *     and where a call has failed with EIO, which is the module's word, there is a line.
 *   - the kernel's own node answers too. What it is asked while the trick is played may be lost, as
 *     it would be without xsfront: the kernel knows no deadline.
 * At the end: no more memory is in use than after the first tricks. No plan is printed.
 *
 * Of a stock guest's node nothing is asked; one line tells how many calls were answered, and
 * whether it goes on after the trick. Once it does not, no more is tried.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
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

#define LETTERS		"ABCDEFGHIJKLMNOPQRSTUVWXYZ2"
#define THREADS		4
#define ROUNDS		2
#define NAMES		24	/* kinds of answers that are told apart */
#define SLACK_MS	4000	/* a call may find out late that it has timed out */
#define LINES_MAX	120	/* of the log, for one trick: a ring that breaks has up to 100 */
#define KB_MAX		3000	/* more memory than this is a leak */
#define STOCK_MS	2000	/* the kernel knows no deadline: as good as never */

static struct { char name[20]; unsigned int n; } kinds[NAMES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned long slowest_ms;
static unsigned int ours, unanswered;	/* in this trick: failures that are the module's word; … */
static unsigned int timeout_ms, round_number;
static int kmsg, watch_fd;
static const char *node, *kernel_node;
static bool stock;
static __thread bool lost;	/* a stock guest's: this thread has waited for nothing */

static unsigned long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000UL + t.tv_nsec / 1000000;
}

/* ---- calls ------------------------------------------------------------------------------ */

static bool put(int fd, uint32_t type, uint32_t tx, const void *data, size_t len)
{
	return frame_put(fd, type, 7, tx, data, len);
}

/* What would be waited for for ever is a failure, and to be told. */
static bool get(int fd, struct frame *f)
{
	return frame_get(fd, f, stock ? STOCK_MS : 4 * timeout_ms + SLACK_MS);
}

static void count(const char *kind)
{
	int i;

	for (i = 0; i < NAMES - 1 && kinds[i].n && strcmp(kinds[i].name, kind); i++)
		;
	snprintf(kinds[i].name, sizeof(kinds[i].name), "%.19s", i < NAMES - 1 ? kind : "others");
	kinds[i].n++;
}

/* A reply, or that there was none, and how long it took. */
static bool call(int fd, struct frame *f, uint32_t type, uint32_t tx, const void *data, size_t len)
{
	unsigned long began = now_ms(), took;
	bool good = !lost && put(fd, type, tx, data, len) && get(fd, f);
	const char *kind = !good ? "NOTHING" : f->hdr.type == type ? "well" :
		f->hdr.type == XS_WATCH_EVENT ? "an event" :
		f->hdr.type != XS_ERROR ? "of another type" :
		strspn(f->data, LETTERS) && strlen(f->data) < 15 ? f->data : "an odd error";

	if (lost)
		return false;
	lost = stock && !good;
	took = now_ms() - began;
	pthread_mutex_lock(&lock);
	count(kind);
	if (took > slowest_ms)
		slowest_ms = took;
	unanswered += !good;
	ours += !strcmp(kind, "EIO");
	pthread_mutex_unlock(&lock);
	return good && f->hdr.type == type;
}

#define LIT(s)	(s), sizeof(s)

static void *work(void *arg)
{
	int fd = open(node, O_RDWR), i;
	uint32_t tx = 0;
	char data[64];
	struct frame f;
	size_t n;

	for (i = 0; i < ROUNDS; i++) {
		n = sprintf(data, "data/rogue/%ld%cvalue", (long)arg, 0);
		call(fd, &f, XS_READ, 0, LIT("domid"));
		call(fd, &f, XS_WRITE, 0, data, n);
		call(fd, &f, XS_READ, 0, data, strlen(data) + 1);
		call(fd, &f, XS_DIRECTORY, 0, LIT("data"));
		call(fd, &f, XS_READ, 0, LIT("data/none"));
		if (call(fd, &f, XS_TRANSACTION_START, 0, LIT("")))
			tx = strtoul(f.data, NULL, 10);
		call(fd, &f, XS_WRITE, tx, data, n);
		call(fd, &f, XS_TRANSACTION_END, tx, LIT("T"));
	}
	close(fd);	/* with what may be open still, for the module to end */
	return NULL;
}

static void *watcher(void *arg)
{
	static const char watch[] = "data/rogue-short\0short";
	int fd = open(node, O_RDWR);
	struct frame f;

	call(fd, &f, XS_WATCH, 0, watch, sizeof(watch));
	call(fd, &f, XS_UNWATCH, 0, watch, sizeof(watch));
	close(fd);
	return NULL;
}

static unsigned int kernel_asked, kernel_told;

static void *kernel_user(void *arg)
{
	int fd = open(kernel_node, O_RDWR), i;
	struct frame f;

	kernel_asked = kernel_told = 0;
	for (i = 0; i < 2 * ROUNDS; i++) {
		kernel_asked += put(fd, XS_READ, 0, LIT("domid"));
		kernel_told += frame_get(fd, &f, timeout_ms) && f.hdr.type == XS_READ;
	}
	close(fd);
	return NULL;
}

/* ---- what has come of it ---------------------------------------------------------------- */

static void value_of(const char *file, char *to, size_t size)
{
	int fd = open(file, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, to, size - 1);

	to[n < 0 ? 0 : n] = '\0';
	to[strcspn(to, "\n")] = '\0';
	close(fd);
}

static bool is_live(void)
{
	char state[32];

	value_of("/sys/module/xsfront/parameters/state", state, sizeof(state));
	return !strcmp(state, "live");
}

/* A read of the store that gives @want, or for NULL anything; until then it is asked again. */
static bool ask_at(const char *at, const char *path, const char *want, struct frame *f,
		   unsigned long for_ms)
{
	unsigned long end = now_ms() + for_ms;
	int fd = open(at, O_RDWR);
	bool good;

	do {
		good = put(fd, XS_READ, 0, path, strlen(path) + 1) && get(fd, f) &&
			f->hdr.type == XS_READ && (!want || !strcmp(f->data, want));
		if (!good)
			usleep(20000);
	} while (!good && now_ms() < end);
	close(fd);
	return good;
}

static bool ask(const char *path, const char *want, struct frame *f, unsigned long for_ms)
{
	return ask_at(node, path, want, f, for_ms);
}

static bool write_and_read(void)
{
	static const char path[] = "data/rogue-check";
	int fd = open(node, O_RDWR), n;
	char data[64];
	struct frame f;
	bool good;

	n = sprintf(data, "%s%c%u", path, 0, ++round_number);
	good = put(fd, XS_WRITE, 0, data, n) && get(fd, &f) && f.hdr.type == XS_WRITE &&
		put(fd, XS_READ, 0, LIT(path)) && get(fd, &f) && f.hdr.type == XS_READ &&
		(unsigned int)atoi(f.data) == round_number;
	close(fd);
	return good;
}

/* All events that wait are read; the one that is asked for is made when there are no more. */
static bool watch_fires(void)
{
	struct pollfd p = { .fd = watch_fd, .events = POLLIN };
	int fd = open(node, O_RDWR);
	bool fired = false;
	struct frame f;

	while (poll(&p, 1, 0) == 1 && get(watch_fd, &f))
		;
	put(fd, XS_WRITE, 0, LIT("data/rogue-watch\0x"));
	while (!fired && poll(&p, 1, 5000) == 1 && get(watch_fd, &f))
		fired = f.hdr.type == XS_WATCH_EVENT && !strcmp(f.data, "data/rogue-watch");
	close(fd);
	return fired;
}

/* The module's lines since the last time. Returns how many; @found: one has @text in it. */
static unsigned int read_log(const char *text, bool *found)
{
	unsigned int lines = 0;
	char record[2048], *line;
	ssize_t n;

	*found = false;
	for (;;) {
		n = read(kmsg, record, sizeof(record) - 1);
		if (n < 0 && errno == EPIPE)	/* the oldest are gone: more than there may be */
			lines += LINES_MAX;
		if (n <= 0 && errno != EPIPE)
			return lines;
		record[n < 0 ? 0 : n] = '\0';
		line = strchr(record, ';');
		if (!line || strncmp(line + 1, "xsfront: ", 9))
			continue;
		line[strcspn(line, "\n")] = '\0';
		printf("# %s\n", line + 1);
		lines++;
		*found |= strstr(line, text) != NULL;
	}
}

static long memory_kb(void)
{
	char line[128];
	long kb = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "MemAvailable: %ld", &kb);
	fclose(f);
	return kb;
}

static void load(void)
{
	pthread_t t[THREADS + 2];
	long i, n = THREADS;

	for (i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, work, (void *)i);
	if (!stock)	/* the kernel would let it sleep for ever */
		pthread_create(&t[n++], NULL, watcher, NULL);
	if (kernel_node)
		pthread_create(&t[n++], NULL, kernel_user, NULL);
	for (i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

static void tell_kinds(unsigned long settled)
{
	int i;

	printf("# ");
	for (i = 0; i < NAMES && kinds[i].n; i++)
		printf("%u %s, ", kinds[i].n, kinds[i].name);
	printf("slowest %lu ms, well again after %lu ms", slowest_ms, settled);
	if (kernel_node)
		printf("; the kernel's: %u of %u", kernel_told, kernel_asked);
	printf("\n");
}

/* Returns whether the node goes on. */
static bool try_stock(const char *name)
{
	const char *then = "it goes on";
	struct frame f;
	bool on;

	printf("# %s\n", name);		/* should the guest not live to tell */
	memset(kinds, 0, sizeof(kinds));
	slowest_ms = 0;
	load();
	on = ask("rogue/over", "over", &f, 2 * STOCK_MS);
	if (!on)
		then = "it does not answer any more";
	else if (!write_and_read())
		then = "what was written is not read";
	else if (!watch_fires())
		then = "the watch does not fire any more";
	tell_kinds(0);
	printf("# stock: %s: the kernel's: %u of %u; %s\n", name, kernel_told, kernel_asked, then);
	return on;
}

/* One trick: @name, and what is wanted. */
static void try_trick(const char *name, const char *want)
{
	/* In a share what nobody has asked for may be the kernel's, which ignores it. */
	bool limit = !strcmp(want, "limit"), lives = !strcmp(want, "lives"), found, again;
	bool any = limit || !strcmp(want, "any") || (kernel_node && strstr(want, "nobody asked"));
	unsigned long began;
	const char *wrong = NULL;
	unsigned int lines;
	struct frame f;

	dprintf(kmsg, "rogue: %s\n", name);	/* should the guest not live to tell */
	memset(kinds, 0, sizeof(kinds));
	slowest_ms = ours = unanswered = 0;
	load();
	began = now_ms();
	again = ask("rogue/over", "over", &f, 4 * timeout_ms + 10000);
	began = now_ms() - began;
	tell_kinds(began);
	lines = read_log(lives || any ? "broken" : want, &found);
	if (!again)
		wrong = "it is not well again";
	else if (slowest_ms > timeout_ms + SLACK_MS)
		wrong = "a call has taken too long";
	else if (unanswered)
		wrong = "a call was not answered";
	else if (lives ? found : !any && !found)
		wrong = "the log does not say what it should";
	else if (ours && !lines && !lives && !limit)
		wrong = "calls have failed, and the log is silent";
	else if (lines > LINES_MAX)
		wrong = "the log is full of it";
	else if (!is_live())
		wrong = "the module is not live";
	else if (!write_and_read())
		wrong = "what was written is not read";
	else if (!watch_fires())
		wrong = "the watch does not fire any more";
	else if (kernel_node && !ask_at(kernel_node, "domid", NULL, &f, 10000))
		wrong = "the kernel's node does not answer";
	check(!wrong, "%s%s%s", name, wrong ? ": " : "", wrong ? : "");
}

int main(int argc, char **argv)
{
	static const char watch[] = "data/rogue-watch\0kept";
	unsigned int tricks = 0;
	long before = 0, after;
	struct frame f;
	bool found, set;
	char *want;

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "rogue_guest NODE TIMEOUT [KERNEL|stock]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	node = argv[1];
	stock = argc == 4 && !strcmp(argv[3], "stock");
	kernel_node = stock ? node : argv[3];
	timeout_ms = atoi(argv[2]) * 1000;
	kmsg = open("/dev/kmsg", O_RDWR | O_NONBLOCK);
	lseek(kmsg, 0, SEEK_END);
	watch_fd = open(node, O_RDWR);
	put(watch_fd, XS_WRITE, 0, LIT("data/rogue-watch\0"));
	set = get(watch_fd, &f) && f.hdr.type == XS_WRITE &&
		put(watch_fd, XS_WATCH, 0, watch, sizeof(watch)) && get(watch_fd, &f);
	if (!stock)	/* whose first event may come before the reply */
		check(set && f.hdr.type == XS_WATCH, "a watch is set");
	while (ask("rogue/next", NULL, &f, 30000) && strcmp(f.data, "end")) {
		want = strchr(f.data, '|');
		if (!want)
			break;
		*want++ = '\0';
		if (stock && !try_stock(f.data))
			break;
		if (!stock)
			try_trick(f.data, want);
		if (++tricks == 8)
			before = memory_kb();
	}
	if (stock) {
		printf("# no more is tried\n");
		return 0;
	}
	check(!strcmp(f.data, "end"), "the store has no more tricks");
	read_log("", &found);
	after = memory_kb();
	printf("# memory available: %ld kB before, %ld after %u tricks\n", before, after, tricks);
	check(tricks > 8 && before - after < KB_MAX, "no memory was lost");
	close(watch_fd);
	return bad != 0;
}
