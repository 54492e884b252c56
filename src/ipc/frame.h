/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * frame: bytes from a stream become messages. Pure functions: no descriptor, no clock, so that
 * tests and the fuzzer see what the wire sees.
 *
 * A frame is one JSON object and a NUL byte behind it. What a peer can make grow is bounded: the
 * bytes held, the depth of an object, and the number of values in it (each costs the parser many
 * times its own length).
 */
#pragma once

#include <jansson.h>

#include "nsctl/base.h"

#define FRAME_DEPTH_MAX  32
#define FRAME_VALUES_MAX (256 << 10)

/* Bytes received and not yet taken: data[start..start + length). Zero is empty. */
struct frame_buffer {
	char *data;
	size_t start, length, room;
	size_t scanned; /* of these, how many are known to hold no NUL */
};

/* Room for at least `wanted` bytes more behind the data; NULL when out of memory. */
char *frame_reserve(struct frame_buffer *buffer, size_t wanted);
/* `length` bytes were written there. */
void frame_commit(struct frame_buffer *buffer, size_t length);
int frame_append(struct frame_buffer *buffer, const void *data, size_t length);
/* The next whole frame without its NUL, valid until the next call on the buffer: 1, or 0 when
 * there is none yet. */
int frame_next(struct frame_buffer *buffer, const char **ret_text, size_t *ret_length);
/* Frees what is held; the buffer is empty then. */
void frame_clear(struct frame_buffer *buffer);

/* The text as a JSON object. -EBADMSG: it is none, names a member twice, or is too deep or too
 * rich. */
int frame_parse(const char *text, size_t length, json_t **ret);
/* The object as text with its NUL, which counts in *ret_length. */
int frame_format(const json_t *message, char **ret, size_t *ret_length);
