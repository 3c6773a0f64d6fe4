/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xenbus_state.h - the handshake of a frontend with its backend, as a table.
 *
 * Two ends share a device. Each writes its own `state` node and watches the other's. For each pair
 * (our state, backend's state) the table says what the frontend does and which state it has after
 * that. A watch says "look again", never "this happened": states may be skipped, seen late or seen
 * twice, so the table has an answer for every pair, and the same pair twice is harmless.
 *
 * Pure. The ways of the states are Xen's: xen/include/public/io/xenbus.h and blkif.h (STATE
 * DIAGRAMS).
 */
#ifndef XENBUS_STATE_H
#define XENBUS_STATE_H

#include "xs_port.h"

#define XENBUS_STATES	9u	/* Unknown … Reconfigured */

/**
 * enum xenbus_action - what a frontend does on seeing a pair of states
 * @XENBUS_WAIT: nothing: the other end moves next
 * @XENBUS_ODD: nothing, and say once that the pair makes no sense
 * @XENBUS_SETUP: make ring and event channel, publish them together with the new state
 * @XENBUS_CONNECT: the backend has mapped the ring: start to use it
 * @XENBUS_RECONFIGURE: the backend's keys have changed: read them again
 * @XENBUS_CLOSE: stop using the ring, keep it: the backend may still have it mapped
 * @XENBUS_RELEASE: the backend has let go: end grants, close the channel
 * @XENBUS_RESTART: the backend has let go: release, and begin anew
 *
 * What was read is old when it is acted upon, so the new state is written in a transaction that
 * looks once more. Our own state must be the one that we wrote last: else the directory has been
 * removed, or made anew, and is not ours to write to. For SETUP and RESTART the backend's must be
 * the one that was acted upon: else nothing is written, and the pair is looked at again.
 */
enum xenbus_action {
	XENBUS_WAIT,
	XENBUS_ODD,
	XENBUS_SETUP,
	XENBUS_CONNECT,
	XENBUS_RECONFIGURE,
	XENBUS_CLOSE,
	XENBUS_RELEASE,
	XENBUS_RESTART,
};

/**
 * struct xenbus_step - one cell of the table
 * @action: what to do
 * @next: the state to write after that; the present one where nothing is written
 */
struct xenbus_step {
	u8 action;
	u8 next;
};

const char *xenbus_state_name(u32 state);
struct xenbus_step xenbus_front_step(u32 front, u32 back);
struct xenbus_step xenbus_front_close(u32 front);

#endif /* XENBUS_STATE_H */
