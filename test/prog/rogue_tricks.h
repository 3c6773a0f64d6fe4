/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rogue_tricks.h - what rogue_store.c does to a guest: one function for each kind of lie, and the
 * table of all.
 *
 * A trick is called with the true reply to a request, which is not sent yet, and leaves the ring's
 * indices as they should be; of the stream that need not be said.
 */
#ifndef ROGUE_TRICKS_H
#define ROGUE_TRICKS_H

#define HOLD_MS		150	/* for the guest to see what stands in the page */
#define ALL(f)		0, size_of(f)

static uint32_t kept_id;	/* of a reply that is held back */

static void part(const struct trick *t, const struct frame *f, bool rest)
{
	size_t all = size_of(f), at = t->step < 0 || (size_t)t->step > all ? all : (size_t)t->step;

	send_part(f, rest ? at : 0, rest ? all : at);
}

/* A word of the server's, in the middle of a reply: @by beyond @true_one, and put back after a while. */
static void poke(const struct trick *t, struct frame *f, volatile uint32_t *word,
		 const uint32_t *true_one, long by)
{
	part(t, f, false);
	page_is_read();
	*word = (true_one ? *true_one : 0) + by;
	page_signal();
	page_hold(HOLD_MS);
	part(t, f, true);
}

/* A byte too far is 1025 ahead of the guest's; what goes back is behind it. */
static void bad_rsp_prod(const struct trick *t, struct frame *f)
{
	poke(t, f, &page->rsp_prod, &rsp_prod, t->arg > 0 ? XENSTORE_RING_SIZE + t->arg : t->arg);
}

/* Looked at by who sends: that is who has this reply, and asks for more. */
static void bad_req_cons(const struct trick *t, struct frame *f)
{
	page->req_cons = req_cons + t->arg - (t->arg < 0 ? XENSTORE_RING_SIZE : 0);
	send_part(f, ALL(f));
	page_drain();
	page_hold(HOLD_MS);
}

static void set_error(const struct trick *t, struct frame *f)
{
	poke(t, f, &page->error, NULL, t->arg);
}

/* The guest's own words. It knows them better, and its next step puts them right. */
static void swap_guests(volatile uint32_t *word, uint32_t by)
{
	uint32_t was = *word, is = was + by;

	*word = is;
	page_signal();
	usleep(HOLD_MS * 1000);
	__sync_val_compare_and_swap((uint32_t *)word, is, was);
}

static void guests_words(const struct trick *t, struct frame *f)
{
	swap_guests(&page->req_prod, t->arg);
	swap_guests(&page->rsp_cons, t->arg);
	send_part(f, ALL(f));
}

static void set_features(const struct trick *t, struct frame *f)
{
	page->server_features = random() & ~(uint32_t)t->arg;
	page_signal();
	send_part(f, ALL(f));
}

static void set_connection(const struct trick *t, struct frame *f)
{
	page->connection = t->arg;
	page_signal();
	usleep(HOLD_MS * 1000);
	page->connection = 0;
	send_part(f, ALL(f));
}

/* What a reply says of itself. */
static void set_length(const struct trick *t, struct frame *f)
{
	f->hdr.len = t->arg;
	send_part(f, 0, sizeof(f->hdr));
}

static void set_type(const struct trick *t, struct frame *f)
{
	f->hdr.type = t->arg;
	send_part(f, ALL(f));
}

static void set_id(const struct trick *t, struct frame *f)
{
	f->hdr.req_id = t->arg ? f->hdr.req_id + t->arg : random();
	send_part(f, ALL(f));
}

static void set_tx(const struct trick *t, struct frame *f)
{
	f->hdr.tx_id = random();
	send_part(f, ALL(f));
}

/* Two replies with their ids exchanged. */
static void exchange(const struct trick *t, struct frame *f)
{
	static struct frame kept;
	uint32_t id = f->hdr.req_id;

	if (strikes & 1) {
		kept = *f;
		return;
	}
	f->hdr.req_id = kept.hdr.req_id;
	kept.hdr.req_id = id;
	send_part(f, ALL(f));
	send_part(&kept, ALL(&kept));
}

static void twice(const struct trick *t, struct frame *f)
{
	send_part(f, ALL(f));
	send_part(f, ALL(f));
}

static void stale(const struct trick *t, struct frame *f)
{
	uint32_t id = f->hdr.req_id;

	send_part(f, ALL(f));
	f->hdr.req_id = kept_id ? : id;
	kept_id = id;
	send_part(f, ALL(f));
}

/* What is in it: @arg bytes, of nothing that the guest could have asked for. */
static void fill(const struct trick *t, struct frame *f)
{
	long i;

	f->hdr.len = t->arg;
	for (i = 0; i < t->arg; i++)
		f->data[i] = t->step == 1 ? random() : '9';
	send_part(f, ALL(f));
}

