/* SPDX-License-Identifier: GPL-2.0 */
/* xs_channel.h - event channels that are ours to close, and the interrupts that stand for them. */
#ifndef XS_CHANNEL_H
#define XS_CHANNEL_H

#include <linux/interrupt.h>
#include <xen/interface/event_channel.h>

int xs_channel_request(evtchn_port_t port, int irq, irq_handler_t handler, const char *name,
		       void *dev);
void xs_channel_close(evtchn_port_t port);

#endif /* XS_CHANNEL_H */
