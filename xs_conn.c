// SPDX-License-Identifier: GPL-2.0
/*
 * xs_conn.c - one connection to the store. See xs_conn.h.
 */
#include "xs_conn.h"

/* A peer that keeps its ring moving must not keep us in one call for ever. */
#define PUMP_ROUNDS	8

#define SLOT_BITS	4u

_Static_assert(XS_CONN_SLOTS == 1u << SLOT_BITS, "an id's low bits are its slot");

/**
 * xs_conn_init() - begin with a store page
 * @conn: filled in
 * @page: the store page, mapped
 * @seed: where ids start; random, so that no reply to a predecessor can match
 * @event: called for each watch event; see struct xs_conn
 */
void xs_conn_init(struct xs_conn *conn, struct xenstore_domain_interface *page, u32 seed,
		  void (*event)(struct xs_conn *, const char *path, const char *token))
{
	memset(conn, 0, sizeof(*conn));
	conn->event = event;
	conn->generation = seed;
	conn->tail = &conn->queue;
	conn->orphan.done = XS_HDR_SIZE;	/* nothing left of it */
	xs_conn_attach(conn, page);
}

/**
 * xs_conn_attach() - go on with a store page, which may lie elsewhere than before
 * @conn: the connection, with nothing in flight
 * @page: the store page, mapped
 *
 * Of one that was in use, xs_conn_restart() comes next.
 */
void xs_conn_attach(struct xs_conn *conn, struct xenstore_domain_interface *page)
{
	conn->page = (char *)page;
	xs_ring_attach(&conn->req, page->req, &page->req_prod, &page->req_cons);
	xs_ring_attach(&conn->rsp, page->rsp, &page->rsp_cons, &page->rsp_prod);
}

static u32 page_word(const struct xs_conn *conn, u32 offset)
{
	return READ_ONCE(*(const u32 *)(conn->page + offset));
}

/**
 * xs_conn_features() - what the server says that it can do
 * @conn: the connection
 *
 * Return: XS_FEATURE_* bits, read afresh: they may appear at any time.
 */
u32 xs_conn_features(const struct xs_conn *conn)
{
	return page_word(conn, XS_PAGE_SERVER_FEATURES);
}

static u32 id_of(const struct xs_conn *conn, u32 slot)
{
	return conn->generation << SLOT_BITS | slot;
}

/* One that was sent, and lost, may come again. */
static void begin(struct xs_req *req)
{
	req->out.done = 0;
	req->state = XS_REQ_QUEUED;
	req->error[0] = '\0';
	req->next = NULL;
}

/**
 * xs_conn_queue() - hand a request over
 * @conn: the connection
 * @req: @req->out is made; it is sent by the pumps to come, in the order of queueing
 */
void xs_conn_queue(struct xs_conn *conn, struct xs_req *req)
{
	begin(req);
	*conn->tail = req;
	conn->tail = &req->next;
}

/**
 * xs_conn_seek() - the response ring may hold leftovers: throw them away
 * @conn: the connection, with nothing in flight
 * @req: a RESET_WATCHES, or where watches are to stay a READ; made like any other request
 *
 * @req goes out before all that is queued, and travels alone. The stream is in step from its reply
 * on; what comes before that is thrown away.
 */
void xs_conn_seek(struct xs_conn *conn, struct xs_req *req)
{
	conn->seeking = true;
	conn->seek_id = id_of(conn, 0);	/* slots are all free: the first one is next */
	conn->seek_from = conn->rsp.at;
	conn->seek_type = req->out.hdr.type;
	xs_in_init(&conn->in);
	begin(req);
	req->next = conn->queue;
	conn->queue = req;
	if (!req->next)
		conn->tail = &req->next;
}

/**
 * xs_conn_give_up_seek() - the search has led to nothing: let go of what it holds
 * @conn: the connection
 *
 * For a stream that goes to somebody else again. The bytes that looked like the beginning of the
 * reply go to skipped().
 */
void xs_conn_give_up_seek(struct xs_conn *conn)
{
	if (!conn->seeking)
		return;
	conn->seeking = false;
	if (conn->skipped && conn->in.have)
		conn->skipped(conn, &conn->in.hdr, conn->in.have);
	xs_in_init(&conn->in);
}

/**
 * xs_conn_pause() - send what is queued now, and after that nothing
 * @conn: the connection
 *
 * What is queued later waits for xs_conn_restart().
 */
