// SPDX-License-Identifier: GPL-2.0
/*
 * bench_echo ROW SIDE COUNT LENGTH WINDOW: messages through /dev/xsecho0 to dom0 and back, COUNT of
 * them in each of three rounds.
 *
 *   write(2) ──▶ at most WINDOW messages of LENGTH bytes on their way ──▶ read(2), compared
 *
 * The device is a stream of bytes: what is on its way is counted in them. The ring holds 16 times
 * 124 bytes; what does not fit waits for room, as in a pipe.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include "clocks.h"

#define WARM_UP		50
#define LENGTH_MAX	4096

static size_t length, window;
static int dev;

static void fail(const char *what)
{
	perror(what);
	fprintf(stderr, "failed bench_echo: %s\n", what);
	exit(1);
}

/* The stream's byte at a place. */
static unsigned char byte_at(uint64_t at)
{
	return (unsigned char)(at * 7 + (at >> 8));
}

static size_t give(uint64_t at, size_t most)
{
	unsigned char bytes[LENGTH_MAX];
	size_t i, n = most < length ? most : length;
	ssize_t done;

	for (i = 0; i < n; i++)
		bytes[i] = byte_at(at + i);
	done = n ? write(dev, bytes, n) : 0;
	if (done < 0 && errno != EAGAIN)
		fail("write");
	return done < 0 ? 0 : (size_t)done;
}

static size_t take(uint64_t at)
{
	unsigned char bytes[LENGTH_MAX];
	ssize_t i, done = read(dev, bytes, length);

	if (done < 0 && errno != EAGAIN)
		fail("read");
	for (i = 0; i < done; i++)
		if (bytes[i] != byte_at(at + (uint64_t)i))
			fail("other bytes came back");
	return done < 0 ? 0 : (size_t)done;
}

static void echo(unsigned int count)
{
	uint64_t all = (uint64_t)count * length, in = 0, out = 0, room;
	struct pollfd p = { .fd = dev };
	size_t put, got;

	while (out < all) {
		room = window - (in - out);
		if (room > all - in)
			room = all - in;
		put = give(in, (size_t)room);
		in += put;
		got = in > out ? take(out) : 0;
		out += got;
		if (put || got)
			continue;
		p.events = (short)(POLLIN | (room ? POLLOUT : 0));
		if (poll(&p, 1, 10000) <= 0)
			fail("nothing comes back");
	}
}

int main(int argc, char **argv)
{
	struct clocks from[ROUNDS], to[ROUNDS];
	unsigned int count;
	int round;

	if (argc != 6) {
		fprintf(stderr, "failed bench_echo: usage\n");
		return 2;
	}
	count = (unsigned int)atoi(argv[3]);
	length = (size_t)atoi(argv[4]);
	window = length * (size_t)atoi(argv[5]);
	dev = open("/dev/xsecho0", O_RDWR | O_NONBLOCK);
	if (dev < 0 || !length || length > LENGTH_MAX || !window)
		fail("/dev/xsecho0, or usage");
	echo(WARM_UP);
	for (round = 0; round < ROUNDS; round++) {
		from[round] = clocks_now();
		echo(count);
		to[round] = clocks_now();
	}
	for (round = 0; round < ROUNDS; round++)
		clocks_tell(argv[1], argv[2], round, count, from[round], to[round]);
	return 0;
}
