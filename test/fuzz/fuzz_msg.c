// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_msg.c - the parser on any stream in any pieces, compared with a parser of a few lines that
 * has all of it at once; the sender in any pieces; and every payload function on any bytes.
 */
#include "fuzz.h"
#include "../../xs_ring.c"
#include "../../xs_msg.c"

struct ring {
	char bytes[XS_RING_SIZE];
	u32 prod, cons;
	struct xs_ring tx, rx;
};

static void open_at(struct ring *r, u32 at)
{
	memset(r, 0, sizeof(*r));
	r->prod = r->cons = at;
	xs_ring_attach(&r->tx, r->bytes, &r->prod, &r->cons);
	xs_ring_attach(&r->rx, r->bytes, &r->cons, &r->prod);
}

/* The stream in pieces against the stream as a whole. */
static void parse(struct input *in)
{
	u32 at = word(in), by = 1 + byte(in), cap = byte(in) * 20u, pos = 0, n, len, len_all;
	int step, broken = 0, seek = byte(in) & 1, told = 0;
	u32 left = (u32)(in->end - in->at);
	const u8 *s = in->at;
	char *place = malloc(cap ? cap : 1);
	struct xs_in parser;
	struct ring r;

	open_at(&r, at);
	xs_in_init(&parser);
	len_all = left;
	while (left && !broken) {
		n = by < left ? by : left;
		CHECK(xs_ring_look_room(&r.tx) == (int)XS_RING_SIZE);
		CHECK(xs_ring_put(&r.tx, s + (len_all - left), n) == n);
		xs_ring_publish_put(&r.tx);
		left -= n;
		CHECK(xs_ring_look_unread(&r.rx) == (int)n);
		do {
			step = seek ? xs_in_seek(&parser, &r.rx, 21, 0x10) :
				      xs_in_step(&parser, &r.rx);
			if (seek && step == XS_IN_HEADER) {	/* it is where it says */
				seek = 0;
				pos = len_all - left - r.rx.n - 16;
			}
			if (step == -EPROTO) {
				memcpy(&len, s + pos + 12, 4);
				CHECK(len > XS_PAYLOAD_MAX);
				broken = 1;
			} else if (step == XS_IN_HEADER) {
				CHECK(!told);
				CHECK(!memcmp(&parser.hdr, s + pos, 16));
				CHECK(parser.hdr.len <= XS_PAYLOAD_MAX);
				xs_in_into(&parser, cap ? place : NULL, cap);
				told = 1;
			} else if (step == XS_IN_MESSAGE) {
				CHECK(told);
				memcpy(&len, s + pos + 12, 4);
				CHECK(len == parser.hdr.len);
				n = len < cap ? len : cap;
				CHECK(!memcmp(place, s + pos + 16, n));
				pos += 16 + len;
				told = 0;
			}
		} while (step > XS_IN_STARVED);
		if (!broken)
			CHECK(!r.rx.n);		/* it takes all there is */
		xs_ring_publish_take(&r.rx);
	}
	/* what the stream still holds whole is not left lying */
	if (!broken && !seek && !told)
		CHECK(len_all - pos < 16);
	if (!broken && told) {
		memcpy(&len, s + pos + 12, 4);
		CHECK(pos + 16 + len > len_all);
	}
	free(place);
}

