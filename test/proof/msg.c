// SPDX-License-Identifier: GPL-2.0
/*
 * msg.c - proofs of xs_msg.c: sending and receiving, at the real sizes.
 *
 * The ring is replaced by the contract that ring.c proves of it: it moves as much as it was asked
 * for and may, reads and writes no other byte, and keeps count. Bytes out of the ring are anything.
 */
#include "proof.h"
#include "xs_msg.h"

static u32 moved;
static char *place;			/* where xs_ring_take() goes on writing */

/* Where byte number at of a message lies, by its definition: header, then the pieces. */
static const char *byte_of(const struct xs_out *out, u32 at)
{
	u32 i;

	if (at < XS_HDR_SIZE)
		return (const char *)&out->hdr + at;
	at -= XS_HDR_SIZE;
	for (i = 0; i < XS_OUT_VECS; i++) {
		if (i < out->nvec && at < out->vec[i].len)
			return (const char *)out->vec[i].base + at;
		at -= i < out->nvec ? out->vec[i].len : 0;
	}
	return NULL;
}

u32 xs_ring_take(struct xs_ring *r, void *dst, u32 len)
{
	u32 n = least(len, r->n);

	if (dst) {
		MUST(n == 0 || __CPROVER_w_ok(dst, n), "take writes where it may");
		MUST(!place || dst == place, "where the last bytes ended");
		if (n)
			__CPROVER_havoc_slice(dst, n);
		if (place)
			place += n;
	}
	moved += n;
	r->at += n;
	r->n -= n;
	return n;
}

#include "../../xs_msg.c"

static struct xs_out out;
static struct xs_in in;
static struct xs_ring r;

static u32 len_of(const struct xs_out *o)
{
	u32 i, len = 0;

	for (i = 0; i < XS_OUT_VECS; i++)
		len += i < o->nvec ? o->vec[i].len : 0;
	return len;
}

/*
 * Any message that xs_out_init() can have made, at any place. That no byte beyond a piece is read
 * follows from what is asserted: each byte that is used is the message's by byte_of().
 */
static void any_out(void)
{
	static char bytes[XS_OUT_VECS][XENSTORE_PAYLOAD_MAX];
	u32 i;

	out.nvec = nondet_u32();
	out.done = nondet_u32();
	out.hdr.len = nondet_u32();
	out.hdr.type = nondet_u32();
	out.hdr.req_id = nondet_u32();
	out.hdr.tx_id = nondet_u32();
	ASSUME(out.nvec <= XS_OUT_VECS && out.hdr.len <= XS_PAYLOAD_MAX);
	ASSUME(out.done <= XS_HDR_SIZE + out.hdr.len);
	for (i = 0; i < XS_OUT_VECS; i++) {
		out.vec[i].len = nondet_u32();
		ASSUME(out.vec[i].len <= XS_PAYLOAD_MAX);
		out.vec[i].base = bytes[i];
	}
	ASSUME(len_of(&out) == out.hdr.len);
}

/* proof: out_init of=xs_out_init,xs_out_left unwind=5
 * For any pieces of any lengths: a message is made just when they fit 4096 bytes and are three at
 * the most; the header tells their sum; the array is not read beyond its end. */
void out_init(void)
{
	u32 type = nondet_u32(), tx = nondet_u32(), nvec = nondet_u32(), i, n = least(nvec, 3);
	struct xs_vec *vec = (struct xs_vec *)some_bytes(n * sizeof(*vec));
	u64 sum = 0;
	int err;

	for (i = 0; i < 3; i++)
		sum += i < n ? vec[i].len : 0;
	any_out();
	err = xs_out_init(&out, type, tx, vec, nvec);
	MUST(err == (nvec > XS_OUT_VECS ? -EINVAL : sum > XS_PAYLOAD_MAX ? -E2BIG : 0), "refused");
	if (err) {
		REACH("refused");
		return;
	}
	MUST(out.hdr.type == type && out.hdr.tx_id == tx && out.hdr.req_id == 0 &&
	     out.hdr.len == sum && out.nvec == nvec && out.done == 0, "header");
	for (i = 0; i < n; i++)
		MUST(out.vec[i].base == vec[i].base && out.vec[i].len == vec[i].len, "pieces");
	MUST(xs_out_left(&out) == XS_HDR_SIZE + sum, "all of it is left");
	REACH("made");
}

/* proof: next of=next_piece slow unwind=5
 * next_piece(): nothing just at the end; else bytes that are all there and are the message's next
 * ones, up to where the piece ends. */
