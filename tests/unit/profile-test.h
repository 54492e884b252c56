/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Helpers for the tests of src/profile: a text and the exact message it must give. */
#pragma once

#include "nsctl/profile.h"
#include "unit.h"

struct refusal {
	const char *text, *what, *hint; /* hint NULL: not looked at, "": there is none */
};

static inline int parse(const char *text, size_t length, struct profile **ret, struct error *error)
{
	return profile_parse(NULL, "test", "test.ini", text, length, 0, ret, error);
}

static inline struct profile *good(const char *text)
{
	_cleanup_error_ struct error error = {};
	struct profile *profile = NULL;

	if (parse(text, strlen(text), &profile, &error) < 0)
		fail_msg("\"%s\": %s", text, error_text(&error));
	assert_non_null(profile);
	return profile;
}

static inline void refused(const struct refusal *refusal)
{
	_cleanup_error_ struct error error = {};
	struct profile *profile = NULL;
	int r = parse(refusal->text, strlen(refusal->text), &profile, &error);

	if (r == 0)
		fail_msg("\"%s\" was taken", refusal->text);
	assert_null(profile);
	assert_int_equal(r, -EINVAL);
	assert_int_equal(error.code, EINVAL);
	assert_string_equal(error_text(&error), refusal->what);
	if (refusal->hint)
		assert_string_equal(error.hint ? error.hint : "", refusal->hint);
}

#define REFUSED_ALL(refusals)                                                                      \
	for (size_t _i = 0; _i < ARRAY_SIZE(refusals); _i++)                                       \
	refused(&(refusals)[_i])
