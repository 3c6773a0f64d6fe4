// SPDX-License-Identifier: GPL-2.0
/*
 * test_xs_msg.c - messages on a ring, and what stands in payloads.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../../xs_ring.c"
#include "../../xs_msg.c"

/* ---- a ring with both its ends ----------------------------------------------------------- */

struct world {
	char bytes[XS_RING_SIZE];
	u32 prod, cons;
	struct xs_ring tx, rx;
};

static void open_at(struct world *w, u32 at)
{
	memset(w->bytes, 0xee, sizeof(w->bytes));
	w->prod = at;
	w->cons = at;
	xs_ring_attach(&w->tx, w->bytes, &w->prod, &w->cons);
	xs_ring_attach(&w->rx, w->bytes, &w->cons, &w->prod);
}

/* The peer's end puts raw bytes; there must be room. */
static void feed(struct world *w, const void *b, u32 len)
{
	assert_true(xs_ring_look_room(&w->tx) >= (int)len);
	assert_int_equal(xs_ring_put(&w->tx, b, len), len);
	xs_ring_publish_put(&w->tx);
}

/* The peer's end takes all there is. */
static u32 drain(struct world *w, u8 *to)
{
	u32 n;

	assert_true(xs_ring_look_unread(&w->rx) >= 0);
	n = xs_ring_take(&w->rx, to, XS_RING_SIZE);
	xs_ring_publish_take(&w->rx);
	return n;
}

static u8 fill(u32 i)
{
	return (u8)(i * 31 + (i >> 7) + 1);
}

static u8 *filled(u32 len)
{
	u8 *b = malloc(len ? len : 1);
	u32 i;

	assert_non_null(b);
	for (i = 0; i < len; i++)
		b[i] = fill(i);
	return b;
}

static u32 frame(u8 *to, u32 type, u32 id, u32 tx, const void *payload, u32 len)
{
	u32 hdr[4] = { type, id, tx, len };

	memcpy(to, hdr, 16);
	if (len)
		memcpy(to + 16, payload, len);
	return 16 + len;
}

/* ---- sending ----------------------------------------------------------------------------- */

static const struct {
	u32 n, len[4];
	int err;
	u32 total;
} out_inits[] = {
	{ 0, { 0 },                      0,       0 },
	{ 1, { 0 },                      0,       0 },
	{ 1, { 5 },                      0,       5 },
	{ 1, { 4096 },                   0,       4096 },
	{ 1, { 4097 },                   -E2BIG,  0 },
	{ 2, { 4096, 0 },                0,       4096 },
	{ 2, { 4096, 1 },                -E2BIG,  0 },
	{ 3, { 0, 0, 0 },                0,       0 },
	{ 3, { 1, 2, 3 },                0,       6 },
	{ 3, { 2000, 2000, 96 },         0,       4096 },
	{ 3, { 2000, 2000, 97 },         -E2BIG,  0 },
	{ 2, { 1, 0xffffffff },          -E2BIG,  0 },
	{ 3, { 4095, 1, 0xffffffff },    -E2BIG,  0 },
	{ 3, { 0xfffffffe, 1, 1 },       -E2BIG,  0 },
	{ 4, { 1, 1, 1, 1 },             -EINVAL, 0 },
};

static void out_init_vectors(void **state)
{
	struct xs_vec vec[4] = { { 0 } };
	struct xs_out out;
	u32 i, k;

	for (i = 0; i < ARRAY_SIZE(out_inits); i++) {
		for (k = 0; k < 4; k++) {
			vec[k].base = "x";
			vec[k].len = out_inits[i].len[k];
		}
		memset(&out, 0xff, sizeof(out));
		if (xs_out_init(&out, XS_WRITE, 7, vec, out_inits[i].n) != out_inits[i].err)
			fail_msg("row %u", i);
		if (out_inits[i].err)
			continue;
		assert_int_equal(out.hdr.type, XS_WRITE);
		assert_int_equal(out.hdr.tx_id, 7);
		assert_int_equal(out.hdr.req_id, 0);
		assert_int_equal(out.hdr.len, out_inits[i].total);
		assert_int_equal(xs_out_left(&out), 16 + out_inits[i].total);
	}
}

/*
 * Messages of every length go through a ring whose reader takes @step bytes at a time, from any
 * index; each piece stands on a heap of its own, so that reading past it is seen.
 */
