// SPDX-License-Identifier: GPL-2.0
/*
 * failnth_node DEVICE: every kind of call on the device node, with each failure that there can be
 * (failnth.h), in the caller and in xsfront's works. Prints TAP.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <xen/io/xs_wire.h>
#include "failnth.h"
#include "frame.h"

#define TRANSACTIONS	11	/* C xenstored refuses the next, and xsfront waits */

/* ---- the device node --------------------------------------------------------------------- */

/**
 * struct frame_call - a frame to be written, and what it needs
 * @type: its type
 * @data: its payload
 * @len: of that
 * @first: a frame before it, in the same file; NULL for none
 */
struct frame_call {
	uint32_t type;
	const char *data;
	size_t len;
	const struct frame_call *first;
};

static uint32_t tx;		/* of the last TRANSACTION_START */
static struct frame reply;
static size_t reply_at;

/* Writes what is left of a frame after a write that failed had taken a part: nobody fails it. */
static int write_frame(const struct frame_call *c)
{
	uint32_t in = c->type == XS_TRANSACTION_END ? tx : 0;
	struct frame f = { { c->type, 7, in, c->len }, "" };
	size_t size = sizeof(f.hdr) + c->len, at;
	ssize_t n;

	memcpy(f.data, c->data, c->len);
	for (at = 0; at < size; at += n) {
		n = write(node, (char *)&f + at, size - at);
		if (n < 0)
			return -errno;
	}
	return 0;
}

static int come_in(void)
{
	struct pollfd p = { .fd = node, .events = POLLIN };
	int n = poll(&p, 1, ANSWER_MS);

	return n < 0 ? -errno : n ? 0 : -ETIMEDOUT;
}

/* Reads on in the reply, from where it was. 0 when it is whole. */
static int read_reply(void)
{
	size_t size;
	ssize_t n;

	do {
		size = sizeof(reply.hdr);
		if (reply_at >= size)
			size += reply.hdr.len;
		n = reply_at < size ? read(node, (char *)&reply + reply_at, size - reply_at) : 0;
		if (n < 0)
			return -errno;
		reply_at += n;
	} while (reply_at < size || (size == sizeof(reply.hdr) && reply.hdr.len));
	reply.data[reply.hdr.len] = '\0';
	return 0;
}

/* A frame and its reply. -ENOMEM for the store's word of that name, -EBADMSG for any other. */
static int frame_call(const struct frame_call *c)
{
	int err = write_frame(c);

	if (err)
		return err;
	do {		/* an event may come first */
		reply_at = 0;
		err = come_in();
		if (!err)
			err = read_reply();
		if (err)
			return err;
	} while (reply.hdr.type == XS_WATCH_EVENT);
	if (c->type == XS_TRANSACTION_START)
		tx = strtoul(reply.data, NULL, 10);
	if (reply.hdr.type == c->type && reply.hdr.req_id == 7)
		return 0;
	printf("# %s\n", reply.data);
	return reply.hdr.type == XS_ERROR && !strcmp(reply.data, "ENOMEM") ? -ENOMEM : -EBADMSG;
}

static bool open_and_first(const struct sweep *s)
{
	const struct frame_call *c = s->arg;

	return open_node(s) && (!c->first || !frame_call(c->first));
}

static int call_frame(const struct sweep *s)
{
	return frame_call(s->arg);
}

static const struct frame_call read_domid = { XS_READ, "domid", 6, NULL };

static bool open_and_ask(const struct sweep *s)
{
	reply_at = 0;
	return open_node(s) && !write_frame(&read_domid) && !come_in();
}

static int call_read(const struct sweep *s)
{
	(void)s;
	return read_reply();
}

/* The rest of that same reply, and then another. */
static bool read_on(const struct sweep *s)
{
	(void)s;
	return !read_reply() && reply.hdr.type == XS_READ && !frame_call(&read_domid);
}

#define FRAME(type, text, first)	{ type, text, sizeof(text), first }

static const struct frame_call make_f = FRAME(XS_WRITE, "data/f\0v", NULL) ;
static const struct frame_call set_watch = FRAME(XS_WATCH, "data/f\0token", NULL);
static const struct frame_call start = FRAME(XS_TRANSACTION_START, "", NULL);

/* In the same file, as many as the store lets one guest have: none has stayed open. */
static bool start_all(const struct sweep *s)
{
	int i, err = 0;

	(void)s;
	for (i = 0; !err && i < TRANSACTIONS; i++)
		err = frame_call(&start);
	return !err;
}

static const struct {
	const char *name;
	struct frame_call call;
} frames[] = {
	{ "READ", FRAME(XS_READ, "domid", NULL) },
	{ "DIRECTORY", FRAME(XS_DIRECTORY, "data", NULL) },
	{ "GET_PERMS", FRAME(XS_GET_PERMS, "data", NULL) },
	{ "MKDIR", FRAME(XS_MKDIR, "data/f", NULL) },
	{ "WRITE", { XS_WRITE, "data/f\0v", 8, NULL } },
	{ "RM", FRAME(XS_RM, "data/f", &make_f) },
	{ "GET_DOMAIN_PATH", FRAME(XS_GET_DOMAIN_PATH, "0", NULL) },
	{ "WATCH", FRAME(XS_WATCH, "data/f\0token", NULL) },
	{ "UNWATCH", FRAME(XS_UNWATCH, "data/f\0token", &set_watch) },
	{ "RESET_WATCHES", FRAME(XS_RESET_WATCHES, "", &set_watch) },
	{ "TRANSACTION_START", FRAME(XS_TRANSACTION_START, "", NULL) },
	{ "TRANSACTION_END", FRAME(XS_TRANSACTION_END, "T", &start) },
};

static void t_node(void)
{
	const struct sweep opens = {
		.name = "open", .counter = &self, .call = call_open, .clean = close_node,
	};
	const struct sweep polls = {
		.name = "poll", .counter = &self, .prepare = open_node, .call = call_poll,
		.clean = close_node,
	};
	const struct sweep closes = {
		.name = "close", .counter = &self, .prepare = open_and_first, .call = call_close,
		.clean = close_node, .arg = &frames[8].call,
	};
	const struct sweep reads = {
		.name = "read", .counter = &self, .prepare = open_and_ask, .call = call_read,
		.again = read_on, .clean = close_node,
	};
	char name[64];
	size_t i;

	sweep(&opens);
	sweep(&polls);
	sweep(&reads);
	sweep(&closes);
	for (i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		struct sweep s = {
		.name = name, .counter = &self, .prepare = open_and_first, .call = call_frame,
		.clean = close_node, .arg = &frames[i].call,
	};

		snprintf(name, sizeof(name), "%s", frames[i].name);
		sweep(&s);
		s.counter = &works;	/* the frame itself gets there whole */
		s.rounds = 8;
		if (frames[i].call.type == XS_TRANSACTION_START)
			s.again = start_all;
		snprintf(name, sizeof(name), "%s, in works", frames[i].name);
		sweep(&s);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return try_all(argv[1], t_node);
	fprintf(stderr, "usage: failnth_node DEVICE\n");
	return 2;
}
