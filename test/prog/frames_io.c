// SPDX-License-Identifier: GPL-2.0
/*
 * frames_io.c - debugfs xsfront/frames as programs read it. Prints TAP lines for `tap` of
 * test/lab/lib.sh.
 *
 *   frames_io TEST NODE      TEST: see tests[] at the end; NODE: a device node to send requests by
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>
#include "tap.h"

#define FRAMES		"/sys/kernel/debug/xsfront/frames"
#define HEADER		"# xsfront frames 1: number seconds who direction type path req_id tx_id " \
			"bytes us result value\n"
#define SOON_MS		20000	/* a store under emulation is slow; one that is stuck is slower */
#define KEPT_BYTES	65536	/* what the recorder keeps */
#define FRAME_BYTES	56	/* what it needs for a frame, at the least */
#define BURST		16

static const char *node;

static int must_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0) {
		printf("not ok - open %s: %s\n", path, strerror(errno));
		exit(1);
	}
	return fd;
}

static bool follow(bool on)
{
	int fd = must_open(FRAMES, O_WRONLY);
	bool good = write(fd, on ? "1" : "0", 1) == 1;

	close(fd);
	return good;
}

/* All that there is, up to the end; with a NUL. The caller frees it. */
static char *read_text(int fd, size_t piece)
{
	size_t size = 4 << 20, len = 0;
	char *text = malloc(size);
	ssize_t n = 1;

	while (text && n > 0 && len + piece < size) {
		n = read(fd, text + len, piece);
		len += n > 0 ? n : 0;
	}
	if (text)
		text[len] = '\0';
	return text;
}

/* Requests and their replies, in bursts. */
static bool send_reads(const char *path, unsigned int count)
{
	struct xsd_sockmsg hdr = { .type = XS_READ, .len = strlen(path) + 1 };
	int fd = must_open(node, O_RDWR);
	char frame[sizeof(hdr) + 4096], reply[sizeof(hdr) + 4096];
	unsigned int i, owed = 0;

	memcpy(frame, &hdr, sizeof(hdr));
	memcpy(frame + sizeof(hdr), path, hdr.len);
	for (i = 0; i < count || owed; ) {
		if (i < count && owed < BURST) {
			if (write(fd, frame, sizeof(hdr) + hdr.len) < 0)
				break;
			i++;
			owed++;
			continue;
		}
		if (read(fd, reply, sizeof(hdr)) != sizeof(hdr))
			break;
		memcpy(&hdr, reply, sizeof(hdr));
		if (hdr.len && read(fd, reply, hdr.len) != (ssize_t)hdr.len)
			break;
		hdr.len = strlen(path) + 1;
		owed--;
	}
	close(fd);
	return i == count && !owed;
}

/* ---- a line, taken apart ----------------------------------------------------------------- */

struct line {
	unsigned long number, len;
	double seconds;
	char who[32], direction, type[32], path[16500], us[16], result[40], value[16500];
	unsigned int id, tx;
};

static bool parse(const char *text, struct line *l)
{
	int end = -1;

	if (sscanf(text, "%lu %lf %31s %c %31s %16499s %x %u %lu %15s %39s %16499s%n", &l->number,
		   &l->seconds, l->who, &l->direction, l->type, l->path, &l->id, &l->tx, &l->len,
		   l->us, l->result, l->value, &end) != 12 || text[end] != '\n')
		return false;
	if (strcmp(l->who, "kernel") && strcmp(l->who, "module") && strcmp(l->who, "-") &&
	    strncmp(l->who, "node:", 5))
		return false;
	return (l->direction == '<' || l->direction == '>') && l->len <= 4096 &&
		(l->value[0] == '=' || !strcmp(l->value, "-"));
}

/* Requests by their slot: what their replies' latency must be. */
struct sent {
	unsigned int id;
	double seconds;
	char path[256];
};

struct tally {
	unsigned long requests, replies, events, answered, wrong, last;
	double seconds;
};

static void tally_reply(struct tally *t, const struct line *l, const struct sent *s)
{
	long us = strtol(l->us, NULL, 10), between = (l->seconds - s->seconds) * 1e6 + 0.5;

	t->replies++;
	if (s->id != l->id || !strcmp(l->us, "-"))
		return;		/* its request was pushed out, or the time was not taken */
	t->answered++;
	/* Times are cut to microseconds. */
	if (labs(us - between) > 2 || strncmp(s->path, l->path, sizeof(s->path) - 1)) {
		printf("# frame %lu: %s us, %ld between; path %s, %s\n", l->number, l->us, between,
		       s->path, l->path);
		t->wrong++;
	}
}

static void tally_line(struct tally *t, const struct line *l)
{
	static struct sent sent[16];
	struct sent *s = &sent[l->id % 16];

	if (l->number != t->last + 1 || l->seconds < t->seconds) {
		printf("# frame %lu at %f behind %lu at %f\n", l->number, l->seconds, t->last,
		       t->seconds);
		t->wrong++;
	}
	t->last = l->number;
	t->seconds = l->seconds;
	if (l->direction == '>') {
		t->requests++;
		s->id = l->id;
		s->seconds = l->seconds;
		snprintf(s->path, sizeof(s->path), "%.255s", l->path);
	} else if (strcmp(l->type, "WATCH_EVENT")) {
		tally_reply(t, l, s);
	} else {
		t->events++;
	}
}

