/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What people read: times, suggestions, tables; and how the command line is taken apart. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/cli/cli.h"

#define NOON 1795435200 /* 2026-11-23T12:00:00Z */

static void since_says_how_long_ago(void **state _unused_)
{
	static const struct {
		const char *time, *text;
	} cases[] = {
		{ "2026-11-23T12:00:00Z", "0 s" },
		{ "2026-11-23T11:58:01Z", "119 s" },
		{ "2026-11-23T11:58:00Z", "2 min" },
		{ "2026-11-23T10:00:01Z", "119 min" },
		{ "2026-11-23T10:00:00Z", "2 h" },
		{ "2026-11-21T12:00:01Z", "47 h" },
		{ "2026-11-21T12:00:00Z", "2 d" },
		{ "2025-11-23T12:00:00Z", "365 d" },
		{ "2026-11-23T12:00:09Z", "0 s" }, /* the clock was set back */
		{ "yesterday", "yesterday" },
		{ "2026-11-23T12:00:00+01:00", "2026-11-23T12:00:00+01:00" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char buffer[64];

		assert_string_equal(format_since(cases[i].time, NOON, buffer, sizeof(buffer)),
				    cases[i].text);
	}
}

static void nearest_word_is_one_that_was_meant(void **state _unused_)
{
	static const char *const words[] = { "up", "down", "exec", "status", "list", "check" };
	static const struct {
		const char *word, *near;
	} cases[] = {
		{ "upp", "up" },       { "stauts", "status" }, { "dwon", "down" },
		{ "lst", "list" },     { "up", "up" },         { "frobnicate", NULL },
		{ "checkk", "check" }, { "x", NULL },          { "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *near = nearest_word(cases[i].word, words, ARRAY_SIZE(words));

		if (cases[i].near)
			assert_string_equal(near ?: "(nothing)", cases[i].near);
		else
			assert_null(near);
	}
}

static char *printed(const struct table *table, bool color)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	assert_non_null(out);
	table_print(table, out, color);
	fclose(out);
	return text;
}

static void table_lines_up_and_escapes(void **state _unused_)
{
	struct table table = { .columns = 3 };
	_cleanup_free_ char *plain = NULL, *painted = NULL;

	assert_int_equal(
		table_add(&table, (const char *[]){ "NAME", "STATE", "DNS" }, COLOR_HEAD, SIZE_MAX),
		0);
	assert_int_equal(table_add(&table, (const char *[]){ "vpn", "up", NULL }, COLOR_GOOD, 1),
			 0);
	assert_int_equal(table_note(&table, "link: eth0\033[2J is missing"), 0);
	assert_int_equal(
		table_add(&table, (const char *[]){ "a\033b", "", "1.2.3.4" }, COLOR_NONE, 1), 0);
	plain = printed(&table, false);
	assert_string_equal(plain, "NAME    STATE  DNS\n"
				   "vpn     up     -\n"
				   "    link: eth0\\x1b[2J is missing\n"
				   "a\\x1bb  -      1.2.3.4\n");
	painted = printed(&table, true);
	assert_non_null(strstr(painted, "vpn     \033[32mup\033[0m     -\n"));
	table_clear(&table);
	assert_null(table.cells);
}

static void wide_characters_take_their_columns(void **state _unused_)
{
	struct table table = { .columns = 2 };
	_cleanup_free_ char *text = NULL;

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip();
	table_add(&table, (const char *[]){ "äöü", "x" }, COLOR_NONE, 0);
	table_add(&table, (const char *[]){ "abc", "x" }, COLOR_NONE, 0);
	text = printed(&table, false);
	setlocale(LC_CTYPE, "C");
	assert_string_equal(text, "äöü  x\nabc  x\n");
	table_clear(&table);
}

/* ---- options --------------------------------------------------------------------------- */

static int parse(struct cli *cli, unsigned allowed, bool stop, char **argv, struct error *error)
{
	return options_parse(cli, allowed, stop, strv_length(argv), argv, error);
}

static void options_stand_anywhere_but_in_a_command(void **state _unused_)
{
	char *argv[] = { "status", "vpn", "--json", NULL };
	char *exec_argv[] = { "exec", "-u", "joe", "vpn", "--json", NULL };
	struct cli cli = {}, exec = {};
	_cleanup_error_ struct error error = {};

	assert_int_equal(parse(&cli, OPTION_JSON, false, argv, &error), 2);
	assert_true(cli.json);
	assert_string_equal(argv[2], "vpn");
	assert_int_equal(parse(&exec, OPTION_USER | OPTION_JSON, true, exec_argv, &error), 3);
	assert_string_equal(exec.user, "joe");
	assert_false(exec.json);
}

static void option_of_another_command_is_unknown(void **state _unused_)
{
	char *argv[] = { "list", "--watch", NULL };
	struct cli cli = {};
	_cleanup_error_ struct error error = {};

	assert_int_equal(parse(&cli, OPTION_JSON, false, argv, &error), -EINVAL);
	assert_string_equal(error.what, "unknown option --watch");
}

static void misspelt_option_gets_a_suggestion(void **state _unused_)
{
	char *argv[] = { "status", "--jsno=x", NULL };
	struct cli cli = {};
	_cleanup_error_ struct error error = {};

	assert_int_equal(parse(&cli, OPTION_JSON | OPTION_WATCH, false, argv, &error), -EINVAL);
	assert_string_equal(error.hint, "did you mean --json?");
}

static void missing_and_needless_values_are_named(void **state _unused_)
{
	char *missing[] = { "exec", "--chdir", NULL }, *needless[] = { "x", "--json=1", NULL };
	struct cli cli = {};
	struct error error = {};

	assert_int_equal(parse(&cli, OPTION_CHDIR, true, missing, &error), -EINVAL);
	assert_string_equal(error.what, "option --chdir needs a value: DIR");
	error_clear(&error);
	assert_int_equal(parse(&cli, OPTION_JSON, true, needless, &error), -EINVAL);
	assert_string_equal(error.what, "option --json takes no value");
	error_clear(&error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(since_says_how_long_ago),
		cmocka_unit_test(nearest_word_is_one_that_was_meant),
		cmocka_unit_test(table_lines_up_and_escapes),
		cmocka_unit_test(wide_characters_take_their_columns),
		cmocka_unit_test(options_stand_anywhere_but_in_a_command),
		cmocka_unit_test(option_of_another_command_is_unknown),
		cmocka_unit_test(misspelt_option_gets_a_suggestion),
		cmocka_unit_test(missing_and_needless_values_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
