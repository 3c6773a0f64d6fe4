// SPDX-License-Identifier: GPL-2.0
/*
 * test_xs_ring.c - one direction of the store page, from either end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "xs_port.h"

/* A peer that changes a word in the very moment in which it has been read. */
static const void *fickle;
static u32 fickle_to, fickle_reads;

static void was_read(const void *word)
{
	if (word != fickle)
		return;
	fickle_reads++;
	*(u32 *)word = fickle_to;
}

#undef READ_ONCE
#define READ_ONCE(x) ({						\
	__typeof__(x) v_ = *(const volatile __typeof__(x) *)&(x);	\
	was_read(&(x));						\
	v_;							\
})

#include "../../xs_ring.c"

/*
 * The ring's bytes stand alone on the heap, so that ASan sees one byte too many on either side; the
 * indices stand beside each other, as in the store page.
 */
struct world {
	char *bytes;
	u32 prod, cons;
	struct xs_ring tx, rx;
};

static void open_at(struct world *w, u32 prod, u32 cons)
{
	w->bytes = malloc(XS_RING_SIZE);
	assert_non_null(w->bytes);
	memset(w->bytes, 0xee, XS_RING_SIZE);
	w->prod = prod;
	w->cons = cons;
	xs_ring_attach(&w->tx, w->bytes, &w->prod, &w->cons);
	xs_ring_attach(&w->rx, w->bytes, &w->cons, &w->prod);
}

static void shut(struct world *w)
{
	free(w->bytes);
}

/* A piece of heap of exactly that size, filled from a counter. */
static u8 *bytes(u32 len, u32 from)
{
	u8 *b = malloc(len ? len : 1);
	u32 i;

	assert_non_null(b);
	for (i = 0; i < len; i++)
		b[i] = (u8)((from + i) * 7 + ((from + i) >> 8));
	return b;
}

/* ---- vectors: where the indices stand, and what a look finds ----------------------------- */

static const struct {
	u32 prod, cons;
	int room, unread;
} looks[] = {
	/* prod        cons         room  unread */
	{ 0,           0,           1024, 0 },
	{ 1,           0,           1023, 1 },
	{ 1023,        0,           1,    1023 },
	{ 1024,        0,           0,    1024 },
	{ 1024,        1024,        1024, 0 },
	{ 5000,        4999,        1023, 1 },
	{ 0xffffffff,  0xffffffff,  1024, 0 },
	{ 0,           0xffffffff,  1023, 1 },
	{ 1023,        0xffffffff,  0,    1024 },
	{ 0x000003ff,  0xffffffff,  0,    1024 },
	{ 0x80000000,  0x7fffffff,  1023, 1 },
	{ 0x7fffffff,  0x7ffffc00,  1,    1023 },
	{ 500,         0xfffffff0,  508,  516 },
	/* broken: prod - cons is over 1024, or cons is ahead */
	{ 1025,        0,           -EIO, -EIO },
	{ 0,           1,           -EIO, -EIO },
	{ 0,           1024,        -EIO, -EIO },
	{ 0x80000000,  0,           -EIO, -EIO },
	{ 0xffffffff,  0,           -EIO, -EIO },
	{ 1024,        0xffffffff,  -EIO, -EIO },
	{ 0xfffffc00,  0x00000000,  -EIO, -EIO },
};

static void look_vectors(void **state)
{
	struct world w;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(looks); i++) {
		open_at(&w, looks[i].prod, looks[i].cons);
		if (xs_ring_look_room(&w.tx) != looks[i].room ||
		    xs_ring_look_unread(&w.rx) != looks[i].unread)
			fail_msg("prod %u cons %u: room %d unread %d", looks[i].prod, looks[i].cons,
				 xs_ring_look_room(&w.tx), xs_ring_look_unread(&w.rx));
		shut(&w);
	}
}

static void every_distance(void **state)
{
	static const u32 base[] = { 0, 1, 1000, 0x7ffffff0, 0xfffffc00, 0xfffffffe };
	struct world w;
	u32 b, d;

	for (b = 0; b < ARRAY_SIZE(base); b++) {
		for (d = 0; d < 3000; d++) {
			open_at(&w, base[b] + d, base[b]);
			assert_int_equal(xs_ring_look_room(&w.tx),
					 d <= 1024 ? (int)(1024 - d) : -EIO);
			assert_int_equal(xs_ring_look_unread(&w.rx), d <= 1024 ? (int)d : -EIO);
			shut(&w);
		}
	}
}