static void send_one(u32 len, u32 cut1, u32 cut2, u32 step, u32 at)
{
	u8 *whole = filled(len), *got = malloc(16 + len), *piece[3];
	u32 from[4] = { 0, cut1, cut2, len }, n = 0, i, left, hdr[4];
	struct xs_vec vec[3];
	struct xs_out out;
	struct world w;

	for (i = 0; i < 3; i++) {
		vec[i].len = from[i + 1] - from[i];
		piece[i] = malloc(vec[i].len ? vec[i].len : 1);
		memcpy(piece[i], whole + from[i], vec[i].len);
		vec[i].base = piece[i];
	}
	open_at(&w, at);
	assert_int_equal(xs_out_init(&out, XS_WRITE, 9, vec, 3), 0);
	out.hdr.req_id = 0x01020304;
	do {
		assert_true(xs_ring_look_room(&w.tx) >= 0);
		left = xs_out_push(&out, &w.tx);
		assert_int_equal(left, xs_out_left(&out));
		xs_ring_publish_put(&w.tx);
		assert_true(xs_ring_look_unread(&w.rx) >= 0);
		n += xs_ring_take(&w.rx, got + n, step < 16 + len - n ? step : 16 + len - n);
		xs_ring_publish_take(&w.rx);
	} while (n < 16 + len);
	assert_int_equal(left, 0);
	assert_int_equal(w.prod - w.cons, 0);
	memcpy(hdr, got, 16);
	assert_int_equal(hdr[0], XS_WRITE);
	assert_int_equal(hdr[1], 0x01020304);
	assert_int_equal(hdr[2], 9);
	assert_int_equal(hdr[3], len);
	assert_memory_equal(got + 16, whole, len);
	for (i = 0; i < 3; i++)
		free(piece[i]);
	free(whole);
	free(got);
}

static void out_through_the_ring(void **state)
{
	static const u32 steps[] = { 1, 2, 7, 16, 17, 1000, 1024 };
	u32 s;

	for (s = 0; s < ARRAY_SIZE(steps); s++) {
		send_one(0, 0, 0, steps[s], 0);
		send_one(1, 0, 1, steps[s], 1020);
		send_one(30, 10, 10, steps[s], 0u - 20);
		send_one(1008, 8, 500, steps[s], 5);
		send_one(1009, 1000, 1009, steps[s], 5);
		send_one(4096, 3000, 3001, steps[s], 0u - 2000);
		send_one(4096, 4096, 4096, steps[s], 123);
	}
}

/* A part is in the ring, its sender goes, the rest comes from the spill buffer: every cut. */
static void spill_at_every_byte(void **state)
{
	const u32 len = 40, total = 56;
	u32 cut, n, hdr[4];
	u8 *a, *b, *spill, *whole = filled(len), got[1024];
	struct xs_vec vec[3];
	struct xs_out out, orphan;
	struct world w;

	for (cut = 0; cut <= total; cut++) {
		a = malloc(15);
		b = malloc(25);
		memcpy(a, whole, 15);
		memcpy(b, whole + 15, 25);
		vec[0].base = a;
		vec[0].len = 15;
		vec[1].base = b;
		vec[1].len = 10;
		vec[2].base = b + 10;
		vec[2].len = 15;
		open_at(&w, 900 + cut);
		xs_out_init(&out, XS_WRITE, 3, vec, 3);
		out.hdr.req_id = 77;
		/* so much room and no more */
		xs_ring_look_room(&w.tx);
		w.tx.n = cut;
		xs_out_push(&out, &w.tx);
		assert_int_equal(out.done, cut);
		xs_ring_publish_put(&w.tx);

		spill = malloc(XS_PAYLOAD_MAX);
		orphan = out;
		xs_out_spill(&orphan, spill);
		memset(a, 0xdd, 15);
		memset(b, 0xdd, 25);
		free(a);
		free(b);
		memset(&out, 0xdd, sizeof(out));
		assert_int_equal(xs_out_left(&orphan), total - cut);
		xs_ring_look_room(&w.tx);
		assert_int_equal(xs_out_push(&orphan, &w.tx), 0);
		xs_ring_publish_put(&w.tx);
		n = drain(&w, got);
		assert_int_equal(n, total);
		memcpy(hdr, got, 16);
		assert_int_equal(hdr[1], 77);
		assert_int_equal(hdr[3], len);
		assert_memory_equal(got + 16, whole, len);
		free(spill);
	}
	free(whole);
}

/* ---- receiving --------------------------------------------------------------------------- */

#define MANY 8

static const struct {
	u32 type, id, tx, len, cap;
	bool null;
} sent[MANY] = {
	{ XS_READ,        1, 0, 10,  10,  false },
	{ XS_DIRECTORY,   2, 5, 0,   10,  false },	/* a header and nothing else */
	{ XS_WATCH_EVENT, 0, 0, 0,   0,   true },
	{ XS_READ,        3, 0, 50,  20,  false },	/* does not fit */
	{ XS_WRITE,       4, 0, 3,   100, false },
	{ XS_ERROR,       5, 1, 7,   0,   true },	/* nobody wants it */
	{ XS_READ,        6, 0, 33,  0,   false },	/* a place of no size */
	{ XS_MKDIR,       7, 0, 0,   0,   true },
};

/* What was read so far: each message to a heap of exactly its cap. */
struct reader {
	struct xs_in in;
	u8 *place;
	u32 headers, messages;
	int err;
};

