// SPDX-License-Identifier: GPL-2.0
/*
 * seek.c - proof of xs_in_seek(), for any number of bytes.
 *
 * xs_ring_take() is replaced by what ring.c proves of it; its bytes are anything. memmove must
 * slide the window of sixteen bytes by one, past a header that is not the one; what is in the
 * window then is anything, which is more than it can be.
 */
#include "proof.h"
#include "xs_msg.h"

static struct xs_in in;
static struct xs_ring r;
static u32 type, req_id, moved, slid;

static bool is_the_one(void)
{
	return in.hdr.req_id == req_id && in.hdr.tx_id == 0 && in.hdr.len <= XS_PAYLOAD_MAX &&
		(in.hdr.type == type || in.hdr.type == XS_ERROR);
}

static void any_header(void)
{
	in.hdr.type = nondet_u32();
	in.hdr.req_id = nondet_u32();
	in.hdr.tx_id = nondet_u32();
	in.hdr.len = nondet_u32();
}

u32 xs_ring_take(struct xs_ring *from, void *dst, u32 len)
{
	u32 n = least(len, from->n);

	MUST(dst == (char *)&in.hdr + in.have, "behind what has come of the header");
	MUST(in.have + len == XS_HDR_SIZE, "up to its end, no further");
	if (n)
		any_header();
	moved += n;
	from->at += n;
	from->n -= n;
	return n;
}

void *memmove(void *dst, const void *src, size_t n)
{
	MUST(in.have == XS_HDR_SIZE && !is_the_one(), "only past a whole header of another");
	MUST(dst == &in.hdr && src == (char *)&in.hdr + 1 && n == XS_HDR_SIZE - 1, "by one byte");
	any_header();
	slid++;
	return dst;
}

#include "../../xs_msg.c"

/* proof: seek of=xs_in_seek
 * From any place in a header, with any number of bytes: found just when the window is the header of
 * the reply or of the error; else it slides by one byte and no more, until the ring is empty. */
void seek(void)
{
	u32 room, had;
	int got;

	any_header();
	in.have = had = nondet_u32();
	in.told = in.whole = false;
	type = nondet_u32();
	req_id = nondet_u32();
	r.n = room = nondet_u32();
	ASSUME(had < XS_HDR_SIZE && room <= XS_RING_SIZE);
	moved = slid = 0;
	got = xs_in_seek(&in, &r, type, req_id);
	MUST(moved == room - r.n && in.have == had + moved - slid, "each byte counted once");
	if (got == XS_IN_HEADER) {
		MUST(in.have == XS_HDR_SIZE && is_the_one() && in.told && !in.whole, "in step");
		REACH("found");
		if (slid)
			REACH("after others");
	} else {
		MUST(got == XS_IN_STARVED && r.n == 0 && in.have < XS_HDR_SIZE && !in.told,
		     "to be called again");
		REACH("starved");
	}
}
