// SPDX-License-Identifier: GPL-2.0
/*
 * rogue_store.c - a store that lies, for dom0: serves one guest's ring in place of xenstored, which
 * has to be stopped meanwhile.
 *
 *   xenstore-ls -f | rogue_store DOMID PORT TIMEOUT [starts|FIRST]
 *
 * PORT is the guest's store/port, TIMEOUT its deadline in seconds. With "starts" only the first
 * words of a module that is being loaded are answered badly; the guest reads "rogue/start" for the
 * next trick. FIRST is a number: of a guest without the module, which may not outlive a trick. The
 * tables are played once, from that one on; the last line says how far it has come.
 *
 * It is an honest little store, with the nodes that it is given and a directory "rogue/endless",
 * which has one part after the other, a moment each; until the guest reads "rogue/next"
 * (test/prog/rogue_guest.c). The answer names a trick of the table in rogue_tricks.h; the requests
 * behind it are answered as the trick says, and from "rogue/over" on it is honest again. After the
 * last trick the answer is "end", and xenstored may go on, though in the middle of a message. The
 * table runs twice: by a server that offers nothing, and what may break the ring by one that
 * offers reconnection and an error word.
 *
 * Nothing tells a program beside xenstored of the guest's signals: the page is looked at.
 */
#include "privcmd.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "frame.h"
#include "rogue_page.h"

#define NODES		512
#define WATCHES		512
#define TRICK_SECONDS	5	/* after that it is honest again, whoever has not been struck */
#define LOST_SECONDS	15	/* as long as it takes a few threads to lose many requests */
#define PART_MS		100	/* for each part of a directory that has no end */
#define QUIET_SECONDS	60	/* a guest that asks nothing for so long is lost */
#define STOCK_SECONDS	8	/* and one without the module */

struct node { char path[256], value[256]; };
struct watch { char path[256], token[64]; };
struct trick {
	const char *name;
	void (*play)(const struct trick *t, struct frame *reply);
	unsigned int times;	/* requests that it strikes */
	long arg;
	int step;		/* bytes of the true reply before it; -1: all of it */
	const char *want;	/* what the guest has to see: see rogue_guest.c */
};

static struct node nodes[NODES];
static unsigned int nnodes;
static struct watch watches[WATCHES];
static unsigned int nwatches;
static char home[64];
static unsigned int timeout, next_tx, strikes, complaints, played;
static const struct trick *trick;	/* that is on, or NULL */
static time_t until;
static bool offers, slow, deaf_to_reconnect, starts, stock;

static void complain(const char *what)
{
	if (!complaints++)
		printf("# the guest breaks the rules: %s\n", what);
}

/* ---- the tree --------------------------------------------------------------------------- */

static void full_path(char *full, const char *path)
{
	snprintf(full, 256, "%s%s%.190s", path[0] == '/' || path[0] == '@' ? "" : home,
		 path[0] == '/' || path[0] == '@' ? "" : "/", path);
}

static bool is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return !strncmp(path, top, n) && (!path[n] || path[n] == '/');
}

static struct node *find(const char *path)
{
	unsigned int i;

	for (i = 0; i < nnodes; i++)
		if (!strcmp(nodes[i].path, path))
			return &nodes[i];
	return NULL;
}

static void store(const char *path, const char *value)
{
	struct node *n = find(path);

	if (!n && nnodes < NODES)
		n = &nodes[nnodes++];
	if (!n)
		return;
	snprintf(n->path, sizeof(n->path), "%s", path);
	snprintf(n->value, sizeof(n->value), "%s", value);
}

static void take_away(const char *path)
{
	unsigned int i;

	for (i = 0; i < nnodes; i++)
		if (is_below(nodes[i].path, path))
			nodes[i--] = nodes[--nnodes];
}

/* Lines of xenstore-ls -f: PATH = "VALUE" */
static void read_tree(void)
{
	char line[1024], *value, *end;

	while (fgets(line, sizeof(line), stdin)) {
		value = strstr(line, " = \"");
		end = value ? strrchr(value, '"') : NULL;
		if (!end || end < value + 4)
			continue;
		*value = *end = '\0';
		store(line, value + 4);
	}
}

static size_t list(const char *path, char *to)
{
	size_t n = strlen(path), len = 0, word;
	unsigned int i;

	for (i = 0; i < nnodes; i++) {
		const char *child = nodes[i].path + n + 1;

		if (!is_below(nodes[i].path, path) || !nodes[i].path[n])
			continue;
		word = strcspn(child, "/");
		if (child[word] || len + word + 1 > XENSTORE_PAYLOAD_MAX)
			continue;
		memcpy(to + len, child, word + 1);
		len += word + 1;
	}
	return len;
}

