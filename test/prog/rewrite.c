// SPDX-License-Identifier: GPL-2.0
/*
 * rewrite.c - writes to the store as fast as it is answered. For dom0, where a process for each
 * write would be too slow.
 *
 *   rewrite PATH           to PATH, again and again, until it is killed
 *   rewrite PATH COUNT     to PATH/1, PATH/2, … PATH/COUNT, once each
 *
 * Events that wait for a guest to read them are merged by the server where they are the same, so
 * who counts events has to have writes to nodes of different names.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

/* Returns whether the store has taken it. */
static bool write_empty(const char *path)
{
	struct xsd_sockmsg hdr = { .type = XS_WRITE, .len = strlen(path) + 1 }, got;
	char frame[sizeof(hdr) + XENSTORE_ABS_PATH_MAX + 1], reply[XENSTORE_PAYLOAD_MAX];
	ssize_t len = sizeof(hdr) + hdr.len;

	memcpy(frame, &hdr, sizeof(hdr));
	memcpy(frame + sizeof(hdr), path, hdr.len);
	return write(fd, frame, len) == len && !read_all(&got, sizeof(got)) &&
		got.len <= sizeof(reply) && !read_all(reply, got.len) && got.type == XS_WRITE;
}

int main(int argc, char **argv)
{
	unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0, i;
	char path[XENSTORE_ABS_PATH_MAX + 1];

	if (argc < 2 || argc > 3 || (argc == 3 && !count)) {
		fprintf(stderr, "rewrite PATH [COUNT]\n");
		return 2;
	}
	fd = open("/dev/xen/xenbus", O_RDWR);
	if (fd < 0) {
		perror("/dev/xen/xenbus");
		return 1;
	}
	for (i = 1; !count || i <= count; i++) {
		int len = count ? snprintf(path, sizeof(path), "%s/%lu", argv[1], i)
				: snprintf(path, sizeof(path), "%s", argv[1]);

		if (len >= (int)sizeof(path) || !write_empty(path)) {
			fprintf(stderr, "rewrite: the store does not take it\n");
			return 1;
		}
	}
	return 0;
}
