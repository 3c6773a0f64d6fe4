// SPDX-License-Identifier: GPL-2.0
/*
 * failnth_load module|devices FILE.ko [MOST]: inserts xsfront.ko and removes it, with each failure
 * that there can be, or the first MOST (failnth.h). Prints TAP.
 *
 *	module	in its init, and in the thread that removes it
 *	devices	in xsfront's works, while an echo device and, where there is one, a disk come and
 *		go; what fails there is tried again after 5 s
 */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include "failnth.h"

#define PARAMS		"/sys/module/xsfront/parameters/"

static void rest_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* ---- the module -------------------------------------------------------------------------- */

static const char *module_params = "";
static int most;

static int module = -1;		/* the file, open: only what inserts it is to fail */

static int load(const struct sweep *s)
{
	(void)s;
	return done(syscall(SYS_finit_module, module, module_params, 0));
}

static void open_module(void)
{
	module = open(file, O_RDONLY | O_CLOEXEC);
	if (module < 0) {
		printf("not ok - open %s: %s\n", file, strerror(errno));
		exit(1);
	}
}

static bool is_loaded(void)
{
	return access(PARAMS "state", F_OK) == 0;
}

static bool is_live(void)
{
	char text[16] = "";
	int fd = open(PARAMS "state", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	close(fd);
	return n > 0 && !strcmp(text, "live\n");
}

/* While the kernel looks for partitions it has a disk open; nothing tells of the end of that. */
static int unload(const struct sweep *s)
{
	int err, tries = ANSWER_MS / 50;

	(void)s;
	while ((err = done(syscall(SYS_delete_module, "xsfront", O_NONBLOCK))) == -EAGAIN &&
	       --tries)
		rest_ms(50);
	return err;
}

static void drop(const struct sweep *s)
{
	if (is_loaded() && unload(s))
		check(false, "the module is removed: %s", strerror(errno));
}

static bool have(const struct sweep *s)
{
	return (is_loaded() || !load(s)) && is_live();
}

static bool loads_again(const struct sweep *s)
{
	return !is_loaded() && have(s);
}

static bool unloads_again(const struct sweep *s)
{
	return is_loaded() && !unload(s) && have(s);
}

static void t_module(void)
{
	/* What registers a platform device says EINVAL when there is no memory for its name. */
	const struct sweep in = {
		.name = "insert", .counter = &init, .call = load, .again = loads_again,
		.clean = drop, .also = -EINVAL,
	};
	const struct sweep out = {
		.name = "remove", .counter = &self, .prepare = have, .call = unload,
		.again = unloads_again,
	};

	open_module();
	drop(NULL);
	sweep(&in);
	sweep(&out);
	check(have(NULL), "it can be inserted once more");
}

/* ---- a device that comes and goes -------------------------------------------------------- */

#define ECHO_NODE	"/dev/xsecho0"
#define DISK_NODE	"/dev/xsblka"

static bool with_disk;

static bool reads_disk(void)
{
	int fd = open(DISK_NODE, O_RDONLY | O_CLOEXEC);
	char block[512];
	bool good = fd >= 0 && read(fd, block, sizeof(block)) == sizeof(block);

	close(fd);
	return good;
}

static bool echoes(void)
{
	struct pollfd p = { .events = POLLIN };
	char back[4] = "";
	bool good;

	p.fd = open(ECHO_NODE, O_RDWR | O_CLOEXEC);
	if (p.fd < 0)
		return false;
	good = write(p.fd, "abc", 3) == 3 && poll(&p, 1, ANSWER_MS) == 1 &&
		read(p.fd, back, 3) == 3 && !strcmp(back, "abc");
	close(p.fd);
	return good;
}

static bool are_there(void)
{
	return echoes() && (!with_disk || reads_disk());
}

/* It says ENOMEM for what a program sees: no device. insmod itself waits for it (wait=). */
static int come(const struct sweep *s)
{
	int err = load(s);

	return err ? err : are_there() ? 0 : -ENOMEM;
}

/* What failed is tried again by itself: the device comes, without anybody doing a thing. */
static bool comes_late(const struct sweep *s)
{
	int i;

	(void)s;
	for (i = 0; i < ANSWER_MS / 100 && !are_there(); i++)
		rest_ms(100);
	return i < ANSWER_MS / 100;
}

static bool come_first(const struct sweep *s)
{
	return (is_loaded() || !load(s)) && comes_late(s);
}

static void t_device(void)
{
	const struct sweep up = {
		.name = "a device comes", .counter = &works, .most = most,
		.call = come, .again = comes_late, .clean = drop,
	};
	const struct sweep down = {
		.name = "a device goes", .counter = &works, .most = most, .prepare = come_first,
		.call = unload,
	};

	open_module();
	module_params = "wait=2";
	with_disk = access(DISK_NODE, F_OK) == 0;
	drop(NULL);
	sweep(&up);
	sweep(&down);
	check(have(NULL) && comes_late(NULL), "it can be had once more");
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "module"))
		return try_all(argv[2], t_module);
	if (argc > 3)
		most = atoi(argv[3]);
	if (argc >= 3 && !strcmp(argv[1], "devices"))
		return try_all(argv[2], t_device);
	fprintf(stderr, "usage: failnth_load module|devices FILE.ko [MOST]\n");
	return 2;
}