static void read_all(struct reader *r, struct world *w)
{
	u32 i, fits;
	int step;

	for (;;) {
		step = xs_in_step(&r->in, &w->rx);
		if (step < 0)
			r->err = step;
		if (step <= XS_IN_STARVED)
			return;
		i = r->messages;
		assert_true(i < MANY);
		assert_int_equal(r->in.hdr.type, sent[i].type);
		assert_int_equal(r->in.hdr.req_id, sent[i].id);
		assert_int_equal(r->in.hdr.tx_id, sent[i].tx);
		assert_int_equal(r->in.hdr.len, sent[i].len);
		if (step == XS_IN_HEADER) {
			assert_int_equal(r->headers, r->messages);
			r->headers++;
			r->place = malloc(sent[i].cap ? sent[i].cap : 1);
			xs_in_into(&r->in, sent[i].null ? NULL : r->place, sent[i].cap);
			continue;
		}
		assert_int_equal(r->headers, r->messages + 1);
		r->messages++;
		fits = sent[i].len < sent[i].cap ? sent[i].len : sent[i].cap;
		while (fits--)
			assert_int_equal(r->place[fits], fill(i * 1000 + fits));
		free(r->place);
		r->place = NULL;
	}
}

static u32 make_stream(u8 *to)
{
	u8 pay[64];
	u32 n = 0, i, k;

	for (i = 0; i < MANY; i++) {
		for (k = 0; k < sent[i].len; k++)
			pay[k] = fill(i * 1000 + k);
		n += frame(to + n, sent[i].type, sent[i].id, sent[i].tx, pay, sent[i].len);
	}
	return n;
}

/* Feeds the stream in pieces: first up to cut, then by @by. */
static void read_split(const u8 *stream, u32 len, u32 cut, u32 by, u32 at)
{
	struct reader r = { .err = 0 };
	struct world w;
	u32 pos = 0, n;

	open_at(&w, at);
	xs_in_init(&r.in);
	while (pos < len) {
		n = pos < cut ? cut - pos : by;
		n = n < len - pos ? n : len - pos;
		feed(&w, stream + pos, n);
		pos += n;
		assert_int_equal(xs_ring_look_unread(&w.rx), (int)n);
		read_all(&r, &w);
		assert_int_equal(w.rx.n, 0);	/* progress on any number of bytes */
		xs_ring_publish_take(&w.rx);
	}
	assert_int_equal(r.err, 0);
	assert_int_equal(r.messages, MANY);
	assert_int_equal(r.headers, MANY);
}

static void every_two_way_split(void **state)
{
	u8 stream[1024];
	u32 len = make_stream(stream), cut;

	for (cut = 0; cut <= len; cut++)
		read_split(stream, len, cut, 1024, cut * 5);
}

static void every_chunk_size(void **state)
{
	u8 stream[1024];
	u32 len = make_stream(stream), by;

	for (by = 1; by <= len; by++)
		read_split(stream, len, 0, by, 0u - by);
}

/* All three-way splits of the first two messages, where header and payload meet twice. */
static void every_three_way_split(void **state)
{
	struct reader r;
	u8 stream[1024];
	struct world w;
	u32 a, b, len = 16 + 10 + 16;

	make_stream(stream);
	for (a = 0; a <= len; a++) {
		for (b = a; b <= len; b++) {
			memset(&r, 0, sizeof(r));
			open_at(&w, a * 64 + b);
			feed(&w, stream, a);
			xs_ring_look_unread(&w.rx);
			read_all(&r, &w);
			xs_ring_publish_take(&w.rx);
			feed(&w, stream + a, b - a);
			xs_ring_look_unread(&w.rx);
			read_all(&r, &w);
			xs_ring_publish_take(&w.rx);
			feed(&w, stream + b, len - b);
			xs_ring_look_unread(&w.rx);
			read_all(&r, &w);
			assert_int_equal(r.messages, 2);
		}
	}
}

/* 4096 bytes come through 1024, by every chunk size that matters. */
static void big_message_in(void **state)
{
	static const u32 by[] = { 1, 3, 16, 100, 1023, 1024 };
	u8 *pay = filled(4096), *stream = malloc(4112), *place = malloc(4096);
	u32 len = frame(stream, XS_READ, 1, 0, pay, 4096), i, pos, n;
	struct xs_in in;
	struct world w;
	int step;

	for (i = 0; i < ARRAY_SIZE(by); i++) {
		open_at(&w, 0u - 700);
		xs_in_init(&in);
		memset(place, 0, 4096);
		step = XS_IN_STARVED;
		for (pos = 0; pos < len; pos += n) {
			assert_int_not_equal(step, XS_IN_MESSAGE);
			n = by[i] < len - pos ? by[i] : len - pos;
			feed(&w, stream + pos, n);
			xs_ring_look_unread(&w.rx);
			step = xs_in_step(&in, &w.rx);
			if (step == XS_IN_HEADER) {
				xs_in_into(&in, place, 4096);
				step = xs_in_step(&in, &w.rx);
			}
			xs_ring_publish_take(&w.rx);
		}
		assert_int_equal(step, XS_IN_MESSAGE);
		assert_memory_equal(place, pay, 4096);
	}
	free(pay);
	free(stream);
	free(place);
}

