// SPDX-License-Identifier: GPL-2.0
/*
 * xs_devices.c - debugfs xsfront/devices: each device, and why it is not connected.
 *
 * For people, and for scripts/xs-why. One line for each device at the margin, and below it, behind
 * a tab, "name: text". Reading it asks the store a few things for each device that waits, and
 * nothing for those that do not.
 *
 * The devices are collected under xs_front_lock, each with a reference, and shown without it.
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include "xenbus_state.h"
#include "xs_client.h"
#include "xs_devices.h"
#include "xs_front.h"
#include "xs_why.h"

static void show_seconds(struct seq_file *m, u64 ns)
{
	u64 ms = div_u64(ns, NSEC_PER_MSEC);
	u32 rest;

	ms = div_u64_rem(ms, MSEC_PER_SEC, &rest);
	seq_printf(m, "%llu.%03u s", ms, rest);
}

/* Times are "so long ago": they need no clock to compare with. */
static void show_history(struct seq_file *m, const struct xs_front_view *v, u64 now)
{
	unsigned int i = v->count > XS_HISTORY ? v->count - XS_HISTORY : 0;

	for (; i < v->count; i++) {
		const struct xs_transition *t = &v->history[i % XS_HISTORY];

		seq_puts(m, "\thistory: ");
		show_seconds(m, now - t->at);
		seq_printf(m, " ago front %s, back %s\n", xenbus_state_name(t->front),
			   xenbus_state_name(t->back));
	}
}

static void show_why(struct seq_file *m, struct xs_handle *h, struct xs_front_dev *dev,
		     const struct xs_front_view *v)
{
	struct xs_why *w = kmalloc(sizeof(*w), GFP_KERNEL);

	if (!w)
		return;
	xs_why(h, dev, v, w);
	seq_printf(m, "\twaits for: %s: %s\n", w->who, w->why);
	if (w->mend[0])
		seq_printf(m, "\tmend: %s\n", w->mend);
	if (w->error[0])
		seq_printf(m, "\terror: %s\n", w->error);
	else if (w->error_err == -EACCES)
		seq_printf(m, "\terror: %s/error is missing, or may not be read\n", w->error_dir);
	kfree(w);
}

static void show_device(struct seq_file *m, struct xs_handle *h, struct xs_front_dev *dev)
{
	struct xs_front_view v;
	u64 now;

	xs_device_view(dev, &v);
	now = ktime_get_ns();
	seq_printf(m, "%s: front %s ", dev->node, xenbus_state_name(v.front));
	show_seconds(m, now - v.front_since);
	seq_printf(m, ", back %s ", xenbus_state_name(v.back));
	show_seconds(m, v.back_since ? now - v.back_since : 0);
	seq_puts(m, xs_device_rests(&v) ? "\n" : ", waits\n");
	if (v.backend)
		seq_printf(m, "\tbackend: %s in domain %u\n", v.backend, v.backend_id);
	if (!xs_device_rests(&v) || !v.connected)
		show_why(m, h, dev, &v);
	show_history(m, &v, now);
}

/* ---- all of them ------------------------------------------------------------------------ */

struct collection {
	struct xs_front_dev **devs;
	unsigned int n, room;
};

static unsigned int count_devices(void)
{
	struct xs_front_type *type;
	struct xs_front_dev *dev;
	unsigned long index;
	unsigned int n = 0;

	list_for_each_entry(type, &xs_front_types, link)
		xa_for_each(&type->devices, index, dev)
			n++;
	return n;
}

static int collect(struct collection *c)
{
	struct xs_front_type *type;
	struct xs_front_dev *dev;
	unsigned long index;
	int err = 0;

	mutex_lock(&xs_front_lock);
	c->room = count_devices();
	c->devs = kvcalloc(c->room ? : 1, sizeof(*c->devs), GFP_KERNEL);
	if (!c->devs)
		err = -ENOMEM;
	list_for_each_entry(type, &xs_front_types, link) {
		xa_for_each(&type->devices, index, dev) {
			if (err || c->n == c->room)
				break;
			kref_get(&dev->ref);
			c->devs[c->n++] = dev;
		}
	}
	mutex_unlock(&xs_front_lock);
	return err;
}

