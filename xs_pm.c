// SPDX-License-Identifier: GPL-2.0
/*
 * xs_pm.c - the module while its guest is suspended: saved, migrated, restored. See xs_pm.h.
 *
 * A guest that is saved asks Xen for it by itself: the toolstack writes control/shutdown, and the
 * kernel freezes processes and devices, stops its xenbus, and calls Xen. When it runs again, maybe
 * elsewhere, every event channel is gone and the store is another one. The kernel's xenbus sets all
 * that up anew, on the page that it thinks is the store's.
 *
 * So in a share we step aside before, as if unloaded, and come back after: that is what a device of
 * ours hears of, since devices are frozen before the kernel's xenbus stops and thawed after it runs
 * again. Requests that come in between wait; events of our watches that come in between are lost on
 * the kernel, so all who watch are told to look again, also when the suspension was called off.
 *
 *   freeze ──▶ xs_life_aside()     … suspended …     restore, thaw ──▶ xs_life_back()
 *
 * On own attach the kernel's xenbus is not there, and the part of the kernel that carries out what
 * is written to control/shutdown hangs on it: such a guest is not saved and not shut down from
 * outside. The log says so when it is tried. Should something freeze devices all the same, we
 * refuse.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/string.h>
#include "xs_client.h"
#include "xs_pm.h"

static struct platform_device *device;
static struct xs_handle *store;		/* own only */

static int on_freeze(struct device *dev)
{
	if (!xs_life_shares()) {
		pr_err("attach=own: nobody would find the store again: "
		       "the guest is not suspended\n");
		return -EBUSY;
	}
	xs_life_aside();
	return 0;
}

/* The suspension was called off: the store is the one that it was. */
static int on_thaw(struct device *dev)
{
	xs_life_back(false);
	return 0;
}

static int on_restore(struct device *dev)
{
	xs_life_back(true);
	return 0;
}

static const struct dev_pm_ops pm_ops = {
	.freeze = on_freeze,
	.thaw = on_thaw,
	.restore = on_restore,
};

static struct platform_driver driver = {
	.driver = {
		.name = KBUILD_MODNAME,
		.pm = &pm_ops,
		.suppress_bind_attrs = true,
	},
};

/* Own: the toolstack wants something of the kernel, which does not hear it. */
static void on_control(void *ctx, const char *path, bool again)
{
	static const char *const wishes[] = { "suspend", "poweroff", "reboot", "halt" };
	char wish[16];
	int len = xs_read(store, XS_NO_TRANSACTION, "control/shutdown", wish, sizeof(wish)), i;

	if (len < 0)
		return;		/* not there: nothing was ever wanted */
	i = match_string(wishes, ARRAY_SIZE(wishes), wish);
	if (i >= 0)
		pr_warn("attach own: the toolstack asks for '%s', "
			"which the kernel can do only with its own xenbus: not done\n",
			wishes[i]);
}

static int watch_control(void)
{
	struct xs_watch *watch;

	store = xs_open("control");
	if (IS_ERR(store))
		return PTR_ERR(store);
	watch = xs_watch(store, "control/shutdown", on_control, NULL);
	if (IS_ERR(watch))
		xs_close(store);
	return PTR_ERR_OR_ZERO(watch);
}

/**
 * xs_pm_init() - hear of suspensions
 *
 * Return: 0; -ENOMEM; what xs_watch() can return; a negative errno of the driver core.
 */
int xs_pm_init(void)
{
	int err = xs_life_shares() ? 0 : watch_control();

	if (err)
		return err;
	err = platform_driver_register(&driver);
	if (err)
		goto err_driver;
	device = platform_device_register_simple(KBUILD_MODNAME, PLATFORM_DEVID_NONE, NULL, 0);
	if (!IS_ERR(device))
		return 0;
	err = PTR_ERR(device);
	platform_driver_unregister(&driver);
err_driver:
	xs_close(store);
	return err;
}

/**
 * xs_pm_exit() - the mirror of xs_pm_init()
 */
void xs_pm_exit(void)
{
	platform_device_unregister(device);
	platform_driver_unregister(&driver);
	xs_close(store);
}
