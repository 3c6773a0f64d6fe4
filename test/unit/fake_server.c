// SPDX-License-Identifier: GPL-2.0
/*
 * fake_server.c - a store server for tests. See fake_server.h.
 */
#include "fake_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAD(p)		__atomic_load_n(p, __ATOMIC_SEQ_CST)
#define STORE(p, v)	__atomic_store_n(p, v, __ATOMIC_SEQ_CST)

static void complain(struct fs_server *s, const char *what)
{
	if (!s->complaint && !s->dishonest)
		s->complaint = what;
}

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static uint32_t min2(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

void fs_init(struct fs_server *s, uint32_t req_at, uint32_t rsp_at)
{
	memset(s, 0, sizeof(*s));
	memset(s->page_bytes, 0xa5, 2048);
	s->page = (struct xenstore_domain_interface *)s->page_bytes;
	s->req_cons = req_at;
	s->rsp_prod = rsp_at;
	s->page->req_cons = req_at;
	s->page->req_prod = req_at;
	s->page->rsp_cons = rsp_at;
	s->page->rsp_prod = rsp_at;
	s->throttle = FS_THROTTLE;
	s->next_tx = 1;
}

static void free_frame(struct fs_frame *f)
{
	free(f->bytes);
	free(f);
}

static void drop_node(struct fs_node *n)
{
	free(n->path);
	free(n->value);
	memset(n, 0, sizeof(*n));
}

static void drop_watch(struct fs_watch *w)
{
	free(w->path);
	free(w->token);
	memset(w, 0, sizeof(*w));
}

void fs_free(struct fs_server *s)
{
	uint32_t i;

	for (i = 0; i < s->frames; i++)
		free_frame(s->frame[i]);
	if (s->current)
		free_frame(s->current);
	for (i = 0; i < FS_NODES; i++)
		drop_node(&s->node[i]);
	for (i = 0; i < FS_WATCHES; i++)
		drop_watch(&s->watch[i]);
	s->frames = 0;
	s->current = NULL;
}

/* ---- frames ----------------------------------------------------------------------------- */

static struct fs_frame *add_frame(struct fs_server *s, uint32_t type, uint32_t id, uint32_t tx,
				  const void *payload, uint32_t len)
{
	struct xsd_sockmsg hdr = { .type = type, .req_id = id, .tx_id = tx, .len = len };
	struct fs_frame *f;

	if (s->frames == FS_FRAMES)
		return NULL;
	f = must(calloc(1, sizeof(*f)));
	f->size = FS_HEADER + len;
	f->bytes = must(malloc(f->size));
	f->id = id;
	memcpy(f->bytes, &hdr, FS_HEADER);
	if (len)
		memcpy(f->bytes + FS_HEADER, payload, len);
	s->frame[s->frames++] = f;
	return f;
}

/* Any frame at all, from nowhere. Returns false when too many wait. */
bool fs_send(struct fs_server *s, uint32_t type, uint32_t id, uint32_t tx, const void *payload,
	     uint32_t len)
{
	return add_frame(s, type, id, tx, payload, len);
}

void fs_release(struct fs_server *s)
{
	uint32_t i;

	for (i = 0; i < s->frames; i++)
		s->frame[i]->held = false;
	s->event = true;	/* its own timer, so to say */
}

/* Bytes that an earlier session left in the response ring. */
void fs_leftover(struct fs_server *s, const void *bytes, uint32_t len)
{
	const uint8_t *b = bytes;
	uint32_t i;

	for (i = 0; i < len; i++)
		s->page_bytes[FS_RING + (s->rsp_prod + i) % FS_RING] = b[i];
	s->rsp_prod += len;
	STORE(&s->page->rsp_prod, s->rsp_prod);
}

static struct fs_frame *next_frame(struct fs_server *s)
{
	uint32_t ready[FS_FRAMES], n = 0, i;
	struct fs_frame *f;

	for (i = 0; i < s->frames; i++)
		if (!s->frame[i]->held)
			ready[n++] = i;
	if (!n)
		return NULL;
	i = ready[s->pick ? s->pick(s, n) % n : 0];
	f = s->frame[i];
	memmove(&s->frame[i], &s->frame[i + 1], (s->frames - i - 1) * sizeof(s->frame[0]));
	s->frames--;
	return f;
}

/* ---- the tree --------------------------------------------------------------------------- */

static struct fs_node *find(struct fs_server *s, uint32_t tx, const char *path)
{
	uint32_t i;

	for (i = 0; i < FS_NODES; i++)
		if (s->node[i].path && s->node[i].tx == tx && !strcmp(s->node[i].path, path))
			return &s->node[i];
	return NULL;
}

static struct fs_node *see(struct fs_server *s, uint32_t tx, const char *path)
{
	struct fs_node *n = tx ? find(s, tx, path) : NULL;

	if (!n)
		n = find(s, 0, path);
	return n && n->value ? n : NULL;
}

static bool set(struct fs_server *s, uint32_t tx, const char *path, const void *value,
		uint32_t len)
{
	struct fs_node *n = find(s, tx, path);
	uint32_t i;

	for (i = 0; !n && i < FS_NODES; i++)
		if (!s->node[i].path)
			n = &s->node[i];
	if (!n)
		return false;
	if (!n->path)
		n->path = must(strdup(path));
	free(n->value);
	n->tx = tx;
	n->len = len;
	n->value = NULL;
	if (value) {
		n->value = must(malloc(len + 1));
		memcpy(n->value, value, len);
	}
	return true;
}

static bool below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return !strncmp(path, top, n) && (path[n] == '/' || !path[n] || (n && top[n - 1] == '/'));
}

