// SPDX-License-Identifier: GPL-2.0
/*
 * xs_front.c - which devices there are, and who is told of which event. See xs_front.h.
 *
 *   watch device/<type>        ──▶ on_devices ──▶ a new device, or "who are you?" to an old one
 *   watch <dir of backends>    ──▶ on_backends ─▶ "look" to the device whose backend it is
 *
 * The second watch is on the directory above the backends' own (backend/<type>/<guest>), one for
 * all devices that have theirs in it: a guest has a quota of watches, and the server goes through
 * all of them at each write. What a device does then is its own affair (xs_device.c): nothing here
 * waits for a device but xs_front_unregister().
 *
 * Who owns what: a type owns its devices, until each ends itself by xs_front_forget(). A group is
 * owned by the devices in it.
 *
 * Locks: xs_front_lock (mutex) guards the types, their devices, the groups and the hash. It is not
 * held over a round trip to the store. group->setting (mutex) is held over the one that sets the
 * watch, and taken with nothing else held.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/export.h>
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/stringhash.h>
#include "xs_client.h"
#include "xs_front.h"
#include "xs_watch.h"

#define TYPE_MAX	32	/* bytes of a type's name, a limit of our own */
#define PATH_SIZE	(TYPE_MAX + 8)	/* of device/<type> and a NUL */

/* Devices that sleep in their drivers do not keep the others from running up to this many. */
#define AT_ONCE		512

DEFINE_MUTEX(xs_front_lock);
LIST_HEAD(xs_front_types);
struct workqueue_struct *xs_front_queue;
struct xs_handle *xs_front_store;

static LIST_HEAD(groups);
static DEFINE_HASHTABLE(by_backend, 8);
static DECLARE_WAIT_QUEUE_HEAD(moved);
static atomic_t moves;	/* counts, so that none is missed */

/**
 * xs_front_moved() - a device is not where it was: those who wait look again
 */
void xs_front_moved(void)
{
	atomic_inc(&moves);
	wake_up_all(&moved);
}

/**
 * xs_front_wait_moved() - wait until a device is not where it was
 * @seen: what was seen last; takes what is seen now
 * @timeout: in jiffies, 0 not to wait
 *
 * Return: false when the caller is being killed.
 */
bool xs_front_wait_moved(unsigned int *seen, long timeout)
{
	long left = wait_event_killable_timeout(moved, atomic_read(&moves) != *seen, timeout);

	*seen = atomic_read(&moves);
	return left >= 0;
}

/* ---- where the backends are ------------------------------------------------------------- */

static u32 hash_of(const char *path, size_t len)
{
	return full_name_hash(NULL, path, len);
}

/*
 * Those whose backend's directory is just the first @len bytes of @path. With @key it is one of its
 * other keys that has changed, which is news only for who waits for a key.
 */
static void look_by_backend(const char *path, size_t len, bool key)
{
	struct xs_front_dev *dev;

	hash_for_each_possible(by_backend, dev, hash, hash_of(path, len)) {
		/* cppcheck-suppress uninitvar ; what the loop sets is beyond it */
		if (strncmp(dev->backend, path, len) || dev->backend[len])
			continue;
		if (!key)
			xs_device_look(dev);
		else if (READ_ONCE(dev->view.key_error))
			xs_device_ask(dev, XS_ASK_RETRY);
	}
}

static void look_all(const struct xs_front_group *group, void (*look)(struct xs_front_dev *dev))
{
	struct xs_front_dev *dev;
	unsigned int i;

	hash_for_each(by_backend, i, dev, hash)
		if (dev->group == group)
			look(dev);
}

/*
 * A backend comes, goes or changes: its directory, its state and its `online` tell.
 *
 * The first event of all is the store's greeting. Each device reads behind the watch, so it is no
 * news; but the store may have merged one with it that is. So it is looked at later, if nothing
 * else leads to a look before.
 */
static void on_backends(void *ctx, const char *path, bool again)
{
	struct xs_front_group *group = ctx;
	const char *key = strrchr(path, '/');
	bool whole = !key || strlen(path) <= strlen(group->path);

	mutex_lock(&xs_front_lock);
	if (!again && whole && !group->greeted) {
		group->greeted = true;
		look_all(group, xs_device_look_later);
	} else if (again || whole) {
		look_all(group, xs_device_look);
	} else {
		look_by_backend(path, key - path, strcmp(key, "/state") && strcmp(key, "/online"));
	}
	if (!again)
		look_by_backend(path, strlen(path), false);
	mutex_unlock(&xs_front_lock);
}

