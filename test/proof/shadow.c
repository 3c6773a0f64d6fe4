// SPDX-License-Identifier: GPL-2.0
/*
 * shadow.c - proofs of the box in xs_shadow.c, at its real size, for all values of its counters.
 *
 * memcpy and xs_ring_put() are replaced by contracts that check their arguments; what was copied
 * from where to where is noted.
 */
#include "proof.h"
#include "xs_shadow.h"

static struct xs_shadow sh;
static struct xs_conn conn;

static struct copy { const char *dst, *src; size_t n; } copies[2];
static u32 ncopies, put;

void *memcpy(void *dst, const void *src, size_t n)
{
	MUST(n == 0 || __CPROVER_r_ok(src, n), "memcpy reads what is there");
	MUST(n == 0 || __CPROVER_w_ok(dst, n), "memcpy writes where it may");
	MUST(ncopies < ARRAY_SIZE(copies), "two pieces at the most");
	copies[ncopies++] = (struct copy){ dst, src, n };
	return dst;
}

/* Puts as much as it has room for, as ring.c proves of it. */
u32 xs_ring_put(struct xs_ring *r, const void *src, u32 len)
{
	u32 n = least(len, r->n);

	MUST(len > 0, "it is given something");
	MUST(src == sh.box + (sh.tail & (XS_SHADOW_BOX - 1)), "the oldest byte comes first");
	MUST(__CPROVER_r_ok(src, len), "all of it lies in the box");
	MUST(len <= sh.head - sh.tail, "and was put there");
	r->n -= n;
	put += n;
	return n;
}

#include "../../xs_shadow.c"

/* Any state: head and tail anywhere, no more between them than the box holds. */
static void any_box(void)
{
	sh.conn = &conn;
	sh.head = nondet_u32();
	sh.tail = nondet_u32();
	ASSUME(sh.head - sh.tail <= XS_SHADOW_BOX);
	ncopies = put = 0;
}

/* Where byte number @i of those that were copied went; NULL when it was copied from elsewhere. */
static const char *place_of(const char *from, u32 i)
{
	if (i < copies[0].n)
		return copies[0].src == from ? copies[0].dst + i : NULL;
	i -= (u32)copies[0].n;
	return i < copies[1].n && copies[1].src == from + copies[0].n ? copies[1].dst + i : NULL;
}

/* proof: box_in slow
 * Each byte goes behind the newest, over the box's end too, and overwrites none that is unread. */
void box_in(void)
{
	u32 n = nondet_u32(), i = nondet_u32(), head, at;
	char *bytes;

	any_box();
	ASSUME(n <= XS_HDR_SIZE + XS_PAYLOAD_MAX && n <= box_room(&sh));
	bytes = some_bytes(n);
	head = sh.head;
	box_put(&sh, bytes, n);
	MUST(sh.head == head + n && sh.head - sh.tail <= XS_SHADOW_BOX, "counted");
	MUST(copies[0].n + copies[1].n == n, "each byte once");
	ASSUME(i < n);
	at = (head + i) & (XS_SHADOW_BOX - 1);
	MUST(place_of(bytes, i) == sh.box + at, "to its place");
	MUST(head + i - sh.tail < XS_SHADOW_BOX, "where no unread byte is");
	REACH("a byte");
	if (copies[1].n)
		REACH("over the end");
}

/* proof: box_in_broken slow
 * When the kernel's page is broken, nothing is put. */
void box_in_broken(void)
{
	u32 head;

	any_box();
	sh.broken = nondet_int();
	ASSUME(sh.broken < 0);
	head = sh.head;
	box_put(&sh, some_bytes(16), 16);
	MUST(sh.head == head && ncopies == 0, "nothing");
	REACH("broken");
}

/* proof: box_out slow
 * The oldest bytes go first, in their order, over the box's end too, until the ring has no room or
 * the box is empty; none goes twice. */
void box_out(void)
{
	u32 had, room;

	any_box();
	had = sh.head - sh.tail;
	sh.rsp.n = room = nondet_u32();
	ASSUME(room <= XS_RING_SIZE);
	box_take(&sh);
	MUST(put == least(had, room), "as much as there is, or as fits");
	MUST(sh.head - sh.tail == had - put, "counted");
	REACH("given");
	if (sh.rsp.n && put)
		REACH("all of it");
}

/* proof: box_hold slow
 * What is not held has room for the longest message, and then for an error to each request. */
void box_hold(void)
{
	u32 errors = XS_CONN_SLOTS * (XS_HDR_SIZE + sizeof(over));

	any_box();
	conn.hold = nondet_bool();
	update_hold(&sh);
	if (!conn.hold) {
		MUST(box_room(&sh) >= XS_HDR_SIZE + XS_PAYLOAD_MAX + errors, "room");
		REACH("not held");
	} else {
		MUST(box_room(&sh) < XS_HDR_SIZE + XS_PAYLOAD_MAX + errors, "no room");
		MUST(sh.head - sh.tail > XS_RING_SIZE, "more than the kernel's ring holds");
		REACH("held");
	}
}
