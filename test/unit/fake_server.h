/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fake_server.h - the other end of a store page, for tests: it holds the page, reads requests,
 * keeps a tiny tree, answers, and misbehaves when told to.
 *
 * It shares no code with the module. It moves in small steps (fs_step()), each of which looks at or
 * writes one index, so that a test can put its own steps between any two of them. It sleeps as a
 * real server does: when a round moved nothing, until it is signalled (fs_signal()). A client that
 * forgets a signal therefore stays unserved, and the test sees it.
 *
 *   SLEEP ─signal─▶ READ ─▶ READ_PUBLISH ─▶ WRITE ─▶ WRITE_PUBLISH ─┐
 *     ▲               ▲ └────────nothing──────▲ └─nothing─┐         │
 *     └──nothing moved in this round──────────────────────┤         │
 *                     └──────────something moved──────────┴─────────┘
 *
 * It also watches the client: words that are not the client's, indices, the count in flight, ids
 * used twice. The first thing that is wrong is kept in @complaint.
 */
#ifndef FAKE_SERVER_H
#define FAKE_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <xen/io/xs_wire.h>

#define FS_RING		1024u
#define FS_HEADER	16u
#define FS_PAYLOAD	4096u
#define FS_FRAMES	512u	/* replies and events that wait to be written */
#define FS_NODES	64u
#define FS_WATCHES	64u
#define FS_OPEN		64u
#define FS_IN_FLIGHT	16u	/* more than this unanswered is the client's fault */
#define FS_THROTTLE	20u	/* what C xenstored's quota is */

enum fs_phase { FS_SLEEP, FS_READ, FS_READ_PUBLISH, FS_WRITE, FS_WRITE_PUBLISH };

/* What the server makes of one request. */
enum fs_twist {
	FS_ANSWER,
	FS_HOLD,	/* answer when fs_release() says so */
	FS_MUTE,	/* never answer */
	FS_DOUBLE,	/* answer twice */
	FS_FOREIGN,	/* answer with an id that is nobody's */
	FS_OVERSIZE,	/* claim a payload of 4097 bytes */
	FS_WRONG_TYPE,	/* answer with another type */
	FS_REFUSE,	/* answer with an error: EIO */
	FS_TWISTS
};

struct fs_frame {
	uint8_t *bytes;		/* header and payload */
	uint32_t size, sent;
	uint32_t id;
	bool reply, held;
};

struct fs_node {
	char *path;
	uint8_t *value;		/* NULL: removed (in a transaction) */
	uint32_t len;
	uint32_t tx;		/* 0: everybody sees it */
};

struct fs_watch {
	char *path, *token;
};

struct fs_server {
	_Alignas(4096) uint8_t page_bytes[4096];
	struct xenstore_domain_interface *page;

	/* what the server itself knows of its own indices */
	uint32_t req_cons, rsp_prod;
	uint32_t moving;	/* bytes copied and not published yet */
	enum fs_phase phase;
	bool moved;		/* something, in this round */
	bool event;		/* the client has signalled */
	bool kick;		/* the client is to be signalled */

	uint8_t req[FS_HEADER + FS_PAYLOAD];
	uint32_t have;

	struct fs_frame *frame[FS_FRAMES];
	uint32_t frames;
	struct fs_frame *current;	/* that is being written */

	struct fs_node node[FS_NODES];
	struct fs_watch watch[FS_WATCHES];
	uint32_t open[FS_OPEN], opens, most_open;
	uint32_t extra;		/* unanswered ones allowed beyond FS_IN_FLIGHT */
	uint32_t next_tx, open_tx;

	/* how it behaves */
	bool mute;		/* reads nothing */
	uint32_t chunk;		/* bytes it moves in one step; 0: all that it can */
	uint32_t throttle;	/* frames unwritten at which it stops reading; 0: never */
	uint32_t eagain;	/* so many commits to come are refused */
	bool dishonest;		/* the test scribbles itself: do not look at the client's words */
	enum fs_twist (*twist)(struct fs_server *s, const struct xsd_sockmsg *hdr);
	uint32_t (*pick)(struct fs_server *s, uint32_t n);	/* which of n frames comes next */
	void *ctx;

	/* what it has seen */
	uint64_t requests, answered, events, reconnects;
	const char *complaint;
};

void fs_init(struct fs_server *s, uint32_t req_at, uint32_t rsp_at);
void fs_free(struct fs_server *s);

void fs_signal(struct fs_server *s);
bool fs_take_kick(struct fs_server *s);
bool fs_step(struct fs_server *s);
void fs_run(struct fs_server *s);
bool fs_asleep(const struct fs_server *s);

bool fs_send(struct fs_server *s, uint32_t type, uint32_t id, uint32_t tx, const void *payload,
	     uint32_t len);
void fs_release(struct fs_server *s);
void fs_fire(struct fs_server *s, const char *path);
void fs_leftover(struct fs_server *s, const void *bytes, uint32_t len);

/*
 * Reading "pattern/<len>/<seed>" gives len bytes that follow from seed: each caller knows what must
 * have come to it. fs_pattern() is byte i of them.
 */
static inline uint8_t fs_pattern(uint32_t seed, uint32_t i)
{
	uint32_t x = seed * 2654435761u + i * 40503u + 12345u;

	x ^= x >> 15;
	x *= 2246822519u;
	return (uint8_t)(x >> 13);
}

#endif /* FAKE_SERVER_H */
