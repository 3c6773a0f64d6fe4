/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_shadow.h - the kernel's own xenbus, served on a shadow page.
 *
 * While we share, the kernel talks to a page of ours as if it were the store's, and we alone are on
 * the real one (xs_conn.h):
 *
 *   kernel ──▶ request ring ──take──▶ 16 places ──▶ queue of xs_conn ──▶ store
 *   kernel ◀── response ring ◀─give── box ◀────┴── replies, events, what else is not ours ◀── store
 *
 * Whole messages go through, so ours and the kernel's never mix. A message of the kernel gets an
 * id of ours on the way and its own back with the reply. What goes to the kernel is put into the
 * box in the order in which it came, and from there into its ring as room comes. While the box has
 * no place for one more message, the connection is held (conn->hold); nothing is dropped.
 *
 * A server that makes the connection new counts transactions from 1 again, and the kernel, which
 * knows nothing of that, may still go on with an old one. So the ids that it gets then are marked
 * with which connection they are of; what it says of an older one is answered with EAGAIN, which
 * for the end of a transaction means: all of it once more.
 *
 * The kernel is trusted no more than the store: indices are checked, and a length over 4096 stops
 * the service of the page. What would be its own is dropped from then on.
 *
 * Pure. The caller serialises all calls, together with those on the connection.
 */
#ifndef XS_SHADOW_H
#define XS_SHADOW_H

#include "xs_conn.h"

#define XS_SHADOW_BOX	(32u * 1024u)	/* a power of two */

/**
 * struct xs_guest_req - a message of the kernel on its way
 * @req: as the connection sees it
 * @shadow: where it came from
 * @id: the kernel's own id for it
 * @tx: its transaction, as the kernel knows it
 * @busy: taken
 * @payload: the message's payload
 * @reply: the reply's
 */
struct xs_guest_req {
	struct xs_req req;
	struct xs_shadow *shadow;
	u32 id;
	u32 tx;
	bool busy;
	char payload[XENSTORE_PAYLOAD_MAX];
	char reply[XENSTORE_PAYLOAD_MAX];
};

/**
 * struct xs_shadow_stats - what went through; all only grow
 * @requests: messages taken from the kernel
 * @replies: replies given to it
 * @events: watch events, and replies to what it asked before we came
 * @failed: requests that we answered with an error, since the connection broke or their transaction
 *	    was another's
 * @held: times that the store had to wait for the kernel
 */
struct xs_shadow_stats {
	u64 requests, replies, events, failed, held;
};

/**
 * struct xs_shadow - the kernel's side
 * @conn: the connection to the store
 * @page: the shadow page
 * @req: its request ring, we consume
 * @rsp: its response ring, we produce
 * @in: the message that is being taken
 * @taking: where to
 * @stop: take no new message
 * @reset: the kernel has dropped all watches of this guest, ours too (RESET_WATCHES)
 * @wake: the kernel is to be woken, which the pump that failed could not say
 * @renewed: which connection it is: 0, or 1 to 15 in turn where it has been made new
 * @broken: 0, or the errno with which the kernel's own words broke the service
 * @stats: counters
 * @head: bytes ever put into @box
 * @tail: bytes ever given from it
 * @places: messages of the kernel that are under way
 * @box: what the kernel is to read, in order
 */
struct xs_shadow {
	struct xs_conn *conn;
	struct xenstore_domain_interface *page;
	struct xs_ring req, rsp;
	struct xs_in in;
	struct xs_guest_req *taking;
	bool stop;
	bool reset;
	bool wake;
	u32 renewed;
	int broken;
	struct xs_shadow_stats stats;
	u32 head, tail;
	struct xs_guest_req places[XS_CONN_SLOTS];
	char box[XS_SHADOW_BOX];
};

/* What xs_shadow_pump() asks of its caller, beside the XS_PUMP_* of xs_conn.h. */
#define XS_PUMP_KERNEL	4	/* wake the kernel's xenbus */

void xs_shadow_init(struct xs_shadow *sh, struct xenstore_domain_interface *page,
		    struct xs_conn *conn);
void xs_shadow_begin(struct xs_shadow *sh);
bool xs_shadow_in_step(const struct xs_shadow *sh);
int xs_shadow_pump(struct xs_shadow *sh);
int xs_shadow_wind_up(struct xs_shadow *sh);
int xs_shadow_give(struct xs_shadow *sh);
void xs_shadow_pass(struct xs_shadow *sh, const struct xsd_sockmsg *hdr, const void *payload);
void xs_shadow_skipped(struct xs_shadow *sh, const void *bytes, u32 n);
bool xs_shadow_asks_reconnect(const struct xs_shadow *sh);
void xs_shadow_renewed(struct xs_shadow *sh);
void xs_shadow_fresh(struct xs_shadow *sh);
void xs_shadow_show_error(struct xs_shadow *sh);
bool xs_shadow_quiet(const struct xs_shadow *sh);
bool xs_shadow_may_leave(const struct xs_shadow *sh, bool live);
u32 xs_shadow_hand_back(struct xs_shadow *sh);

#endif /* XS_SHADOW_H */
