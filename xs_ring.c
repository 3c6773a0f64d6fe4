// SPDX-License-Identifier: GPL-2.0
/*
 * xs_ring.c - bytes in and out of one direction of the store page. See xs_ring.h.
 *
 * Barriers, each with its partner in the peer (docs/misc/xenstore-ring.txt):
 *   A  look_room: read cons, mb, then put.    With the consumer's D: bytes are overwritten only
 *                                             after the consumer has copied them out.
 *   B  publish_put: put, wmb, write prod.     With the consumer's C: prod is seen only after
 *                                             the bytes it covers.
 *   C  look_unread: read prod, rmb, take.     Partner of B.
 *   D  publish_take: take, mb, write cons.    Partner of A.
 *   E  publish_take: write cons, mb, read prod. With the producer's "write prod, mb, read cons,
 *                                             sleep when full": one of the two sees the other,
 *                                             so a producer that sleeps is always woken.
 *   F  peer_is_behind: write prod, mb, read cons. With the consumer's "write cons, mb, read prod,
 *                                             sleep when empty": a consumer that is seen to have
 *                                             bytes of before left will see the new ones, too.
 * virt_* and not smp_*: the peer runs on another CPU even where this guest has only one.
 */
#include "xs_ring.h"

/**
 * xs_ring_attach() - begin to work on one direction of a store page
 * @r: filled in
 * @bytes: the shared bytes of this direction
 * @own: the shared index that we write: prod to send, cons to receive
 * @peer: the shared index that the other end writes
 *
 * Goes on where the page's last user stopped: indices may start at any value. Whether the pair is
 * sane is found by the first look.
 */
void xs_ring_attach(struct xs_ring *r, char *bytes, u32 *own, const u32 *peer)
{
	r->bytes = bytes;
	r->own = own;
	r->peer = peer;
	r->at = READ_ONCE(*own);
	r->published = r->at;
	r->n = 0;
}

/**
 * xs_ring_look_room() - producer: how many bytes can be put now?
 * @r: the ring; everything put so far must be published
 *
 * Reads the consumer's index once.
 *
 * Return: 0 to XS_RING_SIZE; -EIO when the two indices are further apart than the ring is long,
 * which no sane peer causes: the ring is broken, and nothing may be moved.
 */
int xs_ring_look_room(struct xs_ring *r)
{
	u32 used = r->at - READ_ONCE(*r->peer);

	r->n = 0;
	if (used > XS_RING_SIZE)
		return -EIO;
	virt_mb();		/* A */
	r->n = XS_RING_SIZE - used;
	return (int)r->n;
}

/**
 * xs_ring_look_unread() - consumer: how many bytes can be taken now?
 * @r: the ring; everything taken so far must be published
 *
 * Reads the producer's index once.
 *
 * Return: 0 to XS_RING_SIZE; -EIO when the ring is broken (see xs_ring_look_room()).
 */
int xs_ring_look_unread(struct xs_ring *r)
{
	u32 unread = READ_ONCE(*r->peer) - r->at;

	r->n = 0;
	if (unread > XS_RING_SIZE)
		return -EIO;
	virt_rmb();		/* C */
	r->n = unread;
	return (int)r->n;
}

/* The part of a move that lies in one piece: up to the end of the ring, then the rest from 0. */
static u32 upto_wrap(u32 at, u32 len)
{
	u32 room = XS_RING_SIZE - (at & (XS_RING_SIZE - 1));

	return len < room ? len : room;
}

/**
 * xs_ring_put() - producer: put bytes where the last look found room
 * @r: the ring
 * @src: bytes to put
 * @len: how many at the most
 *
 * The peer sees nothing before xs_ring_publish_put().
 *
 * Return: how many bytes were put, which is less than @len when the room is used up.
 */
u32 xs_ring_put(struct xs_ring *r, const void *src, u32 len)
{
	u32 first;

	if (len > r->n)
		len = r->n;
	first = upto_wrap(r->at, len);
	memcpy(r->bytes + (r->at & (XS_RING_SIZE - 1)), src, first);
	if (first < len)
		memcpy(r->bytes, (const char *)src + first, len - first);
	r->at += len;
	r->n -= len;
	return len;
}

/**
 * xs_ring_take() - consumer: take bytes that the last look found
 * @r: the ring
 * @dst: where they go; NULL throws them away
 * @len: how many at the most
 *
 * The peer may not reuse their place before xs_ring_publish_take().
 *
 * Return: how many bytes were taken, which is less than @len when no more are there.
 */
u32 xs_ring_take(struct xs_ring *r, void *dst, u32 len)
{
	u32 first;

	if (len > r->n)
		len = r->n;
	if (dst) {
		first = upto_wrap(r->at, len);
		memcpy(dst, r->bytes + (r->at & (XS_RING_SIZE - 1)), first);
		if (first < len)
			memcpy((char *)dst + first, r->bytes, len - first);
	}
	r->at += len;
	r->n -= len;
	return len;
}

/**
 * xs_ring_publish_put() - producer: show the peer all that was put
 * @r: the ring
 *
 * Return: true when there was something new, so that the peer has to be signalled, unless
 * xs_ring_peer_is_behind().
 */
bool xs_ring_publish_put(struct xs_ring *r)
{
	if (r->at == r->published)
		return false;
	virt_wmb();		/* B */
	WRITE_ONCE(*r->own, r->at);
	r->published = r->at;
	return true;
}

/**
 * xs_ring_peer_is_behind() - producer: has the consumer still to read what was there before?
 * @r: the ring, just published
 * @before: what @r->published was before that
 *
 * Then it needs no signal for what is new, if it was signalled for what was there before: a
 * consumer looks once more behind the last byte that it has read, and sleeps only when it finds
 * nothing. Both of Xen's servers do, and must: the kernel's own xenbus signals no more often.
 *
 * Return: true when it has bytes of before left.
 */
bool xs_ring_peer_is_behind(const struct xs_ring *r, u32 before)
{
	u32 left;

	virt_mb();		/* F */
	left = before - READ_ONCE(*r->peer);
	return left && left <= XS_RING_SIZE;
}

/**
 * xs_ring_publish_take() - consumer: give the peer back the room of all that was taken
 * @r: the ring
 *
 * Return: true when the producer may have found the ring full before this, and so may be asleep:
 * it has to be signalled.
 */
bool xs_ring_publish_take(struct xs_ring *r)
{
	u32 before = r->published;

	if (r->at == before)
		return false;
	virt_mb();		/* D */
	WRITE_ONCE(*r->own, r->at);
	r->published = r->at;
	virt_mb();		/* E */
	return READ_ONCE(*r->peer) - before >= XS_RING_SIZE;
}
