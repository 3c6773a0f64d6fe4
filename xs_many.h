/* SPDX-License-Identifier: GPL-2.0 */
/* xs_many.h - bursts of operations that somebody waits for, inside of the module. */
#ifndef XS_MANY_H
#define XS_MANY_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include "include/xsfront.h"

/**
 * struct xs_burst - operations under way
 * @left: how many have not ended
 * @done: all have
 */
struct xs_burst {
	atomic_t left;
	struct completion done;
};

int xs_burst_begin(struct xs_handle *h, struct xs_burst *burst, struct xs_op *ops, unsigned int n);
void xs_burst_wait(struct xs_burst *burst);

#endif /* XS_MANY_H */
