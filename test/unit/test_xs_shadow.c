// SPDX-License-Identifier: GPL-2.0
/*
 * test_xs_shadow.c - the kernel's xenbus on the shadow page, our own calls beside it, one server.
 *
 *   fake_kernel ◀─shadow page─▶ xs_shadow ─ xs_conn ◀─store page─▶ fake_server
 *                                own calls ──┘
 *
 * All three ends sleep when they have nothing to do, and are woken only by what the pump says or by
 * their peers' signals. The module's barriers and its reads of shared words call back into the test
 * (between()), which lets the two others make steps inside one pump, on both pages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "points.h"
#include "../../xs_ring.c"
#include "../../xs_msg.c"
#include "../../xs_conn.c"
#define page_word shadow_page_word
#include "../../xs_shadow.c"
#undef page_word
#include "fake_server.h"
#include "fake_kernel.h"
#include "calls.h"

/* ---- a world: the kernel, the server, and we between them ---------------------------------- */

struct world {
	struct fs_server s;
	struct fake_kernel k;
	struct xs_conn *c;
	struct xs_shadow *sh;
	struct xenstore_domain_interface *page;	/* the shadow */
	bool due;		/* we have a reason to pump */
	bool routed;		/* the kernel is on the shadow page */
	bool leaving;		/* the connection is broken, and nobody mends it */
	u32 own_events;
	u32 dones;		/* own calls that have ended */
	u32 rng;
};

static u32 rnd(struct world *w, u32 n)
{
	w->rng = w->rng * 1664525u + 1013904223u;
	return (w->rng >> 8) % n;
}

/* Tokens that begin with "own" are ours, all others the kernel's. */
static void on_watch_event(struct xs_conn *conn, const char *path, const char *token)
{
	assert_ptr_equal(conn, now->c);
	if (!strncmp(token, "own", 3))
		now->own_events++;
	else
		xs_shadow_pass(now->sh, &conn->in.hdr, conn->event_buf);
}

static void on_stray(struct xs_conn *conn, const struct xsd_sockmsg *hdr, const void *payload)
{
	xs_shadow_pass(now->sh, hdr, payload);
}

static void on_skipped(struct xs_conn *conn, const void *bytes, u32 n)
{
	assert_true(n <= XS_RING_SIZE + XS_HDR_SIZE);
	xs_shadow_skipped(now->sh, bytes, n);
}

static void *must(void *p)
{
	assert_non_null(p);
	return p;
}

/* The kernel is still on the store's own page. */
static struct world *world_before(u32 req_at, u32 rsp_at)
{
	struct world *w = must(aligned_alloc(4096, (sizeof(*w) + 4095) & ~4095ul));

	memset(w, 0, sizeof(*w));
	fs_init(&w->s, req_at, rsp_at);
	fk_init(&w->k, w->s.page);
	w->page = must(aligned_alloc(4096, 4096));
	memset(w->page, 0, 4096);
	w->rng = req_at + rsp_at;
	now = w;
	meanwhile = NULL;
	return w;
}

/* We come. @seed: where our ids start. */
static void come(struct world *w, u32 seed)
{
	w->c = must(malloc(sizeof(*w->c)));
	w->sh = must(malloc(sizeof(*w->sh)));
	xs_conn_init(w->c, w->s.page, seed, on_watch_event);
	w->c->stray = on_stray;
	w->c->skipped = on_skipped;
	xs_shadow_init(w->sh, w->page, w->c);
	xs_shadow_begin(w->sh);
	assert_true(w->sh->stop);
	w->sh->stop = false;
	fk_use(&w->k, w->page);
	w->routed = true;
	w->due = true;
}

static struct world *world_at(u32 req_at, u32 rsp_at, u32 seed)
{
	struct world *w = world_before(req_at, rsp_at);

	come(w, seed);
	return w;
}

static struct world *world(void)
{
	return world_at(1000, 0xffffff00, 0x1234);
}

static void end(struct world *w)
{
	if (w->s.complaint)
		fail_msg("the server says: %s", w->s.complaint);
	if (w->k.complaint)
		fail_msg("the kernel says: %s", w->k.complaint);
	meanwhile = NULL;
	fs_free(&w->s);
	fk_free(&w->k);
	free(w->c);
	free(w->sh);
	free(w->page);
	free(w);
	now = NULL;
}

/* Room for an error to each of the kernel's requests is always there. */
static void check_box(struct world *w)
{
	u32 i, used = w->sh->head - w->sh->tail, under_way = w->sh->taking ? 1 : 0;

	for (i = 0; i < XS_CONN_SLOTS; i++)
		under_way += w->sh->places[i].busy;
	assert_true(under_way <= 16);
	if (used > XS_SHADOW_BOX || XS_SHADOW_BOX - used < under_way * 23)
		fail_msg("the box holds %u bytes, and %u requests are under way", used, under_way);
}

static int pump(struct world *w)
{
	int flags = w->leaving ? xs_shadow_wind_up(w->sh) : xs_shadow_pump(w->sh);

	w->due = false;
	check_box(w);
	if (flags < 0)
		return flags;
	if (flags & XS_PUMP_SIGNAL)
		fs_signal(&w->s);
	if (flags & XS_PUMP_KERNEL)
		fk_wake(&w->k);
	if (flags & XS_PUMP_AGAIN)
		w->due = true;
	return 0;
}

/* Runs all until none has a reason to move. Returns what the last pump said, if negative. */
static int settle(struct world *w)
{
	bool moved, kernel, server;
	u32 steps;
	int err;

	for (steps = 0; steps < 10000000; steps++) {
		kernel = fk_take_tell(&w->k);
		server = fs_take_kick(&w->s);
		if (w->routed && (w->due || kernel || server)) {
			err = pump(w);
			if (err)
				return err;
			continue;
		}
		if (!w->routed && kernel)
			fs_signal(&w->s);
		if (!w->routed && server)
			fk_wake(&w->k);
		moved = fs_step(&w->s);
		if (fk_step(&w->k) || moved)
			continue;
		if (!w->k.tell && !w->s.kick)
			return 0;
	}
	fail_msg("they never come to rest");
	return 0;
}

static void settled(struct world *w)
{
	int err = settle(w);

	if (err)
		fail_msg("the pump says %d", err);
}

/* ---- own calls ----------------------------------------------------------------------------- */

static void on_done(struct xs_req *req)
{
	struct call *c = container_of(req, struct call, req);

	c->dones++;
	now->dones++;
	if (c->then)
		c->then(c);
}

static void send_call(struct world *w, struct call *c)
{
	xs_conn_queue(w->c, &c->req);
	w->due = true;
}

static struct call *sent(struct world *w, struct call *c)
{
	send_call(w, c);
	return c;
}

/* A write of more than a ring holds. */
static struct call *sent_big(struct world *w)
{
	static const char big[3000] = "big";

	return sent(w, call_raw(XS_WRITE, big, sizeof(big), 8));
}

/* It ended well, once, with the bytes that were meant for it. */
static void check_call(struct call *c)
{
	check_pattern(c);
	free_call(c);
}

/* ---- what the kernel asks ------------------------------------------------------------------ */

static struct fk_request *ask(struct world *w, u32 type, u32 id, const void *payload, u32 len)
{
	return must(fk_ask(&w->k, type, id, 0, payload, len));
}

static struct fk_request *ask_pattern(struct world *w, u32 id, u32 len)
{
	char path[64];
	struct fk_request *r;
	int n = snprintf(path, sizeof(path), "pattern/%u/%u", len, id);

	r = ask(w, XS_READ, id, path, (u32)n + 1);
	r->pattern = len;
	r->seed = id;
	return r;
}

static struct fk_request *ask_write(struct world *w, u32 id, const char *path, u32 len)
{
	u32 n = (u32)strlen(path) + 1;
	char *b = must(malloc(n + len));
	struct fk_request *r;

	memcpy(b, path, n);
	memset(b + n, 'k', len);
	r = ask(w, XS_WRITE, id, b, n + len);
	free(b);
	return r;
}

static struct fk_request *ask_watch(struct world *w, u32 id, const char *path, const char *token)
{
	char b[64];
	int n = snprintf(b, sizeof(b), "%s%c%s", path, 0, token);

	return ask(w, XS_WATCH, id, b, (u32)n + 1);
}

static bool is_reply(const struct fk_request *r, u32 type, const void *payload, u32 len)
{
	return r->order && r->reply.type == type && r->reply.req_id == r->hdr.req_id &&
		r->reply.tx_id == r->hdr.tx_id && r->reply.len == len &&
		!memcmp(r->payload, payload, len);
}

static bool is_eio(const struct fk_request *r)
{
	return is_reply(r, XS_ERROR, "EIO", 4);
}

/* Each request of the kernel has its reply: the pattern's bytes, or OK. */
static void check_kernel(struct world *w)
{
	u32 n, i;

	for (n = 0; n < w->k.requests; n++) {
		struct fk_request *r = &w->k.request[n];

		if (!r->order)
			fail_msg("request %u of the kernel has no reply", n);
		assert_int_equal(r->reply.req_id, r->hdr.req_id);
		assert_int_equal(r->reply.type, r->hdr.type);
		if (r->hdr.type != XS_READ) {
			assert_true(is_reply(r, r->hdr.type, "OK", 3));
			continue;
		}
		assert_int_equal(r->reply.len, r->pattern);
		for (i = 0; i < r->pattern; i++)
			if (r->payload[i] != fs_pattern(r->seed, i))
				fail_msg("the kernel's %u: byte %u is another's", n, i);
	}
}

/* Both sides are in step: one more call each. */
static void still_works(struct world *w)
{
	struct call *c = sent(w, call_pattern(77, 4711));
	struct fk_request *r = ask_pattern(w, 0x77777777, 99);
	u32 i;

	settled(w);
	check_call(c);
	assert_int_not_equal(r->order, 0);
	assert_int_equal(r->reply.len, 99);
	for (i = 0; i < 99; i++)
		assert_int_equal(r->payload[i], fs_pattern(r->seed, i));
	assert_true(xs_conn_idle(w->c));
	assert_true(xs_shadow_quiet(w->sh));
	assert_true(xs_shadow_may_leave(w->sh, true));
	assert_int_equal(xs_shadow_give(w->sh), 0);
	assert_int_equal(xs_shadow_pump(w->sh), 0);	/* nobody is signalled for nothing */
}

/* ---- twists -------------------------------------------------------------------------------- */

static enum fs_twist hold_all(struct fs_server *s, const struct xsd_sockmsg *hdr)
{
	return FS_HOLD;
}

static enum fs_twist mute_all(struct fs_server *s, const struct xsd_sockmsg *hdr)
{
	return FS_MUTE;
}

static u32 pick_any(struct fs_server *s, u32 n)
{
	return rnd(s->ctx, n);
}

static void release(struct world *w)
{
	w->s.twist = NULL;
	fs_release(&w->s);
}

static void fire(struct world *w, const char *path, const char *token)
{
	char b[128];
	int n = snprintf(b, sizeof(b), "%s%c%s", path, 0, token);

	assert_true(fs_send(&w->s, XS_WATCH_EVENT, 0, 0, b, (u32)n + 1));
	w->s.event = true;
}

/* As xs_mend.c does it where the server offers a reconnection. */
static void break_and_reconnect(struct world *w, int err)
{
	w->s.page->server_features |= XS_FEATURE_RECONNECT;
	xs_conn_break(w->c, err);
	check_box(w);
	if (xs_shadow_give(w->sh) & XS_PUMP_KERNEL)
		fk_wake(&w->k);
	xs_conn_ask_reconnect(w->c);
	fs_signal(&w->s);
	fs_run(&w->s);
	assert_true(xs_conn_reconnected(w->c));
	xs_conn_restart(w->c, true);
	xs_shadow_renewed(w->sh);
	w->due = true;
}

/* ---- the plain ways ------------------------------------------------------------------------ */