/* A header without a payload is a message too, also when nothing follows. */
static void header_only(void **state)
{
	struct xs_in in;
	struct world w;
	u8 f[16];
	u32 i;

	open_at(&w, 1020);
	xs_in_init(&in);
	for (i = 0; i < 3; i++) {
		frame(f, XS_READ, 100 + i, 0, NULL, 0);
		feed(&w, f, 16);
		xs_ring_look_unread(&w.rx);
		assert_int_equal(xs_in_step(&in, &w.rx), XS_IN_HEADER);
		assert_int_equal(in.hdr.req_id, 100 + i);
		assert_int_equal(xs_in_step(&in, &w.rx), XS_IN_MESSAGE);
		assert_int_equal(xs_in_step(&in, &w.rx), XS_IN_STARVED);
		assert_int_equal(xs_in_step(&in, &w.rx), XS_IN_STARVED);
		xs_ring_publish_take(&w.rx);
	}
}

/* The place that was named for one message is not the next one's. */
static void place_is_for_one_message(void **state)
{
	char place[8] = "12345678";
	struct xs_in in;
	struct world w;
	u8 f[64];
	u32 n;

	open_at(&w, 0);
	xs_in_init(&in);
	n = frame(f, XS_READ, 1, 0, "abc", 3);
	n += frame(f + n, XS_READ, 2, 0, "xyz", 3);
	feed(&w, f, n);
	xs_ring_look_unread(&w.rx);
	assert_int_equal(xs_in_step(&in, &w.rx), XS_IN_HEADER);
	xs_in_into(&in, place, sizeof(place));
	assert_int_equal(xs_in_step(&in, &w.rx), XS_IN_MESSAGE);
	assert_int_equal(xs_in_step(&in, &w.rx), XS_IN_HEADER);
	assert_int_equal(xs_in_step(&in, &w.rx), XS_IN_MESSAGE);	/* nobody wanted it */
	assert_memory_equal(place, "abc45678", 8);
}

/* In the middle of a payload its reader goes: nothing more is written there. */
static void place_taken_back(void **state)
{
	u8 *pay = filled(100), *place, f[116], next[16];
	struct xs_in in;
	struct world w;
	u32 cut;

	frame(f, XS_READ, 1, 0, pay, 100);
	frame(next, XS_READ, 2, 0, NULL, 0);
	for (cut = 16; cut < 116; cut++) {
		open_at(&w, cut);
		xs_in_init(&in);
		place = malloc(100);
		feed(&w, f, cut);
		xs_ring_look_unread(&w.rx);
		assert_int_equal(xs_in_step(&in, &w.rx), XS_IN_HEADER);
		xs_in_into(&in, place, 100);
		assert_int_equal(xs_in_step(&in, &w.rx), XS_IN_STARVED);
		assert_memory_equal(place, pay, cut - 16);
		xs_ring_publish_take(&w.rx);
		xs_in_into(&in, NULL, 0);
		free(place);
		feed(&w, f + cut, 116 - cut);
		feed(&w, next, 16);
		xs_ring_look_unread(&w.rx);
		assert_int_equal(xs_in_step(&in, &w.rx), XS_IN_MESSAGE);
		assert_int_equal(xs_in_step(&in, &w.rx), XS_IN_HEADER);
		assert_int_equal(in.hdr.req_id, 2);
		assert_null(in.dst);	/* a new message has no place before one is named */
	}
	free(pay);
}

static const struct {
	u32 len;
	int step;
} lengths[] = {
	{ 0,          XS_IN_HEADER },
	{ 4095,       XS_IN_HEADER },
	{ 4096,       XS_IN_HEADER },
	{ 4097,       -EPROTO },
	{ 0x7fffffff, -EPROTO },
	{ 0x80000000, -EPROTO },
	{ 0xfffffff0, -EPROTO },
	{ 0xffffffff, -EPROTO },
};

static void length_vectors(void **state)
{
	struct xs_in in;
	struct world w;
	u32 i, by, hdr[4] = { XS_READ, 1, 0, 0 };
	int step;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (by = 1; by <= 16; by++) {
			u32 pos, n;

			hdr[3] = lengths[i].len;
			open_at(&w, 0u - 9);
			xs_in_init(&in);
			step = XS_IN_STARVED;
			for (pos = 0; pos < 16; pos += n) {
				assert_int_equal(step, XS_IN_STARVED);
				n = by < 16 - pos ? by : 16 - pos;
				feed(&w, (char *)hdr + pos, n);
				xs_ring_look_unread(&w.rx);
				step = xs_in_step(&in, &w.rx);
				xs_ring_publish_take(&w.rx);
			}
			if (step != lengths[i].step)
				fail_msg("len %u: %d", lengths[i].len, step);
			/* a stream that is broken stays broken */
			if (step < 0)
				assert_int_equal(xs_in_step(&in, &w.rx), -EPROTO);
		}
	}
}

/* ---- the start of a stream that is lost -------------------------------------------------- */

#define WANT_TYPE XS_TYPE_RESET_WATCHES
#define WANT_ID 0x5eed0010u