void fs_fire(struct fs_server *s, const char *path)
{
	char ev[FS_PAYLOAD];
	uint32_t i;
	int n;

	for (i = 0; i < FS_WATCHES; i++) {
		if (!s->watch[i].path || !below(path, s->watch[i].path))
			continue;
		n = snprintf(ev, sizeof(ev), "%s%c%s", path, 0, s->watch[i].token);
		if (n + 1 > (int)sizeof(ev))	/* dropped silently, as real servers do */
			continue;
		if (add_frame(s, XS_WATCH_EVENT, 0, 0, ev, (uint32_t)n + 1))
			s->events++;
	}
}

static void end_transaction(struct fs_server *s, uint32_t tx, bool commit)
{
	uint32_t i;

	for (i = 0; i < FS_NODES; i++) {
		struct fs_node *n = &s->node[i], *base;

		if (!n->path || n->tx != tx)
			continue;
		if (commit) {
			fs_fire(s, n->path);
			base = find(s, 0, n->path);
			if (base)
				drop_node(base);
			if (n->value) {
				n->tx = 0;
				continue;
			}
		}
		drop_node(n);
	}
	s->open_tx--;
}

/* ---- requests --------------------------------------------------------------------------- */

/* The NUL-terminated string at *at of the payload, or NULL. */
static const char *string_at(const uint8_t *p, uint32_t len, uint32_t *at)
{
	const char *str = (const char *)p + *at;
	const void *end = *at < len ? memchr(str, 0, len - *at) : NULL;

	if (!end)
		return NULL;
	*at = (uint32_t)((const uint8_t *)end + 1 - p);
	return str;
}

static const char *do_read(struct fs_server *s, uint32_t tx, const char *path, uint8_t *out,
			   uint32_t *outlen)
{
	unsigned int len, seed, i;
	struct fs_node *n;

	if (sscanf(path, "pattern/%u/%u", &len, &seed) == 2 && len <= FS_PAYLOAD) {
		for (i = 0; i < len; i++)
			out[i] = fs_pattern(seed, i);
		*outlen = len;
		return NULL;
	}
	n = see(s, tx, path);
	if (!n)
		return "ENOENT";
	*outlen = min2(n->len, FS_PAYLOAD);
	memcpy(out, n->value, *outlen);
	return NULL;
}