static const struct {
	u32 type;
	const char *payload;
	u32 len;
	u32 reply_type;
	const char *reply;
	u32 reply_len;
} steps[] = {
	{ XS_WRITE,         "a/b\0hello", 9, XS_WRITE,     "OK",              3 },
	{ XS_READ,          "a/b",        4, XS_READ,      "hello",           5 },
	{ XS_WRITE,         "a/e",        4, XS_WRITE,     "OK",              3 },
	{ XS_READ,          "a/e",        4, XS_READ,      "",                0 },
	{ XS_MKDIR,         "a/c",        4, XS_MKDIR,     "OK",              3 },
	{ XS_DIRECTORY,     "a",          2, XS_DIRECTORY, "b\0e\0c",         6 },
	{ XS_DIRECTORY,     "a/c",        4, XS_DIRECTORY, "",                0 },
	{ XS_GET_PERMS,     "a",          2, XS_GET_PERMS, "n0\0r5",          6 },
	{ XS_SET_PERMS,     "a\0n0\0",    5, XS_SET_PERMS, "OK",              3 },
	{ XS_GET_DOMAIN_PATH, "7",        2, XS_GET_DOMAIN_PATH, "/local/domain/7", 16 },
	{ XS_TRANSACTION_START, "",       1, XS_TRANSACTION_START, "1",       2 },
	{ XS_WATCH,         "a\0tok",     6, XS_WATCH,     "OK",              3 },
	{ XS_WATCH,         "a\0tok",     6, XS_ERROR,     "EEXIST",          7 },
	{ XS_UNWATCH,       "a\0tok",     6, XS_UNWATCH,   "OK",              3 },
	{ XS_UNWATCH,       "a\0tok",     6, XS_ERROR,     "ENOENT",          7 },
	{ XS_RM,            "a",          2, XS_RM,        "OK",              3 },
	{ XS_READ,          "a/b",        4, XS_ERROR,     "ENOENT",          7 },
	{ XS_TYPE_RESET_WATCHES, "",      1, XS_TYPE_RESET_WATCHES, "OK",     3 },
	{ 99,               "x",          2, XS_ERROR,     "ENOSYS",          7 },
	{ XS_READ,          "",           0, XS_ERROR,     "EINVAL",          7 },
	{ 0xffffffff,       "y",          2, XS_ERROR,     "ENOSYS",          7 },
};

/* Ids that a kernel may use, and one in the middle of ours. */
static const u32 ids[] = { 0, 1, 0xffffffff, 0x12345678, 0x12340 };

static void each_request(void **state)
{
	struct fk_request *r;
	struct world *w;
	struct call *c;
	u32 i, k;

	for (k = 0; k < ARRAY_SIZE(ids); k++) {
		w = world();
		for (i = 0; i < ARRAY_SIZE(steps); i++) {
			c = sent(w, call_pattern(i * 50, i));
			r = ask(w, steps[i].type, ids[k], steps[i].payload, steps[i].len);
			settled(w);
			if (!is_reply(r, steps[i].reply_type, steps[i].reply, steps[i].reply_len))
				fail_msg("row %u, id %x: type %u, %u bytes", i, ids[k],
					 r->reply.type, r->reply.len);
			check_call(c);
		}
		assert_int_equal(w->k.events, 1);	/* of the WATCH itself */
		assert_int_equal(w->sh->stats.requests, ARRAY_SIZE(steps));
		assert_int_equal(w->sh->stats.replies, ARRAY_SIZE(steps));
		assert_int_equal(w->sh->stats.events, 1);
		assert_int_equal(w->sh->stats.failed, 0);
		still_works(w);
		end(w);
	}
}

/* The kernel's transaction and ours, open at once. */
static void two_transactions(void **state)
{
	struct fk_request *r;
	struct world *w = world();
	struct call *c = sent(w, call(XS_TRANSACTION_START, "", 12));
	u32 tx = 0, ours = 0;

	r = ask(w, XS_TRANSACTION_START, 5, "", 1);
	settled(w);
	assert_int_equal(xs_number((char *)r->payload, r->reply.len, &tx), 0);
	assert_int_equal(xs_number((char *)c->reply, c->req.len, &ours), 0);
	assert_int_not_equal(tx, ours);
	free_call(c);
	c = call_raw(XS_WRITE, "m\0ours", 6, 8);
	c->req.out.hdr.tx_id = ours;
	send_call(w, c);
	fk_ask(&w->k, XS_WRITE, 6, tx, "m\0kernel", 8);
	settled(w);
	assert_int_equal(c->req.result, 0);
	free_call(c);
	r = fk_ask(&w->k, XS_READ, 7, tx, "m", 2);
	settled(w);
	assert_true(is_reply(r, XS_READ, "kernel", 6));
	r = fk_ask(&w->k, XS_TRANSACTION_END, 8, tx, "T", 2);
	settled(w);
	assert_true(is_reply(r, XS_TRANSACTION_END, "OK", 3));
	r = ask(w, XS_READ, 9, "m", 2);
	settled(w);
	assert_true(is_reply(r, XS_READ, "kernel", 6));
	end(w);
}

/* 4096 bytes both ways on both sides at once, all moving in pieces of many sizes, over the wraps. */
static void big_frames(void **state)
{
	static const u32 chunks[] = { 1, 2, 3, 17, 1000, 0 };
	struct world *w;
	struct call *c;
	u32 i, k;

	for (i = 0; i < ARRAY_SIZE(chunks); i++) {
		for (k = 0; k < ARRAY_SIZE(chunks); k++) {
			w = world_at(0u - 2000, 0u - 3000, i);
			w->s.chunk = chunks[i];
			w->k.chunk = chunks[k];
			w->k.chatty = (i + k) & 1;
			c = sent(w, call_pattern(4096, 99));
			ask_write(w, 1, "big", 4092);
			ask_pattern(w, 2, 4096);
			ask_write(w, 3, "big", 4092);
			settled(w);
			check_call(c);
			check_kernel(w);
			still_works(w);
			end(w);
		}
	}
}

/* A request stops after each of its bytes; nothing of it goes out before all of it is there. */
static void every_split(void **state)
{
	struct fk_request *r;
	struct world *w;
	struct call *c;
	u32 cut, total;

	for (total = 16 + 40, cut = 1; cut < total; cut++) {
		w = world_at(1024 - cut, cut, cut);
		r = ask_write(w, 9, "split", total - 16 - 6);
		assert_int_equal(r->size, total);
		w->k.may_write = cut;
		settled(w);
		assert_int_equal(w->s.requests, 0);
		assert_int_equal(r->order, 0);
		assert_false(xs_shadow_quiet(w->sh));
		c = sent(w, call_pattern(9, 9));	/* we do not wait for it */
		settled(w);
		check_call(c);
		w->k.may_write = ~0u;
		fk_wake(&w->k);
		settled(w);
		check_kernel(w);
		still_works(w);
		end(w);
	}
}

/* From every start of the rings, over the 2^32 wrap too. */
static void every_start(void **state)
{
	struct world *w;
	u32 at;

	for (at = 0; at < 2048; at += 13) {
		w = world_at(at - 1024, 0u - at, at * 977);
		ask_pattern(w, at, at);
		still_works(w);
		end(w);
	}
}

/* The kernel uses exactly the ids that ours have, at the same time. */
static void ids_equal_to_ours(void **state)
{
	struct world *w = world_at(0, 0, 0x777);
	struct call *c[4];
	u32 i;

	w->s.twist = hold_all;
	for (i = 0; i < 4; i++)
		send_call(w, c[i] = call_pattern(40 + i, i));
	settled(w);
	for (i = 0; i < 4; i++)
		ask_pattern(w, c[i]->req.out.hdr.req_id, 80 + i);
	settled(w);
	assert_int_equal(w->s.requests, 8);
	release(w);
	settled(w);
	for (i = 0; i < 4; i++)
		check_call(c[i]);
	check_kernel(w);
	end(w);
}

/* ---- many at once -------------------------------------------------------------------------- */

static void sixteen_places(void **state)
{
	struct world *w = world();
	u32 i;

	w->s.twist = hold_all;
	for (i = 0; i < 40; i++)
		ask_pattern(w, i, 10 + i);
	settled(w);
	assert_int_equal(w->s.requests, 16);
	assert_int_equal(xs_conn_stuck(w->c, true), -ENOBUFS);	/* they are the kernel's */
	assert_int_equal(xs_conn_expire(w->c, ~0ull), 0);	/* and have no deadline of ours */
	w->s.frame[5]->held = false;	/* one reply: one more may go */
	w->s.event = true;
	settled(w);
	assert_int_equal(w->s.requests, 17);
	for (i = 0; i < 40 && fk_open(&w->k); i++) {
		fs_release(&w->s);
		settled(w);
	}
	check_kernel(w);
	assert_int_equal(w->s.most_open, 16);
	w->s.twist = NULL;
	still_works(w);
	end(w);
}

/* Ours and the kernel's, together 16 in flight, replies in any order. */
static void together_sixteen(void **state)
{
	struct call *c[40];
	struct world *w;
	u32 run, i;

	for (run = 0; run < 30; run++) {
		w = world_at(run * 100, run * 1000, run);
		w->s.twist = hold_all;
		w->s.pick = pick_any;
		w->s.ctx = w;
		for (i = 0; i < 40; i++) {
			send_call(w, c[i] = call_pattern(rnd(w, 5) ? i : 2000, i));
			ask_pattern(w, i * 3, rnd(w, 5) ? i * 7 : 3000);
		}
		settled(w);
		assert_int_equal(w->s.requests, 16);
		for (i = 0; i < 80 && (fk_open(&w->k) || w->dones < 40); i++) {
			fs_release(&w->s);
			settled(w);
		}
		assert_int_equal(w->s.most_open, 16);
		for (i = 0; i < 40; i++)
			check_call(c[i]);
		check_kernel(w);
		w->s.twist = NULL;
		still_works(w);
		end(w);
	}
}

/* Each of ours that ends is followed by another at once: the kernel gets its turns. */
static void and_again(struct call *c)
{
	c->req.out.done = 0;
	c->dones = 0;
	xs_conn_queue(now->c, &c->req);
	now->due = true;
}

static void kernel_not_starved(void **state)
{
	struct world *w = world();
	struct call *c[32];
	u32 i, at = 0;

	for (i = 0; i < 32; i++) {
		c[i] = call_pattern(30, i);
		c[i]->then = and_again;
		send_call(w, c[i]);
	}
	for (i = 0; i < 40; i++) {	/* one at a time, as most kernel code does */
		ask_pattern(w, i, 50);
		for (at = w->dones; fk_open(&w->k) && w->dones < at + 200; ) {
			if (fk_take_tell(&w->k) | fs_take_kick(&w->s) || w->due)
				assert_int_equal(pump(w), 0);
			fs_step(&w->s);
			fk_step(&w->k);
		}
		if (w->dones - at > 32 + 16 + 16)
			fail_msg("%u of ours ended while one of its waited", w->dones - at);
	}
	check_kernel(w);
	for (i = 0; i < 32; i++)
		c[i]->then = NULL;
	settled(w);
	for (i = 0; i < 32; i++)
		check_call(c[i]);
	end(w);
}

static void ours_not_starved(void **state)
{
	struct world *w = world();
	struct call *c;
	u32 i, before;

	for (i = 0; i < 600; i++)
		ask_pattern(w, i, 20);
	for (i = 0; i < 10; i++) {
		before = fk_open(&w->k);
		c = sent(w, call_pattern(30, i));
		while (!c->dones) {
			if (fk_take_tell(&w->k) | fs_take_kick(&w->s) || w->due)
				assert_int_equal(pump(w), 0);
			fs_step(&w->s);
			fk_step(&w->k);
		}
		if (before - fk_open(&w->k) > 16 + 16 + 16)
			fail_msg("%u of the kernel's ended while one of ours waited",
				 before - fk_open(&w->k));
		check_call(c);
	}
	assert_true(fk_open(&w->k) > 0);
	settled(w);
	check_kernel(w);
	end(w);
}

/* ---- watch events -------------------------------------------------------------------------- */

