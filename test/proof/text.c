// SPDX-License-Identifier: GPL-2.0
/* text.c - proofs of what xs_msg.c reads and writes in payloads. */
#include "proof.h"
#include "../../xs_msg.c"

/* proof: permission of=xs_permission_format,xs_permission_parse unwind=8
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

/* proof: strings_valid of=xs_strings_valid
 * For all lengths: only the last byte is read, and only when there is one. */
void strings_valid(void)
{
	u32 len = nondet_u32();
	char *buf = some_bytes(len);

	MUST(xs_strings_valid(buf, len) == (len == 0 || buf[len - 1] == 0), "ends in a NUL");
	REACH("end");
}

/* proof: strings_count of=xs_strings_count unwind=10
 * For all lists of up to 8 bytes: as many strings as there are NULs. strings_walk has longer
 * ones. */
void strings_count(void)
{
	u32 len = nondet_u32(), i, nuls = 0;
	char *buf;

	ASSUME(len <= 8);
	buf = some_bytes(len);
	ASSUME(xs_strings_valid(buf, len));
	for (i = 0; i < len; i++)
		nuls += buf[i] == 0;
	MUST(xs_strings_count(buf, len) == nuls, "one for each NUL");
	REACH("end");
}

/* proof: error_name of=xs_error_name,xs_errno unwind=19
 * For all numbers that have a negative: a name; what a server sends comes back as it was. */
void error_name(void)
{
	int err = nondet_int();
	const char *name;
	u32 i;

	ASSUME(err > INT_MIN);
	name = xs_error_name(err);
	MUST(name && __CPROVER_r_ok(name, 2) && name[0] == 'E', "a name");
	for (i = 0; i < ARRAY_SIZE(xsd_errors); i++)
		if (err == -xsd_errors[i].errnum) {
			MUST(name == xsd_errors[i].errstring, "Xen's own");
			REACH("known");
		}
}

/* The one byte of a text of which something is said: any of them. */
static u32 any_byte;
static const char *text;
static u32 size;

/* proof: number of=xs_number
 * For texts of all lengths: a number only when each byte of it is a digit, but for one NUL at its
 * end; nothing is written otherwise. */
void number(void)
{
	u32 value, before = value = nondet_u32();
	int got;

	any_byte = nondet_u32();
	size = nondet_u32();
	text = some_bytes(size);
	got = xs_number(text, size, &value);
	MUST(got == 0 || got == -EINVAL || got == -ERANGE, "one of three");
	if (got) {
		MUST(value == before, "nothing is written");
		REACH("refused");
		return;
	}
	MUST(size, "not of nothing");
	ASSUME(any_byte < size);
	MUST((text[any_byte] >= '0' && text[any_byte] <= '9') ||
	     (any_byte && any_byte == size - 1 && !text[any_byte]), "digits, and a NUL at the end");
	REACH("a number");
}

/* What xs_number() must say of a text: the number that the digits make, when there are only digits. */
static void check_number(void)
{
	u32 value = 0, digits = size && !text[size - 1] ? size - 1 : size, i;
	bool good = digits;
	u64 sum = 0;
	int got;

	for (i = 0; i < digits && good; i++) {
		good = text[i] >= '0' && text[i] <= '9';
		if (good)
			sum = sum * 10 + (u64)(text[i] - '0');
	}
	got = xs_number(text, size, &value);
	MUST((got == 0) == (good && sum <= 0xffffffffu), "just when it is one");
	MUST(got || value == sum, "its value");
	REACH("end");
}

/* proof: number_short of=xs_number unwind=7
 * For all texts of up to 5 bytes: the number that the digits make, just when there are digits and
 * nothing else. */
void number_short(void)
{
	size = nondet_u32();
	ASSUME(size <= 5);
	text = some_bytes(size);
	check_number();
}

/* proof: number_edge of=xs_number unwind=13
 * The same for 42949672 and up to three bytes more, where numbers stop to fit. */
void number_edge(void)
{
	static const char most[] = "42949672";
	char bytes[11];
	u32 i;

	for (i = 0; i < 11; i++)
		bytes[i] = i < 8 ? most[i] : nondet_char();
	size = nondet_u32();
	ASSUME(size >= 8 && size <= 11);
	text = bytes;
	check_number();
}

/* proof: number_text of=xs_number_text unwind=12
 * Of each number: digits and a NUL, no byte behind them, no 0 before them. That the digits are its
 * own is in `permission`, up to 65535. */
void number_text(void)
{
	u32 value = nondet_u32(), len, i;
	char *buf;

	size = XS_NUMBER_MAX;
	buf = some_bytes(size);
	len = xs_number_text(value, buf);
	MUST(len >= 2 && len <= XS_NUMBER_MAX && !buf[len - 1], "ends in a NUL, and fits");
	for (i = 0; i + 1 < len; i++)
		MUST(buf[i] >= '0' && buf[i] <= '9', "digits");
	MUST(len == 2 || buf[0] != '0', "no 0 before them");
	if (len == XS_NUMBER_MAX)
		REACH("ten digits");
	if (!value)
		REACH("0");
}

/* May this byte, with the next one, stand there in a path? */
static bool fine(u32 i)
{
	char c = text[i];

	if (c == '/')
		return text[i + 1] != '/' && (text[i + 1] || !i);
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		c == '-' || c == '_' || c == '@';
}

/* proof: path of=xs_path_check
 * For strings of all lengths: reads no byte behind the NUL, which is where the length says; what is
 * longer than the store takes, and nothing else, is too long. */
void path(void)
{
	u32 len = nondet_u32();
	int got, most;

	size = len + 1;
	ASSUME(size);
	text = some_bytes(size);
	ASSUME(!text[len]);
	most = text[0] == '/' ? 3072 : 2048;
	got = xs_path_check(text);
	MUST(got > 0 || got == -EINVAL || got == -ENAMETOOLONG, "one of three");
	MUST(got < 0 || ((u32)got <= len && !text[got]), "the NUL is there");
	MUST(got <= most, "not longer than the store takes");
	if (got == -ENAMETOOLONG) {
		MUST(len > (u32)most, "longer than the store takes");
		REACH("too long");
	}
}

/* proof: path_short of=xs_path_check unwind=9
 * For all strings of up to 7 bytes: a path just when each byte may stand where it does. */
void path_short(void)
{
	bool good = true;
	u32 len;

	text = some_bytes(8);
	ASSUME(!text[7]);
	for (len = 0; text[len]; len++)
		good = good && fine(len);
	MUST(xs_path_check(text) == (len && good ? (int)len : -EINVAL), "just when it is a path");
	REACH("end");
	if (len > 1 && good && text[0] == '/')
		REACH("absolute");
}

/* proof: errno_of of=xs_errno unwind=19
 * For names of all lengths: what it says is a number of the tables, whose name is just these bytes
 * without the NUL at their end; or that no table has it. */
void errno_of(void)
{
	u32 i = nondet_u32(), len;
	int got;

	size = nondet_u32();
	text = some_bytes(size);
	got = xs_errno(text, size);
	len = size && !text[size - 1] ? size - 1 : size;
	MUST(got < 0, "negative");
	if (got == -EREMOTEIO)
		REACH("unknown");
	else
		REACH("known");
	ASSUME(i < ARRAY_SIZE(xsd_errors));
	if (same_text(xsd_errors[i].errstring, text, len))
		MUST(got == -xsd_errors[i].errnum, "known by Xen's table");
	else
		MUST(got != -xsd_errors[i].errnum, "and by nothing else");
}