static const char *do_directory(struct fs_server *s, const char *path, uint8_t *out,
				uint32_t *outlen)
{
	uint32_t n = 0, i, len, top = (uint32_t)strlen(path);

	for (i = 0; i < FS_NODES; i++) {
		const char *p = s->node[i].path;

		if (!p || s->node[i].tx || strncmp(p, path, top) || p[top] != '/')
			continue;
		if (strchr(p + top + 1, '/'))
			continue;
		len = (uint32_t)strlen(p + top + 1) + 1;
		if (n + len > FS_PAYLOAD)
			return "E2BIG";
		memcpy(out + n, p + top + 1, len);
		n += len;
	}
	*outlen = n;
	return NULL;
}

static const char *do_watch(struct fs_server *s, bool on, const uint8_t *p, uint32_t len)
{
	uint32_t at = 0, i, free_at = FS_WATCHES;
	const char *path = string_at(p, len, &at);
	const char *token = path ? string_at(p, len, &at) : NULL;

	if (!token)
		return "EINVAL";
	for (i = 0; i < FS_WATCHES; i++) {
		struct fs_watch *w = &s->watch[i];

		if (!w->path) {
			if (free_at == FS_WATCHES)
				free_at = i;
			continue;
		}
		if (strcmp(w->path, path) || strcmp(w->token, token))
			continue;
		if (on)
			return "EEXIST";
		drop_watch(w);
		return NULL;
	}
	if (!on)
		return "ENOENT";
	if (free_at == FS_WATCHES)
		return "E2BIG";
	s->watch[free_at].path = must(strdup(path));
	s->watch[free_at].token = must(strdup(token));
	return NULL;
}

/* Returns the name of an error, or NULL and the reply's payload. */
static const char *serve(struct fs_server *s, const struct xsd_sockmsg *h, const uint8_t *p,
			 uint8_t *out, uint32_t *outlen)
{
	uint32_t at = 0, i;
	const char *path = string_at(p, h->len, &at);
	int n;

	memcpy(out, "OK", 3);
	*outlen = 3;
	if (!path)
		return "EINVAL";
	switch (h->type) {
	case XS_READ:
		return do_read(s, h->tx_id, path, out, outlen);
	case XS_WRITE:
		if (!set(s, h->tx_id, path, p + at, h->len - at))
			return "ENOSPC";
		if (!h->tx_id)
			fs_fire(s, path);
		return NULL;
	case XS_MKDIR:
		if (!see(s, h->tx_id, path) && !set(s, h->tx_id, path, "", 0))
			return "ENOSPC";
		return NULL;
	case XS_RM:
		for (i = 0; i < FS_NODES; i++)
			if (s->node[i].path && !s->node[i].tx && below(s->node[i].path, path))
				drop_node(&s->node[i]);
		fs_fire(s, path);
		return NULL;
	case XS_DIRECTORY:
		return do_directory(s, path, out, outlen);
	case XS_GET_PERMS:
		memcpy(out, "n0\0r5", 6);
		*outlen = 6;
		return NULL;
	case XS_SET_PERMS:
		return string_at(p, h->len, &at) ? NULL : "EINVAL";
	case XS_GET_DOMAIN_PATH:
		n = snprintf((char *)out, FS_PAYLOAD, "/local/domain/%.8s", path);
		*outlen = (uint32_t)n + 1;
		return NULL;
	case XS_TRANSACTION_START:
		if (h->tx_id)
			return "EBUSY";
		s->open_tx++;
		*outlen = (uint32_t)snprintf((char *)out, FS_PAYLOAD, "%u", s->next_tx++) + 1;
		return NULL;
	case XS_TRANSACTION_END:
		if (!h->tx_id || h->tx_id >= s->next_tx || !s->open_tx)
			return "ENOENT";
		if (*path != 'T' && *path != 'F')
			return "EINVAL";
		if (*path == 'T' && s->eagain) {
			s->eagain--;
			end_transaction(s, h->tx_id, false);
			return "EAGAIN";
		}
		end_transaction(s, h->tx_id, *path == 'T');
		return NULL;
	case XS_WATCH:
		return do_watch(s, true, p, h->len);
	case XS_UNWATCH:
		return do_watch(s, false, p, h->len);
	case 21: /* RESET_WATCHES */
		for (i = 0; i < FS_WATCHES; i++)
			drop_watch(&s->watch[i]);
		return NULL;
	default:
		return "ENOSYS";
	}
}

