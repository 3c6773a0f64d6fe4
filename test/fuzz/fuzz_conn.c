// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_conn.c - the client against the fake server, both driven by bytes, the server's steps also
 * between the client's barriers.
 *
 * Oracle. Every call ends once, or was abandoned and is never touched again (its memory is freed).
 * A call that ended well has the bytes that were meant for it. As long as the server keeps to the
 * protocol, the client does too (the server looks), the connection is never called broken, and
 * when the server stops twisting, all ends: both asleep with a call open is a lost wake-up. With a
 * server that does not keep to it, nothing hangs, and xs_conn_fail() ends all that is left.
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
#include "fake_server.h"

#define CALLS 64u

/*
 * The highest byte of every id. No event and no leftover has it, since none may look like the reply
 * that is sought: on real pages ids start at random.
 */
#define ID_BYTE 0x5b

struct call {
	struct xs_req req;
	char *payload, *reply;
	u32 len, seed, dones;
	int pattern, muted;
};

static struct world {
	struct fs_server s;
	struct xs_conn *c;
	struct call *call[CALLS];
	int due, hostile;	/* hostile: the server has broken the protocol, or may have */
	u32 steps;		/* that the server makes at each point inside a pump */
	enum fs_twist twist;
	u32 muted;		/* requests that will never be answered */
} w;

static void between(void)
{
	u32 n;

	for (n = 0; n < w.steps; n++)
		fs_step(&w.s);
}

static void on_watch_event(struct xs_conn *conn, const char *path, const char *token)
{
	CHECK(conn == w.c);
	CHECK(strlen(path) + strlen(token) + 2 <= XS_PAYLOAD_MAX);
}

static void on_done(struct xs_req *req)
{
	struct call *c = container_of(req, struct call, req);
	u32 i;

	CHECK(!c->dones++);
	CHECK(req->state == XS_REQ_IDLE);
	CHECK(strlen(req->error) < XS_ERROR_MAX);
	if (req->result == -ETIMEDOUT)
		CHECK(req->deadline);
	if (req->result || !c->pattern || w.hostile || req->type == XS_ERROR)
		return;
	CHECK(req->len == c->len);
	for (i = 0; i < c->len; i++)
		CHECK((u8)c->reply[i] == fs_pattern(c->seed, i));
}

static enum fs_twist twist(struct fs_server *s, const struct xsd_sockmsg *hdr)
{
	enum fs_twist t = w.twist;

	w.twist = FS_ANSWER;
	w.muted += t == FS_MUTE;
	return t;
}

static u32 pick(struct fs_server *s, u32 n)
{
	return (u32)(s->requests * 7 + s->answered * 3) % n;
}

static void drop(u32 i)
{
	free(w.call[i]->payload);
	free(w.call[i]->reply);
	free(w.call[i]);
	w.call[i] = NULL;
}

static void queue_one(struct input *in, int reset)
{
	static const u32 types[] = {
		XS_WRITE, XS_RM, XS_MKDIR, XS_DIRECTORY, XS_WATCH, XS_UNWATCH,
		XS_TRANSACTION_START, XS_GET_PERMS, 77,
	};
	u8 kind = reset ? 0 : byte(in);
	u32 i, n, cap, cut;
	char text[4200];
	struct xs_vec vec[2];
	struct call *c;

	for (i = 0; i < CALLS && w.call[i]; i++)
		;
	if (i == CALLS)
		return;
	c = w.call[i] = calloc(1, sizeof(*c));
	if (reset) {
		text[0] = '\0';
		n = 1;
		cap = 8;
		cut = 0;
	} else if (kind < 128) {
		c->pattern = 1;
		c->len = byte(in) * (kind % 17u);
		c->seed = kind * 3u + i;
		n = (u32)snprintf(text, sizeof(text), "pattern/%u/%u", c->len, c->seed) + 1;
		cap = kind & 64 ? c->len : byte(in);
		cut = byte(in);
	} else {
		n = byte(in) * (kind % 17u);
		memset(text, 'x', sizeof(text));
		memcpy(text, "k/a\0b", 6);
		text[2] = (char)('a' + kind % 4);
		n = n < 6 ? 6 : n > 4096 ? 4096 : n;
		cap = byte(in) % 32;
		cut = byte(in);
	}
	c->payload = heap(text, n);
	cut = cut < n ? cut : n;
	vec[0].base = c->payload;
	vec[0].len = cut;
	vec[1].base = c->payload + cut;
	vec[1].len = n - cut;
	c->req.deadline = kind % 5 ? kind : 0;
	CHECK(!xs_out_init(&c->req.out, reset ? XS_TYPE_RESET_WATCHES : c->pattern ? XS_READ :
			   types[kind % ARRAY_SIZE(types)], 0, vec, 2));
	c->reply = malloc(cap ? cap : 1);
	c->req.reply = c->reply;
	c->req.cap = cap;
	c->req.raw = kind & 1;
	c->req.done = on_done;
	if (reset)
		xs_conn_seek(w.c, &c->req);
	else
		xs_conn_queue(w.c, &c->req);
	w.due = 1;
}

static void pump(void)
{
	int flags = xs_conn_pump(w.c);

	w.due = 0;
	if (flags < 0) {
		CHECK(w.hostile);
		CHECK(flags == w.c->broken);
		return;
	}
	if (flags & XS_PUMP_SIGNAL)
		fs_signal(&w.s);
	w.due = flags & XS_PUMP_AGAIN;
}

/* Both ends until neither has a reason to move. */
static void settle(void)
{
	u32 n;

	for (n = 0; n < 4000000; n++) {
		if (w.c->broken)
			return;
		if (fs_take_kick(&w.s) || w.due)
			pump();
		else if (!fs_step(&w.s))
			return;
	}
	CHECK(w.hostile);	/* honest ends come to rest */
}

