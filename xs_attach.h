/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_attach.h - the store page and its event channel: which way to get onto them, and the way of
 * having them alone: finding, holding, letting go. The other way is xs_share.h.
 */
#ifndef XS_ATTACH_H
#define XS_ATTACH_H

#include <linux/interrupt.h>
#include <xen/interface/io/xs_wire.h>
#include <xen/interface/event_channel.h>

/**
 * struct xs_attach - a hold on the store page
 * @page: the page, mapped
 * @port: our end of the event channel
 * @irq: the interrupt that stands for it
 * @remapped: @page came from memremap()
 * @share: our place under the kernel's xenbus; NULL when the page is ours alone
 */
struct xs_attach {
	struct xenstore_domain_interface *page;
	evtchn_port_t port;
	int irq;
	bool remapped;
	struct xs_share *share;
};

/**
 * enum xs_way - how to get onto the store page
 * @XS_WAY_AUTO: whichever of the others can be had
 * @XS_WAY_OWN: alone
 * @XS_WAY_SHARE: under the kernel's own xenbus (xs_share.h)
 */
enum xs_way {
	XS_WAY_AUTO,
	XS_WAY_OWN,
	XS_WAY_SHARE,
};

int xs_attach_choose(enum xs_way asked);
int xs_attach_own(struct xs_attach *at, unsigned long deadline);
int xs_attach_listen(struct xs_attach *at, irq_handler_t handler, void *dev);
void xs_attach_deafen(struct xs_attach *at, void *dev);
void xs_attach_release(struct xs_attach *at);
void xs_attach_signal(const struct xs_attach *at);

#endif /* XS_ATTACH_H */
