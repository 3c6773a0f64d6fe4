// SPDX-License-Identifier: GPL-2.0
/* Dies in its second case: the third never runs. want: 1 passed, 2 failed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void sound(void **state)
{
	assert_int_equal(1, 1);
}

static void past_the_end(void **state)
{
	volatile char *p = malloc(4);

	p[4] = 1;
	free((void *)p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound), cmocka_unit_test(past_the_end), cmocka_unit_test(sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
