// SPDX-License-Identifier: GPL-2.0
/*
 * throw.c - a user who throws whatever he can at files: random calls with random arguments, from a
 * seed that repeats.
 *
 *   throw SEED SECONDS PROCESSES FILE…          as we are; each call on one of FILE…
 *   throw at-once SEED SECONDS PROCESSES FILE…  the same, random and sound frames together
 *   throw nobody FILE…                          as nobody: which can be opened to write, to read?
 *                                               Parameters are for all to read
 *
 * The first FILE is the store's node. Frames are thrown too, whole, cut and with bits of them
 * turned; and after that, for a quarter as long, sound ones: where a stream has been torn no watch
 * and no transaction comes to be (make coverage T=hostile-user@2 tells). Both at once a server has
 * to bear: xenstored of Xen 4.17 does not, from a stock guest neither (doc/hostile.md). All is done
 * with O_NONBLOCK; a call that does not return within CALL_SECONDS, signal included, is a failure.
 * Prints TAP and no plan.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>
#include "frame.h"
#include "tap.h"

#define FILES		6	/* that a process has open */
#define CALL_SECONDS	10
#define NOBODY		65534
#define SESSION_FRAMES	40
#define REPLY_MS	200

static char **names;
static int nnames;
static bool at_once;
static volatile struct { unsigned long calls, good; } *sums;	/* one for each process */

static void on_alarm(int sig)
{
}

static unsigned int below(unsigned int n)
{
	return random() % n;
}

static void garbage(char *to, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		to[i] = random();
}

/* A pointer that is good, or not. */
static void *somewhere(char *good)
{
	switch (below(12)) {
	case 0:
		return NULL;
	case 1:
		return (void *)(~0ul - below(8192));
	case 2:
		return (void *)(0xffff888000000000ul + below(1 << 20));
	default:
		return good;
	}
}

/* A request as a client asks it, in the transaction @tx or in none. */
static bool ask(int fd, uint32_t tx)
{
	static const struct {
		uint32_t type;
		const char *text;
		size_t len;
	} asked[] = {
#define ASKED(type, text) { type, text, sizeof(text) }
		ASKED(XS_WATCH, "data/session\0T"), ASKED(XS_WATCH, "data/session\0x1"),
		ASKED(XS_WATCH, "data\0T"), ASKED(XS_WATCH, "@releaseDomain\0T"),
		ASKED(XS_WATCH, "data/session\0T\0" "2"), ASKED(XS_WATCH, "rogue//\0T"),
		ASKED(XS_UNWATCH, "data/session\0T"), ASKED(XS_UNWATCH, "data\0T"),
		ASKED(XS_UNWATCH, "data/none\0T"), ASKED(XS_RESET_WATCHES, ""),
		ASKED(XS_WRITE, "data/session\0value"), ASKED(XS_WRITE, "data/session/a\0"),
		ASKED(XS_READ, "data/session"), ASKED(XS_READ, "domid"),
		ASKED(XS_DIRECTORY, "data"), ASKED(XS_DIRECTORY_PART, "data\0" "0"),
		ASKED(XS_MKDIR, "data/session"), ASKED(XS_RM, "data/session"),
		ASKED(XS_GET_PERMS, "data"), ASKED(XS_TRANSACTION_START, ""),
		ASKED(XS_TRANSACTION_END, "T"), ASKED(XS_TRANSACTION_END, "F"),
#undef ASKED
	};
	unsigned int i = below(sizeof(asked) / sizeof(asked[0]));

	return frame_put(fd, asked[i].type, random(), tx, asked[i].text, asked[i].len);
}

/* The number of a transaction, begun at a node where nothing has been asked; 0 for none. */
static uint32_t begun(int fd)
{
	struct frame f;

	if (!frame_put(fd, XS_TRANSACTION_START, 1, 0, "", 1) || !frame_get(fd, &f, REPLY_MS) ||
	    f.hdr.type != XS_TRANSACTION_START)
		return 0;
	return strtoul(f.data, NULL, 10);
}

