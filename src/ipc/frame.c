/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames in a buffer, and their text as JSON; see frame.h for what is promised. */
#include <errno.h>
#include <string.h>

#include "frame.h"

#define ROOM_MIN  4096
#define ROOM_KEEP (64 << 10) /* an empty buffer larger than this is given back */

char *frame_reserve(struct frame_buffer *buffer, size_t wanted)
{
	size_t room = buffer->room ? buffer->room : ROOM_MIN;
	char *grown;

	if (buffer->start && buffer->start + buffer->length + wanted > buffer->room) {
		memmove(buffer->data, buffer->data + buffer->start, buffer->length);
		buffer->start = 0;
	}
	while (room < buffer->length + wanted)
		room *= 2;
	if (room > buffer->room) {
		grown = realloc(buffer->data, room);
		if (!grown)
			return NULL;
		buffer->data = grown;
		buffer->room = room;
	}
	return buffer->data + buffer->start + buffer->length;
}

void frame_commit(struct frame_buffer *buffer, size_t length)
{
	buffer->length += length;
}

int frame_append(struct frame_buffer *buffer, const void *data, size_t length)
{
	char *end = frame_reserve(buffer, length);

	if (!end)
		return -ENOMEM;
	memcpy(end, data, length);
	frame_commit(buffer, length);
	return 0;
}

void frame_clear(struct frame_buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct frame_buffer){};
}

int frame_next(struct frame_buffer *buffer, const char **ret_text, size_t *ret_length)
{
	const char *text, *nul;
	size_t length;

	if (buffer->length == 0) {
		if (buffer->room > ROOM_KEEP)
			frame_clear(buffer);
		return 0;
	}
	text = buffer->data + buffer->start;
	nul = memchr(text + buffer->scanned, '\0', buffer->length - buffer->scanned);
	if (!nul) {
		buffer->scanned = buffer->length;
		return 0;
	}
	length = nul - text;
	buffer->start += length + 1;
	buffer->length -= length + 1;
	buffer->scanned = 0;
	*ret_text = text;
	*ret_length = length;
	return 1;
}

/* Where the string that starts behind text[i] ends: the index of its quotation mark, or length. */
static size_t skip_string(const char *text, size_t length, size_t i)
{
	for (; i < length && text[i] != '"'; i++)
		if (text[i] == '\\')
			i++;
	return i;
}

/* Depth and number of values, counted before the parser spends memory on them. It need not be
 * JSON: what is none is refused by the parser later. */
static bool within_limits(const char *text, size_t length)
{
	size_t depth = 0, values = 1;

	for (size_t i = 0; i < length; i++)
		switch (text[i]) {
		case '"':
			i = skip_string(text, length, i + 1);
			break;
		case '[':
		case '{':
			if (++depth > FRAME_DEPTH_MAX)
				return false;
			if (++values > FRAME_VALUES_MAX)
				return false;
			break;
		case ']':
		case '}':
			if (depth)
				depth--;
			break;
		case ',':
			if (++values > FRAME_VALUES_MAX)
				return false;
			break;
		}
	return true;
}

int frame_parse(const char *text, size_t length, json_t **ret)
{
	json_t *message;

	if (!within_limits(text, length))
		return -EBADMSG;
	/* arrays pass the parser too without JSON_DECODE_ANY: messages are objects */
	message = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(message)) {
		json_decref(message);
		return -EBADMSG;
	}
	*ret = message;
	return 0;
}

int frame_format(const json_t *message, char **ret, size_t *ret_length)
{
	char *text = json_dumps(message, JSON_COMPACT);

	if (!text)
		return -ENOMEM;
	*ret = text;
	*ret_length = strlen(text) + 1;
	return 0;
}