static struct xs_front_group *group_new(const char *path, size_t len)
{
	struct xs_front_group *group = kzalloc(struct_size(group, path, len + 1), GFP_KERNEL);

	if (!group)
		return NULL;
	memcpy(group->path, path, len);
	mutex_init(&group->setting);
	list_add_tail(&group->link, &groups);
	return group;
}

static struct xs_front_group *group_find(const char *path, size_t len)
{
	struct xs_front_group *group;

	list_for_each_entry(group, &groups, link)
		if (!strncmp(group->path, path, len) && !group->path[len])
			return group;
	return group_new(path, len);
}

static int enter_group(struct xs_front_dev *dev)
{
	size_t len = strrchr(dev->backend, '/') - dev->backend;
	struct xs_front_group *group;

	mutex_lock(&xs_front_lock);
	group = group_find(dev->backend, len);
	if (group) {
		group->users++;
		dev->group = group;
		hash_add(by_backend, &dev->hash, hash_of(dev->backend, strlen(dev->backend)));
	}
	mutex_unlock(&xs_front_lock);
	return group ? 0 : -ENOMEM;
}

/**
 * xs_front_join() - have a device told when its backend changes
 * @dev: the caller's own device; one that has joined is left as it is
 *
 * From the first xs_front_read_watched() on. Context: may sleep.
 *
 * Return: 0 or -ENOMEM.
 */
int xs_front_join(struct xs_front_dev *dev)
{
	return dev->group ? 0 : enter_group(dev);
}

/* Called with group->setting held. */
static int watch_and_read(struct xs_front_group *group, struct xs_op *ops, unsigned int n)
{
	struct xs_watch *watch;

	lockdep_assert_held(&group->setting);
	watch = xs_watch_and_do(xs_front_store, group->path, on_backends, group, ops, n);
	if (!IS_ERR(watch))
		group->watch = watch;
	return PTR_ERR_OR_ZERO(watch);
}

/**
 * xs_front_read_watched() - read what the watch on the backend covers
 * @dev: the caller's own device
 * @ops: as for xs_read_many(), zeroed but for that
 * @n: how many
 *
 * The first one of a group sets the watch, and reads behind it in the same flight. What changes
 * after this leads to a look. Without a watch, -E2BIG or -EDQUOT when the guest has too many, the
 * device looks again later, which tries that again. Context: may sleep.
 *
 * Return: as xs_read_many(); 0 where it has set the watch, or tried to, whatever came of the reads.
 */
int xs_front_read_watched(struct xs_front_dev *dev, struct xs_op *ops, unsigned int n)
{
	struct xs_front_group *group = dev->group;
	bool watched = !group || READ_ONCE(group->watch);
	int err = 0;

	if (!watched) {
		mutex_lock(&group->setting);
		watched = group->watch;
		if (!watched)
			err = watch_and_read(group, ops, n);
		mutex_unlock(&group->setting);
	}
	if (watched)
		return xs_read_many(xs_front_store, XS_NO_TRANSACTION, ops, n);
	if (err) {
		xs_device_set_error(dev, "watching the backend", err);
		xs_device_look_later(dev);
	}
	return 0;
}

/* The last one out ends the watch. */
static void leave_group(struct xs_front_group *group)
{
	bool last;

	mutex_lock(&xs_front_lock);
	last = !--group->users;
	if (last)
		list_del(&group->link);
	mutex_unlock(&xs_front_lock);
	if (!last)
		return;
	xs_unwatch(group->watch);
	kfree(group);
}

/* ---- which devices there are ------------------------------------------------------------ */

/* Called with xs_front_lock held. Returns NULL when there is no memory. */
static struct xs_front_dev *enter(struct xs_front_type *type, unsigned int id)
{
	struct xs_front_dev *dev = xs_device_new(type, id);

	if (dev && xa_err(xa_store(&type->devices, id, dev, GFP_KERNEL))) {
		cancel_delayed_work_sync(&dev->stuck);
		xs_device_put(dev);
		dev = NULL;
	}
	return dev;
}

/*
 * Called with xs_front_lock held. Returns the device, or NULL when there can be none; one for which
 * there is no memory now is looked for later.
 */
static struct xs_front_dev *touch(struct xs_front_type *type, unsigned int id)
{
	struct xs_front_dev *dev = xa_load(&type->devices, id);

	lockdep_assert_held(&xs_front_lock);
	if (!dev && type->leaving)
		return NULL;
	if (!dev)
		dev = enter(type, id);
	if (dev)
		xs_device_ask(dev, XS_ASK_IDENTIFY);
	else
		schedule_delayed_work(&type->rescan, XS_RETRY_SECONDS * HZ);
	return dev;
}