static bool has_driver(const char *name)
{
	struct xs_front_type *type;
	bool has = false;

	mutex_lock(&xs_front_lock);
	list_for_each_entry(type, &xs_front_types, link)
		has |= !strcmp(type->drv->type, name);
	mutex_unlock(&xs_front_lock);
	return has;
}

/* What the toolstack has made and nobody here cares for. */
static void show_types(struct seq_file *m, struct xs_handle *h)
{
	struct xs_list names = { };
	const char *name;

	if (xs_directory(h, XS_NO_TRANSACTION, "device", &names))
		return;
	xs_list_for_each(name, &names)
		if (!has_driver(name))
			seq_printf(m, "device/%s: no driver of xsfront is for this type\n", name);
	xs_list_free(&names);
}

static int devices_show(struct seq_file *m, void *unused)
{
	struct xs_handle *h = xs_open("devices");
	struct collection c = { };
	unsigned int i, now;
	u64 ever;
	int err;

	if (IS_ERR(h))
		return PTR_ERR(h);
	xs_front_grants(&now, &ever);
	seq_printf(m, "pages that backends have not let go: %u now, %llu so far\n", now, ever);
	err = collect(&c);
	for (i = 0; i < c.n; i++) {
		show_device(m, h, c.devs[i]);
		xs_device_put(c.devs[i]);
	}
	show_types(m, h);
	kvfree(c.devs);
	xs_close(h);
	return err;
}

static int devices_open(struct inode *inode, struct file *file)
{
	size_t size;

	/* Room for all at once: what does not fit is made again from the start. */
	mutex_lock(&xs_front_lock);
	size = PAGE_SIZE + 1536 * count_devices();
	mutex_unlock(&xs_front_lock);
	return single_open_size(file, devices_show, NULL, size);
}

/* For xs_debugfs.c. */
const struct file_operations xs_devices_fops = {
	.owner = THIS_MODULE,
	.open = devices_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = single_release,
};

/* ---- waiting for them ------------------------------------------------------------------- */

/* Until when to wait for the ones that have not settled; 0 when all have. */
static u64 next_deadline(u64 begun)
{
	u64 wait = READ_ONCE(xs_wait) * NSEC_PER_SEC, now = ktime_get_ns(), first = 0;
	struct xs_front_type *type;
	struct xs_front_view v;
	struct xs_front_dev *dev;
	unsigned long index;

	mutex_lock(&xs_front_lock);
	list_for_each_entry(type, &xs_front_types, link) {
		if (!type->scanned && begun + wait > now)
			first = begun + wait;
		xa_for_each(&type->devices, index, dev) {
			xs_device_view(dev, &v);
			if (xs_device_rests(&v) || v.born + wait <= now)
				continue;
			if (!first || v.born + wait < first)
				first = v.born + wait;
		}
	}
	mutex_unlock(&xs_front_lock);
	return first;
}

static void say_waiting(void)
{
	struct collection c = { };
	struct xs_front_view v;
	unsigned int i;

	collect(&c);
	for (i = 0; i < c.n; i++) {
		xs_device_view(c.devs[i], &v);
		if (!xs_device_rests(&v))
			xs_why_say(c.devs[i], &v);
		xs_device_put(c.devs[i]);
	}
	kvfree(c.devs);
}

/**
 * xs_devices_wait() - wait until all devices that there are are connected, or have had their time
 *
 * Each has as many seconds from when it was found as the module parameter `wait` says; 0: does not
 * wait. It is woken by what the devices do, and looks at nothing in between. Those that are not
 * connected by then are named in the log, with the reason. Ends early when the caller is killed.
 *
 * Context: may sleep.
 */
void xs_devices_wait(void)
{
	u64 begun = ktime_get_ns(), now, until;
	unsigned int seen = 0;
	bool more = true;

	if (!READ_ONCE(xs_wait))
		return;
	xs_front_wait_moved(&seen, 0);
	while (more && (until = next_deadline(begun))) {
		now = ktime_get_ns();
		more = xs_front_wait_moved(&seen, until > now ? nsecs_to_jiffies(until - now) + 1
							      : 1);
	}
	say_waiting();
}
