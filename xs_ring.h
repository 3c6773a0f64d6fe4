/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_ring.h - one direction of the store page, seen from one end.
 *
 *            producer                                consumer
 *   look ── reads cons, room = size - (prod - cons)    look ── reads prod, unread = prod - cons
 *   put  ── bytes into the room                        take ── bytes out of the unread part
 *   publish ── writes prod                             publish ── writes cons
 *
 * Each index has one writer: its end. What we have written so far is kept in a private copy, so a
 * peer that scribbles over our index misleads nobody but itself. The peer's index is read once for
 * each look, and all that follows uses that one value. Indices are free-running 32-bit counters;
 * the byte of index i lies at i modulo the ring's size (docs/misc/xenstore-ring.txt).
 *
 * Pure: no allocation, no lock, no sleep. The caller serialises all calls on one struct xs_ring.
 */
#ifndef XS_RING_H
#define XS_RING_H

#include "xs_port.h"

#ifndef XS_RING_SIZE			/* a power of two; proofs shrink it */
#define XS_RING_SIZE	((u32)XENSTORE_RING_SIZE)
#endif

/**
 * struct xs_ring - one direction of a store page
 * @bytes: the XS_RING_SIZE shared bytes
 * @own: the shared index that this end alone writes
 * @peer: the shared index that only the other end writes
 * @at: our index, which runs ahead of *@own until it is published
 * @published: the value of *@own that the peer has been given
 * @n: bytes that may still be moved before the next look
 */
struct xs_ring {
	char *bytes;
	u32 *own;
	const u32 *peer;
	u32 at;
	u32 published;
	u32 n;
};

void xs_ring_attach(struct xs_ring *r, char *bytes, u32 *own, const u32 *peer);

int xs_ring_look_room(struct xs_ring *r);
int xs_ring_look_unread(struct xs_ring *r);

u32 xs_ring_put(struct xs_ring *r, const void *src, u32 len);
u32 xs_ring_take(struct xs_ring *r, void *dst, u32 len);

bool xs_ring_publish_put(struct xs_ring *r);
bool xs_ring_peer_is_behind(const struct xs_ring *r, u32 before);
bool xs_ring_publish_take(struct xs_ring *r);

#endif /* XS_RING_H */
