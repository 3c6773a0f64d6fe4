// SPDX-License-Identifier: GPL-2.0
/*
 * xs_main.c - the module: what it is made of, and its parameters.
 *
 *   xs_front  xs_dev  xs_echo  xs_blk    frontends, the device node, the demo driver, disks
 *       ↓        ↓       ↓        ↓
 *   xs_api  xs_client  xs_watch      requests, transactions, deadlines; watches
 *       ↓
 *   xs_attach  xs_share              the page and the channel: alone, or under the kernel's xenbus
 *       ↓
 *   xs_shadow  xs_conn  xs_msg  xs_ring  xenbus_state      PURE: messages, the handshake table
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include "xs_blk.h"
#include "xs_client.h"
#include "xs_debugfs.h"
#include "xs_dev.h"
#include "xs_devices.h"
#include "xs_echo.h"
#include "xs_front.h"
#include "xs_pm.h"
#include "xs_watch.h"

#define SECONDS_MAX	3600

unsigned int xs_timeout = 30;
unsigned int xs_wait;

/*
 * What of a bad value is shown, as %*pE: nothing in it may look like more than a word. What is
 * written to a file in /sys ends with a newline.
 */
static int shown(const char *text)
{
	return (int)min_t(size_t, strcspn(text, "\n"), 40);
}

static int set_seconds(const char *name, const char *text, unsigned int least, unsigned int *to)
{
	unsigned int value;

	if (kstrtouint(text, 0, &value) || value < least || value > SECONDS_MAX) {
		pr_err("%s: '%*pE' is not a number of seconds from %u to %u\n", name,
		       shown(text), text, least, SECONDS_MAX);
		return -EINVAL;
	}
	WRITE_ONCE(*to, value);
	return 0;
}

static int set_timeout(const char *text, const struct kernel_param *param)
{
	return set_seconds("timeout", text, 1, &xs_timeout);
}

static const struct kernel_param_ops timeout_ops = {
	.set = set_timeout,
	.get = param_get_uint,
};
module_param_cb(timeout, &timeout_ops, &xs_timeout, 0644);
__MODULE_PARM_TYPE(timeout, "uint");
MODULE_PARM_DESC(timeout, "deadline of calls to the store, in seconds, 1 to 3600 (default 30)");

static enum xs_way asked_way = XS_WAY_AUTO;

static const char *const way_names[] = {
	[XS_WAY_AUTO] = "auto",
	[XS_WAY_OWN] = "own",
	[XS_WAY_SHARE] = "share",
};

static int set_attach(const char *text, const struct kernel_param *param)
{
	int way = sysfs_match_string(way_names, text);

	if (way < 0) {
		pr_err("attach: '%*pE' is none of auto, own, share\n", shown(text), text);
		return -EINVAL;
	}
	asked_way = way;
	return 0;
}

static int get_attach(char *buf, const struct kernel_param *param)
{
	return sysfs_emit(buf, "%s\n", way_names[asked_way]);
}

static const struct kernel_param_ops attach_ops = {
	.set = set_attach,
	.get = get_attach,
};
module_param_cb(attach, &attach_ops, NULL, 0444);
__MODULE_PARM_TYPE(attach, "charp");
MODULE_PARM_DESC(attach, "own: alone on the store page; share: under the kernel's own xenbus; "
		 "auto: own where that is down, share where it is up (default auto)");

static int get_attached(char *buf, const struct kernel_param *param)
{
	return sysfs_emit(buf, "%s\n", xs_life_shares() ?
			  "share: the kernel's own xenbus is up" :
			  "own: the kernel's own xenbus is down");
}

static int read_only(const char *text, const struct kernel_param *param)
{
	pr_err("%s: read only\n", param->name);
	return -EPERM;
}

static const struct kernel_param_ops attached_ops = {
	.set = read_only,
	.get = get_attached,
};
module_param_cb(attached, &attached_ops, NULL, 0444);
__MODULE_PARM_TYPE(attached, "charp");
MODULE_PARM_DESC(attached, "the way that was taken, and why (read only)");

static int set_wait(const char *text, const struct kernel_param *param)
{
	return set_seconds("wait", text, 0, &xs_wait);
}

static const struct kernel_param_ops wait_ops = {
	.set = set_wait,
	.get = param_get_uint,
};
module_param_cb(wait, &wait_ops, &xs_wait, 0444);
__MODULE_PARM_TYPE(wait, "uint");
MODULE_PARM_DESC(wait, "seconds that loading waits for each device to connect (default 0)");

static int get_state(char *buf, const struct kernel_param *param)
{
	return sysfs_emit(buf, "%s\n", xs_life_name());
}

static const struct kernel_param_ops state_ops = {
	.set = read_only,
	.get = get_state,
};
module_param_cb(state, &state_ops, NULL, 0444);
__MODULE_PARM_TYPE(state, "charp");
MODULE_PARM_DESC(state, "the connection to the store: down, live, mending, dead, "
		 "or aside while the guest is suspended (read only)");

static int __init xsfront_init(void)
{
	int err = xs_watch_init();

	if (err)
		return err;
	err = xs_client_start(asked_way);
	if (err)
		goto err_client;
	err = xs_front_init();
	if (err)
		goto err_front;
	err = xs_pm_init();
	if (err)
		goto err_pm;
	err = xs_echo_init();
	if (err)
		goto err_echo;
	err = xs_blk_init();
	if (err)
		goto err_blk;
	err = xs_dev_init();
	if (err)
		goto err_dev;
	/* Nothing may fail once somebody can have something of ours open: a file, a device. */
	xs_debugfs_init();
	xs_front_begin();
	xs_devices_wait();
	return 0;

err_dev:
	xs_blk_exit();
err_blk:
	xs_echo_exit();
err_echo:
	xs_pm_exit();
err_pm:
	xs_front_exit();
err_front:
	xs_client_stop();
err_client:
	xs_watch_exit();
	return err;
}

static void __exit xsfront_exit(void)
{
	xs_debugfs_exit();	/* who reads of devices has read to its end */
	xs_dev_exit();
	xs_blk_exit();
	xs_echo_exit();
	xs_pm_exit();
	xs_front_exit();
	xs_client_stop();
	xs_watch_exit();
	pr_info("unloaded; %s\n", xs_life_shares() ? "the store is the kernel's alone again" :
		"the store's event channel stays open");
}

module_init(xsfront_init);
module_exit(xsfront_exit);

MODULE_DESCRIPTION("XenStore client and xenbus frontends for Xen guests, out of tree");
MODULE_AUTHOR("The xsfront developers");
MODULE_VERSION("0.1.0");
MODULE_LICENSE("GPL");
