/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_client_impl.h - the client's state, for the two files that work on it: xs_client.c (requests)
 * and xs_life.c (start, stop, and what happens when the ring breaks).
 */
#ifndef XS_CLIENT_IMPL_H
#define XS_CLIENT_IMPL_H

#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "xs_attach.h"
#include "xs_client.h"

/**
 * enum xs_life - how the connection is
 * @XS_DOWN: not started, or stopped
 * @XS_LIVE: requests flow
 * @XS_MENDING: the ring broke, and we try to have it again; new requests wait in the queue
 * @XS_DEAD: it cannot be had; requests fail at once
 * @XS_PROBING: dead, and one request of our own asks whether it still is; all others fail at once
 */
enum xs_life {
	XS_DOWN,
	XS_LIVE,
	XS_MENDING,
	XS_DEAD,
	XS_PROBING,
};

/**
 * struct xs_client - the one client of this guest's store
 * @lock: guards @conn, all requests that are on it, @life and @epoch
 * @attach: the page and the channel; constant while there is one
 * @conn: the connection
 * @life: see enum xs_life
 * @epoch: counts connections; a transaction does not outlive its own
 * @pump_again: goes on where a handler stopped, see XS_PUMP_AGAIN
 * @expire: runs while requests with a deadline are under way
 * @idle: woken when the last request leaves
 * @signalled: woken at each signal while the ring is not live
 * @mend: has the ring again, or finds that it is dead
 * @revive: looks now and then whether a dead ring has come back
 */
struct xs_client {
	spinlock_t lock;
	struct xs_attach attach;
	struct xs_conn conn;
	enum xs_life life;
	u32 epoch;
	struct work_struct pump_again;
	struct delayed_work expire;
	wait_queue_head_t idle;
	wait_queue_head_t signalled;
	struct work_struct mend;
	struct delayed_work revive;
};

extern struct xs_client xs_the_client;

/* xs_client.c */
void xs_client_pump(void);
void xs_client_init_work(void);
void xs_client_stop_work(void);
bool xs_client_idle(void);

/* xs_life.c, called under client.lock when the pump has found the ring broken */
void xs_life_broken(int err);

#endif /* XS_CLIENT_IMPL_H */
