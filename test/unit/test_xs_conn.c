// SPDX-License-Identifier: GPL-2.0
/*
 * test_xs_conn.c - a connection against a server that answers, and against one that does not.
 *
 * The client's barriers and its reads of shared words are the points at which the server may move:
 * each calls between(), which lets a test run the server's steps inside one xs_conn_pump(). The
 * server runs only while it is awake and is woken only by XS_PUMP_SIGNAL, the client is pumped only
 * when it was signalled, asked to be called again, or has queued something itself.
 */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "points.h"
#include "../../xs_ring.c"
#include "../../xs_msg.c"
#include "../../xs_conn.c"
#include "fake_server.h"
#include "calls.h"

/* ---- a world: one client, one server ----------------------------------------------------- */

struct world {
	struct fs_server s;
	struct xs_conn *c;
	bool due;		/* the client has a reason to pump */
	u32 order;		/* how many calls are done */
	u32 events;
	char last_path[64], last_token[64];
	void (*on_event)(struct world *w);
	u32 rng;
};

static u32 rnd(struct world *w, u32 n)
{
	w->rng = w->rng * 1664525u + 1013904223u;
	return (w->rng >> 8) % n;
}

static void on_watch_event(struct xs_conn *conn, const char *path, const char *token)
{
	assert_ptr_equal(conn, now->c);
	now->events++;
	snprintf(now->last_path, sizeof(now->last_path), "%s", path);
	snprintf(now->last_token, sizeof(now->last_token), "%s", token);
	if (now->on_event)
		now->on_event(now);
}

static struct world *world_at(u32 req_at, u32 rsp_at, u32 seed)
{
	struct world *w = aligned_alloc(4096, (sizeof(*w) + 4095) & ~4095ul);

	assert_non_null(w);
	memset(w, 0, sizeof(*w));
	fs_init(&w->s, req_at, rsp_at);
	w->c = malloc(sizeof(*w->c));
	assert_non_null(w->c);
	xs_conn_init(w->c, w->s.page, seed, on_watch_event);
	w->rng = seed + 1;
	now = w;
	meanwhile = NULL;
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
	meanwhile = NULL;
	fs_free(&w->s);
	free(w->c);
	free(w);
	now = NULL;
}

/* Runs both ends until neither has a reason to move. Returns what the last pump said, if negative. */
static int settle(struct world *w)
{
	u32 steps;
	int flags;

	for (steps = 0; steps < 10000000; steps++) {
		if (fs_take_kick(&w->s))
			w->due = true;
		if (w->due) {
			w->due = false;
			flags = xs_conn_pump(w->c);
			if (flags < 0)
				return flags;
			if (flags & XS_PUMP_SIGNAL)
				fs_signal(&w->s);
			if (flags & XS_PUMP_AGAIN)
				w->due = true;
		} else if (!fs_step(&w->s)) {
			return 0;
		}
	}
	fail_msg("they never come to rest");
	return 0;
}

/* ---- calls ------------------------------------------------------------------------------- */

static void on_done(struct xs_req *req)
{
	struct call *c = container_of(req, struct call, req);

	assert_int_equal(req->state, XS_REQ_IDLE);
	c->dones++;
	c->order = ++now->order;
	if (c->then)
		c->then(c);
}

static struct call *call_write(const char *path, u32 len)
{
	u32 n = (u32)strlen(path) + 1;
	char *b = malloc(n + len);
	struct call *c;

	memcpy(b, path, n);
	memset(b + n, 'v', len);
	c = call_raw(XS_WRITE, b, n + len, 8);
	free(b);
	return c;
}

/* Nobody may look at it again. */
static void poison(struct call *c)
{
	memset(c->payload, 0xdd, 1);
	memset(c->reply, 0xdd, 1);
	free(c->payload);
	free(c->reply);
	memset(c, 0xdd, sizeof(*c));
	free(c);
}

static void queue(struct world *w, struct call *c)
{
	xs_conn_queue(w->c, &c->req);
	w->due = true;
}

/* All of them ended well; they are done with. */
static void end_patterns(struct call **c, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++) {
		check_pattern(c[i]);
		free_call(c[i]);
	}
}

static void check_ok(struct call *c)
{
	assert_int_equal(c->dones, 1);
	assert_int_equal(c->req.result, 0);
	assert_int_equal(c->req.len, 3);
	assert_memory_equal(c->reply, "OK", 3);
}

/* The stream is in step: one more call works. */
static void still_works(struct world *w)
{
	struct call *c = call_pattern(33, 4711);

	queue(w, c);
	assert_int_equal(settle(w), 0);
	check_pattern(c);
	assert_true(xs_conn_idle(w->c));
	free_call(c);
}

/* ---- twists ------------------------------------------------------------------------------ */

static enum fs_twist hold_all(struct fs_server *s, const struct xsd_sockmsg *hdr)
{
	return FS_HOLD;
}

/* So many reads, of @len bytes each, that the server has taken and does not answer yet. */
static void hold_patterns(struct world *w, struct call **c, u32 n, u32 len)
{
	u32 i;

	w->s.twist = hold_all;
	for (i = 0; i < n; i++) {
		c[i] = call_pattern(len, i);
		queue(w, c[i]);
	}
	assert_int_equal(settle(w), 0);
}

static enum fs_twist the_twist;

static enum fs_twist twist_one(struct fs_server *s, const struct xsd_sockmsg *hdr)
{
	enum fs_twist t = the_twist;

	the_twist = FS_ANSWER;
	return t;
}

static u32 pick_any(struct fs_server *s, u32 n)
{
	return rnd(s->ctx, n);
}

static u32 pick_last(struct fs_server *s, u32 n)
{
	return n - 1;
}

/* ---- the plain ways ---------------------------------------------------------------------- */

static void each_request(void **state)
{
	static const struct {
		u32 type;
		const char *payload;
		u32 len;
		const char *reply;
		u32 reply_len;
		int result;
	} steps[] = {
		{ XS_WRITE,         "a/b\0hello", 9, "OK",              3, 0 },
		{ XS_READ,          "a/b",        4, "hello",           5, 0 },
		{ XS_WRITE,         "a/e",        4, "OK",              3, 0 },
		{ XS_READ,          "a/e",        4, "",                0, 0 },	/* an empty value */
		{ XS_MKDIR,         "a/c",        4, "OK",              3, 0 },
		{ XS_DIRECTORY,     "a",          2, "b\0e\0c",         6, 0 },
		{ XS_DIRECTORY,     "a/c",        4, "",                0, 0 },	/* an empty one */
		{ XS_GET_PERMS,     "a",          2, "n0\0r5",          6, 0 },
		{ XS_SET_PERMS,     "a\0n0\0",    5, "OK",              3, 0 },
		{ XS_GET_DOMAIN_PATH, "7",        2, "/local/domain/7", 16, 0 },
		{ XS_TRANSACTION_START, "",       1, "1",               2, 0 },
		{ XS_WATCH,         "a\0tok",     6, "OK",              3, 0 },
		{ XS_WATCH,         "a\0tok",     6, "",                0, -EEXIST },
		{ XS_UNWATCH,       "a\0tok",     6, "OK",              3, 0 },
		{ XS_UNWATCH,       "a\0tok",     6, "",                0, -ENOENT },
		{ XS_RM,            "a",          2, "OK",              3, 0 },
		{ XS_READ,          "a/b",        4, "",                0, -ENOENT },
		{ XS_TYPE_RESET_WATCHES, "",      1, "OK",              3, 0 },
		{ 99,               "x",          2, "",                0, -ENOSYS },
		{ XS_READ,          "",           0, "",                0, -EINVAL },
	};
	struct world *w = world();
	struct call *c;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		c = call_raw(steps[i].type, steps[i].payload, steps[i].len, 64);
		queue(w, c);
		assert_int_equal(settle(w), 0);
		if (c->dones != 1 || c->req.result != steps[i].result)
			fail_msg("row %u: %u times done, %d", i, c->dones, c->req.result);
		if (!steps[i].result) {
			assert_int_equal(c->req.type, steps[i].type);
			assert_int_equal(c->req.len, steps[i].reply_len);
			assert_memory_equal(c->reply, steps[i].reply, steps[i].reply_len);
			assert_string_equal(c->req.error, "");
		} else {
			assert_int_equal(c->req.type, XS_ERROR);
			assert_int_equal(xs_errno(c->req.error, (u32)strlen(c->req.error)),
					 steps[i].result);
		}
		assert_true(xs_conn_idle(w->c));
		free_call(c);
	}
	assert_int_equal(w->events, 1);		/* the WATCH's own; the RM came after UNWATCH */
	assert_int_equal(w->c->stats.replies, ARRAY_SIZE(steps));
	assert_int_equal(w->c->stats.requests, ARRAY_SIZE(steps));
	end(w);
}

static void transaction_tried_again(void **state)
{
	struct world *w = world();
	struct call *c;
	u32 tries, tx = 0;

	w->s.eagain = 2;
	for (tries = 0; tries < 5; tries++) {
		c = call(XS_TRANSACTION_START, "", 12);
		queue(w, c);
		assert_int_equal(settle(w), 0);
		assert_int_equal(xs_number((char *)c->reply, c->req.len, &tx), 0);
		free_call(c);
		c = call_write("k", 4);
		c->req.out.hdr.tx_id = tx;
		queue(w, c);
		settle(w);
		check_ok(c);
		free_call(c);
		c = call(XS_READ, "k", 8);	/* not seen outside */
		queue(w, c);
		settle(w);
		assert_int_equal(c->req.result, -ENOENT);
		free_call(c);
		c = call(XS_TRANSACTION_END, "T", 8);
		c->req.out.hdr.tx_id = tx;
		queue(w, c);
		settle(w);
		if (c->req.result == 0) {
			free_call(c);
			break;
		}
		assert_int_equal(c->req.result, -EAGAIN);
		free_call(c);
	}
	assert_int_equal(tries, 2);
	c = call(XS_READ, "k", 8);
	queue(w, c);
	settle(w);
	assert_int_equal(c->req.len, 4);
	free_call(c);
	end(w);
}

/* From every start of both rings, over the 2^32 wrap too. */
static void every_start(void **state)
{
	struct world *w;
	u32 at;

	for (at = 0; at < 2048; at += 13) {
		w = world_at(at - 1024, 0u - at, at * 977);
		still_works(w);
		end(w);
	}
}

/* Both ends move one byte at a time; whole 4096-byte messages each way. */
static void byte_by_byte(void **state)
{
	static const u32 chunks[] = { 1, 2, 3, 17, 1000, 0 };
	struct world *w;
	struct call *a, *b;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(chunks); i++) {
		w = world_at(0u - 2000, 0u - 3000, i);
		w->s.chunk = chunks[i];
		a = call_write("big", 4092);
		b = call_pattern(4096, 99);
		queue(w, a);
		queue(w, b);
		assert_int_equal(settle(w), 0);
		check_ok(a);
		check_pattern(b);
		assert_in_range(w->c->stats.ring_full, 1, 20000);
		assert_int_equal(w->c->stats.bytes_out, 16 + 4096 + 16 + b->req.out.hdr.len);
		assert_int_equal(w->c->stats.bytes_in, 16 + 3 + 16 + 4096);
		free_call(a);
		free_call(b);
		still_works(w);
		end(w);
	}
}