static void events_to_who_asked(void **state)
{
	struct world *w = world();
	struct fk_request *r = ask_watch(w, 3, "dir", "FFFF8880045");
	struct call *c;
	u32 i;

	settled(w);
	assert_int_equal(w->k.events, 1);
	c = sent(w, call_raw(XS_WATCH, "dir2\0own1", 10, 8));
	settled(w);
	assert_int_equal(w->k.events, 1);
	assert_int_equal(w->own_events, 1);
	assert_true(is_reply(r, XS_WATCH, "OK", 3));
	assert_true(r->order < w->k.event[0].order);	/* OK comes before its first event */
	free_call(c);
	for (i = 0; i < 50; i++) {
		fs_fire(&w->s, "dir/x");
		fs_fire(&w->s, "dir2");
	}
	w->s.event = true;
	settled(w);
	assert_int_equal(w->k.events, 51);
	assert_int_equal(w->own_events, 51);
	assert_int_equal(w->k.event[9].hdr.type, XS_WATCH_EVENT);
	assert_int_equal(w->k.event[9].hdr.len, 6 + 12);
	assert_memory_equal(w->k.event[9].payload, "dir/x\0FFFF8880045", 18);
	assert_int_equal(w->sh->stats.events, 51);
	still_works(w);
	end(w);
}

/* With a second server step between any two: the OK before the first event, for many watches. */
static void ok_before_first_event(void **state)
{
	struct world *w;
	char path[16], token[16];
	u32 chunk, i;

	for (chunk = 1; chunk < 40; chunk++) {
		w = world_at(chunk * 77, chunk * 99, chunk);
		w->s.chunk = chunk;
		w->k.chunk = 1 + chunk % 5;
		for (i = 0; i < 20; i++) {
			snprintf(path, sizeof(path), "d%02u", i);
			snprintf(token, sizeof(token), "t%u", i);
			ask_watch(w, i, path, token);
		}
		settled(w);
		assert_int_equal(w->k.events, 20);
		for (i = 0; i < 20; i++) {
			snprintf(token, sizeof(token), "t%u", i);
			assert_string_equal(w->k.event[i].payload + 4, token);
			assert_true(w->k.request[i].order < w->k.event[i].order);
		}
		end(w);
	}
}

/* What is no event for us is the kernel's to judge: it comes as it is. */
static void odd_events_pass(void **state)
{
	struct world *w = world();

	fs_send(&w->s, XS_WATCH_EVENT, 0, 0, "onestring", 10);
	fs_send(&w->s, XS_WATCH_EVENT, 7, 8, "no\0end", 6);
	fs_send(&w->s, XS_WATCH_EVENT, 0, 0, "", 0);
	fs_send(&w->s, XS_WATCH_EVENT, 0, 0, "a\0b\0c", 6);
	w->s.event = true;
	settled(w);
	assert_int_equal(w->k.events, 4);
	assert_memory_equal(w->k.event[0].payload, "onestring", 10);
	assert_int_equal(w->k.event[1].hdr.req_id, 7);
	assert_int_equal(w->k.event[1].hdr.tx_id, 8);
	assert_int_equal(w->k.event[1].hdr.len, 6);
	assert_int_equal(w->k.event[2].hdr.len, 0);
	assert_memory_equal(w->k.event[3].payload, "a\0b\0c", 6);
	still_works(w);
	end(w);
}

/* ---- a kernel that does not read ----------------------------------------------------------- */

/* Events of any size until the box is full: held, nothing lost, ours go on when it reads again. */
static void deaf_kernel(void **state)
{
	static const u32 sizes[] = { 0, 5, 44, 300, 999, 2000, 4000, 4080 };
	char payload[4096];
	struct world *w;
	struct call *c;
	u32 i, n, size;

	memset(payload, 'e', sizeof(payload));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		w = world_at(i, i, i);
		w->k.deaf = true;
		w->s.throttle = 0;
		for (n = 0; n < 500; n++) {
			size = sizes[i] ? sizes[i] : rnd(w, 4090);
			payload[size] = '\0';
			memcpy(payload + size + 1, "tok", 4);
			assert_true(fs_send(&w->s, XS_WATCH_EVENT, n, 0, payload, size + 5));
			payload[size] = 'e';
			memset(payload + size, 'e', 5);
		}
		w->s.event = true;
		settled(w);
		if (sizes[i] > 44 || !sizes[i]) {
			assert_true(w->c->hold);
			assert_int_equal(w->sh->stats.held, 1);
			c = sent(w, call_pattern(5, 5));
			settled(w);
			assert_int_equal(c->dones, 0);
		} else {
			c = NULL;
		}
		w->k.deaf = false;
		fk_wake(&w->k);
		settled(w);
		assert_false(w->c->hold);
		assert_int_equal(w->k.events, 500);
		for (n = 0; n < 500; n++)
			assert_int_equal(w->k.event[n].hdr.req_id, n);	/* in their order */
		assert_int_equal(w->c->stats.bytes_in, w->s.rsp_prod - i);
		if (c)
			check_call(c);
		still_works(w);
		end(w);
	}
}

/* It writes as fast as we read. */
static void server_runs(struct world *w)
{
	w->s.event = true;
	fs_run(&w->s);
}

/* The box full to the last byte that may be, and 16 requests: all their replies are there. */
static void deaf_with_requests(void **state)
{
	struct world *w;
	u32 i, n;

	for (n = 0; n < 200; n += 7) {
		w = world_at(n, n, n);
		w->k.deaf = true;
		w->s.throttle = 0;
		ask_write(w, 500, "pad", n);
		for (i = 0; i < 30; i++)
			ask_pattern(w, i, 4096);
		meanwhile = n & 1 ? server_runs : NULL;
		settled(w);
		assert_true(w->c->hold);
		w->k.deaf = false;
		fk_wake(&w->k);
		settled(w);
		check_kernel(w);
		still_works(w);
		end(w);
	}
}

/*
 * A deaf kernel, 16 of its requests under way, and the box filled by the byte, so that the next
 * message of the store may be the one that does not fit any more, or has just its place.
 */
static struct world *world_filled(u32 bytes)
{
	struct world *w = world_at(bytes, bytes, bytes);
	char ev[4096];
	u32 i, len;

	w->k.deaf = true;
	w->s.throttle = 0;
	w->s.twist = hold_all;
	for (i = 0; i < 16; i++)
		ask_pattern(w, i, 4096);
	settled(w);
	memset(ev, 'e', sizeof(ev));
	ev[1] = '\0';
	for (bytes += 1024; bytes; bytes -= 16 + len) {		/* the ring holds 1024 */
		len = bytes > 2 * 4112 ? 4096 : bytes > 4112 ? bytes / 2 - 16 : bytes - 16;
		ev[len - 1] = '\0';
		fs_send(&w->s, XS_WATCH_EVENT, 0, 0, ev, len);
		ev[len - 1] = 'e';
	}
	w->s.event = true;
	settled(w);
	return w;
}

static void box_at_its_edge(void **state)
{
	const u32 most = XS_SHADOW_BOX - (16 + 4096) - 16 * (16 + 7);
	struct world *w;
	u32 fill, i;

	for (fill = most - 30; fill < most + 30; fill++) {
		w = world_filled(fill);
		assert_int_equal(w->sh->head - w->sh->tail, fill);
		assert_int_equal(w->c->hold, fill > most);
		w->s.frame[0]->held = false;	/* a reply of 4096 bytes */
		w->s.event = true;
		settled(w);
		assert_int_equal(w->sh->stats.replies, fill <= most);
		break_and_reconnect(w, -ECONNRESET);
		w->s.twist = NULL;
		w->k.deaf = false;
		fk_wake(&w->k);
		settled(w);
		for (i = 0; i < 16; i++)
			assert_int_not_equal(w->k.request[i].order, 0);
		assert_int_equal(w->sh->stats.failed, 15 + (fill > most));
		still_works(w);
		end(w);
	}
}

/* It reads one ring-full and no more: that is room enough for our reply, which comes at once. */
static void deaf_again(void **state)
{
	struct world *w = world_filled(XS_SHADOW_BOX - 4112 - 368 + 1);
	struct call *c;

	w->s.twist = NULL;
	w->s.extra = 1;
	fs_send(&w->s, XS_WATCH_EVENT, 0, 0, "a\0b", 4);	/* stays in the store ring */
	w->s.event = true;
	settled(w);
	assert_true(w->c->hold);
	assert_int_equal(w->k.events, 0);
	w->k.deaf = false;
	fk_wake(&w->k);
	while (w->k.read < 1024)
		assert_true(fk_step(&w->k));
	w->k.deaf = true;
	settled(w);
	assert_int_equal(w->s.page->rsp_cons, w->s.page->rsp_prod);
	w->k.deaf = false;
	fs_release(&w->s);
	fk_wake(&w->k);
	settled(w);
	check_kernel(w);
	c = sent(w, call_pattern(5, 5));
	settled(w);
	check_call(c);
	end(w);
}

/* ---- the connection breaks ----------------------------------------------------------------- */

/* Again and again, with a kernel that reads nothing, and all that it asked under way. */
static void breaks_in_a_row(void **state)
{
	struct world *w;
	u32 fill, round, eio, n;
	char ev[4096];

	memset(ev, 'e', sizeof(ev));
	ev[4000] = '\0';
	ev[4095] = '\0';
	for (fill = 0; fill < 9; fill++) {
		w = world_at(fill * 100, fill, fill);
		w->k.deaf = true;
		w->s.throttle = 0;
		for (n = 0; n < fill; n++)
			fs_send(&w->s, XS_WATCH_EVENT, 0, 0, ev, 4096 - n);
		w->s.event = true;
		settled(w);
		w->s.twist = mute_all;
		for (n = 0; n < 2000; n++)
			ask_pattern(w, n, 1);
		for (round = 0; round < 100; round++) {
			settled(w);
			break_and_reconnect(w, -ECONNRESET);
		}
		assert_true(w->c->hold);
		w->s.twist = NULL;
		w->k.deaf = false;
		fk_wake(&w->k);
		settled(w);
		for (eio = 0, n = 0; n < 2000; n++) {
			assert_int_not_equal(w->k.request[n].order, 0);
			eio += is_eio(&w->k.request[n]);
			if (!is_eio(&w->k.request[n]))
				assert_int_equal(w->k.request[n].reply.len, 1);
		}
		assert_int_equal(eio, w->sh->stats.failed);
		assert_true(fill > 6 || eio >= 16);
		assert_true(eio < 2000);
		still_works(w);
		end(w);
	}
}

/* In every state a request can be in, with each errno: EIO once, and the next ones work. */
static void broken_requests(void **state)
{
	static const int errs[] = { -ECONNRESET, -EPROTO, -EBADMSG, -ENOBUFS, -ENODEV, -EIO };
	struct fk_request *done_before, *held, *half, *part;
	struct world *w;
	u32 i, cut;

	for (i = 0; i < ARRAY_SIZE(errs); i++) {
		for (cut = 1; cut < 60; cut += 3) {
			w = world_at(i, cut, cut);
			done_before = ask_pattern(w, 1, 10);
			settled(w);
			w->s.twist = hold_all;
			held = ask_pattern(w, 2, 10);
			half = ask_pattern(w, 3, 60);
			settled(w);
			w->s.frame[1]->held = false;		/* comes in part */
			w->s.frame[1]->size = cut;
			w->s.event = true;
			w->s.mute = true;
			part = ask_write(w, 4, "part", 3000);	/* stands in the ring in part */
			settled(w);
			assert_int_equal(held->order + half->order + part->order, 0);
			assert_true(done_before->order);
			w->s.mute = false;
			w->s.twist = NULL;
			break_and_reconnect(w, errs[i]);
			settled(w);
			assert_true(is_eio(held));
			assert_true(is_eio(half));
			assert_true(is_eio(part));
			assert_int_equal(w->sh->stats.failed, 3);
			still_works(w);
			end(w);
		}
	}
}

/* What was queued for a slot waits for the new connection; what belongs to a transaction ends. */
static void queued_requests_wait(void **state)
{
	struct world *w = world();
	struct fk_request *r[20], *tx;
	struct call *c[16];
	u32 i;

	w->s.twist = hold_all;
	for (i = 0; i < 16; i++)
		send_call(w, c[i] = call_pattern(1, i));
	settled(w);
	for (i = 0; i < 10; i++)
		r[i] = ask_pattern(w, i, 30);
	tx = must(fk_ask(&w->k, XS_WRITE, 10, 4, "a\0b", 3));
	settled(w);
	w->s.twist = NULL;
	break_and_reconnect(w, -ECONNRESET);
	settled(w);
	assert_true(is_eio(tx));
	for (i = 0; i < 10; i++)
		assert_int_equal(r[i]->reply.len, 30);
	for (i = 0; i < 16; i++) {
		assert_int_equal(c[i]->req.result, -ECONNRESET);
		free_call(c[i]);
	}
	still_works(w);
	end(w);
}

