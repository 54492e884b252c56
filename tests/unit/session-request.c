/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A session's request and messages as bytes: what goes in comes out, and nothing hostile comes in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "nsctl/session.h"

#define WORD(data, n) ((uint32_t *)(void *)(data))[n]
/* 32-bit words of the header, as the bytes have them */
enum {
	MAGIC,
	FLAGS,
	UID,
	GID,
	UMASK,
	NICE,
	IGNORED,
	IGNORED_HIGH,
	N_GROUPS,
	N_ARGUMENTS,
	N_ENVIRONMENT,
	RESERVED,
	FIRST_GROUP
};

static char *sample_arguments[] = { "sh", "-c", "exit 3", "", NULL };
static char *sample_environment[] = { "PATH=/bin", "EMPTY=", "NEWLINE=a\nb", NULL };
static gid_t sample_groups[] = { 7, 3000000002u };

static struct session_request sample(void)
{
	return (struct session_request){
		.uid = 3000000001u,
		.gid = 100,
		.groups = sample_groups,
		.n_groups = ARRAY_SIZE(sample_groups),
		.umask = 027,
		.nice = -5,
		.ignored = UINT64_C(1) << 63 | 1,
		.directory = "/home/a b",
		.arguments = sample_arguments,
		.environment = sample_environment,
		.profile = "vpn",
		.network_namespace = true,
	};
}

static char *encode(const struct session_request *request, size_t *ret_length)
{
	void *data = NULL;

	assert_int_equal(session_request_encode(request, &data, ret_length), 0);
	return data;
}

/* Decoding from a block of exactly this size: a read beyond it is seen by the sanitizers. */
static int decode_exact(const char *data, size_t length)
{
	char *exact = malloc(length ? length : 1);
	struct session_request decoded;
	int r;

	assert_non_null(exact);
	memcpy(exact, data, length);
	r = session_request_decode(exact, length, &decoded);
	if (r == 0)
		session_request_clear(&decoded);
	free(exact);
	return r;
}

static void assert_strv_equal(char *const *a, char *const *b)
{
	assert_int_equal(strv_length(a), strv_length(b));
	for (size_t i = 0; i < strv_length(a); i++)
		assert_string_equal(a[i], b[i]);
}

static void request_survives_the_round_trip(void **state _unused_)
{
	struct session_request in = sample(), out;
	_cleanup_free_ char *data = NULL;
	size_t length;

	data = encode(&in, &length);
	assert_int_equal(session_request_decode(data, length, &out), 0);
	assert_int_equal(out.uid, in.uid);
	assert_int_equal(out.gid, in.gid);
	assert_int_equal(out.umask, in.umask);
	assert_int_equal(out.nice, in.nice);
	assert_true(out.ignored == in.ignored);
	assert_true(out.network_namespace);
	assert_false(out.mount_namespace);
	assert_int_equal(out.n_groups, 2);
	assert_memory_equal(out.groups, in.groups, sizeof(sample_groups));
	assert_string_equal(out.directory, in.directory);
	assert_string_equal(out.profile, in.profile);
	assert_strv_equal(out.arguments, in.arguments);
	assert_strv_equal(out.environment, in.environment);
	session_request_clear(&out);
	assert_null(out.arguments);
}

static void empty_lists_survive_the_round_trip(void **state _unused_)
{
	char *arguments[] = { "", NULL };
	struct session_request in = { .arguments = arguments }, out;
	_cleanup_free_ char *data = NULL;
	size_t length;

	data = encode(&in, &length);
	assert_int_equal(session_request_decode(data, length, &out), 0);
	assert_int_equal(out.n_groups, 0);
	assert_string_equal(out.directory, "");
	assert_non_null(out.environment);
	assert_null(out.environment[0]);
	session_request_clear(&out);
}

static void every_truncation_is_refused(void **state _unused_)
{
	struct session_request in = sample();
	_cleanup_free_ char *data = NULL;
	size_t length;

	data = encode(&in, &length);
	for (size_t n = 0; n < length; n++)
		assert_int_equal(decode_exact(data, n), -EBADMSG);
	assert_int_equal(decode_exact(data, length), 0);
}

static void bytes_behind_the_end_are_refused(void **state _unused_)
{
	struct session_request in = sample();
	_cleanup_free_ char *data = NULL;
	char *longer;
	size_t length;

	data = encode(&in, &length);
	longer = calloc(1, length + 1);
	assert_non_null(longer);
	memcpy(longer, data, length);
	assert_int_equal(decode_exact(longer, length + 1), -EBADMSG);
	free(longer);
}

/* setresuid(-1) means "leave it": the command would stay root. */
static void ids_that_would_keep_root_are_refused(void **state _unused_)
{
	static const int places[] = { UID, GID, FIRST_GROUP, FIRST_GROUP + 1 };
	const int *place;

	ARRAY_FOREACH(place, places) {
		struct session_request in = sample();
		_cleanup_free_ char *data = NULL;
		size_t length;

		data = encode(&in, &length);
		WORD(data, *place) = UINT32_MAX;
		assert_int_equal(decode_exact(data, length), -EBADMSG);
	}
	for (int i = 0; i < 2; i++) {
		struct session_request in = sample();
		void *data = NULL;
		size_t length;

		*(i ? &in.gid : &in.uid) = (uid_t)-1;
		assert_int_equal(session_request_encode(&in, &data, &length), -EINVAL);
		assert_null(data);
	}
}

