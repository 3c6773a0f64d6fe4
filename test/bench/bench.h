/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bench.h - how the modules of this folder measure.
 *
 *   bench_xs.ko, bench_kernel.ko, bench_floor.ko ── rows ──▶ bench.ko ──▶ the kernel's log
 *
 * A row is a piece of work and a name. bench_measure() does it a few times to warm up, and then in
 * three rounds, each between two looks at two clocks: the machine's (all that Xen, dom0, the store
 * and the guest do) and the guest's own (its vCPU's running time, as Xen counts it). In a lab with
 * --icount both count instructions. For each round one line goes to the log:
 *
 *   bench: row read side xs round 0 ops 350 total 28961234 guest 9123456
 *
 * and where something fails "bench: failed ROW: error N".
 */
#ifndef BENCH_H
#define BENCH_H

#include <linux/types.h>

#define BENCH_ROUNDS	3
#define BENCH_DIR	"data/bench"	/* of the rows' nodes: a guest may write to data/ */
#define BENCH_CREW	16		/* threads in a crew */
#define BENCH_VALUE	"0123456789abcdef"
#define BENCH_LONG	1900		/* bytes: C xenstored's quota for a node is 2048 */
#define BENCH_WATCHES	120		/* at once: C xenstored's quota is 128 for a guest */
#define BENCH_NAMES	100		/* in the directory that is listed */

/**
 * struct bench_row - a piece of work
 * @name: of the row
 * @ops: how many operations one run() does
 * @prepare: called once before, not measured; may be NULL
 * @run: does the work: 0 or a negative errno
 * @finish: the mirror of @prepare; may be NULL
 * @ctx: handed to all of them
 */
struct bench_row {
	const char *name;
	unsigned int ops;
	int (*prepare)(void *ctx);
	int (*run)(void *ctx);
	void (*finish)(void *ctx);
	void *ctx;
};

int bench_measure(const char *side, const char *wanted, const struct bench_row *rows, size_t n);

struct bench_crew;
struct bench_crew *bench_crew_start(int (*fn)(unsigned int who));
int bench_crew_run(struct bench_crew *crew);
void bench_crew_stop(struct bench_crew *crew);

#endif /* BENCH_H */