/**
 * xs_front_forget() - a device has ended
 * @dev: the caller's own device; its driver is not called any more, and its type not to be touched
 *
 * If it was asked meanwhile who it is, another one has its place, and begins now. Context: may
 * sleep.
 */
void xs_front_forget(struct xs_front_dev *dev)
{
	struct xs_front_type *type = dev->type;
	struct xs_front_group *group = dev->group;
	unsigned int id = dev->id;

	/* Nobody waits for the group's watch to end; but its callback must not find the device. */
	mutex_lock(&xs_front_lock);
	if (group)
		hash_del(&dev->hash);
	mutex_unlock(&xs_front_lock);
	if (group)
		leave_group(group);
	mutex_lock(&xs_front_lock);
	xa_erase(&type->devices, id);
	if (test_bit(XS_ASK_IDENTIFY, &dev->asked))
		touch(type, id);
	mutex_unlock(&xs_front_lock);
	xs_front_moved();
}

/* A device's name is its number, and nothing else. */
static int id_of(const struct xs_front_type *type, const char *name, size_t len, u32 *id)
{
	if (!xs_number(name, len, id) && (len == 1 || name[0] != '0'))
		return 0;
	pr_warn_once("device/%s/%*pE: a device's name is a number; ignored\n", type->drv->type,
		     (int)len, name);
	return -EINVAL;
}

/* Called with xs_front_lock held: compares what is there with what we have. */
static void compare(struct xs_front_type *type, const struct xs_list *names)
{
	struct xs_front_dev *dev;
	unsigned long index;
	const char *name;
	u32 id;

	type->pass++;
	xs_list_for_each(name, names) {
		if (id_of(type, name, strlen(name), &id))
			continue;
		dev = touch(type, id);
		if (dev)
			dev->pass = type->pass;
	}
	xa_for_each(&type->devices, index, dev)
		if (dev->pass != type->pass)	/* new, or gone: it finds out */
			xs_device_ask(dev, XS_ASK_IDENTIFY);
	type->scanned = true;
}

static void path_of(const struct xs_front_type *type, char *path)
{
	snprintf(path, PATH_SIZE, "device/%s", type->drv->type);
}

static void scan(struct xs_front_type *type)
{
	struct xs_list names = { NULL, 0, 0 };
	char path[PATH_SIZE];
	int err;

	path_of(type, path);
	err = xs_directory(xs_front_store, XS_NO_TRANSACTION, path, &names);
	if (err && err != -ENOENT) {
		if (xs_store_failed(err))	/* which has a line of its own */
			schedule_delayed_work(&type->rescan, XS_RETRY_SECONDS * HZ);
		else
			pr_err_ratelimited("%s: cannot be listed: error %d\n", path, err);
	} else {
		mutex_lock(&xs_front_lock);
		compare(type, &names);
		mutex_unlock(&xs_front_lock);
		xs_list_free(&names);
	}
	xs_front_moved();
}

static void on_rescan(struct work_struct *work)
{
	unsigned int noio = memalloc_noio_save();	/* as in xs_device.c */

	scan(container_of(to_delayed_work(work), struct xs_front_type, rescan));
	memalloc_noio_restore(noio);
}

/* Set once, when the module cannot fail to load any more: before, no device may come to life. */
static bool begun;

/*
 * The watch covers all below device/<type>, what we write ourselves too. A device comes, becomes
 * complete or goes with an event for its directory, or for one of the two keys that say who the
 * backend is. Anything else that is one level below is the whole.
 */
static void on_devices(void *ctx, const char *path, bool again)
{
	struct xs_front_type *type = ctx;
	char prefix[PATH_SIZE];
	const char *name, *key;
	u32 id;

	path_of(type, prefix);
	name = path + strlen(prefix);
	if (!READ_ONCE(begun))
		return;		/* xs_front_begin() looks at all */
	if (again || strncmp(path, prefix, strlen(prefix)) || *name != '/') {
		scan(type);
		return;
	}
	name++;
	key = strchrnul(name, '/');
	if (*key && strcmp(key, "/backend") && strcmp(key, "/backend-id"))
		return;
	if (id_of(type, name, key - name, &id))
		return;
	mutex_lock(&xs_front_lock);
	touch(type, id);
	mutex_unlock(&xs_front_lock);
}

/* ---- drivers ---------------------------------------------------------------------------- */

