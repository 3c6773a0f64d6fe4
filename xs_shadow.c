// SPDX-License-Identifier: GPL-2.0
/*
 * xs_shadow.c - the kernel's own xenbus, served on a shadow page. See xs_shadow.h.
 */
#include "xs_shadow.h"

/* The kernel, the store and their rings must not keep us in one call for ever. */
#define PUMP_ROUNDS	8

/* A reply's length, as long as there is none. */
#define NO_REPLY	(~0u)

/* What we say to the kernel for a request whose connection broke, and whose transaction is over. */
static const char lost[] = "EIO", over[] = "EAGAIN";

/*
 * Room in the box that the next message of the store may need, and beside it an error for each of
 * the kernel's requests, since the connection may break at any time.
 */
#define OVER_SIZE	(XS_HDR_SIZE + sizeof(over))
#define BOX_NEED	(XS_HDR_SIZE + XS_PAYLOAD_MAX + XS_CONN_SLOTS * OVER_SIZE)

static u32 *page_word(const struct xs_shadow *sh, u32 offset)
{
	return (u32 *)((char *)sh->page + offset);
}

static u32 store_word(const struct xs_shadow *sh, u32 offset)
{
	return READ_ONCE(*(const u32 *)(sh->conn->page + offset));
}

static void attach(struct xs_shadow *sh)
{
	struct xenstore_domain_interface *page = sh->page;

	xs_ring_attach(&sh->req, page->req, &page->req_cons, &page->req_prod);
	xs_ring_attach(&sh->rsp, page->rsp, &page->rsp_prod, &page->rsp_cons);
	xs_in_init(&sh->in);
	sh->taking = NULL;
	sh->tail = sh->head;
	sh->broken = 0;
}

/* What the server can do, the kernel is told. */
static void show_features(struct xs_shadow *sh)
{
	u32 now = store_word(sh, XS_PAGE_SERVER_FEATURES);

	if (*page_word(sh, XS_PAGE_SERVER_FEATURES) != now)
		WRITE_ONCE(*page_word(sh, XS_PAGE_SERVER_FEATURES), now);
}

/**
 * xs_shadow_init() - begin
 * @sh: filled in
 * @page: a page of ours, zeroed, which the kernel is going to take for the store's
 * @conn: the connection; the caller routes its stray(), skipped() and unknown events here
 */
void xs_shadow_init(struct xs_shadow *sh, struct xenstore_domain_interface *page,
		    struct xs_conn *conn)
{
	u32 i;

	memset(sh, 0, sizeof(*sh));
	sh->page = page;
	sh->conn = conn;
	for (i = 0; i < XS_CONN_SLOTS; i++)
		sh->places[i].shadow = sh;
}

/**
 * xs_shadow_begin() - the kernel is about to use the shadow page
 * @sh: the shadow
 *
 * Both rings are empty, and stand where the store's do. Nothing is taken from the kernel before the
 * caller clears @sh->stop.
 */
void xs_shadow_begin(struct xs_shadow *sh)
{
	struct xenstore_domain_interface *page = sh->page;
	u32 req = READ_ONCE(*sh->conn->req.own), rsp = READ_ONCE(*sh->conn->rsp.own);

	WRITE_ONCE(page->req_prod, req);
	WRITE_ONCE(page->req_cons, req);
	WRITE_ONCE(page->rsp_prod, rsp);
	WRITE_ONCE(page->rsp_cons, rsp);
	WRITE_ONCE(*page_word(sh, XS_PAGE_CONNECTION), 0);
	WRITE_ONCE(*page_word(sh, XS_PAGE_ERROR), 0);
	sh->stop = true;
	attach(sh);
	show_features(sh);
}

/* ---- to the kernel ---------------------------------------------------------------------- */

static u32 box_room(const struct xs_shadow *sh)
{
	return XS_SHADOW_BOX - (sh->head - sh->tail);
}

static void update_hold(struct xs_shadow *sh)
{
	bool hold = box_room(sh) < BOX_NEED;

	sh->stats.held += hold && !sh->conn->hold;
	sh->conn->hold = hold;
}

