// SPDX-License-Identifier: GPL-2.0
/*
 * xs_msg.c - messages on a ring, and what stands in their payloads. See xs_msg.h.
 */
#include "xs_msg.h"

/* ---- sending ---------------------------------------------------------------------------- */

/**
 * xs_out_init() - make a message of a payload in pieces
 * @out: filled in; the caller sets @out->hdr.req_id before the first push
 * @type: message type (XS_READ, …)
 * @tx_id: transaction, 0 for none
 * @vec: the payload's pieces, none of them over XS_PAYLOAD_MAX; the array is copied, the bytes not
 * @nvec: how many, XS_OUT_VECS at the most
 *
 * Return: 0; -E2BIG when the payload is longer than XS_PAYLOAD_MAX, which the store refuses;
 * -EINVAL for too many pieces.
 */
int xs_out_init(struct xs_out *out, u32 type, u32 tx_id, const struct xs_vec *vec, u32 nvec)
{
	u32 len = 0, i;

	if (nvec > XS_OUT_VECS)
		return -EINVAL;
	for (i = 0; i < nvec; i++) {
		if (vec[i].len > XS_PAYLOAD_MAX - len)
			return -E2BIG;
		len += vec[i].len;
		out->vec[i] = vec[i];
	}
	out->nvec = nvec;
	out->done = 0;
	out->hdr.type = type;
	out->hdr.req_id = 0;
	out->hdr.tx_id = tx_id;
	out->hdr.len = len;
	return 0;
}

/**
 * xs_out_left() - how many bytes of a message are not in the ring yet
 * @out: the message
 *
 * Return: 0 when it is sent.
 */
u32 xs_out_left(const struct xs_out *out)
{
	return XS_HDR_SIZE + out->hdr.len - out->done;
}

/*
 * What comes next at the cursor, in one piece: a part of the header or of one vec.
 * Returns its length, 0 at the message's end.
 */
static u32 next_piece(const struct xs_out *out, const char **piece)
{
	u32 at = out->done, i;

	if (at < XS_HDR_SIZE) {
		*piece = (const char *)&out->hdr + at;
		return XS_HDR_SIZE - at;
	}
	at -= XS_HDR_SIZE;
	for (i = 0; i < out->nvec; i++) {
		if (at < out->vec[i].len) {
			*piece = (const char *)out->vec[i].base + at;
			return out->vec[i].len - at;
		}
		at -= out->vec[i].len;
	}
	return 0;
}

/**
 * xs_out_push() - put as much of a message into the ring as there is room for
 * @out: the message
 * @r: the ring, looked at (xs_ring_look_room()); the caller publishes
 *
 * Return: bytes that are still to go, as xs_out_left().
 */
u32 xs_out_push(struct xs_out *out, struct xs_ring *r)
{
	const char *piece;
	u32 len;

	while (r->n && (len = next_piece(out, &piece)))
		out->done += xs_ring_put(r, piece, len);
	return xs_out_left(out);
}

/**
 * xs_out_spill() - stop pointing to the caller's payload
 * @out: a message of which a part is in the ring
 * @buf: takes what is left of the payload, XS_PAYLOAD_MAX bytes
 *
 * A message that has begun must be finished, or the stream is out of step for ever. When its
 * sender goes away, the rest is kept in @buf and sent from there.
 */
void xs_out_spill(struct xs_out *out, void *buf)
{
	struct xs_out rest = *out;
	u32 sent = out->done > XS_HDR_SIZE ? out->done - XS_HDR_SIZE : 0;
	const char *piece;
	char *to = buf;
	u32 len;

	rest.done = XS_HDR_SIZE + sent;
	while ((len = next_piece(&rest, &piece))) {
		memcpy(to, piece, len);
		to += len;
		rest.done += len;
	}
	/* Two pieces: the part that is gone, whose bytes nobody looks at again, and the rest. */
	out->vec[0].base = buf;
	out->vec[0].len = sent;
	out->vec[1].base = buf;
	out->vec[1].len = out->hdr.len - sent;
	out->nvec = 2;
}

