// SPDX-License-Identifier: GPL-2.0
/*
 * xenbus_state.c - the handshake of a frontend with its backend. See xenbus_state.h.
 *
 *        front                        back
 *   ┌▶ Initialising                 Initialising
 *   │      │                            │ says what it can do
 *   │      │ ◀──────────────────────  InitWait ◀─────────────┐
 *   │      │ ring, channel, keys        │                    │
 *   │  Initialised ──────────────────▶  │ maps ring          │
 *   │      │ ◀──────────────────────  Connected              │
 *   │  Connected ◀═════ data ════════▶  │                    │
 *   │      │        (either may start)  │                    │
 *   │  Closing ◀─────────────────────▶ Closing               │
 *   │      │                            │                    │
 *   │  Closed ───────────────────────▶  │ unmaps ring        │
 *   │      │ ◀──────────────────────  Closed                 │
 *   └──────┘ ends grants                └─ online ───────────┘
 */
#include "xenbus_state.h"

static const char *const names[XENBUS_STATES] = {
	[XenbusStateUnknown] = "Unknown",
	[XenbusStateInitialising] = "Initialising",
	[XenbusStateInitWait] = "InitWait",
	[XenbusStateInitialised] = "Initialised",
	[XenbusStateConnected] = "Connected",
	[XenbusStateClosing] = "Closing",
	[XenbusStateClosed] = "Closed",
	[XenbusStateReconfiguring] = "Reconfiguring",
	[XenbusStateReconfigured] = "Reconfigured",
};

/**
 * xenbus_state_name() - a state by name
 * @state: a number, as the peer wrote it
 *
 * Return: the name, "Invalid" for a number that is no state.
 */
const char *xenbus_state_name(u32 state)
{
	return state < XENBUS_STATES ? names[state] : "Invalid";
}

#define WAIT		{ XENBUS_WAIT, 0 }
#define ODD		{ XENBUS_ODD, 0 }
#define SETUP		{ XENBUS_SETUP, XenbusStateInitialised }
#define CONNECT		{ XENBUS_CONNECT, XenbusStateConnected }
#define RECONF		{ XENBUS_RECONFIGURE, XenbusStateConnected }
#define CLOSING		{ XENBUS_CLOSE, XenbusStateClosing }
#define CLOSED		{ XENBUS_CLOSE, XenbusStateClosed }
#define RELEASE		{ XENBUS_RELEASE, XenbusStateClosed }
#define RESTART		{ XENBUS_RESTART, XenbusStateInitialising }

/*
 * Rows: our state. Columns: the backend's. Rows that a frontend of ours is never in (Unknown,
 * InitWait, Reconfiguring) are what a predecessor may have left: it begins anew by closing.
 *
 * A ring is let go in the row Closed alone: when we have said Closed, and the backend after that
 * says Closed, too, or is gone. All else may be older than what it does just now. In InitWait,
 * above all, it may be mapping a ring that it saw us publish: Connected comes only after that. A
 * driver that was loaded anew says InitWait first and looks at us then; what it finds must not be a
 * ring that we are about to end.
 *
 * Other cells that are not plain:
 *   Initialising | Connected…   the backend serves a predecessor of ours (crashed, kexec'ed): it
 *                               has to close that first, which it does on seeing us Closed.
 *   Connected | Initialising…   the backend began anew under us (its driver was reloaded): some
 *                               would take our ring over, others wait for a new one. Closing
 *                               suits both.
 *   Closed | Initialising…      it will look at us, say Closed, and then all begins anew.
 *
 * test/model explores this table with both ends and all orders of events.
 */
static const struct xenbus_step front[XENBUS_STATES][XENBUS_STATES] = {
/*            Unknown  Init'ing InitWait Init'ed  Connec'd Closing  Closed   Rec'ing  Rec'ed */
/* Unknown */ { RELEASE, CLOSED,  CLOSED,  CLOSED,  CLOSED,  CLOSED,  RESTART, CLOSED,  CLOSED },
/* Init'ing*/ { WAIT,    WAIT,    SETUP,   SETUP,   CLOSED,  CLOSED,  WAIT,    CLOSED,  CLOSED },
/* InitWait*/ { RELEASE, CLOSED,  CLOSED,  CLOSED,  CLOSED,  CLOSED,  RESTART, CLOSED,  CLOSED },
/* Init'ed */ { CLOSED,  WAIT,    WAIT,    WAIT,    CONNECT, CLOSED,  CLOSED,  CONNECT, RECONF },
/* Connec'd*/ { CLOSED,  CLOSING, CLOSING, ODD,     WAIT,    CLOSING, CLOSED,  WAIT,    RECONF },
/* Closing */ { CLOSED,  CLOSED,  CLOSED,  WAIT,    WAIT,    CLOSED,  CLOSED,  WAIT,    WAIT },
/* Closed  */ { RELEASE, WAIT,    WAIT,    WAIT,    WAIT,    WAIT,    RESTART, WAIT,    WAIT },
/* Rec'ing */ { RELEASE, CLOSED,  CLOSED,  CLOSED,  CLOSED,  CLOSED,  RESTART, CLOSED,  CLOSED },
/* Rec'ed  */ { CLOSED,  CLOSING, CLOSING, ODD,     CONNECT, CLOSING, CLOSED,  WAIT,    RECONF },
};

/**
 * xenbus_front_step() - what does a frontend do now?
 * @front_state: our state
 * @back_state: the backend's, as read just now; Unknown when it cannot be read
 *
 * Return: the cell. A number that is no state gives XENBUS_ODD and leaves our state as it is.
 */
struct xenbus_step xenbus_front_step(u32 front_state, u32 back_state)
{
	struct xenbus_step step = ODD;

	if (front_state < XENBUS_STATES && back_state < XENBUS_STATES)
		step = front[front_state][back_state];
	if (step.action == XENBUS_WAIT || step.action == XENBUS_ODD)
		step.next = (u8)front_state;
	return step;
}

/**
 * xenbus_front_close() - how does a frontend start to close by itself?
 * @front_state: our state
 *
 * For the removal of a device or its driver. From Closing on, xenbus_front_step() leads to Closed.
 *
 * Return: the step; XENBUS_WAIT where closing has begun already.
 */
struct xenbus_step xenbus_front_close(u32 front_state)
{
	struct xenbus_step step = { XENBUS_WAIT, (u8)front_state };

	switch (front_state) {
	case XenbusStateClosing:
	case XenbusStateClosed:
		break;
	case XenbusStateInitialised:
	case XenbusStateConnected:
	case XenbusStateReconfiguring:
	case XenbusStateReconfigured:
		step.action = XENBUS_CLOSE;
		step.next = XenbusStateClosing;
		break;
	default:	/* nothing was set up yet */
		step.action = XENBUS_RELEASE;
		step.next = XenbusStateClosed;
	}
	return step;
}
