// SPDX-License-Identifier: GPL-2.0
/*
 * front_dom0.c - devices of a guest, made by hand from dom0, over one connection to the store:
 *
 *	front_dom0 batch
 *		lines of stdin: "w PATH VALUE", "p PATH PERM…", "r PATH"
 *	front_dom0 states GUEST SHARD SHARDS
 *		all sequences of 4 backend states, and the answer of the guest's echo devices to
 *		each; in the guest runs front_guest. Prints TAP
 *	front_dom0 churn GUEST SECONDS SEED
 *		echo devices of 200 numbers come and go at random, in all the ways that there are.
 *		Prints TAP
 *
 * states: a de Bruijn sequence of 9 states and order 4 has each of the 6561 sequences of 4 in it
 * once. A shard is a part of it, and each of 16 devices at a time takes a part of the shard. After
 * each state, what the table (xenbus_state.c, the very file) says must be seen: in our own reading
 * of the device's state node, and in the guest's log, which front_guest reports in data/ack.
 */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../../xenbus_state.c"

#define PATIENCE_MS	15000

static int fd;
static char reply[XENSTORE_PAYLOAD_MAX + 1];
static u32 reply_len;
static unsigned int events;

static void die(const char *what)
{
	printf("not ok - %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* ---- the store -------------------------------------------------------------------------- */

static void open_store(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "/run/xenstored/socket" };

	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (!connect(fd, (void *)&at, sizeof(at)))
		return;
	strcpy(at.sun_path, "/var/run/xenstored/socket");
	if (connect(fd, (void *)&at, sizeof(at)))
		die("the store's socket");
}

static void read_all(void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	for (; done < len; done += n) {
		n = read(fd, (char *)buf + done, len - done);
		if (n <= 0)
			die("reading from the store");
	}
}

static void send_request(u32 type, u32 tx, const char *a, const char *b, size_t blen)
{
	size_t alen = strlen(a) + 1;
	char frame[sizeof(struct xsd_sockmsg) + XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg hdr = { .type = type, .tx_id = tx, .len = alen + blen };

	memcpy(frame, &hdr, sizeof(hdr));
	memcpy(frame + sizeof(hdr), a, alen);
	memcpy(frame + sizeof(hdr) + alen, b, blen);
	if (write(fd, frame, sizeof(hdr) + hdr.len) != (ssize_t)(sizeof(hdr) + hdr.len))
		die("writing to the store");
}

/* One message; returns its type. An event is counted. */
static u32 take_message(void)
{
	struct xsd_sockmsg hdr;

	read_all(&hdr, sizeof(hdr));
	if (hdr.len > XENSTORE_PAYLOAD_MAX)
		die("the store's length");
	read_all(reply, hdr.len);
	reply[hdr.len] = '\0';
	reply_len = hdr.len;
	events += hdr.type == XS_WATCH_EVENT;
	return hdr.type;
}

/* Returns 0, or -1 with the error's name in reply. */
static int take_reply(void)
{
	u32 type;

	do
		type = take_message();
	while (type == XS_WATCH_EVENT);
	return type == XS_ERROR ? -1 : 0;
}

static int ask(u32 type, u32 tx, const char *a, const char *b)
{
	send_request(type, tx, a, b, b ? strlen(b) : 0);
	return take_reply();
}

/* Requests under way, whose replies nobody has looked at yet. */
static unsigned int posted;

static void post(u32 type, u32 tx, const char *path, const char *value, size_t len)
{
	send_request(type, tx, path, value, len);
	posted++;
}

static void put(u32 tx, const char *value, const char *fmt, ...)
{
	char path[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof(path), fmt, args);
	va_end(args);
	post(XS_WRITE, tx, path, value, strlen(value));
}

/* Returns how many of the requests under way have failed; the last one's error is in reply. */
static unsigned int settle(void)
{
	unsigned int failed = 0;

	for (; posted; posted--)
		failed += take_reply() != 0;
	return failed;
}

static u32 begin(void)
{
	if (ask(XS_TRANSACTION_START, 0, "", NULL))
		die("a transaction");
	return strtoul(reply, NULL, 10);
}

static int commit(u32 tx)
{
	return ask(XS_TRANSACTION_END, tx, "T", NULL);
}

/* ---- batch ------------------------------------------------------------------------------ */

static int batch(void)
{
	char line[1024], perms[256], *op, *path, *rest, *p;
	size_t len;

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		op = strtok(line, " ");
		path = strtok(NULL, " ");
		if (!op || !path)
			continue;
		rest = strtok(NULL, "");
		if (*op == 'w') {
			put(0, rest ? rest : "", "%s", path);
		} else if (*op == 'r') {
			post(XS_RM, 0, path, NULL, 0);
		} else {
			len = 0;
			for (p = strtok(rest, " "); p; p = strtok(NULL, " "))
				len += sprintf(perms + len, "%s", p) + 1;
			post(XS_SET_PERMS, 0, path, perms, len);
		}
		if (settle()) {
			fprintf(stderr, "front_dom0: %s %s: %s\n", op, path, reply);
			return 1;
		}
	}
	return 0;
}

/* ---- devices ---------------------------------------------------------------------------- */

static unsigned int guest;
static unsigned int runs;	/* transactions, those that had to be run again, too */

static char *front_path(unsigned int id)
{
	static char path[128];

	snprintf(path, sizeof(path), "/local/domain/%u/device/echo/%u", guest, id);
	return path;
}

static char *back_path(unsigned int id)
{
	static char path[128];

	snprintf(path, sizeof(path), "/local/domain/0/backend/echo/%u/%u", guest, id);
	return path;
}

/* Both directories, in one transaction, as a toolstack does it. */
static void make_device(unsigned int id)
{
	char perms[2][32], number[16];
	size_t len[2];
	u32 tx;

	snprintf(number, sizeof(number), "%u", guest);
	len[0] = sprintf(perms[0], "n%u%cr0", guest, 0) + 1;
	len[1] = sprintf(perms[1], "n0%cr%u", 0, guest) + 1;
	do {
		tx = begin();
		put(tx, "", "%s", front_path(id));
		put(tx, "", "%s", back_path(id));
		post(XS_SET_PERMS, tx, front_path(id), perms[0], len[0]);
		post(XS_SET_PERMS, tx, back_path(id), perms[1], len[1]);
		put(tx, front_path(id), "%s/frontend", back_path(id));
		put(tx, number, "%s/frontend-id", back_path(id));
		put(tx, "1", "%s/online", back_path(id));
		put(tx, "1", "%s/state", back_path(id));
		put(tx, "0", "%s/backend-id", front_path(id));
		put(tx, "1", "%s/state", front_path(id));
		put(tx, back_path(id), "%s/backend", front_path(id));
		if (settle())
			die("making a device");
		runs++;
	} while (commit(tx));
}

/* What is not there any more is no error to us. */
static void drop_both(unsigned int id)
{
	post(XS_RM, 0, front_path(id), NULL, 0);
	post(XS_RM, 0, back_path(id), NULL, 0);
	settle();
}

static int read_state(const char *dir)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/state", dir);
	return ask(XS_READ, 0, path, NULL) ? -1 : atoi(reply);
}