/* A pump that fails has given the kernel something before: the kernel is woken for it all the same. */
static void broken_pump_wakes(void **state)
{
	struct world *w = world();
	struct xsd_sockmsg bad = { .type = XS_READ, .req_id = 1, .len = 5000 };

	w->s.page->server_features |= XS_FEATURE_RECONNECT;
	settled(w);
	fire(w, "path", "tok");
	fs_run(&w->s);
	fs_leftover(&w->s, &bad, sizeof(bad));
	w->due = true;
	assert_int_equal(settle(w), -EPROTO);
	assert_int_equal(w->k.events, 0);
	break_and_reconnect(w, -ECONNRESET);
	settled(w);
	assert_int_equal(w->k.events, 1);
	still_works(w);
	end(w);

	w = world();		/* nothing has come for it: it sleeps on */
	settled(w);
	fs_leftover(&w->s, &bad, sizeof(bad));
	assert_int_equal(xs_shadow_pump(w->sh), -EPROTO);
	assert_int_equal(xs_shadow_give(w->sh), 0);
	end(w);
}

static bool is_again(const struct fk_request *r)
{
	return is_reply(r, XS_ERROR, "EAGAIN", 7);
}

/* The kernel begins a transaction, and gets its id. */
static u32 kernel_begins(struct world *w)
{
	struct fk_request *r = ask(w, XS_TRANSACTION_START, 0x5a, "", 1);
	u32 tx = 0;

	settled(w);
	assert_int_equal(r->reply.type, XS_TRANSACTION_START);
	assert_int_equal(r->payload[r->reply.len - 1], 0);
	assert_int_equal(xs_number((char *)r->payload, r->reply.len, &tx), 0);
	assert_int_not_equal(tx, 0);
	return tx;
}

static struct fk_request *ask_in(struct world *w, u32 type, u32 tx, const char *text, u32 len)
{
	struct fk_request *r = must(fk_ask(&w->k, type, tx ^ len, tx, text, len));

	settled(w);
	return r;
}

/* Whole, and seen outside, by what the kernel writes in it. */
static void kernel_commits(struct world *w, u32 tx, char value)
{
	char write[] = { 'k', 0, value };
	struct fk_request *r;

	assert_true(is_reply(ask_in(w, XS_WRITE, tx, write, 3), XS_WRITE, "OK", 3));
	assert_true(is_reply(ask_in(w, XS_READ, tx, "k", 2), XS_READ, &value, 1));
	r = ask_in(w, XS_TRANSACTION_END, tx, "T", 2);
	assert_true(is_reply(r, XS_TRANSACTION_END, "OK", 3));
	r = ask_in(w, XS_READ, 0, "k", 2);
	assert_true(is_reply(r, XS_READ, &value, 1));
}

/*
 * The kernel's transaction is open while the connection is made new, and ours gets the very id that
 * it had. What the kernel says of its own touches ours not, and it is told to begin again.
 */
static void old_transaction(void **state)
{
	struct world *w = world();
	u32 tx, old, round;
	struct call *c;

	tx = kernel_begins(w);
	assert_int_equal(tx, 1);	/* as the server gave it */
	kernel_commits(w, tx, 'a');
	for (old = kernel_begins(w), round = 0; round < 40; round++) {
		assert_true(is_reply(ask_in(w, XS_WRITE, old, "k\0half", 6), XS_WRITE, "OK", 3));
		break_and_reconnect(w, -ECONNRESET);
		while (tx < (round ? old & 0xfffffff : old)) {	/* ours has its id */
			c = sent(w, call(XS_TRANSACTION_START, "", 12));
			settled(w);
			assert_int_equal(xs_number((char *)c->reply, c->req.len, &tx), 0);
			free_call(c);
		}
		c = call_raw(XS_WRITE, "k\0ours", 6, 8);
		c->req.out.hdr.tx_id = tx;
		send_call(w, c);
		assert_true(is_again(ask_in(w, XS_READ, old, "k", 2)));
		assert_true(is_again(ask_in(w, XS_WRITE, old, "k\0late", 6)));
		assert_true(is_again(ask_in(w, XS_TRANSACTION_END, old, "T", 2)));
		assert_true(is_again(ask_in(w, XS_TRANSACTION_END, old, "F", 2)));
		assert_true(is_reply(ask_in(w, XS_READ, 0, "k", 2), XS_READ, "a", 1));
		assert_int_equal(c->req.result, 0);
		free_call(c);
		c = call(XS_TRANSACTION_END, "F", 8);
		c->req.out.hdr.tx_id = tx;
		send_call(w, c);
		settled(w);
		assert_int_equal(c->req.result, 0);
		free_call(c);
		kernel_commits(w, kernel_begins(w), 'a');
		/* of this connection, but none that a server gives */
		assert_true(is_again(ask_in(w, XS_READ, old = w->sh->renewed << 28, "k", 2)));
		old = kernel_begins(w);
		tx = 0;
	}
	end(w);
}

/* Until the connection was made new, an id is what the server says; later, what cannot be is left. */
static void ids_of_transactions(void **state)
{
	static const struct {
		const char *given;
		u32 renewals;
		const char *shown;
	} rows[] = {
		{ "1",          0, "1" },
		{ "4294967295", 0, "4294967295" },
		{ "1",          1, "268435457" },
		{ "268435455",  1, "536870911" },
		{ "268435456",  1, "268435456" },
		{ "1",          15, "4026531841" },
		{ "268435455",  15, "4294967295" },
		{ "1",          16, "268435457" },
		{ "word",       1, "word" },
		{ "",           1, "" },
	};
	struct fk_request *r;
	struct world *w;
	u32 i, n;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		w = world();
		settled(w);
		for (n = 0; n < rows[i].renewals; n++)
			xs_shadow_renewed(w->sh);
		w->s.twist = mute_all;
		r = ask(w, XS_TRANSACTION_START, 5, "", 1);
		settled(w);
		fs_send(&w->s, XS_TRANSACTION_START, w->c->slots[0].id, 0, rows[i].given,
			(u32)strlen(rows[i].given) + 1);
		w->s.event = true;
		settled(w);
		if (!is_reply(r, XS_TRANSACTION_START, rows[i].shown,
			      (u32)strlen(rows[i].shown) + 1))
			fail_msg("row %u: %.*s", i, (int)r->reply.len, (char *)r->payload);
		end(w);
	}
}

static void kernel_runs(struct world *w)
{
	fk_wake(&w->k);
	while (fk_step(&w->k))
		;
}

/*
 * A deaf kernel that goes on with an old transaction, and asks as fast as it is answered: what it
 * is told has its room, too.
 */
static void old_transaction_deaf(void **state)
{
	struct world *w = world();
	u32 n, tx = kernel_begins(w);

	break_and_reconnect(w, -ECONNRESET);
	settled(w);
	w->k.deaf = true;
	for (n = 0; n < 2000; n++)
		must(fk_ask(&w->k, XS_READ, n, tx, "k", 2));
	meanwhile = kernel_runs;
	for (n = 0; n < 20; n++) {
		settled(w);
		break_and_reconnect(w, -ECONNRESET);
	}
	assert_true(w->c->hold);
	meanwhile = NULL;
	w->k.deaf = false;
	fk_wake(&w->k);
	settled(w);
	for (n = 1; n < w->k.requests; n++)
		assert_true(is_again(&w->k.request[n]));
	assert_int_equal(w->sh->stats.failed, 2000);
	still_works(w);
	end(w);
}

/* The kernel drops all watches of the guest, ours too: the caller is told. */
static void reset_flag(void **state)
{
	struct world *w = world();

	ask(w, XS_TYPE_RESET_WATCHES, 1, "", 0);	/* refused */
	settled(w);
	assert_false(w->sh->reset);
	w->s.twist = mute_all;
	ask(w, XS_TYPE_RESET_WATCHES, 2, "", 1);
	settled(w);
	assert_false(w->sh->reset);
	w->s.twist = NULL;
	break_and_reconnect(w, -ECONNRESET);
	settled(w);
	assert_false(w->sh->reset);
	ask(w, XS_TYPE_RESET_WATCHES, 3, "", 1);
	settled(w);
	assert_true(w->sh->reset);
	assert_true(is_reply(&w->k.request[2], XS_TYPE_RESET_WATCHES, "OK", 3));
	w->sh->reset = false;
	w->s.twist = mute_all;
	ask(w, XS_TYPE_RESET_WATCHES, 4, "", 1);	/* in the place of the one before */
	settled(w);
	break_and_reconnect(w, -ECONNRESET);
	settled(w);
	assert_true(is_eio(&w->k.request[3]));
	assert_false(w->sh->reset);
	end(w);
}

/* ---- we come while the kernel is in the middle of things ------------------------------------ */

/* The READ whose reply shows where the stream starts. */
static struct call *seek(struct world *w)
{
	struct call *c = call_pattern(3, 3);

	xs_conn_seek(w->c, &c->req);
	w->due = true;
	return c;
}

/*
 * The kernel has asked on the store's page, and has read @cut bytes of the reply. Of the rest, the
 * server has put into the ring what it could (@ready), or nothing yet.
 */
static struct world *world_cut(u32 len, u32 cut, bool ready)
{
	struct world *w = world_before(cut, 0u - cut - 3);
	struct fk_request *r = ask_pattern(w, 0xabcd, len);
	u8 bytes[16 + 4096];
	u32 i;

	w->s.twist = hold_all;
	settled(w);
	assert_int_equal(w->s.frames, 1);
	assert_int_equal(w->s.frame[0]->size, 16 + len);
	for (i = 0; i < cut; i++)
		bytes[i] = w->s.frame[0]->bytes[i];
	fk_take_bytes(&w->k, bytes, cut);
	assert_int_equal(r->order, cut == 16 + len);
	w->s.frame[0]->sent = cut;
	release(w);
	if (cut == 16 + len) {		/* nothing of it is missing */
		free(w->s.frame[0]->bytes);
		free(w->s.frame[0]);
		w->s.frames = 0;
		w->s.opens = 0;
	}
	if (ready)
		fs_run(&w->s);
	return w;
}

static void missing_bytes(u32 len, u32 cut, bool ready, u32 chunk)
{
	struct world *w = world_cut(len, cut, ready);
	struct call *c;

	w->s.chunk = chunk;
	fire(w, "early", "tok");
	come(w, cut * 31);
	c = seek(w);
	ask_pattern(w, 0xabce, 20);	/* waits for the stream's start */
	settled(w);
	check_call(c);
	check_kernel(w);
	assert_int_equal(w->k.events, 1);
	assert_true(w->k.request[0].order < w->k.event[0].order);
	still_works(w);
	end(w);
}

static void seek_every_cut(void **state)
{
	static const u32 lens[] = { 0, 1, 15, 16, 17, 100, 1008, 1009, 4095 };
	u32 i, cut;

	for (i = 0; i < ARRAY_SIZE(lens); i++)
		for (cut = 0; cut <= 16 + lens[i]; cut += lens[i] > 100 && cut > 40 ? 37 : 1)
			missing_bytes(lens[i], cut, cut & 1, cut % 3 * 10);
	for (cut = 0; cut <= 16 + 4096; cut++)
		missing_bytes(4096, cut, cut % 3, 0);
}