/* The ids go once round their 2^28 generations, and no two in flight are equal (the server looks). */
static void ids_wrap(void **state)
{
	struct world *w = world_at(0, 0, 0x0ffffff0);
	struct call *c;
	u32 i;

	for (i = 0; i < 40; i++) {
		c = call_pattern(i, i);
		queue(w, c);
		assert_int_equal(settle(w), 0);
		check_pattern(c);
		free_call(c);
	}
	end(w);
}

/* ---- many at once ------------------------------------------------------------------------ */

static void seventeenth_waits(void **state)
{
	struct world *w = world();
	struct call *c[40];
	u32 i, done;

	w->s.twist = hold_all;
	for (i = 0; i < 40; i++) {
		c[i] = call_pattern(10 + i, i);
		queue(w, c[i]);
	}
	assert_int_equal(settle(w), 0);
	assert_int_equal(w->s.requests, 16);
	assert_int_equal(w->c->stats.inflight, 16);
	assert_in_range(w->c->stats.slots_full, 1, 100);
	assert_int_equal(xs_conn_pump(w->c), 0);	/* nothing new: no signal */
	for (i = 0; i < 40; i++)
		assert_int_equal(c[i]->req.state, i < 16 ? XS_REQ_SENT : XS_REQ_QUEUED);

	w->s.frame[5]->held = false;		/* one reply: one more may go, the oldest */
	w->s.event = true;
	assert_int_equal(settle(w), 0);
	assert_int_equal(w->s.requests, 17);
	assert_int_equal(c[16]->req.state, XS_REQ_SENT);
	assert_int_equal(c[17]->req.state, XS_REQ_QUEUED);

	for (done = 0; done < 40; ) {
		fs_release(&w->s);
		assert_int_equal(settle(w), 0);
		for (done = 0, i = 0; i < 40; i++)
			done += c[i]->dones;
	}
	end_patterns(c, 40);
	assert_int_equal(w->s.most_open, 16);
	assert_int_equal(w->c->stats.inflight_most, 16);
	assert_int_equal(w->c->stats.inflight, 0);
	end(w);
}

static void replies_in_any_order(void **state)
{
	struct call *c[16];
	struct world *w;
	u32 run, i;

	for (run = 0; run < 60; run++) {
		w = world_at(run * 100, run * 1000, run);
		w->s.twist = hold_all;
		w->s.pick = run ? pick_any : pick_last;
		w->s.ctx = w;
		for (i = 0; i < 16; i++) {
			c[i] = call_pattern(i % 5 ? i * 20 : 3000 + i, run * 16 + i);
			queue(w, c[i]);
		}
		assert_int_equal(settle(w), 0);
		fs_release(&w->s);
		assert_int_equal(settle(w), 0);
		for (i = 0; i < 16; i++) {
			if (!run)
				assert_int_equal(c[i]->order, 16 - i);
			check_pattern(c[i]);
			free_call(c[i]);
		}
		w->s.twist = NULL;
		still_works(w);
		end(w);
	}
}

/* done() and event() may queue. */
static struct call *chain[100];
static u32 chained;

static void queue_next(struct call *c)
{
	if (chained < 100)
		queue(now, chain[chained++]);
}

static void queue_next_on_event(struct world *w)
{
	queue_next(NULL);
}

static void done_may_queue(void **state)
{
	struct world *w = world();
	u32 i;

	chained = 0;
	for (i = 0; i < 100; i++) {
		chain[i] = call_pattern(i * 40, i);
		if (i != 50)		/* there the chain goes on through an event */
			chain[i]->then = queue_next;
	}
	w->on_event = queue_next_on_event;
	queue_next(NULL);
	assert_int_equal(settle(w), 0);
	assert_int_equal(chained, 51);
	fs_send(&w->s, XS_WATCH_EVENT, 0, 0, "p\0t", 4);
	w->s.event = true;
	assert_int_equal(settle(w), 0);
	for (i = 0; i < 100; i++) {
		check_pattern(chain[i]);
		free_call(chain[i]);
	}
	end(w);
}

/* ---- giving up --------------------------------------------------------------------------- */

static void abandon_queued(void **state)
{
	struct world *w = world();
	struct call *c[20];
	u32 i;

	hold_patterns(w, c, 20, 5);
	/* the queue is 16 17 18 19: one from the middle, the last, one more behind it, the first */
	assert_true(xs_conn_abandon(w->c, &c[17]->req));
	poison(c[17]);
	assert_true(xs_conn_abandon(w->c, &c[19]->req));
	poison(c[19]);
	c[17] = call_pattern(6, 100);
	queue(w, c[17]);
	assert_true(xs_conn_abandon(w->c, &c[16]->req));
	poison(c[16]);
	w->s.twist = NULL;
	fs_release(&w->s);
	assert_int_equal(settle(w), 0);
	assert_int_equal(w->s.requests, 18);
	for (i = 0; i < 19; i++) {
		if (i == 16)
			continue;
		check_pattern(c[i]);
		free_call(c[i]);
	}
	assert_int_equal(w->c->stats.late, 0);
	still_works(w);
	end(w);
}

/* The only one, then nothing is left and the tail is sound. */
static void abandon_only_one(void **state)
{
	struct world *w = world();
	struct call *c = call_pattern(5, 1);

	xs_conn_queue(w->c, &c->req);
	assert_false(xs_conn_idle(w->c));
	assert_false(xs_conn_quiet(w->c));
	assert_true(xs_conn_abandon(w->c, &c->req));
	assert_false(xs_conn_abandon(w->c, &c->req));
	poison(c);
	assert_true(xs_conn_idle(w->c));
	assert_int_equal(xs_conn_pump(w->c), 0);
	still_works(w);
	end(w);
}

/*
 * Partly sent, cut at every byte: before it stands a message that fills the ring but for the bytes
 * that go.
 */
static void abandon_partly_sent(void **state)
{
	const u32 total = 16 + 200;
	struct world *w;
	struct call *first, *c;
	u32 cut;

	for (cut = 1; cut < total; cut++) {
		w = world_at(cut * 3, cut * 5, cut);
		w->s.mute = true;
		first = call_write("f", 1024 - cut - 16 - 2);
		c = call_write("gone", 195);
		assert_int_equal(c->req.out.hdr.len + 16, total);
		queue(w, first);
		queue(w, c);
		assert_int_equal(settle(w), 0);
		assert_int_equal(c->req.out.done, cut);
		assert_int_equal(c->req.state, XS_REQ_SENT);
		assert_false(xs_conn_idle(w->c));

		assert_true(xs_conn_abandon(w->c, &c->req));
		poison(c);
		c = call_pattern(100, cut);	/* waits behind the rest */
		queue(w, c);
		assert_int_equal(settle(w), 0);
		w->s.mute = false;
		w->s.chunk = cut % 7;
		fs_signal(&w->s);
		assert_int_equal(settle(w), 0);
		check_ok(first);
		check_pattern(c);
		free_call(first);
		free_call(c);
		assert_int_equal(w->c->stats.late, 1);
		assert_int_equal(w->s.requests, 3);

		/* what was abandoned went whole: its value is what it was */
		c = call(XS_READ, "gone", 300);
		queue(w, c);
		settle(w);
		assert_int_equal(c->req.len, 195);
		for (u32 i = 0; i < 195; i++)
			assert_int_equal(c->reply[i], 'v');
		free_call(c);
		still_works(w);
		end(w);
	}
}

/* A message of 4096 bytes, its sender gone after the first ring-full; a second goes the same way. */
static void abandon_big(void **state)
{
	struct world *w = world();
	struct call *c;
	u32 i;

	for (i = 0; i < 3; i++) {
		w->s.mute = true;
		c = call_write("big", 4092);
		queue(w, c);
		settle(w);
		assert_int_equal(c->req.out.done, 1024);
		assert_true(xs_conn_abandon(w->c, &c->req));
		poison(c);
		assert_false(xs_conn_idle(w->c));
		w->s.mute = false;
		fs_signal(&w->s);
		assert_int_equal(settle(w), 0);
		assert_int_equal(w->c->stats.late, i + 1);
		assert_true(xs_conn_idle(w->c));
	}
	still_works(w);
	end(w);
}

static void abandon_sent(void **state)
{
	struct world *w = world();
	struct call *c[16];
	u32 i;

	hold_patterns(w, c, 16, 50);
	for (i = 0; i < 16; i += 2) {
		assert_true(xs_conn_abandon(w->c, &c[i]->req));
		poison(c[i]);
	}
	/* the slots stay taken until the late replies come, so the server never sees 17 */
	assert_int_equal(w->c->stats.inflight, 16);
	c[0] = call_pattern(60, 200);
	queue(w, c[0]);
	settle(w);
	assert_int_equal(c[0]->req.state, XS_REQ_QUEUED);
	w->s.twist = NULL;
	fs_release(&w->s);
	assert_int_equal(settle(w), 0);
	assert_int_equal(w->c->stats.late, 8);
	check_pattern(c[0]);
	free_call(c[0]);
	for (i = 1; i < 16; i += 2) {
		check_pattern(c[i]);
		free_call(c[i]);
	}
	still_works(w);
	end(w);
}

/* Whatever it would say else: where something is done about it, it is not stuck. */
static void stuck_says(struct world *w, int err)
{
	assert_int_equal(xs_conn_stuck(w->c, true), err);
	w->c->hold = true;
	assert_int_equal(xs_conn_stuck(w->c, true), 0);
	w->c->hold = false;
	w->c->seeking = true;
	assert_int_equal(xs_conn_stuck(w->c, true), 0);
	w->c->seeking = false;
	w->c->broken = -EIO;
	assert_int_equal(xs_conn_stuck(w->c, true), 0);
	w->c->broken = 0;
}

/* A server that has lost all that was asked: nothing can be asked again until it is broken. */
static void stuck_from(u32 last)
{
	struct world *w = world();
	struct call *c[16];
	u32 i, n;

	w->s.twist = hold_all;
	for (i = 0; i < 16; i++) {
		c[i] = call_pattern(50, i);
		c[i]->req.who = i % 4 == 1 ? XS_WHO_KERNEL : XS_WHO_MODULE;
		queue(w, c[i]);
	}
	settle(w);
	for (n = 0; n < 16; n++) {
		i = (last + 1 + n) % 16;
		assert_int_equal(xs_conn_stuck(w->c, true), 0);	/* somebody waits for one still */
		if (i % 4 != 1) {
			assert_true(xs_conn_abandon(w->c, &c[i]->req));
			poison(c[i]);
		}
	}
	stuck_says(w, -ENOBUFS);		/* the kernel waits for ever */
	assert_int_equal(w->c->heard, 0);
	assert_true(fs_send(&w->s, XS_WATCH_EVENT, 0, 0, "p\0tok", 6));
	w->s.event = true;	/* events alone free no slot */
	assert_int_equal(settle(w), 0);
	assert_int_equal(w->c->heard, 1);
	assert_int_equal(w->c->answered, 0);
	assert_int_equal(xs_conn_stuck(w->c, false), -ENOBUFS);
	w->s.twist = NULL;
	fs_release(&w->s);
	assert_int_equal(settle(w), 0);
	assert_int_equal(w->c->heard, 17);
	assert_int_equal(w->c->answered, 16);
	assert_int_equal(xs_conn_stuck(w->c, true), 0);
	for (i = 1; i < 16; i += 4) {
		check_pattern(c[i]);
		free_call(c[i]);
	}
	still_works(w);
	end(w);
}

