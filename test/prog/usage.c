// SPDX-License-Identifier: GPL-2.0
/*
 * usage.c - what a guest has in use, for dom0, to be compared with what it had before:
 *
 *   usage DOMID        prints grants N, channels N, nodes N, watches N, transactions N, one a line
 *
 * Grants (of guests; Xen does not let dom0 map its own table) are counted in the guest's grant
 * table itself, mapped or not; channels by asking Xen for each port. The store's own books say the
 * rest ("quota", C xenstored only); with another store the channels are the last.
 */
#include "privcmd.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <xen/grant_table.h>
#include <xen/io/xs_wire.h>
#include "frame.h"

#define GRANT_TABLE	1	/* the kind of resource; number 0 of it are the entries */
#define ANSWER_MS	20000

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static unsigned int table_frames(int domid)
{
	struct gnttab_query_size q = { .dom = domid };

	if (hypercall(__HYPERVISOR_grant_table_op, GNTTABOP_query_size, &q, sizeof(q)) < 0 ||
	    q.status != GNTST_okay)
		die("the grant table's size");
	return q.nr_frames;
}

static unsigned int grants(int domid)
{
	unsigned int frames = table_frames(domid), used = 0;
	size_t len = (size_t)frames * getpagesize(), i;
	const grant_entry_v1_t *entry = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED,
					     privcmd, 0);
	privcmd_mmap_resource_t table = {
		.dom = domid, .type = GRANT_TABLE, .num = frames, .addr = (uintptr_t)entry,
	};

	if (entry == MAP_FAILED || ioctl(privcmd, IOCTL_PRIVCMD_MMAP_RESOURCE, &table))
		die("the grant table");
	for (i = 0; i < len / sizeof(*entry); i++)
		used += (entry[i].flags & GTF_type_mask) != GTF_invalid;
	return used;
}

static unsigned int channels(int domid)
{
	struct evtchn_status s;
	unsigned int port, used = 0;

	for (port = 1; port < PORTS; port++) {
		s = (struct evtchn_status){ .dom = domid, .port = port };
		if (hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_status, &s, sizeof(s)) < 0)
			break;
		used += s.status != EVTCHNSTAT_closed;
	}
	return used;
}

/* What the store has of the guest; false where it keeps no such books. */
static int books(int domid, struct frame *f)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX, .sun_path = "/run/xenstored/socket" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char ask[32];
	int len = snprintf(ask, sizeof(ask), "quota%c%d", '\0', domid) + 1;

	if (connect(fd, (void *)&at, sizeof(at)))
		die(at.sun_path);
	if (!frame_put(fd, XS_CONTROL, 1, 0, ask, len) || !frame_get(fd, f, ANSWER_MS))
		die("the store's books");
	close(fd);
	return f->hdr.type == XS_CONTROL;
}

static void print_book(const char *text, const char *name)
{
	const char *line;
	size_t len = strlen(name);

	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, len) && line[len + strspn(line + len, " ")] == ':') {
			printf("%s %d\n", name, atoi(strchr(line, ':') + 1));
			return;
		}
	}
}

int main(int argc, char **argv)
{
	struct frame f;
	int domid;

	if (argc != 2) {
		fprintf(stderr, "usage: usage DOMID\n");
		return 2;
	}
	domid = atoi(argv[1]);
	if (!privcmd_open())
		die("/dev/xen/privcmd");
	if (domid)
		printf("grants %u\n", grants(domid));
	printf("channels %u\n", channels(domid));
	if (books(domid, &f)) {
		print_book(f.data, "nodes");
		print_book(f.data, "watches");
		print_book(f.data, "transactions");
	}
	return 0;
}
