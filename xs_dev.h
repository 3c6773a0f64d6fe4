/* SPDX-License-Identifier: GPL-2.0 */
/* xs_dev.h - the device node. */
#ifndef XS_DEV_H
#define XS_DEV_H

#include <linux/types.h>

int xs_dev_init(void);
void xs_dev_exit(void);
u64 xs_dev_lost(void);
unsigned int xs_dev_files(void);

#endif /* XS_DEV_H */