/* Broken indices: nothing is copied, nothing published, however hard one tries. */
static void broken_moves_nothing(void **state)
{
	u8 *src = bytes(64, 0), dst[64];
	struct world w;
	u32 i, j;

	for (i = 0; i < ARRAY_SIZE(looks); i++) {
		if (looks[i].room >= 0)
			continue;
		open_at(&w, looks[i].prod, looks[i].cons);
		memset(dst, 0x11, sizeof(dst));
		assert_int_equal(xs_ring_look_room(&w.tx), -EIO);
		assert_int_equal(xs_ring_look_unread(&w.rx), -EIO);
		assert_int_equal(xs_ring_put(&w.tx, src, 64), 0);
		assert_int_equal(xs_ring_take(&w.rx, dst, 64), 0);
		assert_int_equal(xs_ring_take(&w.rx, NULL, 64), 0);
		assert_false(xs_ring_publish_put(&w.tx));
		assert_false(xs_ring_publish_take(&w.rx));
		assert_int_equal(w.prod, looks[i].prod);
		assert_int_equal(w.cons, looks[i].cons);
		for (j = 0; j < XS_RING_SIZE; j++)
			assert_int_equal((u8)w.bytes[j], 0xee);
		for (j = 0; j < sizeof(dst); j++)
			assert_int_equal(dst[j], 0x11);
		shut(&w);
	}
	free(src);
}

/* It was fine, then the peer breaks its index: what an earlier look found counts no more. */
static void breaks_later(void **state)
{
	struct world w;
	u8 b[16] = { 0 };

	open_at(&w, 100, 90);
	assert_int_equal(xs_ring_look_unread(&w.rx), 10);
	w.prod = 90 + 1025;
	assert_int_equal(xs_ring_look_unread(&w.rx), -EIO);
	assert_int_equal(xs_ring_take(&w.rx, b, 16), 0);
	w.prod = 100;
	assert_int_equal(xs_ring_look_room(&w.tx), 1014);
	w.cons = 101;
	assert_int_equal(xs_ring_look_room(&w.tx), -EIO);
	assert_int_equal(xs_ring_put(&w.tx, b, 16), 0);
	shut(&w);
}

/* Without a look nothing may move; after one, only as much as it found. */
static void no_look_no_move(void **state)
{
	struct world w;
	u8 b[8] = { 0 };

	open_at(&w, 10, 2);
	assert_int_equal(xs_ring_put(&w.tx, b, 8), 0);
	assert_int_equal(xs_ring_take(&w.rx, b, 8), 0);
	assert_int_equal(xs_ring_look_unread(&w.rx), 8);
	w.prod += 100;		/* comes after the look */
	assert_int_equal(xs_ring_take(&w.rx, b, 8), 8);
	assert_int_equal(xs_ring_take(&w.rx, b, 8), 0);
	shut(&w);
}

/* ---- what comes out is what went in ------------------------------------------------------ */

/* Every start within the ring and at the 2^32 wrap, several lengths. */
static void every_start(void **state)
{
	static const u32 lens[] = { 0, 1, 2, 15, 16, 17, 512, 1023, 1024 };
	u8 *src = bytes(1024, 3), *dst;
	struct world w;
	u32 at, l;

	for (l = 0; l < ARRAY_SIZE(lens); l++) {
		for (at = 0; at < 2048; at += lens[l] > 64 ? 7 : 1) {
			open_at(&w, at - 1024, at - 1024);
			dst = malloc(lens[l] + 1);
			assert_int_equal(xs_ring_look_room(&w.tx), 1024);
			assert_int_equal(xs_ring_put(&w.tx, src, lens[l]), lens[l]);
			assert_int_equal(w.prod, at - 1024);	/* not shown yet */
			assert_int_equal(xs_ring_publish_put(&w.tx), lens[l] > 0);
			assert_int_equal(w.prod, at - 1024 + lens[l]);
			assert_int_equal(xs_ring_look_unread(&w.rx), (int)lens[l]);
			assert_int_equal(xs_ring_take(&w.rx, dst, lens[l] + 1), lens[l]);
			assert_memory_equal(dst, src, lens[l]);
			assert_int_equal(w.cons, at - 1024);
			assert_int_equal(xs_ring_publish_take(&w.rx), lens[l] == 1024);
			assert_int_equal(w.cons, at - 1024 + lens[l]);
			free(dst);
			shut(&w);
		}
	}
	free(src);
}

/* Only the bytes put are touched: the others may be unread by the peer. */
static void touches_only_its_own(void **state)
{
	u8 *src = bytes(100, 0);
	struct world w;
	u32 i, k;

	for (i = 0; i < XS_RING_SIZE; i++) {
		open_at(&w, i, i);
		xs_ring_look_room(&w.tx);
		xs_ring_put(&w.tx, src, 100);
		for (k = 0; k < XS_RING_SIZE; k++) {
			if ((k - i) % XS_RING_SIZE < 100)
				assert_int_equal((u8)w.bytes[k], src[(k - i) % XS_RING_SIZE]);
			else
				assert_int_equal((u8)w.bytes[k], 0xee);
		}
		shut(&w);
	}
	free(src);
}