/* The node opened, asked things that make sense, more than are read; closed wherever that is. */
static ssize_t throw_session(int *unused, char *unused_too)
{
	static struct frame f;
	int i, good = 0, fd = open(names[0], O_RDWR | O_NONBLOCK);
	uint32_t tx = below(2) ? begun(fd) : 0;

	for (i = below(SESSION_FRAMES); i > 0; i--) {
		good += ask(fd, below(2) ? tx : 0);
		if (below(2))
			frame_get(fd, &f, below(4));
	}
	close(fd);
	return good ? 0 : -1;
}

/* A message as a client writes it, or nearly. Returns its length. */
static size_t frame(char *to)
{
	static const char *const words[] = {
		"domid", "data/throw", "data/throw/", "", "/", "@releaseDomain", "data/none", "T",
		"F", "x1", "rogue//", "/local/domain/0", "data/throw/a", "memory/target", "n0",
		"w0",
	};
	struct xsd_sockmsg hdr = { .type = below(26), .req_id = random() };
	size_t len = 0, i, n = below(4);

	for (i = 0; i < n; i++)
		len += sprintf(to + sizeof(hdr) + len, "%s", words[below(16)]) + below(2);
	if (!below(8))
		garbage(to + sizeof(hdr), len = below(XENSTORE_PAYLOAD_MAX));
	if (!below(4))
		hdr.tx_id = below(8);
	if (!below(40))
		hdr.type = random();
	hdr.len = below(50) ? len : (size_t)random();
	memcpy(to, &hdr, sizeof(hdr));
	len += sizeof(hdr);
	if (!below(10))
		to[below(len)] ^= 1 << below(8);
	return below(10) ? len : below(len + 1);
}

static ssize_t throw_writes(int fd, char *buf)
{
	struct iovec v[3];
	size_t n;

	switch (below(6)) {
	case 0:		/* what parameters take */
		n = sprintf(buf, "%ld\n", below(2) ? random() % 9 : random() << below(32));
		return write(fd, buf, n);
	case 1:
		garbage(buf, n = below(8192));
		return write(fd, somewhere(buf), n);
	case 2:
		n = frame(buf);
		v[0] = (struct iovec){ buf, below(n + 1) };
		v[1] = (struct iovec){ buf + v[0].iov_len, n - v[0].iov_len };
		v[2] = (struct iovec){ somewhere(buf), below(3) };
		return writev(fd, v, 1 + below(3));
	case 3:
		garbage(buf, n = below(64));
		return pwrite(fd, buf, n, random() - below(2) * (1l << 40));
	default:
		return write(fd, somewhere(buf), frame(buf));
	}
}

static ssize_t throw_one(int *at, char *buf)
{
	struct pollfd p = { .fd = *at, .events = below(0x3ff) };
	pid_t pid;
	void *map;

	if (at_once && !below(9))
		return throw_session(NULL, NULL);
	switch (below(16)) {
	case 0:
		close(*at);
		return *at = open(names[below(nnames)], below(3) | O_NONBLOCK |
				  (below(4) ? 0 : O_APPEND));
	case 1:
		return lseek(*at, random() - below(2) * (1l << 40), below(6));
	case 2:
		return ioctl(*at, below(2) ? random() : below(256), somewhere(buf));
	case 3:
		map = mmap(NULL, 4096 * (1 + below(3)), below(8), 1 + below(2), *at,
			   4096 * below(4));
		if (map == MAP_FAILED)
			return -1;
		return munmap(map, 4096);
	case 4:
		pid = fork();
		if (!pid) {
			alarm(CALL_SECONDS / 2);
			_exit(throw_writes(*at, buf) + read(*at, buf, 4096) < 0);
		}
		return pid < 0 ? -1 : waitpid(pid, NULL, 0);
	case 5:
		return ftruncate(*at, random()) + fsync(*at);
	case 6:
		return poll(&p, 1, below(3));
	case 7:
		return pread(*at, somewhere(buf), below(16384), random());
	case 8:
	case 9:
	case 10:
		return read(*at, somewhere(buf), below(below(3) ? 64 : 65536));
	default:
		return throw_writes(*at, buf);
	}
}