static void numbers_out_of_range_are_refused(void **state _unused_)
{
	static const struct {
		int place;
		uint32_t value;
	} changes[] = {
		{ MAGIC, 0 },
		{ FLAGS, 4 },
		{ UMASK, 01000 },
		{ NICE, 20 },
		{ NICE, (uint32_t)-21 },
		{ N_GROUPS, SESSION_GROUPS_MAX + 1 },
		{ N_GROUPS, UINT32_MAX },
		{ N_ARGUMENTS, 0 },
		{ N_ARGUMENTS, 5 }, /* takes one from the environment, which then lacks one */
		{ N_ARGUMENTS, UINT32_MAX },
		{ N_ENVIRONMENT, 2 },
		{ N_ENVIRONMENT, UINT32_MAX },
		{ RESERVED, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct session_request in = sample();
		_cleanup_free_ char *data = NULL;
		size_t length;

		data = encode(&in, &length);
		WORD(data, changes[i].place) = changes[i].value;
		assert_int_equal(decode_exact(data, length), -EBADMSG);
	}
}

static void request_without_command_is_refused(void **state _unused_)
{
	struct session_request in = sample();
	void *data = NULL;
	size_t length;

	in.arguments = NULL;
	assert_int_equal(session_request_encode(&in, &data, &length), -EINVAL);
}

static void too_large_a_request_is_refused(void **state _unused_)
{
	struct session_request in = sample();
	char *big = malloc(SESSION_REQUEST_MAX + 1), *arguments[] = { big, NULL };
	void *data = NULL;
	size_t length;

	assert_non_null(big);
	memset(big, 'x', SESSION_REQUEST_MAX);
	big[SESSION_REQUEST_MAX] = '\0';
	in.arguments = arguments;
	assert_int_equal(session_request_encode(&in, &data, &length), -E2BIG);
	big[SESSION_REQUEST_MAX / 2] = '\0';
	assert_int_equal(session_request_encode(&in, &data, &length), 0);
	assert_int_equal(decode_exact(data, length), 0);
	free(data);
	free(big);
	big = calloc(1, SESSION_ENCODED_MAX + 1);
	assert_non_null(big);
	assert_int_equal(decode_exact(big, SESSION_ENCODED_MAX + 1), -EBADMSG);
	free(big);
}

static void no_flipped_byte_is_read_beyond_the_end(void **state _unused_)
{
	struct session_request in = sample();
	_cleanup_free_ char *data = NULL;
	size_t length;

	data = encode(&in, &length);
	for (size_t i = 0; i < length; i++)
		for (int bit = 0; bit < 8; bit++) {
			int r;

			data[i] ^= 1 << bit;
			r = decode_exact(data, length);
			assert_true(r == 0 || r == -EBADMSG);
			data[i] ^= 1 << bit;
		}
}

/* ---- messages ------------------------------------------------------------------------- */

static void message_comes_whole_or_not_at_all(void **state _unused_)
{
	struct {
		struct session_message message;
		char text[5];
	} bytes = { { SESSION_FAILED, 5, 127 }, "hello" };
	struct session_message message;
	const char *text = NULL;

	for (size_t n = 0; n < sizeof(message) + 5; n++)
		assert_int_equal(session_message_parse(&bytes, n, &message, &text), 0);
	assert_int_equal(session_message_parse(&bytes, sizeof(bytes), &message, &text), 13);
	assert_int_equal(message.value, 127);
	assert_memory_equal(text, "hello", 5);
}

static void unknown_message_is_refused(void **state _unused_)
{
	static const uint16_t types[] = { 0, 2, 63, SESSION_FAILED + 1, UINT16_MAX };
	struct session_message message, parsed;
	const uint16_t *type;

	ARRAY_FOREACH(type, types) {
		message = (struct session_message){ .type = *type };
		assert_int_equal(session_message_parse(&message, sizeof(message), &parsed, NULL),
				 -EBADMSG);
	}
	message = (struct session_message){ .type = SESSION_SIGNAL, .length = 1 };
	assert_int_equal(session_message_parse(&message, sizeof(message), &parsed, NULL), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_survives_the_round_trip),
		cmocka_unit_test(empty_lists_survive_the_round_trip),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(bytes_behind_the_end_are_refused),
		cmocka_unit_test(ids_that_would_keep_root_are_refused),
		cmocka_unit_test(numbers_out_of_range_are_refused),
		cmocka_unit_test(request_without_command_is_refused),
		cmocka_unit_test(too_large_a_request_is_refused),
		cmocka_unit_test(no_flipped_byte_is_read_beyond_the_end),
		cmocka_unit_test(message_comes_whole_or_not_at_all),
		cmocka_unit_test(unknown_message_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
