// SPDX-License-Identifier: GPL-2.0
/* text.c - proofs of what xs_msg.c reads and writes in payloads. */
#include "proof.h"
#include "../../xs_msg.c"

/* proof: permission unwind=8
 * For all domains and rights: the text fits eight bytes, ends in its only NUL, and reads back as
 * the same permission. */
void permission(void)
{
	struct xs_permission p, q;
	char *buf = some_bytes(XS_PERMISSION_MAX);
	u32 len, i = nondet_u32();

	p.domid = (u16)nondet_u32();
	p.may = (u16)nondet_u32();
	len = xs_permission_format(&p, buf);
	MUST(len >= 3 && len <= XS_PERMISSION_MAX, "fits");
	ASSUME(i < len);
	MUST((buf[i] == 0) == (i == len - 1), "ends in its only NUL");
	MUST(xs_permission_parse(buf, &q) == 0, "is understood");
	MUST(q.domid == p.domid && q.may == (p.may & 3), "is the same");
	REACH("end");
}

/* proof: strings_valid
 * For all lengths: only the last byte is read, and only when there is one. */
void strings_valid(void)
{
	u32 len = nondet_u32();
	char *buf = some_bytes(len);

	MUST(xs_strings_valid(buf, len) == (len == 0 || buf[len - 1] == 0), "ends in a NUL");
	REACH("end");
}