/* The server never answers the probe: what we took goes on to the kernel, and it goes back. */
static void give_up(u32 len, u32 cut)
{
	struct world *w = world_cut(len, cut, true);
	struct call *c;

	fire(w, "early", "tok");
	come(w, cut);
	w->s.twist = mute_all;
	c = seek(w);
	settled(w);
	assert_int_equal(c->dones, 0);
	assert_true(xs_conn_abandon(w->c, &c->req));
	xs_conn_give_up_seek(w->c);
	xs_conn_give_up_seek(w->c);	/* once is enough */
	free_call(c);
	if (xs_shadow_give(w->sh) & XS_PUMP_KERNEL)
		fk_wake(&w->k);
	w->routed = false;		/* the pumps are over */
	while (fk_step(&w->k))
		;
	assert_true(xs_shadow_quiet(w->sh));
	xs_shadow_hand_back(w->sh);
	fk_use(&w->k, w->s.page);
	w->s.twist = NULL;
	fk_wake(&w->k);
	settled(w);
	check_kernel(w);
	assert_int_equal(w->k.events, 1);
	ask_pattern(w, 6, 60);
	settled(w);
	check_kernel(w);
	end(w);
}

static void give_up_seek(void **state)
{
	u32 cut;

	for (cut = 0; cut <= 16 + 30; cut++)
		give_up(30, cut);
	for (cut = 0; cut <= 16 + 4096; cut += cut < 40 || cut > 3000 ? 1 : 29)
		give_up(4096, cut);
}

/* Only a part of a header has come, of any length, when we give up. */
static void give_up_in_header(void **state)
{
	struct xsd_sockmsg hdr = { .type = XS_WATCH_EVENT, .len = 4 };
	u8 event[20];
	struct world *w;
	struct call *c;
	u32 n;

	memcpy(event, &hdr, 16);
	memcpy(event + 16, "a\0b", 4);
	for (n = 0; n <= 20; n++) {
		w = world_before(n, n);
		fs_leftover(&w->s, event, n);
		come(w, n);
		w->s.twist = mute_all;
		c = seek(w);
		settled(w);
		xs_conn_abandon(w->c, &c->req);
		xs_conn_give_up_seek(w->c);
		free_call(c);
		if (n)
			assert_int_equal(xs_shadow_give(w->sh), XS_PUMP_KERNEL);
		fk_wake(&w->k);
		while (fk_step(&w->k))
			;
		assert_int_equal(w->k.read, n);
		assert_int_equal(w->k.events, n == 20);
		assert_int_equal(w->s.page->rsp_cons, w->s.page->rsp_prod);
		end(w);
	}
}

/* The box is full while one seeks: the search is held, and nothing is lost. */
static void seek_is_held(void (*beside)(struct world *w), u32 before)
{
	struct xsd_sockmsg hdr = { .type = XS_WATCH_EVENT, .req_id = 99, .len = before };
	struct world *w = world_before(0, 0);
	struct call *c;
	char ev[4096];
	u32 n;

	memset(ev, 'e', sizeof(ev));
	ev[4000] = '\0';
	ev[4095] = '\0';
	w->s.throttle = 0;
	for (n = 0; n < 30; n++)
		fs_send(&w->s, XS_WATCH_EVENT, n, 0, ev, 4096);
	w->s.event = true;
	fs_run(&w->s);
	come(w, 5);
	w->k.deaf = true;
	xs_shadow_pass(w->sh, &hdr, ev);	/* stands in the box already */
	c = seek(w);
	meanwhile = beside;
	settled(w);
	assert_true(w->c->hold);
	assert_true(w->c->seeking);
	w->k.deaf = false;
	fk_wake(&w->k);
	settled(w);
	check_call(c);
	assert_int_equal(w->k.events, 31);
	for (n = 0; n < 30; n++)
		assert_int_equal(w->k.event[n + 1].hdr.req_id, n);
	still_works(w);
	end(w);
}

static void seek_held(void **state)
{
	u32 before;

	seek_is_held(NULL, 0);
	for (before = 0; before < 4096; before += 500)
		seek_is_held(server_runs, before);
}

/* Replies to what the kernel asked before we came, without any search, with ids near ours. */
static void strays(void **state)
{
	struct world *w;
	struct call *c;
	u32 at, len, i;

	for (at = 0; at < 60; at++) {
		w = world_before(at, at);
		w->s.twist = hold_all;
		for (i = 0; i < 10; i++)
			ask_pattern(w, at << 4 | (i ^ 8), i * at * 6);
		settled(w);
		come(w, at + 1000);
		w->s.twist = NULL;
		w->s.chunk = at % 7 * 9;
		c = sent(w, call_pattern(50, at));
		ask_pattern(w, 0x999, 60);
		fs_release(&w->s);
		settled(w);
		check_call(c);
		check_kernel(w);
		still_works(w);
		end(w);
	}
	/* one of ours gets the very id while the rest of the stray is still to come */
	for (len = 900; len < 4096; len += 300) {
		w = world_before(len, len);
		w->s.twist = hold_all;
		ask_pattern(w, 0x70 << 4, len);
		settled(w);
		come(w, 0x70);
		w->k.deaf = true;
		w->s.twist = NULL;
		w->s.chunk = 500;
		fs_release(&w->s);
		while (!w->c->in.have) {
			fs_step(&w->s);
			assert_int_equal(pump(w), 0);
		}
		c = sent(w, call_pattern(50, len));
		w->k.deaf = false;
		w->s.opens = 0;		/* equal ids are not its complaint here */
		settled(w);
		check_call(c);
		check_kernel(w);
		end(w);
	}
}

static const struct {
	u32 bytes;		/* of the header below that are there */
	u32 type, len;
	bool in_step;
} heads[] = {
	{ 0,  0,          0,    true },
	{ 16, XS_DIRECTORY, 4,  true },		/* the first of them */
	{ 16, XS_READ,    4,    true },
	{ 16, XS_WRITE,   4096, true },
	{ 16, XS_TYPE_DIRECTORY_PART, 1, true },
	{ 16, XS_TYPE_DIRECTORY_PART + 1, 1, false },
	{ 16, XS_READ,    4097, false },
	{ 16, XS_READ,    0,    false },
	{ 16, 0,          4,    false },
	{ 16, 0x64646464, 4,    false },
	{ 16, XS_READ,    0x64646464, false },
	{ 15, XS_READ,    4,    false },
	{ 1,  XS_READ,    4,    false },
};

static void in_step_vectors(void **state)
{
	struct xsd_sockmsg hdr;
	struct world *w;
	u32 i, n, at;

	for (i = 0; i < ARRAY_SIZE(heads); i++) {
		for (at = 1000; at < 1040; at += 8) {
			w = world_at(at, 0, 0);
			memset(&hdr, 0, sizeof(hdr));
			hdr.type = heads[i].type;
			hdr.len = heads[i].len;
			for (n = 0; n < heads[i].bytes; n++)
				w->page->req[(at + n) % 1024] = ((char *)&hdr)[n];
			w->page->req_prod = at + heads[i].bytes;
			if (xs_shadow_in_step(w->sh) != heads[i].in_step)
				fail_msg("row %u", i);
			assert_int_equal(w->page->req_cons, at);	/* only looked */
			w->page->req_prod = at + 1025;
			assert_false(xs_shadow_in_step(w->sh));
			w->page->req_prod = at - 1;
			assert_false(xs_shadow_in_step(w->sh));
			end(w);
		}
	}
}

/* ---- going --------------------------------------------------------------------------------- */

static void stop(struct world *w)
{
	w->sh->stop = true;
	w->due = true;
	settled(w);
}

/* What the kernel has put on our page and we have not read goes on at the store's, at each cut. */
static void hand_back_every_cut(void **state)
{
	struct world *w;
	u32 cut, total;

	for (total = 16 + 13 + 16 + 700 + 16 + 15, cut = 0; cut <= total; cut++) {
		w = world_at(0u - 300 + cut, 0u - cut, cut);
		still_works(w);
		stop(w);
		ask_pattern(w, 1, 10);
		ask_write(w, 2, "path", 700 - 5);
		ask_pattern(w, 3, 2000);
		w->k.may_write = cut;
		settled(w);
		assert_true(xs_shadow_quiet(w->sh));
		assert_true(xs_conn_quiet(w->c));
		assert_int_equal(xs_shadow_hand_back(w->sh), cut);
		assert_int_equal(xs_shadow_hand_back(w->sh), 0);
		w->routed = false;
		fk_use(&w->k, w->s.page);
		if (cut)
			fs_signal(&w->s);
		w->k.may_write = ~0u;
		fk_wake(&w->k);
		settled(w);
		assert_int_equal(fk_open(&w->k), 0);
		assert_int_equal(w->k.request[3].reply.len, 2000);
		end(w);
	}
}

/* Coming and going under load, many times over: every request is answered, every event is there. */
static void come_and_go(void **state)
{
	struct world *w = world_before(77, 0u - 77);
	struct call *c;
	u32 round, i, tries;

	w->s.pick = NULL;
	for (round = 0; round < 60; round++) {
		for (i = 0; i < 12; i++)
			ask_pattern(w, round * 12 + i, rnd(w, 4) ? rnd(w, 60) : rnd(w, 4096));
		fire(w, "p", "tok");
		w->k.chunk = rnd(w, 2) ? 0 : 1 + rnd(w, 40);
		w->s.chunk = rnd(w, 2) ? 0 : 1 + rnd(w, 400);
		for (i = rnd(w, 300); i; i--) {
			if (fk_take_tell(&w->k))
				fs_signal(&w->s);
			if (fs_take_kick(&w->s))
				fk_wake(&w->k);
			fs_step(&w->s);
			fk_step(&w->k);
		}
		/* the swap is made where the kernel sleeps with nothing half written */
		settled(w);
		ask_pattern(w, 5000 + round, 900);
		come(w, round * 100 + 1);
		c = seek(w);
		for (i = rnd(w, 200); i; i--) {
			if (fk_take_tell(&w->k) | fs_take_kick(&w->s) || w->due)
				assert_int_equal(pump(w), 0);
			fs_step(&w->s);
			fk_step(&w->k);
		}
		fire(w, "p", "tok");
		w->sh->stop = true;
		w->due = true;
		for (tries = 0; tries < 3; tries++) {
			settled(w);
			if (xs_shadow_quiet(w->sh) && xs_conn_quiet(w->c))
				break;
		}
		assert_true(tries < 3);
		check_call(c);
		if (xs_shadow_hand_back(w->sh))
			fs_signal(&w->s);
		w->routed = false;
		fk_use(&w->k, w->s.page);
		free(w->c);
		free(w->sh);
		w->c = NULL;
		w->sh = NULL;
		memset(w->page, 0xee, 4096);
		fk_wake(&w->k);
	}
	settled(w);
	check_kernel(w);
	assert_int_equal(w->k.events, 120);
	end(w);
}

/* Where nothing waits, a pause lets nothing out. */
static void pause_with_nothing_queued(void **state)
{
	struct world *w = world();
	struct call *call = call_pattern(8, 1);
	u32 seen = w->s.requests;

	xs_conn_pause(w->c);
	send_call(w, call);
	settled(w);
	assert_int_equal(w->s.requests, seen);
	assert_true(xs_conn_quiet(w->c));
	assert_false(xs_conn_idle(w->c));
	xs_conn_restart(w->c, false);
	w->due = true;
	settled(w);
	check_call(call);
	end(w);
}

/* Our calls before the pause go out, those after it wait, also when one of the first is taken back. */
static void pause(void **state)
{
	struct world *w = world();
	struct call *before[20], *after[4];
	u32 i;

	w->s.twist = hold_all;
	for (i = 0; i < 20; i++)
		send_call(w, before[i] = call_pattern(8, i));
	settled(w);
	assert_true(xs_conn_between(w->c));
	assert_false(xs_shadow_may_leave(w->sh, true));	/* replies are owed */
	assert_false(xs_conn_quiet(w->c));
	xs_conn_pause(w->c);
	xs_conn_pause(w->c);			/* four wait for a slot, not eight */
	for (i = 0; i < 4; i++)
		send_call(w, after[i] = call_pattern(9, i));
	assert_true(xs_conn_abandon(w->c, &after[3]->req));
	free_call(after[3]);
	after[3] = call_pattern(9, 3);
	assert_true(xs_conn_abandon(w->c, &after[0]->req));	/* the first that has to wait */
	free_call(after[0]);
	send_call(w, after[0] = after[3]);
	assert_true(xs_conn_abandon(w->c, &before[17]->req));
	free_call(before[17]);
	assert_true(xs_conn_abandon(w->c, &after[1]->req));
	free_call(after[1]);
	assert_false(xs_conn_quiet(w->c));
	release(w);
	settled(w);
	assert_int_equal(w->s.requests, 19);
	assert_true(xs_conn_quiet(w->c));
	assert_false(xs_conn_idle(w->c));
	for (i = 0; i < 20; i++)
		if (i != 17)
			check_call(before[i]);
	assert_int_equal(after[0]->dones + after[2]->dones, 0);
	xs_conn_restart(w->c, false);
	w->due = true;
	settled(w);
	check_call(after[0]);
	check_call(after[2]);
	still_works(w);
	end(w);
}