/* One that was left to itself is waited for by nobody, and has its end all the same. */
static void stuck_with_one_left(void **state)
{
	struct world *w = world();
	struct call *c[16];
	u32 i;

	hold_patterns(w, c, 16, 50);
	for (i = 0; i < 15; i++) {
		assert_true(xs_conn_abandon(w->c, &c[i]->req));
		poison(c[i]);
	}
	assert_int_equal(xs_conn_stuck(w->c, true), 0);
	c[15]->req.left = true;
	assert_int_equal(xs_conn_stuck(w->c, true), -ENOBUFS);
	w->s.twist = NULL;
	fs_release(&w->s);
	assert_int_equal(settle(w), 0);
	check_pattern(c[15]);
	free_call(c[15]);
	still_works(w);
	end(w);
}

static void stuck_slots(void **state)
{
	stuck_from(0);		/* the last that is waited for is in the first slot, */
	stuck_from(6);
	stuck_from(15);		/* and in the last one */
}

/* Partly received, at every byte of header and payload; as value, as error, as raw error. */
static void abandon_partly_received(void **state)
{
	struct world *w;
	struct call *c;
	u32 cut, kind, total;
	bool hit;

	for (kind = 0; kind < 3; kind++) {
		total = 16 + (kind ? 7 : 40);
		for (cut = 1; cut < total; cut++) {
			w = world_at(cut, 0u - cut, cut);
			w->s.chunk = 1;
			c = kind ? call(XS_READ, "none", 40) : call_pattern(40, cut);
			c->req.raw = kind == 2;
			queue(w, c);
			for (hit = false; !hit; ) {
				if (w->due || fs_take_kick(&w->s)) {
					w->due = false;
					if (xs_conn_pump(w->c) & XS_PUMP_SIGNAL)
						fs_signal(&w->s);
				} else {
					assert_true(fs_step(&w->s));
				}
				hit = w->c->in.have == cut;
			}
			assert_int_equal(c->req.state, XS_REQ_SENT);
			assert_int_equal(c->dones, 0);
			assert_false(xs_conn_idle(w->c));
			stuck_says(w, -ENODATA);
			assert_int_equal(xs_conn_stuck(w->c, false), 0);
			assert_true(xs_conn_abandon(w->c, &c->req));
			assert_int_equal(xs_conn_stuck(w->c, true), -ENODATA);
			poison(c);
			w->due = true;
			assert_int_equal(settle(w), 0);
			assert_int_equal(w->c->stats.late, 1);
			assert_int_equal(w->c->stats.replies, 0);
			assert_int_equal(xs_conn_stuck(w->c, true), 0);
			still_works(w);
			end(w);
		}
	}
}

static void abandon_done(void **state)
{
	struct world *w = world();
	struct call *c = call_pattern(8, 8);

	queue(w, c);
	settle(w);
	assert_false(xs_conn_abandon(w->c, &c->req));
	check_pattern(c);
	poison(c);
	still_works(w);
	end(w);
}

/* The same struct is used again while the late reply to its first life is still to come. */
static void abandoned_and_used_again(void **state)
{
	struct world *w = world();
	struct call *c = call_pattern(20, 1);

	w->s.twist = hold_all;
	queue(w, c);
	settle(w);
	assert_true(xs_conn_abandon(w->c, &c->req));
	c->req.out.done = 0;
	queue(w, c);
	settle(w);
	w->s.frame[0]->held = false;
	w->s.event = true;
	settle(w);
	assert_int_equal(w->c->stats.late, 1);
	assert_int_equal(c->dones, 0);
	w->s.twist = NULL;
	fs_release(&w->s);
	settle(w);
	check_pattern(c);
	free_call(c);
	still_works(w);
	end(w);
}

/* ---- what comes that nobody wants -------------------------------------------------------- */

static void twist_vectors(void **state)
{
	static const struct {
		enum fs_twist twist;
		int pump, result;	/* result 1: not done */
	} rows[] = {
		{ FS_ANSWER,     0,        0 },
		{ FS_MUTE,       0,        1 },
		{ FS_HOLD,       0,        1 },
		{ FS_DOUBLE,     -EBADMSG, 0 },
		{ FS_FOREIGN,    -EBADMSG, -EBADMSG },
		{ FS_OVERSIZE,   -EPROTO,  -EPROTO },
		{ FS_WRONG_TYPE, 0,        -EPROTO },
		{ FS_REFUSE,     0,        -EIO },
	};
	static const u32 chunks[] = { 0, 1, 7 };
	struct world *w;
	struct call *c;
	u32 i, k;
	int err;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		for (k = 0; k < ARRAY_SIZE(chunks); k++) {
			w = world();
			w->s.twist = twist_one;
			w->s.chunk = chunks[k];
			the_twist = rows[i].twist;
			c = call_pattern(30, 1);
			queue(w, c);
			err = settle(w);
			if (err != rows[i].pump)
				fail_msg("twist %u: the pump says %d", rows[i].twist, err);
			if (err) {
				assert_int_equal(w->c->broken, err);
				assert_int_equal(xs_conn_pump(w->c), err);
				xs_conn_fail(w->c, err);
			}
			if (rows[i].result == 1) {
				assert_int_equal(c->dones, 0);
				xs_conn_fail(w->c, -ENODEV);
				assert_int_equal(c->req.result, -ENODEV);
			} else {
				assert_int_equal(c->req.result, rows[i].result);
			}
			assert_int_equal(c->dones, 1);
			if (!err && rows[i].result != 1)
				still_works(w);
			if (rows[i].twist == FS_WRONG_TYPE)
				assert_int_equal(w->c->stats.wrong_type, 1);
			free_call(c);
			end(w);
		}
	}
}

static void answer_before_the_question(void **state)
{
	struct world *w = world();
	struct call *c = call_write("big", 3000);

	w->s.mute = true;
	queue(w, c);
	settle(w);
	assert_int_equal(c->req.out.done, 1024);
	fs_send(&w->s, XS_WRITE, c->req.out.hdr.req_id, 0, "OK", 3);
	w->s.event = true;
	assert_int_equal(settle(w), -EBADMSG);
	assert_int_equal(c->dones, 0);
	xs_conn_fail(w->c, -EBADMSG);
	assert_int_equal(c->dones, 1);
	poison(c);
	end(w);
}

/* Ids that are wrong in each single bit, and ids of slots that are free. */
static void foreign_ids(void **state)
{
	struct world *w;
	struct call *c;
	u32 bit;

	for (bit = 0; bit < 32; bit++) {
		w = world();
		w->s.twist = hold_all;
		c = call_pattern(3, 3);
		queue(w, c);
		settle(w);
		fs_send(&w->s, XS_READ, c->req.out.hdr.req_id ^ 1u << bit, 0, "abc", 3);
		w->s.event = true;
		assert_int_equal(settle(w), -EBADMSG);
		assert_int_equal(c->dones, 0);
		xs_conn_fail(w->c, -EBADMSG);
		free_call(c);
		end(w);
	}
}

static const struct {
	u32 type;
	const char *payload;
	u32 len, cap;
	bool raw, null;
	int result;
	const char *error;
} replies[] = {
	{ XS_READ,  "abcd",      4, 4,  false, false, 0,           "" },
	{ XS_READ,  "abcd",      4, 3,  false, false, -ENOBUFS,    "" },
	{ XS_READ,  "abcd",      4, 0,  false, false, -ENOBUFS,    "" },
	{ XS_READ,  "abcd",      4, 0,  false, true,  -ENOBUFS,    "" },
	{ XS_READ,  "",          0, 0,  false, true,  0,           "" },
	{ XS_READ,  "",          0, 9,  false, false, 0,           "" },
	{ XS_ERROR, "ENOENT",    7, 4,  false, false, -ENOENT,     "ENOENT" },
	{ XS_ERROR, "ENOENT",    6, 4,  false, false, -ENOENT,     "ENOENT" },
	{ XS_ERROR, "EQUOTA",    7, 4,  false, false, -EDQUOT,     "EQUOTA" },
	{ XS_ERROR, "EWHATEVER", 10, 4, false, false, -EREMOTEIO,  "EWHATEVER" },
	{ XS_ERROR, "",          0, 4,  false, false, -EREMOTEIO,  "" },
	{ XS_ERROR, "",          1, 4,  false, false, -EREMOTEIO,  "" },
	{ XS_ERROR, "EFOURTEENCHARS", 14, 4, false, false, -EREMOTEIO, "EFOURTEENCHARS" },
	{ XS_ERROR, "EFIFTEENLETTERS", 15, 4, false, false, -EREMOTEIO, "EFIFTEENLETTERS" },
	{ XS_ERROR, "EFIFTEENLETTERS", 16, 4, false, false, -EREMOTEIO, "EFIFTEENLETTERS" },
	{ XS_ERROR, "ELONGERTHANFIFTEEN", 19, 4, false, false, -EREMOTEIO, "ELONGERTHANFIFT" },
	{ XS_ERROR, "ENOENT",    7, 8,  true,  false, 0,           "" },
	{ XS_ERROR, "ENOENT",    7, 3,  true,  false, -ENOBUFS,    "" },
	{ XS_WRITE, "OK",        3, 8,  false, false, -EPROTO,     "" },
	{ XS_WRITE, "OK",        3, 8,  true,  false, -EPROTO,     "" },
	{ 0,        "",          0, 8,  false, false, -EPROTO,     "" },
	{ 0xffffffff, "",        0, 8,  false, false, -EPROTO,     "" },
};

static void reply_vectors(void **state)
{
	struct world *w = world();
	struct call *c;
	u32 i, fits;

	for (i = 0; i < ARRAY_SIZE(replies); i++) {
		w->s.twist = twist_one;
		the_twist = FS_MUTE;
		c = call_raw(XS_READ, "x", 2, replies[i].cap);
		c->req.raw = replies[i].raw;
		if (replies[i].null)
			c->req.reply = NULL;
		queue(w, c);
		settle(w);
		w->s.opens = 0;		/* the test answers in its stead */
		fs_send(&w->s, replies[i].type, c->req.out.hdr.req_id, 0, replies[i].payload,
			replies[i].len);
		w->s.event = true;
		assert_int_equal(settle(w), 0);
		if (c->dones != 1 || c->req.result != replies[i].result)
			fail_msg("row %u: %u, %d", i, c->dones, c->req.result);
		assert_string_equal(c->req.error, replies[i].error);
		assert_int_equal(c->req.len, replies[i].len);
		assert_int_equal(c->req.type, replies[i].type);
		fits = replies[i].len < replies[i].cap ? replies[i].len : replies[i].cap;
		if (replies[i].raw || replies[i].type == XS_READ)
			assert_memory_equal(c->reply, replies[i].payload, fits);
		free_call(c);
	}
	still_works(w);
	end(w);
}