/* Looks at each line of a text behind its header. Returns how many could not be understood. */
static int tally_text(struct tally *t, const char *text)
{
	static struct line l;
	int bad = 0;

	for (text = strchr(text, '\n'); text && text[1]; text = strchr(text, '\n')) {
		text++;
		if (*text == '#')
			continue;
		if (!parse(text, &l)) {
			printf("# %.120s\n", text);
			bad++;
			continue;
		}
		if (!t->last)
			t->last = l.number - 1;
		tally_line(t, &l);
	}
	return bad;
}

/* ---- tests ------------------------------------------------------------------------------- */

static void t_lines(void)
{
	int fd = must_open(FRAMES, O_RDONLY);
	char *text = read_text(fd, 65536);
	struct tally t = { };

	close(fd);
	check(!strncmp(text, HEADER, strlen(HEADER)), "the header");
	check(!tally_text(&t, text), "every line can be taken apart");
	check(!t.wrong, "numbers, times, latencies and paths fit each other");
	check(t.answered >= 10, "%lu requests, %lu replies, %lu of them measured, %lu events",
	      t.requests, t.replies, t.answered, t.events);
	free(text);
}

/* As in t_lines(), with bursts of 16 in flight before. */
static void t_bursts(void)
{
	check(send_reads("domid", 100), "100 requests, 16 at a time");
	t_lines();
}

static void t_pieces(void)
{
	static const size_t piece[] = { 1, 7, 100, 100000 };
	char *text[4];
	int fd[4];
	unsigned int i;

	for (i = 0; i < 4; i++)
		fd[i] = must_open(FRAMES, O_RDONLY);
	for (i = 0; i < 4; i++) {
		text[i] = read_text(fd[i], piece[i]);
		close(fd[i]);
	}
	check(strlen(text[0]) > 1000, "there is something to read");
	/* More may have come meanwhile. */
	for (i = 1; i < 4; i++)
		check(!strncmp(text[0], text[i], strlen(text[0])),
		      "%zu bytes at a time give what single bytes give", piece[i]);
	for (i = 0; i < 4; i++)
		free(text[i]);
}

/* Reads up to where there is no more. */
static void drain(int fd)
{
	char buf[4096];

	while (read(fd, buf, sizeof(buf)) > 0)
		;
}

/* Until a process sleeps. What it was doing before that is over. */
static bool sleeps(pid_t pid)
{
	char name[64], state = 0;
	int tries;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%d/stat", pid);
	for (tries = 0; tries < SOON_MS / 10 && state != 'S'; tries++) {
		f = fopen(name, "r");
		if (!f || fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
			tries = SOON_MS;
		if (f)
			fclose(f);
		if (state != 'S')
			usleep(10000);
	}
	return state == 'S';
}

/* A child that sends a request when this process sleeps. */
static pid_t send_when_asleep(const char *path)
{
	pid_t self = getpid(), pid = fork();

	if (!pid)
		_exit(!sleeps(self) || !send_reads(path, 1));
	return pid;
}

static void t_follow(void)
{
	int fd = must_open(FRAMES, O_RDONLY | O_NONBLOCK);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int status = -1;
	char buf[4096];
	ssize_t n;
	pid_t pid;

	check(poll(&p, 1, 0) == 1, "not following: readable");
	drain(fd);
	check(read(fd, buf, 1) == 0, "then at its end");
	check(poll(&p, 1, 0) == 1, "which poll tells of");
	check(follow(true), "following");
	check(poll(&p, 1, 0) == 0, "there is no more, and poll waits");
	check(read(fd, buf, 1) < 0 && errno == EAGAIN, "a read that may not wait is EAGAIN");
	pid = send_when_asleep("data/following");
	check(poll(&p, 1, SOON_MS) == 1 && p.revents == POLLIN, "a request wakes poll");
	check(waitpid(pid, &status, 0) == pid && !status, "and is answered");
	n = read(fd, buf, sizeof(buf) - 1);
	buf[n > 0 ? n : 0] = '\0';
	check(strstr(buf, " > READ data/following ") && strstr(buf, " < READ data/following "),
	      "both of its frames are there");
	check(poll(&p, 1, 0) == 0, "and no more");
	check(follow(false), "not following");
	check(poll(&p, 1, SOON_MS) == 1 && read(fd, buf, 1) == 0, "is the end");
	close(fd);
}

/* A child that reads to the end, blocked at the place where there is no more. */
static pid_t blocked_child(int *to)
{
	int up[2], fd;
	char buf[4096];
	ssize_t n;
	pid_t pid;

	if (pipe(up))
		exit(1);
	pid = fork();
	if (!pid) {
		close(up[0]);
		fd = must_open(FRAMES, O_RDONLY);
		while ((n = read(fd, buf, sizeof(buf))) > 0)
			if (write(up[1], buf, n) != n)
				_exit(1);
		_exit(n ? 2 : 0);
	}
	close(up[1]);
	*to = up[0];
	return pid;
}

/* Reads what a child has read until it holds a text. */
static bool comes(int fd, const char *text)
{
	static char all[1 << 20];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(all) - 1 && poll(&p, 1, SOON_MS) == 1) {
		n = read(fd, all + len, sizeof(all) - 1 - len);
		if (n <= 0)
			return false;
		len += n;
		all[len] = '\0';
		if (strstr(all, text))
			return true;
	}
	return false;
}