static void answer(struct fs_server *s, const struct xsd_sockmsg *h, enum fs_twist twist)
{
	uint8_t out[FS_PAYLOAD];
	uint32_t len = 0, type = h->type, id = h->req_id, times = twist == FS_DOUBLE ? 2 : 1;
	const char *err = twist == FS_REFUSE ? "EIO" : serve(s, h, s->req + FS_HEADER, out, &len);
	struct fs_frame *f;

	if (twist == FS_MUTE)
		return;
	if (err) {
		type = XS_ERROR;
		len = (uint32_t)strlen(err) + 1;
		memcpy(out, err, len);
	}
	if (twist == FS_FOREIGN)
		id ^= 0x5a5a5a50;
	if (twist == FS_WRONG_TYPE)
		type = h->type == XS_READ ? XS_WRITE : XS_READ;
	while (times--) {
		f = add_frame(s, type, id, h->tx_id, out, len);
		if (!f)
			return;
		f->reply = true;
		f->held = twist == FS_HOLD;
		if (twist == FS_OVERSIZE)
			f->bytes[12] = 1, f->bytes[13] = 16;	/* 4097, little-endian */
	}
	if (!err && h->type == XS_WATCH)	/* fires once at once */
		fs_fire(s, (const char *)s->req + FS_HEADER);
}

static void handle(struct fs_server *s)
{
	struct xsd_sockmsg h;
	enum fs_twist twist;
	uint32_t i;

	memcpy(&h, s->req, FS_HEADER);
	s->have = 0;
	s->requests++;
	for (i = 0; i < s->opens; i++)
		if (s->open[i] == h.req_id)
			complain(s, "an id that is in use");
	if (s->opens < FS_OPEN)
		s->open[s->opens++] = h.req_id;
	if (s->opens > s->most_open)
		s->most_open = s->opens;
	if (s->opens > FS_IN_FLIGHT + s->extra)
		complain(s, "more than 16 requests in flight");
	twist = s->twist ? s->twist(s, &h) : FS_ANSWER;
	answer(s, &h, twist);
	if (twist == FS_MUTE)		/* it is done with it, in its way */
		s->opens--;
}

static void closed(struct fs_server *s, const struct fs_frame *f)
{
	uint32_t i;

	for (i = 0; f->reply && i < s->opens; i++) {
		if (s->open[i] != f->id)
			continue;
		s->open[i] = s->open[--s->opens];
		s->answered++;
		return;
	}
}

/* ---- moving ----------------------------------------------------------------------------- */

static uint32_t request_size(const struct fs_server *s)
{
	uint32_t len;

	if (s->have < FS_HEADER)
		return FS_HEADER;
	memcpy(&len, s->req + 12, 4);
	return FS_HEADER + len;
}

static void check_words(struct fs_server *s)
{
	if (LOAD(&s->page->req_cons) != s->req_cons || LOAD(&s->page->rsp_prod) != s->rsp_prod)
		complain(s, "the client wrote an index that is not its own");
}

static uint32_t limit(const struct fs_server *s, uint32_t n)
{
	return s->chunk ? min2(n, s->chunk) : n;
}

static void read_some(struct fs_server *s)
{
	uint32_t unread = LOAD(&s->page->req_prod) - s->req_cons, n, i;

	s->phase = FS_WRITE;
	check_words(s);
	if (unread > FS_RING) {
		complain(s, "req_prod is too far from req_cons");
		return;
	}
	if (s->mute || (s->throttle && s->frames + !!s->current >= s->throttle))
		return;
	n = limit(s, min2(unread, request_size(s) - s->have));
	for (i = 0; i < n; i++)
		s->req[s->have + i] = s->page_bytes[(s->req_cons + i) % FS_RING];
	s->moving = n;
	if (n)
		s->phase = FS_READ_PUBLISH;
}

