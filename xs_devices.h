/* SPDX-License-Identifier: GPL-2.0 */
/* xs_devices.h - all devices: debugfs xsfront/devices, and waiting for them. */
#ifndef XS_DEVICES_H
#define XS_DEVICES_H

#include <linux/fs.h>

extern const struct file_operations xs_devices_fops;

/* xs_main.c: the module parameter `wait`, seconds */
extern unsigned int xs_wait;

void xs_devices_wait(void);

#endif /* XS_DEVICES_H */