void xs_conn_pause(struct xs_conn *conn)
{
	const struct xs_req *req;

	conn->paused = true;
	conn->allowed = 0;
	for (req = conn->queue; req; req = req->next)
		conn->allowed++;
}

/**
 * xs_conn_between() - are both streams between two messages?
 * @conn: the connection
 *
 * Return: true when no message is partly sent or partly received.
 */
bool xs_conn_between(const struct xs_conn *conn)
{
	return !conn->sending && !xs_out_left(&conn->orphan) &&
		(!conn->in.have || conn->in.whole);
}

/**
 * xs_conn_quiet() - are both streams between two messages, with nothing owed?
 * @conn: the connection
 *
 * Return: true when no message is partly sent or will be sent by a paused connection, and no reply
 * is owed or partly received.
 */
bool xs_conn_quiet(const struct xs_conn *conn)
{
	return (!conn->queue || (conn->paused && !conn->allowed)) && !conn->stats.inflight &&
		xs_conn_between(conn);
}

/**
 * xs_conn_idle() - is nothing under way?
 * @conn: the connection
 *
 * Return: true when no message is queued or partly sent and no reply is owed or partly received.
 */
bool xs_conn_idle(const struct xs_conn *conn)
{
	return !conn->queue && xs_conn_quiet(conn);
}

/**
 * xs_conn_stuck() - if no reply comes any more, can the connection go on by itself?
 * @conn: the connection
 * @silent: events do not come either
 *
 * For who has had no reply for long. Of what a server has lost, the ends of messages and replies
 * included, a connection would be waiting for ever, while the server answers others.
 *
 * Return: 0 when it can; -ENODATA when a message has come in part, of a server that is @silent;
 * -ENOBUFS when each slot waits for a reply that nobody wants any more, or that is the kernel's,
 * so nothing can be asked.
 */
int xs_conn_stuck(const struct xs_conn *conn, bool silent)
{
	const struct xs_req *req;
	u32 i;

	if (conn->broken || conn->seeking || conn->hold)
		return 0;	/* something is done about it, or it is not the server */
	if (silent && conn->in.have && !conn->in.whole)
		return -ENODATA;
	for (i = 0; i < XS_CONN_SLOTS; i++) {
		req = conn->slots[i].req;
		if (!conn->slots[i].busy || (req && !req->left && req->who != XS_WHO_KERNEL))
			return 0;
	}
	return -ENOBUFS;
}

/* The request leaves the connection. */
static void finish(struct xs_req *req, int result)
{
	req->state = XS_REQ_IDLE;
	req->result = result;
	req->done(req);
}

static void free_slot(struct xs_conn *conn, u32 slot)
{
	conn->slots[slot].busy = false;
	conn->slots[slot].req = NULL;
	conn->stats.inflight--;
}

static void unqueue(struct xs_conn *conn, struct xs_req *req)
{
	struct xs_req **at;
	u32 before = 0;

	for (at = &conn->queue; *at; at = &(*at)->next, before++) {
		if (*at != req)
			continue;
		if (conn->paused && before < conn->allowed)
			conn->allowed--;
		*at = req->next;
		if (!*at)
			conn->tail = at;
		return;
	}
}

/**
 * xs_conn_abandon() - take a request back before its reply has come
 * @conn: the connection
 * @req: a request that was queued; it may be done already
 *
 * After this the connection touches neither @req nor what it points to. done() is not called.
 *
 * Return: true when it was taken back; false when it was done already, and its result stands.
 */
bool xs_conn_abandon(struct xs_conn *conn, struct xs_req *req)
{
	if (req->state == XS_REQ_IDLE)
		return false;
	if (req->state == XS_REQ_QUEUED) {
		unqueue(conn, req);
	} else {
		conn->slots[req->slot].req = NULL;
		if (conn->sending == req) {
			conn->sending = NULL;
			conn->orphan = req->out;
			xs_out_spill(&conn->orphan, conn->spill);
		}
		if (conn->receiving == req) {
			conn->receiving = NULL;
			xs_in_into(&conn->in, NULL, 0);
		}
	}
	req->state = XS_REQ_IDLE;
	return true;
}

/* Ends what waits in the queue: all of it, or what belongs to a transaction. */
static void fail_queue(struct xs_conn *conn, int err, bool all)
{
	struct xs_req *req = conn->queue, *next;

	for (; req; req = next) {
		next = req->next;
		if (!all && !req->out.hdr.tx_id)
			continue;
		unqueue(conn, req);
		finish(req, err);
	}
}

