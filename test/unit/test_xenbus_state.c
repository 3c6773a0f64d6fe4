// SPDX-License-Identifier: GPL-2.0
/*
 * test_xenbus_state.c - the handshake table: vectors of the ways that blkif.h draws, and properties
 * that hold for all pairs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../../xenbus_state.c"

enum { U, I, W, D, C, G, X, R, S };	/* Unknown, Initialising, InitWait, Initialised, Connected,
					 * Closing, Closed, Reconfiguring, Reconfigured */

#define BIT(n)		(1u << (n))

/* States in which no backend has anything of ours mapped, once we have said Closed. */
#define LET_GO		(BIT(U) | BIT(X))

/* States of ours in which we have no ring: what a predecessor left. */
#define NO_RING		(BIT(U) | BIT(W) | BIT(R))

/* ---- vectors: what the document says, one step a line ------------------------------------ */

static const struct {
	u32 front, back;
	u8 action, next;
	const char *why;
} steps[] = {
	/* the way up */
	{ I, U, XENBUS_WAIT,    I, "no backend yet" },
	{ I, I, XENBUS_WAIT,    I, "it says first what it can do" },
	{ I, W, XENBUS_SETUP,   D, "the front's turn" },
	{ I, D, XENBUS_SETUP,   D, "some backends say Initialised instead" },
	{ D, W, XENBUS_WAIT,    D, "it maps the ring" },
	{ D, C, XENBUS_CONNECT, C, "both are up" },
	{ C, C, XENBUS_WAIT,    C, "data flows" },
	/* the way down, begun by the back */
	{ C, G, XENBUS_CLOSE,   G, "stop, keep the ring" },
	{ G, G, XENBUS_CLOSE,   X, "no more is coming" },
	{ X, G, XENBUS_WAIT,    X, "it unmaps" },
	{ X, X, XENBUS_RESTART, I, "it has let go; online or not, wait afresh" },
	/* begun by the front */
	{ G, C, XENBUS_WAIT,    G, "it has not seen it yet" },
	{ G, X, XENBUS_CLOSE,   X, "say Closed, look once more, then let go" },
	{ X, C, XENBUS_WAIT,    X, "it still has our ring" },
	{ X, W, XENBUS_WAIT,    X, "it may be mapping; it says Closed when it has seen us" },
	{ X, I, XENBUS_WAIT,    X, "a new one: it will look at us, too" },
	/* gone */
	{ D, U, XENBUS_CLOSE,   X, "its directory is gone: a new one must not find our ring" },
	{ C, U, XENBUS_CLOSE,   X, "the same" },
	{ G, U, XENBUS_CLOSE,   X, "the same" },
	{ X, U, XENBUS_RELEASE, X, "nobody can have it now" },
	{ C, X, XENBUS_CLOSE,   X, "seen late: it was Closing in between" },
	{ D, X, XENBUS_CLOSE,   X, "its driver may be loaded anew and find our ring" },
	{ C, W, XENBUS_CLOSE,   G, "its driver was loaded anew, and may take our ring over" },
	{ G, W, XENBUS_CLOSE,   X, "it may be mapping just now" },
	/* a predecessor's */
	{ I, C, XENBUS_CLOSE,   X, "it serves somebody who has gone" },
	{ I, G, XENBUS_CLOSE,   X, "the same" },
	{ U, C, XENBUS_CLOSE,   X, "it has to close that first" },
	{ U, D, XENBUS_CLOSE,   X, "it may be mapping just now" },
	{ R, C, XENBUS_CLOSE,   X, "no frontend of ours is ever Reconfiguring" },
	{ U, W, XENBUS_CLOSE,   X, "it may be mapping a predecessor's ring" },
	{ U, X, XENBUS_RESTART, I, "it has let go of it" },
	/* reconfiguring */
	{ C, R, XENBUS_WAIT,    C, "keys are being written" },
	{ C, S, XENBUS_RECONFIGURE, C, "read them" },
	{ S, C, XENBUS_CONNECT, C, "done" },
};

static void step_vectors(void **state)
{
	struct xenbus_step s;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		s = xenbus_front_step(steps[i].front, steps[i].back);
		if (s.action != steps[i].action || s.next != steps[i].next)
			fail_msg("%s | %s: action %u, next %s (%s)",
				 xenbus_state_name(steps[i].front),
				 xenbus_state_name(steps[i].back), s.action,
				 xenbus_state_name(s.next), steps[i].why);
	}
}

