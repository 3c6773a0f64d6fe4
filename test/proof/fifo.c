// SPDX-License-Identifier: GPL-2.0
/*
 * fifo.c - both ends of a small ring together: real bytes, real copies. Every index at which a ring
 * can start is tried, and every way to cut the moves.
 */
#include "proof.h"

void *memcpy(void *dst, const void *src, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		((char *)dst)[i] = ((const char *)src)[i];
	return dst;
}

#include "../../xs_ring.c"

#define SENT	6

/* proof: fifo slow unwind=8 define=XS_RING_SIZE=4u
 * Two puts and three takes of any lengths, over any unread bytes: what comes out is what went in,
 * in order, nothing lost and nothing twice; who found no room is woken. */
void fifo(void)
{
	char bytes[XS_RING_SIZE], sent[SENT], out[XS_RING_SIZE + SENT], was[XS_RING_SIZE];
	u32 prod = nondet_u32(), cons = nondet_u32(), used = prod - cons, got = 0, put = 0;
	u32 i, k, first;
	struct xs_ring p, c;
	bool full = false, woken = false;

	ASSUME(used <= XS_RING_SIZE);
	first = cons;
	for (i = 0; i < XS_RING_SIZE; i++)
		was[i] = bytes[(first + i) % XS_RING_SIZE];
	xs_ring_attach(&p, bytes, &prod, &cons);
	xs_ring_attach(&c, bytes, &cons, &prod);
	for (i = 0; i < 3; i++) {
		u32 len = nondet_u32();

		if (i < 2) {
			ASSUME(len <= SENT - put);
			MUST(xs_ring_look_room(&p) >= 0, "sane for the producer");
			full = p.n == 0;
			put += xs_ring_put(&p, sent + put, len);
			xs_ring_publish_put(&p);
		}
		MUST(xs_ring_look_unread(&c) >= 0, "sane for the consumer");
		len = nondet_u32();
		ASSUME(len <= sizeof(out) - got);
		k = xs_ring_take(&c, out + got, len);
		got += k;
		woken = xs_ring_publish_take(&c);
		MUST(woken || !full || !k || i > 1, "who found the ring full is woken");
	}
	MUST(got <= used + put && prod - cons == used + put - got, "nothing lost, nothing made up");
	k = nondet_u32();
	ASSUME(k < got);
	MUST(out[k] == (k < used ? was[k] : sent[k - used]), "the stream is in order");
	REACH("end");
	if (used && got == used + put && put > XS_RING_SIZE)
		REACH("wrapped");
	if (woken)
		REACH("woken");
}