static void read_publish(struct fs_server *s)
{
	s->phase = FS_WRITE;
	s->have += s->moving;
	s->req_cons += s->moving;
	STORE(&s->page->req_cons, s->req_cons);
	s->moved = true;
	s->kick = true;
	if (request_size(s) > sizeof(s->req)) {
		complain(s, "a request of more than 4096 bytes");
		s->mute = true;
		s->have = 0;
		return;
	}
	if (s->have >= FS_HEADER && s->have == request_size(s))
		handle(s);
}

static void write_some(struct fs_server *s)
{
	uint32_t used = s->rsp_prod - LOAD(&s->page->rsp_cons), n, i;

	check_words(s);
	if (used > FS_RING)
		complain(s, "rsp_cons is ahead of rsp_prod");
	if (!s->current)
		s->current = next_frame(s);
	if (used > FS_RING || !s->current)
		n = 0;
	else
		n = limit(s, min2(FS_RING - used, s->current->size - s->current->sent));
	for (i = 0; i < n; i++)
		s->page_bytes[FS_RING + (s->rsp_prod + i) % FS_RING] =
			s->current->bytes[s->current->sent + i];
	s->moving = n;
	if (n) {
		s->phase = FS_WRITE_PUBLISH;
		return;
	}
	s->phase = s->moved ? FS_READ : FS_SLEEP;
	s->moved = false;
}

static void write_publish(struct fs_server *s)
{
	s->rsp_prod += s->moving;
	STORE(&s->page->rsp_prod, s->rsp_prod);
	s->current->sent += s->moving;
	s->moved = true;
	s->kick = true;
	s->phase = FS_READ;
	if (s->current->sent == s->current->size) {
		closed(s, s->current);
		free_frame(s->current);
		s->current = NULL;
	}
}

/* The client asked for a fresh connection: all that there was is forgotten, by oxenstored's ways. */
static void reconnect(struct fs_server *s)
{
	uint32_t i;

	for (i = 0; i < s->frames; i++)
		free_frame(s->frame[i]);
	if (s->current)
		free_frame(s->current);
	for (i = 0; i < FS_WATCHES; i++)
		drop_watch(&s->watch[i]);
	s->frames = 0;
	s->current = NULL;
	s->have = 0;
	s->opens = 0;
	s->open_tx = 0;
	s->next_tx = 1;
	s->moving = 0;
	s->req_cons = 0;
	s->rsp_prod = 0;
	STORE(&s->page->req_cons, 0);
	STORE(&s->page->req_prod, 0);
	STORE(&s->page->rsp_cons, 0);
	STORE(&s->page->rsp_prod, 0);
	STORE(&s->page->connection, XENSTORE_CONNECTED);
	s->reconnects++;
	s->kick = true;
}

/* Returns false when it sleeps and has not been signalled. */
bool fs_step(struct fs_server *s)
{
	if (s->phase == FS_READ && LOAD(&s->page->connection) == XENSTORE_RECONNECT &&
	    (s->page->server_features & XENSTORE_SERVER_FEATURE_RECONNECTION))
		reconnect(s);
	switch (s->phase) {
	case FS_SLEEP:
		if (!s->event)
			return false;
		s->event = false;
		s->phase = FS_READ;
		break;
	case FS_READ:
		read_some(s);
		break;
	case FS_READ_PUBLISH:
		read_publish(s);
		break;
	case FS_WRITE:
		write_some(s);
		break;
	case FS_WRITE_PUBLISH:
		write_publish(s);
		break;
	}
	return true;
}

void fs_run(struct fs_server *s)
{
	while (fs_step(s))
		;
}

bool fs_asleep(const struct fs_server *s)
{
	return s->phase == FS_SLEEP && !s->event;
}

void fs_signal(struct fs_server *s)
{
	s->event = true;
}

bool fs_take_kick(struct fs_server *s)
{
	bool kick = s->kick;

	s->kick = false;
	return kick;
}
