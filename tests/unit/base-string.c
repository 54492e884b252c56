/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base: strings, lists of strings, errors. */
#include <sys/wait.h>

#include "unit.h"

static void escape_leaves_nothing_that_a_terminal_obeys(_unused_ void **state)
{
	static const struct {
		const char *in;
		size_t length;
		const char *out;
	} cases[] = {
		{ "plain", 5, "plain" },
		{ "grün ☃ 𝄞", 14, "grün ☃ 𝄞" },
		{ "a\nb\tc\rd\\", 8, "a\\nb\\tc\\rd\\\\" },
		{ "\033[2J", 4, "\\x1b[2J" },
		{ "a\0b", 3, "a\\x00b" },
		{ "\x7f", 1, "\\x7f" },
		{ "\xc2\x9b"
		  "2J",
		  4, "\\xc2\\x9b2J" },                             /* C1 CSI */
		{ "\xc0\xaf", 2, "\\xc0\\xaf" },                   /* overlong "/" */
		{ "\xed\xa0\x80", 3, "\\xed\\xa0\\x80" },          /* a surrogate */
		{ "\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80" }, /* above U+10FFFF */
		{ "\xe2\x98", 2, "\\xe2\\x98" },                   /* cut off */
		{ "", 0, "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *out = str_escape(cases[i].in, cases[i].length);

		assert_string_equal(out, cases[i].out);
	}
}

/* What the shell makes of the quoted word. */
static void through_shell(const char *word, char *buffer, size_t room)
{
	_cleanup_free_ char *quoted = str_shell_quote(word);
	_cleanup_free_ char *command = str_format("printf '%%s|' %s", quoted);
	FILE *pipe = popen(command, "r");
	size_t n;

	assert_non_null(pipe);
	n = fread(buffer, 1, room - 1, pipe);
	buffer[n] = '\0';
	assert_int_equal(pclose(pipe), 0);
}

static void any_bytes_are_told_in_utf8_and_come_back(_unused_ void **state)
{
	static const char *const wrong[] = { "\xc4\x80" /* U+0100 */, "\xe2\x98\x83", "\xff",
					     "\xc3" };
	_cleanup_free_ char *text = NULL, *back = NULL;
	char bytes[256];

	for (size_t i = 0; i < 256; i++)
		bytes[i] = (i + 1) % 256;
	text = str_from_latin1(bytes);
	assert_string_equal(text + strlen(text) - 6, "ýþÿ");
	assert_int_equal(str_to_latin1(text, &back), 0);
	assert_string_equal(back, bytes);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(str_to_latin1(wrong[i], &back), -EILSEQ);
}

static void a_shell_reads_a_quoted_word_as_it_was(_unused_ void **state)
{
	static const char *const words[] = { "plain",      "a b",     "",           "it's",
					     "$(id) `id`", "a\nb",    "*",          "-n",
					     "\\",         "\"x\"",   "a;b|c&d>e<", "~root",
					     "#note",      "''\\'''", "é!" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		_cleanup_free_ char *wanted = str_format("%s|", words[i]);
		char got[64];

		through_shell(words[i], got, sizeof(got));
		assert_string_equal(got, wanted);
	}
}

static void numbers_are_whole_and_in_range(_unused_ void **state)
{
	unsigned long n = 7;

	assert_int_equal(str_to_uint("0", 10, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(str_to_uint("65535", 65535, &n), 0);
	assert_int_equal(n, 65535);
	assert_int_equal(str_to_uint("65536", 65535, &n), -ERANGE);
	assert_int_equal(str_to_uint("99999999999999999999999", -1ul, &n), -ERANGE);
	assert_int_equal(n, 65535);
	assert_int_equal(str_to_uint("", 10, &n), -EINVAL);
	assert_int_equal(str_to_uint("-1", 10, &n), -EINVAL);
	assert_int_equal(str_to_uint("+1", 10, &n), -EINVAL);
	assert_int_equal(str_to_uint(" 1", 10, &n), -EINVAL);
	assert_int_equal(str_to_uint("1 ", 10, &n), -EINVAL);
	assert_int_equal(str_to_uint("0x1", 10, &n), -EINVAL);
}

static void distance_counts_edits(_unused_ void **state)
{
	static const struct {
		const char *a, *b;
		size_t distance;
	} cases[] = {
		{ "", "", 0 },
		{ "", "abc", 3 },
		{ "abc", "", 3 },
		{ "gateway", "gatway", 1 },
		{ "nat", "nta", 2 },
		{ "kitten", "sitting", 3 },
		{ "gateway", "gateway", 0 },
		{ "abc", "xabcy", 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(str_distance(cases[i].a, cases[i].b), cases[i].distance);
}

static void trimmed_keeps_what_is_inside(_unused_ void **state)
{
	_cleanup_free_ char *a = str_trimmed(" \t a b \n", 8), *b = str_trimmed("   ", 3);
	_cleanup_free_ char *c = str_trimmed("abcdef", 3);

	assert_string_equal(a, "a b");
	assert_string_equal(b, "");
	assert_string_equal(c, "abc");
}

/* Names in the kernel are made of it: it must never change. The values are FNV-1a's own. */
static void hash_is_fnv_1a(_unused_ void **state)
{
	assert_int_equal(str_hash(""), 0x811c9dc5);
	assert_int_equal(str_hash("a"), 0xe40c292c);
	assert_int_equal(str_hash("foobar"), 0xbf9cf968);
}

static void lists_grow_copy_and_sort(_unused_ void **state)
{
	_cleanup_strv_ char **v = NULL, **copy = NULL, **empty = NULL;

	assert_int_equal(strv_length(NULL), 0);
	assert_false(strv_contains(NULL, "b"));
	assert_int_equal(strv_add(&v, "b"), 0);
	assert_int_equal(strv_add(&v, "c"), 0);
	assert_int_equal(strv_take(&v, strdup("a")), 0);
	assert_int_equal(strv_take(&v, NULL), -ENOMEM);
	assert_int_equal(strv_length(v), 3);
	assert_true(strv_contains(v, "c"));
	assert_false(strv_contains(v, "d"));
	assert_int_equal(strv_copy(v, &copy), 0);
	strv_sort(v);
	assert_string_equal(v[0], "a");
	assert_string_equal(v[2], "c");
	assert_string_equal(copy[0], "b");
	assert_ptr_not_equal(copy[0], v[1]);
	assert_int_equal(strv_copy(NULL, &empty), 0);
	assert_non_null(empty);
	assert_null(empty[0]);
}

static void the_first_error_wins_and_prefixes_go_in_front(_unused_ void **state)
{
	_cleanup_error_ struct error error = {};

	assert_string_equal(error_text(&error), "success");
	assert_int_equal(error_errno(&error, ENOENT, "open %s", "x"), -ENOENT);
	assert_int_equal(error_set(&error, EPERM, "later"), -EPERM);
	error_prefix(&error, "profile %s", "vpn");
	assert_int_equal(error.code, ENOENT);
	assert_string_equal(error_text(&error), "profile vpn: open x: No such file or directory");
	error_hint(&error, "first");
	error_hint(&error, "second");
	assert_string_equal(error.hint, "second");
	/* nobody wants to know */
	assert_int_equal(error_set(NULL, -EPERM, "x"), -EPERM);
	error_hint(NULL, "x");
	error_prefix(NULL, "x");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escape_leaves_nothing_that_a_terminal_obeys),
		cmocka_unit_test(any_bytes_are_told_in_utf8_and_come_back),
		cmocka_unit_test(a_shell_reads_a_quoted_word_as_it_was),
		cmocka_unit_test(numbers_are_whole_and_in_range),
		cmocka_unit_test(distance_counts_edits),
		cmocka_unit_test(trimmed_keeps_what_is_inside),
		cmocka_unit_test(hash_is_fnv_1a),
		cmocka_unit_test(lists_grow_copy_and_sort),
		cmocka_unit_test(the_first_error_wins_and_prefixes_go_in_front),
	};

	return cmocka_run_group_tests_name("string", tests, NULL, NULL);
}