typedef ssize_t throws(int *at, char *buf);

static void run(throws *one, int number, unsigned int seed, time_t end)
{
	static char buf[1 << 17];
	int fd[FILES], i;

	srandom(seed + number);
	for (i = 0; i < FILES; i++)
		fd[i] = open(names[below(nnames)], O_RDWR | O_NONBLOCK);
	while (time(NULL) < end) {
		alarm(CALL_SECONDS);
		sums[number].good += one(&fd[below(FILES)], buf) >= 0;
		sums[number].calls++;
	}
	_exit(0);
}

static void throw_all(throws *one, unsigned long least, unsigned int seed, int seconds,
		      int processes)
{
	struct sigaction act = { .sa_handler = on_alarm };	/* a call that sleeps ends */
	time_t end = time(NULL) + seconds, late = end + 2 * CALL_SECONDS;
	unsigned long calls = 0, good = 0;
	int i, over = 0;

	sums = mmap(NULL, processes * sizeof(*sums), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	sigaction(SIGALRM, &act, NULL);
	for (i = 0; i < processes; i++)
		if (!fork())
			run(one, i, seed, end);
	while (over < processes && time(NULL) < late) {
		if (waitpid(-1, NULL, WNOHANG) > 0)
			over++;
		else
			usleep(50000);
	}
	for (i = 0; i < processes; i++) {
		calls += sums[i].calls;
		good += sums[i].good;
	}
	munmap((void *)sums, processes * sizeof(*sums));
	printf("# seed %u: %lu calls, %lu of them went well\n", seed, calls, good);
	check(over == processes, "all %d processes came back from all calls", processes);
	check(calls > least && good > least / 5, "they have called, and not all was refused");
}

/* Is it not refused as it should be? */
static bool opens(const char *name, int how, const char *done)
{
	int fd = open(name, how | O_NONBLOCK);

	if (fd < 0 && errno == EACCES)
		return false;
	printf("# %s: %s %s\n", name, fd < 0 ? strerror(errno) : "can be", fd < 0 ? "" : done);
	close(fd);
	return true;
}

static void as_nobody(void)
{
	bool written = false, seen = false;
	int i;

	if (setgid(NOBODY) || setuid(NOBODY)) {
		check(false, "nobody can be nobody");
		return;
	}
	for (i = 0; i < nnames; i++) {
		if (opens(names[i], O_WRONLY, "written"))
			written = true;
		if (strncmp(names[i], "/sys/module/", 12) && opens(names[i], O_RDONLY, "read"))
			seen = true;
	}
	check(!written, "nobody can write to none of %d files", nnames);
	check(!seen, "nor read what is not a parameter");
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc > 2 && !strcmp(argv[1], "nobody")) {
		names = argv + 2;
		nnames = argc - 2;
		as_nobody();
	} else if (argc > 5 && !strcmp(argv[1], "at-once")) {
		at_once = true;
		names = argv + 5;
		nnames = argc - 5;
		throw_all(throw_one, 1000, atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	} else if (argc > 4) {
		names = argv + 4;
		nnames = argc - 4;
		throw_all(throw_one, 1000, atoi(argv[1]), atoi(argv[2]), atoi(argv[3]));
		throw_all(throw_session, 20, atoi(argv[1]), 2 + atoi(argv[2]) / 4,
			  atoi(argv[3]));
	} else {
		fprintf(stderr, "throw [at-once] SEED SECONDS PROCESSES FILE…\n"
				"throw nobody FILE…\n");
		return 2;
	}
	return bad != 0;
}