/* ---- honest answers --------------------------------------------------------------------- */

static void say(struct frame *f, const void *data, size_t len)
{
	memcpy(f->data, data, len);
	f->hdr.len = len;
}

static void refuse(struct frame *f, const char *error)
{
	f->hdr.type = XS_ERROR;
	say(f, error, strlen(error) + 1);
}

static void send_part(const struct frame *f, size_t from, size_t to)
{
	page_send((const char *)f + from, to - from);
}

static size_t size_of(const struct frame *f)
{
	return sizeof(f->hdr) + f->hdr.len;
}

static void send_event(const char *path, const char *token)
{
	struct frame f = { .hdr = { .type = XS_WATCH_EVENT } };

	f.hdr.len = snprintf(f.data, sizeof(f.data), "%s%c%s", path, 0, token) + 1;
	send_part(&f, 0, size_of(&f));
}

static void fire(const char *path)
{
	char top[256];
	unsigned int i;

	for (i = 0; i < nwatches; i++) {
		full_path(top, watches[i].path);
		if (!is_below(path, top))
			continue;
		send_event(watches[i].path[0] == '/' ? path : path + strlen(home) + 1,
			   watches[i].token);
	}
}

static void set_watch(const char *path, const char *token)
{
	if (nwatches == WATCHES)
		return;
	snprintf(watches[nwatches].path, sizeof(watches[0].path), "%s", path);
	snprintf(watches[nwatches++].token, sizeof(watches[0].token), "%s", token);
}

static void end_watch(struct frame *reply, const char *path, const char *token)
{
	unsigned int i;

	for (i = 0; i < nwatches; i++)
		if (!strcmp(watches[i].path, path) && !strcmp(watches[i].token, token)) {
			watches[i] = watches[--nwatches];
			return;
		}
	refuse(reply, "ENOENT");
}

/* Fills in the true reply. Returns the path whose change fires watches behind it, or NULL. */
static const char *answer(const struct frame *req, struct frame *reply, char *path)
{
	const char *second = req->data + strlen(req->data) + 1;
	struct node *n;
	char number[16];

	reply->hdr = req->hdr;
	full_path(path, req->data);
	n = find(path);
	say(reply, "OK", 3);
	switch (req->hdr.type) {
	case XS_READ:
		n ? say(reply, n->value, strlen(n->value)) : refuse(reply, "ENOENT");
		return NULL;
	case XS_DIRECTORY:
		reply->hdr.len = list(path, reply->data);
		if (!strcmp(req->data, "rogue/endless"))
			refuse(reply, "E2BIG");
		else if (!n && !reply->hdr.len)
			refuse(reply, "ENOENT");
		return NULL;
	case XS_DIRECTORY_PART:
		usleep(PART_MS * 1000);
		say(reply, "1\0name", 7);
		return NULL;
	case XS_WRITE:
		store(path, second);
		return path;
	case XS_MKDIR:
		if (!n)
			store(path, "");
		return path;
	case XS_RM:
		take_away(path);
		return path;
	case XS_WATCH:
		set_watch(req->data, second);
		return NULL;
	case XS_UNWATCH:
		end_watch(reply, req->data, second);
		return NULL;
	case XS_RESET_WATCHES:
		nwatches = 0;
		return NULL;
	case XS_TRANSACTION_START:
		say(reply, number, sprintf(number, "%u", ++next_tx) + 1);
		return NULL;
	case XS_TRANSACTION_END:
	case XS_SET_PERMS:
		return NULL;
	}
	refuse(reply, "ENOSYS");
	return NULL;
}

/* ---- tricks ----------------------------------------------------------------------------- */

#include "rogue_tricks.h"

static void offer(void)
{
	page->server_features = offers ? XENSTORE_SERVER_FEATURE_RECONNECTION |
		XENSTORE_SERVER_FEATURE_ERROR : 0;
}

static void trick_over(void)
{
	trick = NULL;
	slow = deaf_to_reconnect = false;
	page->error = 0;
	offer();
}

static const struct trick *next_start(void)
{
	return played < sizeof(starting) / sizeof(starting[0]) ? &starting[played++] : NULL;
}

/*
 * The second time only what may break the ring: that is what a reconnection is for. What uses up
 * the log's lines is not for the first time, with others behind it.
 */
static const struct trick *next_trick(void)
{
	const unsigned int n = sizeof(tricks) / sizeof(tricks[0]);

	while (played < (stock ? n : 2 * n)) {
		const struct trick *t = &tricks[played++ % n];

		offers = played > n;
		if (stock || strcmp(t->want, offers ? "lives" : "limit"))
			return t;
	}
	if (stock && played - n < sizeof(starting) / sizeof(starting[0]))
		return &starting[played++ - n];
	return NULL;
}

