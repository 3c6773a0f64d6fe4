// SPDX-License-Identifier: GPL-2.0
/*
 * bench_node ROW SIDE COUNT: reads a node again and again through libxenstore, which takes the
 * device node that it finds: the kernel's or xsfront's.
 */
#include <stdlib.h>
#include <string.h>
#include <xenstore.h>
#include "clocks.h"

#define VALUE	"0123456789abcdef"
#define WARM_UP	50

static void read_often(struct xs_handle *xs, unsigned int count)
{
	unsigned int len;
	char *value;

	while (count--) {
		value = xs_read(xs, XBT_NULL, "data/bench/value", &len);
		if (!value || len != strlen(VALUE)) {
			perror("failed bench_node: xs_read");
			exit(1);
		}
		free(value);
	}
}

int main(int argc, char **argv)
{
	struct clocks from[ROUNDS], to[ROUNDS];
	struct xs_handle *xs = xs_open(0);
	unsigned int count;
	int round;

	if (argc != 4 || !xs) {
		fprintf(stderr, "failed bench_node: usage, or no store\n");
		return 2;
	}
	count = atoi(argv[3]);
	if (!xs_write(xs, XBT_NULL, "data/bench/value", VALUE, strlen(VALUE))) {
		perror("failed bench_node: xs_write");
		return 1;
	}
	read_often(xs, WARM_UP);
	for (round = 0; round < ROUNDS; round++) {
		from[round] = clocks_now();
		read_often(xs, count);
		to[round] = clocks_now();
	}
	for (round = 0; round < ROUNDS; round++)
		clocks_tell(argv[1], argv[2], round, count, from[round], to[round]);
	xs_close(xs);
	return 0;
}