static void t_blocked(void)
{
	int fd, status = -1;
	pid_t pid;

	check(follow(true), "following");
	pid = blocked_child(&fd);
	check(send_reads("data/blocked-1", 1) && comes(fd, " < READ data/blocked-1 "),
	      "a reader comes to what is there");
	check(sleeps(pid), "and waits");
	check(send_reads("data/blocked-2", 1) && comes(fd, " < READ data/blocked-2 "),
	      "until more comes");
	check(sleeps(pid) && waitpid(pid, &status, WNOHANG) == 0, "and waits again");
	kill(pid, SIGKILL);
	check(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status), "it can be killed there");
	close(fd);

	pid = blocked_child(&fd);
	check(send_reads("data/blocked-3", 1) && comes(fd, " < READ data/blocked-3 ") &&
	      sleeps(pid), "another one waits");
	check(follow(false), "not following");
	check(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status),
	      "comes to its end");
	close(fd);
}

static unsigned long first_number(const char *text)
{
	text = strchr(text, '\n');
	while (text && text[1] == '#')
		text = strchr(text + 1, '\n');
	return text ? strtoul(text + 1, NULL, 10) : 0;
}

/* What is pushed out before it is read is told, to the last frame; what is kept is bounded. */
static void t_lost(void)
{
	int slow = must_open(FRAMES, O_RDONLY), fd;
	unsigned long before, after, lost = 0;
	struct tally t = { };
	char head[4096], *text, *told;
	ssize_t n = read(slow, head, strlen(HEADER) + 1);	/* and a byte of the first frame */

	n += read(slow, head + n, 200);
	head[n] = '\0';
	before = first_number(head);
	check(before > 0, "a slow reader begins with frame %lu", before);
	check(send_reads("data/lost", 800), "1600 frames");
	text = read_text(slow, 4096);
	told = strstr(text, "# ");
	if (told)
		sscanf(told, "# %lu frames were pushed out before they were read\n", &lost);
	told = told ? strchr(told, '\n') : NULL;
	after = told ? strtoul(told + 1, NULL, 10) : 0;
	check(lost > 400, "it is told that %lu are lost", lost);
	/* The line that it was reading is whole, and maybe some after it in the 200 bytes. */
	check(after > before + lost && after - lost - before <= 4, "and goes on with frame %lu",
	      after);
	free(text);
	close(slow);

	fd = must_open(FRAMES, O_RDONLY);
	text = read_text(fd, 4096);
	close(fd);
	check(!tally_text(&t, text) && !t.wrong, "what is kept is whole");
	n = t.last - first_number(text) + 1;
	check(n >= 500 && n <= KEPT_BYTES / FRAME_BYTES, "%zd frames are kept", n);
	free(text);
}

static void t_odd(void)
{
	static char path[3000], line[3100];
	struct pollfd p = { .events = POLLIN | POLLOUT };
	char *text;
	int fd;

	memset(path, 'p', sizeof(path) - 1);
	snprintf(line, sizeof(line), " > READ %s ", path);
	send_reads(path, 1);
	send_reads("a b\n\\\xff", 1);
	send_reads("-", 1);
	send_reads("", 1);
	fd = must_open(FRAMES, O_RDONLY);
	text = read_text(fd, 65536);
	close(fd);
	check(strstr(text, line), "a path of 2999 bytes is whole");
	check(strstr(text, " > READ a\\x20b\\x0a\\x5c\\xff "),
	      "what is no visible ASCII is escaped");
	check(strstr(text, " > READ \\x2d "), "a hyphen is not the lack of a path");
	check(strstr(text, " > READ - "), "which is a hyphen");
	free(text);
	p.fd = must_open(FRAMES, O_WRONLY);
	check(poll(&p, 1, SOON_MS) == 1 && p.revents == POLLOUT, "to be written: poll says so");
	close(p.fd);
	t_lines();
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "lines", t_lines },
	{ "bursts", t_bursts },
	{ "pieces", t_pieces },
	{ "follow", t_follow },
	{ "blocked", t_blocked },
	{ "lost", t_lost },
	{ "odd", t_odd },
};

int main(int argc, char **argv)
{
	size_t i;

	setvbuf(stdout, NULL, _IONBF, 0);
	for (i = 0; argc == 3 && i < sizeof(tests) / sizeof(tests[0]); i++)
		if (!strcmp(tests[i].name, argv[1])) {
			node = argv[2];
			tests[i].run();
			return bad > 0;
		}
	fprintf(stderr, "usage: frames_io lines|bursts|pieces|follow|blocked|lost|odd NODE\n");
	return 2;
}
