// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_shadow.c - the kernel on the shadow page, our own calls beside it and the fake server, all
 * driven by bytes, the two others' steps also between the module's barriers.
 *
 *   fake_kernel ◀─shadow page─▶ xs_shadow ─ xs_conn ◀─store page─▶ fake_server
 *
 * Oracle. Each request of the kernel gets exactly one reply, with its own id and the bytes that
 * were meant for it, or EIO where the connection broke; each event comes to the one who asked. Our
 * calls end once, with their bytes. The box always has room for what may have to go into it. When
 * the kernel reads and the server answers, all come to rest with nothing open: whoever sleeps with
 * a request open was not woken. A kernel that scribbles over its page harms itself alone. A server
 * that does not keep to the protocol harms all, but nothing hangs, and xs_conn_fail() ends all.
 */
#include "fuzz.h"
#include "xs_port.h"

static void between(void);

#undef READ_ONCE
#undef virt_mb
#undef virt_wmb
#define READ_ONCE(x) ({ between(); *(const volatile __typeof__(x) *)&(x); })
#define virt_mb()  do { between(); __atomic_thread_fence(__ATOMIC_SEQ_CST); between(); } while (0)
#define virt_wmb() do { __atomic_thread_fence(__ATOMIC_RELEASE); between(); } while (0)

#include "../../xs_ring.c"
#include "../../xs_msg.c"
#include "../../xs_conn.c"
#define page_word shadow_page_word
#include "../../xs_shadow.c"
#undef page_word
#include "fake_server.h"

#define FK_REQUESTS 256u
#define FK_EVENTS 2048u
#include "fake_kernel.h"

#define CALLS 48u

/* The highest byte of every id of ours. None of the leftovers that the kernel knows has it. */
#define ID_BYTE 0x5b

struct call {
	struct xs_req req;
	char path[32];
	char *reply;
	u32 len, seed, dones;
};

static struct world {
	struct fs_server s;
	struct fake_kernel k;
	struct xs_conn *c;
	struct xs_shadow *sh;
	struct xenstore_domain_interface *page;
	struct call *call[CALLS];
	u32 asked_before;	/* requests of the kernel from before we came */
	u32 ids;		/* that the kernel has used */
	u32 own_events, sent_events, muted, refused, breaks;
	int shared;		/* the kernel is on our page */
	int due;
	int hostile;		/* the server has broken the protocol */
	int mad;		/* the kernel has scribbled over its page */
	u32 server_steps, kernel_steps;	/* at each point inside a pump */
	enum fs_twist twist;
} w;

static void between(void)
{
	u32 n;

	for (n = 0; n < w.server_steps; n++)
		fs_step(&w.s);
	for (n = 0; n < w.kernel_steps; n++)
		fk_step(&w.k);
}

static void on_watch_event(struct xs_conn *conn, const char *path, const char *token)
{
	CHECK(conn == w.c);
	if (!strncmp(token, "own", 3))
		w.own_events++;
	else
		xs_shadow_pass(w.sh, &conn->in.hdr, conn->event_buf);
}

static void on_stray(struct xs_conn *conn, const struct xsd_sockmsg *hdr, const void *payload)
{
	xs_shadow_pass(w.sh, hdr, payload);
}

static void on_skipped(struct xs_conn *conn, const void *bytes, u32 n)
{
	CHECK(n <= XS_RING_SIZE + XS_HDR_SIZE);
	xs_shadow_skipped(w.sh, bytes, n);
}

static enum fs_twist twist(struct fs_server *s, const struct xsd_sockmsg *hdr)
{
	enum fs_twist t = w.twist;

	if (w.shared && w.c->seeking && hdr->req_id == w.c->seek_id)
		return FS_ANSWER;	/* nothing moves before that */
	w.twist = FS_ANSWER;
	w.muted += t == FS_MUTE;
	w.refused += t == FS_REFUSE;
	return t;
}

static u32 pick(struct fs_server *s, u32 n)
{
	return (u32)(s->requests * 7 + s->answered * 3) % n;
}

/* ---- own calls ------------------------------------------------------------------------------ */

