/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_msg.h - messages on a ring: a cursor that sends, a parser that receives, and what stands in
 * payloads (string lists, numbers, permissions, error names).
 *
 *   xs_out: header + pieces ──push──▶ ring     ring ──step──▶ xs_in: header, then payload to the
 *           (never copied)                                     place that the caller names
 *
 * A message may be four times as long as the ring (16 + 4096 bytes against 1024), so both keep
 * their place and go on from any byte. Neither owns a payload: they point to the caller's memory.
 *
 * Facts: docs/misc/xenstore.txt and xen/include/public/io/xs_wire.h of Xen.
 * Pure: no allocation, no lock, no sleep.
 */
#ifndef XS_MSG_H
#define XS_MSG_H

#include "xs_ring.h"
#include "include/xsfront_types.h"

#define XS_HDR_SIZE	((u32)sizeof(struct xsd_sockmsg))
#define XS_PAYLOAD_MAX	((u32)XENSTORE_PAYLOAD_MAX)

/*
 * A server of a new connection counts transactions from 1 again. So those who may have old ones see
 * marked ids: so many bits are the server's, and over them stands the connection, 0 for the first
 * and then 1 to XS_TX_MARKS in turn.
 */
#define XS_TX_BITS	28u
#define XS_TX_MASK	((1u << XS_TX_BITS) - 1)
#define XS_TX_MARKS	((1u << (32 - XS_TX_BITS)) - 1)

/**
 * struct xs_vec - one piece of a payload
 * @base: its bytes, the caller's; left alone and needed until the message is sent
 * @len: how many
 */
struct xs_vec {
	const void *base;
	u32 len;
};

/* The most pieces a message may have: path, value and what lies between. */
#define XS_OUT_VECS	3

/**
 * struct xs_out - a message on its way into a ring
 * @hdr: its header
 * @vec: its payload, in pieces
 * @nvec: how many pieces
 * @done: bytes of header and payload that are in the ring
 */
struct xs_out {
	struct xsd_sockmsg hdr;
	struct xs_vec vec[XS_OUT_VECS];
	u32 nvec;
	u32 done;
};

int xs_out_init(struct xs_out *out, u32 type, u32 tx_id, const struct xs_vec *vec, u32 nvec);
u32 xs_out_push(struct xs_out *out, struct xs_ring *r);
u32 xs_out_left(const struct xs_out *out);
void xs_out_spill(struct xs_out *out, void *buf);

/**
 * enum xs_in_step - what xs_in_step() came to
 * @XS_IN_STARVED: the ring has no more bytes for now
 * @XS_IN_HEADER: a header is complete; name a place for its payload (xs_in_into()) or lose it
 * @XS_IN_MESSAGE: the payload is complete too
 */
enum xs_in_step {
	XS_IN_STARVED,
	XS_IN_HEADER,
	XS_IN_MESSAGE,
};

/**
 * struct xs_in - a message on its way out of a ring
 * @hdr: its header, whole after XS_IN_HEADER and until the step after XS_IN_MESSAGE
 * @have: bytes of header and payload taken so far
 * @told: XS_IN_HEADER has been returned for this message
 * @whole: XS_IN_MESSAGE has been returned for it, and the next step begins another
 * @dst: where the payload goes; NULL throws it away
 * @cap: how much of it fits there; what is beyond is taken and thrown away
 */
struct xs_in {
	struct xsd_sockmsg hdr;
	u32 have;
	bool told;
	bool whole;
	char *dst;
	u32 cap;
};

void xs_in_init(struct xs_in *in);
int xs_in_step(struct xs_in *in, struct xs_ring *r);
int xs_in_seek(struct xs_in *in, struct xs_ring *r, u32 type, u32 req_id);
void xs_in_into(struct xs_in *in, void *dst, u32 cap);

bool xs_strings_valid(const char *buf, u32 len);
const char *xs_strings_next(const char *buf, u32 len, const char *prev);
u32 xs_strings_count(const char *buf, u32 len);

int xs_errno(const char *name, u32 len);
const char *xs_error_name(int err);
int xs_number(const char *text, u32 len, u32 *value);

#define XS_NUMBER_MAX	11	/* longest text of one: ten digits, NUL */

u32 xs_number_text(u32 value, char *buf);
int xs_path_check(const char *path);

#define XS_PERMISSION_MAX	8	/* longest text of one: 'b', five digits, NUL */

u32 xs_permission_format(const struct xs_permission *p, char *buf);
int xs_permission_parse(const char *text, struct xs_permission *p);

#endif /* XS_MSG_H */
