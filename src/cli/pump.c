/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A buffer between two descriptors that do not block.
 *
 * A terminal hands out at most a page a read: reads are drained into the buffer before it is
 * written, which halves the system calls of both sides.
 */
#include <string.h>

#include "pump.h"

bool pump_full(const struct pump *pump)
{
	/* one byte is kept for a carriage return that is held */
	return pump->end - pump->start >= PUMP_SIZE - 1;
}

size_t pump_undo_newlines(char *data, size_t length, bool *ret_held)
{
	size_t kept = 0;

	*ret_held = false;
	for (size_t i = 0; i < length; i++) {
		if (data[i] == '\r' && i + 1 == length)
			*ret_held = true;
		else if (data[i] != '\r' || data[i + 1] != '\n')
			data[kept++] = data[i];
	}
	return kept;
}

static void make_room(struct pump *pump)
{
	if (pump->start == 0)
		return;
	pump->end -= pump->start;
	memmove(pump->data, pump->data + pump->start, pump->end);
	pump->start = 0;
}

static void let_go(struct pump *pump)
{
	if (pump->held)
		pump->data[pump->end++] = '\r';
	pump->held = false;
}

/* ENOMEM: the kernel has no memory for what goes through a terminal now, and will have. */
static bool is_for_now(int code)
{
	return code == EAGAIN || code == ENOMEM;
}

int pump_fill(struct pump *pump, int fd, unsigned flags)
{
	make_room(pump);
	while (pump->end < PUMP_SIZE - 1) {
		char *at = pump->data + pump->end;
		size_t before = pump->held;
		ssize_t n = read(fd, at + before, PUMP_SIZE - 1 - pump->end);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			let_go(pump);
			if (n < 0 && is_for_now(errno))
				return 0;
			return n < 0 ? -errno : -EIO;
		}
		if (before)
			*at = '\r';
		n += before;
		pump->held = false;
		pump->end += flags & PUMP_UNDO_NEWLINES ? pump_undo_newlines(at, n, &pump->held)
							: (size_t)n;
		if (flags & PUMP_ONCE)
			break;
	}
	return 0;
}

int pump_drain(struct pump *pump, int fd, unsigned flags)
{
	while (!pump_empty(pump)) {
		ssize_t n = write(fd, pump->data + pump->start, pump->end - pump->start);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return is_for_now(errno) ? 0 : -errno;
		pump->start += n;
		if (flags & PUMP_ONCE)
			break;
	}
	return 0;
}
