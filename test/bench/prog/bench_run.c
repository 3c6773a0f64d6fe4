// SPDX-License-Identifier: GPL-2.0
/*
 * bench_run ROW SIDE ROUNDS COMMAND [UNDO]: what COMMAND costs, run with sh ROUNDS times (three at
 * the most), from its start to its end; UNDO is run behind each and not measured. One that fails
 * ends it all.
 */
#include <spawn.h>
#include <sys/wait.h>
#include "clocks.h"

extern char **environ;

static void run(char *command)
{
	char *const words[] = { "sh", "-c", command, NULL };
	int status = -1;
	pid_t pid;

	if (posix_spawn(&pid, "/bin/sh", NULL, NULL, words, environ) == 0)
		waitpid(pid, &status, 0);
	if (status) {
		fprintf(stderr, "failed bench_run: status %d: %s\n", status, command);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct clocks from[ROUNDS], to[ROUNDS];
	int round, rounds = argc > 3 ? atoi(argv[3]) : 0;

	if (argc < 5 || argc > 6 || rounds < 1 || rounds > ROUNDS) {
		fprintf(stderr, "failed bench_run: usage\n");
		return 2;
	}
	for (round = 0; round < rounds; round++) {
		from[round] = clocks_now();
		run(argv[4]);
		to[round] = clocks_now();
		if (argc == 6)
			run(argv[5]);
	}
	for (round = 0; round < rounds; round++)
		clocks_tell(argv[1], argv[2], round, 1, from[round], to[round]);
	return 0;
}