static u32 ok_reply(u8 *to)
{
	return frame(to, WANT_TYPE, WANT_ID, 0, "OK", 3);
}

static u32 lo_nothing(u8 *b)
{
	return 0;
}

static u32 lo_one(u8 *b)
{
	b[0] = 0x15;
	return 1;
}

static u32 lo_garbage(u8 *b)
{
	u32 i;

	for (i = 0; i < 900; i++)
		b[i] = fill(i);
	return 900;
}

static u32 lo_zeroes(u8 *b)
{
	memset(b, 0, 333);
	return 333;
}

static u32 lo_ones(u8 *b)
{
	memset(b, 0xff, 700);
	return 700;
}

static u32 lo_whole_message(u8 *b)
{
	return frame(b, XS_READ, 3, 0, "abc", 3);
}

static u32 lo_half_header(u8 *b)
{
	frame(b, XS_READ, 3, 0, NULL, 0);
	return 9;
}

static u32 lo_half_payload(u8 *b)
{
	frame(b, XS_READ, 3, 0, "abcdefghijklmnopqrstuvw", 23);
	return 16 + 11;
}

static u32 lo_tail_of_payload(u8 *b)
{
	u8 f[64];
	u32 n = frame(f, XS_DIRECTORY, 3, 0, "abcdefghijklmnopqrstuvw", 23);

	memcpy(b, f + 20, n - 20);
	return n - 20;
}

static u32 lo_other_id(u8 *b)
{
	return frame(b, WANT_TYPE, WANT_ID ^ 0x10, 0, "OK", 3);
}

static u32 lo_other_type(u8 *b)
{
	return frame(b, XS_WRITE, WANT_ID, 0, "OK", 3);
}

static u32 lo_other_tx(u8 *b)
{
	return frame(b, WANT_TYPE, WANT_ID, 1, "OK", 3);
}

static u32 lo_other_len(u8 *b)
{
	u32 n = frame(b, WANT_TYPE, WANT_ID, 0, NULL, 0);

	b[13] = 0x20;	/* 8192 */
	return n;
}

static u32 lo_first_bytes(u8 *b)
{
	ok_reply(b);
	return 15;	/* all of the reply's header but one byte, then the true one */
}

static u32 lo_many(u8 *b)
{
	u32 n = lo_tail_of_payload(b);

	n += lo_other_id(b + n);
	n += lo_other_type(b + n);
	n += lo_other_tx(b + n);
	n += lo_other_len(b + n);
	n += lo_first_bytes(b + n);
	n += lo_half_payload(b + n);
	return n;
}

static u32 (*const leftovers[])(u8 *) = {
	lo_nothing, lo_one, lo_garbage, lo_zeroes, lo_ones, lo_whole_message, lo_half_header,
	lo_half_payload, lo_tail_of_payload, lo_other_id, lo_other_type, lo_other_tx,
	lo_other_len, lo_first_bytes, lo_many,
};

static void seek_split(const u8 *stream, u32 len, u32 type, u32 cut, u32 by)
{
	struct xs_in in;
	struct world w;
	u32 pos, n;
	int step = XS_IN_STARVED;
	char place[16];

	open_at(&w, cut + by);
	xs_in_init(&in);
	for (pos = 0; pos < len; pos += n) {
		n = pos < cut ? cut - pos : by;
		n = n < len - pos ? n : len - pos;
		feed(&w, stream + pos, n);
		xs_ring_look_unread(&w.rx);
		if (step == XS_IN_STARVED)
			step = xs_in_seek(&in, &w.rx, WANT_TYPE, WANT_ID);
		if (step == XS_IN_HEADER) {
			assert_int_equal(in.hdr.type, type);
			assert_int_equal(in.hdr.req_id, WANT_ID);
			xs_in_into(&in, place, sizeof(place));
			step = 100;
		}
		if (step == 100 && xs_in_step(&in, &w.rx) == XS_IN_MESSAGE)
			step = 101;
		xs_ring_publish_take(&w.rx);
	}
	/* and the stream is in step: what follows is read as it was written */
	assert_int_equal(step, 101);
	n = frame((u8 *)place, XS_READ, 8, 0, NULL, 0);
	feed(&w, place, n);
	xs_ring_look_unread(&w.rx);
	assert_int_equal(xs_in_step(&in, &w.rx), XS_IN_HEADER);
	assert_int_equal(in.hdr.req_id, 8);
	assert_int_equal(xs_in_step(&in, &w.rx), XS_IN_MESSAGE);
}

static void seek_over_leftovers(void **state)
{
	u8 stream[1024];
	u32 i, len, cut, by;

	for (i = 0; i < ARRAY_SIZE(leftovers); i++) {
		memset(stream, 0, sizeof(stream));
		len = leftovers[i](stream);
		len += ok_reply(stream + len);
		for (cut = 0; cut <= len; cut++)
			seek_split(stream, len, WANT_TYPE, cut, 1024);
		for (by = 1; by <= 40; by++)
			seek_split(stream, len, WANT_TYPE, 0, by);
	}
}

