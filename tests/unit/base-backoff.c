/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base: when to try again. */
#include "nsctl/base.h"
#include "unit.h"

static const struct backoff_policy policy = { .first_usec = 100, .calm_usec = 10000, .limit = 4 };

static void pauses_double_until_it_is_enough(_unused_ void **state)
{
	static const uint64_t pauses[] = { 100, 200, 400, 800 };
	struct backoff backoff = {};
	uint64_t now = 5000, when = 0;

	for (size_t i = 0; i < ARRAY_SIZE(pauses); i++) {
		assert_true(backoff_next(&backoff, &policy, now, &when));
		assert_int_equal(when, now + pauses[i]);
		now = when;
		backoff_tried(&backoff, now);
	}
	when = 7;
	assert_false(backoff_next(&backoff, &policy, now, &when));
	assert_int_equal(when, 7);
}

static void a_pause_that_is_over_is_not_waited_for_again(_unused_ void **state)
{
	struct backoff backoff = { .tries = 3, .last = 5000 };
	uint64_t when;

	assert_true(backoff_next(&backoff, &policy, 5300, &when));
	assert_int_equal(when, 5800);
	assert_true(backoff_next(&backoff, &policy, 5900, &when));
	assert_int_equal(when, 6000);
	assert_int_equal(backoff.tries, 3);
}

static void after_calm_it_begins_anew(_unused_ void **state)
{
	struct backoff backoff = { .tries = 4, .last = 5000 };
	uint64_t when;

	assert_false(backoff_next(&backoff, &policy, 15000, &when));
	assert_true(backoff_next(&backoff, &policy, 15001, &when));
	assert_int_equal(when, 15101);
	assert_int_equal(backoff.tries, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_double_until_it_is_enough),
		cmocka_unit_test(a_pause_that_is_over_is_not_waited_for_again),
		cmocka_unit_test(after_calm_it_begins_anew),
	};

	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
