// SPDX-License-Identifier: GPL-2.0
/*
 * nodes.c - tests of values, directories, permissions, homes; and of each errno.
 */
#include <linux/slab.h>
#include <linux/string.h>
#include <xen/interface/io/xs_wire.h>
#include "xs_test.h"

/* Bytes of the longest paths, by docs/misc/xenstore.txt of Xen. Old kernels' headers have not got them. */
enum { ABSOLUTE_MAX = 3072, RELATIVE_MAX = 2048 };

/*
 * The store's own limit for a node of a guest is 2048 bytes by default. In C xenstored that is the
 * value with permissions, names of children and a header.
 */
#define NODE_MAX	2048
#define VALUE_MAX	(NODE_MAX - 64)

static void test_one_read(void)
{
	struct xs_handle *h = xs_open("xs_test");
	u32 domid;

	check_int(xs_read_u32(h, NO_TX, "domid", &domid), 0, "domid is read");
	xs_close(h);
}

static void check_value(struct xs_handle *h, const char *what, const void *value, size_t len)
{
	char *buf = kmalloc(XENSTORE_PAYLOAD_MAX + 1, GFP_KERNEL);
	int err = buf ? xs_write(h, NO_TX, HERE "/a", value, len) : -ENOMEM;

	if (check_int(err, 0, "%s is written", what)) {
		memset(buf, 0x55, XENSTORE_PAYLOAD_MAX + 1);
		err = xs_read(h, NO_TX, HERE "/a", buf, XENSTORE_PAYLOAD_MAX + 1);
		check_int(err, len, "%s is read back", what);
		check(!memcmp(buf, value, len) && !buf[len] && buf[len + 1] == 0x55,
		      "%s is what was written, with a NUL and no more", what);
	}
	kfree(buf);
}

static void check_number(struct xs_handle *h, const char *text, int want)
{
	u32 value = 0;

	xs_write(h, NO_TX, HERE "/n", text, strlen(text));
	check_int(xs_read_u32(h, NO_TX, HERE "/n", &value), want, "xs_read_u32 of '%s'", text);
}

static void test_read_write(void)
{
	struct xs_handle *h = open_clean();
	char *value = kmalloc(VALUE_MAX, GFP_KERNEL);
	char small[8];
	u32 n = 0;
	int i;

	for (i = 0; value && i < VALUE_MAX; i++)
		value[i] = (char)(i * 7 + (i >> 8));
	check_value(h, "a word", "hello", 5);
	check_value(h, "a shorter word", "x", 1);
	check_value(h, "nothing", "", 0);
	check_value(h, "each byte there is", value, 256);
	check_value(h, "1024 bytes, as long as the ring", value, 1024);
	check_value(h, "1984 bytes, as long as the store takes", value, VALUE_MAX);

	check_int(xs_printf(h, NO_TX, HERE "/n", "%u", 4294967295u), 0, "xs_printf");
	check_int(xs_read_u32(h, NO_TX, HERE "/n", &n), 0, "xs_read_u32");
	check(n == 4294967295u, "the largest number comes back");
	check_number(h, "4294967296", -ERANGE);
	check_number(h, "12x", -EINVAL);
	check_number(h, "-1", -EINVAL);
	check_number(h, "", -EINVAL);
	check_number(h, "0000000000000000000000000001", -EINVAL);

	xs_write(h, NO_TX, HERE "/a", "1234567", 7);
	check_int(xs_read(h, NO_TX, HERE "/a", small, 8), 7, "a buffer just large enough");
	memset(small, '#', sizeof(small));
	check_int(xs_read(h, NO_TX, HERE "/a", small, 7), -ENOBUFS, "a buffer one too small");
	check(small[7] == '#', "nothing is written behind a buffer");
	check_int(xs_read(h, NO_TX, HERE "/a", small, 0), -EINVAL, "no buffer at all");
	check(holds(h, NO_TX, HERE "/a", "1234567"), "after that the stream is in step");
	kfree(value);
	xs_close(h);
}

