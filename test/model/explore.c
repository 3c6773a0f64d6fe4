// SPDX-License-Identifier: GPL-2.0
/*
 * explore.c - both ends of a device, all interleavings: our table (xenbus_state.c, included as it
 * is shipped) and a model of the core around it (xs_handshake.c), against models of Linux's
 * backends and of a toolstack, through a store that is slow.
 *
 *    module          core, table      store           backend's driver     dom0
 *    load, unload ─▶ look, act ─▶ front's state, keys ─▶ look, one op ◀─ load, unload,
 *    kexec                     ◀─ back's state, online ◀─ at a time      add, remove a device
 *
 * A world is one word: what each end knows, what the store holds, what is mapped, which events are
 * under way. A move is atomic: a look reads the peer's state and nothing else; what is decided
 * from it comes later, and anything may happen in between. So events are delayed as long as one
 * likes; one flag holds many (they merge), and an end may look without any (they repeat).
 *
 * Moves are of two kinds. A *step* will be made, sooner or later: an end that has an event looks.
 * *Chance* may strike or not: drivers come and go, the guest is kexec'ed, a toolstack adds, removes
 * or forgets, a set-up fails.
 *
 * 1. Breadth first, with both kinds, from the start: no world may break a rule of breaks_rule().
 * 2. With steps alone, from every one of those worlds: no way goes on for ever, and where nothing
 *    is left to do the world must be a good place to rest: rests_badly().
 *
 * So whatever has struck, once nothing strikes any more the two ends come to rest, Connected if
 * they can be. The way to what is wrong is printed, one move a line.
 *
 *	explore MODEL [LIMIT]			one backend: blk, echo, net, nasty; with -force
 *						directories are also removed by force
 *	explore --mutant F B ACTION NEXT MODEL	with that cell of the table changed
 *
 * The status is 0, or 1 for a finding, or 2 for a usage error or a world that is too big.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "../../xenbus_state.c"

/* The states, in Xen's order: Unknown, Initialising, InitWait, Initialised (D), Connected, … */
enum { U, I, W, D, C, G, X, R, S };
#define CLOSING_OR_CLOSED(s)	((s) == G || (s) == X)

enum ring { NONE, CURRENT, OLD };	/* whose ring: none, the one that we have, one of before */

#define FAILURES_MAX	2		/* of the core, small, so that the worlds are few */

union world {
	struct {
		/* the guest */
		u64 f_module : 1;	/* the driver is loaded; 0: it is leaving, or has left */
		u64 f_device : 1;	/* the core has the device */
		u64 f_state : 4;	/* our state, as the core has it */
		u64 f_granted : 1;	/* there is a ring, set up */
		u64 f_using : 1;	/* between the driver's connect and disconnect */
		u64 f_looked : 1;	/* f_saw holds what was read and not yet acted upon */
		u64 f_saw : 4;
		u64 f_failed : 2;	/* set-ups in a row */
		u64 f_event : 1;	/* a watch event waits */
		/* the store */
		u64 front : 4;		/* our state; U: no directory */
		u64 keys : 2;		/* ring-ref, event-channel: of which ring */
		u64 back : 4;
		u64 online : 1;
		/* dom0 */
		u64 b_driver : 1;	/* loaded */
		u64 b_device : 1;	/* its core has the device */
		u64 b_bound : 1;	/* and the driver drives it */
		u64 b_state : 4;	/* as the driver has it */
		u64 b_program : 4;	/* what it is doing, and how far it is */
		u64 b_at : 3;
		u64 b_keys : 2;		/* read, not yet mapped */
		u64 mapped : 2;
		u64 b_event : 1;
		u64 torn : 1;		/* a directory was removed under what is mapped */
	};
	u64 all;
};

/* ---- what is explored --------------------------------------------------------------------- */

static enum kind { BLK, ECHO, NET, NASTY } kind;
static int force;		/* directories are removed by force, too */
static struct { u32 front, back; struct xenbus_step step; int is; } mutant;

