/* SPDX-License-Identifier: GPL-2.0 */
/* xs_debugfs.h - what the module shows of itself. */
#ifndef XS_DEBUGFS_H
#define XS_DEBUGFS_H

void xs_debugfs_init(void);
void xs_debugfs_exit(void);

#endif /* XS_DEBUGFS_H */
