/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xsecho.h - the echo device: what both ends of it agree on.
 *
 * One page, a ring of Xen's io/ring.h. A request carries bytes; its response carries the same bytes
 * back, in the order of the requests. Frontend keys: ring-ref, event-channel, state.
 */
#ifndef XSECHO_H
#define XSECHO_H

#include <linux/types.h>
#include <xen/interface/io/ring.h>

#define XSECHO_TYPE	"echo"
#define XSECHO_BYTES	124	/* in one message, so that 16 messages fit the page */

/**
 * struct xsecho_msg - a request, and the response to it
 * @id: the frontend's; comes back as it was
 * @len: bytes in use, 1 to XSECHO_BYTES
 * @bytes: the data
 */
struct xsecho_msg {
	u16 id;
	u16 len;
	u8 bytes[XSECHO_BYTES];
};

DEFINE_RING_TYPES(xsecho, struct xsecho_msg, struct xsecho_msg);

#endif /* XSECHO_H */