static void own_done(struct xs_req *req)
{
	struct call *c = container_of(req, struct call, req);
	u32 i;

	CHECK(!c->dones++);
	CHECK(req->state == XS_REQ_IDLE);
	if (w.hostile)
		return;
	if (req->result) {
		CHECK(req->result == -ECONNRESET ? w.breaks : req->result == -EIO ? w.refused :
		      req->result == -ENODEV);
		return;
	}
	CHECK(req->len == c->len);
	for (i = 0; i < c->len; i++)
		CHECK((u8)c->reply[i] == fs_pattern(c->seed, i));
}

static struct call *own_call(u32 len)
{
	struct xs_vec vec;
	struct call *c;
	u32 i;

	for (i = 0; i < CALLS && w.call[i]; i++)
		;
	if (i == CALLS)
		return NULL;
	c = w.call[i] = calloc(1, sizeof(*c));
	c->len = len;
	c->seed = len * 5 + i;
	vec.base = c->path;
	vec.len = (u32)snprintf(c->path, sizeof(c->path), "pattern/%u/%u", len, c->seed) + 1;
	CHECK(!xs_out_init(&c->req.out, XS_READ, 0, &vec, 1));
	c->reply = malloc(len ? len : 1);
	c->req.reply = c->reply;
	c->req.cap = len;
	c->req.done = own_done;
	w.due = 1;
	return c;
}

static void queue_own(struct input *in)
{
	u8 kind = byte(in);
	struct call *c = own_call(byte(in) * (kind % 17u));

	if (c)
		xs_conn_queue(w.c, &c->req);
}

static void drop(u32 i)
{
	free(w.call[i]->reply);
	free(w.call[i]);
	w.call[i] = NULL;
}

static void abandon_own(u32 i)
{
	u32 was;

	if (!w.call[i] || w.c->seeking)		/* the probe is needed */
		return;
	was = w.call[i]->dones;
	CHECK(xs_conn_abandon(w.c, &w.call[i]->req) == !was);
	drop(i);
}

/* ---- what the kernel asks ------------------------------------------------------------------- */

static int used_before(u32 id)
{
	u32 i;

	for (i = 0; i < w.k.requests; i++)
		if (w.k.request[i].hdr.req_id == id)
			return 1;
	return 0;
}

/* An id that the kernel has not used yet: small, huge, or such as ours are. */
static u32 some_id(u8 kind)
{
	u32 id = ++w.ids << 24;

	if (kind % 4 == 1)
		id = ~w.ids;
	if (kind % 4 == 2 && w.shared)
		id = w.c->generation << 4 | w.ids % 16;
	if (kind % 4 == 3)
		id = 0;
	while (used_before(id))
		id = w.ids++;
	return id;
}

static void kernel_asks(struct input *in)
{
	u8 kind = byte(in), size = byte(in);
	u32 id = some_id(kind), len = size * (kind / 8 % 17u);
	struct fk_request *r;
	char b[4096];
	int n;

	if (w.k.requests == FK_REQUESTS)
		return;
	if (kind < 128) {
		n = snprintf(b, sizeof(b), "pattern/%u/%u", len, id);
		r = fk_ask(&w.k, XS_READ, id, 0, b, (u32)n + 1);
		r->pattern = len;
		r->seed = id;
	} else if (kind < 208) {
		memset(b, 'v', sizeof(b));
		memcpy(b, "k/a", 4);
		fk_ask(&w.k, XS_WRITE, id, 0, b, len < 4 ? 4 : len > 4096 ? 4096 : len);
	} else if (kind < 240) {
		n = snprintf(b, sizeof(b), "k/%c%ct", 'a' + size % 4, 0);
		fk_ask(&w.k, size & 64 ? XS_UNWATCH : XS_WATCH, id, 0, b, (u32)n + 1);
	} else {	/* anything: most of it is refused */
		fk_ask(&w.k, kind == 255 ? 0xfffffff0u + size : size % 32, id,
		       kind & 8 ? 0 : (u32)size << 28 | 1, "x", kind % 3);
	}
}

static int is_error(const struct fk_request *r, const char *name)
{
	return r->reply.type == XS_ERROR && r->reply.len == strlen(name) + 1 &&
		!memcmp(r->payload, name, r->reply.len);
}

