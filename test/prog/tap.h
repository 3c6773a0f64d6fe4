/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tap.h - what the test programs say: a TAP line for each thing that is looked at.
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

static int bad;		/* how many lines said "not ok" */

__attribute__((format(printf, 2, 3)))
static bool check(bool good, const char *fmt, ...)
{
	va_list args;

	printf(good ? "ok - " : "not ok - ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	bad += !good;
	return good;
}

#endif /* TAP_H */