/* An error name of any length fills its place and not what stands behind it. */
static void long_error_byte_by_byte(void **state)
{
	struct world *w = world();
	struct call *c = call(XS_READ, "x", 4);
	char name[4096];

	memset(name, 'E', sizeof(name));
	w->s.twist = twist_one;
	the_twist = FS_MUTE;
	queue(w, c);
	settle(w);
	fs_send(&w->s, XS_ERROR, c->req.out.hdr.req_id, 0, name, sizeof(name));
	w->s.chunk = 1;
	w->s.event = true;
	while (!c->dones) {
		assert_int_equal(c->req.state, XS_REQ_SENT);
		assert_int_equal(c->req.slot, 0);
		assert_true(fs_step(&w->s));
		if (xs_conn_pump(w->c) & XS_PUMP_SIGNAL)
			fs_signal(&w->s);
	}
	assert_int_equal(c->req.result, -EREMOTEIO);
	assert_int_equal(strlen(c->req.error), XS_ERROR_MAX - 1);
	assert_int_equal(c->req.len, sizeof(name));
	free_call(c);
	still_works(w);
	end(w);
}

/* ---- watch events ------------------------------------------------------------------------ */

static const struct {
	const char *payload;
	u32 len;
	bool good;
} events[] = {
	{ "path\0token",        11, true },
	{ "path\0",             6,  true },	/* an empty token is one */
	{ "\0",                 2,  true },
	{ "path\0token\0more",  16, true },
	{ "",                   0,  false },
	{ "",                   1,  false },
	{ "path",               5,  false },
	{ "path",               4,  false },
	{ "path\0token",        10, false },	/* no closing NUL */
};

static void event_vectors(void **state)
{
	struct world *w = world();
	u32 i, good = 0, bad = 0;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		/* an event may carry any id: also one that looks like a request's */
		fs_send(&w->s, XS_WATCH_EVENT, i, i, events[i].payload, events[i].len);
		w->s.event = true;
		assert_int_equal(settle(w), 0);
		if (events[i].good) {
			good++;
			assert_string_equal(w->last_path, events[i].payload);
		} else {
			bad++;
		}
		if (w->events != good || w->c->stats.bad_events != bad)
			fail_msg("row %u", i);
	}
	assert_int_equal(w->c->stats.events, good + bad);
	still_works(w);
	end(w);
}

static void biggest_event(void **state)
{
	char *p = malloc(4096);
	struct world *w = world();

	memset(p, 'p', 4096);
	p[4000] = '\0';
	p[4095] = '\0';
	fs_send(&w->s, XS_WATCH_EVENT, 0, 0, p, 4096);
	memset(p, 'x', 4096);		/* and one that is one string too long for its NUL */
	fs_send(&w->s, XS_WATCH_EVENT, 0, 0, p, 4096);
	w->s.event = true;
	assert_int_equal(settle(w), 0);
	assert_int_equal(w->events, 1);
	assert_int_equal(w->c->stats.bad_events, 1);
	free(p);
	still_works(w);
	end(w);
}

/* Events by the hundred while requests go on: all come, and in order with the replies. */
static void flood_of_events(void **state)
{
	struct world *w = world();
	struct call *c[30];
	char ev[32];
	u32 i;
	int n;

	for (i = 0; i < 300; i++) {
		n = snprintf(ev, sizeof(ev), "path%u%ct", i, 0);
		fs_send(&w->s, XS_WATCH_EVENT, 0, 0, ev, (u32)n + 1);
	}
	for (i = 0; i < 30; i++) {
		c[i] = call_pattern(100, i);
		queue(w, c[i]);
	}
	assert_int_equal(settle(w), 0);		/* it starts throttled: 300 frames are unread */
	assert_int_equal(w->events, 300);
	assert_string_equal(w->last_path, "path299");
	end_patterns(c, 30);
	end(w);
}

/* ---- a stream whose start is lost -------------------------------------------------------- */

static u32 put_frame(u8 *to, u32 type, u32 id, u32 len)
{
	u32 hdr[4] = { type, id, 0, len };

	memcpy(to, hdr, 16);
	memset(to + 16, 'z', len);
	return 16 + len;
}

static void seek_with(const u8 *left, u32 len, u32 chunk, bool refuse)
{
	struct world *w = world_at(len * 7, 0u - len, 0xabc + len);
	struct call *reset = call(XS_TYPE_RESET_WATCHES, "", 8), *c = call_pattern(64, len);

	fs_leftover(&w->s, left, len);
	w->s.chunk = chunk;
	w->s.twist = refuse ? twist_one : hold_all;
	the_twist = FS_REFUSE;
	queue(w, c);			/* it waits, though it was first */
	xs_conn_seek(w->c, &reset->req);
	assert_int_equal(settle(w), 0);
	if (!refuse) {
		assert_int_equal(w->s.requests, 1);	/* it travels alone */
		assert_int_equal(c->req.state, XS_REQ_QUEUED);
		assert_int_equal(reset->dones, 0);
		assert_false(xs_conn_idle(w->c));
		w->s.twist = NULL;
		fs_release(&w->s);
		assert_int_equal(settle(w), 0);
		check_ok(reset);
	} else {
		assert_int_equal(reset->dones, 1);
		assert_int_equal(reset->req.result, -EIO);
	}
	check_pattern(c);
	assert_int_equal(w->c->stats.dropped, len);
	assert_int_equal(w->events, 0);
	free_call(reset);
	free_call(c);
	w->s.chunk = 0;
	still_works(w);
	end(w);
}

static void seek_at_attach(void **state)
{
	u8 b[1024];
	u32 len, n, i;

	for (len = 0; len <= 1024; len += len < 40 ? 1 : 41) {
		for (i = 0; i < 1024; i++)
			b[i] = (u8)(i * 37 + len);
		seek_with(b, len, 0, false);
		seek_with(b, len, 1, true);
	}
	seek_with(b, 1024, 0, false);
	/* whole messages of the predecessor's, and half of one */
	n = put_frame(b, XS_READ, 0x1231, 100);
	n += put_frame(b + n, XS_WATCH_EVENT, 0, 20);
	n += put_frame(b + n, XS_READ, 0x1232, 200);
	for (len = n; len > n - 216; len -= 5)
		seek_with(b, len, len % 3, len & 1);
	/* the tail of one, and headers that look almost right */
	memset(b, 0, sizeof(b));
	n = 5;
	n += put_frame(b + n, XS_TYPE_RESET_WATCHES, 0, 3);
	n += put_frame(b + n, XS_TYPE_RESET_WATCHES, 0xffffffff, 3);
	n += put_frame(b + n, XS_ERROR, 0x10, 7);
	seek_with(b, n, 0, false);
	seek_with(b, n - 9, 1, false);
}

/* What is queued after the search has begun waits behind it. It may begin at any time. */
static void seek_then_queue(void **state)
{
	struct world *w = world();
	struct call *reset = call(XS_TYPE_RESET_WATCHES, "", 8), *c = call_pattern(9, 9);

	still_works(w);
	xs_conn_seek(w->c, &reset->req);
	queue(w, c);
	assert_int_equal(settle(w), 0);
	check_ok(reset);
	check_pattern(c);
	assert_true(reset->order < c->order);
	free_call(reset);
	free_call(c);
	still_works(w);
	end(w);
}

/* A half header of leftovers is nothing that one could rest on. */
static void seeking_is_not_idle(void **state)
{
	struct world *w = world();
	struct call *c = call(XS_TYPE_RESET_WATCHES, "", 8);
	u8 ones[300];

	memset(ones, 0xff, sizeof(ones));
	assert_true(xs_conn_idle(w->c));
	fs_leftover(&w->s, ones, sizeof(ones));
	xs_conn_seek(w->c, &c->req);
	xs_conn_abandon(w->c, &c->req);
	free_call(c);
	assert_true(xs_conn_pump(w->c) >= 0);
	assert_false(xs_conn_idle(w->c));
	c = call(XS_TYPE_RESET_WATCHES, "", 8);
	xs_conn_seek(w->c, &c->req);	/* a second search finds it */
	w->due = true;
	assert_int_equal(settle(w), 0);
	check_ok(c);
	free_call(c);
	still_works(w);
	end(w);
}

static u32 skips, skipped_bytes;

static void count_skipped(struct xs_conn *conn, const void *bytes, u32 n)
{
	assert_true(n > 0);
	assert_memory_equal(bytes, &"leftovers of some"[skipped_bytes], n);
	skips++;
	skipped_bytes += n;
}

/* A search that is given up holds nothing back: its bytes are skipped, and the stream goes on. */
static void search_given_up(u32 held, bool told)
{
	struct world *w = world();
	struct call *c = call(XS_TYPE_RESET_WATCHES, "", 8);

	skips = skipped_bytes = 0;
	w->c->skipped = told ? count_skipped : NULL;
	fs_leftover(&w->s, "leftovers of some", held);
	xs_conn_seek(w->c, &c->req);
	assert_true(xs_conn_pump(w->c) >= 0);
	xs_conn_abandon(w->c, &c->req);
	free_call(c);
	assert_int_equal(w->c->in.have, held < 16 ? held : 15);
	xs_conn_give_up_seek(w->c);
	xs_conn_give_up_seek(w->c);
	assert_int_equal(skipped_bytes, told ? held : 0);
	assert_int_equal(skips, told ? !!held + (held > 15) : 0);
	fs_send(&w->s, XS_WATCH_EVENT, 0, 0, "p\0t", 4);
	w->s.event = true;
	settle(w);
	assert_int_equal(w->events, 1);
	end(w);
}

static void give_up_vectors(void **state)
{
	struct call *c = call_pattern(100, 1);
	struct world *w;
	u32 held;

	for (held = 0; held < 18; held++) {
		search_given_up(held, true);
		search_given_up(held, false);
	}
	w = world();
	/* nothing was searched for: the message that is coming goes on */
	w->c->skipped = count_skipped;
	w->s.chunk = 50;
	skips = 0;
	queue(w, c);
	while (w->c->in.have < 50) {
		if (xs_conn_pump(w->c) & XS_PUMP_SIGNAL)
			fs_signal(&w->s);
		fs_step(&w->s);
	}
	xs_conn_give_up_seek(w->c);
	assert_int_equal(skips, 0);
	w->due = true;
	settle(w);
	check_pattern(c);
	free_call(c);
	still_works(w);
	end(w);
}

/* ---- the end of all ---------------------------------------------------------------------- */

static u32 again;

