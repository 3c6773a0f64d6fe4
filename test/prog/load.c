// SPDX-License-Identifier: GPL-2.0
/*
 * load FILE [NAME=VALUE]...: insert a module, once. (busybox insmod tries again, in another way,
 * when the module refuses, so that its init runs twice.)
 *
 * Exit status: 0, or the errno; it is printed too.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char params[4096] = "";
	int fd, i;

	if (argc < 2) {
		fprintf(stderr, "usage: load FILE [NAME=VALUE]...\n");
		return 255;
	}
	for (i = 2; i < argc; i++) {
		if (strlen(params) + strlen(argv[i]) + 2 > sizeof(params))
			return E2BIG;
		strcat(params, argv[i]);
		strcat(params, " ");
	}
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, params, 0)) {
		i = errno;
		fprintf(stderr, "load: %s: %s (errno %d, %s)\n", argv[1], strerror(i), i,
			strerrorname_np(i));
		return i;
	}
	return 0;
}
