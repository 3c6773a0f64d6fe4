// SPDX-License-Identifier: GPL-2.0
/*
 * ring.c - proofs of xs_ring.c at its real size, for all values of all indices and lengths.
 *
 * memcpy is replaced by its contract: both ranges must be valid, and what was copied from where to
 * where is noted. READ_ONCE, WRITE_ONCE and the barriers note their order. A read of the peer's
 * index gives any value at all, another one each time: the peer is not trusted.
 */
#include "proof.h"

enum { READ_PEER = 1, READ_OWN, WRITE_OWN, MB, RMB, WMB, COPY };

static u32 events[8], count;	/* what happened, in order */
static struct copy { char *dst; const char *src; u32 n; } copies[2];
static u32 ncopies;
static u32 *own_word, *peer_word, peer_seen, own_written;

static void note(u32 what)
{
	MUST(count < ARRAY_SIZE(events), "few events");
	events[count++] = what;
}

static u32 read_word(const u32 *p)
{
	MUST(p == own_word || p == peer_word, "only the two indices are read");
	if (p == own_word) {
		note(READ_OWN);
		return *p;
	}
	note(READ_PEER);
	peer_seen = nondet_u32();
	return peer_seen;
}

static void write_word(u32 *p, u32 v)
{
	MUST(p == own_word, "only our own index is written");
	note(WRITE_OWN);
	own_written = v;
	*p = v;
}

#undef READ_ONCE
#undef WRITE_ONCE
#undef virt_mb
#undef virt_rmb
#undef virt_wmb
#define READ_ONCE(x)		read_word(&(x))
#define WRITE_ONCE(x, v)	write_word(&(x), (v))
#define virt_mb()		note(MB)
#define virt_rmb()		note(RMB)
#define virt_wmb()		note(WMB)

void *memcpy(void *dst, const void *src, size_t n)
{
	MUST(n == 0 || __CPROVER_r_ok(src, n), "memcpy reads what is there");
	MUST(n == 0 || __CPROVER_w_ok(dst, n), "memcpy writes where it may");
	MUST(n == 0 || !__CPROVER_same_object(dst, src), "memcpy's ranges do not overlap");
	MUST(ncopies < ARRAY_SIZE(copies), "two pieces at the most");
	note(COPY);
	copies[ncopies++] = (struct copy){ dst, src, (u32)n };
	return dst;
}

#include "../../xs_ring.c"

static struct xs_ring r, old;
static u32 own, peer, old_own, old_peer;

/* Any state of a ring; its bytes are an object of exactly the ring's size. */
static void any_ring(void)
{
	own = nondet_u32();
	peer = nondet_u32();
	r.bytes = some_bytes(XS_RING_SIZE);
	r.own = own_word = &own;
	r.peer = peer_word = &peer;
	r.at = nondet_u32();
	r.published = nondet_u32();
	r.n = nondet_u32();
	ASSUME(r.n <= XS_RING_SIZE);
	old = r;
	old_own = own;
	old_peer = peer;
	count = ncopies = 0;
}

/* What no call but attach changes. */
static void must_keep_rest(void)
{
	MUST(r.bytes == old.bytes && r.own == old.own && r.peer == old.peer, "pointers stay");
	MUST(peer == old_peer, "the peer's index is not written");
}

/* proof: attach of=xs_ring_attach
 * Takes over our index as it stands, whatever it is; touches no byte and neither index. */
void attach(void)
{
	char *bytes = some_bytes(XS_RING_SIZE);

	any_ring();
	own = old_own = nondet_u32();
	peer = old_peer = nondet_u32();
	own_word = &own;
	peer_word = &peer;
	xs_ring_attach(&r, bytes, &own, &peer);
	MUST(r.bytes == bytes && r.own == &own && r.peer == &peer, "pointers");
	MUST(r.at == old_own && r.published == old_own && r.n == 0, "begins at our index");
	MUST(own == old_own && peer == old_peer, "no index is written");
	MUST(count == 1 && events[0] == READ_OWN, "one read");
	REACH("end");
}

static void looked(int got, u32 distance, u32 n, u32 barrier)
{
	must_keep_rest();
	MUST(own == old_own && r.at == old.at && r.published == old.published, "a look only looks");
	MUST(events[0] == READ_PEER && ncopies == 0, "reads the peer's index, copies nothing");
	if (distance > XS_RING_SIZE) {
		MUST(got == -EIO && r.n == 0, "a broken ring is refused, nothing may be moved");
		MUST(count == 1, "the peer's index is read once");
		REACH("broken");
	} else {
		MUST(got == (int)n && r.n == n && n <= XS_RING_SIZE, "as many bytes as there are");
		MUST(count == 2 && (events[1] == MB || events[1] == barrier),
		     "the peer's index is read once, and the barrier follows");
		REACH("sane");
	}
}

/* proof: look_room of=xs_ring_look_room
 * Room is what is left of the ring; an impossible distance is refused; the peer's index is read
 * once, the barrier A follows; nothing else changes. */