/*
 * What is in flight is forgotten when a reply has come in part, cut at each byte: whoever asked,
 * the rest of it goes to nobody, and both streams come to rest.
 */
static void forget_at(u32 cut, u32 who)
{
	struct world *w = world_at(cut, 0u - cut, cut);
	struct call *c[3];
	u32 i, seen;

	w->s.twist = hold_all;
	for (i = 0; i < 3; i++)
		send_call(w, c[i] = call_pattern(60, i));
	for (i = 0; i < 3; i++)
		ask_pattern(w, i, 60);
	settled(w);
	assert_int_equal(w->s.frames, 6);
	if (who == 2)		/* nobody's already */
		assert_true(xs_conn_abandon(w->c, &c[0]->req));
	w->s.frame[who == 1 ? 3 : 0]->held = false;
	w->s.chunk = cut;
	w->s.event = true;
	for (seen = w->c->in.have; w->c->in.whole || w->c->in.have != cut; ) {
		assert_true(fs_step(&w->s));
		fs_take_kick(&w->s);
		assert_int_equal(pump(w), 0);
	}
	xs_conn_forget(w->c, -ETIMEDOUT);
	assert_int_equal(w->c->stats.inflight, 0);
	assert_int_not_equal(seen, cut);
	for (i = 0; i < 3; i++)
		assert_int_equal(c[i]->dones, i || who != 2);
	w->due = true;
	settled(w);
	assert_true(xs_conn_quiet(w->c));
	assert_true(xs_shadow_quiet(w->sh));
	assert_int_equal(w->c->stats.inflight, 0);
	assert_int_equal(w->c->stats.late, 1);
	for (i = 0; i < 3; i++) {
		assert_true(is_eio(&w->k.request[i]));
		free_call(c[i]);
	}
	w->s.frame[0]->held = false;		/* one more reply to nobody: it is the kernel's */
	w->s.event = true;
	settled(w);
	assert_string_equal(w->k.complaint, "a reply that it did not ask for");
	w->k.complaint = NULL;
	w->s.twist = NULL;
	w->s.opens = 0;
	still_works(w);
	end(w);
}

static void forget_every_cut(void **state)
{
	u32 cut, who;

	for (who = 0; who < 3; who++)
		for (cut = 16; cut < 16 + 60; cut++)
			forget_at(cut, who);
}

/* What comes in part is a reply to what the kernel asked before we came: it gets it, whole. */
static void forget_beside_a_stray(void **state)
{
	struct world *w;
	struct call *c;
	u32 cut;

	for (cut = 1; cut < 16 + 100; cut++) {
		w = world_before(cut, cut);
		w->s.twist = hold_all;
		ask_pattern(w, 0xabcd, 100);
		settled(w);
		come(w, 5);
		c = sent(w, call_pattern(60, 1));
		settled(w);
		w->s.frame[0]->held = false;
		w->s.chunk = cut;
		w->s.event = true;
		while (w->c->in.have != cut) {
			assert_true(fs_step(&w->s));
			fs_take_kick(&w->s);
			assert_int_equal(pump(w), 0);
		}
		xs_conn_forget(w->c, -ETIMEDOUT);
		assert_int_equal(c->req.result, -ETIMEDOUT);
		free_call(c);
		w->due = true;
		settled(w);
		check_kernel(w);
		end(w);
	}
}

/* One of ours is half sent when it is forgotten: it goes out to its end all the same. */
static void forget_half_sent(void **state)
{
	struct world *w = world();
	struct call *c;

	w->s.mute = true;
	c = sent_big(w);
	settled(w);
	assert_false(xs_conn_quiet(w->c));
	assert_false(xs_shadow_may_leave(w->sh, true));
	xs_conn_pause(w->c);
	xs_conn_forget(w->c, -ETIMEDOUT);
	assert_int_equal(c->req.result, -ETIMEDOUT);
	free_call(c);
	assert_false(xs_conn_quiet(w->c));
	w->s.mute = false;
	w->s.twist = hold_all;
	fs_signal(&w->s);
	settled(w);
	assert_int_equal(w->s.requests, 1);
	assert_true(xs_conn_quiet(w->c));
	end(w);
}

/* No moment is quiet in which something of the kernel's is half done. */
static void quiet_vectors(void **state)
{
	struct world *w = world();
	struct fk_request *r;

	settled(w);
	assert_true(xs_shadow_quiet(w->sh));
	r = ask_pattern(w, 1, 3000);
	w->k.may_write = 20;			/* a request comes in part */
	settled(w);
	assert_false(xs_shadow_quiet(w->sh));
	w->sh->stop = true;			/* what has begun is taken to its end */
	w->s.twist = hold_all;
	w->k.may_write = ~0u;
	w->k.deaf = true;
	fk_wake(&w->k);
	settled(w);
	assert_int_equal(w->s.requests, 1);	/* it is at the server */
	assert_false(xs_shadow_quiet(w->sh));
	release(w);
	settled(w);
	assert_true(xs_conn_quiet(w->c));
	assert_false(xs_shadow_quiet(w->sh));	/* in the box, and in the ring */
	w->k.deaf = false;
	w->k.chunk = 1000;
	fk_wake(&w->k);
	while (!r->order) {
		assert_false(xs_shadow_quiet(w->sh));
		fk_step(&w->k);
		assert_true(r->order || !xs_shadow_quiet(w->sh));
		assert_int_equal(pump(w), 0);
	}
	settled(w);
	assert_true(xs_shadow_quiet(w->sh));
	ask_pattern(w, 2, 20);			/* whole, and unread */
	settled(w);
	assert_int_equal(w->s.requests, 1);
	assert_true(xs_shadow_quiet(w->sh));
	w->sh->stop = false;
	w->due = true;
	settled(w);
	check_kernel(w);
	still_works(w);
	end(w);
}

static void server_at_each_point(struct world *w)
{
	u32 n;

	w->s.event = true;
	for (n = 0; n < 8; n++)
		fs_step(&w->s);
}

/* A server that is never done, all in one pump, and a kernel that reads nothing. */
static void deaf_in_one_pump(void **state)
{
	char event[1000] = "path";
	struct world *w;
	u32 fill, i;

	for (fill = 20000; fill < XS_SHADOW_BOX; fill += 1000) {
		w = world();
		settled(w);
		w->k.deaf = true;
		w->s.throttle = 0;
		for (i = 0; i < 100; i++)
			fs_send(&w->s, XS_WATCH_EVENT, 0, 0, event, sizeof(event));
		for (i = 0; i < fill; i += 100)
			xs_shadow_skipped(w->sh, event, 100);
		meanwhile = server_at_each_point;
		for (i = 0; i < 20; i++)
			assert_int_equal(pump(w), 0);
		meanwhile = NULL;
		assert_true(w->c->hold);
		end(w);
	}
}

/* Not the first of its requests is under way, but another one. */
static void quiet_at_any_place(void **state)
{
	struct world *w;
	u32 last, i;

	for (last = 0; last < 16; last++) {
		w = world();
		w->s.twist = hold_all;
		for (i = 0; i < 16; i++)
			ask_pattern(w, i, 10);
		settled(w);
		for (i = 0; i < 16; i++)
			w->s.frame[i]->held = i == last;
		w->s.event = true;
		settled(w);
		assert_int_equal(fk_open(&w->k), 1);
		assert_false(xs_shadow_quiet(w->sh));
		release(w);
		settled(w);
		assert_true(xs_shadow_quiet(w->sh));
		check_kernel(w);
		end(w);
	}
}

/* ---- a kernel that makes no sense ---------------------------------------------------------- */

static void break_own_page(struct world *w, u32 how)
{
	struct xsd_sockmsg hdr = { .type = XS_READ, .req_id = 1, .len = 4097 };
	u32 i;

	switch (how) {
	case 0:
		w->page->req_prod += 1025;
		break;
	case 1:
		w->page->req_prod = w->page->req_cons - 1;
		break;
	case 2:
		w->page->rsp_cons = w->page->rsp_prod + 1;
		break;
	case 3:
		w->page->rsp_cons = w->page->rsp_prod - 1025;
		break;
	default:
		hdr.len = how == 4 ? 4097 : 0xffffffff;
		for (i = 0; i < 16; i++)
			w->page->req[(w->page->req_prod + i) % 1024] = ((char *)&hdr)[i];
		w->page->req_prod += 16;
	}
}

/* Its own side stops, ours goes on, whatever comes for it; a fresh start mends it. */
static void kernel_breaks_its_page(void **state)
{
	struct world *w;
	struct call *c;
	u32 how, early, i;

	for (how = 0; how < 6; how++) {
		/* what it asks is not looked at while its box is full */
		for (early = 0; early < (how < 4 ? 2 : 1); early++) {
			w = world_at(how, how, how);
			settled(w);
			w->k.deaf = true;
			w->k.may_write = 0;
			if (early)	/* its box is full already */
				for (i = 0; i < 400; i++)
					fire(w, "a/path/that/takes/place/and/more/of/it/and/more"
						"/and/so/on/and/on/until/it/is/long", "tok");
			w->s.throttle = 0;
			settled(w);
			assert_int_equal(w->c->hold, early);
			break_own_page(w, how);
			fire(w, "p", "tok");
			w->due = true;
			settled(w);
			if (w->sh->broken != (how < 4 ? -EIO : -EPROTO))
				fail_msg("%u, %u: %d", how, early, w->sh->broken);
			assert_true(xs_shadow_quiet(w->sh));
			assert_int_equal(xs_shadow_pump(w->sh), 0);
			for (i = 0; i < 400; i++)
				fire(w, "path", "tok");
			settled(w);
			assert_false(w->c->hold);
			c = sent(w, call_pattern(2000, 1));
			settled(w);
			check_call(c);
			assert_int_equal(xs_shadow_hand_back(w->sh), 0);
			xs_shadow_fresh(w->sh);
			w->k.deaf = false;
			w->k.may_write = ~0u;
			w->due = true;
			still_works(w);
			end(w);
		}
	}
}

/* With requests of its own under way: they end, and nobody reads what came of them. */
static void kernel_breaks_while_it_waits(void **state)
{
	struct world *w = world();
	u32 i;

	w->s.twist = hold_all;
	for (i = 0; i < 16; i++)
		ask_pattern(w, i, 4000);
	settled(w);
	break_own_page(w, 0);
	release(w);
	w->due = true;
	w->k.deaf = true;
	settled(w);
	assert_int_equal(w->sh->broken, -EIO);
	assert_int_equal(w->sh->stats.replies, 16);
	assert_int_equal(w->sh->head, w->sh->tail);
	assert_true(xs_conn_idle(w->c));
	w->k.complaint = NULL;		/* it sees its own index */
	end(w);
}

/* Its index that is ours, scribbled over: we go on from what we know. */
static void our_indices_scribbled(void **state)
{
	struct world *w = world();

	settled(w);
	w->page->rsp_prod = 0xdeadbeef;
	w->page->req_cons = 0xdeadbeef;
	w->k.deaf = true;
	fire(w, "p", "tok");
	fs_run(&w->s);
	assert_int_equal(pump(w), 0);
	assert_int_equal(w->page->rsp_prod, 0xffffff00 + 16 + 6);
	w->page->req_cons = 1000;
	w->k.deaf = false;
	still_works(w);
	end(w);
}

/* ---- the words beside the rings ------------------------------------------------------------ */

static void features_appear(void **state)
{
	struct world *w = world_before(0, 0);

	w->s.page->server_features = 2;
	come(w, 1);
	assert_int_equal(w->page->server_features, 2);
	still_works(w);
	w->s.page->server_features = 0xffffffff;
	still_works(w);
	assert_int_equal(w->page->server_features, 0xffffffff);
	end(w);
}

