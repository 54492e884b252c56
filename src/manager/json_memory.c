/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Was there memory for all of a JSON text? jansson takes a string that it could not copy for a
 * syntax error, and an array or object that grows piece by piece is as good without the pieces
 * that there was no memory for: a record would forget what was made. So its allocator is asked.
 * (It has one for the whole process, hence the state that is not an argument.)
 */
#include "internal.h"

static _Thread_local bool failed;

static void *allocate(size_t size)
{
	void *memory = malloc(size);

	failed |= !memory;
	return memory;
}

void json_memory_begin(void)
{
	json_set_alloc_funcs(allocate, free);
	failed = false;
}

bool json_memory_failed(void)
{
	return failed;
}