static struct xenbus_step table(u32 front_state, u32 back)
{
	if (mutant.is && mutant.front == front_state && mutant.back == back) {
		struct xenbus_step step = mutant.step;

		if (step.action == XENBUS_WAIT || step.action == XENBUS_ODD)
			step.next = (u8)front_state;
		return step;
	}
	return xenbus_front_step(front_state, back);
}

static int is_up(u32 state)
{
	return state == C || state == R || state == S;
}

/* ---- rules -------------------------------------------------------------------------------- */

static const char *broken;	/* the rule that the move just made has broken */
static unsigned long forced;	/* grants that were ended under a backend whose directory is gone */

static void must(int good, const char *rule)
{
	if (!good && !broken)
		broken = rule;
}

static void breaks_rule(const union world *w)
{
	must(!w->f_using || w->f_granted, "a ring is used that is not there");
	must(!w->f_using || !CLOSING_OR_CLOSED(w->f_state), "used after Closing");
	must(w->f_state != C || w->f_using || !w->f_device, "Connected, and the ring is not used");
	must(!w->f_device || !w->f_using || w->f_state == C || w->f_state == D,
	     "used in a state that is not Connected");
}

/* ---- the store ---------------------------------------------------------------------------- */

/* Whoever watches is told; a directory that has gone is not written to. */
static void write_back(union world *w, u32 state)
{
	if (w->back == U)
		return;
	w->back = state;
	w->f_event = 1;
}

/* ---- the frontend: what xs_front.c does with the table ------------------------------------ */

/* What was ours is of a ring that is no more. */
static void forget_ring(union world *w)
{
	w->f_granted = w->f_using = 0;
	if (w->keys == CURRENT)
		w->keys = OLD;
	if (w->b_keys == CURRENT)
		w->b_keys = OLD;
	if (w->mapped == CURRENT)
		w->mapped = OLD;
}

static void end_grants(union world *w)
{
	if (w->f_granted && w->mapped == CURRENT) {
		must(w->torn || kind == NASTY, "a grant is ended while it is mapped");
		forced++;
	}
	forget_ring(w);
}

static void act(union world *w, struct xenbus_step step)
{
	switch (step.action) {
	case XENBUS_SETUP:
		must(!w->f_using, "set up while it is used");
		must(w->f_state == I, "a ring is published out of turn");
		w->f_granted = 1;
		break;
	case XENBUS_CONNECT:
	case XENBUS_RECONFIGURE:
		must(w->f_granted, "connected without a ring");
		must(is_up(w->f_saw), "connected to a backend that is not");
		must(!CLOSING_OR_CLOSED(w->f_state), "used after Closing");
		w->f_using = 1;
		w->f_failed = 0;
		break;
	case XENBUS_CLOSE:
		w->f_using = 0;
		break;
	case XENBUS_RELEASE:
	case XENBUS_RESTART:
		end_grants(w);
		break;
	}
}

/*
 * Our state is written in a transaction that looks once more. Where a ring is published or all
 * begins anew, the backend's state must still be the one that was acted upon; else nothing is
 * written, and the core looks again. And the directory must still be ours: not gone, and not made
 * anew, which shows in an Initialising that we have not written.
 */
static void take_step(union world *w, struct xenbus_step step)
{
	u32 before = w->f_state;

	act(w, step);
	if (step.next == before)
		return;
	w->f_event = 1;		/* the core looks again after each change */
	if ((step.action == XENBUS_SETUP || step.action == XENBUS_RESTART) && w->back != w->f_saw)
		return;
	w->f_state = step.next;
	if (w->front == U || (w->front == I && before != I && before != U))
		return;
	w->front = step.next;
	w->b_event = 1;
	if (step.action == XENBUS_SETUP)
		w->keys = CURRENT;	/* together with the state */
}

static struct xenbus_step next_step(const union world *w)
{
	struct xenbus_step step = table(w->f_state, w->f_saw);

