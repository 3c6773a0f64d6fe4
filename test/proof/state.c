// SPDX-License-Identifier: GPL-2.0
/* state.c - proofs of xenbus_state.c for all 2^64 pairs of numbers that two ends can write. */
#include "proof.h"
#include "../../xenbus_state.c"

static bool has_let_go(u32 back)
{
	return back == XenbusStateUnknown || back == XenbusStateClosed;
}

/* A ring of ours is published in all states but these, which a predecessor left, and Closed. */
static bool is_public(u32 front_state)
{
	return front_state != XenbusStateUnknown && front_state != XenbusStateInitWait &&
	       front_state != XenbusStateReconfiguring && front_state != XenbusStateClosed;
}

static bool moves(struct xenbus_step step)
{
	return step.action != XENBUS_WAIT && step.action != XENBUS_ODD;
}

/* proof: state_name of=xenbus_state_name
 * A name for every number. */
void state_name(void)
{
	u32 state = nondet_u32();
	const char *name = xenbus_state_name(state);

	MUST(name && __CPROVER_r_ok(name, 7) && name[0] >= 'A' && name[0] <= 'Z', "a name");
	MUST(state < XENBUS_STATES || name[1] == 'n' && name[2] == 'v', "Invalid");
	REACH("end");
}

/* proof: front_step of=xenbus_front_step
 * A known action and a real state for every pair; no state is written without an action; numbers
 * that are no states are odd and change nothing; what the backend may have mapped, or may find
 * and map, is never released; rings are made and used only where the diagram says. */
void front_step(void)
{
	u32 front_state = nondet_u32(), back = nondet_u32();
	struct xenbus_step s = xenbus_front_step(front_state, back);

	MUST(s.action <= XENBUS_RESTART, "a known action");
	if (front_state >= XENBUS_STATES || back >= XENBUS_STATES) {
		MUST(s.action == XENBUS_ODD && s.next == (u8)front_state, "no state: odd, kept");
		REACH("no state");
		return;
	}
	MUST(s.next < XENBUS_STATES, "a real state");
	MUST(moves(s) || s.next == front_state, "waiting keeps the state");
	if (s.action == XENBUS_RELEASE || s.action == XENBUS_RESTART) {
		MUST(has_let_go(back), "released only when the backend has let go");
		MUST(!is_public(front_state), "and nothing of ours is public any more");
		MUST(s.next == (s.action == XENBUS_RELEASE ? XenbusStateClosed :
				XenbusStateInitialising), "Closed or anew");
		REACH("release");
	}
	if (s.action == XENBUS_SETUP) {
		MUST(front_state == XenbusStateInitialising && s.next == XenbusStateInitialised &&
		     (back == XenbusStateInitWait || back == XenbusStateInitialised), "once");
		REACH("setup");
	}
	if (s.action == XENBUS_CONNECT || s.action == XENBUS_RECONFIGURE) {
		MUST(s.next == XenbusStateConnected && back >= XenbusStateConnected &&
		     back != XenbusStateClosing && back != XenbusStateClosed,
		     "connected only to a backend that is");
		MUST(front_state == XenbusStateInitialised || front_state == XenbusStateConnected ||
		     front_state == XenbusStateReconfigured, "and only with a ring that is set up");
		REACH("connect");
	}
	if (s.action == XENBUS_CLOSE)
		MUST(s.next == XenbusStateClosing || s.next == XenbusStateClosed, "closing closes");
	/* The backend closes: we never stay in use. */
	if (back == XenbusStateClosing && front_state != XenbusStateClosed)
		MUST(s.next == XenbusStateClosed || s.next == XenbusStateClosing, "follows");
}

/* proof: front_settles unwind=5
 * The same backend state seen again and again: the state comes to rest after three looks, and
 * neither set-up nor connect is done twice. */
void front_settles(void)
{
	u32 f = nondet_u32(), back = nondet_u32(), i, setups = 0, connects = 0;
	struct xenbus_step s;

	ASSUME(f < XENBUS_STATES && back < XENBUS_STATES);
	for (i = 0; i < 4; i++) {
		s = xenbus_front_step(f, back);
		if (i == 3)
			MUST(s.next == f, "at rest");
		setups += s.action == XENBUS_SETUP;
		connects += s.action == XENBUS_CONNECT;
		f = s.next;
	}
	MUST(setups <= 1 && connects <= 1, "done once");
	REACH("end");
}

/* proof: front_close of=xenbus_front_close
 * Leads into closing from every number; keeps what the backend may have mapped; once there, no
 * answer to a backend that still holds the ring leads back into use. */
void front_close(void)
{
	u32 front_state = nondet_u32(), back = nondet_u32();
	struct xenbus_step s = xenbus_front_close(front_state), t;

	MUST(s.next == XenbusStateClosing || s.next == XenbusStateClosed, "closing");
	MUST(s.action == XENBUS_WAIT || s.action == XENBUS_CLOSE || s.action == XENBUS_RELEASE,
	     "a known action");
	if (front_state >= XenbusStateInitialised && front_state < XENBUS_STATES)
		MUST(s.action != XENBUS_RELEASE, "a ring that may be mapped is kept");
	MUST((s.action == XENBUS_WAIT) == (front_state == XenbusStateClosing ||
					   front_state == XenbusStateClosed), "waits when begun");
	ASSUME(back < XENBUS_STATES && !has_let_go(back));
	t = xenbus_front_step(s.next, back);
	MUST(t.next == XenbusStateClosing || t.next == XenbusStateClosed, "stays closing");
	MUST(!moves(t) || t.action == XENBUS_CLOSE, "and keeps the ring");
	REACH("end");
}