static void box_put(struct xs_shadow *sh, const void *bytes, u32 n)
{
	u32 at = sh->head & (XS_SHADOW_BOX - 1), first = XS_SHADOW_BOX - at;

	if (sh->broken)		/* nobody will read it */
		return;
	if (first > n)
		first = n;
	memcpy(sh->box + at, bytes, first);
	memcpy(sh->box, (const char *)bytes + first, n - first);
	sh->head += n;
}

/* The kernel's words make no sense. What is in the box must not hold the store for ever. */
static void stop_serving(struct xs_shadow *sh, int err)
{
	sh->broken = err;
	sh->tail = sh->head;
}

/**
 * xs_shadow_pass() - a message of the store is the kernel's
 * @sh: the shadow
 * @hdr: its header, as the kernel is to see it
 * @payload: @hdr->len bytes
 *
 * For events that are not ours, and replies to what the kernel asked before we came.
 */
void xs_shadow_pass(struct xs_shadow *sh, const struct xsd_sockmsg *hdr, const void *payload)
{
	box_put(sh, hdr, XS_HDR_SIZE);
	box_put(sh, payload, hdr->len);
	sh->stats.events++;
	update_hold(sh);
}

/**
 * xs_shadow_skipped() - bytes from before the stream's start are the kernel's
 * @sh: the shadow
 * @bytes: they
 * @n: how many, XS_RING_SIZE + XS_HDR_SIZE at the most
 *
 * When we come the kernel may have read a message in part, and wait for the rest.
 */
void xs_shadow_skipped(struct xs_shadow *sh, const void *bytes, u32 n)
{
	box_put(sh, bytes, n);
	update_hold(sh);
}

/* From the box into the ring, as far as the last look found room. */
static void box_take(struct xs_shadow *sh)
{
	u32 at, n;

	while (sh->rsp.n && sh->head != sh->tail) {
		at = sh->tail & (XS_SHADOW_BOX - 1);
		n = sh->head - sh->tail;
		if (n > XS_SHADOW_BOX - at)
			n = XS_SHADOW_BOX - at;
		sh->tail += xs_ring_put(&sh->rsp, sh->box + at, n);
	}
}

/**
 * xs_shadow_give() - move what is in the box to the kernel, as far as it has room
 * @sh: the shadow
 *
 * A kernel that reads signals only when it saw the ring full. So as long as something is left in
 * the box, this looks once more after it has published.
 *
 * Return: XS_PUMP_KERNEL when it has to be woken, also for what the last xs_shadow_pump() gave
 * before it failed; 0.
 */
int xs_shadow_give(struct xs_shadow *sh)
{
	int room, flags = sh->wake ? XS_PUMP_KERNEL : 0;

	sh->wake = false;
	while (!sh->broken && sh->head != sh->tail) {
		virt_mb();	/* our index is out before its is read: partner of the reader's E */
		room = xs_ring_look_room(&sh->rsp);
		if (room < 0)
			stop_serving(sh, room);
		if (room <= 0)
			break;
		box_take(sh);
		if (xs_ring_publish_put(&sh->rsp))
			flags = XS_PUMP_KERNEL;
	}
	update_hold(sh);
	return flags;
}

/* ---- the kernel's transactions ---------------------------------------------------------- */

/* Is it of a connection that is no more? Until there was a second one, all ids are as they are. */
static bool tx_is_over(const struct xs_shadow *sh, u32 tx)
{
	return tx && sh->renewed && (tx >> XS_TX_BITS != sh->renewed || !(tx & XS_TX_MASK));
}

/* A reply to TRANSACTION_START: marks the id that is in it. Returns the payload's length. */
static u32 mark_tx(const struct xs_shadow *sh, char *text, u32 len)
{
	u32 tx;

	if (!sh->renewed || xs_number(text, len, &tx) || tx > XS_TX_MASK)
		return len;
	return xs_number_text(tx | sh->renewed << XS_TX_BITS, text);
}

/**
 * xs_shadow_renewed() - the server has made the connection new
 * @sh: the shadow, whose requests in flight have ended
 *
 * No transaction of the kernel is left.
 */
void xs_shadow_renewed(struct xs_shadow *sh)
{
	sh->renewed = sh->renewed % XS_TX_MARKS + 1;
}

