// SPDX-License-Identifier: GPL-2.0
/*
 * tally.c - processes that all add to one number, each time in a transaction of its own: when two
 * do so at once, the store refuses one, which begins anew. What is lost is missed in the sum.
 *
 *   tally NODE PATH PROCESSES TIMES      each of PROCESSES adds 1 to PATH, TIMES times
 *
 * PATH is made with 0 first. Prints what the sum came to and how many times a transaction was
 * refused; ends with status 1 when the sum is not PROCESSES times TIMES.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include "frame.h"

#define ANSWER_MS	20000
#define PROCESSES_MAX	8	/* the store lets a guest have 10 transactions at once */

static int fd;

static void die(const char *what)
{
	printf("%s\n", what);
	exit(255);
}

static bool call(struct frame *f, uint32_t type, uint32_t tx, const void *data, size_t len)
{
	if (!frame_put(fd, type, 1, tx, data, len) || !frame_get(fd, f, ANSWER_MS))
		die("no answer");
	return f->hdr.type == type;
}

static bool set(uint32_t tx, const char *path, unsigned long value)
{
	char data[128];
	int len = snprintf(data, sizeof(data), "%s%c%lu", path, '\0', value);
	struct frame f;

	return call(&f, XS_WRITE, tx, data, len);
}

static unsigned long get(uint32_t tx, const char *path)
{
	struct frame f;

	if (!call(&f, XS_READ, tx, path, strlen(path) + 1))
		die("it cannot be read");
	return strtoul(f.data, NULL, 10);
}

/* Returns whether it has been done; false: another was quicker. */
static bool add(const char *path)
{
	struct frame f;
	uint32_t tx;

	if (!call(&f, XS_TRANSACTION_START, 0, "", 1))
		die("no transaction begins");
	tx = strtoul(f.data, NULL, 10);
	if (!set(tx, path, get(tx, path) + 1))
		die("it cannot be written");
	if (call(&f, XS_TRANSACTION_END, tx, "T", 2))
		return true;
	if (strcmp(f.data, "EAGAIN"))
		die("a transaction ends with another error than EAGAIN");
	return false;
}

/* One process: its exit status is how many times it was refused, up to 254. */
static int work(const char *node, const char *path, unsigned long times)
{
	unsigned int refused = 0;

	fd = open(node, O_RDWR);
	if (fd < 0)
		die("the node cannot be opened");
	while (times) {
		if (add(path))
			times--;
		else
			refused++;
	}
	return refused < 254 ? refused : 254;
}

int main(int argc, char **argv)
{
	unsigned long count, times, refused = 0, i;
	bool good = true;
	int status;

	if (argc != 5 || (count = strtoul(argv[3], NULL, 10)) > PROCESSES_MAX) {
		fprintf(stderr, "tally NODE PATH PROCESSES TIMES\n");
		return 2;
	}
	times = strtoul(argv[4], NULL, 10);
	fd = open(argv[1], O_RDWR);
	if (fd < 0 || !set(0, argv[2], 0))
		die("it cannot be made");
	for (i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("no process");
		if (!pid)
			return work(argv[1], argv[2], times);
	}
	while (wait(&status) > 0) {
		good = good && WIFEXITED(status) && WEXITSTATUS(status) != 255;
		refused += WEXITSTATUS(status);
	}
	printf("%lu of %lu, %lu times refused\n", get(0, argv[2]), count * times, refused);
	return !good || get(0, argv[2]) != count * times;
}
