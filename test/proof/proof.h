/* SPDX-License-Identifier: GPL-2.0 */
/*
 * proof.h - what the harnesses share. A harness is a function that takes a state about which it
 * knows nothing but what it assumes, calls one function of the module, and asserts what must hold.
 * cbmc looks at all executions at once. test/proof/prove reads the "proof:" comments and runs them.
 *
 * REACH() must be found reachable, or the proof beside it says nothing: it is an assertion that
 * has to fail, and the only kind that may. With NO_REACH there is none, to look for one failure.
 */
#ifndef PROOF_H
#define PROOF_H

#include <limits.h>
#include <stdlib.h>
#include "xs_port.h"

u32 nondet_u32(void);
int nondet_int(void);
char nondet_char(void);
bool nondet_bool(void);
size_t nondet_size(void);

#define ASSUME(c)	__CPROVER_assume(c)
#define MUST(c, text)	__CPROVER_assert(c, text)
#ifdef NO_REACH
#define REACH(text)	((void)0)
#else
#define REACH(text)	__CPROVER_assert(0, "reach: " text)
#endif

/* An object of n bytes whose contents are anything. */
static char *some_bytes(size_t n)
{
	char *p = malloc(n);

	ASSUME(p);
	return p;
}

static u32 least(u32 a, u32 b)
{
	return a < b ? a : b;
}

#endif /* PROOF_H */