	if (step.action == XENBUS_RESTART &&
	    (!w->f_module || w->f_failed >= FAILURES_MAX || !w->online)) {
		step.action = XENBUS_RELEASE;
		step.next = XenbusStateClosed;
	}
	if (!w->f_module && step.action != XENBUS_CLOSE && step.action != XENBUS_RELEASE)
		step = xenbus_front_close(w->f_state);
	return step;
}

static int front_look(union world *w)
{
	if (!w->f_device || w->f_looked)
		return 0;
	w->f_looked = 1;
	w->f_saw = w->back;
	w->f_event = 0;
	return 1;
}

static int front_must_look(union world *w)
{
	return w->f_event && front_look(w);
}

static int front_act(union world *w)
{
	struct xenbus_step step = next_step(w);

	if (!w->f_device || !w->f_looked)
		return 0;
	take_step(w, step);
	w->f_looked = w->f_saw = 0;
	return 1;
}

/* The driver's setup or connect says no: the core closes. */
static int front_act_fails(union world *w)
{
	struct xenbus_step step = next_step(w);

	if (!w->f_device || !w->f_looked)
		return 0;
	if (step.action != XENBUS_SETUP && step.action != XENBUS_CONNECT)
		return 0;
	if (w->f_failed < FAILURES_MAX)
		w->f_failed++;
	w->f_looked = w->f_saw = 0;
	take_step(w, xenbus_front_close(w->f_state));
	return 1;
}

/* The core finds the device: begins where a frontend may begin, takes all else for Unknown. */
static int front_found(union world *w)
{
	if (!w->f_module || w->f_device || w->front == U)
		return 0;
	w->f_device = 1;
	w->f_state = w->front == I || w->front == X ? w->front : U;
	w->f_event = 1;
	w->f_failed = 0;
	return 1;
}

static void front_drop(union world *w)
{
	w->f_device = w->f_looked = w->f_event = 0;
	w->f_saw = w->f_state = w->f_failed = 0;
}

/* Our directory is gone: so is the device. */
static int front_gone(union world *w)
{
	if (!w->f_device || w->front != U || w->f_looked)
		return 0;
	end_grants(w);
	front_drop(w);
	return 1;
}

/* The directory was made anew: this is another device. */
static int front_other(union world *w)
{
	if (!w->f_device || w->front != I || w->f_state == I || w->f_state == U || w->f_looked)
		return 0;
	end_grants(w);
	front_drop(w);
	return 1;
}

static int front_unload(union world *w)
{
	if (!w->f_module || w->f_looked)
		return 0;
	w->f_module = 0;
	if (w->f_device) {
		take_step(w, xenbus_front_close(w->f_state));
		w->f_event = 1;
	}
	return 1;
}

static int front_left(union world *w)
{
	if (w->f_module || !w->f_device || w->f_granted || w->f_looked || w->f_event)
		return 0;
	front_drop(w);
	return 1;
}

/* The deadline is over and the backend still has our ring: freed when it lets go. */
static int front_left_late(union world *w)
{
	if (w->f_module || !w->f_device || !w->f_granted || w->f_looked)
		return 0;
	forget_ring(w);
	front_drop(w);
	return 1;
}

static int front_load(union world *w)
{
	if (w->f_module || w->f_device)
		return 0;
	w->f_module = 1;
	return 1;
}

/* Another kernel in the same guest: what the store says of the device stays. */
static int front_kexec(union world *w)
{
	if (!w->f_device)
		return 0;
	forget_ring(w);
	front_drop(w);
	w->f_module = 1;
	return 1;
}

/* ---- the backends ------------------------------------------------------------------------- */

/* What a driver does on seeing our state, one op at a time; its looks wait until it is through. */
enum op {
	OP_END, OP_UNMAP, OP_KEYS, OP_MAP, OP_INITWAIT, OP_CONNECTED, OP_CLOSING, OP_CLOSED,
	OP_END_IF_ONLINE, OP_DIE,
};