/* The reply to a message of the kernel has come, or never will. */
static void done(struct xs_req *req)
{
	struct xs_guest_req *g = container_of(req, struct xs_guest_req, req);
	struct xs_shadow *sh = g->shadow;
	bool replied = req->len <= XS_PAYLOAD_MAX;	/* as what, is not our affair */
	struct xsd_sockmsg hdr = {
		.type = replied ? req->type : XS_ERROR,
		.req_id = g->id,
		.tx_id = g->tx,
		.len = replied ? req->len : sizeof(lost),
	};

	if (replied && req->type == XS_TRANSACTION_START)
		hdr.len = mark_tx(sh, g->reply, hdr.len);
	g->busy = false;
	if (replied)
		sh->stats.replies++;
	else
		sh->stats.failed++;
	if (req->out.hdr.type == XS_TYPE_RESET_WATCHES && req->type == XS_TYPE_RESET_WATCHES)
		sh->reset = true;
	box_put(sh, &hdr, XS_HDR_SIZE);
	box_put(sh, replied ? g->reply : lost, hdr.len);
	update_hold(sh);
}

/* ---- from the kernel -------------------------------------------------------------------- */

static struct xs_guest_req *free_place(struct xs_shadow *sh)
{
	u32 i;

	for (i = 0; i < XS_CONN_SLOTS; i++)
		if (!sh->places[i].busy)
			return &sh->places[i];
	return NULL;
}

/* It is of a transaction that the server knows no more, or takes for another one. */
static void refuse(struct xs_shadow *sh, const struct xsd_sockmsg *request)
{
	struct xsd_sockmsg hdr = *request;

	hdr.type = XS_ERROR;
	hdr.len = sizeof(over);
	sh->stats.failed++;
	box_put(sh, &hdr, XS_HDR_SIZE);
	box_put(sh, over, hdr.len);
	update_hold(sh);
}

/* A message of the kernel is there, whole. */
static void queue(struct xs_shadow *sh)
{
	struct xs_guest_req *g = sh->taking;
	const struct xsd_sockmsg *hdr = &sh->in.hdr;
	const struct xs_vec vec = { g->payload, hdr->len };
	u32 tx = sh->renewed ? hdr->tx_id & XS_TX_MASK : hdr->tx_id;

	sh->taking = NULL;
	sh->stats.requests++;
	if (tx_is_over(sh, hdr->tx_id)) {
		refuse(sh, hdr);
		return;
	}
	memset(&g->req, 0, sizeof(g->req));
	xs_out_init(&g->req.out, hdr->type, tx, &vec, 1);	/* len was checked */
	g->id = hdr->req_id;
	g->tx = hdr->tx_id;
	g->busy = true;
	g->req.reply = g->reply;
	g->req.cap = sizeof(g->reply);
	g->req.raw = true;
	g->req.len = NO_REPLY;
	g->req.done = done;
	g->req.who = XS_WHO_KERNEL;
	xs_conn_queue(sh->conn, &g->req);
}

/* May another message be taken? What has begun to come is always taken to its end. */
static bool may_take(struct xs_shadow *sh)
{
	if (!sh->taking && !sh->stop && !sh->conn->hold)
		sh->taking = free_place(sh);
	return sh->taking;
}

/* Takes what the last look found, as far as there are places. */
static int take_found(struct xs_shadow *sh)
{
	int step;

	while (sh->req.n && may_take(sh)) {
		step = xs_in_step(&sh->in, &sh->req);
		while (step == XS_IN_HEADER) {
			xs_in_into(&sh->in, sh->taking->payload, sizeof(sh->taking->payload));
			step = xs_in_step(&sh->in, &sh->req);
		}
		if (step < 0)
			return step;
		if (step == XS_IN_MESSAGE)
			queue(sh);
	}
	return 0;
}

/*
 * Takes until a look finds nothing, or no place is left, which is after 16 messages at the latest;
 * of those that are refused, when the box is full of answers.
 * A kernel that puts more while it sees us behind does not signal, so the look after the last
 * publish is needed.
 *
 * Returns XS_PUMP_KERNEL when the kernel may wait for room, 0, or a negative errno.
 */