/**
 * xs_conn_forget() - end what is in flight, and know nothing of its replies any more
 * @conn: the connection
 * @err: the result they get, a negative errno
 *
 * For when the stream goes to somebody else, who ignores them. A message that is half sent is still
 * sent to its end.
 */
void xs_conn_forget(struct xs_conn *conn, int err)
{
	struct xs_req *req;
	u32 i;

	for (i = 0; i < XS_CONN_SLOTS; i++) {
		req = conn->slots[i].req;
		if (req)
			xs_conn_abandon(conn, req);	/* what is half sent goes to the spill */
		if (conn->slots[i].busy)
			free_slot(conn, i);
		if (req)
			finish(req, err);
	}
	/* of a reply of ours that has come in part nobody gets the rest */
	conn->forgotten = !conn->receiving_stray;
}

/**
 * xs_conn_end_transactions() - end what waits in the queue and belongs to a transaction
 * @conn: the connection
 * @err: the result it gets, a negative errno
 */
void xs_conn_end_transactions(struct xs_conn *conn, int err)
{
	fail_queue(conn, err, false);
}

/**
 * xs_conn_break() - the stream is lost: end what is in flight
 * @conn: the connection
 * @err: the result they get, a negative errno
 *
 * Requests that wait for a slot go on waiting, for xs_conn_restart(); but those of a transaction
 * end too, since no transaction outlives its connection. Until then the rings are not touched.
 */
void xs_conn_break(struct xs_conn *conn, int err)
{
	if (!conn->broken)
		conn->broken = err;
	xs_conn_forget(conn, err);
	fail_queue(conn, err, false);
}

/**
 * xs_conn_fail() - end all that is under way, what waits in the queue too
 * @conn: the connection
 * @err: the result they get, a negative errno
 */
void xs_conn_fail(struct xs_conn *conn, int err)
{
	xs_conn_break(conn, err);
	fail_queue(conn, err, true);
}

/**
 * xs_conn_sane() - could a broken connection be used again?
 * @conn: the connection
 *
 * Return: true when the indices can be, no error is shown, and no reconnection is under way.
 */
bool xs_conn_sane(const struct xs_conn *conn)
{
	struct xs_ring req = conn->req, rsp = conn->rsp;
	u32 features = xs_conn_features(conn);

	return xs_ring_look_room(&req) >= 0 && xs_ring_look_unread(&rsp) >= 0 &&
		!((features & XS_FEATURE_RECONNECT) && page_word(conn, XS_PAGE_CONNECTION)) &&
		!((features & XS_FEATURE_ERROR) && page_word(conn, XS_PAGE_ERROR));
}

/**
 * xs_conn_torn() - are the streams lost?
 * @conn: the connection
 *
 * Return: true when the server has broken them, or lost the rest of a message, or is asked to make
 * them new. False for one that is just silent: when it goes on, each byte counts.
 */
bool xs_conn_torn(const struct xs_conn *conn)
{
	return conn->torn || !xs_conn_sane(conn);
}

/**
 * xs_conn_restart() - use a broken connection again
 * @conn: the connection, after xs_conn_break()
 * @fresh: the server has made the rings new (a reconnection): begin where they stand, and forget a
 *	   message that was half sent. Else it is finished first, from where we stopped.
 */
void xs_conn_restart(struct xs_conn *conn, bool fresh)
{
	conn->broken = 0;
	/* The rest of a message, should it come, will not be known for one. */
	conn->torn = !fresh && (conn->torn || (!conn->seeking && conn->in.have && !conn->in.whole));
	conn->seeking = false;
	conn->paused = false;
	conn->signalled = false;
	xs_in_init(&conn->in);
	if (!fresh) {
		/* It was asked for a reconnection, and does not offer that any more. */
		if (page_word(conn, XS_PAGE_CONNECTION))
			WRITE_ONCE(*(u32 *)(conn->page + XS_PAGE_CONNECTION), 0);
		return;
	}
	conn->orphan.hdr.len = 0;
	conn->orphan.done = XS_HDR_SIZE;
	xs_ring_attach(&conn->req, conn->req.bytes, conn->req.own, conn->req.peer);
	xs_ring_attach(&conn->rsp, conn->rsp.bytes, conn->rsp.own, conn->rsp.peer);
}

/**
 * xs_conn_ask_reconnect() - ask the server for a fresh connection
 * @conn: the connection, broken, of a server with XS_FEATURE_RECONNECT
 *
 * The caller signals, and waits until xs_conn_reconnected().
 */