/**
 * xs_front_register() - drive all devices of a type, those that are there and those that come
 * @drv: a driver; used until xs_front_unregister() returns
 *
 * For this module's drivers and for those in other modules, which by using this function keep this
 * module loaded. Devices are found in the background: this does not wait for them. Context: may
 * sleep.
 *
 * Return: 0; -EINVAL for a type without a name, or longer than 31 bytes, or a driver without setup;
 * -EEXIST when the type has a driver; -ENOMEM; what xs_watch() can return.
 */
int xs_front_register(struct xs_front_driver *drv)
{
	struct xs_front_type *type, *other;
	char path[PATH_SIZE];
	int err = 0;

	if (!drv->type || !drv->type[0] || strlen(drv->type) >= TYPE_MAX || !drv->setup)
		return -EINVAL;
	type = kzalloc(sizeof(*type), GFP_KERNEL);
	if (!type)
		return -ENOMEM;
	type->drv = drv;
	xa_init(&type->devices);
	INIT_DELAYED_WORK(&type->rescan, on_rescan);
	mutex_lock(&xs_front_lock);
	list_for_each_entry(other, &xs_front_types, link)
		if (!strcmp(other->drv->type, drv->type))
			err = -EEXIST;
	if (!err)
		list_add_tail(&type->link, &xs_front_types);
	mutex_unlock(&xs_front_lock);
	if (err)
		goto err_free;
	drv->core = type;
	path_of(type, path);
	type->watch = xs_watch(xs_front_store, path, on_devices, type);
	if (IS_ERR(type->watch)) {
		err = PTR_ERR(type->watch);
		xs_front_unregister(drv);
		return err;
	}
	return 0;

err_free:
	kfree(type);
	return err;
}
EXPORT_SYMBOL_GPL(xs_front_register);

/* No new device from now on; but those that there are hear of it when they are made anew, or go. */
static void take_no_more(struct xs_front_type *type)
{
	mutex_lock(&xs_front_lock);
	type->leaving = true;
	mutex_unlock(&xs_front_lock);
}

static void stop_looking(struct xs_front_type *type)
{
	xs_unwatch(type->watch);
	cancel_delayed_work_sync(&type->rescan);
}

static void ask_all(struct xs_front_type *type, enum xs_front_ask what)
{
	struct xs_front_dev *dev;
	unsigned long index;

	mutex_lock(&xs_front_lock);
	xa_for_each(&type->devices, index, dev)
		xs_device_ask(dev, what);
	mutex_unlock(&xs_front_lock);
}

/**
 * xs_front_unregister() - the mirror of xs_front_register()
 * @drv: a driver
 *
 * Has all devices close at the same time, and waits for their backends to let go: the module
 * parameter `timeout` at the most, for all together. A store that does not answer costs the
 * deadline of a request or two more. Pages that a backend still has by then are freed when it lets
 * go of them. When this returns the driver is not called any more. Context: may sleep.
 */
void xs_front_unregister(struct xs_front_driver *drv)
{
	struct xs_front_type *type = drv->core;

	take_no_more(type);
	ask_all(type, XS_ASK_LEAVE);
	wait_event_timeout(moved, xa_empty(&type->devices), xs_client_timeout());
	ask_all(type, XS_ASK_END);
	wait_event(moved, xa_empty(&type->devices));
	stop_looking(type);
	mutex_lock(&xs_front_lock);	/* the last device has let go of it, too */
	list_del(&type->link);
	mutex_unlock(&xs_front_lock);
	xa_destroy(&type->devices);
	kfree(type);
	drv->core = NULL;
}
EXPORT_SYMBOL_GPL(xs_front_unregister);

/**
 * xs_front_init() - set-up of this file
 *
 * Return: 0 or -ENOMEM.
 */
int xs_front_init(void)
{
	xs_front_queue = alloc_workqueue("xsfront_devices", WQ_UNBOUND, AT_ONCE);
	if (!xs_front_queue)
		return -ENOMEM;
	xs_front_store = xs_open("front");
	if (IS_ERR(xs_front_store)) {
		destroy_workqueue(xs_front_queue);
		return PTR_ERR(xs_front_store);
	}
	return 0;
}

/**
 * xs_front_begin() - look for devices, from now on
 *
 * Drivers that register before this wait for it.
 */
void xs_front_begin(void)
{
	struct xs_front_type *type;

	mutex_lock(&xs_front_lock);
	WRITE_ONCE(begun, true);
	list_for_each_entry(type, &xs_front_types, link)
		schedule_delayed_work(&type->rescan, 0);
	mutex_unlock(&xs_front_lock);
}

/**
 * xs_front_exit() - the mirror of xs_front_init(); no driver is registered any more
 */
void xs_front_exit(void)
{
	destroy_workqueue(xs_front_queue);
	xs_close(xs_front_store);
	xs_front_grants_exit();
}