static void queue_again_once(struct call *c)
{
	if (again++ < 3) {
		c->req.out.done = 0;
		xs_conn_queue(now->c, &c->req);
	}
}

/* Queued, partly sent, sent and partly received at once: each ends once, and nothing is touched. */
static void fail_ends_all(void **state)
{
	struct world *w = world();
	struct call *c[20], *big;
	u32 i, have;
	u8 page[4096];

	hold_patterns(w, c, 10, 500);
	w->s.mute = true;
	big = call_write("big", 4000);
	queue(w, big);
	for (i = 10; i < 20; i++) {
		c[i] = call_pattern(500, i);
		queue(w, c[i]);
	}
	settle(w);
	w->s.frame[3]->held = false;
	w->s.chunk = 1;
	w->s.event = true;
	do {
		fs_step(&w->s);
		xs_conn_pump(w->c);
		have = w->c->in.have;
	} while (have < 100);
	assert_int_equal(c[3]->req.state, XS_REQ_SENT);
	assert_int_equal(big->req.out.done, 1024);
	assert_int_equal(c[15]->req.state, XS_REQ_QUEUED);
	xs_conn_abandon(w->c, &c[7]->req);

	memcpy(page, w->s.page_bytes, 4096);
	xs_conn_fail(w->c, -ENODEV);
	for (i = 0; i < 20; i++) {
		assert_int_equal(c[i]->dones, i != 7);
		if (i != 7)
			assert_int_equal(c[i]->req.result, -ENODEV);
		poison(c[i]);
	}
	assert_int_equal(big->dones, 1);
	poison(big);
	assert_int_equal(w->c->stats.inflight, 0);
	assert_int_equal(xs_conn_pump(w->c), -ENODEV);
	assert_memory_equal(page, w->s.page_bytes, 4096);
	xs_conn_fail(w->c, -EIO);		/* a second time harms nobody */
	assert_int_equal(xs_conn_pump(w->c), -ENODEV);
	end(w);
}

static void fail_with_orphan(void **state)
{
	struct world *w = world();
	struct call *c = call_write("big", 4000);

	w->s.mute = true;
	queue(w, c);
	settle(w);
	xs_conn_abandon(w->c, &c->req);
	poison(c);
	xs_conn_fail(w->c, -EIO);
	assert_int_equal(w->c->stats.inflight, 0);
	end(w);
}

/* One whose done() queues it again while all ends is not lost: it ends, or it is in the queue. */
static void fail_and_queued_again(void **state)
{
	struct world *w = world();
	struct call *a = call_pattern(5, 5), *b = call_pattern(5, 6);

	again = 0;
	w->s.mute = true;
	a->then = queue_again_once;
	queue(w, a);
	settle(w);
	queue(w, b);
	for (again = 0; w->c->queue || w->c->stats.inflight; )
		xs_conn_fail(w->c, -EIO);
	assert_int_equal(a->dones, 4);
	assert_int_equal(b->dones, 1);
	assert_int_equal(a->req.state, XS_REQ_IDLE);
	free_call(a);
	free_call(b);
	end(w);
}

/* After a fresh xs_conn_init() on the same page it goes on, also where indices are odd. */
static void begin_anew(void **state)
{
	struct world *w = world();
	struct call *c = call_pattern(7, 7);

	w->s.twist = hold_all;
	queue(w, c);
	settle(w);
	xs_conn_fail(w->c, -ESHUTDOWN);
	free_call(c);
	w->s.twist = NULL;
	fs_release(&w->s);
	fs_run(&w->s);				/* the old reply stands in the ring */
	xs_conn_init(w->c, w->s.page, 0x7777, on_watch_event);
	c = call(XS_TYPE_RESET_WATCHES, "", 8);
	xs_conn_seek(w->c, &c->req);
	w->due = true;
	assert_int_equal(settle(w), 0);
	check_ok(c);
	free_call(c);
	still_works(w);
	end(w);
}

/* ---- broken, and used again -------------------------------------------------------------- */

/*
 * Calls in every state when the stream breaks: those in flight end, those of a transaction too, the
 * others wait for the restart.
 */
static void break_and_restart(bool fresh, u32 half)
{
	struct call *c[16], *later, *tx, *big, *reset;
	struct world *w = world();
	u32 i;

	w->s.page->server_features = XS_FEATURE_RECONNECT;
	hold_patterns(w, c, 15, 50);
	w->s.mute = half;			/* the big one stands half in the ring */
	big = call_write("big", half ? half : 2000);
	later = call_pattern(1500, 77);
	tx = call_write("intx", 5);
	tx->req.out.hdr.tx_id = 3;
	queue(w, big);
	queue(w, tx);
	queue(w, later);
	assert_int_equal(settle(w), 0);
	assert_int_equal(tx->req.state, XS_REQ_QUEUED);

	assert_false(xs_conn_torn(w->c));
	xs_conn_break(w->c, -ECONNRESET);
	assert_int_equal(xs_conn_pump(w->c), -ECONNRESET);
	assert_false(xs_conn_torn(w->c));	/* the server has done nothing */
	assert_int_equal(xs_conn_between(w->c), !xs_out_left(&w->c->orphan));
	for (i = 0; i < 15; i++) {
		assert_int_equal(c[i]->dones, 1);
		assert_int_equal(c[i]->req.result, -ECONNRESET);
		poison(c[i]);
	}
	assert_int_equal(big->req.result, -ECONNRESET);
	assert_int_equal(tx->req.result, -ECONNRESET);
	assert_int_equal(big->dones, 1);
	assert_int_equal(tx->dones, 1);
	poison(big);
	poison(tx);
	assert_int_equal(later->dones, 0);
	assert_int_equal(later->req.state, XS_REQ_QUEUED);
	assert_int_equal(w->c->stats.inflight, 0);

	w->s.mute = false;
	w->s.twist = NULL;
	if (fresh) {
		xs_conn_ask_reconnect(w->c);
		assert_false(xs_conn_reconnected(w->c));
		assert_false(xs_conn_sane(w->c));
		assert_true(xs_conn_torn(w->c));
		fs_signal(&w->s);
		fs_run(&w->s);
		assert_true(xs_conn_reconnected(w->c));
		xs_conn_restart(w->c, true);
		assert_true(xs_conn_sane(w->c));
		assert_false(xs_conn_torn(w->c));
		assert_true(xs_conn_between(w->c));
		w->due = true;
		assert_int_equal(settle(w), 0);
		assert_int_equal(w->s.reconnects, 1);
	} else {
		assert_true(xs_conn_sane(w->c));
		xs_conn_restart(w->c, false);
		reset = call(XS_TYPE_RESET_WATCHES, "", 8);
		xs_conn_seek(w->c, &reset->req);
		fs_release(&w->s);		/* the old replies come now, and are thrown away */
		w->due = true;
		assert_int_equal(settle(w), 0);
		check_ok(reset);
		free_call(reset);
	}
	check_pattern(later);
	free_call(later);
	assert_true(xs_conn_idle(w->c));
	still_works(w);
	end(w);
}

static void restart_after_reconnection(void **state)
{
	break_and_restart(true, 0);
	break_and_restart(true, 1500);
	break_and_restart(true, 4000);
}

static void restart_in_place(void **state)
{
	u32 half;

	break_and_restart(false, 0);
	for (half = 1000; half < 4092; half += 61)
		break_and_restart(false, half);
}

/* Until so many bytes of a message, or of what may be one, have come; the server moves single ones. */
static void until_come(struct world *w, u32 n)
{
	while (w->c->in.have != n) {
		if (xs_conn_pump(w->c) & XS_PUMP_SIGNAL)
			fs_signal(&w->s);
		if (w->c->in.have != n)
			fs_step(&w->s);
	}
}

/* Broken in the middle of a header and of a payload, for a restart without the server's help. */
static void restart_in_mid_message(void **state)
{
	struct call *c, *reset;
	struct world *w;
	u32 cut;

	for (cut = 1; cut < 116; cut++) {
		w = world_at(cut, cut, cut);
		w->s.chunk = 1;
		c = call_pattern(100, cut);
		queue(w, c);
		until_come(w, cut);
		assert_false(xs_conn_between(w->c));
		xs_conn_break(w->c, -ECONNRESET);
		assert_int_equal(c->dones, 1);
		poison(c);
		assert_true(xs_conn_sane(w->c));
		assert_false(xs_conn_torn(w->c));
		assert_false(xs_conn_between(w->c));
		xs_conn_restart(w->c, false);
		assert_true(xs_conn_torn(w->c));	/* the rest is lost */
		reset = call(XS_TYPE_RESET_WATCHES, "", 8);
		xs_conn_seek(w->c, &reset->req);
		w->due = true;
		assert_int_equal(settle(w), 0);
		check_ok(reset);
		free_call(reset);
		assert_false(xs_conn_torn(w->c));
		assert_true(xs_conn_between(w->c));
		still_works(w);
		end(w);
	}
}

/* A search that is broken off has lost nothing: what it has seen is no message yet. */
static void restart_in_a_search(void **state)
{
	struct call *reset;
	struct world *w;
	u32 cut;

	for (cut = 1; cut < XS_HDR_SIZE; cut++) {
		w = world_at(cut, cut, cut);
		w->s.chunk = 1;
		reset = call(XS_TYPE_RESET_WATCHES, "", 8);
		xs_conn_seek(w->c, &reset->req);
		until_come(w, cut);
		xs_conn_break(w->c, -ECONNRESET);
		poison(reset);
		xs_conn_restart(w->c, false);
		assert_false(xs_conn_torn(w->c));
		end(w);
	}
}

static enum fs_twist mute_the_first(struct fs_server *s, const struct xsd_sockmsg *hdr)
{
	return s->requests > 1 ? FS_ANSWER : FS_MUTE;
}

/* A request that was sent, whole or in part, when the ring broke is handed over once more. */
static void comes_again(void **state)
{
	struct world *w;
	struct call *c;
	u32 half;

	for (half = 0; half < 2; half++) {
		w = world();
		w->s.twist = mute_the_first;
		w->s.mute = half;
		c = call_write("k", half ? 3000 : 10);
		queue(w, c);
		assert_int_equal(settle(w), 0);
		assert_int_equal(w->s.requests, !half);
		xs_conn_break(w->c, -ECONNRESET);
		assert_int_equal(c->req.result, -ECONNRESET);
		w->s.mute = false;
		fs_signal(&w->s);
		xs_conn_restart(w->c, false);
		c->dones = 0;
		queue(w, c);
		assert_int_equal(settle(w), 0);
		assert_int_equal(w->s.requests, 2);
		check_ok(c);
		free_call(c);
		w->s.opens = 0;
		still_works(w);
		end(w);
	}
}

/*
 * A reply has come in part, cut at each byte, when the ring breaks: the rest is taken, not while
 * its place is held, and not what comes behind it. Where its id is in the part that is missing, it
 * is nobody's.
 */
