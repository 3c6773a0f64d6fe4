/* SPDX-License-Identifier: GPL-2.0 */
/* xs_watch.h - callbacks of watches, inside of the module. */
#ifndef XS_WATCH_H
#define XS_WATCH_H

struct xs_handle;

int xs_watch_init(void);
void xs_watch_exit(void);
void xs_unwatch_all(struct xs_handle *h);

#endif /* XS_WATCH_H */
