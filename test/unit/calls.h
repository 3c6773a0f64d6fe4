/* SPDX-License-Identifier: GPL-2.0 */
/*
 * calls.h - requests with memory of their own, so that ASan sees any touch afterwards. Included
 * behind xs_conn.c; the test says in on_done() what it wants to know of one that has ended.
 */
#ifndef CALLS_H
#define CALLS_H

#include <stdio.h>
#include <stdlib.h>
#include "fake_server.h"

struct call {
	struct xs_req req;
	char *payload;
	u8 *reply;
	u32 len, seed;		/* what a pattern read must bring */
	u32 dones, order;
	void (*then)(struct call *c);
};

static void on_done(struct xs_req *req);

static struct call *call_raw(u32 type, const void *payload, u32 len, u32 cap)
{
	struct call *c = calloc(1, sizeof(*c));
	struct xs_vec vec[2];

	assert_non_null(c);
	/* what the connection has to set itself is anything at first */
	memset(&c->req, 0xa5, sizeof(c->req));
	c->req.raw = false;
	c->req.left = false;
	c->req.deadline = 0;
	c->payload = malloc(len ? len : 1);
	assert_non_null(c->payload);
	memcpy(c->payload, payload, len);
	vec[0].base = c->payload;
	vec[0].len = len / 3;
	vec[1].base = c->payload + len / 3;
	vec[1].len = len - len / 3;
	assert_int_equal(xs_out_init(&c->req.out, type, 0, vec, 2), 0);
	c->reply = malloc(cap ? cap : 1);
	assert_non_null(c->reply);
	c->req.reply = c->reply;
	c->req.cap = cap;
	c->req.done = on_done;
	return c;
}

static struct call *call(u32 type, const char *path, u32 cap)
{
	return call_raw(type, path, (u32)strlen(path) + 1, cap);
}

static struct call *call_pattern(u32 len, u32 seed)
{
	char path[64];
	struct call *c;

	snprintf(path, sizeof(path), "pattern/%u/%u", len, seed);
	c = call(XS_READ, path, len);
	c->len = len;
	c->seed = seed;
	return c;
}

static void free_call(struct call *c)
{
	free(c->payload);
	free(c->reply);
	free(c);
}

/* The call ended well, once, with the bytes that were meant for it. */
static void check_pattern(struct call *c)
{
	u32 i;

	assert_int_equal(c->dones, 1);
	assert_int_equal(c->req.result, 0);
	assert_int_equal(c->req.type, XS_READ);
	assert_int_equal(c->req.len, c->len);
	for (i = 0; i < c->len; i++)
		if (c->reply[i] != fs_pattern(c->seed, i))
			fail_msg("byte %u of %u is another's", i, c->len);
}

#endif /* CALLS_H */