void xs_conn_ask_reconnect(struct xs_conn *conn)
{
	WRITE_ONCE(*(u32 *)(conn->page + XS_PAGE_CONNECTION), 1);
}

/**
 * xs_conn_reconnected() - has the server made the connection fresh?
 * @conn: the connection
 *
 * Return: true when the rings may be looked at again.
 */
bool xs_conn_reconnected(const struct xs_conn *conn)
{
	if (page_word(conn, XS_PAGE_CONNECTION))
		return false;
	virt_rmb();	/* the indices are read after the word that vouches for them */
	return true;
}

/* Ends a request whose deadline has passed. Returns the earlier of @first and one that has not. */
static u64 expire(struct xs_conn *conn, struct xs_req *req, u64 now, u64 first)
{
	if (!req || !req->deadline)
		return first;
	if (now < req->deadline)
		return first && first < req->deadline ? first : req->deadline;
	xs_conn_abandon(conn, req);
	conn->stats.expired++;
	finish(req, -ETIMEDOUT);
	return first;
}

/**
 * xs_conn_expire() - end requests that have waited too long
 * @conn: the connection
 * @now: the time, in the unit of req->deadline
 *
 * Those without a deadline are left alone: who waits for them takes them back.
 *
 * Return: the first deadline of those that are still under way; 0 when none has one.
 */
u64 xs_conn_expire(struct xs_conn *conn, u64 now)
{
	struct xs_req *req, *next;
	u64 first = 0;
	u32 i;

	for (i = 0; i < XS_CONN_SLOTS; i++)
		first = expire(conn, conn->slots[i].req, now, first);
	for (req = conn->queue; req; req = next) {
		next = req->next;
		first = expire(conn, req, now, first);
	}
	return first;
}

/* Tells who looks on, if anybody does. */
static void tell(struct xs_conn *conn, enum xs_seen what, const struct xs_req *req,
		 const struct xsd_sockmsg *hdr)
{
	if (conn->seen)
		conn->seen(conn, what, req, hdr);
}

/* ---- sending ---------------------------------------------------------------------------- */

static bool take_slot(struct xs_conn *conn, struct xs_req *req)
{
	u32 i;

	for (i = 0; i < XS_CONN_SLOTS; i++) {
		if (conn->slots[i].busy)
			continue;
		conn->slots[i].busy = true;
		conn->slots[i].req = req;
		conn->slots[i].id = id_of(conn, i);
		conn->generation++;
		if (++conn->stats.inflight > conn->stats.inflight_most)
			conn->stats.inflight_most = conn->stats.inflight;
		req->slot = i;
		req->out.hdr.req_id = conn->slots[i].id;
		req->state = XS_REQ_SENT;
		return true;
	}
	return false;
}

/* What is to be put into the ring next: what has begun before what has not. */
static struct xs_out *next_out(struct xs_conn *conn)
{
	if (xs_out_left(&conn->orphan))
		return &conn->orphan;
	if (conn->sending)
		return &conn->sending->out;
	if (!conn->queue || (conn->seeking && conn->stats.inflight) ||
	    (conn->paused && !conn->allowed))
		return NULL;
	if (!take_slot(conn, conn->queue)) {
		conn->stats.slots_full++;
		return NULL;
	}
	conn->sending = conn->queue;
	unqueue(conn, conn->sending);
	return &conn->sending->out;
}

/* Shows the server what was put. Returns whether it has to be signalled. */
static bool publish(struct xs_conn *conn)
{
	u32 before = conn->req.published;

	if (!xs_ring_publish_put(&conn->req))
		return false;
	if (xs_ring_peer_is_behind(&conn->req, before) && conn->signalled)
		return false;
	conn->signalled = true;
	return true;
}

/* Returns whether the server has to be signalled, or a negative errno. */
static int send(struct xs_conn *conn)
{
	struct xs_out *out;
	int room;

	if (!conn->queue && !conn->sending && !xs_out_left(&conn->orphan))
		return false;
	room = xs_ring_look_room(&conn->req);
	if (room < 0)
		return room;
	while (conn->req.n && (out = next_out(conn))) {
		if (xs_out_push(out, &conn->req)) {
			conn->stats.ring_full++;
			break;
		}
		conn->stats.requests++;
		tell(conn, XS_SEEN_REQUEST, out == &conn->orphan ? NULL : conn->sending, &out->hdr);
		if (out != &conn->orphan)
			conn->sending = NULL;
	}
	conn->stats.bytes_out += (u32)room - conn->req.n;
	return publish(conn);
}

