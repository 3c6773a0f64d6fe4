// SPDX-License-Identifier: GPL-2.0
/*
 * push.c - proofs of what xs_msg.c does with the pieces of a message that next_piece() cuts.
 *
 * next_piece() is replaced by what msg.c proves of it: nothing just at the message's end, else some
 * bytes, no more than are left. Where it said that they lie is noted, and must be where they are
 * taken from; so they are the message's next ones.
 */
#include "proof.h"
#include "xs_msg.h"

static struct xs_out out;
static struct xs_ring r;
static char somewhere[XENSTORE_PAYLOAD_MAX], *spilled;
static const char *piece_at;
static u32 piece_len, piece_done, moved, gone;

u32 any_piece(const struct xs_out *from, const char **piece)
{
	u32 left = XS_HDR_SIZE + from->hdr.len - from->done, at = nondet_u32();

	MUST(from->done <= XS_HDR_SIZE + from->hdr.len, "the cursor is in the message");
	piece_len = nondet_u32();
	piece_done = from->done;
	ASSUME(piece_len <= left && (piece_len != 0) == (left != 0));
	ASSUME(at <= sizeof(somewhere) && piece_len <= sizeof(somewhere) - at);
	if (piece_len)
		*piece = piece_at = somewhere + at;
	return piece_len;
}

u32 xs_ring_put(struct xs_ring *to, const void *src, u32 len)
{
	u32 n = least(len, to->n);

	MUST(to->n && len, "put is asked for something");
	MUST(src == piece_at && len == piece_len && out.done == piece_done, "for the next bytes");
	moved += n;
	to->at += n;
	to->n -= n;
	return n;
}

void *memcpy(void *dst, const void *src, size_t n)
{
	MUST(src == piece_at && n == piece_len, "the next bytes are copied");
	MUST(piece_done == XS_HDR_SIZE + moved, "none twice, none left out");
	MUST(dst == spilled + (moved - gone), "to their place");
	MUST(__CPROVER_w_ok(dst, n), "which is there");
	moved += (u32)n;
	return dst;
}

#include "../../xs_msg.c"

/* Any message at any place. */
static void any_message(void)
{
	out.hdr.type = nondet_u32();
	out.hdr.req_id = nondet_u32();
	out.hdr.tx_id = nondet_u32();
	out.hdr.len = nondet_u32();
	out.done = nondet_u32();
	ASSUME(out.hdr.len <= XS_PAYLOAD_MAX && out.done <= XS_HDR_SIZE + out.hdr.len);
	moved = 0;
}

/* proof: push of=xs_out_push replace=next_piece:any_piece
 * From any place in any message, with any room: the message's next bytes in their order, until it
 * is at its end or the room is used up. */
void push(void)
{
	u32 room = nondet_u32(), had, left;

	any_message();
	ASSUME(room <= XS_RING_SIZE);
	r.n = room;
	had = out.done;
	left = xs_out_push(&out, &r);
	MUST(out.done == had + moved && moved == room - r.n, "each byte counted once");
	MUST(left == XS_HDR_SIZE + out.hdr.len - out.done, "what is left");
	MUST(!left || !r.n, "all that there is room for");
	if (left)
		REACH("no room");
	else
		REACH("sent");
}

/* proof: spill of=xs_out_spill replace=next_piece:any_piece
 * From any place in any message: the payload's bytes that are not sent yet are copied in their
 * order, to where the message has them from then on; it is no other, and at the same place. */
void spill(void)
{
	u32 sent, payload;
	struct xs_out was;

	any_message();
	was = out;
	sent = out.done > XS_HDR_SIZE ? out.done - XS_HDR_SIZE : 0;
	payload = out.hdr.len - sent;
	spilled = some_bytes(payload);
	moved = gone = sent;
	xs_out_spill(&out, spilled);
	MUST(moved == out.hdr.len, "all that was left");
	MUST(out.done == was.done && out.hdr.len == was.hdr.len && out.hdr.type == was.hdr.type &&
	     out.hdr.req_id == was.hdr.req_id && out.hdr.tx_id == was.hdr.tx_id,
	     "no other message");
	MUST(out.nvec == 2 && out.vec[0].len == sent && out.vec[1].len == payload &&
	     out.vec[1].base == spilled, "sent from there");
	REACH("end");
}