void look_room(void)
{
	int got;

	any_ring();
	got = xs_ring_look_room(&r);
	looked(got, old.at - peer_seen, XS_RING_SIZE - (old.at - peer_seen), MB);
}

/* proof: look_unread of=xs_ring_look_unread
 * The same for the consumer, with barrier C. */
void look_unread(void)
{
	int got;

	any_ring();
	got = xs_ring_look_unread(&r);
	looked(got, peer_seen - old.at, peer_seen - old.at, RMB);
}

/* proof: wrap of=upto_wrap
 * upto_wrap(): the first piece never passes the ring's end, and is whole when it fits. */
void wrap(void)
{
	u32 at = nondet_u32(), len = nondet_u32(), n;

	n = upto_wrap(at, len);
	MUST(n <= len && (at % XS_RING_SIZE) + n <= XS_RING_SIZE, "within the ring and the length");
	MUST(n == len || (at % XS_RING_SIZE) + n == XS_RING_SIZE, "as long as can be");
	REACH("end");
}

static void moved(u32 len, u32 got)
{
	must_keep_rest();
	MUST(got == least(len, old.n), "as much as asked for and allowed");
	MUST(r.at == old.at + got && r.n == old.n - got, "the place moves by that");
	MUST(own == old_own && r.published == old.published && count == ncopies,
	     "no index is read or written: the peer sees nothing yet");
}

/* proof: put of=xs_ring_put
 * Byte j of the source goes to slot (at + j) mod size, for each j below the count; no other slot
 * is written, so no byte that the consumer has not released; the source is not read beyond. */
void put(void)
{
	u32 len = nondet_u32(), used = nondet_u32(), got, j, k, i, found = 0;
	char *src;

	any_ring();
	src = some_bytes(least(len, r.n));
	got = xs_ring_put(&r, src, len);
	moved(len, got);
	j = nondet_u32();
	ASSUME(j < got);
	for (i = 0; i < ncopies; i++)
		if (copies[i].src <= src + j && src + j < copies[i].src + copies[i].n) {
			found++;
			MUST(copies[i].dst + (src + j - copies[i].src) ==
			     r.bytes + (old.at + j) % XS_RING_SIZE, "byte j goes to slot at + j");
		}
	MUST(found == 1, "each byte is put once");
	/* The unread bytes lie in the slots before at; the room was measured from them. */
	k = nondet_u32();
	ASSUME(used <= XS_RING_SIZE - old.n && k < used);
	for (i = 0; i < ncopies; i++) {
		char *slot = r.bytes + (old.at - 1 - k) % XS_RING_SIZE;

		MUST(!(copies[i].dst <= slot && slot < copies[i].dst + copies[i].n),
		     "no unread byte is overwritten");
	}
	REACH("end");
	if (copies[1].n)
		REACH("two pieces");
}

/* proof: put_none of=xs_ring_put
 * No room or no bytes: nothing is put, the source is not touched (it may be no address at all). */
void put_none(void)
{
	u32 len = nondet_u32(), got;

	any_ring();
	ASSUME(!len || !r.n);
	got = xs_ring_put(&r, some_bytes(0), len);
	moved(len, got);
	MUST(got == 0 && copies[0].n == 0 && copies[1].n == 0, "nothing");
	REACH("end");
}

/* proof: take of=xs_ring_take
 * Slot (at + j) mod size goes to byte j of the place, for each j below the count; the place is
 * not written beyond, the ring's bytes not at all. NULL throws away. */
void take(void)
{
	u32 len = nondet_u32(), got, j, i, found = 0;
	char *dst = NULL;

	any_ring();
	if (nondet_bool())
		dst = some_bytes(least(len, r.n));
	got = xs_ring_take(&r, dst, len);
	moved(len, got);
	for (i = 0; i < ncopies; i++)
		MUST(!copies[i].n || __CPROVER_same_object(copies[i].dst, dst),
		     "only the place is written");
	if (!dst) {
		MUST(ncopies == 0, "thrown away");
		REACH("thrown away");
		return;
	}
	j = nondet_u32();
	ASSUME(j < got);
	for (i = 0; i < ncopies; i++)
		if (copies[i].dst <= dst + j && dst + j < copies[i].dst + copies[i].n) {
			found++;
			MUST(copies[i].src + (dst + j - copies[i].dst) ==
			     r.bytes + (old.at + j) % XS_RING_SIZE, "slot at + j goes to byte j");
		}
	MUST(found == 1, "each byte is taken once");
	REACH("end");
	if (copies[1].n)
		REACH("two pieces");
}

/* proof: publish_put of=xs_ring_publish_put
 * Our index becomes what was put, once, after a write barrier (B), and only when there is news. */