static void test_mkdir_rm(void)
{
	struct xs_handle *h = open_clean();
	char buf[8];

	check_int(xs_mkdir(h, NO_TX, HERE "/p/q/r"), 0, "mkdir, with the parents");
	check_int(xs_read(h, NO_TX, HERE "/p/q/r", buf, sizeof(buf)), 0, "it is there, empty");
	check_int(xs_read(h, NO_TX, HERE "/p/q", buf, sizeof(buf)), 0, "so are its parents");
	xs_write(h, NO_TX, HERE "/p/q/r", "v", 1);
	check_int(xs_mkdir(h, NO_TX, HERE "/p/q/r"), 0, "mkdir of what exists");
	check(holds(h, NO_TX, HERE "/p/q/r", "v"), "its value stays");
	check_int(xs_rm(h, NO_TX, HERE "/p"), 0, "rm of a tree");
	check_int(xs_read(h, NO_TX, HERE "/p/q/r", buf, sizeof(buf)), -ENOENT, "its leaf has gone");
	check_int(xs_read(h, NO_TX, HERE "/p", buf, sizeof(buf)), -ENOENT, "its root has gone");
	check_int(xs_rm(h, NO_TX, HERE "/p"), 0, "rm of what is not there");
	check_int(xs_rm(h, NO_TX, HERE "/p/q/r"), -ENOENT, "rm where not even the parent is");
	xs_close(h);
}

/* How many of the names that make_names() makes are in the list, each counted once. */
static unsigned int count_listed(unsigned int count, const struct xs_list *list)
{
	unsigned long *seen = bitmap_zalloc(count, GFP_KERNEL);
	unsigned int n = 0, i;
	const char *name;

	if (!seen)
		return 0;
	xs_list_for_each(name, list)
		if (!strncmp(name, "name-of-a-node-", 15) && !kstrtouint(name + 15, 10, &i) &&
		    i < count && !test_and_set_bit(i, seen))
			n++;
	bitmap_free(seen);
	return n;
}

static int make_names(struct xs_handle *h, const char *dir, unsigned int count)
{
	char path[64];
	unsigned int i;
	int err = 0;

	for (i = 0; i < count && !err; i++) {
		snprintf(path, sizeof(path), "%s/name-of-a-node-%u", dir, i);
		err = xs_mkdir(h, NO_TX, path);
	}
	return err;
}

static void test_directory(void)
{
	struct xs_handle *h = open_clean();
	struct xs_list list = {};
	const char *name;
	int n = 0;

	check_int(make_names(h, HERE "/d", 25), 0, "25 nodes are made");
	check_int(xs_directory(h, NO_TX, HERE "/d", &list), 0, "they are listed");
	check_int(list.count, 25, "the list has 25");
	check_int(count_listed(25, &list), 25, "each is named once");
	xs_list_free(&list);
	check(!list.buf && !list.count, "a list that was freed is empty");

	check_int(xs_directory(h, NO_TX, HERE "/d/name-of-a-node-3", &list), 0, "a leaf is listed");
	xs_list_for_each(name, &list)
		n++;
	check(list.count == 0 && n == 0, "it has nothing below it");
	xs_list_free(&list);

	xs_rm(h, NO_TX, HERE "/d/name-of-a-node-7");
	check_int(xs_directory(h, NO_TX, HERE "/d", &list), 0, "after rm it is listed again");
	check_int(count_listed(25, &list), 24, "one name is gone");
	xs_list_free(&list);

	check_int(xs_rm(h, NO_TX, HERE), 0, "all are removed");
	xs_close(h);
}

/*
 * More names than a message holds: all of them, or E2BIG, but never a part. dom0's half makes them,
 * since a guest's quota does not allow that many.
 */
static void test_big_directory(void)
{
	struct xs_handle *h = xs_open("xs_test");
	struct xs_list list = {};
	int err = xs_directory(h, NO_TX, "big", &list);

	check(err == -E2BIG || (!err && list.count == 275 && count_listed(275, &list) == 275),
	      "275 names, over 4096 bytes: all of them, or E2BIG (%s)", err ? "E2BIG" : "all");
	if (err != -E2BIG)
		note("error %d, %u names", err, list.count);
	xs_list_free(&list);
	xs_close(h);
}

