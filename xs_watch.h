/* SPDX-License-Identifier: GPL-2.0 */
/* xs_watch.h - callbacks of watches, inside of the module. */
#ifndef XS_WATCH_H
#define XS_WATCH_H

#include "include/xsfront.h"

struct xs_watch *xs_watch_and_do(struct xs_handle *h, const char *path, xs_watch_fn fn, void *ctx,
				 struct xs_op *ops, unsigned int n);
int xs_watch_init(void);
void xs_watch_exit(void);
void xs_unwatch_all(struct xs_handle *h);

#endif /* XS_WATCH_H */
