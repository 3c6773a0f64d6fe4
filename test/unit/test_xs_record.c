// SPDX-License-Identifier: GPL-2.0
/*
 * test_xs_record.c - the ring of records against a list that forgets nothing, and what may be seen
 * of a message, by vectors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../../xs_ring.c"
#include "../../xs_msg.c"
#include "../../xs_record.c"

/* ---- the ring ---------------------------------------------------------------------------- */

#define RECORDS	2000u

static u32 rng;

static u32 rnd(u32 n)
{
	rng = rng * 1664525u + 1013904223u;
	return (rng >> 8) % n;
}

static u8 byte_of(u32 number, u32 i)
{
	return (u8)(number * 31 + i * 7);
}

static void put(struct xs_records *r, u32 number, u32 len)
{
	u8 *at = xs_records_put(r, len);
	u32 i;

	assert_non_null(at);
	assert_int_equal((uintptr_t)at % 8, 0);
	assert_true((char *)at >= r->bytes && (char *)at + len <= r->bytes + r->size);
	assert_true(r->head - r->tail <= r->size);
	for (i = 0; i < len; i++)
		at[i] = byte_of(number, i);
}

/* The reader's next record is the one it should be. Returns false when there is none. */
static bool take(const struct xs_records *r, struct xs_cursor *c, const u32 *lens, u64 *expect)
{
	const u8 *at;
	u64 lost;
	u32 len = 0, i;

	at = xs_records_next(r, c, &len, &lost);
	if (!at) {
		assert_int_equal(*expect, r->next);
		return false;
	}
	*expect += lost;
	assert_true(!lost || *expect == r->oldest);
	assert_int_equal(c->number - 1, *expect);
	assert_int_equal(len, lens[*expect]);
	for (i = 0; i < len; i++)
		assert_int_equal(at[i], byte_of((u32)*expect, i));
	++*expect;
	return true;
}

/* Two readers of different speed see each record that is still there once, whole, in order. */
static void records_at_random(u32 size, u32 seed)
{
	u32 most = size / 2 - 8, *lens = calloc(RECORDS + 1, sizeof(*lens)), n;
	void *bytes = aligned_alloc(8, size);
	struct xs_cursor fast, slow;
	struct xs_records r;
	u64 at_fast = 1, at_slow = 1;

	rng = seed;
	xs_records_init(&r, bytes, size);
	xs_records_start(&r, &fast);
	xs_records_start(&r, &slow);
	for (n = 1; n <= RECORDS; n++) {
		lens[n] = rnd(4) ? rnd(most / 4 + 1) : rnd(most + 1);
		put(&r, n, lens[n]);
		if (rnd(2))
			while (take(&r, &fast, lens, &at_fast))
				;
		if (!rnd(7))
			take(&r, &slow, lens, &at_slow);
	}
	while (take(&r, &slow, lens, &at_slow))
		;
	assert_int_equal(r.next, RECORDS + 1);
	assert_true(r.oldest > 1);
	free(bytes);
	free(lens);
}

static void records_kept_and_lost(void **state)
{
	u32 size, seed;

	for (size = 64; size <= 65536; size *= 4)
		for (seed = 1; seed <= 5; seed++)
			records_at_random(size, seed);
}

/* As many are kept as there is room for, each with 8 bytes beside it. */
static void records_fill_the_ring(void **state)
{
	u64 bytes[1024 / 8];
	struct xs_records r;
	struct xs_cursor c;
	u64 lost;
	u32 i, len;

	xs_records_init(&r, bytes, sizeof(bytes));
	for (i = 1; i <= 100; i++)
		put(&r, i, 24);
	assert_int_equal(r.next - r.oldest, 1024 / 32);
	xs_records_start(&r, &c);
	for (i = 0; i < 1024 / 32; i++)
		assert_non_null(xs_records_next(&r, &c, &len, &lost));
	assert_null(xs_records_next(&r, &c, &len, &lost));
}

