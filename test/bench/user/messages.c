// SPDX-License-Identifier: GPL-2.0
/*
 * messages WHAT LENGTH COUNT: work for callgrind, which counts what messages() or copies() needs.
 *
 *   messages: COUNT messages with a payload of LENGTH bytes through a ring, in at one end and out
 *             at the other, by xs_ring.c and xs_msg.c
 *   copies:   COUNT times the same bytes by memcpy(), in and out as well
 *   sizes:    bytes of the structures that the module has for a request and for the connection
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../../xs_ring.c"
#include "../../../xs_msg.c"
#include "../../../xs_conn.h"

static char ring_bytes[XS_RING_SIZE];
static u32 prod, cons;
static char from[XS_PAYLOAD_MAX], to[XS_PAYLOAD_MAX];

/* Takes all that is in the ring. Returns whether a message has become whole. */
static bool take_some(struct xs_in *in, struct xs_ring *rx)
{
	bool whole = false;

	xs_ring_look_unread(rx);
	while (rx->n) {
		int step = xs_in_step(in, rx);

		if (step == XS_IN_HEADER) {
			xs_in_into(in, to, sizeof(to));
			step = xs_in_step(in, rx);
		}
		whole |= step == XS_IN_MESSAGE;
	}
	xs_ring_publish_take(rx);
	return whole;
}

__attribute__((noinline)) void messages(u32 len, unsigned int count)
{
	const struct xs_vec vec = { from, len };
	struct xs_ring tx, rx;
	struct xs_out out;
	struct xs_in in;

	xs_ring_attach(&tx, ring_bytes, &prod, &cons);
	xs_ring_attach(&rx, ring_bytes, &cons, &prod);
	xs_in_init(&in);
	while (count--) {
		if (xs_out_init(&out, XS_WRITE, 0, &vec, 1))
			exit(1);
		do {
			xs_ring_look_room(&tx);
			xs_out_push(&out, &tx);
			xs_ring_publish_put(&tx);
		} while (!take_some(&in, &rx));
	}
}

__attribute__((noinline)) void copies(u32 len, unsigned int count)
{
	static char between[XS_PAYLOAD_MAX];

	while (count--) {
		memcpy(between, from, len);
		__asm__ volatile("" ::: "memory");
		memcpy(to, between, len);
		__asm__ volatile("" ::: "memory");
	}
}

int main(int argc, char **argv)
{
	u32 i, len, count;

	if (argc == 2 && !strcmp(argv[1], "sizes")) {
		printf("request %zu connection %zu\n", sizeof(struct xs_req),
		       sizeof(struct xs_conn));
		return 0;
	}
	if (argc != 4)
		return 2;
	len = (u32)atoi(argv[2]);
	count = (u32)atoi(argv[3]);
	if (len > XS_PAYLOAD_MAX)
		return 2;
	for (i = 0; i < sizeof(from); i++)
		from[i] = (char)(i * 7);
	if (!strcmp(argv[1], "messages"))
		messages(len, count);
	else
		copies(len, count);
	return memcmp(from, to, len) != 0;
}
