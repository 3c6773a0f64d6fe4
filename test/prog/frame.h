/* SPDX-License-Identifier: GPL-2.0 */
/*
 * frame.h - raw frames at a device node, for test programs.
 */
#ifndef FRAME_H
#define FRAME_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>

struct frame {
	struct xsd_sockmsg hdr;
	char data[XENSTORE_PAYLOAD_MAX + 1];
};

/* Writes a frame, in one write. */
static inline bool frame_put(int fd, uint32_t type, uint32_t id, uint32_t tx, const void *data,
			     size_t len)
{
	struct frame f = { .hdr = { .type = type, .tx_id = tx, .req_id = id, .len = len } };

	memcpy(f.data, data, len);
	return write(fd, &f, sizeof(f.hdr) + len) == (ssize_t)(sizeof(f.hdr) + len);
}

static inline bool frame_read(int fd, void *to, size_t len, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	size_t done = 0;
	ssize_t n;

	for (; done < len; done += n) {
		if (poll(&p, 1, ms) != 1)
			return false;
		n = read(fd, (char *)to + done, len - done);
		if (n <= 0)
			return false;
	}
	return true;
}

/* Reads a frame, with a NUL behind it. No part of it may be longer away than @ms. */
static inline bool frame_get(int fd, struct frame *f, int ms)
{
	if (!frame_read(fd, &f->hdr, sizeof(f->hdr), ms) || f->hdr.len > XENSTORE_PAYLOAD_MAX ||
	    !frame_read(fd, f->data, f->hdr.len, ms))
		return false;
	f->data[f->hdr.len] = '\0';
	return true;
}

#endif /* FRAME_H */