static void seek_takes_a_refusal(void **state)
{
	u8 stream[1024];
	u32 i, len;

	for (i = 0; i < ARRAY_SIZE(leftovers); i++) {
		memset(stream, 0, sizeof(stream));
		len = leftovers[i](stream);
		len += frame(stream + len, XS_ERROR, WANT_ID, 0, "ENOSYS", 7);
		seek_split(stream, len, XS_ERROR, 0, 1024);
		seek_split(stream, len, XS_ERROR, 0, 1);
	}
}

/* The longest reply that may be ends it too; one byte more is no reply. */
static void seek_longest(void **state)
{
	u32 hdr[4] = { XS_ERROR, WANT_ID, 0, 4097 };
	struct xs_in in;
	struct world w;

	open_at(&w, 0);
	xs_in_init(&in);
	feed(&w, hdr, 16);
	hdr[3] = 4096;
	feed(&w, hdr, 16);
	xs_ring_look_unread(&w.rx);
	assert_int_equal(xs_in_seek(&in, &w.rx, WANT_TYPE, WANT_ID), XS_IN_HEADER);
	assert_int_equal(in.hdr.len, 4096);
	assert_int_equal(w.rx.n, 0);
}

/* A reply without a payload ends the search as well as any. */
static void seek_header_only(void **state)
{
	u8 stream[64];
	u32 len = lo_half_header(stream);

	len += frame(stream + len, WANT_TYPE, WANT_ID, 0, NULL, 0);
	seek_split(stream, len, WANT_TYPE, 0, 1024);
	seek_split(stream, len, WANT_TYPE, 0, 1);
}

/* ---- payloads ---------------------------------------------------------------------------- */

static const struct {
	const char *buf;
	u32 len;
	bool valid;
	u32 count;
	const char *str[4];
} lists[] = {
	{ "",               0, true,  0, { 0 } },
	{ "",               1, true,  1, { "" } },
	{ "a",              2, true,  1, { "a" } },
	{ "a",              1, false, 0, { 0 } },
	{ "ab\0c",          5, true,  2, { "ab", "c" } },
	{ "ab\0c",          4, false, 0, { 0 } },
	{ "ab\0\0c",        6, true,  3, { "ab", "", "c" } },
	{ "\0\0",           3, true,  3, { "", "", "" } },
	{ "0\0one\0two",   10, true,  3, { "0", "one", "two" } },
};

static void string_list_vectors(void **state)
{
	const char *s;
	char *heap;
	u32 i, n;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		heap = malloc(lists[i].len ? lists[i].len : 1);
		memcpy(heap, lists[i].buf, lists[i].len);
		assert_int_equal(xs_strings_valid(heap, lists[i].len), lists[i].valid);
		if (lists[i].valid) {
			assert_int_equal(xs_strings_count(heap, lists[i].len), lists[i].count);
			s = NULL;
			for (n = 0; (s = xs_strings_next(heap, lists[i].len, s)); n++)
				assert_string_equal(s, lists[i].str[n]);
			assert_int_equal(n, lists[i].count);
		}
		free(heap);
	}
}

static const struct {
	const char *name;
	int err;
} errors[] = {
	{ "EINVAL", -EINVAL },   { "EACCES", -EACCES }, { "EEXIST", -EEXIST },
	{ "EISDIR", -EISDIR },   { "ENOENT", -ENOENT }, { "ENOMEM", -ENOMEM },
	{ "ENOSPC", -ENOSPC },   { "EIO", -EIO },       { "ENOTEMPTY", -ENOTEMPTY },
	{ "ENOSYS", -ENOSYS },   { "EROFS", -EROFS },   { "EBUSY", -EBUSY },
	{ "EAGAIN", -EAGAIN },   { "EISCONN", -EISCONN }, { "E2BIG", -E2BIG },
	{ "EPERM", -EPERM },     { "EQUOTA", -EDQUOT },
	/* names of no table */
	{ "", -EREMOTEIO },      { "E", -EREMOTEIO },   { "EINVA", -EREMOTEIO },
	{ "EINVALX", -EREMOTEIO }, { "einval", -EREMOTEIO }, { "OK", -EREMOTEIO },
	{ "EIO ", -EREMOTEIO },  { "ENOTEMPTYENOTEMPTYENOTEMPTY", -EREMOTEIO },
};

static void error_vectors(void **state)
{
	char *heap;
	u32 i, n, nul;

	for (i = 0; i < ARRAY_SIZE(errors); i++) {
		for (nul = 0; nul <= 1; nul++) {
			n = (u32)strlen(errors[i].name) + nul;
			heap = malloc(n ? n : 1);
			memcpy(heap, errors[i].name, n);
			if (xs_errno(heap, n) != errors[i].err)
				fail_msg("%s: %d", errors[i].name, xs_errno(heap, n));
			free(heap);
		}
	}
	assert_int_equal(xs_errno("EIO\0", 5), -EREMOTEIO);	/* one NUL too many */
	assert_int_equal(xs_errno("EI\0O", 4), -EREMOTEIO);
	/* each name that Xen's own table has is known, whichever its version */
	for (i = 0; i < ARRAY_SIZE(xsd_errors); i++)
		assert_int_equal(xs_errno(xsd_errors[i].errstring,
					  (u32)strlen(xsd_errors[i].errstring)),
				 -xsd_errors[i].errnum);
}