/* ---- states ----------------------------------------------------------------------------- */

#define SYMBOLS		9
#define ORDER		4
#define ALL		(9 * 9 * 9 * 9)
#define AT_ONCE		16

static unsigned char cycle[ALL + ORDER];
static unsigned int cycle_len;

/* Lyndon words whose lengths divide ORDER, one behind the other, are the sequence. */
static void lyndon(unsigned char *a, unsigned int t, unsigned int p)
{
	unsigned int i;

	if (t > ORDER) {
		if (ORDER % p == 0)
			for (i = 1; i <= p; i++)
				cycle[cycle_len++] = a[i];
		return;
	}
	a[t] = a[t - p];
	lyndon(a, t + 1, p);
	for (i = a[t - p] + 1; i < SYMBOLS; i++) {
		a[t] = i;
		lyndon(a, t + 1, t);
	}
}

static void make_cycle(void)
{
	unsigned char a[ORDER + 1] = { 0 }, seen[ALL] = { 0 };
	unsigned int i, j, n, w;

	lyndon(a, 1, 1);
	memcpy(cycle + ALL, cycle, ORDER - 1);
	for (i = n = 0; i < ALL; i++) {
		for (w = j = 0; j < ORDER; j++)
			w = w * SYMBOLS + cycle[i + j];
		n += !seen[w];
		seen[w] = 1;
	}
	if (cycle_len != ALL || n != ALL) {
		printf("not ok - the sequence has all %d sequences of 4 (%u)\n", ALL, n);
		exit(1);
	}
}

