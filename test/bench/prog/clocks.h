/* SPDX-License-Identifier: GPL-2.0 */
/*
 * clocks.h - the measure of bench.ko for programs: two clocks, and the line that tells of a round.
 * See ../bench.h.
 */
#ifndef CLOCKS_H
#define CLOCKS_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ROUNDS	3

struct clocks {
	uint64_t machine, guest;
};

static inline struct clocks clocks_now(void)
{
	static int fd = -1;
	struct clocks now;

	if (fd < 0)
		fd = open("/dev/xsbench", O_RDONLY | O_CLOEXEC);
	if (read(fd, &now, sizeof(now)) != sizeof(now)) {
		perror("/dev/xsbench");
		exit(1);
	}
	return now;
}

static inline void clocks_tell(const char *row, const char *side, int round, unsigned int ops,
			       struct clocks from, struct clocks to)
{
	printf("row %s side %s round %d ops %u total %llu guest %llu\n", row, side, round, ops,
	       (unsigned long long)(to.machine - from.machine),
	       (unsigned long long)(to.guest - from.guest));
}

#endif /* CLOCKS_H */