static const u8 programs[][6] = {
	{ OP_END },
#define TO_INITWAIT	1
	{ OP_INITWAIT, OP_END },
#define TO_CLOSING	2
	{ OP_CLOSING, OP_END },
#define TO_CLOSED	3
	{ OP_UNMAP, OP_CLOSED, OP_END_IF_ONLINE, OP_DIE },
#define TO_DEATH	4
	{ OP_UNMAP, OP_DIE },
#define BLK_CONNECT	5
	{ OP_UNMAP, OP_KEYS, OP_MAP, OP_CONNECTED, OP_END },
#define ECHO_CONNECT	6
	{ OP_KEYS, OP_MAP, OP_CONNECTED, OP_END },
#define NET_CONNECT	7
	{ OP_INITWAIT, OP_KEYS, OP_MAP, OP_CONNECTED, OP_END },
#define NET_CLOSING	8
	{ OP_UNMAP, OP_CLOSING, OP_END },
#define NET_CLOSED	9
	{ OP_UNMAP, OP_CLOSING, OP_CLOSED, OP_END_IF_ONLINE, OP_DIE },
#define NET_DEATH	10
	{ OP_UNMAP, OP_CLOSING, OP_CLOSED, OP_DIE },
#define NET_ANEW	11
	{ OP_UNMAP, OP_CLOSING, OP_CLOSED, OP_INITWAIT, OP_END },
#define OFFLINE_DEATH	12
	{ OP_END_IF_ONLINE, OP_DIE },
};

/* Linux's xen-blkback: takes the ring of a frontend that says Connected, too. */
static u32 blk_sees(u32 state, u32 front_state)
{
	switch (front_state) {
	case U:
		return TO_DEATH;
	case I:
		return state == X ? TO_INITWAIT : 0;
	case D:
	case C:
		return is_up(state) ? 0 : BLK_CONNECT;
	case X:
		return TO_CLOSED;
	default:
		return TO_CLOSING;
	}
}

/* test/echo_back: wants the steps in order. */
static u32 echo_sees(u32 state, u32 front_state)
{
	switch (front_state) {
	case U:
		return TO_DEATH;
	case I:
		return state == X ? TO_INITWAIT : 0;
	case D:
		return state == W ? ECHO_CONNECT : 0;
	case G:
		return TO_CLOSING;
	case X:
		return TO_CLOSED;
	default:
		return 0;
	}
}

/* Linux's xen-netback: waits for a frontend that says Connected by itself, which ours does not. */
static u32 net_sees(u32 state, u32 front_state)
{
	switch (front_state) {
	case U:
		return NET_DEATH;
	case I:
		return state == W ? 0 : is_up(state) ? NET_ANEW : TO_INITWAIT;
	case C:
		return is_up(state) ? 0 : NET_CONNECT;
	case G:
		return NET_CLOSING;
	case X:
		return state == X ? OFFLINE_DEATH : NET_CLOSED;
	default:
		return 0;
	}
}

static int back_look(union world *w)
{
	if (!w->b_bound || w->b_program)
		return 0;
	w->b_event = 0;
	w->b_at = 0;
	w->b_program = kind == BLK ? blk_sees(w->b_state, w->front) :
		       kind == NET ? net_sees(w->b_state, w->front) :
		       echo_sees(w->b_state, w->front);
	return 1;
}

static int back_must_look(union world *w)
{
	return w->b_event && back_look(w);
}

/* The kernel writes a state only if it is another than the driver had. */
static void back_switch(union world *w, u32 state)
{
	if (w->b_state == state)
		return;
	w->b_state = state;
	write_back(w, state);
}

static void back_drop(union world *w)
{
	w->mapped = NONE;
	w->torn = 0;
	w->b_bound = w->b_event = 0;
	w->b_state = w->b_program = w->b_at = w->b_keys = 0;
}