static void check_reply(const struct fk_request *r)
{
	u32 i;

	CHECK(r->reply.req_id == r->hdr.req_id && r->reply.tx_id == r->hdr.tx_id);
	if (is_error(r, "EIO")) {
		CHECK(w.breaks || w.refused);
		return;
	}
	if (is_error(r, "EAGAIN") && r->hdr.tx_id) {
		CHECK(w.breaks);
		return;
	}
	if (r->reply.type == XS_ERROR) {
		CHECK(!r->pattern);
		return;
	}
	CHECK(r->reply.type == r->hdr.type);
	if (r->hdr.type == XS_WRITE || r->hdr.type == XS_WATCH || r->hdr.type == XS_UNWATCH)
		CHECK(r->reply.len == 3 && !memcmp(r->payload, "OK", 3));
	if (!r->pattern)
		return;
	CHECK(r->reply.len == r->pattern);
	for (i = 0; i < r->pattern; i++)
		CHECK(r->payload[i] == fs_pattern(r->seed, i));
}

/* ---- moving --------------------------------------------------------------------------------- */

static void check_box(void)
{
	u32 i, used = w.sh->head - w.sh->tail, under_way = w.sh->taking ? 1 : 0;

	for (i = 0; i < XS_CONN_SLOTS; i++)
		under_way += w.sh->places[i].busy;
	CHECK(under_way <= 16);
	CHECK(used <= XS_SHADOW_BOX && XS_SHADOW_BOX - used >= under_way * 23);
}

static void pump(void)
{
	int flags = xs_shadow_pump(w.sh);

	w.due = 0;
	check_box();
	if (flags < 0) {
		CHECK(w.hostile);
		CHECK(flags == w.c->broken);
		return;
	}
	CHECK(w.mad || !w.sh->broken);
	if (flags & XS_PUMP_SIGNAL)
		fs_signal(&w.s);
	if (flags & XS_PUMP_KERNEL)
		fk_wake(&w.k);
	w.due = flags & XS_PUMP_AGAIN;
}

/* All ends until none has a reason to move. */
static void settle(void)
{
	int moved, signalled;
	u32 n;

	for (n = 0; n < 4000000; n++) {
		if (w.shared && w.c->broken)
			return;
		moved = fk_take_tell(&w.k);
		signalled = fs_take_kick(&w.s);
		if (w.shared && (moved || signalled || w.due)) {
			pump();
			continue;
		}
		if (moved)
			fs_signal(&w.s);
		if (signalled)
			fk_wake(&w.k);
		moved = fs_step(&w.s);
		if (!fk_step(&w.k) && !moved && !w.k.tell && !w.s.kick)
			return;
	}
	CHECK(w.hostile || w.mad);	/* sound ends come to rest */
}

/* The kernel asks and reads on the store's page for a while, then we come between. */
static void come(struct input *in, u32 seed)
{
	u32 n = byte(in), i;
	struct call *c;

	w.k.deaf = n & 64;
	for (i = 0; i < n % 16; i++)
		kernel_asks(in);
	w.twist = n & 32 ? FS_HOLD : FS_ANSWER;
	settle();
	w.k.deaf = false;
	fk_wake(&w.k);
	w.k.chunk = 1 + byte(in);
	for (i = byte(in); i; i--)
		fk_step(&w.k);
	w.k.chunk = 0;
	/* to where it is between two requests; what it has not read stays in the ring */
	w.k.may_write = 0;
	w.k.deaf = true;
	while (fk_step(&w.k))
		;
	w.k.may_write = ~0u;
	w.k.deaf = false;
	if (w.k.sent && w.k.sent < w.k.request[w.k.writing].size) {
		fk_wake(&w.k);
		settle();
	}
	w.k.tell = false;
	fs_signal(&w.s);
	w.asked_before = w.k.requests;
	w.s.extra = fk_open(&w.k);	/* not known to us; real servers answer in order */
	xs_conn_init(w.c, w.s.page, seed, on_watch_event);
	w.c->stray = on_stray;
	w.c->skipped = on_skipped;
	xs_shadow_init(w.sh, w.page, w.c);
	xs_shadow_begin(w.sh);
	w.sh->stop = false;
	fk_use(&w.k, w.page);
	fk_wake(&w.k);
	w.shared = 1;
	c = own_call(3);
	xs_conn_seek(w.c, &c->req);
}