static int take(struct xs_shadow *sh)
{
	int flags = 0, got = xs_ring_look_unread(&sh->req);

	while (got > 0 && may_take(sh)) {
		got = take_found(sh);
		if (got < 0)
			return got;
		if (xs_ring_publish_take(&sh->req))
			flags = XS_PUMP_KERNEL;
		got = xs_ring_look_unread(&sh->req);
	}
	return got < 0 ? got : flags;
}

/**
 * xs_shadow_pump() - xs_conn_pump() with the kernel's traffic in it
 * @sh: the shadow
 *
 * Return: XS_PUMP_* bits; a negative errno when the connection is broken, as xs_conn_pump(): then
 * xs_conn_break() and xs_shadow_give() come next. What the kernel breaks on its own page is in
 * @sh->broken, and breaks nothing else.
 */
int xs_shadow_pump(struct xs_shadow *sh)
{
	int flags = 0, round, got;
	bool held;

	show_features(sh);
	for (round = 0; round < PUMP_ROUNDS; round++) {
		got = sh->broken ? 0 : take(sh);
		if (got < 0)
			stop_serving(sh, got);
		else
			flags |= got;
		got = xs_conn_pump(sh->conn);
		held = sh->conn->hold;
		flags |= xs_shadow_give(sh);
		if (got < 0) {
			sh->wake = flags & XS_PUMP_KERNEL;
			return got;
		}
		flags |= got;
		/* More can be moved when there is a place again that was missing. */
		if (!(held && !sh->conn->hold) && !(sh->req.n && !sh->broken && may_take(sh)))
			return flags;
	}
	return flags | XS_PUMP_AGAIN;
}

/**
 * xs_shadow_wind_up() - the connection is broken, and nobody will mend it
 * @sh: the shadow, after xs_conn_break()
 *
 * Instead of xs_shadow_pump(), before the kernel goes back: what has begun comes to its end. A
 * message that the kernel has put in part is taken whole; what it has asked and the store has not
 * got is answered with EIO; of one of ours the store gets the rest, and of one of the store's we
 * take the rest.
 *
 * Return: XS_PUMP_* bits.
 */
int xs_shadow_wind_up(struct xs_shadow *sh)
{
	int flags = 0, got = sh->broken ? 0 : take(sh);
	u32 i;

	if (got < 0)
		stop_serving(sh, got);
	else
		flags = got;
	for (i = 0; i < XS_CONN_SLOTS; i++)
		if (sh->places[i].busy && xs_conn_abandon(sh->conn, &sh->places[i].req))
			done(&sh->places[i].req);
	flags |= xs_conn_wind_up(sh->conn);	/* what comes of it may be the kernel's */
	return flags | xs_shadow_give(sh);
}

/* ---- coming and going ------------------------------------------------------------------- */

/**
 * xs_shadow_in_step() - was the kernel between two messages when it came to the shadow page?
 * @sh: the shadow, of which nothing has been taken
 *
 * A kernel that was in the middle of a long message has put the rest of it here first.
 *
 * Return: true when the ring is empty, or begins with what can be the header of a request.
 */
bool xs_shadow_in_step(const struct xs_shadow *sh)
{
	struct xs_ring look = sh->req;
	int unread = xs_ring_look_unread(&look);
	struct xsd_sockmsg hdr;

	if (unread <= 0)
		return !unread;
	return xs_ring_take(&look, &hdr, XS_HDR_SIZE) == XS_HDR_SIZE &&
		hdr.type > 0 && hdr.type <= XS_TYPE_DIRECTORY_PART &&
		hdr.len > 0 && hdr.len <= XS_PAYLOAD_MAX;
}

/* Has the kernel read all that is its? */
static bool given(const struct xs_shadow *sh)
{
	return sh->head == sh->tail && READ_ONCE(*sh->rsp.peer) == sh->rsp.published;
}

/**
 * xs_shadow_quiet() - is the kernel's side between two messages, both ways?
 * @sh: the shadow
 *
 * Return: true when the kernel has read all that is its, and no message of it is under way. Whole
 * messages that wait in the request ring do not count: see xs_shadow_hand_back().
 */
bool xs_shadow_quiet(const struct xs_shadow *sh)
{
	u32 i;

	if (sh->broken)		/* nothing moves there any more */
		return true;
	for (i = 0; i < XS_CONN_SLOTS; i++)
		if (sh->places[i].busy)
			return false;
	return (!sh->in.have || sh->in.whole) && given(sh);
}

