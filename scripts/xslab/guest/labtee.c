// SPDX-License-Identifier: GPL-2.0
/*
 * labtee TTY FILE PORT: copy a guest's console to a file and to the host, each
 * byte as soon as it is there. (busybox cat into a pipe holds data back.)
 *
 * Ends when the console is closed, and then removes FILE.open: whoever waits
 * for that knows that FILE is complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static void write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t done = write(fd, data, len);

		if (done < 0 && errno != EINTR)
			return;		/* the other copy goes on */
		if (done > 0) {
			data += done;
			len -= done;
		}
	}
}

int main(int argc, char **argv)
{
	char buf[4096], mark[PATH_MAX];
	int tty, file, port;
	ssize_t got;

	if (argc != 4) {
		fprintf(stderr, "usage: labtee TTY FILE PORT\n");
		return 2;
	}
	tty = open(argv[1], O_RDONLY | O_NOCTTY);
	file = open(argv[2], O_WRONLY | O_CREAT | O_APPEND, 0644);
	port = open(argv[3], O_WRONLY);
	if (tty < 0 || file < 0)
		perror("labtee");
	else
		while ((got = read(tty, buf, sizeof(buf))) > 0 ||
		       (got < 0 && errno == EINTR)) {
			if (got < 0)
				continue;
			write_all(file, buf, got);
			write_all(port, buf, got);
		}
	snprintf(mark, sizeof(mark), "%s.open", argv[2]);
	unlink(mark);
	return 0;
}