static int back_op(union world *w)
{
	u32 op = programs[w->b_program][w->b_at];

	if (!w->b_bound || !w->b_program || (op == OP_MAP && w->b_keys == NONE))
		return 0;
	w->b_at++;
	switch (op) {
	case OP_UNMAP:
		w->mapped = NONE;
		break;
	case OP_KEYS:
		w->b_keys = w->keys;
		break;
	case OP_MAP:
		must(w->mapped == NONE, "the backend maps twice");
		w->mapped = w->b_keys;
		w->b_keys = NONE;
		break;
	case OP_INITWAIT:
		back_switch(w, W);
		break;
	case OP_CONNECTED:
		back_switch(w, C);
		break;
	case OP_CLOSING:
		back_switch(w, G);
		break;
	case OP_CLOSED:
		back_switch(w, X);
		break;
	case OP_END_IF_ONLINE:
		if (w->online)
			w->b_program = w->b_at = 0;
		return 1;
	case OP_DIE:
		back_drop(w);
		w->b_device = 0;
		return 1;
	}
	if (programs[w->b_program][w->b_at] == OP_END)
		w->b_program = w->b_at = 0;
	return 1;
}

/* There is nothing to map, or it cannot be: the driver gives up with an error. */
static int back_map_fails(union world *w)
{
	if (!w->b_bound || programs[w->b_program][w->b_at] != OP_MAP)
		return 0;
	w->b_keys = NONE;
	w->b_program = TO_CLOSING;
	w->b_at = 0;
	return 1;
}

static int back_map_of_nothing_fails(union world *w)
{
	return w->b_keys == NONE && back_map_fails(w);
}

/* dom0's core: a device is made when its state is Initialising, and goes with its directory. */
static int back_found(union world *w)
{
	if (w->b_device || w->back != I)
		return 0;
	w->b_device = 1;
	return 1;
}

static int back_gone(union world *w)
{
	if (!w->b_device || w->back != U || w->b_program)
		return 0;
	back_drop(w);
	w->b_device = 0;
	return 1;
}

static int back_bind(union world *w)
{
	if (!w->b_driver || !w->b_device || w->b_bound || w->back == U)
		return 0;
	w->b_bound = 1;
	w->b_state = I;
	back_switch(w, W);
	w->b_event = 1;
	return 1;
}

/* xen-blkback leaves its state as it was, unless a toolstack wants it closed; others are Closed. */
static int back_unload(union world *w)
{
	if (!w->b_driver || w->b_program)
		return 0;
	w->b_driver = 0;
	if (!w->b_bound)
		return 1;
	if (kind != BLK || w->back == G)
		write_back(w, X);
	back_drop(w);
	return 1;
}

static int back_load(union world *w)
{
	if (w->b_driver)
		return 0;
	w->b_driver = 1;
	return 1;
}

/* Its keys have changed: Connected, Reconfiguring, Reconfigured, Connected. */
static int back_reconfigures(union world *w)
{
	if (!w->b_bound || w->b_program || !is_up(w->b_state))
		return 0;
	back_switch(w, w->b_state == C ? R : w->b_state == R ? S : C);
	return 1;
}

/* ---- the nasty one: any state, any mapping, any time ---------------------------------------- */

static int nasty_writes(union world *w)
{
	if (kind != NASTY || w->back == U)
		return 0;
	write_back(w, w->back == S ? I : w->back + 1);
	return 1;
}

static int nasty_maps(union world *w)
{
	if (kind != NASTY)
		return 0;
	w->mapped = w->mapped == NONE ? w->keys : NONE;
	return 1;
}

/* ---- the toolstack ------------------------------------------------------------------------ */

static void remove_dirs(union world *w, int front_too)
{
	w->torn = w->b_bound;
	if (front_too) {
		w->front = U;
		w->keys = NONE;
	}
	w->back = U;
	w->online = 0;
	w->f_event = w->f_device;
	w->b_event = w->b_bound;
}