/* What xs_life.c does where the server offers no reconnection. */
static void break_and_restart(struct input *in)
{
	u32 i, waiting = 0;

	for (i = 0; i < CALLS; i++)
		waiting += !!w.call[i];
	if (waiting == CALLS)
		return;
	xs_conn_break(w.c, -ECONNRESET);
	CHECK(!w.c->stats.inflight);
	if (!xs_conn_sane(w.c)) {
		CHECK(w.hostile || w.s.page->error);
		return;
	}
	xs_conn_restart(w.c, false);
	queue_one(in, 1);
	w.twist = FS_ANSWER;
	w.s.mute = false;
	w.s.opens = 0;
	w.s.pick = NULL;	/* old replies come before the new one, or all breaks once more */
	w.s.extra = 1;		/* the probe, behind 16 that the server may not even have read */
	fs_release(&w.s);
	settle();
	w.s.extra = 0;
	CHECK(w.hostile || !w.c->seeking);
}

static void operate(struct input *in)
{
	u8 event[64];
	u32 i, n;

	switch (byte(in) % 22) {
	case 0: case 1: case 2: case 3:
		queue_one(in, 0);
		break;
	case 4:
		n = byte(in);
		for (i = 0; i < 1 + n % 24; i++)
			queue_one(in, 0);
		break;
	case 5:
		i = byte(in) % CALLS;
		if (!w.call[i])
			break;
		n = w.call[i]->dones;
		CHECK(xs_conn_abandon(w.c, &w.call[i]->req) == !n);
		drop(i);
		break;
	case 6: case 7:
		pump();
		break;
	case 8: case 9:
		for (n = byte(in); n; n--)
			fs_step(&w.s);
		break;
	case 10:
		settle();
		break;
	case 11:
		w.s.chunk = byte(in);
		break;
	case 12:
		w.steps = byte(in) % 4;
		break;
	case 13:
		n = byte(in) % 64;
		for (i = 0; i < n; i++) {
			event[i] = byte(in);
			if (event[i] == ID_BYTE)
				event[i] = 0;
		}
		fs_send(&w.s, XS_WATCH_EVENT, 0, 0, event, n);
		break;
	case 14:
		w.s.mute = byte(in) & 1;
		break;
	case 15:
		fs_release(&w.s);
		break;
	case 16:
		w.twist = byte(in) % FS_TWISTS;
		if (w.twist == FS_DOUBLE || w.twist == FS_FOREIGN || w.twist == FS_OVERSIZE)
			w.hostile = 1;
		if (w.twist == FS_WRONG_TYPE)	/* its payload is another's, that is all */
			w.hostile = 1;
		break;
	case 17:
		w.s.pick = byte(in) & 1 ? pick : NULL;
		break;
	case 18:
		w.s.page->server_features = word(in);
		break;
	case 19:
		n = byte(in);
		w.hostile = 1;
		w.s.dishonest = true;
		if (n < 64)		/* any byte of the page */
			w.s.page_bytes[(n * 32 + byte(in)) % 2048] = byte(in);
		else if (n < 128)	/* any word behind the rings */
			*(u32 *)(w.s.page_bytes + 2048 + n % 8 * 4) = word(in);
		else			/* an index, a little off */
			*(u32 *)(w.s.page_bytes + 2048 + n % 4 * 4) += byte(in) - 128u;
		break;
	case 20:
		xs_conn_expire(w.c, byte(in));
		break;
	case 21:
		break_and_restart(in);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	u32 req_at = word(&in), rsp_at = word(&in), seed = word(&in), i, n, open = 0;
	u8 left[256];

	memset(&w, 0, sizeof(w));
	fs_init(&w.s, req_at, rsp_at);
	w.s.twist = twist;
	w.c = malloc(sizeof(*w.c));
	n = byte(&in);
	seed = (seed & 0x7ffff) | ID_BYTE << 20;
	if (n) {
		for (i = 0; i < n; i++)
			left[i] = byte(&in) | 0x80;
		fs_leftover(&w.s, left, n);
	}
	xs_conn_init(w.c, w.s.page, seed, on_watch_event);
	if (n) {
		queue_one(&in, 1);
		settle();
		CHECK(w.c->stats.dropped == n);
	}
	while (more(&in) && !w.c->broken)
		operate(&in);

	/* the server means well from here on */
	w.twist = FS_ANSWER;
	w.s.mute = false;
	w.s.throttle = 0;
	fs_release(&w.s);
	w.due = 1;
	settle();
	for (i = 0; i < CALLS; i++)
		open += w.call[i] && !w.call[i]->dones;
	/* muted requests keep their slots, and 16 of them stop all */
	if (!w.hostile) {
		CHECK(!w.c->broken);
		CHECK(w.muted >= 16 || open <= w.muted);
		if (!w.muted)
			CHECK(xs_conn_idle(w.c));
		if (w.s.complaint)
			fprintf(stderr, "the server says: %s\n", w.s.complaint);
		CHECK(!w.s.complaint);
	}
	w.steps = 0;
	xs_conn_fail(w.c, -ENODEV);
	CHECK(w.c->broken < 0 && xs_conn_pump(w.c) == w.c->broken);
	CHECK(!w.c->stats.inflight && !w.c->queue);
	for (i = 0; i < CALLS; i++) {
		if (!w.call[i])
			continue;
		CHECK(w.call[i]->dones == 1);
		drop(i);
	}
	free(w.c);
	fs_free(&w.s);
	return 0;
}