static void records_too_long(void **state)
{
	u64 bytes[1024 / 8];
	struct xs_records r;

	xs_records_init(&r, bytes, sizeof(bytes));
	put(&r, 1, 504);
	assert_null(xs_records_put(&r, 505));
	assert_null(xs_records_put(&r, 0xffffffff));
	assert_int_equal(r.next, 2);
	put(&r, 2, 504);
	put(&r, 3, 0);
	assert_int_equal(r.next, 4);
}

static void records_none(void **state)
{
	u64 bytes[64 / 8], lost;
	struct xs_records r;
	struct xs_cursor c;
	u32 len;

	xs_records_init(&r, bytes, sizeof(bytes));
	xs_records_start(&r, &c);
	assert_null(xs_records_next(&r, &c, &len, &lost));
	put(&r, 1, 3);
	assert_non_null(xs_records_next(&r, &c, &len, &lost));
	assert_int_equal(len, 3);
	assert_int_equal(lost, 0);
	assert_null(xs_records_next(&r, &c, &len, &lost));
}

/* ---- what may be seen -------------------------------------------------------------------- */

/* Pieces of a payload are divided by '|', each with its exact size on the heap. */
static u32 make(struct xs_out *out, u32 type, const char *text, u32 len, char **pieces)
{
	struct xs_vec vec[XS_OUT_VECS];
	u32 n = 0, from = 0, i;

	for (i = 0; i <= len; i++) {
		if (i < len && text[i] != '|')
			continue;
		pieces[n] = malloc(i - from ? i - from : 1);
		memcpy(pieces[n], text + from, i - from);
		vec[n].base = pieces[n];
		vec[n++].len = i - from;
		from = i + 1;
	}
	assert_int_equal(xs_out_init(out, type, 0, vec, n), 0);
	return n;
}

#define TEXT(s)	s, sizeof(s) - 1

static void path_and_rest(void **state)
{
	static const struct {
		u32 type;
		const char *text;
		u32 len;
		const char *path, *rest;
		u32 rest_len;
	} row[] = {
		{ XS_READ,      TEXT("a/b\0"),             "a/b", TEXT("") },
		{ XS_READ,      TEXT("a/b"),               "",    TEXT("a/b") },
		{ XS_READ,      TEXT(""),                  "",    TEXT("") },
		{ XS_WRITE,     TEXT("a/b\0|secret"),      "a/b", TEXT("secret") },
		{ XS_WRITE,     TEXT("a/b\0|se|cret"),     "a/b", TEXT("secret") },
		{ XS_WRITE,     TEXT("a/b\0secret"),       "a/b", TEXT("secret") },
		{ XS_WRITE,     TEXT("a/b\0sec|ret"),      "a/b", TEXT("secret") },
		{ XS_WRITE,     TEXT("a/b\0|"),            "a/b", TEXT("") },
		{ XS_WRITE,     TEXT("a/b\0"),             "a/b", TEXT("") },
		{ XS_WRITE,     TEXT("all of it secret"),  "",    TEXT("all of it secret") },
		{ XS_WATCH,     TEXT("a\0|token|5"),       "a",   TEXT("token5") },
		{ XS_WATCH,     TEXT("a\0token"),          "a",   TEXT("token") },
		{ XS_SET_PERMS, TEXT("a\0n0"),             "a",   TEXT("n0") },
		{ XS_TRANSACTION_END,   TEXT("T\0"),       "T",   TEXT("") },
		{ XS_TRANSACTION_START, TEXT("x"),         "",    TEXT("x") },
		{ XS_GET_DOMAIN_PATH,   TEXT("7\0"),       "7",   TEXT("") },
		{ XS_CONTROL,   TEXT("words"),             "",    TEXT("words") },
		{ 31,           TEXT("words"),             "",    TEXT("words") },
		{ 99,           TEXT("words"),             "",    TEXT("words") },
		{ 0xffffffff,   TEXT("words"),             "",    TEXT("words") },
		{ XS_READ,      TEXT("a\0b\0"),            "a",   TEXT("b\0") },
		{ XS_WATCH,     TEXT("a\0token\0"),       "a",   TEXT("token\0") },
		{ XS_WRITE,     TEXT("\0|secret"),        "",    TEXT("\0secret") },
		{ XS_WRITE,     TEXT("|secret"),          "",    TEXT("secret") },
		{ XS_CONTROL,   TEXT("words\0more"),      "",    TEXT("words\0more") },
		{ 32,           TEXT("words\0"),          "",    TEXT("words\0") },
	};
	char *pieces[XS_OUT_VECS], rest[64];
	struct xs_vec path, in_pieces, vec[XS_OUT_VECS];
	bool one_string;
	struct xs_out out;
	u32 i, j, n, len;

	for (i = 0; i < ARRAY_SIZE(row); i++) {
		n = make(&out, row[i].type, row[i].text, row[i].len, pieces);
		path = xs_seen_path(&out, false);
		if (path.len != strlen(row[i].path) ||
		    (path.len && memcmp(path.base, row[i].path, path.len)))
			fail_msg("row %u: path of %u bytes", i, path.len);
		one_string = out.nvec && strnlen(pieces[0], out.vec[0].len) + 1 >= out.vec[0].len;
		in_pieces = xs_seen_path(&out, true);
		if (one_string && (in_pieces.base != path.base || in_pieces.len != path.len))
			fail_msg("row %u: path of %u bytes in pieces", i, in_pieces.len);
		len = 0;
		for (j = 0; j < xs_seen_rest(&out, path.len, vec); len += vec[j++].len) {
			assert_true(vec[j].len > 0);
			memcpy(rest + len, vec[j].base, vec[j].len);
		}
		if (len != row[i].rest_len || memcmp(rest, row[i].rest, len))
			fail_msg("row %u: the rest has %u bytes", i, len);
		while (n)
			free(pieces[--n]);
	}
}