/* The whole table once more, as rules for sets of states. */
static const struct {
	u32 fronts, backs;
	u8 action, next;
	const char *why;
} rules[] = {
	{ BIT(I), BIT(U) | BIT(I) | BIT(X), XENBUS_WAIT, I, "nothing there yet" },
	{ BIT(I), BIT(W) | BIT(D), XENBUS_SETUP, D, "our turn" },
	{ BIT(I), BIT(C) | BIT(G) | BIT(R) | BIT(S), XENBUS_CLOSE, X, "it has another ring" },
	{ BIT(D), BIT(I) | BIT(W) | BIT(D), XENBUS_WAIT, D, "its turn" },
	{ BIT(D), BIT(C) | BIT(R), XENBUS_CONNECT, C, "it has mapped the ring" },
	{ BIT(D), BIT(S), XENBUS_RECONFIGURE, C, "the same, and keys are new" },
	{ BIT(D), BIT(U) | BIT(G) | BIT(X), XENBUS_CLOSE, X, "it will not map it" },
	{ BIT(C) | BIT(S), BIT(U) | BIT(X), XENBUS_CLOSE, X, "it is gone" },
	{ BIT(C) | BIT(S), BIT(I) | BIT(W) | BIT(G), XENBUS_CLOSE, G, "it goes, or is a new one" },
	{ BIT(C), BIT(D), XENBUS_ODD, C, "it was further already" },
	{ BIT(S), BIT(D), XENBUS_ODD, S, "the same" },
	{ BIT(C), BIT(C) | BIT(R), XENBUS_WAIT, C, "data flows" },
	{ BIT(S), BIT(C), XENBUS_CONNECT, C, "it has read our keys" },
	{ BIT(S), BIT(R), XENBUS_WAIT, S, "its turn" },
	{ BIT(C) | BIT(S), BIT(S), XENBUS_RECONFIGURE, C, "keys are new" },
	{ BIT(G), BIT(D) | BIT(C) | BIT(R) | BIT(S), XENBUS_WAIT, G, "it has not seen it yet" },
	{ BIT(G), BIT(U) | BIT(I) | BIT(W) | BIT(G) | BIT(X), XENBUS_CLOSE, X, "all is over" },
	{ BIT(X) | NO_RING, BIT(U), XENBUS_RELEASE, X, "nobody can have it" },
	{ BIT(X) | NO_RING, BIT(X), XENBUS_RESTART, I, "it has let go" },
	{ BIT(X), 0x1ff & ~LET_GO, XENBUS_WAIT, X, "it may have our ring" },
	{ NO_RING, 0x1ff & ~LET_GO, XENBUS_CLOSE, X, "it may have a predecessor's" },
};

static void every_cell_has_a_rule(void **state)
{
	struct xenbus_step s;
	u32 f, b, i, of;

	for (f = 0; f < XENBUS_STATES; f++) {
		for (b = 0; b < XENBUS_STATES; b++) {
			s = xenbus_front_step(f, b);
			of = 0;
			for (i = 0; i < ARRAY_SIZE(rules); i++) {
				if (!(rules[i].fronts & BIT(f)) || !(rules[i].backs & BIT(b)))
					continue;
				of++;
				if (s.action != rules[i].action || s.next != rules[i].next)
					fail_msg("%s | %s: action %u, next %s (%s)",
						 xenbus_state_name(f), xenbus_state_name(b),
						 s.action, xenbus_state_name(s.next), rules[i].why);
			}
			assert_int_equal(of, 1);
		}
	}
}

static void names_are_xens(void **state)
{
	static const char *const want[] = {
		"Unknown", "Initialising", "InitWait", "Initialised", "Connected", "Closing",
		"Closed", "Reconfiguring", "Reconfigured",
	};
	static const u32 bad[] = { 9, 10, 255, 256, 0x7fffffff, 0x80000000, 0xffffffff };
	u32 i;

	assert_int_equal(ARRAY_SIZE(want), XENBUS_STATES);
	assert_int_equal(XenbusStateReconfigured, XENBUS_STATES - 1);
	for (i = 0; i < ARRAY_SIZE(want); i++)
		assert_string_equal(xenbus_state_name(i), want[i]);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_string_equal(xenbus_state_name(bad[i]), "Invalid");
}

/* ---- properties of all pairs ------------------------------------------------------------- */

static void numbers_that_are_no_state(void **state)
{
	static const u32 bad[] = { 9, 10, 81, 255, 256, 257, 0x7fffffff, 0x80000000, 0xffffffff };
	struct xenbus_step s;
	u32 f, b;

	for (f = 0; f < ARRAY_SIZE(bad); f++) {
		for (b = 0; b < XENBUS_STATES; b++) {
			s = xenbus_front_step(b, bad[f]);
			assert_int_equal(s.action, XENBUS_ODD);
			assert_int_equal(s.next, b);
			s = xenbus_front_step(bad[f], b);
			assert_int_equal(s.action, XENBUS_ODD);
		}
		for (b = 0; b < ARRAY_SIZE(bad); b++)
			assert_int_equal(xenbus_front_step(bad[f], bad[b]).action, XENBUS_ODD);
	}
}

