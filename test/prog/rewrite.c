// SPDX-License-Identifier: GPL-2.0
/*
 * rewrite.c - writes to one node of the store, again and again, as fast as it is answered, until it
 * is killed. For dom0, where a process for each write would be too slow.
 *
 *   rewrite PATH
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xen/io/xs_wire.h>

static int fd;

static int read_all(void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;

	for (; done < len; done += n) {
		n = read(fd, (char *)buf + done, len - done);
		if (n <= 0)
			return -1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct xsd_sockmsg hdr = { .type = XS_WRITE };
	char frame[sizeof(hdr) + XENSTORE_ABS_PATH_MAX + 1], reply[XENSTORE_PAYLOAD_MAX];

	if (argc != 2 || strlen(argv[1]) > XENSTORE_ABS_PATH_MAX) {
		fprintf(stderr, "rewrite PATH\n");
		return 2;
	}
	fd = open("/dev/xen/xenbus", O_RDWR);
	if (fd < 0) {
		perror("/dev/xen/xenbus");
		return 1;
	}
	hdr.len = strlen(argv[1]) + 1;
	memcpy(frame, &hdr, sizeof(hdr));
	memcpy(frame + sizeof(hdr), argv[1], hdr.len);
	for (;;) {
		struct xsd_sockmsg got;
		ssize_t len = sizeof(hdr) + hdr.len;

		if (write(fd, frame, len) != len || read_all(&got, sizeof(got)) ||
		    got.len > sizeof(reply) || read_all(reply, got.len) || got.type != XS_WRITE) {
			fprintf(stderr, "rewrite: the store does not take it\n");
			return 1;
		}
	}
}