/*
 * Has the store's request ring room for what waits in the shadow's? A store that reads nothing may
 * have some of ours in its ring still, and what the kernel has asked meanwhile must not be cut off
 * there. Where the kernel's ring is broken, or the streams are torn, nothing could still be cut.
 */
static bool fits(const struct xs_shadow *sh)
{
	struct xs_ring from = sh->req, to = sh->conn->req;
	int unread;

	if (sh->broken || xs_conn_torn(sh->conn))
		return true;
	unread = xs_ring_look_unread(&from);
	return unread < 0 || unread <= xs_ring_look_room(&to);
}

/**
 * xs_shadow_may_leave() - may the kernel have the store's page back?
 * @sh: the shadow
 * @live: the connection is not broken
 *
 * On one that is broken nothing of ours is owed, and what waits goes on waiting; but a store that
 * was only silent must not find half a message of ours before one of the kernel's.
 *
 * Return: true when no stream is cut by that, or when they are torn already.
 */
bool xs_shadow_may_leave(const struct xs_shadow *sh, bool live)
{
	if (!fits(sh) || !xs_shadow_quiet(sh))
		return false;
	if (live)
		return xs_conn_quiet(sh->conn);
	return xs_conn_torn(sh->conn) || xs_conn_between(sh->conn);
}

/**
 * xs_shadow_hand_back() - the kernel goes back to the store's page: so does what it has asked
 * @sh: the shadow; xs_shadow_may_leave()
 *
 * What waits unread in the shadow's request ring is put into the store's.
 *
 * Return: how many bytes; more than 0, and the server has to be signalled.
 */
u32 xs_shadow_hand_back(struct xs_shadow *sh)
{
	struct xs_ring *to = &sh->conn->req;
	u32 all = 0, n;
	char bytes[64];

	if (sh->broken || xs_ring_look_unread(&sh->req) < 0 || xs_ring_look_room(to) < 0)
		return 0;
	while (to->n && (n = xs_ring_take(&sh->req, bytes, to->n < sizeof(bytes) ?
					  to->n : sizeof(bytes))))
		all += xs_ring_put(to, bytes, n);
	xs_ring_publish_put(to);
	return all;
}

/* ---- when the connection breaks --------------------------------------------------------- */

/**
 * xs_shadow_asks_reconnect() - does the kernel want a new connection?
 * @sh: the shadow
 *
 * Return: true when it has said so in its page, and the server offers it.
 */
bool xs_shadow_asks_reconnect(const struct xs_shadow *sh)
{
	return READ_ONCE(*page_word(sh, XS_PAGE_CONNECTION)) &&
		(store_word(sh, XS_PAGE_SERVER_FEATURES) & XS_FEATURE_RECONNECT);
}

/**
 * xs_shadow_fresh() - the kernel's page begins anew: it has asked for that, or has broken it
 * @sh: the shadow; nothing of it is under way
 *
 * The kernel finds what it would find on the store's page: empty rings, no error, and the word that
 * says so written last.
 */
void xs_shadow_fresh(struct xs_shadow *sh)
{
	struct xenstore_domain_interface *page = sh->page;

	WRITE_ONCE(page->req_prod, 0);
	WRITE_ONCE(page->req_cons, 0);
	WRITE_ONCE(page->rsp_prod, 0);
	WRITE_ONCE(page->rsp_cons, 0);
	WRITE_ONCE(*page_word(sh, XS_PAGE_ERROR), 0);
	attach(sh);
	virt_wmb();		/* who sees the word sees the indices */
	WRITE_ONCE(*page_word(sh, XS_PAGE_CONNECTION), 0);
}

/**
 * xs_shadow_show_error() - the connection is lost, or well again: the kernel may know
 * @sh: the shadow
 *
 * The server's error word. Its rings go on: it has done nothing to them, and what it asks while the
 * store's are dead is answered with EIO, or waits in its ring until they are not.
 */
void xs_shadow_show_error(struct xs_shadow *sh)
{
	show_features(sh);
	WRITE_ONCE(*page_word(sh, XS_PAGE_ERROR), store_word(sh, XS_PAGE_ERROR));
}
