/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Profiles without memory: every single allocation on the way fails once. The profile must be
 * refused each time, without a crash, and (with --enable-sanitizers) without a leak.
 *
 * The linker's --wrap leads the calls of our libraries here; those inside libc stay as they are.
 */
#include "profile-test.h"

static long left = -1; /* allocations that still succeed; negative: all */

static bool fails(void)
{
	if (left < 0)
		return false;
	if (left-- > 0)
		return false;
	left = -1; /* one only: what follows has to cope */
	errno = ENOMEM;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return fails() ? NULL : __real_strndup(s, n);
}

static const char text[] = "[profile]\ndescription = x\n"
			   "[access]\nusers = a, b\n"
			   "[link]\naddress = 10.0.0.2/24\nipv6 = fd00::2/64\n"
			   "publish = 10.0.0.1:80 -> 80, 81 -> 81\n"
			   "[route]\nadd = 10.9.0.0/16 via 10.0.0.1\n"
			   "[dns]\nnameserver = 10.0.0.1\nsearch = a.example\nhost = 10.0.0.5 a b\n"
			   "[mount]\nbind = /a:/b:ro, /c:/d\n"
			   "[firewall]\negress = tunnel\nendpoint = a.example:1, 10.0.0.9:2\n"
			   "[service a]\ncommand = x\nready = interface tun0\n"
			   "[hook]\npost-up = a\n";

static int nothing(_unused_ const char *section, _unused_ const char *key,
		   _unused_ const char *value, _unused_ const char *origin, _unused_ void *userdata)
{
	return 0;
}

static void a_profile_is_refused_whichever_allocation_fails(_unused_ void **state)
{
	struct profile *profile = NULL;
	long n = 0;

	for (;; n++) {
		_cleanup_error_ struct error error = {};
		bool failed;
		int r;

		left = n;
		r = parse(text, sizeof(text) - 1, &profile, &error);
		failed = left < 0;
		left = -1;
		if (!failed)
			break;
		if (r >= 0)
			fail_msg("allocation %ld failed and nobody noticed", n);
		/* base can't tell a bad address from one that it could not copy */
		assert_true(r == -ENOMEM || r == -EINVAL);
		assert_null(profile);
		assert_true(error.code != 0);
	}
	assert_true(n > 100);
	assert_non_null(profile);
	profile_free(profile);
}

static void a_walk_ends_when_an_allocation_fails(_unused_ void **state)
{
	_cleanup_(profile_freep) struct profile *profile = good(text);

	for (long n = 0;; n++) {
		bool failed;
		int r;

		left = n;
		r = profile_each_value(profile, nothing, NULL);
		failed = left < 0;
		left = -1;
		if (!failed) {
			assert_true(n > 10);
			assert_int_equal(r, 0);
			return;
		}
		assert_int_equal(r, -ENOMEM);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_profile_is_refused_whichever_allocation_fails),
		cmocka_unit_test(a_walk_ends_when_an_allocation_fails),
	};

	return cmocka_run_group_tests_name("profile_oom", tests, NULL, NULL);
}
