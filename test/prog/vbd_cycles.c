// SPDX-License-Identifier: GPL-2.0
/*
 * vbd_cycles.c - for dom0: takes a guest's disk away and gives it back, again and again, over one
 * connection to the store. (A shell needs some thirty processes for each time.)
 *
 *	vbd_cycles GUEST ID COUNT
 *
 * Away: online = 0, state = Closing, both at once; wait until the backend is Closed, remove both
 * directories. A backend that is Closed already, since its frontend has left, is not told to close,
 * as libxl does not: Linux's blkback then waits for ever for a frontend to close once more. It
 * keeps its device until it has seen that the directory is gone, and takes one that is made before
 * for the old one: so wait until the device has left its bus; a uevent of the kernel's tells of it.
 * Back: both directories, with the keys that they had; wait until the backend is Connected. A wait
 * of more than 20 s is a failure.
 */
#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>

#define WAIT_SECONDS	20
#define KEYS		12

/* The states come last: the device is whole when a driver sees it. */
static const char *const front_keys[] = {
	"backend-id", "virtual-device", "device-type", "backend", "state", NULL
};
static const char *const back_keys[] = {
	"frontend", "frontend-id", "type", "params", "dev", "mode", "physical-device", "online",
	"state", NULL
};

static int fd;
static uint32_t tx;		/* the transaction of all requests, or 0 */
static bool event;		/* one has come since this was cleared */
static char reply[XENSTORE_PAYLOAD_MAX + 1];

static void die(const char *what, const char *path)
{
	fprintf(stderr, "vbd_cycles: %s %s\n", what, path);
	exit(1);
}

static void read_all(void *buf, size_t len)
{
	char *at = buf;
	ssize_t n;

	for (; len; at += n, len -= (size_t)n) {
		n = read(fd, at, len);
		if (n <= 0)
			die("no answer from", "the store");
	}
}

/* Takes the next message into reply, a NUL behind it. Returns its type. */
static uint32_t receive(void)
{
	struct xsd_sockmsg hdr;

	read_all(&hdr, sizeof(hdr));
	if (hdr.len > XENSTORE_PAYLOAD_MAX)
		die("too long a message from", "the store");
	read_all(reply, hdr.len);
	reply[hdr.len] = '\0';
	event = event || hdr.type == XS_WATCH_EVENT;
	return hdr.type;
}

/* A request: a path with its NUL, and what stands behind it. Returns whether the store agrees. */
static bool ask(uint32_t type, const char *path, const char *rest, size_t len)
{
	struct xsd_sockmsg hdr = { .type = type, .tx_id = tx,
				   .len = (uint32_t)(strlen(path) + 1 + len) };
	char frame[sizeof(hdr) + XENSTORE_PAYLOAD_MAX];
	uint32_t got;

	if (hdr.len > XENSTORE_PAYLOAD_MAX)
		die("too long:", path);
	memcpy(frame, &hdr, sizeof(hdr));
	memcpy(frame + sizeof(hdr), path, strlen(path) + 1);
	memcpy(frame + sizeof(hdr) + strlen(path) + 1, rest, len);
	if (write(fd, frame, sizeof(hdr) + hdr.len) != (ssize_t)(sizeof(hdr) + hdr.len))
		die("cannot send:", path);
	do {
		got = receive();
	} while (got == XS_WATCH_EVENT);
	return got == type;
}

static void put(const char *dir, const char *key, const char *value)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, key);
	if (!ask(XS_WRITE, path, value, strlen(value)))
		die("cannot write", path);
}

/* A new directory: its owner's, and to be read by the other end. */
static void make(const char *dir, const char *owner, const char *reader)
{
	char perms[32];
	int len = snprintf(perms, sizeof(perms), "n%s%cr%s", owner, '\0', reader) + 1;

	if (!ask(XS_MKDIR, dir, "", 0) || !ask(XS_SET_PERMS, dir, perms, (size_t)len))
		die("cannot make", dir);
}

static void drop(const char *dir)
{
	if (!ask(XS_RM, dir, "", 0))
		die("cannot remove", dir);
}

