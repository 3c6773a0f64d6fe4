// SPDX-License-Identifier: GPL-2.0
/*
 * labexec NONCE COMMAND: run COMMAND with sh, and send its output and its
 * exit status over the console as records, so that the host can tell them
 * from the kernel's own lines on the same console.
 *
 *	\001 o BYTES \002 \n		output, as it comes
 *	\001 c NONCE exit N \002 \n	the status, when COMMAND has ended
 *
 * In BYTES, the bytes \001 \002 \020 \n \r are \020 and a letter. A record holds no
 * newline, so a kernel line that lands inside one can be taken out again.
 *
 * Its own exit status is COMMAND's. What COMMAND leaves running in the background
 * is not waited for.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define CHUNK 1024

static void write_all(const char *data, size_t len)
{
	while (len) {
		ssize_t done = write(STDOUT_FILENO, data, len);

		if (done < 0 && errno != EINTR)
			exit(1);
		if (done > 0) {
			data += done;
			len -= done;
		}
	}
}

static size_t escape(char *out, const char *in, size_t len)
{
	static const char special[] = "\001\002\020\n\r", letter[] = "ABPNR";
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		const char *at = in[i] ? strchr(special, in[i]) : NULL;

		if (at) {
			out[used++] = '\020';
			out[used++] = letter[at - special];
		} else {
			out[used++] = in[i];
		}
	}
	return used;
}

/* One read's worth of output; false when there is none now, or never again. */
static int relay(int fd)
{
	char in[CHUNK], out[2 * CHUNK + 8] = "\001o";
	ssize_t got = read(fd, in, sizeof(in));
	size_t used = 2;

	if (got <= 0)
		return 0;
	used += escape(out + used, in, got);
	memcpy(out + used, "\002\n", 2);
	write_all(out, used + 2);
	return 1;
}

static void run_command(int out, const char *command)
{
	int null = open("/dev/null", O_RDWR);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

int main(int argc, char **argv)
{
	int pipes[2], status = 0, ended = 0;
	struct pollfd watched[2];
	char record[128];
	sigset_t child;
	pid_t pid;

	if (argc != 3) {
		fprintf(stderr, "usage: labexec NONCE COMMAND\n");
		return 2;
	}
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	if (pipe2(pipes, O_CLOEXEC))
		return 2;
	pid = fork();
	if (pid < 0)
		return 2;
	if (!pid)
		run_command(pipes[1], argv[2]);
	close(pipes[1]);
	fcntl(pipes[0], F_SETFL, O_NONBLOCK);

	watched[0] = (struct pollfd){ .fd = pipes[0], .events = POLLIN };
	watched[1] = (struct pollfd){
		.fd = signalfd(-1, &child, SFD_CLOEXEC), .events = POLLIN
	};
	while (!ended) {
		poll(watched, 2, -1);
		if (watched[0].revents && !relay(pipes[0]) &&
		    (watched[0].revents & POLLHUP))
			watched[0].fd = -1;	/* closed, but still running */
		if (watched[1].revents) {
			struct signalfd_siginfo info;

			if (read(watched[1].fd, &info, sizeof(info)) > 0)
				ended = waitpid(pid, &status, WNOHANG) == pid;
		}
	}
	while (relay(pipes[0]))
		;
	status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	write_all(record, snprintf(record, sizeof(record),
				   "\001c%.64s exit %d\002\n", argv[1], status));
	tcdrain(STDOUT_FILENO);
	return status;
}