/* ---- receiving -------------------------------------------------------------------------- */

/* A header is there: whose payload is it? */
static int on_header(struct xs_conn *conn)
{
	const struct xsd_sockmsg *hdr = &conn->in.hdr;
	struct xs_slot *slot;
	struct xs_req *req;

	conn->receiving_stray = false;
	conn->forgotten = false;
	if (conn->seeking) {
		conn->seeking = false;
		conn->torn = false;
		conn->stats.dropped += conn->rsp.at - conn->seek_from - XS_HDR_SIZE;
	}
	if (hdr->type == XS_WATCH_EVENT) {
		xs_in_into(&conn->in, conn->event_buf, sizeof(conn->event_buf));
		return 0;
	}
	slot = &conn->slots[hdr->req_id & (XS_CONN_SLOTS - 1)];
	if (!slot->busy || slot->id != hdr->req_id) {
		if (!conn->stray)
			return -EBADMSG;
		conn->receiving_stray = true;
		xs_in_into(&conn->in, conn->event_buf, sizeof(conn->event_buf));
		return 0;
	}
	req = slot->req;
	if (!req)
		return 0;
	if (req == conn->sending)	/* an answer before the question */
		return -EBADMSG;
	conn->receiving = req;
	if (hdr->type == XS_ERROR && !req->raw)
		xs_in_into(&conn->in, req->error, sizeof(req->error) - 1);
	else
		xs_in_into(&conn->in, req->reply, req->cap);
	return 0;
}

static void on_event(struct xs_conn *conn)
{
	u32 len = conn->in.hdr.len;
	const char *path, *token;

	conn->stats.events++;
	tell(conn, XS_SEEN_EVENT, NULL, &conn->in.hdr);
	path = xs_strings_valid(conn->event_buf, len) ?
		xs_strings_next(conn->event_buf, len, NULL) : NULL;
	token = path ? xs_strings_next(conn->event_buf, len, path) : NULL;
	if (token) {
		conn->event(conn, path, token);
		return;
	}
	conn->stats.bad_events++;
	if (conn->stray)
		conn->stray(conn, &conn->in.hdr, conn->event_buf);
}

static int reply_result(struct xs_conn *conn, struct xs_req *req)
{
	u32 n = req->len < XS_ERROR_MAX - 1 ? req->len : XS_ERROR_MAX - 1;

	if (req->type == XS_ERROR && !req->raw) {
		req->error[n] = '\0';
		return xs_errno(req->error, n);
	}
	if (req->type != req->out.hdr.type && req->type != XS_ERROR) {
		conn->stats.wrong_type++;
		return -EPROTO;
	}
	return req->len > req->cap ? -ENOBUFS : 0;
}

/* A message is there, whole. */
static void on_message(struct xs_conn *conn)
{
	struct xs_req *req = conn->receiving;
	int result;

	conn->heard++;
	conn->receiving = NULL;
	if (conn->in.hdr.type == XS_WATCH_EVENT) {
		on_event(conn);
		return;
	}
	conn->answered++;
	if (conn->forgotten) {
		conn->stats.late++;
		return;
	}
	if (conn->receiving_stray) {	/* by now a slot may have its id */
		tell(conn, XS_SEEN_REPLY, NULL, &conn->in.hdr);
		conn->stray(conn, &conn->in.hdr, conn->event_buf);
		return;
	}
	free_slot(conn, conn->in.hdr.req_id & (XS_CONN_SLOTS - 1));
	if (!req) {
		conn->stats.late++;
		tell(conn, XS_SEEN_REPLY, NULL, &conn->in.hdr);
		return;
	}
	conn->stats.replies++;
	req->type = conn->in.hdr.type;
	req->len = conn->in.hdr.len;
	result = reply_result(conn, req);	/* ends req->error with a NUL */
	tell(conn, XS_SEEN_REPLY, req, &conn->in.hdr);
	finish(req, result);
}

/* One step of the search for the stream's start. What it throws away may be somebody else's. */
static int seek_step(struct xs_conn *conn)
{
	struct xs_ring look = conn->rsp;
	u32 had = conn->in.have, at = conn->rsp.at, skipped;
	int step;

	if (conn->skipped) {	/* no event is being received, so its place is free */
		memcpy(conn->event_buf, &conn->in.hdr, had);
		xs_ring_take(&look, conn->event_buf + had, look.n);
	}
	step = xs_in_seek(&conn->in, &conn->rsp, conn->seek_type, conn->seek_id);
	skipped = had + (conn->rsp.at - at) - conn->in.have;
	if (conn->skipped && skipped)
		conn->skipped(conn, conn->event_buf, skipped);
	return step;
}