void publish_put(void)
{
	bool news;

	any_ring();
	news = xs_ring_publish_put(&r);
	must_keep_rest();
	MUST(news == (old.at != old.published), "says whether there was something new");
	MUST(r.at == old.at && r.published == old.at && r.n == old.n, "published is what was put");
	if (!news) {
		MUST(count == 0 && own == old_own, "nothing is touched");
		REACH("no news");
		return;
	}
	MUST(own_written == old.at && own == old.at, "our index is where we are");
	MUST(count == 2 && (events[0] == WMB || events[0] == MB) && events[1] == WRITE_OWN,
	     "a barrier, then one write");
	REACH("news");
}

/* proof: peer_is_behind of=xs_ring_peer_is_behind
 * A full barrier (F) and one look at the consumer's index; behind is who has one byte of what was
 * there before left, or a ring full, or what lies between. */
void peer_is_behind(void)
{
	u32 before = nondet_u32();
	bool behind;

	any_ring();
	behind = xs_ring_peer_is_behind(&r, before);
	must_keep_rest();
	MUST(own == old_own && r.at == old.at && r.published == old.published && r.n == old.n,
	     "nothing is touched");
	MUST(count == 2 && events[0] == MB && events[1] == READ_PEER, "a barrier, then one look");
	MUST(behind == (peer_seen != before && before - peer_seen <= XS_RING_SIZE), "behind");
	if (behind)
		REACH("behind");
	else
		REACH("not behind");
}

/* proof: publish_take of=xs_ring_publish_take
 * The same with full barriers before (D) and after (E) the write, and then one read of the peer's
 * index; a producer that may have seen the ring full is to be woken. */
void publish_take(void)
{
	bool wake;

	any_ring();
	wake = xs_ring_publish_take(&r);
	must_keep_rest();
	MUST(r.at == old.at && r.published == old.at && r.n == old.n, "what was taken");
	if (old.at == old.published) {
		MUST(!wake && count == 0 && own == old_own, "nothing is touched");
		REACH("no news");
		return;
	}
	MUST(own_written == old.at && own == old.at, "our index is where we are");
	MUST(count == 4 && events[0] == MB && events[1] == WRITE_OWN && events[2] == MB &&
	     events[3] == READ_PEER, "barrier, write, barrier, read");
	MUST(wake == (peer_seen - old.published >= XS_RING_SIZE),
	     "wakes when the ring was full for the producer, or is broken");
	if (wake)
		REACH("wake");
	else
		REACH("no wake");
}

/* proof: producer_keeps
 * Induction: where all that was put fits before what the consumer has not released, it still does
 * after any call that a producer makes, with any consumer that only moves on. */
void producer_keeps(void)
{
	u32 cons = nondet_u32(), op = nondet_u32();
	int got;

	any_ring();
	ASSUME(own == r.published);
	ASSUME((r.at - cons) + r.n <= XS_RING_SIZE && r.at - cons <= XS_RING_SIZE);
	ASSUME(r.at - r.published <= r.at - cons);	/* nobody reads what is not published */
	if (op == 0) {
		got = xs_ring_look_room(&r);
		ASSUME(peer_seen - cons <= old.published - cons);	/* moves on, not too far */
		cons = peer_seen;
		MUST(got >= 0, "a sane consumer is not refused");
		REACH("look");
	} else if (op == 1) {
		xs_ring_put(&r, some_bytes(XS_RING_SIZE), nondet_u32());
		REACH("put");
	} else {
		xs_ring_publish_put(&r);
		MUST(own - cons <= XS_RING_SIZE, "the consumer sees no more than a ring full");
		REACH("publish");
	}
	MUST((r.at - cons) + r.n <= XS_RING_SIZE && r.at - cons <= XS_RING_SIZE, "it fits");
	MUST(r.at - r.published <= r.at - cons, "published is between");
}

/* proof: consumer_keeps
 * Induction: a consumer never passes the producer's index, and never gives back room twice. */
void consumer_keeps(void)
{
	u32 prod = nondet_u32(), op = nondet_u32();
	int got;

	any_ring();
	ASSUME(own == r.published);
	ASSUME(prod - r.published <= XS_RING_SIZE);
	ASSUME((r.at - r.published) + r.n <= prod - r.published);
	ASSUME(r.at - r.published <= prod - r.published);
	if (op == 0) {
		got = xs_ring_look_unread(&r);
		ASSUME(peer_seen - r.published <= XS_RING_SIZE);
		ASSUME(peer_seen - r.published >= prod - r.published);
		prod = peer_seen;
		MUST(got >= 0, "a sane producer is not refused");
		REACH("look");
	} else if (op == 1) {
		xs_ring_take(&r, nondet_bool() ? some_bytes(XS_RING_SIZE) : NULL, nondet_u32());
		REACH("take");
	} else {
		xs_ring_publish_take(&r);
		MUST(prod - own <= XS_RING_SIZE, "the producer finds a sane ring");
		REACH("publish");
	}
	MUST((r.at - r.published) + r.n <= prod - r.published, "not beyond the producer");
}
