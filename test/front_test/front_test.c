// SPDX-License-Identifier: GPL-2.0
/*
 * front_test.c - a frontend of type "test" in a module of its own, which does what it is told: for
 * the tests of the driver API. It checks that the calls that it gets are paired and come in order:
 * what is not so is said with "front_test: BAD".
 *
 * Parameters, all writable: `order` of its ring, `fail` and `hang` a call by its name ("setup",
 * "connect", …), `hang_ms` for how long, `sector` the last value read of the backend's key sectors.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include "../../include/xsfront_driver.h"

static unsigned int order;
module_param(order, uint, 0644);
MODULE_PARM_DESC(order, "of the ring: 1 << order pages");

static char fail[16] = "";
module_param_string(fail, fail, sizeof(fail), 0644);
MODULE_PARM_DESC(fail, "which call fails");

static char hang[16] = "";
module_param_string(hang, hang, sizeof(hang), 0644);
MODULE_PARM_DESC(hang, "which call takes hang_ms");

static unsigned int hang_ms;
module_param(hang_ms, uint, 0644);
MODULE_PARM_DESC(hang_ms, "how long it takes");

static unsigned long long sectors;
module_param(sectors, ullong, 0444);
MODULE_PARM_DESC(sectors, "what the backend's key said last");

/* Where a device is in its life; each call has one that it comes from. */
enum where { FOUND, SET_UP, CONNECTED, STOPPED };

struct test_dev {
	enum where where;
	struct xs_front_ring *ring;
	u64 sectors;
	char mode[8];
};

static atomic_t living;

static int step(struct xs_front_dev *dev, const char *name, enum where from, enum where to)
{
	struct test_dev *t = xs_front_data(dev);

	/* release comes after disconnect, or without connect. */
	if (t->where != from && !(from == STOPPED && t->where == SET_UP))
		pr_err("BAD: %s: %s where it is %d\n", xs_front_name(dev), name, t->where);
	if (!strncmp(hang, name, strlen(name)))
		msleep(hang_ms);
	if (!strncmp(fail, name, strlen(name)))
		return -EIO;
	t->where = to;
	return 0;
}

static int test_probe(struct xs_front_dev *dev)
{
	struct test_dev *t = kzalloc(sizeof(*t), GFP_KERNEL);

	if (!t)
		return -ENOMEM;
	xs_front_set_data(dev, t);
	atomic_inc(&living);
	return 0;
}

static int read_keys(struct xs_front_dev *dev)
{
	struct test_dev *t = xs_front_data(dev);
	const struct xs_front_key keys[] = {
		XS_KEY_U64("sectors", &t->sectors),
		XS_KEY_MAYBE_TEXT("mode", t->mode, sizeof(t->mode)),
	};
	int err = xs_front_read_keys(dev, keys, ARRAY_SIZE(keys));

	if (!err)
		sectors = t->sectors;
	return err;
}

static int test_setup(struct xs_front_dev *dev)
{
	const struct xs_front_ring_spec spec = { .order = order };
	struct test_dev *t = xs_front_data(dev);
	int err = read_keys(dev);
	const u64 *words;
	size_t i;

	if (err)
		return err;
	t->ring = xs_front_ring(dev, &spec);
	if (IS_ERR(t->ring))
		return PTR_ERR(t->ring);
	words = t->ring->shared;
	for (i = 0; i < t->ring->size; i += 8)
		if (words[i / 8])
			pr_err("BAD: the ring is not zeroed\n");
	memset(t->ring->shared, 0x5a, t->ring->size);
	err = xs_front_key(dev, "mode", "%s-%u", t->mode, order);
	return err ? : step(dev, "setup", FOUND, SET_UP);
}

static int test_connect(struct xs_front_dev *dev)
{
	return step(dev, "connect", SET_UP, CONNECTED);
}

static bool test_event(struct xs_front_dev *dev)
{
	return true;
}

static void test_changed(struct xs_front_dev *dev)
{
	step(dev, "backend_changed", CONNECTED, CONNECTED);
	read_keys(dev);
}

static void test_reconfigure(struct xs_front_dev *dev)
{
	step(dev, "reconfigure", CONNECTED, CONNECTED);
	read_keys(dev);
}

static void test_disconnect(struct xs_front_dev *dev)
{
	step(dev, "disconnect", CONNECTED, STOPPED);
}

static void test_release(struct xs_front_dev *dev)
{
	step(dev, "release", STOPPED, FOUND);
}

static void test_remove(struct xs_front_dev *dev)
{
	step(dev, "remove", FOUND, FOUND);
	kfree(xs_front_data(dev));
	atomic_dec(&living);
}

static struct xs_front_driver test_driver = {
	.type = "test",
	.probe = test_probe,
	.setup = test_setup,
	.connect = test_connect,
	.event = test_event,
	.backend_changed = test_changed,
	.reconfigure = test_reconfigure,
	.disconnect = test_disconnect,
	.release = test_release,
	.remove = test_remove,
};

static int __init front_test_init(void)
{
	return xs_front_register(&test_driver);
}

static void __exit front_test_exit(void)
{
	xs_front_unregister(&test_driver);
	pr_info("unloaded, %d devices left\n", atomic_read(&living));
}

module_init(front_test_init);
module_exit(front_test_exit);

MODULE_DESCRIPTION("A frontend for the tests of xsfront's driver API");
MODULE_AUTHOR("The xsfront developers");
MODULE_LICENSE("GPL");
