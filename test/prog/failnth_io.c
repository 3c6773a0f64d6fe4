// SPDX-License-Identifier: GPL-2.0
/*
 * failnth_io echo|disk DEVICE: open, write, read, poll and close of an echo device, or of a disk,
 * with each failure that there can be (failnth.h). Prints TAP.
 */
#define _GNU_SOURCE
#include "failnth.h"

/* ---- an echo device, a disk -------------------------------------------------------------- */

#define PIECE	300		/* three messages of the ring */

static char sent[PIECE], got[PIECE];
static size_t put_at, got_at;

static int call_write(const struct sweep *s)
{
	(void)s;
	while (put_at < PIECE) {
		ssize_t n = write(node, sent + put_at, PIECE - put_at);

		if (n < 0)
			return -errno;
		put_at += n;
	}
	return 0;
}

static int call_take(const struct sweep *s)
{
	(void)s;
	while (got_at < PIECE) {
		ssize_t n = read(node, got + got_at, PIECE - got_at);

		if (n < 0)
			return -errno;
		got_at += n;
	}
	return 0;
}

static bool open_echo(const struct sweep *s)
{
	put_at = 0;
	got_at = 0;
	memset(got, 0, sizeof(got));
	return open_node(s);
}

static bool open_and_put(const struct sweep *s)
{
	return open_echo(s) && !call_write(s);
}

/* On from where it was, and all comes back as it went. */
static bool all_back(const struct sweep *s)
{
	return !call_write(s) && !call_take(s) && !memcmp(sent, got, PIECE);
}

/* The ring is the device's, not the file's: what is in it is for the next. */
static void take_and_close(const struct sweep *s)
{
	if (node >= 0 && !all_back(s))
		check(false, "what went comes back");
	close_node(s);
}

static void t_echo(void)
{
	const struct sweep opens = {
		.name = "open", .counter = &self, .call = call_open, .clean = close_node,
	};
	const struct sweep polls = {
		.name = "poll", .counter = &self, .prepare = open_node, .call = call_poll,
		.clean = close_node,
	};
	const struct sweep writes = {
		.name = "write", .counter = &self, .prepare = open_echo, .call = call_write,
		.again = all_back, .clean = take_and_close,
	};
	const struct sweep reads = {
		.name = "read", .counter = &self, .prepare = open_and_put, .call = call_take,
		.again = all_back, .clean = take_and_close,
	};
	const struct sweep closes = {
		.name = "close", .counter = &self, .prepare = open_node, .call = call_close,
		.clean = close_node,
	};
	size_t i;

	for (i = 0; i < PIECE; i++)
		sent[i] = (char)(i * 7 + 1);
	sweep(&opens);
	sweep(&polls);
	sweep(&writes);
	sweep(&reads);
	sweep(&closes);
}

static void *block;
static char first_block[4096];

static bool open_disk(const struct sweep *s)
{
	(void)s;
	node = open(file, O_RDONLY | O_DIRECT | O_CLOEXEC);
	return node >= 0;
}

static int call_open_disk(const struct sweep *s)
{
	return open_disk(s) ? 0 : -errno;
}

static int call_pread(const struct sweep *s)
{
	int err;

	(void)s;
	memset(block, 0, sizeof(first_block));
	err = done(pread(node, block, sizeof(first_block), 0));
	return err ? err : memcmp(block, first_block, sizeof(first_block)) ? -EILSEQ : 0;
}

static void t_disk(void)
{
	const struct sweep opens = {
		.name = "open", .counter = &self, .call = call_open_disk, .clean = close_node,
	};
	const struct sweep reads = {
		.name = "read", .counter = &self, .prepare = open_disk, .call = call_pread,
		.clean = close_node,
	};
	const struct sweep in_works = {
		.name = "read, in works", .counter = &works, .prepare = open_disk,
		.call = call_pread, .clean = close_node,
	};
	const struct sweep closes = {
		.name = "close", .counter = &self, .prepare = open_disk, .call = call_close,
		.clean = close_node,
	};

	if (posix_memalign(&block, 4096, sizeof(first_block)))
		exit(1);
	if (!open_disk(NULL) || pread(node, block, sizeof(first_block), 0) < 0) {
		check(false, "%s is read: %s", file, strerror(errno));
		return;
	}
	memcpy(first_block, block, sizeof(first_block));
	close_node(NULL);
	sweep(&opens);
	sweep(&reads);
	sweep(&in_works);
	sweep(&closes);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "echo"))
		return try_all(argv[2], t_echo);
	if (argc == 3 && !strcmp(argv[1], "disk"))
		return try_all(argv[2], t_disk);
	fprintf(stderr, "usage: failnth_io echo|disk DEVICE\n");
	return 2;
}