/* It looks first: a backend that is Closed would not move any more. */
static int tool_detaches(union world *w)
{
	if (!w->online || w->back == U)
		return 0;
	w->online = 0;
	if (w->back != X)
		write_back(w, G);
	return 1;
}

static int tool_removes(union world *w)
{
	if (w->online || w->back != X || w->mapped != NONE)
		return 0;
	remove_dirs(w, 1);
	return 1;
}

/* Not before dom0's core has seen that the old one went: it would not see it at all. */
static int tool_adds(union world *w)
{
	if (w->front != U || w->back != U || w->b_device)
		return 0;
	w->front = w->back = I;
	w->online = 1;
	w->keys = NONE;
	w->f_event = w->f_device;
	return 1;
}

static int force_removes(union world *w)
{
	if (!force || w->back == U)
		return 0;
	remove_dirs(w, 1);
	return 1;
}

static int force_removes_back(union world *w)
{
	if (!force || w->back == U)
		return 0;
	remove_dirs(w, 0);
	return 1;
}

static int force_adds_back(union world *w)
{
	if (!force || w->front == U || w->back != U || w->b_device)
		return 0;
	w->online = 1;
	w->back = I;
	w->f_event = w->f_device;
	return 1;
}

/* ---- moves -------------------------------------------------------------------------------- */

static const struct move {
	int (*make)(union world *w);	/* 0: it cannot be made here */
	const char *text;
	int is_step;
} moves[] = {
	{ front_must_look,	"front looks, as an event tells it to", 1 },
	{ front_act,		"front acts on what it saw", 1 },
	{ front_found,		"front's core finds the device", 1 },
	{ front_gone,		"front's core sees that its directory has gone", 1 },
	{ front_other,		"front's core sees that the device was made anew", 1 },
	{ front_left,		"front's driver has left", 1 },
	{ back_must_look,	"back looks, as an event tells it to", 1 },
	{ back_map_of_nothing_fails, "back has nothing to map", 1 },
	{ back_op,		"back does the next op", 1 },
	{ back_found,		"dom0's core finds the device", 1 },
	{ back_gone,		"dom0's core sees that its directory has gone", 1 },
	{ back_bind,		"back's driver takes the device", 1 },
	{ front_look,		"front looks for no reason", 0 },
	{ front_act_fails,	"front's set-up or connect fails", 0 },
	{ front_unload,		"front's driver is unloaded", 0 },
	{ front_left_late,	"front's driver leaves at the deadline", 0 },
	{ front_load,		"front's driver is loaded", 0 },
	{ front_kexec,		"the guest is kexec'ed", 0 },
	{ back_look,		"back looks for no reason", 0 },
	{ back_map_fails,	"back cannot map the ring", 0 },
	{ back_unload,		"back's driver is unloaded", 0 },
	{ back_load,		"back's driver is loaded", 0 },
	{ back_reconfigures,	"back reconfigures", 0 },
	{ nasty_writes,		"back writes the next state", 0 },
	{ nasty_maps,		"back maps or unmaps", 0 },
	{ tool_detaches,	"the toolstack wants the device closed", 0 },
	{ tool_removes,		"the toolstack removes the closed device", 0 },
	{ tool_adds,		"the toolstack adds the device", 0 },
	{ force_removes,	"somebody removes both directories", 0 },
	{ force_removes_back,	"somebody removes the back's directory", 0 },
	{ force_adds_back,	"somebody makes the back's directory anew", 0 },
};

#define MOVES	(sizeof(moves) / sizeof(moves[0]))

/* Of a backend that does what it likes, nothing is to be expected but what the front does. */
static int allowed(u32 m)
{
	return kind != NASTY ||
		(moves[m].make != back_bind && moves[m].make != back_found);
}

/* ---- where it may come to rest ------------------------------------------------------------ */