/* Waits for a state of the backend's, of which a watch tells. */
static void await(const char *back, const char *state)
{
	struct pollfd more = { .fd = fd, .events = POLLIN };
	time_t deadline = time(NULL) + WAIT_SECONDS;
	char path[256];

	snprintf(path, sizeof(path), "%s/state", back);
	for (;;) {
		event = false;
		if (ask(XS_READ, path, "", 0) && !strcmp(reply, state))
			return;
		while (!event) {
			int left = (int)(deadline - time(NULL));

			if (left <= 0 || poll(&more, 1, left * 1000) <= 0)
				die(state, "is a state that has not come");
			receive();
		}
	}
}

/* A socket that hears what the kernel says of its devices. */
static int uevents(void)
{
	struct sockaddr_nl all = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int s = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);

	if (s < 0 || bind(s, (struct sockaddr *)&all, sizeof(all)))
		die("cannot hear of", "devices");
	return s;
}

/* Waits until dom0's kernel has no such device any more. It leaves its bus before it is told of. */
static void await_gone(const char *guest, const char *id)
{
	struct pollfd more = { .fd = uevents(), .events = POLLIN };
	time_t deadline = time(NULL) + WAIT_SECONDS;
	char path[128], event_text[4096];

	snprintf(path, sizeof(path), "/sys/bus/xen-backend/devices/vbd-%s-%s", guest, id);
	while (!access(path, F_OK)) {
		int left = (int)(deadline - time(NULL));

		if (left <= 0 || poll(&more, 1, left * 1000) <= 0)
			die("a device that does not go:", path);
		/* An error says that more came than it holds: then, too, look again. */
		recv(more.fd, event_text, sizeof(event_text), 0);
	}
	close(more.fd);
}

static void ask_to_close(const char *back)
{
	char path[256];
	bool done;

	snprintf(path, sizeof(path), "%s/state", back);
	do {
		if (!ask(XS_TRANSACTION_START, "", "", 0))
			die("no transaction for", back);
		tx = (uint32_t)strtoul(reply, NULL, 10);
		if (!ask(XS_READ, path, "", 0))
			die("cannot read", path);
		if (strcmp(reply, "6")) {
			put(back, "online", "0");
			put(back, "state", "5");
		}
		done = ask(XS_TRANSACTION_END, "T", "", 0);
		tx = 0;
		if (!done && strcmp(reply, "EAGAIN"))
			die("a transaction has failed for", back);
	} while (!done);
}

/* The keys of a directory as they are now; NULL where there is none. */
static void remember(const char *dir, const char *const *keys, char *values[KEYS])
{
	char path[256];
	int i;

	for (i = 0; keys[i]; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, keys[i]);
		values[i] = ask(XS_READ, path, "", 0) ? strdup(reply) : NULL;
		if (!strcmp(keys[i], "state") || !strcmp(keys[i], "online"))
			values[i] = strdup("1");
	}
}

static void put_all(const char *dir, const char *const *keys, char *values[KEYS])
{
	int i;

	for (i = 0; keys[i]; i++)
		if (values[i])
			put(dir, keys[i], values[i]);
}

int main(int argc, char **argv)
{
	char front[128], back[128], *front_values[KEYS], *back_values[KEYS];
	int i;

	if (argc != 4 || atoi(argv[3]) < 1) {
		fprintf(stderr, "usage: vbd_cycles GUEST ID COUNT\n");
		return 2;
	}
	snprintf(front, sizeof(front), "/local/domain/%s/device/vbd/%s", argv[1], argv[2]);
	snprintf(back, sizeof(back), "/local/domain/0/backend/vbd/%s/%s", argv[1], argv[2]);
	fd = open("/dev/xen/xenbus", O_RDWR);
	if (fd < 0)
		die("cannot open", "/dev/xen/xenbus");
	remember(front, front_keys, front_values);
	remember(back, back_keys, back_values);
	if (!ask(XS_WATCH, back, "t", 2))
		die("cannot watch", back);
	for (i = 0; i < atoi(argv[3]); i++) {
		ask_to_close(back);
		await(back, "6");
		drop(front);
		drop(back);
		await_gone(argv[1], argv[2]);
		make(front, argv[1], "0");
		make(back, "0", argv[1]);
		put_all(front, front_keys, front_values);
		put_all(back, back_keys, back_values);
		await(back, "4");
	}
	printf("%d times\n", i);
	return 0;
}
