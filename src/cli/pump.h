/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One direction of the bytes between two terminals. */
#pragma once

#include "nsctl/base.h"

#define PUMP_SIZE (64 << 10)

struct pump {
	size_t start, end; /* of what is in data */
	bool held;         /* a carriage return was read whose fate the next byte decides */
	char data[PUMP_SIZE];
};

static inline bool pump_empty(const struct pump *pump)
{
	return pump->start == pump->end;
}
bool pump_full(const struct pump *pump);
/* Pure: takes away the carriage return that a terminal with ONLCR has put before each newline, so
 * that a second such terminal makes the same of it. Works in place and returns the new length; a
 * carriage return at the very end is left out and *ret_held set. */
size_t pump_undo_newlines(char *data, size_t length, bool *ret_held);

/* How a descriptor is used: PUMP_ONCE for one that may block, when it has been polled. */
enum { PUMP_ONCE = 1 << 0, PUMP_UNDO_NEWLINES = 1 << 1 };
/* Reads until there is nothing more or no room. 0, or a negative errno: -EIO also for the end of
 * file; what was read before it is there. */
int pump_fill(struct pump *pump, int fd, unsigned flags);
/* Writes until nothing is left or nothing is taken. 0 or a negative errno. */
int pump_drain(struct pump *pump, int fd, unsigned flags);
