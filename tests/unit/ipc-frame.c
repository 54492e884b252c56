/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Framing: bytes in any portions give the same messages, and hostile ones give none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "ipc/frame.h"

static void expect_frame(struct frame_buffer *buffer, const char *expected)
{
	const char *text;
	size_t length;

	assert_int_equal(frame_next(buffer, &text, &length), 1);
	assert_int_equal(length, strlen(expected));
	assert_memory_equal(text, expected, length);
	assert_int_equal(text[length], '\0');
}

static void expect_none(struct frame_buffer *buffer)
{
	const char *text;
	size_t length;

	assert_int_equal(frame_next(buffer, &text, &length), 0);
}

static void a_frame_may_come_byte_by_byte(_unused_ void **state)
{
	static const char wire[] = "{\"method\":\"x\"}"; /* its NUL is the frame's */
	struct frame_buffer buffer = {};

	for (size_t i = 0; i + 1 < sizeof(wire); i++) {
		assert_int_equal(frame_append(&buffer, wire + i, 1), 0);
		expect_none(&buffer);
	}
	assert_int_equal(frame_append(&buffer, "", 1), 0);
	expect_frame(&buffer, wire);
	expect_none(&buffer);
	frame_clear(&buffer);
}

static void several_frames_come_at_once(_unused_ void **state)
{
	static const char wire[] = "{\"a\":1}\0{}\0\0{\"b\"";
	struct frame_buffer buffer = {};

	assert_int_equal(frame_append(&buffer, wire, sizeof(wire) - 1), 0);
	expect_frame(&buffer, "{\"a\":1}");
	expect_frame(&buffer, "{}");
	expect_frame(&buffer, "");
	expect_none(&buffer);
	assert_int_equal(frame_append(&buffer, ":2}", 4), 0);
	expect_frame(&buffer, "{\"b\":2}");
	expect_none(&buffer);
	frame_clear(&buffer);
}

static void frames_of_any_length_survive_moves_in_the_buffer(_unused_ void **state)
{
	struct frame_buffer buffer = {};
	char frame[5000];

	for (size_t length = 1; length < sizeof(frame); length += 97) {
		memset(frame, 'a' + length % 26, length);
		frame[length] = '\0';
		/* the start of the next stays behind while this one is taken */
		assert_int_equal(frame_append(&buffer, frame + 1, length), 0);
		assert_int_equal(frame_append(&buffer, frame, 1), 0);
		expect_frame(&buffer, frame + 1);
		assert_int_equal(frame_append(&buffer, "", 1), 0);
		frame[1] = '\0';
		expect_frame(&buffer, frame);
	}
	expect_none(&buffer);
	frame_clear(&buffer);
}

static void an_emptied_buffer_gives_its_memory_back(_unused_ void **state)
{
	struct frame_buffer buffer = {};
	size_t length = 1 << 20;
	char *frame = malloc(length);

	assert_non_null(frame);
	memset(frame, 'x', length - 1);
	frame[length - 1] = '\0';
	assert_int_equal(frame_append(&buffer, frame, length), 0);
	expect_frame(&buffer, frame);
	assert_true(buffer.room >= length);
	expect_none(&buffer);
	assert_int_equal(buffer.room, 0);
	free(frame);
}

static int parse(const char *text)
{
	json_t *message = NULL;
	int r = frame_parse(text, strlen(text), &message);

	if (r == 0)
		assert_true(json_is_object(message));
	else
		assert_null(message);
	json_decref(message);
	return r;
}

static void only_whole_json_objects_are_messages(_unused_ void **state)
{
	static const char *const good[] = { "{}", " {\"a\": [1, {\"b\": null}]} ",
					    "{\"a\":\"}{][\\\"\\\\\"}" };
	static const char *const bad[] = { "",          "[]",          "1",
					   "null",      "\"x\"",       "{",
					   "{}{}",      "{\"a\":}",    "{} x",
					   "{\"a\" 1}", "{'a':1}",     "{\"a\":\"\\u0000\"}",
					   "\"",        "{\"a\":\"\\", "{\"\xff\":1}" };
	const char *const *text;

	ARRAY_FOREACH(text, good)
		assert_int_equal(parse(*text), 0);
	ARRAY_FOREACH(text, bad)
		assert_int_equal(parse(*text), -EBADMSG);
}

static void a_member_that_stands_twice_is_refused(_unused_ void **state)
{
	assert_int_equal(parse("{\"a\":1,\"b\":1}"), 0);
	assert_int_equal(parse("{\"a\":1,\"a\":1}"), -EBADMSG);
	assert_int_equal(parse("{\"a\":{\"b\":1,\"b\":2}}"), -EBADMSG);
}

/* {"a":[[…]]} with `depth` levels in all */
static int parse_nested(size_t depth)
{
	char text[4 * FRAME_DEPTH_MAX + 16] = "{\"a\":";
	size_t n = strlen(text);

	memset(text + n, '[', depth - 1);
	memset(text + n + depth - 1, ']', depth - 1);
	strcpy(text + n + 2 * (depth - 1), "}");
	return parse(text);
}

static void depth_has_a_limit(_unused_ void **state)
{
	assert_int_equal(parse_nested(FRAME_DEPTH_MAX), 0);
	assert_int_equal(parse_nested(FRAME_DEPTH_MAX + 1), -EBADMSG);
	/* brackets in strings are no depth */
	assert_int_equal(parse("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"}"), 0);
}

/* {"a":[0,0,…]} with `values` values in all, object and array among them */
static int parse_list(size_t values)
{
	size_t room = 2 * values + 16;
	char *text = malloc(room), *p;
	int r;

	assert_non_null(text);
	p = stpcpy(text, "{\"a\":[0");
	for (size_t i = 3; i < values; i++)
		p = stpcpy(p, ",0");
	strcpy(p, "]}");
	r = parse(text);
	free(text);
	return r;
}

static void the_number_of_values_has_a_limit(_unused_ void **state)
{
	assert_int_equal(parse_list(FRAME_VALUES_MAX), 0);
	assert_int_equal(parse_list(FRAME_VALUES_MAX + 1), -EBADMSG);
}

static void what_is_formatted_parses_again(_unused_ void **state)
{
	json_t *message =
		json_pack("{s:s, s:[i, n, b]}", "text", "\"\\\n\x01\xc3\xa9", "list", 7, 1);
	json_t *again;
	char *text;
	size_t length;

	assert_int_equal(frame_format(message, &text, &length), 0);
	assert_int_equal(length, strlen(text) + 1);
	assert_int_equal(frame_parse(text, length - 1, &again), 0);
	assert_true(json_equal(message, again));
	free(text);
	json_decref(again);
	json_decref(message);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_may_come_byte_by_byte),
		cmocka_unit_test(several_frames_come_at_once),
		cmocka_unit_test(frames_of_any_length_survive_moves_in_the_buffer),
		cmocka_unit_test(an_emptied_buffer_gives_its_memory_back),
		cmocka_unit_test(only_whole_json_objects_are_messages),
		cmocka_unit_test(a_member_that_stands_twice_is_refused),
		cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(the_number_of_values_has_a_limit),
		cmocka_unit_test(what_is_formatted_parses_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
