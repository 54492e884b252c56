/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every unit test includes: cmocka with the headers that it wants before it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nsctl/base.h"

/* Fails with the error's own text, not with a number alone. */
#define assert_success(call, error)                                                                \
	do {                                                                                       \
		int _r = (call);                                                                   \
		if (_r < 0)                                                                        \
			fail_msg("%s: %d: %s", #call, _r, error_text(error));                      \
	} while (0)
