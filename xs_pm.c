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
 * again. Requests that come in between wait.
 *
 *   freeze ──▶ xs_life_aside()     … suspended …     restore, thaw ──▶ xs_life_back()
 *
 * On own attach the kernel's xenbus is not there, and the part of the kernel that carries out a
 * save hangs on it. Should something freeze devices all the same, we refuse.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include "xs_client.h"
#include "xs_pm.h"

static struct platform_device *device;

static int on_freeze(struct device *dev)
{
	if (!xs_life_shares()) {
		pr_err("attach=own: nobody would find the store again: the guest is not suspended\n");
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

/**
 * xs_pm_init() - hear of suspensions
 *
 * Return: 0 or a negative errno.
 */
int xs_pm_init(void)
{
	int err = platform_driver_register(&driver);

	if (err)
		return err;
	device = platform_device_register_simple(KBUILD_MODNAME, PLATFORM_DEVID_NONE, NULL, 0);
	if (!IS_ERR(device))
		return 0;
	platform_driver_unregister(&driver);
	return PTR_ERR(device);
}

/**
 * xs_pm_exit() - the mirror of xs_pm_init()
 */
void xs_pm_exit(void)
{
	platform_device_unregister(device);
	platform_driver_unregister(&driver);
}
