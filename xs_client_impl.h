/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_client_impl.h - the client's state, for the files that work on it: xs_client.c (requests),
 * xs_life.c (start, stop, suspension) and xs_mend.c (what happens when the ring breaks).
 */
#ifndef XS_CLIENT_IMPL_H
#define XS_CLIENT_IMPL_H

#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "xs_attach.h"
#include "xs_client.h"
#include "xs_share.h"

/**
 * enum xs_life - how the connection is
 * @XS_DOWN: not started, or stopped
 * @XS_LIVE: requests flow
 * @XS_MENDING: the ring broke, and we try to have it again; new requests wait in the queue
 * @XS_DEAD: it cannot be had; requests fail at once
 * @XS_PROBING: dead, and one request of our own asks whether it still is; all others fail at once
 * @XS_ASIDE: the guest is being suspended; new requests wait in the queue
 */
enum xs_life {
	XS_DOWN,
	XS_LIVE,
	XS_MENDING,
	XS_DEAD,
	XS_PROBING,
	XS_ASIDE,
};

/**
 * struct xs_client - the one client of this guest's store
 * @lock: guards @conn, all requests that are on it, @life, @epoch, @owed and @expire_at
 * @attach: the page and the channel; constant while there is one
 * @conn: the connection
 * @way: how we got onto the page; constant from the start to the stop
 * @shadow: what the kernel's xenbus works on, while we are under it; NULL else
 * @life: see enum xs_life
 * @leaving: the share is being left: the ring is not mended any more
 * @heard: the connection's count of messages when it was looked at last
 * @answered: its count of replies
 * @heard_at: when @heard grew, in jiffies
 * @answered_at: the same of @answered
 * @wrong_type: of the connection's counter, what has been told
 * @bad_events: the same
 * @epoch: counts connections; a transaction does not outlive its own
 * @server_epoch: what @epoch was when the server last ended all transactions of this guest
 * @owed: ends of transactions that are to be sent when the ring is live: xs_client_owe()
 * @pump_again: goes on where a handler stopped, see XS_PUMP_AGAIN
 * @expire: ends requests whose deadline has passed
 * @expire_at: the deadline that it runs for, in jiffies of 64 bits; 0 while there is none
 * @idle: woken by each pump, for who waits until nothing is under way
 * @signalled: woken at each signal while the ring is not live
 * @mend: has the ring again, or finds that it is dead
 * @revive: looks now and then whether a dead ring has come back
 * @renew: sets all watches again, which the kernel has dropped with its own
 */
struct xs_client {
	spinlock_t lock;
	struct xs_attach attach;
	struct xs_conn conn;
	enum xs_way way;
	struct xs_shadow *shadow;
	enum xs_life life;
	bool leaving;
	u64 heard, answered;
	unsigned long heard_at, answered_at;
	u64 wrong_type, bad_events;
	u32 epoch, server_epoch;
	struct xs_req *owed;
	struct work_struct pump_again;
	struct delayed_work expire;
	u64 expire_at;
	wait_queue_head_t idle;
	wait_queue_head_t signalled;
	struct work_struct mend;
	struct delayed_work revive;
	struct work_struct renew;
};

extern struct xs_client xs_the_client;

/* xs_client.c */
void xs_client_pump(void);
void xs_client_init_work(void);
void xs_client_stop_work(void);
bool xs_client_quiet(void);
void xs_tx_next_epoch(void);
void xs_tx_none_left(void);
void xs_client_pay(void);
void xs_client_pay_nothing(void);

/* xs_mend.c; the first two are called under client.lock */
void xs_life_broken(int err);
void xs_life_watches_gone(void);
int xs_mend_seek(enum xs_life meanwhile);
int xs_mend_reconnect(void);
const char *xs_mend_why(int err);
void xs_mend_init_work(void);
void xs_mend_rest(void);
void xs_mend_stop_work(void);

#endif /* XS_CLIENT_IMPL_H */