/* Goes on to the end of the message at hand, or of what is there. Returns what xs_in_step() does. */
static int receive_step(struct xs_conn *conn)
{
	int step = conn->seeking ? seek_step(conn) : xs_in_step(&conn->in, &conn->rsp);

	/* A message may have no payload: then no byte has to come to end it. */
	while (step == XS_IN_HEADER) {
		step = on_header(conn);
		if (step < 0)
			return step;
		step = xs_in_step(&conn->in, &conn->rsp);
	}
	if (step == XS_IN_MESSAGE)
		on_message(conn);
	return step;
}

/* Returns whether the server has to be signalled, or a negative errno. */
static int receive(struct xs_conn *conn)
{
	int unread = xs_ring_look_unread(&conn->rsp), step;

	if (unread < 0)
		return unread;
	while (conn->rsp.n && !conn->hold) {
		step = receive_step(conn);
		if (step < 0)
			return step;
	}
	conn->stats.bytes_in += (u32)unread - conn->rsp.n;
	return xs_ring_publish_take(&conn->rsp);
}

static int tear(struct xs_conn *conn, int err)
{
	conn->torn = true;
	return conn->broken = err;
}

/**
 * xs_conn_pump() - move all that can be moved
 * @conn: the connection
 *
 * Empties the response ring first: a server that waits for room there reads no requests.
 *
 * Return: XS_PUMP_* bits. A negative errno says that the ring is broken; it is kept in
 * @conn->broken, nothing is moved any more, and the caller ends what is under way with
 * xs_conn_break(): -EIO for an index that cannot be, -ECOMM when the server has set its error word,
 * -EPROTO for a length over 4096, -EBADMSG for a reply that nobody asked for.
 */
int xs_conn_pump(struct xs_conn *conn)
{
	int flags = 0, round, got, put = 0;
	u32 at;

	if (conn->broken)
		return conn->broken;
	for (round = 0; round < PUMP_ROUNDS; round++) {
		if ((xs_conn_features(conn) & XS_FEATURE_ERROR) && page_word(conn, XS_PAGE_ERROR))
			return tear(conn, -ECOMM);
		at = conn->rsp.at;
		got = receive(conn);
		if (got >= 0)
			put = send(conn);
		if (got < 0 || put < 0)
			return tear(conn, got < 0 ? got : put);
		if (got || put)
			flags |= XS_PUMP_SIGNAL;
		if (at == conn->rsp.at)
			return flags;
	}
	return flags | XS_PUMP_AGAIN;
}

/* ---- when it goes to somebody else ------------------------------------------------------ */

/* Takes the rest of a message that has come in part. Returns whether to signal. */
static bool wind_up_in(struct xs_conn *conn)
{
	u32 unread;

	if (!conn->in.have || conn->in.whole || conn->seeking || conn->hold)
		return false;
	xs_ring_look_unread(&conn->rsp);
	unread = conn->rsp.n;	/* none when the indices cannot be, which xs_conn_torn() tells */
	if (receive_step(conn) < 0)
		conn->torn = true;
	conn->stats.bytes_in += unread - conn->rsp.n;
	return xs_ring_publish_take(&conn->rsp);
}

/* Sends the rest of a message that the server has in part. Returns whether to signal. */
static bool wind_up_out(struct xs_conn *conn)
{
	if (!xs_out_left(&conn->orphan) || xs_ring_look_room(&conn->req) <= 0)
		return false;
	xs_out_push(&conn->orphan, &conn->req);
	return publish(conn);
}

/**
 * xs_conn_wind_up() - the connection is broken, and goes to somebody else
 * @conn: the connection, after xs_conn_break() or xs_conn_forget()
 *
 * Of a message that the server has in part the rest is sent, as far as there is room; of one that
 * has come in part the rest is taken, as far as it is there; and nothing else. Of streams that are
 * torn nothing is.
 *
 * Return: XS_PUMP_SIGNAL when the server has to be signalled, 0.
 */
int xs_conn_wind_up(struct xs_conn *conn)
{
	bool took, put;

	if (xs_conn_torn(conn))
		return 0;
	took = wind_up_in(conn);
	put = !conn->torn && wind_up_out(conn);
	return took || put ? XS_PUMP_SIGNAL : 0;
}
