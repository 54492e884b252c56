/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: the wire. The first byte says in which portions the rest arrives; the messages must
 * be the same as when it comes at once, and what parses must format and parse again.
 */
#include <string.h>

#include "fuzz.h"
#include "ipc/frame.h"

static void check_message(const char *text, size_t length)
{
	json_t *message, *again;
	char *formatted;
	size_t formatted_length;

	if (frame_parse(text, length, &message) < 0)
		return;
	if (frame_format(message, &formatted, &formatted_length) < 0)
		abort();
	if (frame_parse(formatted, formatted_length - 1, &again) < 0 || !json_equal(message, again))
		abort();
	json_decref(again);
	json_decref(message);
	free(formatted);
}

/* Takes what is whole; it must be what stands at `expected`, which moves on. */
static void take_all(struct frame_buffer *buffer, const char **expected, const char *end)
{
	const char *text;
	size_t length;

	while (frame_next(buffer, &text, &length)) {
		if (length >= (size_t)(end - *expected) || memcmp(text, *expected, length + 1) != 0)
			abort();
		*expected += length + 1;
		check_message(text, length);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct frame_buffer buffer = {};
	const char *expected, *end;
	size_t portion;

	if (size < 2)
		return 0;
	portion = data[0] ? data[0] : size;
	expected = (const char *)data + 1;
	end = (const char *)data + size;
	for (const char *p = expected; p < end; p += portion) {
		if (portion > (size_t)(end - p))
			portion = end - p;
		if (frame_append(&buffer, p, portion) < 0)
			abort();
		take_all(&buffer, &expected, end);
	}
	/* the rest has no end yet */
	if (memchr(expected, '\0', end - expected))
		abort();
	frame_clear(&buffer);
	return 0;
}
