// SPDX-License-Identifier: GPL-2.0
/*
 * xs_channel.c - see xs_channel.h.
 *
 * A port is bound to an interrupt and that is requested in two steps: where the kernel does both
 * in one call (bind_evtchn_to_irqhandler()) and fails, nobody knows whether it has closed the port.
 * One that is closed twice may be somebody else's by then.
 */
#include <xen/events.h>
#include <asm/xen/hypercall.h>
#include "xs_channel.h"

/**
 * xs_channel_close() - close a port that no interrupt stands for
 * @port: ours
 */
void xs_channel_close(evtchn_port_t port)
{
	struct evtchn_close close = { .port = port };

	HYPERVISOR_event_channel_op(EVTCHNOP_close, &close);
}

/**
 * xs_channel_request() - have a handler called when the other end signals
 * @port: ours; closed where this fails
 * @irq: what bind_evtchn_to_irq() or bind_evtchn_to_irq_lateeoi() has returned for it
 * @handler: called in hard interrupt context
 * @name: of the interrupt
 * @dev: handed to @handler, and to unbind_from_irqhandler(), which is the mirror of this
 *
 * Context: may sleep.
 *
 * Return: @irq; or a negative errno, its own or that of request_irq().
 */
int xs_channel_request(evtchn_port_t port, int irq, irq_handler_t handler, const char *name,
		       void *dev)
{
	int err;

	if (irq < 0) {
		xs_channel_close(port);
		return irq;
	}
	err = request_irq(irq, handler, 0, name, dev);
	if (err)
		evtchn_put(port);	/* unbinds and closes it */
	return err ? err : irq;
}
