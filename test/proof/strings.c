// SPDX-License-Identifier: GPL-2.0
/*
 * strings.c - proofs of the lists of strings in xs_msg.c, for payloads of every length.
 *
 * strlen is replaced by its contract: there is a NUL before the payload's end, and the answer is
 * where the first one lies. That no byte before it is a NUL is assumed of one byte only, which is
 * any of them. So a call may come to any place behind a NUL, and what holds for two steps in a row
 * holds for all: a list is not walked any further.
 */
#include "proof.h"
#include "xs_msg.h"

static const char *payload;
static u32 size, any_byte, calls;

size_t strlen(const char *s)
{
	size_t n = nondet_size(), left;

	MUST(__CPROVER_same_object(s, payload) && s >= payload && s < payload + size,
	     "strlen() begins in the payload");
	if (++calls == 3)
		ASSUME(0);	/* as the second */
	left = (size_t)(payload + size - s);
	ASSUME(n < left && s[n] == 0);
	ASSUME(any_byte >= n || s[any_byte] != 0);
	return n;
}

#include "../../xs_msg.c"

/* A valid list of any length, none included. */
static void any_list(void)
{
	size = nondet_u32();
	any_byte = nondet_u32();
	payload = some_bytes(size);
	calls = 0;
	ASSUME(xs_strings_valid(payload, size));
}

/* A string begins at the payload's start and behind each NUL. */
static bool begins(const char *s)
{
	return s == payload || s[-1] == 0;
}

/* proof: strings_next of=xs_strings_next
 * From any string of any valid list: the next one lies in the payload, begins just behind the first
 * NUL, and is missing only when that was the last byte; the first is the payload's start. */
void strings_next(void)
{
	const char *prev = NULL, *next;
	u32 at = nondet_u32();

	any_list();
	if (nondet_bool()) {
		ASSUME(at < size);
		prev = payload + at;
		ASSUME(begins(prev));
	}
	next = xs_strings_next(payload, size, prev);
	if (!prev) {
		MUST(next == (size ? payload : NULL), "the first, where there is one");
		REACH("first");
		return;
	}
	MUST(calls == 1, "one string is passed over");
	if (!next) {
		MUST(payload[size - 1] == 0, "its end was the payload's");
		REACH("end");
		return;
	}
	MUST(next > prev && next < payload + size && begins(next), "the next one");
	if (any_byte < next - 1 - prev)
		MUST(prev[any_byte] != 0, "none is left out");
	REACH("next");
}

/* proof: strings_walk of=xs_strings_count unwind=5
 * xs_strings_count() reads nothing but the payload, of any length. */
void strings_walk(void)
{
	u32 n;

	any_list();
	n = xs_strings_count(payload, size);
	MUST((n == 0) == (size == 0), "one at least in a list that is not empty");
	REACH("end");
	if (calls == 2)
		REACH("two");
}