static void error_name(const struct trick *t, struct frame *f)
{
	f->hdr.type = XS_ERROR;
	f->hdr.len = t->arg;
	memset(f->data, 'E', t->arg);
	send_part(f, ALL(f));
}

static void error_known(const struct trick *t, struct frame *f)
{
	static const char *const names[] = { "EINVAL", "ENOMEM", "EAGAIN", "ENOSPC", "EIO",
					     "EACCES", "EQUOTA", "EISDIR", "EBUSY", "EEXIST",
					     "ENOSYS" };

	refuse(f, names[random() % (sizeof(names) / sizeof(names[0]))]);
	send_part(f, ALL(f));
}

/* Events: @arg of them before the reply, of the kind that @step says. */
static void events(const struct trick *t, struct frame *f)
{
	struct frame e = { .hdr = { .type = XS_WATCH_EVENT, .req_id = t->step } };
	long i, n;

	for (i = 0; i < t->arg; i++) {
		if (t->step == 0) {		/* whose token is it? */
			n = sprintf(e.data, "data%c%s%lx", 0, i & 1 ? "x" : "", random()) + 1;
		} else if (t->step == 1) {	/* of a watch that is, and of all that can be */
			n = sprintf(e.data, "data/%0*ld%c%s", i & 1 ? 3000 : 3, i, 0,
				    nwatches ? watches[i % nwatches].token : "x1") + 1;
		} else {			/* no strings, as long as can be or empty */
			n = i & 1 ? XENSTORE_PAYLOAD_MAX : t->step - 2;
			memset(e.data, 'a' + i % 26, n);
		}
		e.hdr.len = n;
		send_part(&e, ALL(&e));
	}
	send_part(f, ALL(f));
}

static void signals(const struct trick *t, struct frame *f)
{
	long i;

	for (i = 0; i < t->arg; i++)
		page_signal();
	send_part(f, ALL(f));
}

/* Time. */
static void swallow(const struct trick *t, struct frame *f)
{
}

static void asleep(const struct trick *t, struct frame *f)
{
	sleep(timeout + t->arg);
	send_part(f, ALL(f));
}

static void dribble(const struct trick *t, struct frame *f)
{
	slow = true;
	send_part(f, ALL(f));
}

/* A reply of which the end never comes. */
static void torn(const struct trick *t, struct frame *f)
{
	part(t, f, false);
}

/* Chance. The seed is the trick's number. */
static void garbage(const struct trick *t, struct frame *f)
{
	char bytes[4096];
	long i;

	for (i = 0; i < t->arg; i++)
		bytes[i] = random();
	page_send(bytes, t->arg);
	send_part(f, ALL(f));
}

static void flip(const struct trick *t, struct frame *f)
{
	size_t at = random() % (t->arg ? sizeof(f->hdr) : size_of(f)), n = size_of(f);

	((char *)f)[at] ^= 1 << random() % 8;
	send_part(f, 0, n);
}

static void scribble(const struct trick *t, struct frame *f)
{
	volatile uint32_t *const words[] = { &page->req_cons, &page->rsp_prod,
					     &page->server_features, &page->error };
	long i;

	for (i = 0; i < t->arg; i++) {
		*words[random() % 4] = random();
		page_signal();
		usleep(3000);
	}
	page_hold(0);
	page->server_features = 0;
	send_part(f, ALL(f));
}

/* The ring breaks, and what the guest asks for then is not done, or not soon. */
static void no_reconnection(const struct trick *t, struct frame *f)
{
	deaf_to_reconnect = true;
	page->rsp_prod = rsp_prod + 2000;
	page_signal();
	usleep(HOLD_MS * 1000);
	page_hold(timeout * 1000 + t->arg);
	deaf_to_reconnect = false;
	send_part(f, ALL(f));
}

/* As soon as it is mended the ring breaks again. */
static void break_again(const struct trick *t, struct frame *f)
{
	page->rsp_prod = rsp_prod + t->arg;
	page_signal();
	page_hold(1);
	send_part(f, ALL(f));
}

#define INDICES		"broken: its indices cannot be"
#define TOO_LONG	"broken: a message is longer than 4096 bytes"
#define TORN		"broken: the rest of a message does not come"
#define OWES		"broken: it owes as many replies as it may"
#define UNASKED		"broken: a reply came that nobody asked for"