/* A long stream in pieces of every size, across the 2^32 wrap; one byte at a time included. */
static void stream(u32 put_by, u32 take_by)
{
	const u32 total = 20000;
	u32 in = 0, out = 0, n;
	struct world w;
	u8 *src, *dst;

	open_at(&w, 0u - 9000, 0u - 9000);
	src = bytes(total, 0);
	dst = malloc(total);
	while (out < total) {
		assert_true(xs_ring_look_room(&w.tx) >= 0);
		n = put_by < total - in ? put_by : total - in;
		in += xs_ring_put(&w.tx, src + in, n);
		xs_ring_publish_put(&w.tx);
		assert_true(xs_ring_look_unread(&w.rx) >= 0);
		n = take_by < total - out ? take_by : total - out;
		out += xs_ring_take(&w.rx, dst + out, n);
		xs_ring_publish_take(&w.rx);
		assert_true(w.prod - w.cons <= XS_RING_SIZE);
	}
	assert_memory_equal(src, dst, total);
	free(src);
	free(dst);
	shut(&w);
}

static void streams(void **state)
{
	static const u32 by[] = { 1, 2, 3, 16, 100, 1023, 1024, 1025, 5000 };
	u32 i, k;

	for (i = 0; i < ARRAY_SIZE(by); i++)
		for (k = 0; k < ARRAY_SIZE(by); k++)
			stream(by[i], by[k]);
}

/* Several puts, one publish: the peer sees nothing or all. */
static void publish_once(void **state)
{
	struct world w;

	open_at(&w, 7, 7);
	xs_ring_look_room(&w.tx);
	assert_int_equal(xs_ring_put(&w.tx, "abc", 3), 3);
	assert_int_equal(xs_ring_put(&w.tx, "de", 2), 2);
	assert_int_equal(w.prod, 7);
	assert_int_equal(xs_ring_look_unread(&w.rx), 0);
	assert_true(xs_ring_publish_put(&w.tx));
	assert_false(xs_ring_publish_put(&w.tx));
	assert_int_equal(w.prod, 12);
	assert_int_equal(xs_ring_look_unread(&w.rx), 5);
	shut(&w);
}

/* Several moves after one look: together no more than it found. */
static void moves_add_up(void **state)
{
	struct world w;
	u8 *b = bytes(1024, 0);

	open_at(&w, 50, 50);
	xs_ring_look_room(&w.tx);
	assert_int_equal(xs_ring_put(&w.tx, b, 1000), 1000);
	assert_int_equal(xs_ring_put(&w.tx, b, 100), 24);
	assert_int_equal(xs_ring_put(&w.tx, b, 1), 0);
	assert_true(xs_ring_publish_put(&w.tx));
	assert_int_equal(xs_ring_look_room(&w.tx), 0);
	xs_ring_look_unread(&w.rx);
	assert_int_equal(xs_ring_take(&w.rx, b, 1000), 1000);
	assert_int_equal(xs_ring_take(&w.rx, b, 100), 24);
	assert_int_equal(xs_ring_take(&w.rx, b, 1), 0);
	assert_true(xs_ring_publish_take(&w.rx));
	assert_false(xs_ring_publish_take(&w.rx));	/* said once */
	xs_ring_look_room(&w.tx);
	xs_ring_put(&w.tx, b, 10);
	xs_ring_publish_put(&w.tx);
	xs_ring_look_unread(&w.rx);
	xs_ring_take(&w.rx, b, 10);
	assert_false(xs_ring_publish_take(&w.rx));	/* it was full once, but not now */
	free(b);
	shut(&w);
}

static void take_to_nowhere(void **state)
{
	struct world w;
	char two[2];

	open_at(&w, 0u - 3, 0u - 3);
	xs_ring_look_room(&w.tx);
	xs_ring_put(&w.tx, "abcdefgh", 8);
	xs_ring_publish_put(&w.tx);
	xs_ring_look_unread(&w.rx);
	assert_int_equal(xs_ring_take(&w.rx, NULL, 6), 6);
	assert_int_equal(xs_ring_take(&w.rx, two, 2), 2);
	assert_memory_equal(two, "gh", 2);
	assert_int_equal(xs_ring_take(&w.rx, NULL, 6), 0);
	shut(&w);
}

/* ---- the peer scribbles over our index --------------------------------------------------- */