/* What the front comes to with a backend that stands still, and is online. */
static u32 rests_at(u32 front, u32 back)
{
	u32 next = xenbus_front_step(front, back).next;

	while (next != front) {
		front = next;
		next = xenbus_front_step(front, back).next;
	}
	return front;
}

static struct {
	unsigned int from, to, at;
	u32 front, back;
} devs[AT_ONCE];

static void write_back(unsigned int id, u32 state)
{
	char value[4], path[160];

	snprintf(path, sizeof(path), "%s/state", back_path(id));
	snprintf(value, sizeof(value), "%u", state);
	if (state)
		send_request(XS_WRITE, 0, path, value, strlen(value));
	else
		send_request(XS_RM, 0, path, NULL, 0);
}

/* The guest has seen, and said, what is expected of each device. */
static int acknowledged(const char *ack, unsigned int n)
{
	unsigned int i;

	if (strlen(ack) < 2 * n)
		return 0;
	for (i = 0; i < n; i++)
		if (ack[2 * i] - '0' != (int)devs[i].front ||
		    ack[2 * i + 1] - '0' != (int)devs[i].back)
			return 0;
	return 1;
}

static void wrong(unsigned int n)
{
	unsigned int i;

	printf("# the guest says %s, wanted ", reply);
	for (i = 0; i < n; i++)
		printf("%u%u", devs[i].front, devs[i].back);
	printf("\n");
	for (i = 0; i < n; i++)
		printf("# %u: back was %u %u %u %u\n", i, cycle[devs[i].at], cycle[devs[i].at + 1],
		       cycle[devs[i].at + 2], cycle[devs[i].at + 3]);
}

static int wait_for_ack(unsigned int n)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char path[64];

	snprintf(path, sizeof(path), "/local/domain/%u/data/ack", guest);
	for (;;) {
		events = 0;
		if (!ask(XS_READ, 0, path, NULL) && acknowledged(reply, n))
			return 1;
		while (!events) {
			if (poll(&p, 1, PATIENCE_MS) <= 0) {
				ask(XS_READ, 0, path, NULL);
				wrong(n);
				return 0;
			}
			take_message();
		}
	}
}

/* The store has the same as the guest's log. */
static int nodes_are_right(unsigned int n)
{
	unsigned int i;
	int state;

	for (i = 0; i < n; i++) {
		state = read_state(front_path(i));
		if (state != (int)devs[i].front) {
			printf("# device %u: state is %d, not %u\n", i, state, devs[i].front);
			return 0;
		}
	}
	return 1;
}

static int one_round(unsigned int n, unsigned int *steps)
{
	unsigned int i, sent = 0;

	for (i = 0; i < n; i++) {
		if (devs[i].at == devs[i].to + ORDER - 1)
			continue;
		devs[i].back = cycle[devs[i].at++];
		devs[i].front = rests_at(devs[i].front, devs[i].back);
		write_back(i, devs[i].back);
		sent++;
	}
	for (i = 0; i < sent; i++)
		take_reply();	/* to remove what is not there is no error to us */
	*steps += sent;
	return sent ? wait_for_ack(n) && nodes_are_right(n) : -1;
}