/* Nothing is left to do in this world. Returns what is wrong with that. */
static const char *rests_badly(const union world *w)
{
	int reachable = w->f_module && w->f_device && w->b_bound && w->online;

	if (kind == NASTY)
		return NULL;
	if (w->f_device && w->f_state == C && w->back != C && w->back != R && w->back != S)
		return "front Connected for ever, back not";
	if ((w->f_module || w->f_device) && w->b_bound && is_up(w->back) && w->front != C)
		return "back Connected for ever, front not";
	if (w->f_using && w->b_bound && w->mapped != CURRENT)
		return "front uses a ring that back has not mapped";
	if (!w->f_module && w->f_device && w->b_bound)
		return "front's driver cannot leave";
	if ((w->f_module || w->f_device) && w->b_bound && w->mapped != NONE && !w->f_using)
		return "back keeps a ring that front does not use";
	if (kind == NET && w->f_state == D && w->back == W)
		return NULL;	/* known: a network card wants a table of its own */
	if (reachable && w->f_failed < FAILURES_MAX && !w->f_using)
		return "both ends are there and wait for each other";
	return NULL;
}

/* ---- all worlds ---------------------------------------------------------------------------- */

struct seen {
	union world world;
	u32 from;		/* the world before, by number */
	u8 by;			/* the move that led here */
	u8 colour;		/* of the second pass */
};

static struct seen *seen;
static u32 *slots;		/* hash table of numbers, 0: empty */
static u32 count, limit = 1u << 25, slot_mask;

static u32 find_slot(union world w)
{
	u32 slot = (u32)((w.all * 0x9e3779b97f4a7c15ull) >> 32) & slot_mask;

	while (slots[slot] && seen[slots[slot]].world.all != w.all)
		slot = (slot + 1) & slot_mask;
	return slot;
}

static u32 number_of(union world w)
{
	return slots[find_slot(w)];
}

static u32 add(union world w, u32 from, u32 by)
{
	u32 slot = find_slot(w);

	if (slots[slot])
		return slots[slot];
	if (count + 1 >= limit) {
		printf("# more than %u worlds\n", limit);
		exit(2);
	}
	seen[++count] = (struct seen){ w, from, (u8)by, 0 };
	slots[slot] = count;
	return count;
}

static void print_world(const union world *w)
{
	static const char *const ring[] = { "no ring", "the ring", "an old ring" };

	printf("#      front %s%s%s%s%s%s| store %s | %s%s | back %s%s%s, %s mapped\n",
	       w->f_device ? xenbus_state_name(w->f_state) : "(none)",
	       w->f_module ? "" : " leaving",
	       w->f_granted ? " granted" : "", w->f_using ? " using" : "", w->f_event ? " !" : "",
	       w->f_looked ? " saw " : " ", xenbus_state_name(w->front), xenbus_state_name(w->back),
	       w->online ? "" : " offline",
	       w->b_bound ? xenbus_state_name(w->b_state) : w->b_device ? "(no driver)" : "(none)",
	       w->b_program ? " at work" : "", w->b_event ? " !" : "", ring[w->mapped]);
}

static void print_way(u32 number)
{
	u32 way[4096], n = 0;

	for (; number && n < 4096; number = seen[number].from)
		way[n++] = number;
	while (n--) {
		if (seen[way[n]].from)
			printf("#   %s\n", moves[seen[way[n]].by].text);
		print_world(&seen[way[n]].world);
	}
}

/* First pass. Returns 0, or 1 after it has told of a broken rule. */
static int explore(void)
{
	union world start = { .all = 0 }, w;
	u32 at, m;

	start.b_driver = start.f_module = 1;
	if (kind == NASTY) {
		start.front = start.back = I;
		start.online = 1;
	}
	add(start, 0, 0);
	for (at = 1; at <= count; at++) {
		for (m = 0; m < MOVES; m++) {
			w = seen[at].world;
			if (!allowed(m) || !moves[m].make(&w))
				continue;
			breaks_rule(&w);
			if (broken) {
				printf("# %s\n", broken);
				print_way(at);
				printf("#   %s\n", moves[m].text);
				print_world(&w);
				return 1;
			}
			add(w, at, m);
		}
	}
	return 0;
}

