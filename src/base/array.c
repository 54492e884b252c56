/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arrays that grow. */
#include "nsctl/base.h"

void *array_grow(void *array, size_t n, size_t size)
{
	return reallocarray(array, n, size);
}