static void states(void **state)
{
	static const struct {
		const char *path;
		bool is;
	} row[] = {
		{ "device/vif/0/state", true },
		{ "backend/vif/1/0/state", true },
		{ "/local/domain/0/backend/vif/1/0/state", true },
		{ "/local/domain/12/device/vif/0/state", true },
		{ "/local/domain/19/device/vif/0/state", true },
		{ "/local/domain/0/state", false },
		{ "/local/domain/12345/state", false },
		{ "/local/domain/device/vif/0/state", false },
		{ "/local/domain/1", false },
		{ "/local/domain/1/data/state", false },
		{ "data/state", false },
		{ "device/vif/0/mac", false },
		{ "device/vif/0/xstate", false },
		{ "device/vif/0/stats", false },
		{ "devices/vif/0/state", false },
		{ "/device/vif/0/state", false },
		{ "state", false },
		{ "/state", false },
		{ "", false },
	};
	char *path;
	u32 i, len;

	for (i = 0; i < ARRAY_SIZE(row); i++) {
		len = (u32)strlen(row[i].path);
		path = malloc(len ? len : 1);	/* no NUL behind it */
		memcpy(path, row[i].path, len);
		if (xs_seen_state(path, len) != row[i].is)
			fail_msg("%s", row[i].path);
		free(path);
	}
}

static void escapes(void **state)
{
	static const char in[] = "a b\n\\c\x7f\xff~!";
	static const char want[] = "a\\x20b\\x0a\\x5cc\\x7f\\xff~!\\x00";
	char *dst = malloc(4 * sizeof(in));
	u32 len = xs_escape(dst, in, sizeof(in));

	assert_int_equal(len, sizeof(want) - 1);
	assert_memory_equal(dst, want, len);
	assert_int_equal(xs_escape(dst, in, 0), 0);
	free(dst);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_kept_and_lost),
		cmocka_unit_test(records_fill_the_ring),
		cmocka_unit_test(records_too_long),
		cmocka_unit_test(records_none),
		cmocka_unit_test(path_and_rest),
		cmocka_unit_test(states),
		cmocka_unit_test(escapes),
	};

	return cmocka_run_group_tests_name("xs_record", tests, NULL, NULL);
}
