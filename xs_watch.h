/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_watch.h - watches inside the module: subscribers of watches at the server.
 */
#ifndef XS_WATCH_H
#define XS_WATCH_H

#include <linux/list.h>
#include <linux/types.h>

struct xs_handle;
struct xs_source;

/**
 * struct xs_sub - one that wants to hear of a path
 * @link: in its source's list
 * @source: the watch at the server that it shares with all others of the same path
 * @event: called under watch_lock, in any context, with the path of what changed
 */
struct xs_sub {
	struct list_head link;
	struct xs_source *source;
	void (*event)(struct xs_sub *sub, const char *path);
};

int xs_watch_init(void);
void xs_watch_exit(void);
void xs_watch_dispatch(const char *path, const char *token);

int xs_subscribe(struct xs_sub *sub, const char *path, const char *depth);
void xs_unsubscribe(struct xs_sub *sub);
void xs_unwatch_all(struct xs_handle *h);

#endif /* XS_WATCH_H */