/* Tells who asks which trick is next; it begins behind this. Returns false when there is none. */
static bool begin_trick(struct frame *reply)
{
	const struct trick *t = starts ? next_start() : next_trick();
	char text[256];

	trick_over();
	if (!t) {
		say(reply, "end", 3);
		return false;
	}
	srandom(played);
	say(reply, text, sprintf(text, "%s%s%s%s%s", stock && !t->want ? "loaded under " : "",
				 t->name, offers ? ", reconnection" : "", starts ? "" : "|",
				 t->want ? : ""));
	trick = t;
	strikes = t->times;
	until = time(NULL) + (!t->want ? timeout :
			      t->play == swallow ? LOST_SECONDS : TRICK_SECONDS);
	return true;
}

/* ---- service ---------------------------------------------------------------------------- */

/* The first words of the module: own, or in a share. */
static bool is_start(const struct frame *req)
{
	return req->hdr.type == XS_RESET_WATCHES ||
		(req->hdr.type == XS_READ && !strcmp(req->data, "domid"));
}

/* Returns false when all is over. */
static bool serve(const struct frame *req)
{
	struct frame reply;
	const char *changed;
	char path[256];
	bool more = true, control;

	memset(&reply, 0, sizeof(reply));
	changed = answer(req, &reply, path);
	control = req->hdr.type == XS_READ && !strncmp(req->data, "rogue/", 6);
	if (control && (!strcmp(req->data, "rogue/next") || !strcmp(req->data, "rogue/start"))) {
		reply.hdr.type = XS_READ;
		more = begin_trick(&reply);
	} else if (control && !strcmp(req->data, "rogue/over")) {
		trick_over();
		reply.hdr.type = XS_READ;
		say(&reply, "over", 4);
	}
	if (trick && time(NULL) > until)
		trick_over();
	if (trick && !control && strikes && (!starts || is_start(req))) {
		strikes--;
		trick->play(trick, &reply);
	} else {
		send_part(&reply, 0, size_of(&reply));
	}
	if (req->hdr.type == XS_WATCH)
		send_event(req->data, req->data + strlen(req->data) + 1);
	if (changed)
		fire(changed);
	return more;
}

static void make_fresh(void)
{
	nwatches = 0;
	page_fresh();
}

/*
 * The last one: the true store takes over in the middle of a reply that nobody has asked for. That
 * is also how the module learns that its watches are gone: the true store knows none of them.
 */
static void leave_torn(void)
{
	struct frame f = { .hdr = { .type = XS_READ, .req_id = random(), .len = 60 } };

	send_part(&f, 0, sizeof(f.hdr) + 20);
	page_drain();
}

static bool run(void)
{
	static struct frame f;
	static size_t have;
	time_t last = time(NULL);
	bool more = true;

	while (more) {
		if (page->connection && offers && !deaf_to_reconnect) {
			make_fresh();
			have = 0;
		}
		page_flush(slow);
		if (!page_take((char *)&f, &have, have < sizeof(f.hdr) ? sizeof(f.hdr) :
			       size_of(&f), slow)) {
			if (time(NULL) > last + (stock ? STOCK_SECONDS : QUIET_SECONDS))
				return false;
			usleep(300);
			continue;
		}
		last = time(NULL);
		if (have >= sizeof(f.hdr) && f.hdr.len > XENSTORE_PAYLOAD_MAX) {
			complain("a request of over 4096 bytes");
			return false;
		}
		if (have < sizeof(f.hdr) || have < size_of(&f))
			continue;
		f.data[f.hdr.len] = '\0';
		have = 0;
		more = serve(&f);
	}
	return true;
}

int main(int argc, char **argv)
{
	bool good;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 4 || argc > 5 || !page_open(atoi(argv[1]), atoi(argv[2]))) {
		perror("rogue_store DOMID PORT TIMEOUT");
		return 2;
	}
	timeout = atoi(argv[3]);
	starts = argc == 5 && !strcmp(argv[4], "starts");
	stock = argc == 5 && !starts;
	played = stock ? atoi(argv[4]) : 0;
	snprintf(home, sizeof(home), "/local/domain/%d", atoi(argv[1]));
	read_tree();
	if (stock) {
		run();
		page_leave();
		printf("# played %u of %zu\n", played, sizeof(tricks) / sizeof(tricks[0]) +
		       sizeof(starting) / sizeof(starting[0]));
		return 0;
	}
	good = run() && page_is_read();
	if (good)
		leave_torn();
	page_leave();
	printf("%s - the guest has asked for all tricks\n", good ? "ok" : "not ok");
	printf("%s - it has kept the ring's rules itself\n", complaints ? "not ok" : "ok");
	return !good || complaints;
}
