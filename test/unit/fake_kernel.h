/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fake_kernel.h - the kernel's own xenbus at its end of a store page, for tests: it writes requests
 * byte by byte, reads what comes, and keeps both.
 *
 * It shares no code with the module. It moves in small steps (fk_step()), each of which looks at or
 * writes one index, so that a test can put them between any two of the module's. It sleeps when a
 * round moved nothing, until it is woken (fk_wake()).
 *
 *   SLEEP ─woken─▶ WRITE ─▶ WRITE_PUBLISH ─▶ WRITE_TELL ─▶ READ ─▶ READ_PUBLISH ─▶ READ_TELL ─┐
 *     ▲              ▲ └──────────nothing──────────────────▲ └─nothing─┐                      │
 *     └──nothing moved in this round────────────────────────────────────┤                      │
 *                    └──────────something moved────────────────────────┴──────────────────────┘
 *
 * It signals as seldom as it may: after writing when the other end had read all that was there
 * before, after reading when the ring was full (docs/misc/xenstore-ring.txt asks for no more). With
 * @chatty it signals always.
 *
 * A reply must carry the id of a request that is open, and only one may; the first thing that is
 * wrong is kept in @complaint.
 */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#ifndef FK_REQUESTS
#define FK_REQUESTS	2048u		/* that it keeps */
#define FK_EVENTS	4096u
#endif
#define FK_RING		1024u
#define FK_HEADER	16u
#define FK_PAYLOAD	4096u

enum fk_phase {
	FK_SLEEP, FK_WRITE, FK_WRITE_PUBLISH, FK_WRITE_TELL,
	FK_READ, FK_READ_PUBLISH, FK_READ_TELL,
};

struct fk_request {
	struct xsd_sockmsg hdr;
	uint8_t *bytes;			/* header and payload, @size of them */
	uint32_t size;
	uint32_t seed, pattern;		/* for the test */
	uint32_t order;			/* 0: open; else which message it was that answered it */
	struct xsd_sockmsg reply;
	uint8_t *payload;
};

struct fk_event {
	struct xsd_sockmsg hdr;
	uint8_t *payload;
	uint32_t order;
};

struct fake_kernel {
	struct xenstore_domain_interface *page;
	struct fk_request request[FK_REQUESTS];
	uint32_t requests;		/* queued */
	uint32_t writing, sent;		/* which, and how far */
	struct fk_event event[FK_EVENTS];
	uint32_t events;
	uint32_t messages;		/* read, whole */

	uint8_t in[FK_HEADER + FK_PAYLOAD];
	uint32_t have;

	/* how it behaves */
	bool deaf;			/* reads nothing */
	bool chatty;
	uint32_t chunk;			/* bytes in one step; 0: all that it can */
	uint32_t may_write;		/* bytes that it may still write */

	enum fk_phase phase;
	uint32_t moving;
	bool moved, woken;
	bool tell;			/* the other end is to be signalled */
	uint64_t written, read;		/* bytes */
	const char *complaint;
};

static inline void fk_complain(struct fake_kernel *k, const char *what)
{
	if (!k->complaint)
		k->complaint = what;
}

static inline uint32_t fk_load(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static inline void fk_store(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_SEQ_CST);
}

/* Begins on a page, or moves to another: the indices are what stands there. */
static inline void fk_use(struct fake_kernel *k, struct xenstore_domain_interface *page)
{
	k->page = page;
}

static inline void fk_init(struct fake_kernel *k, struct xenstore_domain_interface *page)
{
	memset(k, 0, sizeof(*k));
	k->may_write = ~0u;
	fk_use(k, page);
}

static inline void fk_free(struct fake_kernel *k)
{
	uint32_t i;

	for (i = 0; i < k->requests; i++) {
		free(k->request[i].bytes);
		free(k->request[i].payload);
	}
	for (i = 0; i < k->events; i++)
		free(k->event[i].payload);
	k->requests = 0;
	k->events = 0;
}

static inline void fk_wake(struct fake_kernel *k)
{
	k->woken = true;
}

static inline bool fk_take_tell(struct fake_kernel *k)
{
	bool tell = k->tell;

	k->tell = false;
	return tell;
}

static inline bool fk_asleep(const struct fake_kernel *k)
{
	return k->phase == FK_SLEEP && !k->woken;
}

/* Queues a request; returns it, or NULL when there are too many. */
static inline struct fk_request *fk_ask(struct fake_kernel *k, uint32_t type, uint32_t id,
					uint32_t tx, const void *payload, uint32_t len)
{
	struct fk_request *r = &k->request[k->requests];

	if (k->requests == FK_REQUESTS)
		return NULL;
	k->requests++;
	memset(r, 0, sizeof(*r));
	r->hdr.type = type;
	r->hdr.req_id = id;
	r->hdr.tx_id = tx;
	r->hdr.len = len;
	r->size = FK_HEADER + len;
	r->bytes = malloc(r->size);
	memcpy(r->bytes, &r->hdr, FK_HEADER);
	if (len)
		memcpy(r->bytes + FK_HEADER, payload, len);
	fk_wake(k);
	return r;
}

static inline uint32_t fk_open(const struct fake_kernel *k)
{
	uint32_t i, n = 0;

	for (i = 0; i < k->requests; i++)
		n += !k->request[i].order;
	return n;
}

/* ---- a message has come ------------------------------------------------------------------- */

static inline uint8_t *fk_copy(const uint8_t *from, uint32_t len)
{
	uint8_t *b = malloc(len ? len : 1);

	memcpy(b, from, len);
	return b;
}