static void test_permissions(void)
{
	struct xs_handle *h = open_clean();
	struct xs_permission p[3] = {}, want[3];
	u32 domid = 0;

	check_int(xs_read_u32(h, NO_TX, "domid", &domid), 0, "our domid is read");
	xs_mkdir(h, NO_TX, HERE "/a");
	check_int(xs_get_permissions(h, NO_TX, HERE "/a", p, 3), 1, "a new node has one entry");
	check(p[0].domid == domid && p[0].may == 0, "it is ours alone");
	want[0] = (struct xs_permission){ (u16)domid, XS_MAY_READ };
	want[1] = (struct xs_permission){ 0, XS_MAY_READ | XS_MAY_WRITE };
	want[2] = (struct xs_permission){ 32751, XS_MAY_WRITE };
	check_int(xs_set_permissions(h, NO_TX, HERE "/a", want, 2), 0, "two entries are set");
	check_int(xs_get_permissions(h, NO_TX, HERE "/a", p, 3), 2, "two come back");
	check(!memcmp(p, want, 2 * sizeof(*p)), "the same two");
	check_int(xs_set_permissions(h, NO_TX, HERE "/a", want, 1), 0, "one entry is set");
	check_int(xs_get_permissions(h, NO_TX, HERE "/a", p, 3), 1, "one comes back");
	xs_set_permissions(h, NO_TX, HERE "/a", want, 2);
	check_int(xs_get_permissions(h, NO_TX, HERE "/a", p, 1), -ENOBUFS, "room for too few");
	check_int(xs_set_permissions(h, NO_TX, HERE "/a", want, 0), -EINVAL, "no entries");
	check_int(xs_set_permissions(h, NO_TX, "name", want, 1), -EACCES, "of a node of dom0's");
	check_int(xs_get_permissions(h, NO_TX, HERE "/none", p, 3), -ENOENT, "of no node");
	xs_close(h);
}

static void test_domain_path(void)
{
	struct xs_handle *h = open_clean();
	char path[64], want[64];
	u32 domid = 0;

	xs_read_u32(h, NO_TX, "domid", &domid);
	snprintf(want, sizeof(want), "/local/domain/%u", domid);
	check_int(xs_get_domain_path(h, (u16)domid, path, sizeof(path)), strlen(want), "our home");
	check(!strcmp(path, want), "it is %s", want);
	check_int(xs_get_domain_path(h, (u16)domid, path, 5), -ENOBUFS, "a buffer too small");
	strlcat(want, "/" HERE "/a", sizeof(want));
	xs_write(h, NO_TX, HERE "/a", "abs", 3);
	check(holds(h, NO_TX, want, "abs"), "an absolute path leads to the same node");
	xs_close(h);
}

struct bad_path {
	const char *path;
	int want;
};

static const struct bad_path bad_paths[] = {
	{ "", -EINVAL },
	{ "data//t", -EINVAL },
	{ "data/t/", -EINVAL },
	{ "data t", -EINVAL },
	{ "data/../t", -EINVAL },
	{ "data:t", -EINVAL },
	{ "data\nt", -EINVAL },
	{ "d\xc3\xa4ta", -EINVAL },
	{ HERE "/none", -ENOENT },
	{ "/local/domain/0/name", -EACCES },
	{ "sealed", -EACCES },	/* dom0 has made it in our home, for itself */
};

static void check_long_paths(struct xs_handle *h)
{
	char *path = kmalloc(ABSOLUTE_MAX + 2, GFP_KERNEL), buf[8];
	int err;

	if (!path)
		return;
	memset(path, 'a', ABSOLUTE_MAX + 1);
	path[RELATIVE_MAX + 1] = '\0';
	check_int(xs_read(h, NO_TX, path, buf, 8), -ENAMETOOLONG, "a relative path of 2049");
	check(PTR_ERR_OR_ZERO(xs_watch(h, path, NULL, NULL)) == -ENAMETOOLONG,
	      "a watch on one of 2049");
	path[RELATIVE_MAX] = '\0';
	err = xs_read(h, NO_TX, path, buf, 8);
	check(err == -ENOENT || err == -EINVAL, "one of 2048 is the store's to judge (%d)", err);
	path[RELATIVE_MAX] = 'a';
	path[RELATIVE_MAX + 1] = 'a';
	path[0] = '/';
	path[ABSOLUTE_MAX + 1] = '\0';
	check_int(xs_read(h, NO_TX, path, buf, 8), -ENAMETOOLONG, "an absolute path of 3073");
	kfree(path);
}

