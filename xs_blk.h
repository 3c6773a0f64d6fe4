/* SPDX-License-Identifier: GPL-2.0 */
/* xs_blk.h - start and stop of the block frontend (xs_blk.c); nothing in a kernel without disks. */
#ifndef XS_BLK_H
#define XS_BLK_H

#ifdef CONFIG_BLOCK
int xs_blk_init(void);
void xs_blk_exit(void);
#else
static inline int xs_blk_init(void)
{
	return 0;
}

static inline void xs_blk_exit(void)
{
}
#endif

#endif /* XS_BLK_H */
