// SPDX-License-Identifier: GPL-2.0
/*
 * xs_record.c - a bounded ring of records, and what may be seen of a message. See xs_record.h.
 */
#include "xs_record.h"

/**
 * struct head - what stands before each record
 * @size: bytes to the next one, this head included; a multiple of its own size
 * @len: bytes of the record; FILLER where the ring's end was too near for the next
 */
struct head {
	u32 size;
	u32 len;
};

#define FILLER	(~0u)

/**
 * xs_records_init() - an empty ring
 * @r: filled in
 * @bytes: its memory, aligned to 8 bytes
 * @size: how much, a power of two from 64 on
 */
void xs_records_init(struct xs_records *r, void *bytes, u32 size)
{
	r->bytes = bytes;
	r->size = size;
	r->head = 0;
	r->tail = 0;
	r->oldest = 1;
	r->next = 1;
}

static struct head *head_at(const struct xs_records *r, u64 at)
{
	return (struct head *)(r->bytes + (at & (r->size - 1)));
}

/* Pushes out what is oldest, until there is room for so many bytes. */
static void make_room(struct xs_records *r, u32 bytes)
{
	const struct head *h;

	while (r->head + bytes - r->tail > r->size) {
		h = head_at(r, r->tail);
		r->tail += h->size;
		if (h->len != FILLER)
			r->oldest++;
	}
}

/**
 * xs_records_put() - a new record
 * @r: the ring
 * @len: its length in bytes
 *
 * Return: where it is to be written, aligned to 8 bytes, before the next call on @r; NULL when it
 * is longer than half of the ring, less 8.
 */
void *xs_records_put(struct xs_records *r, u32 len)
{
	const u32 whole = (u32)sizeof(struct head);
	u32 size = (len + 2 * whole - 1) / whole * whole;
	u32 to_end = r->size - (u32)(r->head & (r->size - 1));
	struct head *h;

	if (len > r->size / 2 - whole)
		return NULL;
	if (size > to_end) {
		make_room(r, to_end);
		h = head_at(r, r->head);
		h->size = to_end;
		h->len = FILLER;
		r->head += to_end;
	}
	make_room(r, size);
	h = head_at(r, r->head);
	h->size = size;
	h->len = len;
	r->head += size;
	r->next++;
	return h + 1;
}

/**
 * xs_records_start() - put a cursor before the oldest record
 * @r: the ring
 * @c: the cursor
 */
void xs_records_start(const struct xs_records *r, struct xs_cursor *c)
{
	c->at = r->tail;
	c->number = r->oldest;
}

/**
 * xs_records_next() - the next record of a reader
 * @r: the ring
 * @c: the reader's place; moves on behind the record
 * @len: takes the record's length; left alone when there is none
 * @lost: takes how many were pushed out between the last one of this reader and this one
 *
 * Return: the record, which stands until the next xs_records_put(), and whose number is
 * @c->number - 1 now; NULL when there is no more.
 */
const void *xs_records_next(const struct xs_records *r, struct xs_cursor *c, u32 *len, u64 *lost)
{
	const struct head *h;

	*lost = 0;
	if (c->at < r->tail) {
		*lost = r->oldest - c->number;
		xs_records_start(r, c);
	}
	if (c->at == r->head)
		return NULL;
	h = head_at(r, c->at);
	if (h->len == FILLER) {		/* never the last: a record follows it at once */
		c->at += h->size;
		h = head_at(r, c->at);
	}
	c->at += h->size;
	c->number++;
	*len = h->len;
	return h + 1;
}

/* ---- what may be seen of a message ------------------------------------------------------- */

/* Types whose payload begins with a path, a domid, or the T or F of a transaction's end. */
#define HAS_PATH ( \
	1u << XS_DIRECTORY | 1u << XS_READ | 1u << XS_GET_PERMS | 1u << XS_WATCH | \
	1u << XS_UNWATCH | 1u << XS_TRANSACTION_END | 1u << XS_GET_DOMAIN_PATH | \
	1u << XS_WRITE | 1u << XS_MKDIR | 1u << XS_RM | 1u << XS_SET_PERMS | \
	1u << XS_IS_DOMAIN_INTRODUCED | 1u << XS_TYPE_DIRECTORY_PART)

/**
 * xs_seen_path() - the path that a request is about
 * @out: the request
 * @pieces: a path is a piece by itself, as this module makes them; what came over the device node
 *	    or from the kernel's xenbus may be several strings in one
 *
 * Return: its first string, without the NUL; of length 0 where that is no path, or no string.
 */
struct xs_vec xs_seen_path(const struct xs_out *out, bool pieces)
{
	struct xs_vec path = { NULL, 0 };
	const char *at, *nul;

	if (!out->nvec || !out->vec[0].len || out->hdr.type > 31 ||
	    !(1u << out->hdr.type & HAS_PATH))
		return path;
	at = out->vec[0].base;
	nul = pieces ? at + out->vec[0].len - 1 : memchr(at, '\0', out->vec[0].len);
	if (!nul || *nul)
		return path;
	path.base = at;
	path.len = (u32)(nul - at);
	return path;
}

/**
 * xs_seen_rest() - what a request carries behind its path
 * @out: the request
 * @path_len: length of what xs_seen_path() gave
 * @vec: takes up to XS_OUT_VECS pieces
 *
 * Return: how many pieces.
 */
u32 xs_seen_rest(const struct xs_out *out, u32 path_len, struct xs_vec *vec)
{
	u32 skip = path_len ? path_len + 1 : 0, n = 0, i;

	for (i = 0; i < out->nvec; i++) {
		if (out->vec[i].len > skip) {
			vec[n].base = (const char *)out->vec[i].base + skip;
			vec[n++].len = out->vec[i].len - skip;
		}
		skip -= out->vec[i].len < skip ? out->vec[i].len : skip;
	}
	return n;
}

/* Steps over a text at the front. Returns whether it is there. */
static bool step_over(const char **path, u32 *len, const char *text)
{
	u32 n = (u32)strlen(text);

	if (*len < n || memcmp(*path, text, n))
		return false;
	*path += n;
	*len -= n;
	return true;
}

/**
 * xs_seen_state() - does a path name the state of one end of a device?
 * @path: the path, not NUL-terminated
 * @len: its length
 *
 * Such a node holds one digit of a handshake and no secret.
 *
 * Return: true for device/…/state and backend/…/state, relative or of any domain.
 */
bool xs_seen_state(const char *path, u32 len)
{
	if (len < 6 || memcmp(path + len - 6, "/state", 6))
		return false;
	if (step_over(&path, &len, "/local/domain/")) {
		while (len && *path >= '0' && *path <= '9') {
			path++;
			len--;
		}
		if (!step_over(&path, &len, "/"))
			return false;
	}
	return step_over(&path, &len, "device/") || step_over(&path, &len, "backend/");
}

/**
 * xs_escape() - bytes as one word of text
 * @dst: takes up to four bytes for each of @src; no NUL is added
 * @src: any bytes
 * @len: how many
 *
 * What is no visible ASCII, and the backslash, becomes \xHH.
 *
 * Return: bytes written.
 */
u32 xs_escape(char *dst, const char *src, u32 len)
{
	static const char digit[] = "0123456789abcdef";
	char *at = dst;
	u32 i;

	for (i = 0; i < len; i++) {
		u8 c = (u8)src[i];

		if (c > ' ' && c < 0x7f && c != '\\') {
			*at++ = (char)c;
			continue;
		}
		*at++ = '\\';
		*at++ = 'x';
		*at++ = digit[c >> 4];
		*at++ = digit[c & 15];
	}
	return (u32)(at - dst);
}
