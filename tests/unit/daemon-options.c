/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of nsctld: defaults, replacements, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/options.h"

static char *const nothing[] = { "nsctld", NULL };

static int parse(char *const argv[], struct options *ret, struct error *error)
{
	return options_parse(strv_length(argv), argv, ret, error);
}

static void defaults_are_filled_in(_unused_ void **state)
{
	struct options options;

	assert_int_equal(parse(nothing, &options, NULL), 0);
	assert_string_equal(options.config, SYSCONFDIR "/nsctl/nsctld.ini");
	assert_string_equal(options.runtime, "/run/nsctl");
	assert_string_equal(options.socket, "/run/nsctl/nsctl.sock");
	assert_string_equal(options.session_program, LIBEXECDIR "/nsctl-session");
	assert_string_equal(options.responder_program, SBINDIR "/nsctl-aaaa");
	assert_int_equal(strv_length(options.profiles), 3);
	assert_string_equal(options.profiles[0], SYSCONFDIR "/nsctl/profiles");
	assert_string_equal(options.profiles[1], "/run/nsctl/profiles");
	assert_string_equal(options.profiles[2], DATADIR "/nsctl/profiles");
	assert_int_equal(options.log_level, LOG_LEVEL_INFO);
	assert_false(options.background || options.help || options.version);
	options_clear(&options);
}

static void profile_directories_replace_the_usual_ones(_unused_ void **state)
{
	char *const argv[] = { "nsctld", "--profiles", "/a", "--profiles=/b", NULL };
	struct options options;

	assert_int_equal(parse(argv, &options, NULL), 0);
	assert_int_equal(strv_length(options.profiles), 2);
	assert_string_equal(options.profiles[0], "/a");
	assert_string_equal(options.profiles[1], "/b");
	options_clear(&options);
}

static void the_socket_follows_the_runtime_directory(_unused_ void **state)
{
	char *const moved[] = { "nsctld", "--runtime-directory", "/x", NULL };
	char *const both[] = { "nsctld", "--socket", "/s", "--runtime-directory", "/x", NULL };
	struct options options;

	assert_int_equal(parse(moved, &options, NULL), 0);
	assert_string_equal(options.socket, "/x/nsctl.sock");
	assert_string_equal(options.profiles[1], "/x/profiles");
	options_clear(&options);
	assert_int_equal(parse(both, &options, NULL), 0);
	assert_string_equal(options.socket, "/s");
	options_clear(&options);
}

static void the_last_of_several_values_wins(_unused_ void **state)
{
	char *const argv[] = { "nsctld",      "--config", "/1",           "--config", "/2",
			       "--log-level", "debug",    "--background", NULL };
	struct options options;

	assert_int_equal(parse(argv, &options, NULL), 0);
	assert_string_equal(options.config, "/2");
	assert_int_equal(options.log_level, LOG_LEVEL_DEBUG);
	assert_true(options.background);
	options_clear(&options);
}

static void expect_refused(char *argument, char *value, const char *named)
{
	char *const argv[] = { "nsctld", argument, value, NULL };
	struct options options = { .config = NULL };
	struct error error = {};

	assert_int_equal(parse(argv, &options, &error), -EINVAL);
	if (!strstr(error.what, named))
		fail_msg("\"%s\" does not name %s", error.what, named);
	assert_null(options.config); /* nothing is written on failure */
	error_clear(&error);
}

static void mistakes_are_named(_unused_ void **state)
{
	expect_refused("--nothing", NULL, "--nothing");
	expect_refused("-q", NULL, "-q");
	expect_refused("vpn", NULL, "vpn");
	expect_refused("--", "vpn", "vpn");
	expect_refused("--config", NULL, "--config");
	expect_refused("--background=yes", NULL, "--background");
	expect_refused("--log-level", "loud", "loud");
	expect_refused("--socket", "relative", "relative");
	expect_refused("--socket", "", "absolute");
	expect_refused("--profiles", "./x", "./x");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_filled_in),
		cmocka_unit_test(profile_directories_replace_the_usual_ones),
		cmocka_unit_test(the_socket_follows_the_runtime_directory),
		cmocka_unit_test(the_last_of_several_values_wins),
		cmocka_unit_test(mistakes_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