static bool over_quota(int err)
{
	return err == -ENOSPC || err == -E2BIG || err == -EDQUOT;
}

static void check_long_values(struct xs_handle *h)
{
	char *value = kzalloc(XENSTORE_PAYLOAD_MAX, GFP_KERNEL);
	size_t room = XENSTORE_PAYLOAD_MAX - strlen(HERE "/a") - 1;
	int err;

	if (!value)
		return;
	check_int(xs_write(h, NO_TX, HERE "/a", value, room + 1), -E2BIG,
		  "path and value are 4097 bytes");
	err = xs_write(h, NO_TX, HERE "/a", value, room);
	check(over_quota(err), "4096 bytes travel, and are over the store's quota (%d)", err);
	err = xs_write(h, NO_TX, HERE "/a", value, NODE_MAX + 1);
	check(over_quota(err), "so is a value of 2049 (%d)", err);
	check_int(xs_write(h, NO_TX, HERE "/a", "v", 1), 0, "after that a short one goes");
	kfree(value);
}

static void test_errnos(void)
{
	struct xs_permission *many = kcalloc(600, sizeof(*many), GFP_KERNEL);
	struct xs_handle *h = open_clean();
	struct xs_list list;
	char buf[8];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad_paths); i++)
		check_int(xs_read(h, NO_TX, bad_paths[i].path, buf, sizeof(buf)),
			  bad_paths[i].want, "read of '%*pE' is %d",
			  (int)strlen(bad_paths[i].path), bad_paths[i].path, bad_paths[i].want);
	check_int(xs_write(h, NO_TX, "name", "x", 1), -EACCES, "write to a node of dom0's");
	check_int(xs_write(h, NO_TX, "forbidden/x", "x", 1), -EACCES, "write where we may not");
	check_int(xs_mkdir(h, NO_TX, "forbidden"), -EACCES, "mkdir where we may not");
	check_int(xs_rm(h, NO_TX, "name"), -EACCES, "rm of a node of dom0's");
	check_int(xs_write(h, NO_TX, HERE "//a", "x", 1), -EINVAL, "write to a bad path");
	check_int(xs_mkdir(h, NO_TX, HERE "/"), -EINVAL, "mkdir of a bad path");
	check_int(xs_rm(h, NO_TX, ""), -EINVAL, "rm of a bad path");
	check_int(xs_directory(h, NO_TX, HERE "/none", &list), -ENOENT, "directory of no node");
	check_int(xs_directory(h, NO_TX, "a b", &list), -EINVAL, "directory of a bad path");
	check(PTR_ERR_OR_ZERO(xs_watch(h, "a b", NULL, NULL)) == -EINVAL, "watch on a bad path");
	check_long_paths(h);
	check_long_values(h);
	if (many)
		check_int(xs_set_permissions(h, NO_TX, HERE "/a", many, 600), -E2BIG,
			  "600 permissions");
	xs_close(NULL);
	xs_close(ERR_PTR(-ENOMEM));
	xs_unwatch(NULL);
	xs_unwatch(ERR_PTR(-ENOMEM));
	check(holds(h, NO_TX, HERE "/a", "v"), "after all these the stream is in step");
	xs_close(h);
	kfree(many);
}

/* dom0's half (client.dom0.sh) makes the two nodes, and reads what was written. */
static void test_seed_examples(void)
{
	struct xs_handle *h = xs_open("xs_test");

	check_int(xs_write(h, NO_TX, "alice", "test", 4), 0, "alice = test is written");
	check(holds(h, NO_TX, "alice", "test"), "and read back");
	check_int(xs_write(h, NO_TX, "vm-data/ip-address", "192.0.2.7", 9), 0,
		  "vm-data/ip-address is written");
	check(holds(h, NO_TX, "vm-data/ip-address", "192.0.2.7"), "and read back");
	xs_close(h);
}

const struct test node_tests[] = {
	{ "one_read", test_one_read },
	{ "read_write", test_read_write },
	{ "mkdir_rm", test_mkdir_rm },
	{ "directory", test_directory },
	{ "big_directory", test_big_directory },
	{ "permissions", test_permissions },
	{ "domain_path", test_domain_path },
	{ "errnos", test_errnos },
	{ "seed_examples", test_seed_examples },
	{}
};
