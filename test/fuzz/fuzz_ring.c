// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_ring.c - one direction of the page, driven by bytes. An honest peer: what comes out is what
 * went in, in order (a model beside it counts). A hostile one: it writes any index at any time, and
 * nothing may be touched outside the 1024 bytes or moved past a broken pair.
 */
#include "fuzz.h"
#include "../../xs_ring.c"

/* Byte k of the stream, whichever way it went through the ring. */
static u8 stream(u32 k)
{
	return (u8)(k * 167 + (k >> 8) * 13);
}

struct model {
	u32 in, shown, out, given;	/* bytes put, published, taken, given back */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	u32 start = word(&in), prod = start, cons = start, n, i, got;
	int hostile = byte(&in) & 1, room, unread;
	char *bytes = malloc(XS_RING_SIZE), *buf;
	struct xs_ring tx, rx;
	struct model m = { 0 };


	memset(bytes, 0, XS_RING_SIZE);
	xs_ring_attach(&tx, bytes, &prod, &cons);
	xs_ring_attach(&rx, bytes, &cons, &prod);
	while (more(&in)) {
		switch (byte(&in) % (hostile ? 9 : 7)) {
		case 0:
			room = xs_ring_look_room(&tx);
			CHECK(room == -EIO || (room >= 0 && room <= (int)XS_RING_SIZE));
			if (room >= 0)
				CHECK((u32)room == XS_RING_SIZE - (tx.at - cons));
			if (!hostile)
				CHECK((u32)room == XS_RING_SIZE - (m.in - m.given));
			break;
		case 1:
			unread = xs_ring_look_unread(&rx);
			CHECK(unread == -EIO || (unread >= 0 && unread <= (int)XS_RING_SIZE));
			if (!hostile)
				CHECK((u32)unread == m.shown - m.out);
			break;
		case 2:
		case 3:
			n = byte(&in) * (byte(&in) % 9);
			buf = malloc(n ? n : 1);
			for (i = 0; i < n; i++)
				buf[i] = (char)stream(m.in + i);
			i = tx.n;
			got = xs_ring_put(&tx, buf, n);
			CHECK(got == (n < i ? n : i));
			m.in += got;
			free(buf);
			break;
		case 4:
			n = byte(&in) * (byte(&in) % 9);
			buf = byte(&in) & 1 ? malloc(n ? n : 1) : NULL;
			i = rx.n;
			got = xs_ring_take(&rx, buf, n);
			CHECK(got == (n < i ? n : i));
			if (buf && !hostile)
				for (i = 0; i < got; i++)
					CHECK((u8)buf[i] == stream(m.out + i));
			m.out += got;
			free(buf);
			break;
		case 5:
			i = tx.at != tx.published;
			CHECK(xs_ring_publish_put(&tx) == (i != 0));
			if (i)
				CHECK(prod == tx.at);
			m.shown = m.in;
			tx.n = 0;	/* the rule: look again after publishing */
			break;
		case 6:
			i = m.shown - m.given == XS_RING_SIZE && m.out != m.given;
			got = xs_ring_publish_take(&rx);
			if (!hostile)
				CHECK(got == i);
			m.given = m.out;
			rx.n = 0;
			break;
		case 7:
			prod = word(&in);
			break;
		case 8:
			cons = word(&in);
			break;
		}
	}
	free(bytes);
	return 0;
}
