/* SPDX-License-Identifier: GPL-2.0 */
/*
 * points.h - the points at which another end may move inside one call of the module.
 *
 * The module's barriers and its reads of shared words call back into the test: between() does
 * nothing, or what @meanwhile says, which lets the other ends make their steps just there. Included
 * before the .c files under test; the test defines struct world.
 */
#ifndef POINTS_H
#define POINTS_H

#include "xs_port.h"

struct world;

static struct world *now;	/* event() has no argument of its own */
static void (*meanwhile)(struct world *w);
static u32 points, point_at, point_steps;

static void between(void)
{
	points++;
	if (meanwhile)
		meanwhile(now);
}

#undef READ_ONCE
#undef virt_mb
#undef virt_rmb
#undef virt_wmb
#define READ_ONCE(x) ({ between(); *(const volatile __typeof__(x) *)&(x); })
#define virt_mb()  do { between(); __atomic_thread_fence(__ATOMIC_SEQ_CST); between(); } while (0)
#define virt_rmb() do { between(); __atomic_thread_fence(__ATOMIC_ACQUIRE); } while (0)
#define virt_wmb() do { between(); __atomic_thread_fence(__ATOMIC_RELEASE); between(); } while (0)

#endif /* POINTS_H */
