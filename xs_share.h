/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_share.h - getting under the kernel's own xenbus, and out again.
 *
 *   before   kernel ────────────────────────────────────────▶ store page, store channel
 *   between  kernel ──▶ shadow page, loop-back channel ──▶ us ──▶ store page, store channel
 *   after    kernel ────────────────────────────────────────▶ store page, store channel
 *
 * This file changes who is where; what goes through is xs_shadow.c's.
 */
#ifndef XS_SHARE_H
#define XS_SHARE_H

#include <linux/interrupt.h>
#include "xs_attach.h"
#include "xs_shadow.h"

struct xs_share;

/**
 * struct xs_share_user - who slides under the kernel's xenbus
 * @on_store: the store has signalled; hard interrupt
 * @on_kernel: the kernel has signalled; hard interrupt
 * @may_leave: is nothing under way? Asked as a guess, and again with all other processors stopped
 * @left: the store's page is the kernel's from here on. All other processors are stopped
 */
struct xs_share_user {
	irq_handler_t on_store, on_kernel;
	bool (*may_leave)(void);
	void (*left)(void);
};

int xs_share_find(struct xs_attach *at, struct xs_conn *conn, const struct xs_share_user *user);
struct xs_shadow *xs_share_shadow(struct xs_share *share);
int xs_share_enter(struct xs_share *share, unsigned long deadline);
int xs_share_leave(struct xs_share *share, unsigned long deadline);
void xs_share_free(struct xs_share *share);
void xs_share_wake_kernel(struct xs_share *share);

#endif /* XS_SHARE_H */
