// SPDX-License-Identifier: GPL-2.0
/* All cases pass, and memory is lost: the ending is a failure. want: 1 passed, 1 failed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void *volatile held;

static void leaks(void **state)
{
	held = malloc(100);
	held = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(leaks) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
