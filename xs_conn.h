/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_conn.h - one connection to the store: requests queue, travel, and find their replies.
 *
 *            queue            ┌─ slot 0 ─┐
 *   req ─▶ req ─▶ req ──send──▶  slot …  ├──▶ request ring ──▶ server
 *                             └─ slot 15 ┘                       │
 *   req->done() ◀── reply, by id ──┬── receive ◀── response ring ◀┘
 *   conn->event() ◀── watch event ─┘
 *
 * conn->seen(), where there is one, is told of each message that went by, in either direction.
 *
 * xs_conn_pump() moves all that can be moved, in both directions, and says whether the server has
 * to be signalled: once for a burst.
 *
 * Ownership. A struct xs_req and all that it points to is the caller's. The connection uses it from
 * xs_conn_queue() until req->done() runs or xs_conn_abandon() returns, and never after. A request
 * that is abandoned when a part of it is in the ring is finished from the connection's own spill
 * buffer; its slot stays taken until the late reply has come, which is dropped and counted.
 *
 * Slots. A reply's id says slot and generation, so it is found without a search, and an id that was
 * given out once does not match again for 2^28 uses. XS_CONN_SLOTS is below the 20 unread replies
 * at which C xenstored stops reading requests (protocol facts: docs/misc/xenstore-ring.txt).
 *
 * Beside somebody else. Under the kernel's own xenbus (xs_shadow.h) not all that comes is ours.
 * Then stray() gets the messages that nobody here knows, skipped() the bytes before the stream's
 * start, and hold stops the receiver while there is no place for the next message.
 *
 * Pure: no allocation, lock, sleep, clock or log. The caller serialises all calls on a connection;
 * done(), event(), stray() and skipped() are called from inside xs_conn_pump(), xs_conn_expire(),
 * xs_conn_break() or xs_conn_fail(), must not block, and may call xs_conn_queue() but nothing else
 * of this file. seen() may call nothing of it.
 */
#ifndef XS_CONN_H
#define XS_CONN_H

#include "xs_msg.h"

#define XS_CONN_SLOTS	16u
#define XS_ERROR_MAX	16u	/* the longest error name that is kept, NUL included */

enum xs_req_state {
	XS_REQ_IDLE,		/* the caller's alone */
	XS_REQ_QUEUED,		/* waits for a slot */
	XS_REQ_SENT,		/* has a slot; all or a part of it is in the ring */
};

/**
 * enum xs_seen - what struct xs_conn's seen() is told of
 * @XS_SEEN_REQUEST: a request is in the ring, whole
 * @XS_SEEN_REPLY: a reply has come, whole; done() comes next
 * @XS_SEEN_EVENT: a watch event has come, whole; event() comes next
 */
enum xs_seen {
	XS_SEEN_REQUEST,
	XS_SEEN_REPLY,
	XS_SEEN_EVENT,
};

/* Who a request is from, beside the numbers of processes that wrote it to the device node. */
#define XS_WHO_MODULE	0u
#define XS_WHO_KERNEL	(~0u)	/* the kernel's own xenbus, which we serve */

/**
 * struct xs_req - one request and the place for its reply
 * @out: the message (xs_out_init())
 * @reply: where the reply's payload goes
 * @cap: its size in bytes
 * @raw: an ERROR reply is a reply like any other: its name goes to @reply, @result is 0
 * @who: the caller's, for those who look on: XS_WHO_*, or a process
 * @left: the caller's: nobody waits for it any more, but done() sees to what comes of it
 * @epoch: the caller's: the connection that its transaction belongs to
 * @deadline: for xs_conn_expire(), in its caller's unit of time; 0 for none
 * @done: called once, when @result, @type and @len are valid
 * @result: 0, or a negative errno: what the store said, -ENOBUFS when the payload did not fit
 *	    @reply, -EPROTO for a reply of another type, or what xs_conn_fail() was given
 * @type: type of the reply
 * @len: bytes of its payload, also when they did not fit
 * @error: the store's own name for an error
 * @state: where the request is; for xs_conn.c and for those who ask
 * @slot: its slot, while XS_REQ_SENT
 * @next: the queue
 */
struct xs_req {
	struct xs_out out;
	void *reply;
	u32 cap;
	bool raw;
	bool left;
	u32 who;
	u32 epoch;
	u64 deadline;
	void (*done)(struct xs_req *req);

	int result;
	u32 type;
	u32 len;
	char error[XS_ERROR_MAX];

	enum xs_req_state state;
	u32 slot;
	struct xs_req *next;
};

/**
 * struct xs_conn_stats - what a connection has seen; all only grow, but @inflight
 * @requests: messages sent whole
 * @replies: replies that found their request
 * @late: replies to abandoned requests
 * @expired: requests that xs_conn_expire() has ended
 * @events: watch events
 * @bad_events: watch events that are not two strings
 * @wrong_type: replies of neither the request's type nor ERROR
 * @ring_full: times that a message had to stop in the middle for want of room
 * @slots_full: times that a request had to wait for a slot
 * @bytes_out: bytes put into the request ring
 * @bytes_in: bytes taken from the response ring
 * @dropped: bytes thrown away while the stream's start was sought
 * @inflight: requests in the ring or at the server, now
 * @inflight_most: the most that there were
 */
struct xs_conn_stats {
	u64 requests, replies, late, expired, events, bad_events, wrong_type;
	u64 ring_full, slots_full, bytes_out, bytes_in, dropped;
	u32 inflight, inflight_most;
};

