/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_pm.h - the module while its guest is suspended: saved, migrated, restored.
 */
#ifndef XS_PM_H
#define XS_PM_H

int xs_pm_init(void);
void xs_pm_exit(void);

#endif /* XS_PM_H */