/* ---- receiving -------------------------------------------------------------------------- */

/**
 * xs_in_init() - be at the start of a message
 * @in: the parser
 */
void xs_in_init(struct xs_in *in)
{
	memset(in, 0, sizeof(*in));
}

/**
 * xs_in_into() - name the place for the payload of the message at hand
 * @in: the parser, after XS_IN_HEADER and before XS_IN_MESSAGE
 * @dst: the payload's place; NULL throws it away, also in the middle of it
 * @cap: its size; what does not fit is taken from the ring and thrown away
 */
void xs_in_into(struct xs_in *in, void *dst, u32 cap)
{
	in->dst = dst;
	in->cap = cap;
}

/* Take payload bytes while there are any; those beyond the caller's place are thrown away. */
static void take_payload(struct xs_in *in, struct xs_ring *r)
{
	u32 got = in->have - XS_HDR_SIZE, n;

	while (got < in->hdr.len && r->n) {
		if (in->dst && got < in->cap) {
			n = in->hdr.len < in->cap ? in->hdr.len : in->cap;
			n = xs_ring_take(r, in->dst + got, n - got);
		} else {
			n = xs_ring_take(r, NULL, in->hdr.len - got);
		}
		got += n;
	}
	in->have = XS_HDR_SIZE + got;
}

/**
 * xs_in_step() - go on to the next thing worth telling
 * @in: the parser
 * @r: the ring, looked at (xs_ring_look_unread()); the caller publishes
 *
 * Makes progress with any number of bytes, one included.
 *
 * Return: an enum xs_in_step; -EPROTO when a header claims more than XS_PAYLOAD_MAX bytes: the
 * stream cannot be trusted any further.
 */
int xs_in_step(struct xs_in *in, struct xs_ring *r)
{
	if (in->whole) {
		in->have = 0;
		in->told = false;
		in->whole = false;
		xs_in_into(in, NULL, 0);
	}
	if (in->have < XS_HDR_SIZE) {
		in->have += xs_ring_take(r, (char *)&in->hdr + in->have, XS_HDR_SIZE - in->have);
		if (in->have < XS_HDR_SIZE)
			return XS_IN_STARVED;
	}
	if (in->hdr.len > XS_PAYLOAD_MAX)
		return -EPROTO;
	if (!in->told) {
		in->told = true;
		return XS_IN_HEADER;
	}
	take_payload(in, r);
	in->whole = in->have == XS_HDR_SIZE + in->hdr.len;
	return in->whole ? XS_IN_MESSAGE : XS_IN_STARVED;
}

/**
 * xs_in_seek() - find one reply in a stream whose start is lost
 * @in: the parser, fresh from xs_in_init() before the first call
 * @r: the ring, looked at
 * @type: the request's type
 * @req_id: the request's id, which nothing that was sent before can have
 *
 * After an unclean predecessor the response ring may hold the middle of a message. Slides over the
 * bytes until sixteen of them are the header of the reply to this very request (or of the ERROR
 * that refuses it); all before that is thrown away.
 *
 * Return: XS_IN_HEADER when found, and the parser is in step from here on; XS_IN_STARVED to be
 * called again with more bytes.
 */
int xs_in_seek(struct xs_in *in, struct xs_ring *r, u32 type, u32 req_id)
{
	for (;;) {
		in->have += xs_ring_take(r, (char *)&in->hdr + in->have, XS_HDR_SIZE - in->have);
		if (in->have < XS_HDR_SIZE)
			return XS_IN_STARVED;
		if (in->hdr.req_id == req_id && in->hdr.tx_id == 0 &&
		    (in->hdr.type == type || in->hdr.type == XS_ERROR) &&
		    in->hdr.len <= XS_PAYLOAD_MAX) {
			in->told = true;
			return XS_IN_HEADER;
		}
		memmove(&in->hdr, (char *)&in->hdr + 1, XS_HDR_SIZE - 1);
		in->have = XS_HDR_SIZE - 1;
	}
}

/* ---- payloads --------------------------------------------------------------------------- */