static void takes_the_rest(void **state)
{
	struct world *w;
	struct call *c;
	u32 cut, start;

	for (cut = 1; cut < XS_HDR_SIZE + 60; cut++) {
		w = world_at(cut, 0u - cut, cut);
		start = w->c->rsp.at;
		w->s.twist = hold_all;
		c = call_pattern(60, 1);
		queue(w, c);
		assert_int_equal(settle(w), 0);
		fs_release(&w->s);
		w->s.chunk = cut;
		until_come(w, cut);
		xs_conn_break(w->c, -EIO);
		free_call(c);
		assert_false(xs_conn_between(w->c));
		w->s.chunk = 0;
		fs_signal(&w->s);
		fs_run(&w->s);
		fs_leftover(&w->s, "behind", 6);
		w->c->hold = true;
		assert_int_equal(xs_conn_wind_up(w->c), 0);
		assert_int_equal(w->c->in.have, cut);
		w->c->hold = false;
		xs_conn_wind_up(w->c);
		if (cut < XS_HDR_SIZE) {
			assert_true(xs_conn_torn(w->c));
			end(w);
			continue;
		}
		assert_true(xs_conn_between(w->c));
		assert_false(xs_conn_torn(w->c));
		assert_int_equal(w->s.page->rsp_cons - start, XS_HDR_SIZE + 60);
		assert_int_equal(w->c->stats.bytes_in, XS_HDR_SIZE + 60);
		assert_int_equal(xs_conn_wind_up(w->c), 0);
		assert_int_equal(w->s.page->rsp_cons - start, XS_HDR_SIZE + 60);
		end(w);
	}
}

/* What a search has found until now is not known for the beginning of a message. */
static void a_search_takes_no_rest(void **state)
{
	struct world *w = world();
	struct call *reset = call(XS_TYPE_RESET_WATCHES, "", 8);

	w->s.chunk = 1;
	xs_conn_seek(w->c, &reset->req);
	until_come(w, 7);
	fs_signal(&w->s);
	fs_run(&w->s);
	assert_int_equal(xs_conn_wind_up(w->c), 0);
	assert_int_equal(w->c->in.have, 7);
	xs_conn_break(w->c, -ECONNRESET);
	free_call(reset);
	end(w);
}

/* Of a message that is half in the ring the rest goes out; of a ring that is torn nothing does. */
static void winds_up(void **state)
{
	struct world *w = world();
	struct call *c = call_write("big", 3000);
	u32 i;

	w->s.mute = true;
	queue(w, c);
	assert_int_equal(settle(w), 0);
	assert_int_equal(xs_conn_wind_up(w->c), 0);	/* it is not broken */
	xs_conn_break(w->c, -ENOBUFS);
	poison(c);
	assert_int_equal(xs_conn_wind_up(w->c), 0);	/* there is no room */
	w->s.mute = false;
	w->s.chunk = 100;
	fs_signal(&w->s);
	while (w->s.page->req_cons == w->c->req.published - XS_RING_SIZE)
		assert_true(fs_step(&w->s));
	assert_int_equal(xs_conn_wind_up(w->c), 0);	/* it goes on reading, told or not */
	assert_int_equal(w->c->req.published - w->s.page->req_cons, XS_RING_SIZE);
	w->s.chunk = 0;
	for (i = 0; i < 2; i++) {
		assert_false(xs_conn_between(w->c));
		fs_signal(&w->s);
		fs_run(&w->s);
		w->s.page->server_features = XS_FEATURE_ERROR;
		w->s.page->error = 1;
		assert_int_equal(xs_conn_wind_up(w->c), 0);
		w->s.page->error = 0;
		assert_int_equal(xs_conn_wind_up(w->c), XS_PUMP_SIGNAL);
	}
	assert_true(xs_conn_between(w->c));
	assert_int_equal(xs_conn_wind_up(w->c), 0);
	w->s.twist = hold_all;
	fs_signal(&w->s);
	fs_run(&w->s);
	assert_int_equal(w->s.requests, 1);
	end(w);
}

/* The server gives a fresh connection while half a message is taken, and while one seeks. */
static void fresh_at_any_moment(void **state)
{
	struct call *c;
	struct world *w;
	u32 cut, seek;

	for (seek = 0; seek < 2; seek++) {
		for (cut = 1; cut < 30; cut++) {
			w = world_at(cut, cut, cut);
			w->s.page->server_features = XS_FEATURE_RECONNECT;
			w->s.chunk = 1;
			if (seek) {
				fs_leftover(&w->s, "leftovers of somebody, thirty-two", cut);
				c = call(XS_TYPE_RESET_WATCHES, "", 8);
				xs_conn_seek(w->c, &c->req);
				xs_conn_pump(w->c);
			} else {
				c = call_pattern(100, cut);
				queue(w, c);
				until_come(w, cut);
			}
			xs_conn_break(w->c, -ECONNRESET);
			assert_int_equal(c->req.result, -ECONNRESET);
			poison(c);
			xs_conn_ask_reconnect(w->c);
			fs_signal(&w->s);
			fs_run(&w->s);
			assert_true(xs_conn_reconnected(w->c));
			xs_conn_restart(w->c, true);
			still_works(w);
			end(w);
		}
	}
}

static void sane_vectors(void **state)
{
	struct world *w = world();

	assert_true(xs_conn_sane(w->c));
	w->s.page->connection = 1;
	assert_true(xs_conn_sane(w->c));	/* no feature bit: the word means nothing */
	w->s.page->server_features = XS_FEATURE_RECONNECT;
	assert_false(xs_conn_sane(w->c));
	w->s.page->server_features = 0;
	xs_conn_restart(w->c, false);		/* it does not any more */
	assert_int_equal(w->s.page->connection, 0);
	w->s.page->error = 1;
	assert_true(xs_conn_sane(w->c));	/* no feature bit: the word means nothing */
	w->s.page->server_features = XS_FEATURE_ERROR;
	assert_false(xs_conn_sane(w->c));
	w->s.page->error = 0;
	assert_true(xs_conn_sane(w->c));
	w->s.page->req_cons++;
	assert_false(xs_conn_sane(w->c));
	w->s.page->req_cons--;
	w->s.page->rsp_prod--;
	assert_false(xs_conn_sane(w->c));
	w->s.page->rsp_prod++;
	assert_true(xs_conn_sane(w->c));
	still_works(w);
	end(w);
}

/* ---- deadlines --------------------------------------------------------------------------- */

/* In every state: queued, half sent, sent, half received; those without a deadline stay. */
static void deadlines(void **state)
{
	struct world *w = world();
	struct call *c[20], *big;
	u32 i;

	w->s.twist = hold_all;
	for (i = 0; i < 12; i++) {
		c[i] = call_pattern(600, i);
		c[i]->req.deadline = i % 3 ? 100 + i : 0;
		queue(w, c[i]);
	}
	settle(w);
	w->s.mute = true;
	big = call_write("big", 3000);
	big->req.deadline = 200;
	queue(w, big);
	for (i = 12; i < 20; i++) {
		c[i] = call_pattern(9, i);
		c[i]->req.deadline = i % 3 ? 100 + i : 0;
		queue(w, c[i]);
	}
	settle(w);
	assert_int_equal(big->req.out.done, 1024);
	assert_int_equal(xs_conn_expire(w->c, 0), 101);
	assert_int_equal(xs_conn_expire(w->c, 100), 101);
	for (i = 0; i < 20; i++)
		assert_int_equal(c[i]->dones, 0);
	assert_int_equal(xs_conn_expire(w->c, 110), 111);	/* on the stroke is late */
	for (i = 0; i < 20; i++) {
		assert_int_equal(c[i]->dones, i % 3 && i <= 10);
		if (c[i]->dones)
			assert_int_equal(c[i]->req.result, -ETIMEDOUT);
	}
	assert_int_equal(big->dones, 0);
	assert_int_equal(xs_conn_expire(w->c, 1000), 0);
	assert_int_equal(big->dones, 1);
	for (i = 0; i < 20; i++) {
		assert_int_equal(c[i]->dones, i % 3 != 0);
		if (!c[i]->dones)
			continue;
		poison(c[i]);
		c[i] = NULL;
	}
	poison(big);
	assert_int_equal(w->c->stats.expired, 14);

	w->s.mute = false;
	w->s.twist = NULL;
	fs_release(&w->s);
	assert_int_equal(settle(w), 0);
	for (i = 0; i < 20; i++) {
		if (!c[i])
			continue;
		check_pattern(c[i]);
		free_call(c[i]);
	}
	assert_int_equal(w->c->stats.late, 9);	/* eight reads and the big write */
	still_works(w);
	end(w);
}

/* Wherever in the slots it is. */
static void deadline_in_each_slot(void **state)
{
	struct call *c[16];
	struct world *w;
	u32 late, i;

	for (late = 0; late < 16; late++) {
		w = world();
		w->s.twist = hold_all;
		for (i = 0; i < 16; i++) {
			c[i] = call_pattern(6, i);
			c[i]->req.deadline = i == late ? 5 : 0;
			queue(w, c[i]);
		}
		settle(w);
		assert_int_equal(xs_conn_expire(w->c, 4), 5);
		assert_int_equal(xs_conn_expire(w->c, 5), 0);
		assert_int_equal(c[late]->req.result, -ETIMEDOUT);
		poison(c[late]);
		w->s.twist = NULL;
		fs_release(&w->s);
		settle(w);
		for (i = 0; i < 16; i++) {
			if (i == late)
				continue;
			check_pattern(c[i]);
			free_call(c[i]);
		}
		end(w);
	}
}

/* What belongs to a transaction and waits in the queue ends; nothing else does. */
static void transactions_end(void **state)
{
	struct world *w = world();
	struct call *c[20];
	u32 i;

	w->s.twist = hold_all;
	for (i = 0; i < 20; i++) {
		c[i] = call_pattern(6, i);
		c[i]->req.out.hdr.tx_id = i & 1 ? 7 : 0;
		queue(w, c[i]);
	}
	settle(w);
	xs_conn_end_transactions(w->c, -ECONNRESET);
	for (i = 0; i < 20; i++) {
		assert_int_equal(c[i]->dones, i == 17 || i == 19);
		if (c[i]->dones)
			assert_int_equal(c[i]->req.result, -ECONNRESET);
	}
	w->s.twist = NULL;
	fs_release(&w->s);
	settle(w);
	for (i = 0; i < 20; i++) {
		if (i != 17 && i != 19)
			check_pattern(c[i]);
		free_call(c[i]);
	}
	still_works(w);
	end(w);
}

/* ---- a broken page ----------------------------------------------------------------------- */

