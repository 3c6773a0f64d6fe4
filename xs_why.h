/* SPDX-License-Identifier: GPL-2.0 */
/* xs_why.h - why a device is not connected. */
#ifndef XS_WHY_H
#define XS_WHY_H

#include <linux/types.h>

struct xs_front_dev;
struct xs_front_view;
struct xs_handle;

/**
 * struct xs_why - the answer
 * @who: who is waited for
 * @why: what for
 * @mend: what would mend it, as a command for a shell; empty where nobody knows
 * @error: what the backend's domain says in the device's error node; empty for nothing
 * @error_dir: the directory of that node
 * @error_err: why it could not be read; 0 or -ENOENT when there is nothing to say
 */
struct xs_why {
	const char *who;
	char why[512];
	char mend[384];
	char error[160];
	char error_dir[256];
	int error_err;
};

void xs_why(struct xs_handle *h, struct xs_front_dev *dev, const struct xs_front_view *view,
	    struct xs_why *why);
void xs_why_say(struct xs_front_dev *dev, const struct xs_front_view *view);

#endif /* XS_WHY_H */