void next(void)
{
	const char *piece = NULL;
	u32 len, j = nondet_u32();

	any_out();
	len = next_piece(&out, &piece);
	MUST((len == 0) == (out.done == XS_HDR_SIZE + out.hdr.len), "nothing just at the end");
	MUST(len == 0 || __CPROVER_r_ok(piece, len), "bytes that are there");
	MUST(len <= xs_out_left(&out), "not beyond the message");
	ASSUME(j < len);
	MUST(piece + j == byte_of(&out, out.done + j), "the next ones");
	REACH("end");
}

/* Any parser that is in the middle of a message, with any place for its payload. */
static void any_in(void)
{
	char *dst = NULL;

	in.hdr.type = nondet_u32();
	in.hdr.req_id = nondet_u32();
	in.hdr.tx_id = nondet_u32();
	in.hdr.len = nondet_u32();
	in.have = nondet_u32();
	in.told = nondet_bool();
	in.whole = nondet_bool();
	in.cap = nondet_u32();
	if (nondet_bool())
		dst = some_bytes(in.cap);
	xs_in_into(&in, dst, in.cap);
	MUST(in.dst == dst, "xs_in_into() names the place");
	r.n = nondet_u32();
	ASSUME(r.n <= XS_RING_SIZE);
	moved = 0;
	place = NULL;
}

/* proof: in_init of=xs_in_init
 * At the start of a message. */
void in_init(void)
{
	any_in();
	xs_in_init(&in);
	MUST(!in.have && !in.told && !in.whole && !in.dst && !in.cap, "at the start");
	REACH("end");
}

/* Sound: the payload's bytes are only taken after the header was told; whole only when it is. */
static bool in_sound(void)
{
	if (in.have < XS_HDR_SIZE)
		return !in.told && !in.whole;
	if (in.hdr.len > XS_PAYLOAD_MAX)
		return in.have == XS_HDR_SIZE && !in.told && !in.whole;
	return in.have <= XS_HDR_SIZE + in.hdr.len && (in.told || in.have == XS_HDR_SIZE) &&
		(!in.whole || in.told && in.have == XS_HDR_SIZE + in.hdr.len);
}

/* proof: payload of=take_payload slow unwind=5
 * take_payload(), from any place, with any place of any size for it: takes all that is there of
 * this message and nothing of the next, writes within the caller's place and there in order. */
void payload(void)
{
	u32 had, room, want;

	any_in();
	ASSUME(in_sound() && in.told && in.have >= XS_HDR_SIZE && in.hdr.len <= XS_PAYLOAD_MAX);
	had = in.have;
	room = r.n;
	want = XS_HDR_SIZE + in.hdr.len - had;
	if (in.dst && had - XS_HDR_SIZE < in.cap)
		place = in.dst + (had - XS_HDR_SIZE);
	take_payload(&in, &r);
	MUST(moved == least(room, want) && in.have == had + moved, "all that is there, no more");
	if (in.dst && moved && had - XS_HDR_SIZE < in.cap)
		MUST(place == in.dst + least(in.have - XS_HDR_SIZE, in.cap),
		     "the caller's place is filled up to here");
	MUST(in_sound(), "sound");
	REACH("end");
	if (in.dst && in.cap < in.hdr.len && in.have - XS_HDR_SIZE > in.cap)
		REACH("did not fit");
}

/* proof: step of=xs_in_step,xs_in_into slow unwind=5
 * From any sound state, with any number of bytes in the ring: sound again; it stops only when the
 * ring is empty or there is something to tell; a header with a length over 4096 is refused before
 * a byte of payload; a header is told once, a message when just its last byte has come. */
void step(void)
{
	bool whole, told;
	u32 had, room;
	int got;

	any_in();
	ASSUME(in_sound());
	whole = in.whole;
	told = in.told;
	had = whole ? 0 : in.have;
	room = r.n;
	if (whole)
		in.dst = (char *)some_bytes(0);	/* the last message's place may have gone */
	got = xs_in_step(&in, &r);
	MUST(in_sound(), "sound");
	MUST(in.have == had + moved && moved == room - r.n, "each byte counted once");
	switch (got) {
	case XS_IN_STARVED:
		MUST(r.n == 0, "starved only when the ring is empty");
		MUST(!in.whole, "and the message is not complete");
		REACH("starved");
		break;
	case XS_IN_HEADER:
		MUST(in.have == XS_HDR_SIZE && in.told && (!told || whole), "told once");
		REACH("header");
		break;
	case XS_IN_MESSAGE:
		MUST(in.whole && in.have == XS_HDR_SIZE + in.hdr.len, "with its last byte");
		REACH("message");
		break;
	default:
		MUST(got == -EPROTO && in.hdr.len > XS_PAYLOAD_MAX, "refused for its length");
		MUST(in.have == XS_HDR_SIZE, "before its payload");
		REACH("refused");
	}
	if (got != -EPROTO && in.have >= XS_HDR_SIZE)
		MUST(in.hdr.len <= XS_PAYLOAD_MAX, "what is told fits");
}