/* Any three pieces, any pace, spilled at any byte: the bytes that arrive are header and pieces. */
static void send(struct input *in)
{
	u32 lens[3], total = 0, nvec = byte(in) % 5, at = word(in), i, n;
	u32 spill_at = word(in) % 4200, by = 1 + byte(in) * 4u, got = 0;
	char *base[4] = { NULL }, *whole, *arrived, *spill = NULL;
	struct xs_vec vec[4] = { { NULL, 0 } };
	struct xs_out out;
	struct ring r;
	int err;

	for (i = 0; i < nvec && i < 3; i++) {
		lens[i] = byte(in) * (byte(in) % 20u);
		base[i] = malloc(lens[i] ? lens[i] : 1);
		memset(base[i], 'a' + (int)i, lens[i]);
		vec[i].base = base[i];
		vec[i].len = lens[i];
		total += lens[i];
	}
	err = xs_out_init(&out, byte(in), word(in), vec, nvec);
	CHECK(err == (nvec > 3 ? -EINVAL : total > XS_PAYLOAD_MAX ? -E2BIG : 0));
	if (err)
		goto done;
	CHECK(out.hdr.len == total);
	whole = malloc(16 + total);
	memcpy(whole, &out.hdr, 16);
	for (n = 16, i = 0; i < nvec; n += lens[i], i++)
		memcpy(whole + n, base[i], lens[i]);
	arrived = malloc(16 + total);
	open_at(&r, at);
	while (got < 16 + total) {
		CHECK(xs_ring_look_room(&r.tx) > 0);
		r.tx.n = r.tx.n < by ? r.tx.n : by;
		n = xs_out_push(&out, &r.tx);
		CHECK(n == 16 + total - out.done);
		xs_ring_publish_put(&r.tx);
		if (!spill && out.done >= spill_at && n) {
			spill = malloc(XS_PAYLOAD_MAX);
			xs_out_spill(&out, spill);
			for (i = 0; i < 3; i++) {
				free(base[i]);
				base[i] = NULL;
			}
		}
		CHECK(xs_ring_look_unread(&r.rx) >= 0);
		got += xs_ring_take(&r.rx, arrived + got, 16 + total - got);
		xs_ring_publish_take(&r.rx);
	}
	CHECK(!xs_out_left(&out));
	CHECK(!memcmp(arrived, whole, 16 + total));
	free(whole);
	free(arrived);
done:
	free(spill);
	for (i = 0; i < 3; i++)
		free(base[i]);
}

static void payload(struct input *in)
{
	u32 len = (u32)(in->end - in->at), count = 0, nuls = 0, i, value, digits;
	char *b = heap(in->at, len), *text, buf[XS_PERMISSION_MAX + 1], *end;
	struct xs_permission p, q;
	const char *s = NULL;
	unsigned long long v;
	int err;

	for (i = 0; i < len; i++)
		nuls += !b[i];
	CHECK(xs_strings_valid(b, len) == (!len || !b[len - 1]));
	if (xs_strings_valid(b, len)) {
		while ((s = xs_strings_next(b, len, s))) {
			CHECK(s >= b && s < b + len);
			count++;
		}
		CHECK(count == nuls && count == xs_strings_count(b, len));
	}

	err = xs_errno(b, len);
	CHECK(err < 0 && err > -4096);

	value = 0xdead;
	err = xs_number(b, len, &value);
	CHECK(!err || err == -EINVAL || err == -ERANGE);
	digits = len - (len && !b[len - 1]);
	text = malloc(len + 1);
	memcpy(text, b, len);
	text[len] = '\0';
	if (err) {
		CHECK(value == 0xdead);
	} else {
		errno = 0;
		v = strtoull(text, &end, 10);
		CHECK(end == text + digits && digits && v == value && !errno);
	}

	err = xs_path_check(text);
	CHECK(err > 0 || err == -EINVAL || err == -ENAMETOOLONG);
	if (err > 0) {
		CHECK(err == (int)strlen(text));
		CHECK(text[0] && strlen(text) <= (text[0] == '/' ? 3072 : 2048));
		CHECK(!strstr(text, "//") && (!text[1] || text[strlen(text) - 1] != '/'));
		CHECK(strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-/_@") == strlen(text));
	}

	err = xs_permission_parse(text, &p);
	CHECK(!err || err == -EINVAL || err == -ERANGE);
	if (!err) {
		CHECK(xs_permission_format(&p, buf) == strlen(buf) + 1);
		CHECK(!xs_permission_parse(buf, &q) && q.domid == p.domid && q.may == p.may);
		CHECK(buf[0] == text[0] && strtoul(text + 1, NULL, 10) == p.domid);
	}
	free(text);
	free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };

	switch (byte(&in) % 3) {
	case 0:
		parse(&in);
		break;
	case 1:
		send(&in);
		break;
	default:
		payload(&in);
	}
	return 0;
}