static inline void fk_message(struct fake_kernel *k)
{
	struct xsd_sockmsg hdr;
	struct fk_event *e;
	uint32_t i;

	memcpy(&hdr, k->in, FK_HEADER);
	k->have = 0;
	k->messages++;
	if (hdr.type == XS_WATCH_EVENT) {
		if (k->events == FK_EVENTS) {
			fk_complain(k, "more events than the test can keep");
			return;
		}
		e = &k->event[k->events++];
		e->hdr = hdr;
		e->payload = fk_copy(k->in + FK_HEADER, hdr.len);
		e->order = k->messages;
		return;
	}
	for (i = 0; i < k->requests; i++) {
		struct fk_request *r = &k->request[i];

		if (r->order || r->hdr.req_id != hdr.req_id)
			continue;
		if (i > k->writing || (i == k->writing && k->sent < r->size))
			fk_complain(k, "a reply to what was not asked yet");
		r->order = k->messages;
		r->reply = hdr;
		r->payload = fk_copy(k->in + FK_HEADER, hdr.len);
		return;
	}
	fk_complain(k, "a reply that it did not ask for");
}

/* Bytes from the ring, by hand: what it had read of a message before it came to this page. */
static inline void fk_take_bytes(struct fake_kernel *k, const uint8_t *b, uint32_t n)
{
	uint32_t len = 0;

	while (n--) {
		k->in[k->have++] = *b++;
		if (k->have < FK_HEADER)
			continue;
		memcpy(&len, k->in + 12, 4);
		if (len > FK_PAYLOAD) {
			fk_complain(k, "a message of more than 4096 bytes");
			k->deaf = true;
			k->have = 0;
			return;
		}
		if (k->have == FK_HEADER + len)
			fk_message(k);
	}
}

/* ---- moving ------------------------------------------------------------------------------- */

static inline uint32_t fk_least(const struct fake_kernel *k, uint32_t a, uint32_t b)
{
	uint32_t n = a < b ? a : b;

	return k->chunk && k->chunk < n ? k->chunk : n;
}

static inline void fk_write(struct fake_kernel *k)
{
	uint32_t prod = fk_load(&k->page->req_prod), used = prod - fk_load(&k->page->req_cons);
	struct fk_request *r;
	uint32_t n = 0, i;

	while (k->writing < k->requests && k->sent == k->request[k->writing].size) {
		k->writing++;
		k->sent = 0;
	}
	if (used > FK_RING)
		fk_complain(k, "req_cons that cannot be");
	else if (k->writing < k->requests)
		n = fk_least(k, FK_RING - used, k->request[k->writing].size - k->sent);
	if (n > k->may_write)
		n = k->may_write;
	r = &k->request[k->writing];
	for (i = 0; i < n; i++)
		k->page->req[(prod + i) % FK_RING] = (char)r->bytes[k->sent + i];
	k->moving = n;
	k->phase = n ? FK_WRITE_PUBLISH : FK_READ;
}

static inline void fk_write_publish(struct fake_kernel *k)
{
	fk_store(&k->page->req_prod, fk_load(&k->page->req_prod) + k->moving);
	k->sent += k->moving;
	k->written += k->moving;
	if (k->may_write != ~0u)
		k->may_write -= k->moving;
	k->moved = true;
	k->phase = FK_WRITE_TELL;
}

static inline void fk_write_tell(struct fake_kernel *k)
{
	uint32_t before = fk_load(&k->page->req_prod) - k->moving;

	if (k->chatty || fk_load(&k->page->req_cons) - before <= k->moving)
		k->tell = true;
	k->phase = FK_READ;
}

static inline void fk_read(struct fake_kernel *k)
{
	uint32_t cons = fk_load(&k->page->rsp_cons), unread = fk_load(&k->page->rsp_prod) - cons;
	uint8_t bytes[FK_RING];
	uint32_t n = 0, i;

	if (unread > FK_RING)
		fk_complain(k, "rsp_prod that cannot be");
	else if (!k->deaf)
		n = fk_least(k, unread, FK_RING);
	for (i = 0; i < n; i++)
		bytes[i] = (uint8_t)k->page->rsp[(cons + i) % FK_RING];
	k->moving = n;
	if (n) {
		fk_take_bytes(k, bytes, n);
		k->phase = FK_READ_PUBLISH;
		return;
	}
	k->phase = k->moved ? FK_WRITE : FK_SLEEP;
	k->moved = false;
}

static inline void fk_read_publish(struct fake_kernel *k)
{
	fk_store(&k->page->rsp_cons, fk_load(&k->page->rsp_cons) + k->moving);
	k->read += k->moving;
	k->moved = true;
	k->phase = FK_READ_TELL;
}

static inline void fk_read_tell(struct fake_kernel *k)
{
	uint32_t before = fk_load(&k->page->rsp_cons) - k->moving;

	if (k->chatty || fk_load(&k->page->rsp_prod) - before >= FK_RING)
		k->tell = true;
	k->phase = FK_WRITE;
}

/* Returns false when it sleeps and has not been woken. */
static inline bool fk_step(struct fake_kernel *k)
{
	switch (k->phase) {
	case FK_SLEEP:
		if (!k->woken)
			return false;
		k->woken = false;
		k->phase = FK_WRITE;
		break;
	case FK_WRITE:
		fk_write(k);
		break;
	case FK_WRITE_PUBLISH:
		fk_write_publish(k);
		break;
	case FK_WRITE_TELL:
		fk_write_tell(k);
		break;
	case FK_READ:
		fk_read(k);
		break;
	case FK_READ_PUBLISH:
		fk_read_publish(k);
		break;
	case FK_READ_TELL:
		fk_read_tell(k);
		break;
	}
	return true;
}

#endif /* FAKE_KERNEL_H */