static void asks_reconnect(void **state)
{
	struct world *w = world();
	u32 i;

	settled(w);
	assert_false(xs_shadow_asks_reconnect(w->sh));
	w->page->connection = 1;
	assert_false(xs_shadow_asks_reconnect(w->sh));	/* the server has none to give */
	w->s.page->server_features = 1;
	assert_true(xs_shadow_asks_reconnect(w->sh));
	w->page->connection = 0;
	assert_false(xs_shadow_asks_reconnect(w->sh));

	/* it asks while a long message of its is half there, and unread events wait for it */
	w->k.deaf = true;
	ask_write(w, 5, "big", 3000);
	w->k.may_write = 1500;
	for (i = 0; i < 100; i++)
		fire(w, "p", "tok");
	settled(w);
	assert_true(w->sh->head != w->sh->tail);
	assert_false(xs_shadow_quiet(w->sh));
	w->page->connection = 1;
	assert_true(xs_shadow_asks_reconnect(w->sh));
	break_and_reconnect(w, -ECONNRESET);
	w->k.requests = 0;		/* it forgets, too */
	w->k.writing = w->k.sent = 0;
	w->k.may_write = ~0u;
	free(w->k.request[0].bytes);
	w->page->error = 3;
	xs_shadow_fresh(w->sh);
	assert_int_equal(w->page->connection, 0);
	assert_int_equal(w->page->error, 0);
	assert_int_equal(w->page->req_prod | w->page->req_cons, 0);
	assert_int_equal(w->page->rsp_prod | w->page->rsp_cons, 0);
	w->k.deaf = false;
	settled(w);
	assert_int_equal(w->k.events, 0);
	w->sh->stop = true;		/* of the half message nothing is left that has to end */
	ask_pattern(w, 6, 10);
	settled(w);
	assert_int_equal(fk_open(&w->k), 1);
	w->sh->stop = false;
	w->due = true;
	still_works(w);
	end(w);
}

/* We come to a page that was in use: the kernel finds no word of that. */
static void begin_again(void **state)
{
	struct world *w = world();

	w->page->connection = 1;
	w->page->error = 2;
	xs_shadow_begin(w->sh);
	assert_int_equal(w->page->connection, 0);
	assert_int_equal(w->page->error, 0);
	w->sh->stop = false;
	still_works(w);
	end(w);
}

/* Who sees that the connection word is 0 sees the indices, at every point of it. */
static void word_is_last(struct world *w)
{
	if (!*(volatile u32 *)&w->page->connection)
		assert_int_equal(w->page->req_prod | w->page->req_cons | w->page->rsp_prod |
				 w->page->rsp_cons | w->page->error, 0);
}

static void fresh_word_comes_last(void **state)
{
	struct world *w = world();

	still_works(w);
	w->page->connection = 1;
	w->page->error = 1;
	points = 0;
	meanwhile = word_is_last;
	xs_shadow_fresh(w->sh);
	meanwhile = NULL;
	assert_true(points > 0);
	assert_int_equal(w->page->connection, 0);
	end(w);
}

/* Does what the kernel has asked find its place behind what the store has not read? */
static void fits_vectors(void **state)
{
	static const struct {
		u32 asked, unread;
		int broken;
		bool torn, fits;
	} rows[] = {
		{ 0,    0,    0,	 false, true },
		{ 1024, 0,    0,	 false, true },
		{ 1024, 1,    0,	 false, false },
		{ 1002, 22,   0,	 false, true },
		{ 1003, 22,   0,	 false, false },
		{ 1,    1024, 0,	 false, false },
		{ 0,    1024, 0,	 false, true },
		{ 1024, 22,   -ENOTCONN, false, false },	/* it was only silent */
		{ 1024, 22,   -EIO,	 true,  true },
		{ 1025, 22,   0,	 false, true },		/* nothing will be moved */
		{ 22,   1025, 0,	 false, true },
	};
	struct world *w;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		w = world();
		settled(w);
		w->s.dishonest = true;
		w->page->req_prod = w->page->req_cons + rows[i].asked;
		w->c->req.at += rows[i].unread;
		xs_ring_publish_put(&w->c->req);
		w->c->broken = rows[i].broken;
		w->c->torn = rows[i].torn;
		assert_int_equal(fits(w->sh), rows[i].fits);
		if (rows[i].fits && !rows[i].broken && rows[i].asked <= 1024 &&
		    rows[i].unread <= 1024)
			assert_int_equal(xs_shadow_hand_back(w->sh), rows[i].asked);
		end(w);
	}
}

static bool may_leave(struct world *w)
{
	return xs_shadow_may_leave(w->sh, !w->leaving);
}

/* From here on nothing new is taken, and nothing mended. */
static void begin_to_leave(struct world *w)
{
	w->sh->stop = true;
	w->leaving = true;
	w->due = true;
}

/* The kernel goes back to the store's page. */
static void leave(struct world *w)
{
	if (xs_shadow_hand_back(w->sh))
		fs_signal(&w->s);
	w->routed = false;
	fk_use(&w->k, w->s.page);
	w->k.may_write = ~0u;
	fk_wake(&w->k);
}

/*
 * A store that has stopped has half a message of ours, the kernel's wait in all places and behind
 * them, the last one in part, at each cut; and we have to go. The store gets the rest of ours
 * first, each place ends with EIO, and what was not taken goes back whole: no stream is torn.
 */
static void leaves_a_silent_store(void **state)
{
	struct fk_request *r;
	struct world *w;
	struct call *c;
	u32 cut, i;

	for (cut = 0; cut <= XS_HDR_SIZE + 50; cut++) {
		w = world_at(cut, 0u - cut, 0x1234);
		w->s.mute = true;
		c = sent_big(w);
		for (i = 0; i < 20; i++)
			ask_pattern(w, i, 10);
		settled(w);
		w->k.may_write = cut;
		ask_write(w, 20, "path", 45);
		settled(w);
		xs_conn_break(w->c, -ENOBUFS);
		assert_int_equal(c->req.result, -ENOBUFS);
		free_call(c);
		assert_false(may_leave(w));
		begin_to_leave(w);
		settled(w);
		assert_null(w->c->queue);
		assert_int_equal(w->sh->stats.failed, 16);
		for (i = 0; i < 16; i++)
			assert_true(is_eio(&w->k.request[i]));
		assert_true(xs_shadow_quiet(w->sh));
		assert_false(may_leave(w));
		w->s.mute = false;
		fs_signal(&w->s);
		settled(w);
		assert_true(may_leave(w));
		leave(w);
		settled(w);
		assert_int_equal(fk_open(&w->k), 0);
		for (i = 16; i < 21; i++) {
			r = &w->k.request[i];
			assert_int_equal(r->reply.type, r->hdr.type);
		}
		assert_string_equal(w->k.complaint, "a reply that it did not ask for");	/* ours */
		w->k.complaint = NULL;
		end(w);
	}
}

/* It has stopped while we had taken a part of the kernel's message: the kernel puts the rest. */
static void leaves_in_the_kernels_message(void **state)
{
	struct fk_request *r, *after;
	struct world *w;
	u32 cut;

	for (cut = 1; cut < XS_HDR_SIZE + 50; cut++) {
		w = world_at(cut, 0u - cut, cut);
		w->s.mute = true;
		w->k.may_write = cut;
		r = ask_write(w, 1, "path", 45);
		settled(w);
		xs_conn_break(w->c, -ENOBUFS);
		begin_to_leave(w);
		settled(w);
		assert_false(may_leave(w));
		w->k.may_write = ~0u;
		after = ask_pattern(w, 2, 20);
		fk_wake(&w->k);
		settled(w);
		assert_true(is_eio(r));
		assert_true(may_leave(w));
		w->s.mute = false;
		leave(w);
		settled(w);
		assert_int_equal(after->reply.len, 20);
		end(w);
	}
}

/* The server has written just @cut bytes of what comes next, and we have taken them. */
static void taken_in_part(struct world *w, u32 cut)
{
	w->s.chunk = cut;
	w->s.event = true;
	while (w->c->in.whole || w->c->in.have != cut) {
		assert_true(fs_step(&w->s));
		fs_take_kick(&w->s);
		assert_int_equal(pump(w), 0);
	}
}

/*
 * A message of the store's has come in part when the connection breaks, at each cut: a reply of
 * ours, one of the kernel's, an event of the kernel's. The rest of it is taken when it comes, and
 * nothing behind it: that is the kernel's, whole.
 */
static void leaves_in_the_stores_message(void **state)
{
	struct world *w;
	struct call *c;
	u32 who, cut, events;

	for (who = 0; who < 3; who++) {
		for (cut = 1; cut < 16 + 8; cut++) {
			w = world_at(cut, 0u - cut, cut);
			ask_watch(w, 1, "k", "kernel");
			settled(w);
			events = w->k.events;
			w->s.twist = hold_all;
			c = sent(w, call_pattern(60, 1));
			ask_pattern(w, 2, 60);
			settled(w);
			if (who == 2)
				fs_fire(&w->s, "k");
			else
				w->s.frame[who]->held = false;
			taken_in_part(w, cut);
			xs_conn_break(w->c, -EIO);
			free_call(c);
			begin_to_leave(w);
			assert_int_equal(pump(w), 0);
			assert_false(may_leave(w));
			fs_fire(&w->s, "k");
			w->s.chunk = cut % 5;
			w->s.event = true;
			settled(w);
			assert_true(may_leave(w));
			assert_int_equal(w->k.events, events + (who == 2));
			assert_int_equal(w->s.page->rsp_prod - w->s.page->rsp_cons, 16 + 9);
			assert_int_equal(w->c->stats.bytes_in, w->s.page->rsp_cons + cut);
			leave(w);
			settled(w);
			assert_int_equal(w->k.events, events + 1 + (who == 2));
			if (who < 2 && cut < 16) {	/* which the real one ignores */
				assert_string_equal(w->k.complaint,
						    "a reply that it did not ask for");
				w->k.complaint = NULL;
			}
			end(w);
		}
	}
}

/* Where it is too long to be one, the stream is torn, and not waited for. */
static void leaves_in_a_message_too_long(void **state)
{
	static const struct xsd_sockmsg long_one = { .type = XS_WATCH_EVENT, .len = 5000 };
	struct world *w = world();

	settled(w);
	fs_leftover(&w->s, &long_one, 8);
	w->due = true;
	settled(w);
	xs_conn_break(w->c, -EIO);
	begin_to_leave(w);
	assert_false(may_leave(w));
	fs_leftover(&w->s, (const char *)&long_one + 8, 8);
	assert_int_equal(pump(w), 0);
	assert_true(may_leave(w));
	end(w);
}

/* So, too, where the kernel waits for room: it is woken. */
static void leaves_while_the_kernel_waits(void **state)
{
	struct world *w = world();
	struct fk_request *r;

	w->s.mute = true;
	w->k.may_write = 500;
	r = ask_write(w, 1, "path", 3000);
	settled(w);
	xs_conn_break(w->c, -ENOBUFS);
	begin_to_leave(w);
	w->k.may_write = ~0u;
	fk_wake(&w->k);
	while (fk_step(&w->k))
		;
	assert_int_equal(w->page->req_prod - w->page->req_cons, XS_RING_SIZE);
	settled(w);
	assert_true(is_eio(r));
	assert_true(may_leave(w));
	assert_int_equal(xs_shadow_wind_up(w->sh), 0);
	end(w);
}