/**
 * xs_strings_valid() - is this a list of NUL-terminated strings?
 * @buf: the payload
 * @len: its length in bytes
 *
 * Return: true for an empty payload, and for one that ends in a NUL.
 */
bool xs_strings_valid(const char *buf, u32 len)
{
	return len == 0 || buf[len - 1] == '\0';
}

/**
 * xs_strings_next() - walk a list of strings
 * @buf: a payload for which xs_strings_valid() holds
 * @len: its length in bytes
 * @prev: the string before; NULL for the first
 *
 * Return: the next string, which lies in @buf; NULL at the end.
 */
const char *xs_strings_next(const char *buf, u32 len, const char *prev)
{
	const char *next = prev ? prev + strlen(prev) + 1 : buf;

	return next < buf + len ? next : NULL;
}

/**
 * xs_strings_count() - how many strings a list holds
 * @buf: a payload for which xs_strings_valid() holds
 * @len: its length in bytes
 *
 * Return: the count.
 */
u32 xs_strings_count(const char *buf, u32 len)
{
	const char *s = NULL;
	u32 n = 0;

	while ((s = xs_strings_next(buf, len, s)))
		n++;
	return n;
}

/* What servers say that xsd_errors (xs_wire.h) does not have in all its versions. */
static const struct {
	int errnum;
	const char *name;
} more_errors[] = {
	{ EPERM, "EPERM" },
	{ E2BIG, "E2BIG" },	/* over 4096 bytes; the header of Linux 5.10 lacks it */
	{ EDQUOT, "EQUOTA" },	/* oxenstored's own */
};

static bool same_text(const char *name, const char *text, u32 len)
{
	return strlen(name) == len && !memcmp(name, text, len);
}

/**
 * xs_errno() - the number for the name that an ERROR reply carries
 * @name: the payload, with or without its closing NUL
 * @len: its length in bytes
 *
 * Return: a negative errno; -EREMOTEIO for a name that no table has, which the caller shows.
 */
int xs_errno(const char *name, u32 len)
{
	u32 i;

	if (len && name[len - 1] == '\0')
		len--;
	for (i = 0; i < ARRAY_SIZE(xsd_errors); i++)
		if (same_text(xsd_errors[i].errstring, name, len))
			return -xsd_errors[i].errnum;
	for (i = 0; i < ARRAY_SIZE(more_errors); i++)
		if (same_text(more_errors[i].name, name, len))
			return -more_errors[i].errnum;
	return -EREMOTEIO;
}

/**
 * xs_error_name() - the name that an ERROR reply would carry
 * @err: a negative errno
 *
 * Return: the name by Xen's table; "EIO" for an errno that no server sends.
 */
const char *xs_error_name(int err)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(xsd_errors); i++)
		if (xsd_errors[i].errnum == -err)
			return xsd_errors[i].errstring;
	for (i = 0; i < ARRAY_SIZE(more_errors); i++)
		if (more_errors[i].errnum == -err)
			return more_errors[i].name;
	return "EIO";
}

/**
 * xs_number() - read a decimal number, strictly
 * @text: digits and nothing else, with or without a closing NUL
 * @len: length in bytes
 * @value: where it goes
 *
 * Return: 0; -EINVAL when it is no number; -ERANGE when it does not fit 32 bits.
 */
int xs_number(const char *text, u32 len, u32 *value)
{
	u64 v = 0;
	u32 i;

	if (len && text[len - 1] == '\0')
		len--;
	if (!len)
		return -EINVAL;
	for (i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
		v = v * 10 + (u32)(text[i] - '0');
		if (v > 0xffffffffu)
			return -ERANGE;
	}
	*value = (u32)v;
	return 0;
}

/**
 * xs_number_text() - write a decimal number
 * @value: it
 * @buf: takes the digits and a NUL; XS_NUMBER_MAX bytes for any number
 *
 * Return: bytes written, the NUL included.
 */