/* As where the server offers a reconnection. */
static void break_and_reconnect(void)
{
	u32 i;

	if (w.c->seeking || w.c->broken)
		return;
	for (i = 0; i < w.asked_before; i++)
		if (!w.k.request[i].order)	/* nobody would answer it any more */
			return;
	w.s.page->server_features |= XS_FEATURE_RECONNECT;
	w.breaks++;
	xs_conn_break(w.c, -ECONNRESET);
	check_box();
	if (xs_shadow_give(w.sh) & XS_PUMP_KERNEL)
		fk_wake(&w.k);
	xs_conn_ask_reconnect(w.c);
	w.s.mute = false;
	fs_signal(&w.s);
	fs_run(&w.s);
	CHECK(xs_conn_reconnected(w.c));
	xs_conn_restart(w.c, true);
	xs_shadow_renewed(w.sh);
	w.muted = 0;
	w.due = 1;
}

static void send_event(struct input *in)
{
	u8 b[4096];
	u32 n = byte(in), i, size = n % 64;

	for (i = 0; i < size; i++) {
		b[i] = byte(in);
		if (b[i] == ID_BYTE)
			b[i] = 0;
	}
	if (size && n & 64) {		/* a long one */
		memset(b + size, 'p', 3000);
		size += 1000 + b[0] * 8u;
		b[size / 2] = '\0';
		b[size - 1] = '\0';
	}
	if (w.s.frames < 200 && fs_send(&w.s, XS_WATCH_EVENT, n, 0, b, size))
		w.sent_events++;
}

static void scribble(struct input *in, void *page)
{
	u32 n = byte(in), *words = page;

	if (n < 64)		/* any byte of the rings */
		((u8 *)page)[(n * 32 + byte(in)) % 2048] = byte(in);
	else if (n < 128)	/* any word behind them */
		words[512 + n % 8] = word(in);
	else			/* an index, a little off */
		words[512 + n % 4] += byte(in) - 128u;
}

static void set_twist(u8 b)
{
	w.twist = b % FS_TWISTS;
	if (w.twist == FS_DOUBLE || w.twist == FS_FOREIGN || w.twist == FS_OVERSIZE ||
	    w.twist == FS_WRONG_TYPE)
		w.hostile = 1;
}

static void operate(struct input *in)
{
	u32 n;

	switch (byte(in) % 24) {
	case 0: case 1: case 2:
		kernel_asks(in);
		break;
	case 3:
		for (n = 1 + byte(in) % 24; n; n--)
			kernel_asks(in);
		break;
	case 4: case 5:
		queue_own(in);
		break;
	case 6:
		for (n = 1 + byte(in) % 24; n; n--)
			queue_own(in);
		break;
	case 7:
		abandon_own(byte(in) % CALLS);
		break;
	case 8:
		pump();
		break;
	case 9:
		for (n = byte(in); n; n--)
			fs_step(&w.s);
		break;
	case 10:
		for (n = byte(in); n; n--)
			fk_step(&w.k);
		break;
	case 11:
		settle();
		break;
	case 12:
		w.s.chunk = byte(in);
		break;
	case 13:
		w.k.chunk = byte(in);
		w.k.chatty = w.k.chunk & 1;
		break;
	case 14:
		n = byte(in);
		w.server_steps = n % 4;
		w.kernel_steps = n / 4 % 4;
		break;
	case 15:
		send_event(in);
		break;
	case 16:
		w.s.mute = byte(in) & 1;
		break;
	case 17:
		fs_release(&w.s);
		break;
	case 18:
		set_twist(byte(in));
		break;
	case 19:
		w.k.deaf = byte(in) & 1;
		fk_wake(&w.k);
		break;
	case 20:
		n = byte(in);
		w.k.may_write = n & 1 ? n * 9 : ~0u;
		fk_wake(&w.k);
		break;
	case 21:
		break_and_reconnect();
		break;
	case 22:
		n = byte(in);
		w.s.pick = n & 1 ? pick : NULL;
		if (n & 2)
			w.s.page->server_features |= n & 0xd;	/* not the error word's */
		break;
	case 23:
		if (byte(in) & 1) {
			w.hostile = 1;
			w.s.dishonest = true;
			scribble(in, w.s.page);
		} else {
			w.mad = 1;
			scribble(in, w.page);
		}
		break;
	}
}

/* ---- the end -------------------------------------------------------------------------------- */