struct xs_slot {
	struct xs_req *req;	/* NULL: abandoned */
	u32 id;
	bool busy;
};

/**
 * struct xs_conn - a connection
 * @req: request ring, we produce
 * @rsp: response ring, we consume
 * @page: the store page, for the words beside the rings
 * @in: the message that is being received
 * @receiving: whom its payload belongs to; NULL for events and what is dropped
 * @receiving_stray: it is nobody's here
 * @forgotten: it was ours until xs_conn_forget(), and is dropped
 * @event: called for each watch event with path and token, both NUL-terminated
 * @seen: called for each message, whose header is @hdr; NULL (after xs_conn_init()) for nobody.
 *	  @req is the request, or the one that is answered: its type, len and payload are there, its
 *	  result is not. NULL when it was abandoned, and for events, whose payload is in @event_buf
 * @stray: NULL, or called for a reply that nobody here waits for, and for an event that is none;
 *	   without it such a reply breaks the ring, and such an event is counted
 * @skipped: NULL, or called with what is thrown away while @seeking
 * @hold: set from outside: take no more messages
 * @queue: requests that wait for a slot, oldest first
 * @tail: where the next one is linked
 * @sending: the request of which a part is in the ring
 * @orphan: the message of which a part is in the ring and whose sender has gone
 * @slots: what travels
 * @generation: how many ids were given out
 * @seek_id: while @seeking, the id whose reply shows where the stream starts
 * @seek_from: where the response ring stood when the search began
 * @seek_type: that request's type
 * @signalled: the server was told of what is in the request ring; a predecessor may have died
 *	       before it did that, and our signal is lost when the ring breaks
 * @paused: of the queue, only its first @allowed requests may still be sent
 * @allowed: see @paused
 * @seeking: response bytes are thrown away until the reply to @seek_id comes
 * @broken: 0, or the errno with which the ring broke
 * @torn: a stream is not what it should be, and stays so until its start is found or made new
 * @heard: messages that have come, whole: replies, events and what is somebody else's
 * @answered: of these, replies
 * @stats: counters
 * @event_buf: the payload of the event that is being received
 * @spill: the rest of @orphan
 */
struct xs_conn {
	struct xs_ring req, rsp;
	char *page;
	struct xs_in in;
	struct xs_req *receiving;
	bool receiving_stray;
	bool forgotten;
	void (*event)(struct xs_conn *conn, const char *path, const char *token);
	void (*seen)(struct xs_conn *conn, enum xs_seen what, const struct xs_req *req,
		     const struct xsd_sockmsg *hdr);
	void (*stray)(struct xs_conn *conn, const struct xsd_sockmsg *hdr, const void *payload);
	void (*skipped)(struct xs_conn *conn, const void *bytes, u32 n);
	bool hold;
	bool signalled;
	bool paused;
	u32 allowed;
	struct xs_req *queue, **tail;
	struct xs_req *sending;
	struct xs_out orphan;
	struct xs_slot slots[XS_CONN_SLOTS];
	u32 generation;
	u32 seek_id;
	u32 seek_from;
	u32 seek_type;
	bool seeking;
	int broken;
	bool torn;
	u64 heard, answered;
	struct xs_conn_stats stats;
	char event_buf[XENSTORE_PAYLOAD_MAX];
	char spill[XENSTORE_PAYLOAD_MAX];
};

/* What xs_conn_pump() asks of its caller. */
#define XS_PUMP_SIGNAL	1	/* signal the server */
#define XS_PUMP_AGAIN	2	/* there may be more to move: call again, and let others run */

void xs_conn_init(struct xs_conn *conn, struct xenstore_domain_interface *page, u32 seed,
		  void (*event)(struct xs_conn *, const char *path, const char *token));
void xs_conn_attach(struct xs_conn *conn, struct xenstore_domain_interface *page);
void xs_conn_seek(struct xs_conn *conn, struct xs_req *req);
void xs_conn_queue(struct xs_conn *conn, struct xs_req *req);
bool xs_conn_abandon(struct xs_conn *conn, struct xs_req *req);
int xs_conn_pump(struct xs_conn *conn);
void xs_conn_break(struct xs_conn *conn, int err);
void xs_conn_forget(struct xs_conn *conn, int err);
void xs_conn_end_transactions(struct xs_conn *conn, int err);
void xs_conn_fail(struct xs_conn *conn, int err);
bool xs_conn_sane(const struct xs_conn *conn);
bool xs_conn_torn(const struct xs_conn *conn);
void xs_conn_restart(struct xs_conn *conn, bool fresh);
void xs_conn_ask_reconnect(struct xs_conn *conn);
bool xs_conn_reconnected(const struct xs_conn *conn);
u64 xs_conn_expire(struct xs_conn *conn, u64 now);
void xs_conn_pause(struct xs_conn *conn);
int xs_conn_wind_up(struct xs_conn *conn);
bool xs_conn_between(const struct xs_conn *conn);
bool xs_conn_quiet(const struct xs_conn *conn);
void xs_conn_give_up_seek(struct xs_conn *conn);
bool xs_conn_idle(const struct xs_conn *conn);
int xs_conn_stuck(const struct xs_conn *conn, bool silent);
u32 xs_conn_features(const struct xs_conn *conn);

#endif /* XS_CONN_H */