static void every_pair_has_an_answer(void **state)
{
	/* Where each action may lead. */
	static const u32 leads[] = {
		[XENBUS_SETUP] = BIT(D),
		[XENBUS_CONNECT] = BIT(C),
		[XENBUS_RECONFIGURE] = BIT(C),
		[XENBUS_CLOSE] = BIT(G) | BIT(X),
		[XENBUS_RELEASE] = BIT(X),
		[XENBUS_RESTART] = BIT(I),
	};
	struct xenbus_step s;
	u32 f, b;

	for (f = 0; f < XENBUS_STATES; f++) {
		for (b = 0; b < XENBUS_STATES; b++) {
			s = xenbus_front_step(f, b);
			assert_true(s.action <= XENBUS_RESTART);
			assert_true(s.next < XENBUS_STATES);
			if (s.action == XENBUS_WAIT || s.action == XENBUS_ODD)
				assert_int_equal(s.next, f);
			else if (!(leads[s.action] & BIT(s.next)))
				fail_msg("%s | %s: action %u leads to %s", names[f], names[b],
					 s.action, names[s.next]);
		}
	}
}

/*
 * Never: grants ended while the backend may have them mapped. Both have to be Closed, or there has
 * to be no backend; a ring of ours means that we have said so in our own state.
 */
static void released_only_when_let_go(void **state)
{
	u32 f, b;
	u8 a;

	for (f = 0; f < XENBUS_STATES; f++) {
		for (b = 0; b < XENBUS_STATES; b++) {
			a = xenbus_front_step(f, b).action;
			if (a != XENBUS_RELEASE && a != XENBUS_RESTART)
				continue;
			if (!(LET_GO & BIT(b)))
				fail_msg("%s | %s ends grants", names[f], names[b]);
			if (!((NO_RING | BIT(X)) & BIT(f)))
				fail_msg("%s | %s ends grants without a word", names[f], names[b]);
		}
	}
}

/* A ring is used only when both ends say so, and made only where there is none. */
static void connected_only_when_both_are(void **state)
{
	u32 f, b;
	u8 a;

	for (f = 0; f < XENBUS_STATES; f++) {
		for (b = 0; b < XENBUS_STATES; b++) {
			a = xenbus_front_step(f, b).action;
			if (a == XENBUS_CONNECT)
				assert_true((f == D || f == S) && (b == C || b == R));
			if (a == XENBUS_SETUP)
				assert_true(f == I && (b == W || b == D));
			if (a == XENBUS_RECONFIGURE)
				assert_true(b == S);
		}
	}
}

/*
 * With a backend that stands still the front comes to rest: the table has no loop in a column,
 * which would be a storm of writes. Release and restart over and over are not rest.
 */
static void no_loop_with_a_still_backend(void **state)
{
	struct xenbus_step s;
	u32 f, b, at, n;

	for (f = 0; f < XENBUS_STATES; f++) {
		for (b = 0; b < XENBUS_STATES; b++) {
			at = f;
			for (n = 0; n < 10; n++) {
				s = xenbus_front_step(at, b);
				if (s.next == at)
					break;
				at = s.next;
			}
			if (n == 10)
				fail_msg("%s | %s never rests", names[f], names[b]);
		}
	}
}

/* ---- closing ----------------------------------------------------------------------------- */

static void close_vectors(void **state)
{
	static const struct {
		u32 front;
		u8 action, next;
	} rows[] = {
		{ U, XENBUS_RELEASE, X }, { I, XENBUS_RELEASE, X }, { W, XENBUS_RELEASE, X },
		{ D, XENBUS_CLOSE, G },   { C, XENBUS_CLOSE, G },   { G, XENBUS_WAIT, G },
		{ X, XENBUS_WAIT, X },    { R, XENBUS_CLOSE, G },   { S, XENBUS_CLOSE, G },
		{ 9, XENBUS_RELEASE, X }, { 0xffffffff, XENBUS_RELEASE, X },
	};
	struct xenbus_step s;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		s = xenbus_front_close(rows[i].front);
		if (s.action != rows[i].action || s.next != rows[i].next)
			fail_msg("row %u: action %u next %u", i, s.action, s.next);
	}
}

/*
 * From any state: close, then the backend does whatever it likes for up to 4 looks (all 9^4 ways),
 * and ends Closed or gone. The front is Closed then, and was never anything but Closing and Closed.
 */