/* Server and kernel mean well from here on: all that is not muted ends. */
static void come_to_rest(void)
{
	u32 i, open = 0;

	w.twist = FS_ANSWER;
	w.s.mute = false;
	w.s.throttle = 0;
	fs_release(&w.s);
	w.k.deaf = false;
	w.k.may_write = ~0u;
	fk_wake(&w.k);
	if (w.mad) {	/* whatever it has done: now it cannot be served any more */
		w.k.phase = FK_SLEEP;
		w.k.may_write = 0;
		w.page->req_prod = w.sh->req.at - 1;
	}
	w.due = 1;
	settle();
	if (w.hostile)
		return;
	CHECK(!w.c->broken);
	if (w.s.complaint)
		fprintf(stderr, "the server says: %s\n", w.s.complaint);
	CHECK(!w.s.complaint);
	for (i = 0; i < CALLS; i++)
		open += w.call[i] && !w.call[i]->dones;
	if (!w.mad) {
		CHECK(!w.k.complaint);
		open += fk_open(&w.k);
	}
	/* muted requests keep their slots, and 16 of them stop all */
	CHECK(w.muted >= 16 || open <= w.muted);
	CHECK(!w.c->hold);
	if (w.muted)
		return;
	CHECK(xs_conn_idle(w.c) && xs_shadow_quiet(w.sh));
	if (!w.mad && !w.breaks)
		CHECK(w.k.events + w.own_events == w.s.events + w.sent_events);
}

/* The kernel goes back to the store's page, with a few requests that we have not read. */
static void go_back(struct input *in)
{
	u32 i;

	w.server_steps = w.kernel_steps = 0;
	w.sh->stop = true;
	w.k.may_write = byte(in) * 4u;
	for (i = 0; i < 5; i++)
		kernel_asks(in);
	settle();
	CHECK(xs_shadow_quiet(w.sh) && xs_conn_quiet(w.c));
	if (xs_shadow_hand_back(w.sh))
		fs_signal(&w.s);
	w.shared = 0;
	fk_use(&w.k, w.s.page);
	w.k.may_write = ~0u;
	fk_wake(&w.k);
	settle();
	CHECK(!fk_open(&w.k));
}

static void end_all(void)
{
	u32 i;

	w.server_steps = w.kernel_steps = 0;
	xs_conn_fail(w.c, -ENODEV);
	check_box();
	CHECK(!w.c->stats.inflight && !w.c->queue);
	CHECK(w.sh->stats.requests == w.sh->stats.replies + w.sh->stats.failed);
	if (w.muted && w.muted < 16 && !w.hostile && !w.mad) {
		w.refused++;		/* EIO it is, for those who were muted */
		do {
			xs_shadow_give(w.sh);
			fk_wake(&w.k);
			while (fk_step(&w.k))
				;
		} while (w.sh->head != w.sh->tail);
		CHECK(!fk_open(&w.k));
	}
	if (!w.hostile && !w.mad) {
		CHECK(!w.k.complaint);
		for (i = 0; i < w.k.requests; i++)
			if (w.k.request[i].order)
				check_reply(&w.k.request[i]);
	}
	for (i = 0; i < CALLS; i++) {
		if (!w.call[i])
			continue;
		CHECK(w.call[i]->dones == 1);
		drop(i);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size - (size > 32 ? 11 : 0) };
	struct input last = { in.end, data + size };	/* for go_back() */
	u32 req_at = word(&in), rsp_at = word(&in), seed = word(&in);

	memset(&w, 0, sizeof(w));
	fs_init(&w.s, req_at, rsp_at);
	fk_init(&w.k, w.s.page);
	w.s.twist = twist;
	w.c = malloc(sizeof(*w.c));
	w.sh = malloc(sizeof(*w.sh));
	w.page = aligned_alloc(4096, 4096);
	memset(w.page, 0, 4096);
	come(&in, (seed & 0x7ffff) | ID_BYTE << 20);
	while (more(&in) && !w.c->broken)
		operate(&in);
	come_to_rest();
	if (!w.hostile && !w.mad && !w.muted && seed & 0x80000000)
		go_back(&last);
	end_all();
	free(w.c);
	free(w.sh);
	free(w.page);
	fs_free(&w.s);
	fk_free(&w.k);
	return 0;
}
