// SPDX-License-Identifier: GPL-2.0
/*
 * bench_devices ROW SIDE GUEST COUNT N: in dom0: makes N echo devices of a guest at once, waits
 * until all are Connected at both ends, and removes them; COUNT times in each of three rounds.
 *
 *   nodes of all, one transaction ── committed ──▶ ... ──▶ backend sees it Connected
 *        └─ a line of ours in the log                          └─ a line of echo_back.ko's
 *
 * More than 50 are made once, in one round. No more than some 150 can be: a guest has a quota of
 * 1000 nodes, and the log must hold what is said of all.
 *
 * What is measured lies between the two lines, by the log's own times (in µs; with counted
 * instructions that is thousands of instructions); and how long the guest's vCPU has run from
 * before the commit until all is quiet, as Xen counts it. Nobody looks on meanwhile: no watch of
 * ours, no reader of the log, since each would cost more than what is measured.
 */
#include <errno.h>
#include <string.h>
#include <xenctrl.h>
#include <xenstore.h>
#include "clocks.h"

#define DEVICES_MAX	150
#define BEGIN		"bench: begin"
#define QUIET_US	(250 * 1000)	/* until all is over; not measured */

static struct xs_handle *xs;
static xc_interface *xc;
static int guest;

static void fail(const char *what)
{
	fprintf(stderr, "failed bench_devices: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void dirs(int id, char *front, char *back)
{
	sprintf(front, "/local/domain/%d/device/echo/%d", guest, id);
	sprintf(back, "/local/domain/0/backend/echo/%d/%d", guest, id);
}

static void put(xs_transaction_t tx, const char *dir, const char *key, const char *value)
{
	char path[160];

	snprintf(path, sizeof(path), "%s%s%s", dir, *key ? "/" : "", key);
	if (!xs_write(xs, tx, path, value, strlen(value)))
		fail(path);
}

static void own(xs_transaction_t tx, const char *dir, int owner, int reader)
{
	struct xs_permissions perms[] = {
		{ .id = owner, .perms = XS_PERM_NONE },
		{ .id = reader, .perms = XS_PERM_READ },
	};

	put(tx, dir, "", "");
	if (!xs_set_permissions(xs, tx, dir, perms, 2))
		fail(dir);
}

static void make_one(xs_transaction_t tx, int id)
{
	char front[64], back[64], text[12];

	dirs(id, front, back);
	sprintf(text, "%d", guest);
	own(tx, front, guest, 0);
	own(tx, back, 0, guest);
	put(tx, back, "frontend", front);
	put(tx, back, "frontend-id", text);
	put(tx, back, "online", "1");
	put(tx, back, "state", "1");
	put(tx, front, "backend-id", "0");
	put(tx, front, "state", "1");
	put(tx, front, "backend", back);
}

/* How long the guest's vCPU has run, in ns. */
static uint64_t guest_ran(void)
{
	xc_vcpuinfo_t info;

	if (xc_vcpu_getinfo(xc, guest, 0, &info))
		fail("the vCPU's time");
	return info.cpu_time;
}

static void log_line(int fd, const char *line)
{
	if (write(fd, line, strlen(line)) < 0)
		fail("/dev/kmsg");
}

static void make_all(int kmsg, int n)
{
	xs_transaction_t tx = xs_transaction_start(xs);
	int id;

	for (id = 0; id < n; id++)
		make_one(tx, id);
	log_line(kmsg, BEGIN "\n");
	if (!xs_transaction_end(xs, tx, false))
		fail("the transaction");
}

static void remove_all(int n)
{
	char front[64], back[64];
	int id;

	for (id = 0; id < n; id++) {
		dirs(id, front, back);
		put(XBT_NULL, back, "online", "0");
		put(XBT_NULL, back, "state", "5");
	}
	usleep(QUIET_US);
	for (id = 0; id < n; id++) {
		dirs(id, front, back);
		xs_rm(xs, XBT_NULL, front);
		xs_rm(xs, XBT_NULL, back);
	}
	usleep(QUIET_US);
}

/* The log since the last call: from our line to the last device's that is Connected. In µs. */
static unsigned long long measured(int kmsg, int n)
{
	unsigned long long begin = 0, end = 0, us;
	char line[1024], prefix[64];
	int connected = 0;
	ssize_t got;

	sprintf(prefix, "backend/echo/%d/", guest);
	while ((got = read(kmsg, line, sizeof(line) - 1)) > 0) {
		line[got] = '\0';
		if (sscanf(line, "%*u,%*u,%llu,", &us) != 1)
			continue;
		if (strstr(line, BEGIN)) {
			begin = us;
		} else if (strstr(line, prefix) &&
			   strstr(line, "front Connected, back Connected")) {
			end = us;
			connected++;
		}
	}
	/* It tells of a device twice: before and after it has looked at the frontend's state. */
	if (!begin || connected < n) {
		fprintf(stderr, "failed bench_devices: %d lines of %d devices\n", connected, n);
		exit(1);
	}
	return end - begin;
}

int main(int argc, char **argv)
{
	int in = open("/dev/kmsg", O_RDONLY | O_NONBLOCK), out = open("/dev/kmsg", O_WRONLY);
	int count, n, round, rounds, i;

	if (argc != 6 || in < 0 || out < 0)
		fail("usage, or /dev/kmsg");
	guest = atoi(argv[3]);
	count = atoi(argv[4]);
	n = atoi(argv[5]);
	xs = xs_open(0);
	xc = xc_interface_open(NULL, NULL, 0);
	if (!xs || !xc || n > DEVICES_MAX)
		fail("no store, or too many devices");
	lseek(in, 0, SEEK_END);
	rounds = n > 50 ? 1 : ROUNDS;
	for (round = n > 50 ? 0 : -1; round < rounds; round++) {	/* the first to warm up */
		struct clocks spent = { 0, 0 };

		for (i = 0; i < (round < 0 ? 1 : count); i++) {
			spent.guest -= guest_ran();
			make_all(out, n);
			usleep(QUIET_US + 10000 * n);
			spent.guest += guest_ran();
			spent.machine += 1000 * measured(in, n);
			remove_all(n);
			lseek(in, 0, SEEK_END);
		}
		if (round >= 0)
			clocks_tell(argv[1], argv[2], round, count * n, (struct clocks){ 0, 0 },
				    spent);
	}
	xs_close(xs);
	return 0;
}