/* A bad index at every point of a conversation, on each ring: seen at the next look, all end. */
static void bad_index_at_every_point(void **state)
{
	static const u32 bad[] = { 1025, 2000, 0x80000000, 0xfffffc00, 0xffffffff };
	struct call *c[6];
	struct world *w;
	u32 which, b, at, i, step, flags;
	bool over;
	int err;

	for (which = 0; which < 2; which++) {
		for (b = 0; b < ARRAY_SIZE(bad); b++) {
			for (over = false, at = 0; !over; at++) {
				w = world_at(0u - 500, 0u - 700, at);
				w->s.chunk = 100;
				w->s.dishonest = true;	/* its words are not its own now */
				for (i = 0; i < 6; i++) {
					c[i] = i % 2 ? call_write("w", 700) : call_pattern(900, i);
					queue(w, c[i]);
				}
				err = 0;
				for (step = 0; step < at && !over; step++) {
					if (w->due || fs_take_kick(&w->s)) {
						w->due = false;
						flags = (u32)xs_conn_pump(w->c);
						if (flags & XS_PUMP_SIGNAL)
							fs_signal(&w->s);
					} else {
						over = !fs_step(&w->s);
					}
				}
				if (which)
					w->s.page->rsp_prod = w->c->rsp.at + bad[b];
				else
					w->s.page->req_cons = w->c->req.at - bad[b];
				err = xs_conn_pump(w->c);
				/* the request ring is looked at only by who has to send */
				if (err != -EIO && (which || w->c->queue || w->c->sending))
					fail_msg("%u, %u at %u: %d", which, bad[b], at, err);
				xs_conn_fail(w->c, -EIO);
				for (i = 0; i < 6; i++) {
					assert_int_equal(c[i]->dones, 1);
					poison(c[i]);
				}
				end(w);
			}
		}
	}
}

static void error_word(void **state)
{
	struct world *w = world();
	struct call *c = call_pattern(5, 5);

	w->s.page->error = 2;			/* no feature bit: it may be anything */
	still_works(w);
	w->s.page->server_features = 1 | 4 | 8;
	assert_int_equal(xs_conn_features(w->c), 13);
	still_works(w);
	w->s.page->server_features = 0xe;
	w->s.page->error = 0;
	still_works(w);
	w->s.twist = hold_all;
	queue(w, c);
	settle(w);
	w->s.page->error = 2;
	w->due = true;
	assert_int_equal(settle(w), -ECOMM);
	assert_int_equal(w->c->broken, -ECOMM);
	w->s.page->error = 0;
	assert_true(xs_conn_torn(w->c));
	xs_conn_restart(w->c, false);
	assert_true(xs_conn_torn(w->c));
	xs_conn_restart(w->c, true);
	assert_false(xs_conn_torn(w->c));
	xs_conn_fail(w->c, -ECOMM);
	assert_int_equal(c->req.result, -ECOMM);
	free_call(c);
	end(w);
}

/* The server scribbles over our two indices: ours go on from what we know. */
static void own_indices_scribbled(void **state)
{
	struct world *w = world();
	struct call *c = call_pattern(2000, 5);
	u32 req_prod, rsp_cons;

	queue(w, c);
	assert_int_equal(xs_conn_pump(w->c), XS_PUMP_SIGNAL);
	req_prod = w->s.page->req_prod;
	fs_signal(&w->s);
	fs_run(&w->s);
	rsp_cons = w->s.page->rsp_cons;
	w->s.page->req_prod = 0xdeadbeef;
	w->s.page->rsp_cons = 0xdeadbeef;
	assert_int_equal(xs_conn_pump(w->c), XS_PUMP_SIGNAL);
	assert_int_equal(w->s.page->rsp_cons, rsp_cons + 1024);
	assert_int_equal(w->s.page->req_prod, 0xdeadbeef);	/* nothing to send */
	w->s.page->req_prod = req_prod;
	fs_signal(&w->s);
	assert_int_equal(settle(w), 0);
	check_pattern(c);
	free_call(c);
	still_works(w);
	end(w);
}

/* ---- signals ----------------------------------------------------------------------------- */

static void signal_vectors(void **state)
{
	struct world *w = world();
	struct call *a = call_pattern(4, 1), *b = call_pattern(4, 2), *c = call_pattern(1300, 3);

	assert_int_equal(xs_conn_pump(w->c), 0);	/* nothing to say */
	queue(w, a);
	queue(w, b);
	assert_int_equal(xs_conn_pump(w->c), XS_PUMP_SIGNAL);	/* one signal for both */
	assert_int_equal(xs_conn_pump(w->c), 0);
	fs_signal(&w->s);
	fs_run(&w->s);
	assert_int_equal(xs_conn_pump(w->c), 0);	/* the server found room: it needs none */
	check_pattern(a);
	check_pattern(b);
	queue(w, c);
	assert_int_equal(xs_conn_pump(w->c), XS_PUMP_SIGNAL);
	fs_signal(&w->s);
	fs_run(&w->s);					/* the ring is full, and it sleeps */
	assert_true(fs_asleep(&w->s));
	assert_int_equal(xs_conn_pump(w->c), XS_PUMP_SIGNAL);
	fs_signal(&w->s);
	assert_int_equal(settle(w), 0);
	check_pattern(c);
	free_call(a);
	free_call(b);
	free_call(c);
	end(w);
}

/* A server that has something left to read is not signalled again; one that has not, is. */
static void signal_when_caught_up(void **state)
{
	struct world *w = world();
	struct call *c[4];
	u32 i, cons;

	for (i = 0; i < 4; i++)
		c[i] = call_pattern(4, i);
	queue(w, c[0]);
	assert_int_equal(xs_conn_pump(w->c), XS_PUMP_SIGNAL);
	queue(w, c[1]);
	assert_int_equal(xs_conn_pump(w->c), 0);	/* it has read nothing yet */
	cons = w->s.page->req_cons;
	fs_signal(&w->s);
	w->s.chunk = 1;
	while (w->s.page->req_prod - w->s.page->req_cons > 1)
		fs_step(&w->s);
	assert_int_not_equal(w->s.page->req_cons, cons);
	queue(w, c[2]);
	assert_int_equal(xs_conn_pump(w->c) & XS_PUMP_SIGNAL, 0);	/* one byte is left */
	fs_run(&w->s);
	assert_true(fs_asleep(&w->s));
	assert_int_equal(w->s.page->req_prod, w->s.page->req_cons);
	queue(w, c[3]);
	assert_int_equal(xs_conn_pump(w->c) & XS_PUMP_SIGNAL, XS_PUMP_SIGNAL);
	fs_signal(&w->s);
	assert_int_equal(settle(w), 0);
	end_patterns(c, 4);
	end(w);
}

/*
 * The signal for what lies unread in the ring may never have been sent, by us or by a predecessor:
 * the next one is sent all the same.
 */
static void signal_after_a_lost_one(void **state)
{
	struct call *lost, *first;
	struct world *w;
	int mended;

	for (mended = 0; mended < 2; mended++) {
		w = world();
		lost = call_pattern(4, 1);
		queue(w, lost);
		assert_int_equal(xs_conn_pump(w->c), XS_PUMP_SIGNAL);	/* it is not sent */
		xs_conn_break(w->c, -ECONNRESET);
		free_call(lost);
		if (mended)
			xs_conn_restart(w->c, false);
		else
			xs_conn_init(w->c, w->s.page, 0x7777, on_watch_event);
		first = call(XS_TYPE_RESET_WATCHES, "", 8);
		xs_conn_seek(w->c, &first->req);
		assert_int_equal(xs_conn_pump(w->c), XS_PUMP_SIGNAL);
		fs_signal(&w->s);
		assert_int_equal(settle(w), 0);
		check_ok(first);
		free_call(first);
		still_works(w);
		end(w);
	}
}

static void random_steps(struct world *w)
{
	u32 n = rnd(w, 4);

	while (n--)
		fs_step(&w->s);
}

static void steps_at_one_point(struct world *w)
{
	u32 n;

	if (points != point_at)
		return;
	for (n = 0; n < point_steps; n++)
		fs_step(&w->s);
}

/*
 * Exactly at one point inside a pump the server makes so many steps; all points, 1 to 9 steps, in
 * the three states in which a wake-up can be lost: it has just written, the response ring is full,
 * the request ring is full.
 */
static void no_wakeup_lost_at_any_point(void **state)
{
	struct call *c[4];
	struct world *w;
	u32 kind, i, last;

	for (kind = 0; kind < 3; kind++) {
		last = 1;
		for (point_steps = 1; point_steps < 10; point_steps++) {
			for (point_at = 1; point_at <= last; point_at++) {
				w = world_at(0u - 900, 0u - 900, kind);
				w->s.chunk = kind == 0 ? 0 : 600;
				c[0] = kind == 2 ? call_write("x", 1500) : call_pattern(5, 1);
				c[1] = kind == 1 ? call_pattern(1500, 2) : call_pattern(6, 2);
				c[2] = call_pattern(kind * 500, 3);
				c[3] = call_pattern(1020, 4);
				for (i = 0; i < 4; i++)
					queue(w, c[i]);
				points = 0;
				meanwhile = steps_at_one_point;
				assert_int_equal(settle(w), 0);
				if (points > last)
					last = points;
				for (i = 0; i < 4; i++) {
					if (c[i]->dones != 1)
						fail_msg("kind %u: asleep for ever, %u steps at %u",
							 kind, point_steps, point_at);
					free_call(c[i]);
				}
				end(w);
			}
		}
	}
}

static void no_wakeup_lost_at_random(void **state)
{
	struct call *c[50];
	struct world *w;
	u32 run, i, left;

	for (run = 0; run < 400; run++) {
		w = world_at(run * 77, run * 1313, run);
		w->s.chunk = rnd(w, 3) ? rnd(w, 1500) : 0;
		w->s.pick = run % 3 ? pick_any : NULL;
		w->s.ctx = w;
		for (i = 0; i < 50; i++) {
			c[i] = rnd(w, 2) ? call_write("x", rnd(w, 4000)) :
					   call_pattern(rnd(w, rnd(w, 4) ? 80 : 4000), run + i);
			if (rnd(w, 5) == 0)
				fs_send(&w->s, XS_WATCH_EVENT, 0, 0, "p\0t", 4);
		}
		meanwhile = random_steps;
		for (i = 0; i < 50; i++) {
			queue(w, c[i]);
			if (rnd(w, 3) == 0)
				assert_int_equal(settle(w), 0);
		}
		assert_int_equal(settle(w), 0);
		for (left = 0, i = 0; i < 50; i++)
			left += !c[i]->dones;
		if (left)
			fail_msg("run %u: %u calls wait, and both ends sleep", run, left);
		for (i = 0; i < 50; i++) {
			if (c[i]->len)
				check_pattern(c[i]);
			free_call(c[i]);
		}
		meanwhile = NULL;
		end(w);
	}
}

/* The server has a thread of its own, and real sleeps. */
static struct {
	sem_t server, client;
	struct world *w;
	int stop;
} thr;

static bool wait_for(sem_t *sem)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 20;
	return !sem_timedwait(sem, &t);
}

static void *server_thread(void *arg)
{
	struct fs_server *s = &thr.w->s;

	while (wait_for(&thr.server)) {
		s->event = true;
		while (fs_step(s)) {
			if (fs_take_kick(s))
				sem_post(&thr.client);
			if (!sem_trywait(&thr.server))
				s->event = true;
		}
		/* the last post may have been taken by sem_trywait() */
		if (__atomic_load_n(&thr.stop, __ATOMIC_SEQ_CST))
			return NULL;
	}
	return arg;
}