u32 xs_number_text(u32 value, char *buf)
{
	char digits[XS_NUMBER_MAX];
	u32 n = 0, len = 0;

	do {
		digits[n++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (n)
		buf[len++] = digits[--n];
	buf[len++] = '\0';
	return len;
}

/* The characters of a path's names. (No ranges: cbmc takes them for their first character.) */
static const bool of_a_name[256] = {
	['-'] = true, ['@'] = true, ['_'] = true,
	['0'] = true, ['1'] = true, ['2'] = true, ['3'] = true, ['4'] = true, ['5'] = true,
	['6'] = true, ['7'] = true, ['8'] = true, ['9'] = true,
	['A'] = true, ['B'] = true, ['C'] = true, ['D'] = true, ['E'] = true, ['F'] = true,
	['G'] = true, ['H'] = true, ['I'] = true, ['J'] = true, ['K'] = true, ['L'] = true,
	['M'] = true, ['N'] = true, ['O'] = true, ['P'] = true, ['Q'] = true, ['R'] = true,
	['S'] = true, ['T'] = true, ['U'] = true, ['V'] = true, ['W'] = true, ['X'] = true,
	['Y'] = true, ['Z'] = true,
	['a'] = true, ['b'] = true, ['c'] = true, ['d'] = true, ['e'] = true, ['f'] = true,
	['g'] = true, ['h'] = true, ['i'] = true, ['j'] = true, ['k'] = true, ['l'] = true,
	['m'] = true, ['n'] = true, ['o'] = true, ['p'] = true, ['q'] = true, ['r'] = true,
	['s'] = true, ['t'] = true, ['u'] = true, ['v'] = true, ['w'] = true, ['x'] = true,
	['y'] = true, ['z'] = true,
};

/**
 * xs_path_check() - may this be a path?
 * @path: absolute (/…), special (@…) or relative to the domain's home
 *
 * The rules of docs/misc/xenstore.txt, asked before the store is: a path that it would refuse, or
 * that is longer than it takes, need not travel.
 *
 * Return: its length, without the NUL; -EINVAL for an empty path, a character, // or closing / that
 * the store does not take; else -ENAMETOOLONG over 3072 bytes (absolute) or 2048 (relative).
 */
int xs_path_check(const char *path)
{
	size_t max = path[0] == '/' ? XENSTORE_ABS_PATH_MAX : XENSTORE_REL_PATH_MAX, i;

	for (i = 0; path[i]; i++) {
		if (of_a_name[(u8)path[i]])
			continue;
		if (path[i] != '/' || path[i + 1] == '/' || (i && !path[i + 1]))
			return -EINVAL;
	}
	if (!i)
		return -EINVAL;
	return i > max ? -ENAMETOOLONG : (int)i;
}

/**
 * xs_permission_format() - write one permission as the store reads it
 * @p: the permission
 * @buf: takes a letter, the domid and a NUL; XS_PERMISSION_MAX bytes
 *
 * Return: bytes written, the NUL included.
 */
u32 xs_permission_format(const struct xs_permission *p, char *buf)
{
	static const char letter[] = { 'n', 'r', 'w', 'b' };

	buf[0] = letter[p->may & (XS_MAY_READ | XS_MAY_WRITE)];
	return 1 + xs_number_text(p->domid, buf + 1);
}

/**
 * xs_permission_parse() - read one permission
 * @text: a letter and a domid, NUL-terminated
 * @p: where it goes
 *
 * Return: 0; -EINVAL for another letter or no number; -ERANGE for a domid over 16 bits.
 */
int xs_permission_parse(const char *text, struct xs_permission *p)
{
	u32 domid;
	int err;

	switch (text[0]) {
	case 'n':
		p->may = 0;
		break;
	case 'r':
		p->may = XS_MAY_READ;
		break;
	case 'w':
		p->may = XS_MAY_WRITE;
		break;
	case 'b':
		p->may = XS_MAY_READ | XS_MAY_WRITE;
		break;
	default:
		return -EINVAL;
	}
	err = xs_number(text + 1, (u32)strlen(text + 1), &domid);
	if (err)
		return err;
	if (domid > 0xffff)
		return -ERANGE;
	p->domid = (u16)domid;
	return 0;
}