static void closing_always_ends(void **state)
{
	static const u32 ends[] = { X, U };
	u32 f, way, w, at, i, e;
	struct xenbus_step s;

	for (f = 0; f < XENBUS_STATES; f++) {
		for (way = 0; way < 9 * 9 * 9 * 9; way++) {
			for (e = 0; e < ARRAY_SIZE(ends); e++) {
				at = xenbus_front_close(f).next;
				for (w = way, i = 0; i < 4 && at != X; i++, w /= 9) {
					s = xenbus_front_step(at, w % 9);
					at = s.next;
					assert_true(at == G || at == X);
				}
				if (at != X)
					at = xenbus_front_step(at, ends[e]).next;
				if (at != X)
					fail_msg("from %s by way %u: %s", names[f], way, names[at]);
				s = xenbus_front_step(at, ends[e]);
				assert_true(s.action == XENBUS_RELEASE ||
					    s.action == XENBUS_RESTART);
			}
		}
	}
}

/* ---- with a backend beside it ------------------------------------------------------------ */

/* What a backend that keeps to blkif.h does on seeing the front; its present state where nothing. */
static u32 back_step(u32 back, u32 front)
{
	switch (back) {
	case U:
		return I;			/* the toolstack makes it anew */
	case I:
		return W;
	case W:
	case D:
		if (front == D || front == C || front == S)	/* it has a ring to map */
			return C;
		return front == G || front == X ? X : back;
	case C:
		if (front == G)
			return G;
		return front == X || front == U ? X : C;
	case G:
		return front == X || front == U || front == I ? X : G;
	case X:
		return front == I ? W : X;
	case R:
		return S;
	default:
		if (front == G)
			return G;
		return front == X ? X : C;
	}
}

/* From each of the 81 starts, and whichever end looks first and how often, both get to Connected. */
static void all_starts_connect(void **state)
{
	u32 f, b, front, back, order, n;
	bool turn;

	for (f = 0; f < XENBUS_STATES; f++) {
		for (b = 0; b < XENBUS_STATES; b++) {
			for (order = 0; order < 256; order++) {
				front = f;
				back = b;
				for (n = 0; n < 200; n++) {
					/* any order at first, then turn by turn */
					turn = n < 8 ? order >> n & 1 : n & 1;
					if (turn)
						front = xenbus_front_step(front, back).next;
					else
						back = back_step(back, front);
				}
				if (front != C || back != C)
					fail_msg("from %s | %s, order %u: %s | %s", names[f],
						 names[b], order, names[front], names[back]);
			}
		}
	}
}

/* The same, with the front's own grants watched: none is ended while the backend maps it. */
static void no_grant_ended_while_mapped(void **state)
{
	u32 order, run, front, back, n, rng = 1;
	bool mapped, granted;
	struct xenbus_step s;

	for (run = 0; run < 20000; run++) {
		front = I;
		back = U;
		mapped = granted = false;
		order = rng = rng * 1664525u + 1013904223u;
		for (n = 0; n < 60; n++) {
			order = order * 1664525u + 1013904223u;
			switch (order >> 16 & 15) {
			case 0:			/* the back's driver is unloaded */
				back = back == C ? G : back;
				break;
			case 1:			/* the front's is */
				s = xenbus_front_close(front);
				assert_false(s.action == XENBUS_RELEASE && mapped && granted);
				if (s.action == XENBUS_RELEASE)
					granted = false;
				front = s.next;
				break;
			case 2 ... 8:
				back = back_step(back, front);
				break;
			default:
				s = xenbus_front_step(front, back);
				if (s.action == XENBUS_SETUP)
					granted = true;
				if (s.action == XENBUS_RELEASE || s.action == XENBUS_RESTART) {
					if (mapped && granted)
						fail_msg("%s | %s", names[front], names[back]);
					granted = false;
				}
				if (s.action == XENBUS_CONNECT)
					assert_true(granted && mapped);
				front = s.next;
			}
			/* the backend maps when it connects and unmaps when it is closed */
			if (back == C)
				mapped = true;
			if (back == X || back == U)
				mapped = false;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(step_vectors),
		cmocka_unit_test(every_cell_has_a_rule),
		cmocka_unit_test(names_are_xens),
		cmocka_unit_test(numbers_that_are_no_state),
		cmocka_unit_test(every_pair_has_an_answer),
		cmocka_unit_test(released_only_when_let_go),
		cmocka_unit_test(connected_only_when_both_are),
		cmocka_unit_test(no_loop_with_a_still_backend),
		cmocka_unit_test(close_vectors),
		cmocka_unit_test(closing_always_ends),
		cmocka_unit_test(all_starts_connect),
		cmocka_unit_test(no_grant_ended_while_mapped),
	};

	return cmocka_run_group_tests_name("xenbus_state", tests, NULL, NULL);
}
