/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_record.h - a bounded ring of records, the newest of which are kept; and what a person may see
 * of a message.
 *
 *   put ──▶ [ oldest … newest ] ──next──▶ reader A (a cursor)
 *               │                └─next──▶ reader B
 *               └─ pushed out when the room is needed
 *
 * Records have any length up to half of the ring and stand in one piece each, so that they are put
 * together in place. Readers take nothing away: each has a cursor of its own, and is told how many
 * were pushed out before it came to them.
 *
 * Pure: no allocation, no lock, no sleep. The caller owns the bytes and serialises all calls.
 */
#ifndef XS_RECORD_H
#define XS_RECORD_H

#include "xs_msg.h"

/**
 * struct xs_records - the ring
 * @bytes: where the records are
 * @size: how many bytes, a power of two
 * @head: where the next record goes; counts on, and lies at @head modulo @size
 * @tail: where the oldest is
 * @oldest: the number of the oldest; the first ever is 1
 * @next: the number that the next one gets
 */
struct xs_records {
	char *bytes;
	u32 size;
	u64 head, tail;
	u64 oldest, next;
};

/**
 * struct xs_cursor - a reader's place
 * @at: where its next record is, or was
 * @number: the number of that record
 */
struct xs_cursor {
	u64 at;
	u64 number;
};

void xs_records_init(struct xs_records *r, void *bytes, u32 size);
void *xs_records_put(struct xs_records *r, u32 len);
void xs_records_start(const struct xs_records *r, struct xs_cursor *c);
const void *xs_records_next(const struct xs_records *r, struct xs_cursor *c, u32 *len, u64 *lost);

struct xs_vec xs_seen_path(const struct xs_out *out, bool pieces);
u32 xs_seen_rest(const struct xs_out *out, u32 path_len, struct xs_vec *vec);
bool xs_seen_state(const char *path, u32 len);
u32 xs_escape(char *dst, const char *src, u32 len);

#endif /* XS_RECORD_H */
