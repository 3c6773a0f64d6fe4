/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_source.h - watches at the server, and who shares them.
 */
#ifndef XS_SOURCE_H
#define XS_SOURCE_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct xs_source;

/**
 * struct xs_sub - one that wants to hear of a path
 * @link: in its source's list
 * @source: the watch at the server that it shares with all others of the same path and depth
 * @who: for those who look on, see struct xs_req
 * @behind: NULL; or called once by xs_subscribe(), may sleep: what it submits goes out with the
 *	    WATCH, behind it. Where none has to be sent it is called all the same
 * @event: called under xs_watch_lock, in any context, with the path of what changed; with NULL when
 *	   the connection was renewed, so that changes may have been missed
 */
struct xs_sub {
	struct list_head link;
	struct xs_source *source;
	u32 who;
	void (*behind)(struct xs_sub *sub);
	void (*event)(struct xs_sub *sub, const char *path);
};

/* Guards sources, their subscribers, and what event() changes. Interrupts off. */
extern spinlock_t xs_watch_lock;

/**
 * struct xs_wish - one of many subscriptions
 * @sub: who
 * @path: what to watch
 * @err: what came of it
 */
struct xs_wish {
	struct xs_sub *sub;
	const char *path;
	int err;
};

void xs_source_begin(u32 first);
bool xs_source_dispatch(const char *path, const char *token);
void xs_source_renew(void);
unsigned int xs_source_count(void);

int xs_subscribe(struct xs_sub *sub, const char *path, const char *depth);
int xs_subscribe_many(struct xs_wish *wish, unsigned int n);
void xs_unsubscribe(struct xs_sub *sub);

#endif /* XS_SOURCE_H */
