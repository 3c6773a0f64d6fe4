// SPDX-License-Identifier: GPL-2.0
/*
 * front_guest.c - reads the kernel's log, holds what devices do to the table of xenbus_state.c, and
 * tells dom0 of it: front_guest [SECONDS]. The guest's half of front_dom0 states.
 *
 * data/ack has two digits for each of 16 echo devices: its state and its backend's, as the log said
 * last. Ends when data/sync-end is there, or after SECONDS (120). Prints TAP.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../../xenbus_state.c"

#define DEVICES	16

static struct {
	u32 front, back;
	int seen;
} devs[DEVICES];

static unsigned int lines, moves, bad;
static int store;

static u32 state_of(const char *name)
{
	u32 i;

	for (i = 0; i < XENBUS_STATES; i++)
		if (!strcmp(names[i], name))
			return i;
	return 99;
}

/* Either the backend's state is another one, or ours is what the table says. */
static void check(unsigned int id, u32 front, u32 back)
{
	struct xenbus_step step = xenbus_front_step(devs[id].front, devs[id].back);
	int good = front == devs[id].front ? back != devs[id].back :
		   back == devs[id].back && front == step.next;

	if (devs[id].seen && !good) {
		printf("# %u: %u %u became %u %u\n", id, devs[id].front, devs[id].back, front,
		       back);
		bad++;
	}
	moves += front != devs[id].front;
	devs[id].seen = 1;
	devs[id].front = front;
	devs[id].back = back;
	lines++;
}

static void take_line(const char *line)
{
	char front[24], back[24];
	unsigned int id;
	const char *text = strchr(line, ';');
	char end;

	if (text && sscanf(text, ";xsfront: device/echo/%u: front %20[A-Za-z], back %20[A-Za-z]%c",
			   &id, front, back, &end) == 4 && end == '\n' && id < DEVICES)
		check(id, state_of(front), state_of(back));
}

static u32 ask(u32 type, const char *path, const char *value, size_t len)
{
	char frame[512], reply[XENSTORE_PAYLOAD_MAX];
	struct xsd_sockmsg hdr = { .type = type, .len = strlen(path) + 1 + len };

	memcpy(frame, &hdr, sizeof(hdr));
	strcpy(frame + sizeof(hdr), path);
	memcpy(frame + sizeof(hdr) + strlen(path) + 1, value, len);
	if (write(store, frame, sizeof(hdr) + hdr.len) < 0 ||
	    read(store, &hdr, sizeof(hdr)) != sizeof(hdr) || hdr.len > sizeof(reply) ||
	    (hdr.len && read(store, reply, hdr.len) != (ssize_t)hdr.len)) {
		perror("the store");
		exit(1);
	}
	return hdr.type;
}

static void acknowledge(void)
{
	char ack[2 * DEVICES];
	unsigned int i;

	for (i = 0; i < DEVICES; i++) {
		ack[2 * i] = devs[i].seen ? '0' + devs[i].front : '-';
		ack[2 * i + 1] = devs[i].seen ? '0' + devs[i].back : '-';
	}
	ask(XS_WRITE, "data/ack", ack, sizeof(ack));
}

/* All lines that there are. Returns how many were of devices. */
static unsigned int take_lines(int log)
{
	unsigned int before = lines;
	char line[8192];
	ssize_t n;

	for (;;) {
		n = read(log, line, sizeof(line) - 1);
		if (n < 0 && errno == EPIPE) {
			printf("# lines of the log were lost\n");
			bad++;
			continue;
		}
		if (n <= 0)
			return lines - before;
		line[n] = '\0';
		take_line(line);
	}
}

int main(int argc, char **argv)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 120);
	struct pollfd p = { .fd = log, .events = POLLIN };

	store = open("/dev/xen/xenbus", O_RDWR);
	if (log < 0 || store < 0) {
		perror("front_guest");
		return 1;
	}
	while (time(NULL) < end) {
		if (take_lines(log))
			acknowledge();
		else if (!poll(&p, 1, 500) && ask(XS_READ, "data/sync-end", NULL, 0) == XS_READ)
			break;
	}
	printf("# %u lines, %u of them changes of ours\n", lines, moves);
	printf("%sok - each change was the table's\n", bad || !moves ? "not " : "");
	return bad || !moves;
}