/* Back again: each name that has a number; another errno is shown as EIO. */
static void error_names(void **state)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].err != -EREMOTEIO)
			assert_string_equal(xs_error_name(errors[i].err), errors[i].name);
	assert_string_equal(xs_error_name(-ERANGE), "EIO");
	assert_string_equal(xs_error_name(-EREMOTEIO), "EIO");
	assert_string_equal(xs_error_name(0), "EIO");
	assert_string_equal(xs_error_name(ENOENT), "EIO");
}

static const struct {
	const char *text;
	u32 len;
	int err;
	u32 value;
} numbers[] = {
	{ "0", 1, 0, 0 },                         { "0", 2, 0, 0 },
	{ "7", 1, 0, 7 },                         { "007", 4, 0, 7 },
	{ "4294967295", 10, 0, 0xffffffff },      { "4294967295", 11, 0, 0xffffffff },
	{ "4294967296", 10, -ERANGE, 0 },         { "42949672950", 11, -ERANGE, 0 },
	{ "99999999999999999999999999", 26, -ERANGE, 0 },
	{ "18446744073709551616", 20, -ERANGE, 0 },
	{ "18446744073709551617", 20, -ERANGE, 0 },
	{ "00000000000000000000000000012", 29, 0, 12 },
	{ "", 0, -EINVAL, 0 },                    { "", 1, -EINVAL, 0 },
	{ "-1", 2, -EINVAL, 0 },                  { "+1", 2, -EINVAL, 0 },
	{ " 1", 2, -EINVAL, 0 },                  { "1 ", 2, -EINVAL, 0 },
	{ "1\n", 2, -EINVAL, 0 },                 { "0x10", 4, -EINVAL, 0 },
	{ "1\0", 3, -EINVAL, 0 },                 { "1\0002", 3, -EINVAL, 0 },
	{ "a", 1, -EINVAL, 0 },                   { "12345", 3, 0, 123 },
	{ "/", 1, -EINVAL, 0 },                   { ":", 1, -EINVAL, 0 },
};

static void number_vectors(void **state)
{
	u32 i, v;
	char *heap;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		heap = malloc(numbers[i].len ? numbers[i].len : 1);
		memcpy(heap, numbers[i].text, numbers[i].len);
		v = 0xabcd;
		if (xs_number(heap, numbers[i].len, &v) != numbers[i].err)
			fail_msg("'%s' (%u)", numbers[i].text, numbers[i].len);
		assert_int_equal(v, numbers[i].err ? 0xabcd : numbers[i].value);
		free(heap);
	}
}

static void number_texts(void **state)
{
	static const struct {
		u32 value;
		const char *text;
	} row[] = {
		{ 0, "0" }, { 7, "7" }, { 10, "10" }, { 65535, "65535" }, { 1000000, "1000000" },
		{ 268435457, "268435457" }, { 4294967295u, "4294967295" },
	};
	char *buf;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(row); i++) {
		buf = malloc(strlen(row[i].text) + 1);	/* its very size */
		assert_int_equal(xs_number_text(row[i].value, buf), strlen(row[i].text) + 1);
		assert_string_equal(buf, row[i].text);
		free(buf);
	}
}

static const struct {
	const char *path;
	int err;
} paths[] = {
	{ "/", 0 },                        { "/local", 0 },
	{ "/local/domain/0/device", 0 },   { "device", 0 },
	{ "a", 0 },                        { "A-Z_a-z/09", 0 },
	{ "@releaseDomain", 0 },           { "@introduceDomain/7", 0 },
	{ "/a@b", 0 },                     { "-", 0 },
	{ "", -EINVAL },                   { "//", -EINVAL },
	{ "/a/", -EINVAL },                { "a/", -EINVAL },
	{ "/a//b", -EINVAL },              { "a//b", -EINVAL },
	{ "//a", -EINVAL },                { "/a b", -EINVAL },
	{ "/a.b", -EINVAL },               { "/a:b", -EINVAL },
	{ "/a\nb", -EINVAL },              { "/\xc3\xa4", -EINVAL },
	{ "a\\b", -EINVAL },               { "`", -EINVAL },
	{ "{", -EINVAL },                  { "[", -EINVAL },
	{ "?", -EINVAL },                  { ".", -EINVAL },
};

/* Its length, or what is wrong with it. */
static void check_path(const char *path, int err)
{
	int len = xs_path_check(path), want = err ? err : (int)strlen(path);

	if (len != want)
		fail_msg("'%.80s': %d, not %d", path, len, want);
}

static void path_vectors(void **state)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(paths); i++)
		check_path(paths[i].path, paths[i].err);
}

