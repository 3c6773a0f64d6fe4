/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rogue_page.h - a guest's store page and its event channel, as a server has them. For
 * rogue_store.c.
 *
 * The page is mapped as xenstored maps it, by the grant that the toolstack makes for each guest.
 * The channel's end is xenstored's; any program of dom0 may signal through it.
 *
 * What a server must know for sure is kept here: where it has read and written to. The words in the
 * page can be anything meanwhile.
 */
#ifndef ROGUE_PAGE_H
#define ROGUE_PAGE_H

#include "privcmd.h"
#include <xen/grant_table.h>
#include <xen/gntdev.h>		/* wants grant_ref_t */
#include <xen/io/xs_wire.h>

#define OUT_MAX		(4 << 20)

static volatile struct xenstore_domain_interface *page;
static uint32_t req_cons, rsp_prod;
static char out[OUT_MAX];
static size_t out_len;

static int server_port;

static void complain(const char *what);

static void page_signal(void)
{
	__sync_synchronize();
	signal_port(server_port);
}

static bool page_open(int domid, uint32_t port)
{
	struct ioctl_gntdev_map_grant_ref map = { .count = 1 };
	int gntdev = open("/dev/xen/gntdev", O_RDWR);
	void *mapped;

	map.refs[0].domid = domid;
	map.refs[0].ref = GNTTAB_RESERVED_XENSTORE;
	if (!privcmd_open() || gntdev < 0 ||
	    ioctl(gntdev, IOCTL_GNTDEV_MAP_GRANT_REF, &map))
		return false;
	mapped = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, gntdev, map.index);
	server_port = port_to(domid, port);
	if (mapped == MAP_FAILED || server_port < 0)
		return false;
	page = mapped;
	req_cons = page->req_cons;
	rsp_prod = page->rsp_prod;
	return true;
}

/* ---- bytes ------------------------------------------------------------------------------ */

/* To be sent when there is room. What does not fit any more is lost, as is all of a lying store. */
static void page_send(const void *bytes, size_t n)
{
	if (n > OUT_MAX - out_len)
		n = OUT_MAX - out_len;
	memcpy(out + out_len, bytes, n);
	out_len += n;
}

/* Moves what fits; @one: a single byte of it. */
static void page_flush(bool one)
{
	uint32_t used = rsp_prod - page->rsp_cons, i, n = XENSTORE_RING_SIZE - used;

	if (used > XENSTORE_RING_SIZE) {
		complain("rsp_cons is where it cannot be");
		return;
	}
	if (n > out_len)
		n = out_len;
	if (one && n)
		n = 1;
	for (i = 0; i < n; i++)
		page->rsp[MASK_XENSTORE_IDX(rsp_prod + i)] = out[i];
	if (!n)
		return;
	__sync_synchronize();
	rsp_prod += n;
	page->rsp_prod = rsp_prod;
	page_signal();
	out_len -= n;
	memmove(out, out + n, out_len);
}

/* Sends all that there is, unless the guest does not read. */
static bool page_drain(void)
{
	int tries;

	for (tries = 0; out_len && tries < 3000; tries++) {
		page_flush(false);
		usleep(300);
	}
	return !out_len;
}

/* Takes up to @want bytes in all; @one: one more. Returns whether there was any. */
static bool page_take(char *to, size_t *have, size_t want, bool one)
{
	uint32_t unread = page->req_prod - req_cons, n = want - *have, i;

	if (unread > XENSTORE_RING_SIZE) {
		complain("req_prod is where it cannot be");
		return false;
	}
	if (n > unread)
		n = unread;
	if (one && n)
		n = 1;
	__sync_synchronize();
	for (i = 0; i < n; i++)
		to[(*have)++] = page->req[MASK_XENSTORE_IDX(req_cons + i)];
	if (!n)
		return want == 0;
	__sync_synchronize();
	req_cons += n;
	page->req_cons = req_cons;
	page_signal();
	return true;
}

/* ---- states ----------------------------------------------------------------------------- */

/* Does nothing for a while, and then what is the server's in the page is as it should be. */
static void page_hold(unsigned int ms)
{
	usleep(ms * 1000);
	page->req_cons = req_cons;
	page->rsp_prod = rsp_prod;
	page->error = 0;
	page_signal();
}

/* A new connection, as the guest has asked for. */
static void page_fresh(void)
{
	out_len = req_cons = rsp_prod = 0;
	page->req_cons = page->req_prod = page->rsp_cons = page->rsp_prod = 0;
	page->error = 0;
	__sync_synchronize();
	page->connection = 0;
	page_signal();
}

/* Has the guest read all? */
static bool page_is_read(void)
{
	int tries;

	for (tries = 0; page_drain() && tries < 3000; tries++) {
		if (page->rsp_cons == rsp_prod)
			return true;
		usleep(300);
	}
	return false;
}

/* For xenstored to go on with. */
static void page_leave(void)
{
	page->server_features = page->connection = page->error = 0;
	page->req_cons = req_cons;
	page->rsp_prod = rsp_prod;
	page_signal();
}

#endif /* ROGUE_PAGE_H */