static void scribbled_own_index(void **state)
{
	struct world w;
	char b[4];

	open_at(&w, 40, 40);
	xs_ring_look_room(&w.tx);
	xs_ring_put(&w.tx, "abcd", 4);
	xs_ring_publish_put(&w.tx);

	w.prod = 0xdeadbeef;			/* not the consumer's to write */
	assert_int_equal(xs_ring_look_room(&w.tx), 1020);
	assert_int_equal(xs_ring_put(&w.tx, "ef", 2), 2);
	assert_true(xs_ring_publish_put(&w.tx));
	assert_int_equal(w.prod, 46);		/* ours goes on as if nothing had been */

	assert_int_equal(xs_ring_look_unread(&w.rx), 6);
	assert_int_equal(xs_ring_take(&w.rx, b, 4), 4);
	assert_memory_equal(b, "abcd", 4);
	w.cons = 0x12345678;			/* nor this the producer's */
	xs_ring_publish_take(&w.rx);
	assert_int_equal(w.cons, 44);
	w.cons = 0;
	assert_int_equal(xs_ring_look_unread(&w.rx), 2);
	assert_int_equal(xs_ring_take(&w.rx, b, 4), 2);
	assert_memory_equal(b, "ef", 2);
	xs_ring_publish_take(&w.rx);
	assert_int_equal(w.cons, 46);
	shut(&w);
}

/* Each look reads the peer's word once, and all that follows uses that one value. */
static void peer_word_is_read_once(void **state)
{
	static const u32 junk[] = { 0, 11, 1024 + 11, 0x80000000, 0xffffffff };
	u8 *src = bytes(2000, 0), *dst = malloc(1014);
	struct world w;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(junk); i++) {
		open_at(&w, 10, 0);
		fickle_to = junk[i];
		fickle_reads = 0;
		fickle = &w.cons;
		assert_int_equal(xs_ring_look_room(&w.tx), 1014);
		assert_int_equal(xs_ring_put(&w.tx, src, 2000), 1014);
		assert_int_equal(fickle_reads, 1);
		xs_ring_publish_put(&w.tx);
		assert_int_equal(w.prod, 1024);
		w.cons = 0;
		w.prod = 1014;
		fickle_reads = 0;
		fickle = &w.prod;
		assert_int_equal(xs_ring_look_unread(&w.rx), 1014);
		assert_int_equal(xs_ring_take(&w.rx, dst, 2000), 1014);
		assert_int_equal(fickle_reads, 1);
		fickle = NULL;
		xs_ring_publish_take(&w.rx);
		assert_int_equal(w.cons, 1014);
		shut(&w);
	}
	free(src);
	free(dst);
}

/* ---- when must the producer be woken? ---------------------------------------------------- */

static const struct {
	u32 unread, take, late;	/* late: what the producer adds between look and publish */
	bool wake;
} wakes[] = {
	{ 1024, 1,    0,   true },	/* it was full: the producer may sleep */
	{ 1024, 1024, 0,   true },
	{ 1024, 0,    0,   false },	/* nothing taken, nothing to say */
	{ 1023, 1023, 0,   false },	/* it found room: it did not sleep */
	{ 500,  500,  0,   false },
	{ 1000, 1000, 24,  true },	/* it filled the ring after the look */
	{ 1000, 500,  24,  true },
	{ 1000, 1000, 23,  false },
	{ 1,    1,    0,   false },
};

static void wake_vectors(void **state)
{
	static const u32 starts[] = { 0, 777, 0xfffffff0 };
	u32 i, s;
	struct world w;

	for (s = 0; s < ARRAY_SIZE(starts); s++) {
		for (i = 0; i < ARRAY_SIZE(wakes); i++) {
			open_at(&w, starts[s] + wakes[i].unread, starts[s]);
			assert_int_equal(xs_ring_look_unread(&w.rx), (int)wakes[i].unread);
			xs_ring_take(&w.rx, NULL, wakes[i].take);
			w.prod += wakes[i].late;
			if (xs_ring_publish_take(&w.rx) != wakes[i].wake)
				fail_msg("row %u, start %u", i, starts[s]);
			shut(&w);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(look_vectors),
		cmocka_unit_test(every_distance),
		cmocka_unit_test(broken_moves_nothing),
		cmocka_unit_test(breaks_later),
		cmocka_unit_test(no_look_no_move),
		cmocka_unit_test(every_start),
		cmocka_unit_test(touches_only_its_own),
		cmocka_unit_test(streams),
		cmocka_unit_test(publish_once),
		cmocka_unit_test(moves_add_up),
		cmocka_unit_test(take_to_nowhere),
		cmocka_unit_test(scribbled_own_index),
		cmocka_unit_test(peer_word_is_read_once),
		cmocka_unit_test(wake_vectors),
	};

	return cmocka_run_group_tests_name("xs_ring", tests, NULL, NULL);
}