static void two_threads(void **state)
{
	struct call *c[32];
	pthread_t thread;
	u32 round, i, left;
	void *ret;
	int flags;

	thr.w = world();
	thr.w->s.chunk = 333;
	thr.stop = 0;
	sem_init(&thr.server, 0, 0);
	sem_init(&thr.client, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, server_thread, &thr), 0);
	for (round = 0; round < 60; round++) {
		for (i = 0; i < 32; i++) {
			c[i] = i % 3 ? call_pattern((i * round * 7) % 2000, i) :
				       call_write("x", (i * round * 5) % 3000);
			queue(thr.w, c[i]);
		}
		for (;;) {
			do {
				flags = xs_conn_pump(thr.w->c);
				assert_true(flags >= 0);
				if (flags & XS_PUMP_SIGNAL)
					sem_post(&thr.server);
			} while (flags & XS_PUMP_AGAIN);
			for (left = 0, i = 0; i < 32; i++)
				left += !c[i]->dones;
			if (!left)
				break;
			if (!wait_for(&thr.client))
				fail_msg("nobody wakes the client; %u calls left", left);
		}
		for (i = 0; i < 32; i++) {
			if (i % 3)
				check_pattern(c[i]);
			else
				check_ok(c[i]);
			free_call(c[i]);
		}
	}
	__atomic_store_n(&thr.stop, 1, __ATOMIC_SEQ_CST);
	sem_post(&thr.server);
	pthread_join(thread, &ret);
	assert_null(ret);
	end(thr.w);
}

/* A server that never stops writing does not keep the client in one call. */
static void always_one_more(struct world *w)
{
	if (w->s.frames < 8)
		fs_send(&w->s, XS_WATCH_EVENT, 0, 0, "p\0t", 4);
	w->s.event = true;
	fs_run(&w->s);
}

static void pump_is_bounded(void **state)
{
	struct world *w = world();
	u32 before;

	meanwhile = always_one_more;
	assert_true(xs_conn_pump(w->c) & XS_PUMP_AGAIN);
	before = w->events;
	assert_true(before > 0);
	assert_true(xs_conn_pump(w->c) & XS_PUMP_AGAIN);
	assert_true(w->events > before);
	meanwhile = NULL;
	w->due = true;
	settle(w);
	still_works(w);
	end(w);
}

/* Mute for a while, then it goes on: nothing was lost. */
static void mute_then_awake(void **state)
{
	struct world *w = world();
	struct call *c[30];
	u32 i;

	w->s.mute = true;
	for (i = 0; i < 30; i++) {
		c[i] = call_write("x", 200);
		queue(w, c[i]);
		assert_int_equal(settle(w), 0);
		assert_int_equal(c[i]->dones, 0);
	}
	w->s.mute = false;
	fs_signal(&w->s);		/* its own doing */
	assert_int_equal(settle(w), 0);
	for (i = 0; i < 30; i++) {
		check_ok(c[i]);
		free_call(c[i]);
	}
	end(w);
}

/* ---- who looks on ------------------------------------------------------------------------ */

/* What seen() was told, in its order. */
static struct {
	enum xs_seen what;
	const struct xs_req *req;
	struct xsd_sockmsg hdr;
	char text[16];		/* the payload's first string */
	u32 dones, events;	/* how many there were just then */
} sight[8];
static u32 sights;

static void look_on(struct xs_conn *conn, enum xs_seen what, const struct xs_req *req,
		    const struct xsd_sockmsg *hdr)
{
	const char *text = "";

	assert_ptr_equal(conn, now->c);
	assert_true(sights < ARRAY_SIZE(sight));
	if (what == XS_SEEN_EVENT)
		text = conn->event_buf;
	else if (req && hdr->type == XS_ERROR && !req->raw)
		text = req->error;
	else if (req && what == XS_SEEN_REPLY)
		text = req->reply;
	sight[sights].what = what;
	sight[sights].req = req;
	sight[sights].hdr = *hdr;
	snprintf(sight[sights].text, sizeof(sight->text), "%.15s", text);
	sight[sights].dones = now->order;
	sight[sights].events = now->events;
	sights++;
}

static void is_seen(u32 i, enum xs_seen what, const struct xs_req *req, u32 type, const char *text)
{
	assert_true(i < sights);
	assert_int_equal(sight[i].what, what);
	assert_ptr_equal(sight[i].req, req);
	assert_int_equal(sight[i].hdr.type, type);
	assert_string_equal(sight[i].text, text);
}

static struct world *world_looked_at(void)
{
	struct world *w = world();

	w->c->seen = look_on;
	sights = 0;
	return w;
}

/* Each message once, whole, and before its done() or event(). */
static void seen_once_each(void **state)
{
	struct world *w = world_looked_at();
	struct call *c[3];
	u32 i;

	c[0] = call_raw(XS_WATCH, "a\0tok", 6, 8);
	c[1] = call_raw(XS_WRITE, "a\0new", 5, 8);
	c[2] = call(XS_READ, "gone", 8);
	for (i = 0; i < 3; i++) {
		queue(w, c[i]);
		settle(w);
	}
	assert_int_equal(sights, 8);
	is_seen(0, XS_SEEN_REQUEST, &c[0]->req, XS_WATCH, "");
	is_seen(1, XS_SEEN_REPLY, &c[0]->req, XS_WATCH, "OK");
	is_seen(2, XS_SEEN_EVENT, NULL, XS_WATCH_EVENT, "a");
	is_seen(3, XS_SEEN_REQUEST, &c[1]->req, XS_WRITE, "");
	is_seen(4, XS_SEEN_EVENT, NULL, XS_WATCH_EVENT, "a");
	is_seen(5, XS_SEEN_REPLY, &c[1]->req, XS_WRITE, "OK");
	is_seen(6, XS_SEEN_REQUEST, &c[2]->req, XS_READ, "");
	is_seen(7, XS_SEEN_REPLY, &c[2]->req, XS_ERROR, "ENOENT");
	assert_int_equal(sight[1].dones, 0);
	assert_int_equal(sight[7].dones, 2);
	assert_int_equal(sight[2].events, 0);
	assert_int_equal(sight[4].events, 1);
	assert_int_equal(sight[7].hdr.req_id, sight[6].hdr.req_id);
	assert_int_equal(sight[6].hdr.len, 5);
	for (i = 0; i < 3; i++)
		free_call(c[i]);
	end(w);
}

/* A message that is in the ring in part is not seen yet; one that was abandoned has no request. */
static void seen_when_whole(void **state)
{
	struct world *w = world_looked_at();
	struct call *c = call_write("big", 4000);

	w->s.mute = true;
	queue(w, c);
	settle(w);
	assert_int_equal(sights, 0);
	assert_true(xs_conn_abandon(w->c, &c->req));
	poison(c);
	w->s.mute = false;
	fs_signal(&w->s);
	settle(w);
	assert_int_equal(sights, 2);
	is_seen(0, XS_SEEN_REQUEST, NULL, XS_WRITE, "");
	is_seen(1, XS_SEEN_REPLY, NULL, XS_WRITE, "");
	assert_int_equal(sight[0].hdr.len, 4004);
	assert_int_equal(sight[1].hdr.req_id, sight[0].hdr.req_id);
	assert_int_equal(w->c->stats.late, 1);
	end(w);
}

static void nobodys(struct xs_conn *conn, const struct xsd_sockmsg *hdr, const void *payload)
{
}

/* A reply to somebody else has no request either. */
static void seen_stray(void **state)
{
	struct world *w = world_looked_at();

	w->c->stray = nobodys;
	fs_send(&w->s, XS_READ, 77, 0, "abc", 3);
	w->s.event = true;
	settle(w);
	assert_int_equal(sights, 1);
	is_seen(0, XS_SEEN_REPLY, NULL, XS_READ, "");
	assert_int_equal(sight[0].hdr.req_id, 77);
	end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_request),
		cmocka_unit_test(transaction_tried_again),
		cmocka_unit_test(every_start),
		cmocka_unit_test(byte_by_byte),
		cmocka_unit_test(ids_wrap),
		cmocka_unit_test(seventeenth_waits),
		cmocka_unit_test(replies_in_any_order),
		cmocka_unit_test(done_may_queue),
		cmocka_unit_test(abandon_queued),
		cmocka_unit_test(abandon_only_one),
		cmocka_unit_test(abandon_partly_sent),
		cmocka_unit_test(abandon_big),
		cmocka_unit_test(abandon_sent),
		cmocka_unit_test(abandon_partly_received),
		cmocka_unit_test(stuck_slots),
		cmocka_unit_test(stuck_with_one_left),
		cmocka_unit_test(abandon_done),
		cmocka_unit_test(abandoned_and_used_again),
		cmocka_unit_test(twist_vectors),
		cmocka_unit_test(answer_before_the_question),
		cmocka_unit_test(foreign_ids),
		cmocka_unit_test(reply_vectors),
		cmocka_unit_test(long_error_byte_by_byte),
		cmocka_unit_test(event_vectors),
		cmocka_unit_test(biggest_event),
		cmocka_unit_test(flood_of_events),
		cmocka_unit_test(seek_at_attach),
		cmocka_unit_test(seek_then_queue),
		cmocka_unit_test(seeking_is_not_idle),
		cmocka_unit_test(give_up_vectors),
		cmocka_unit_test(fail_ends_all),
		cmocka_unit_test(fail_with_orphan),
		cmocka_unit_test(fail_and_queued_again),
		cmocka_unit_test(begin_anew),
		cmocka_unit_test(restart_after_reconnection),
		cmocka_unit_test(restart_in_place),
		cmocka_unit_test(restart_in_mid_message),
		cmocka_unit_test(restart_in_a_search),
		cmocka_unit_test(comes_again),
		cmocka_unit_test(winds_up),
		cmocka_unit_test(takes_the_rest),
		cmocka_unit_test(a_search_takes_no_rest),
		cmocka_unit_test(fresh_at_any_moment),
		cmocka_unit_test(sane_vectors),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(deadline_in_each_slot),
		cmocka_unit_test(transactions_end),
		cmocka_unit_test(bad_index_at_every_point),
		cmocka_unit_test(error_word),
		cmocka_unit_test(own_indices_scribbled),
		cmocka_unit_test(signal_vectors),
		cmocka_unit_test(signal_when_caught_up),
		cmocka_unit_test(signal_after_a_lost_one),
		cmocka_unit_test(no_wakeup_lost_at_any_point),
		cmocka_unit_test(no_wakeup_lost_at_random),
		cmocka_unit_test(two_threads),
		cmocka_unit_test(pump_is_bounded),
		cmocka_unit_test(mute_then_awake),
		cmocka_unit_test(seen_once_each),
		cmocka_unit_test(seen_when_whole),
		cmocka_unit_test(seen_stray),
	};

	return cmocka_run_group_tests_name("xs_conn", tests, NULL, NULL);
}