/* A kernel that does not read has its answers later; one that breaks its page has none. */
static void leaves_a_deaf_kernel(void **state)
{
	struct fk_request *r;
	struct world *w;
	u32 breaks;

	for (breaks = 0; breaks < 2; breaks++) {
		w = world();
		w->s.mute = true;
		w->k.deaf = true;
		r = ask_pattern(w, 1, 10);
		ask_write(w, 2, "path", 10);
		settled(w);
		w->page->rsp_cons = w->page->rsp_prod - XS_RING_SIZE;	/* it is full */
		xs_conn_break(w->c, -ENOBUFS);
		begin_to_leave(w);
		assert_int_equal(xs_shadow_wind_up(w->sh), 0);
		assert_int_equal(xs_shadow_wind_up(w->sh), 0);
		assert_false(may_leave(w));
		w->page->rsp_cons = w->page->rsp_prod;
		if (breaks) {
			w->page->req_prod += 5000;
			w->sh->wake = true;
			assert_int_equal(xs_shadow_wind_up(w->sh), XS_PUMP_KERNEL);
			assert_int_equal(w->sh->broken, -EIO);
			assert_true(may_leave(w));
			assert_int_equal(xs_shadow_wind_up(w->sh), 0);
		} else {
			w->k.deaf = false;
			fk_wake(&w->k);
			settled(w);
			assert_true(is_eio(r));
			assert_true(may_leave(w));
		}
		end(w);
	}
}

/* What the store has torn is not waited for. */
static void leaves_a_torn_ring(void **state)
{
	struct world *w;
	struct call *c;
	u32 shows_error;

	for (shows_error = 0; shows_error < 2; shows_error++) {
		w = world();
		w->s.mute = true;
		c = sent_big(w);
		ask_pattern(w, 1, 10);
		settled(w);
		if (shows_error) {
			w->s.page->server_features |= XS_FEATURE_ERROR;
			w->s.page->error = 1;
		} else {
			w->s.page->rsp_prod += 5000;
		}
		assert_true(xs_shadow_pump(w->sh) < 0);
		xs_conn_break(w->c, -ECONNRESET);
		assert_false(may_leave(w));
		begin_to_leave(w);
		settled(w);
		assert_true(is_eio(&w->k.request[0]));
		assert_true(may_leave(w));
		free_call(c);
		end(w);
	}
}

/* The kernel sees the server's words, while the ring is dead and after. */
static void error_is_shown(void **state)
{
	struct world *w = world();

	settled(w);
	w->s.page->server_features = XS_FEATURE_ERROR;
	w->s.page->error = 2;
	xs_shadow_show_error(w->sh);
	assert_int_equal(w->page->server_features, XS_FEATURE_ERROR);
	assert_int_equal(w->page->error, 2);
	w->s.page->error = 0;
	xs_shadow_show_error(w->sh);
	assert_int_equal(w->page->error, 0);
	still_works(w);
	end(w);
}

/*
 * The store's ring is dead, whatever its indices say, and the kernel goes on to ask: what is in its
 * ring then, cut anywhere, is answered when the store is well again; what was in flight, with EIO.
 */
static void asks_a_dead_store(void **state)
{
	struct fk_request *before, *cut_off, *after;
	struct world *w;
	u32 cut, prod;

	for (cut = 0; cut <= XS_HDR_SIZE + 50; cut++) {
		w = world_at(cut, 0u - cut, cut);
		w->s.twist = mute_all;
		before = ask_pattern(w, 1, 10);
		settled(w);
		w->k.may_write = cut;
		cut_off = ask_write(w, 2, "path", 45);
		settled(w);
		prod = w->s.page->rsp_prod;
		w->s.page->rsp_prod = prod + 5000;
		assert_int_equal(xs_shadow_pump(w->sh), -EIO);
		xs_conn_fail(w->c, -EIO);
		if (xs_shadow_give(w->sh))
			fk_wake(&w->k);
		xs_shadow_show_error(w->sh);
		w->k.may_write = ~0u;
		after = ask_pattern(w, 3, 20);
		while (fk_step(&w->k))
			;
		assert_true(is_eio(before));
		assert_int_equal(after->order, 0);
		w->s.page->rsp_prod = prod;
		w->s.twist = NULL;
		xs_conn_restart(w->c, false);
		xs_shadow_show_error(w->sh);
		w->due = true;
		settled(w);
		assert_true(cut < XS_HDR_SIZE + 50 ? is_reply(cut_off, XS_WRITE, "OK", 3)
						   : is_eio(cut_off));
		assert_int_equal(after->reply.len, 20);
		still_works(w);
		end(w);
	}
}

/* ---- signals ------------------------------------------------------------------------------- */

static void steps_at_one_point(struct world *w)
{
	u32 n;

	if (points != point_at)
		return;
	for (n = 0; n < point_steps; n++) {
		fs_step(&w->s);
		fk_step(&w->k);
	}
}

static void kernel_at_one_point(struct world *w)
{
	u32 n;

	for (n = 0; points == point_at && n < point_steps; n++)
		fk_step(&w->k);
}

static void nobody_waits(struct world *w, u32 kind)
{
	if (fk_open(&w->k) || (w->dones != 2 && kind < 10))
		fail_msg("kind %u: asleep for ever, %u steps at point %u", kind, point_steps,
			 point_at);
}

/*
 * Exactly at one point inside the pumps the others make so many steps; all points, 1 to 9 steps:
 * the kernel alone, or it and the server. Small messages, long requests, long replies.
 */
static void no_wakeup_lost_at_any_point(void **state)
{
	struct world *w;
	struct call *c[2];
	u32 kind, last, chatty;

	for (kind = 0; kind < 6; kind++) {
		chatty = kind == 5;
		last = 1;
		for (point_steps = 1; point_steps < 10; point_steps++) {
			for (point_at = 1; point_at <= last; point_at++) {
				w = world_at(0u - 900, 0u - 900, kind);
				w->k.chatty = chatty;
				w->k.chunk = kind % 3 ? 600 : 0;
				send_call(w, c[0] = call_pattern(5, 1));
				send_call(w, c[1] = call_pattern(kind * 300, 2));
				ask_pattern(w, 1, kind % 3 == 1 ? 2500 : 5);
				ask_pattern(w, 2, kind % 3 == 1 ? 1008 : 6);
				ask_write(w, 3, "x", kind % 3 == 2 ? 2100 : 7);
				ask_pattern(w, 4, 8);
				points = 0;
				meanwhile = kind & 1 ? steps_at_one_point : kernel_at_one_point;
				settled(w);
				if (points > last)
					last = points;
				nobody_waits(w, kind);
				check_kernel(w);
				check_call(c[0]);
				check_call(c[1]);
				end(w);
			}
		}
	}
}

static void random_steps(struct world *w)
{
	u32 n = rnd(w, 5);

	while (n--) {
		if (rnd(w, 2))
			fs_step(&w->s);
		else
			fk_step(&w->k);
	}
}

static void no_wakeup_lost_at_random(void **state)
{
	struct call *c[20];
	struct world *w;
	u32 run, i;

	for (run = 0; run < 400; run++) {
		w = world_at(run * 77, run * 1313, run);
		w->s.chunk = rnd(w, 3) ? rnd(w, 1500) : 0;
		w->k.chunk = rnd(w, 3) ? rnd(w, 1500) : 0;
		w->k.chatty = !rnd(w, 4);
		w->s.pick = run % 3 ? pick_any : NULL;
		w->s.ctx = w;
		meanwhile = random_steps;
		for (i = 0; i < 20; i++) {
			send_call(w, c[i] = call_pattern(rnd(w, 4) ? rnd(w, 80) : rnd(w, 4096), i));
			if (rnd(w, 2))
				ask_pattern(w, i, rnd(w, 4) ? rnd(w, 80) : rnd(w, 4096));
			else
				ask_write(w, i, "x", rnd(w, 4) ? rnd(w, 80) : rnd(w, 4000));
			if (!rnd(w, 3))
				fire(w, "p", "tok");
			if (!rnd(w, 3))
				settled(w);
			if (!rnd(w, 8))
				w->k.deaf = !w->k.deaf;
		}
		w->k.deaf = false;
		fk_wake(&w->k);
		settled(w);
		for (i = 0; i < 20; i++) {
			if (!c[i]->dones)
				fail_msg("run %u: one of ours waits, and all sleep", run);
			check_call(c[i]);
		}
		check_kernel(w);
		meanwhile = NULL;
		end(w);
	}
}

static void writes_without_end(struct world *w)
{
	if (w->k.requests < FK_REQUESTS && w->k.writing + 2 > w->k.requests)
		ask_pattern(w, w->k.requests, 3);
	fk_wake(&w->k);
	w->s.event = true;
	fk_step(&w->k);
	fs_step(&w->s);
}

/* A kernel that asks without end, and a server as quick, do not keep us in one call. */
static void pump_is_bounded(void **state)
{
	struct world *w = world();
	bool again = false, both = false;
	int flags;
	u32 n;

	meanwhile = writes_without_end;
	for (n = 0; n < 8 && w->k.requests < FK_REQUESTS; n++) {
		flags = xs_shadow_pump(w->sh);
		again |= flags & XS_PUMP_AGAIN;
		/* what else there is to say is said, too: a server that slept would sleep on */
		both |= (flags & XS_PUMP_AGAIN) && (flags & XS_PUMP_SIGNAL);
	}
	assert_true(w->k.requests < FK_REQUESTS);
	assert_true(again);
	assert_true(both);
	meanwhile = NULL;
	w->due = true;
	settled(w);
	check_kernel(w);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request),
		cmocka_unit_test(two_transactions),
		cmocka_unit_test(big_frames),
		cmocka_unit_test(every_split),
		cmocka_unit_test(every_start),
		cmocka_unit_test(ids_equal_to_ours),
		cmocka_unit_test(sixteen_places),
		cmocka_unit_test(together_sixteen),
		cmocka_unit_test(kernel_not_starved),
		cmocka_unit_test(ours_not_starved),
		cmocka_unit_test(events_to_who_asked),
		cmocka_unit_test(ok_before_first_event),
		cmocka_unit_test(odd_events_pass),
		cmocka_unit_test(deaf_kernel),
		cmocka_unit_test(deaf_with_requests),
		cmocka_unit_test(box_at_its_edge),
		cmocka_unit_test(deaf_again),
		cmocka_unit_test(deaf_in_one_pump),
		cmocka_unit_test(breaks_in_a_row),
		cmocka_unit_test(broken_requests),
		cmocka_unit_test(queued_requests_wait),
		cmocka_unit_test(broken_pump_wakes),
		cmocka_unit_test(old_transaction),
		cmocka_unit_test(ids_of_transactions),
		cmocka_unit_test(old_transaction_deaf),
		cmocka_unit_test(reset_flag),
		cmocka_unit_test(give_up_in_header),
		cmocka_unit_test(seek_held),
		cmocka_unit_test(strays),
		cmocka_unit_test(in_step_vectors),
		cmocka_unit_test(come_and_go),
		cmocka_unit_test(pause_with_nothing_queued),
		cmocka_unit_test(pause),
		cmocka_unit_test(forget_every_cut),
		cmocka_unit_test(forget_beside_a_stray),
		cmocka_unit_test(forget_half_sent),
		cmocka_unit_test(quiet_vectors),
		cmocka_unit_test(quiet_at_any_place),
		cmocka_unit_test(kernel_breaks_its_page),
		cmocka_unit_test(kernel_breaks_while_it_waits),
		cmocka_unit_test(our_indices_scribbled),
		cmocka_unit_test(features_appear),
		cmocka_unit_test(asks_reconnect),
		cmocka_unit_test(begin_again),
		cmocka_unit_test(fresh_word_comes_last),
		cmocka_unit_test(fits_vectors),
		cmocka_unit_test(leaves_a_silent_store),
		cmocka_unit_test(leaves_in_the_stores_message),
		cmocka_unit_test(leaves_in_a_message_too_long),
		cmocka_unit_test(leaves_in_the_kernels_message),
		cmocka_unit_test(leaves_while_the_kernel_waits),
		cmocka_unit_test(leaves_a_deaf_kernel),
		cmocka_unit_test(leaves_a_torn_ring),
		cmocka_unit_test(error_is_shown),
		cmocka_unit_test(asks_a_dead_store),
		cmocka_unit_test(pump_is_bounded),
		/* the long ones last: a fault that a short one sees need not wait for them */
		cmocka_unit_test(seek_every_cut),
		cmocka_unit_test(give_up_seek),
		cmocka_unit_test(hand_back_every_cut),
		cmocka_unit_test(no_wakeup_lost_at_any_point),
		cmocka_unit_test(no_wakeup_lost_at_random),
	};

	return cmocka_run_group_tests_name("xs_shadow", tests, NULL, NULL);
}
