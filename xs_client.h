/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_client.h - the one client of this guest's store: inside of the module.
 */
#ifndef XS_CLIENT_H
#define XS_CLIENT_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include "include/xsfront.h"
#include "xs_attach.h"
#include "xs_conn.h"

/**
 * struct xs_handle - who uses the client
 * @name: for messages
 * @lock: guards @watches
 * @watches: what xs_watch() has made and xs_unwatch() has not ended
 * @orphans: watches that their own callbacks have ended, and whose last call is not over; guarded
 *	     by xs_watch_lock
 * @quiet: woken when one of them is
 * @transactions: open ones: index is the name (xs_tx_keep()), value the epoch (xs_tx_epoch()) that
 *		  it belongs to
 */
struct xs_handle {
	const char *name;
	struct mutex lock;
	struct list_head watches;
	unsigned int orphans;
	wait_queue_head_t quiet;
	struct xarray transactions;
};

/**
 * struct xs_tx - a transaction, and the connection that it belongs to
 * @id: as the server gave it; 0 for none
 * @epoch: see xs_tx_epoch(); a request of another epoch's transaction is refused with -EAGAIN,
 *	   since the server may give the same id out again
 */
struct xs_tx {
	u32 id;
	u32 epoch;
};

#define XS_TX_NONE	((struct xs_tx){ 0, 0 })

/**
 * struct xs_client_counts - what the client has done; all only grow
 * @signals_sent: to the server
 * @signals_received: from it
 * @wake_ups: replies that a thread slept for
 * @timeouts: threads that have slept in vain
 */
struct xs_client_counts {
	atomic_long_t signals_sent, signals_received, wake_ups, timeouts;
};

extern struct xs_client_counts xs_client_counts;

int xs_handle_check(struct xs_handle *h, u32 tx, const char *path, struct xs_tx *ref,
		    struct xs_vec *vec);

int xs_client_start(enum xs_way asked);
void xs_client_stop(void);
void xs_life_aside(void);
void xs_life_back(bool new_store);
bool xs_life_shares(void);

int xs_client_submit(struct xs_req *req);
int xs_client_queue(struct xs_req *req);
void xs_client_kick(void);
void xs_client_resubmit(struct xs_req *req);
bool xs_client_owe(struct xs_req *req);
bool xs_client_abandon(struct xs_req *req);
int xs_client_wait(struct xs_req *req, struct completion *done, void (*orphan)(struct xs_req *));
void xs_client_post(u32 type, struct xs_tx tx, const struct xs_vec *vec, u32 nvec);
int xs_client_call(u32 type, struct xs_tx tx, const struct xs_vec *vec, u32 nvec,
		   void *reply, u32 cap, u32 *len);
unsigned long xs_client_timeout(void);
u32 xs_tx_epoch(void);
bool xs_tx_at_server(struct xs_tx tx);
u32 xs_client_features(void);
const char *xs_life_name(void);
void xs_client_stats(struct xs_conn_stats *stats);

/* xs_main.c: the module parameter `timeout`, seconds */
extern unsigned int xs_timeout;

#endif /* XS_CLIENT_H */
