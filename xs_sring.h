/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_sring.h - the indices of a device's shared ring, looked at once and written whole. The macros
 * of Xen's io/ring.h that do this read plainly what the backend may write at that very moment,
 * which is a data race.
 */
#ifndef XS_SRING_H
#define XS_SRING_H

#include <linux/compiler.h>
#include <linux/types.h>
#include <asm/barrier.h>
#include <xen/interface/io/ring.h>

/**
 * xs_sring_push() - show the backend all requests up to an index
 * @prod: the ring's req_prod
 * @event: the ring's req_event
 * @now: behind the last request
 *
 * Return: whether the backend wants an event.
 */
static inline bool xs_sring_push(RING_IDX *prod, const RING_IDX *event, RING_IDX now)
{
	RING_IDX old = READ_ONCE(*prod);

	virt_wmb();	/* the requests, before the index that shows them */
	WRITE_ONCE(*prod, now);
	virt_mb();	/* the index, before the look whether it is waited for */
	return now - READ_ONCE(*event) < now - old;
}

/**
 * xs_sring_more() - is there a response? If not, ask for an event, and look once more
 * @prod: the ring's rsp_prod
 * @event: the ring's rsp_event
 * @cons: the next response to be taken
 *
 * Return: whether there is one; else an event comes with the next.
 */
static inline bool xs_sring_more(const RING_IDX *prod, RING_IDX *event, RING_IDX cons)
{
	if (READ_ONCE(*prod) != cons)
		return true;
	WRITE_ONCE(*event, cons + 1);
	virt_mb();	/* the wish for an event, before the last look */
	return READ_ONCE(*prod) != cons;
}

#endif /* XS_SRING_H */