/* Every byte alone and within. */
static void path_characters(void **state)
{
	const char *set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-/_@";
	char one[2] = "", mid[4] = "a.b";
	int c;

	for (c = 1; c < 256; c++) {
		one[0] = (char)c;
		mid[1] = (char)c;
		check_path(one, strchr(set, c) ? 0 : -EINVAL);
		check_path(mid, strchr(set, c) ? 0 : -EINVAL);
	}
}

static const struct {
	char first;
	u32 len;
	int err;
} path_lengths[] = {
	{ '/', 3071, 0 }, { '/', 3072, 0 },
	{ '/', 3073, -ENAMETOOLONG }, { '/', 9000, -ENAMETOOLONG },
	{ 'a', 2047, 0 }, { 'a', 2048, 0 },
	{ 'a', 2049, -ENAMETOOLONG }, { 'a', 3072, -ENAMETOOLONG },
	{ '@', 2048, 0 }, { '@', 2049, -ENAMETOOLONG },
};

static void path_length_vectors(void **state)
{
	char *p;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(path_lengths); i++) {
		p = malloc(path_lengths[i].len + 1);
		memset(p, 'x', path_lengths[i].len);
		p[0] = path_lengths[i].first;
		p[path_lengths[i].len] = '\0';
		check_path(p, path_lengths[i].err);
		free(p);
	}
}

static const struct {
	const char *text;
	int err;
	u16 domid, may;
} permissions[] = {
	{ "n0", 0, 0, 0 },
	{ "r5", 0, 5, XS_MAY_READ },
	{ "w10", 0, 10, XS_MAY_WRITE },
	{ "b65535", 0, 65535, XS_MAY_READ | XS_MAY_WRITE },
	{ "b32767", 0, 32767, XS_MAY_READ | XS_MAY_WRITE },
	{ "", -EINVAL, 0, 0 },
	{ "n", -EINVAL, 0, 0 },
	{ "x1", -EINVAL, 0, 0 },
	{ "N1", -EINVAL, 0, 0 },
	{ "1", -EINVAL, 0, 0 },
	{ "r-1", -EINVAL, 0, 0 },
	{ "r1 ", -EINVAL, 0, 0 },
	{ "rr1", -EINVAL, 0, 0 },
	{ "r65536", -ERANGE, 0, 0 },
	{ "r4294967295", -ERANGE, 0, 0 },
	{ "r4294967296", -ERANGE, 0, 0 },
};

static void permission_vectors(void **state)
{
	struct xs_permission p;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(permissions); i++) {
		memset(&p, 0xff, sizeof(p));
		if (xs_permission_parse(permissions[i].text, &p) != permissions[i].err)
			fail_msg("'%s'", permissions[i].text);
		if (permissions[i].err)
			continue;
		assert_int_equal(p.domid, permissions[i].domid);
		assert_int_equal(p.may, permissions[i].may);
	}
}

/* All 65536 x 4 there and back, into a buffer of exactly the size that is promised. */
static void permission_round_trip(void **state)
{
	struct xs_permission p, q;
	char *buf = malloc(XS_PERMISSION_MAX), want[16];
	u32 d, m, n;

	for (d = 0; d < 65536; d++) {
		for (m = 0; m < 4; m++) {
			p.domid = (u16)d;
			p.may = (u16)m;
			n = xs_permission_format(&p, buf);
			if (d % 97 == 0) {	/* printf is slow here */
				snprintf(want, sizeof(want), "%c%u", "nrwb"[m], d);
				assert_string_equal(buf, want);
			}
			if (n != strlen(buf) + 1 || xs_permission_parse(buf, &q) ||
			    q.domid != d || q.may != m)
				fail_msg("%s", buf);
		}
	}
	free(buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(out_init_vectors),
		cmocka_unit_test(out_through_the_ring),
		cmocka_unit_test(spill_at_every_byte),
		cmocka_unit_test(every_two_way_split),
		cmocka_unit_test(every_chunk_size),
		cmocka_unit_test(every_three_way_split),
		cmocka_unit_test(big_message_in),
		cmocka_unit_test(header_only),
		cmocka_unit_test(place_is_for_one_message),
		cmocka_unit_test(place_taken_back),
		cmocka_unit_test(length_vectors),
		cmocka_unit_test(seek_over_leftovers),
		cmocka_unit_test(seek_takes_a_refusal),
		cmocka_unit_test(seek_longest),
		cmocka_unit_test(seek_header_only),
		cmocka_unit_test(string_list_vectors),
		cmocka_unit_test(error_vectors),
		cmocka_unit_test(error_names),
		cmocka_unit_test(number_vectors),
		cmocka_unit_test(number_texts),
		cmocka_unit_test(path_vectors),
		cmocka_unit_test(path_characters),
		cmocka_unit_test(path_length_vectors),
		cmocka_unit_test(permission_vectors),
		cmocka_unit_test(permission_round_trip),
	};

	return cmocka_run_group_tests_name("xs_msg", tests, NULL, NULL);
}