static int states(unsigned int shard, unsigned int shards)
{
	unsigned int i, steps = 0, first = ALL * shard / shards, last = ALL * (shard + 1) / shards;
	char path[64], at[16];
	double begun = now();
	int good = 1;

	make_cycle();
	snprintf(path, sizeof(path), "/local/domain/%u/data/ack", guest);
	sprintf(at, "a");
	send_request(XS_WATCH, 0, path, at, 2);
	if (take_reply())
		die("the watch");
	for (i = 0; i < AT_ONCE; i++) {
		devs[i].from = devs[i].at = first + (last - first) * i / AT_ONCE;
		devs[i].to = first + (last - first) * (i + 1) / AT_ONCE;
		devs[i].front = devs[i].back = XenbusStateInitialising;
		make_device(i);
	}
	if (!wait_for_ack(AT_ONCE)) {
		printf("not ok - the guest has seen the devices\n");
		return 1;
	}
	while (good > 0)
		good = one_round(AT_ONCE, &steps);
	printf("%sok - sequences %u to %u of %d of 4 backend states: the table's answer to each\n",
	       good ? "" : "not ", first, last - 1, ALL);
	printf("# %u states written in %.1f s\n", steps, now() - begun);
	for (i = 0; i < AT_ONCE; i++)
		drop_both(i);
	return !good;
}

/* ---- churn ------------------------------------------------------------------------------ */

#define DEVICES		200
#define MADE_MIN	20
#define LIVING_MAX	110	/* a guest may have 1000 nodes, six a device */

/* ABSENT: nothing is there. LEAVING: online is 0 and it is asked to close. */
enum fate { ABSENT, THERE, LEAVING };

static unsigned char fates[DEVICES];
static unsigned int living, made, seed;

static unsigned int dice(unsigned int sides)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % sides;
}

static void remove_both(unsigned int id)
{
	drop_both(id);
	fates[id] = ABSENT;
	living--;
}

static void ask_to_close(unsigned int id)
{
	put(0, "0", "%s/online", back_path(id));
	settle();
	if (read_state(back_path(id)) == XenbusStateConnected)
		put(0, "5", "%s/state", back_path(id));
	settle();
	fates[id] = LEAVING;
}

/* What happens to a device next. Those that leave in order go on to do so. */
static void happen(unsigned int id)
{
	int state;

	if (fates[id] == ABSENT) {
		if (living < LIVING_MAX) {
			make_device(id);
			fates[id] = THERE;
			living++;
			made++;
		}
		return;
	}
	state = read_state(back_path(id));
	if (fates[id] == LEAVING && (state == XenbusStateClosed || state < 0 || !dice(8))) {
		remove_both(id);
		return;
	}
	if (fates[id] == LEAVING)
		return;
	switch (dice(6)) {
	case 0:
		remove_both(id);		/* at once, whatever it does */
		break;
	case 1:
		post(XS_RM, 0, back_path(id), NULL, 0);	/* the backend first, the front next time */
		settle();
		fates[id] = LEAVING;
		break;
	case 2:
		remove_both(id);		/* and there again */
		happen(id);
		break;
	default:
		ask_to_close(id);
	}
}

/* A busy computer may take longer for as many devices as make a test. */
static int churn(double seconds)
{
	double begun = now(), end = begun + seconds, at_last = begun + 10 * seconds;
	unsigned int i, turns = 0;

	for (; now() < (made > MADE_MIN ? end : at_last); turns++)
		happen(dice(DEVICES));
	for (i = 0; i < DEVICES; i++)
		if (fates[i] != ABSENT)
			remove_both(i);
	printf("# %u turns, %u transactions\n", turns, runs);
	printf("%sok - devices of %u numbers came and went at random: %u were made in %.1f s\n",
	       made > MADE_MIN ? "" : "not ", DEVICES, made, now() - begun);
	return made <= MADE_MIN;
}

int main(int argc, char **argv)
{
	if (argc > 2)
		guest = strtoul(argv[2], NULL, 10);
	open_store();
	if (argc == 2 && !strcmp(argv[1], "batch"))
		return batch();
	if (argc == 5 && !strcmp(argv[1], "states"))
		return states(atoi(argv[3]), atoi(argv[4]));
	if (argc == 5 && !strcmp(argv[1], "churn")) {
		seed = strtoul(argv[4], NULL, 10);
		return churn(atof(argv[3]));
	}
	fprintf(stderr, "front_dom0 batch | states GUEST SHARD SHARDS |\n"
		"           churn GUEST SECONDS SEED\n");
	return 2;
}
