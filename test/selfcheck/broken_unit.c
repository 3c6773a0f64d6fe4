// SPDX-License-Identifier: GPL-2.0
/* A case that fails beside one that does not. want: 1 passed, 1 failed */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void sound(void **state)
{
	assert_int_equal(1, 1);
}

static void broken(void **state)
{
	assert_int_equal(1, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sound), cmocka_unit_test(broken) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