/* ---- steps alone ---------------------------------------------------------------------------- */

enum { WHITE, GREY, BLACK };

struct frame {
	u32 number;
	u8 next_move;
};

static u32 resting;

static int bad_rest(u32 number)
{
	const char *what = rests_badly(&seen[number].world);

	resting++;
	if (!what)
		return 0;
	printf("# %s\n", what);
	print_way(number);
	return 1;
}

/* The next world by a step from the frame's; 0: there is none left. */
static u32 next_by_step(struct frame *f)
{
	union world w;
	u32 m;

	while (f->next_move < MOVES) {
		m = f->next_move++;
		w = seen[f->number].world;
		if (moves[m].is_step && allowed(m) && moves[m].make(&w))
			return number_of(w);
	}
	return 0;
}

/* Depth first from one world. A grey one met again is a way that goes on for ever. */
static int follow_steps(u32 from, struct frame *stack)
{
	u32 depth = 0, next, i;
	int moved = 1;

	stack[0] = (struct frame){ from, 0 };
	seen[from].colour = GREY;
	for (;;) {
		struct frame *f = &stack[depth];
		int fresh = f->next_move == 0;

		next = next_by_step(f);
		if (!next) {
			if (fresh && moved && bad_rest(f->number))
				return 1;
			seen[f->number].colour = BLACK;
			if (!depth--)
				return 0;
			continue;
		}
		if (seen[next].colour == GREY) {
			printf("# the two ends go round for ever:\n");
			for (i = 0; stack[i].number != next; i++)
				;
			for (; i <= depth; i++) {
				print_world(&seen[stack[i].number].world);
				printf("#   %s\n", moves[stack[i].next_move - 1].text);
			}
			return 1;
		}
		if (seen[next].colour == WHITE) {
			seen[next].colour = GREY;
			stack[++depth] = (struct frame){ next, 0 };
		}
	}
}

static int settle(void)
{
	struct frame *stack = malloc(((size_t)count + 1) * sizeof(*stack));
	int found = 0;
	u32 at;

	if (!stack)
		exit(2);
	for (at = 1; at <= count && !found; at++)
		if (seen[at].colour == WHITE)
			found = follow_steps(at, stack);
	free(stack);
	return found;
}

/* ---- command line --------------------------------------------------------------------------- */

static int choose(const char *model)
{
	static const char *const names[] = { "blk", "echo", "net", "nasty" };
	size_t len = strcspn(model, "-");
	u32 i;

	force = !strcmp(model + len, "-force");
	if (!force && model[len])
		return 0;
	for (i = 0; i < 4; i++) {
		if (strlen(names[i]) == len && !strncmp(model, names[i], len)) {
			kind = i;
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	int found;

	if (argc == 7 && !strcmp(argv[1], "--mutant")) {
		mutant.is = 1;
		mutant.front = (u32)atoi(argv[2]);
		mutant.back = (u32)atoi(argv[3]);
		mutant.step.action = (u8)atoi(argv[4]);
		mutant.step.next = (u8)atoi(argv[5]);
		argv += 5;
		argc -= 5;
	}
	if (argc == 3)
		limit = (u32)atoi(argv[2]);
	if (argc < 2 || argc > 3 || !limit || !choose(argv[1])) {
		fprintf(stderr, "usage: explore [--mutant F B ACTION NEXT] MODEL [LIMIT]\n");
		return 2;
	}
	for (slot_mask = 1; slot_mask < 2 * limit; slot_mask = slot_mask * 2 + 1)
		;
	seen = calloc(limit, sizeof(*seen));
	slots = calloc((size_t)slot_mask + 1, sizeof(*slots));
	if (!seen || !slots)
		return 2;
	found = explore() || settle();
	printf("# %s: %u worlds, %u at rest, %lu grants ended by force\n", argv[1], count, resting,
	       forced);
	return found;
}