static const struct trick tricks[] = {
	{ "rsp_prod a byte too far, before a reply", bad_rsp_prod, 1, 1, 0, INDICES },
	{ "rsp_prod far too far, in a header", bad_rsp_prod, 1, 1 << 30, 7, INDICES },
	{ "rsp_prod goes back, behind a header", bad_rsp_prod, 1, -2000, 16, INDICES },
	{ "rsp_prod a byte too far, in a payload", bad_rsp_prod, 1, 1, 17, INDICES },
	{ "rsp_prod goes back, behind a reply", bad_rsp_prod, 1, -100, -1, INDICES },
	{ "rsp_prod bad three times in a row", bad_rsp_prod, 3, 5000, 9, INDICES },
	{ "req_cons beyond req_prod", bad_req_cons, 1, 2000, 0, INDICES },
	{ "req_cons a byte too far back", bad_req_cons, 1, -1, 0, INDICES },
	{ "req_cons far too far", bad_req_cons, 1, 1 << 30, 0, INDICES },
	{ "req_cons bad three times in a row", bad_req_cons, 3, 5000, 0, INDICES },
	{ "the guest's own words are changed", guests_words, 3, 2000, 0, "lives" },
	{ "an error word", set_error, 1, 1, 0, "any" },
	{ "an error word in a payload", set_error, 1, 0x80000000, 17, "any" },
	{ "features come and go", set_features, 40, 2, 0, "lives" },
	{ "connection is set by the store", set_connection, 2, 1, 0, "lives" },
	{ "connection is no word", set_connection, 2, 0x1234567, 0, "lives" },
	{ "length 4097", set_length, 1, 4097, 0, TOO_LONG },
	{ "length 2^32 - 1", set_length, 1, 0xffffffff, 0, TOO_LONG },
	{ "length 4096 and no payload", set_length, 1, 4096, 0, TORN },
	{ "a reply of another type", set_type, 3, XS_SET_PERMS, 0, "of the wrong type" },
	{ "a reply of a type that is none", set_type, 3, 0x7fffffff, 0, "of the wrong type" },
	{ "a reply that says it is an event", set_type, 2, XS_WATCH_EVENT, 0, "any" },
	{ "an id that nobody has", set_id, 1, 0, 0, UNASKED },
	{ "the id of the next slot", set_id, 1, 1, 0, UNASKED },
	{ "the id that comes next", set_id, 1, 16, 0, UNASKED },
	{ "a reply twice", twice, 1, 0, 0, UNASKED },
	{ "the id before once more", stale, 2, 0, 0, UNASKED },
	{ "two replies exchange their ids", exchange, 4, 0, 0, "any" },
	{ "tx_id of nothing", set_tx, 40, 0, 0, "lives" },
	{ "empty replies", fill, 40, 0, 0, "lives" },
	{ "replies of 4096 nines", fill, 20, 4096, 0, "lives" },
	{ "replies of 4096 random bytes", fill, 20, 4096, 1, "lives" },
	{ "an error without a name", error_name, 20, 0, 0, "lives" },
	{ "an error of 15 letters, no NUL", error_name, 20, 15, 0, "lives" },
	{ "an error of 4096 letters", error_name, 20, 4096, 0, "lives" },
	{ "errors that are known, at random", error_known, 60, 0, 0, "lives" },
	{ "400 events of tokens that nobody has", events, 1, 400, 0, "lives" },
	{ "200 events for all watches", events, 1, 200, 1, "lives" },
	{ "40 events without strings", events, 1, 40, 2, "makes no sense" },
	{ "500 signals for nothing", signals, 2, 500, 0, "lives" },
	{ "a reply that never comes", swallow, 1, 0, 0, "no reply to" },
	{ "17 replies that never come, at last to a cry for help", swallow, 17, 0, 0, OWES },
	{ "nothing is read for longer than the deadline", asleep, 1, 1, 0, "no reply to" },
	{ "a byte at a time", dribble, 40, 0, 0, "lives" },
	{ "a reply without its end", torn, 1, 0, 17, "any" },
	{ "a header without its end", torn, 1, 0, 7, "any" },
	{ "3 random bytes", garbage, 1, 3, 0, "any" },
	{ "100 random bytes", garbage, 1, 100, 0, "any" },
	{ "4000 random bytes", garbage, 1, 4000, 0, "any" },
	{ "random bits of replies", flip, 30, 0, 0, "any" },
	{ "random bits of headers", flip, 30, 1, 0, "any" },
	{ "random words in the page", scribble, 2, 20, 0, "any" },
	{ "a broken ring, and no answer to what is asked", no_reconnection, 1, 1000, 0, INDICES },
	{ "a ring that breaks again and again", break_again, 1000000, 2000, 0, "limit" },
};

/* For the first words of a module that is being loaded. */
static const struct trick starting[] = {
	{ "silence", swallow, 100, 0, 0, NULL },
	{ "a reply of another type", set_type, 100, XS_SET_PERMS, 0, NULL },
	{ "errors", error_known, 100, 0, 0, NULL },
	{ "an error of 4096 letters", error_name, 100, 4096, 0, NULL },
	{ "length 4097", set_length, 100, 4097, 0, NULL },
	{ "an id that nobody has", set_id, 100, 0, 0, NULL },
	{ "4000 random bytes", garbage, 100, 4000, 0, NULL },
	{ "half a header", torn, 100, 0, 7, NULL },
	{ "rsp_prod a byte too far", bad_rsp_prod, 100, 1, 0, NULL },
	{ "a byte at a time", dribble, 100, 0, 0, NULL },
};

#endif /* ROGUE_TRICKS_H */
