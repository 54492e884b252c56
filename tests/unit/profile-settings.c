/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctld.ini. */
#include <sys/stat.h>

#include "profile-test.h"

static char directory[] = "/tmp/nsctl-test-settings-XXXXXX";
static const char path[] = "nsctld.ini"; /* relative: the tests run in the directory */

static int enter(_unused_ void **state)
{
	return mkdtemp(directory) && chdir(directory) == 0 ? 0 : -1;
}

static int leave(_unused_ void **state)
{
	_cleanup_free_ char *command = str_format("rm -r %s", directory);

	return chdir("/") == 0 && system(command) == 0 ? 0 : -1;
}

static struct settings *load(const char *text)
{
	_cleanup_error_ struct error error = {};
	struct settings *settings = NULL;

	assert_int_equal(file_write_atomic(path, 0644, text, strlen(text)), 0);
	assert_success(settings_load(path, &settings, &error), &error);
	return settings;
}

static void assert_pool(const struct settings *settings, size_t index, const char *wanted)
{
	char buffer[IP_TEXT_MAX];

	assert_string_equal(ip_prefix_format(&settings->pool[index], buffer), wanted);
}

static void without_a_file_there_are_defaults(_unused_ void **state)
{
	struct settings *settings = NULL;

	assert_int_equal(settings_load("/nonexistent/nsctl/nsctld.ini", &settings, NULL), 0);
	assert_int_equal(settings->n_pool, 3);
	assert_pool(settings, 0, "10.193.0.0/16");
	assert_pool(settings, 1, "172.29.0.0/16");
	assert_pool(settings, 2, "192.168.240.0/20");
	assert_null(settings->group);
	assert_int_equal(settings->max_connections, 64);
	assert_int_equal(settings->max_sessions, 256);
	assert_int_equal(settings->max_changes, 4096);
	assert_null(settings_free(settings));
	assert_null(settings_free(NULL));
}

static void what_is_set_replaces_the_default(_unused_ void **state)
{
	struct settings *settings =
		load("[daemon]\npool = 10.7.0.0/24\npool = 10.8.0.0/24\ngroup = "
		     "netdev\n[limits]\nsessions = 3\n");

	assert_int_equal(settings->n_pool, 2);
	assert_pool(settings, 1, "10.8.0.0/24");
	assert_string_equal(settings->group, "netdev");
	assert_int_equal(settings->max_connections, 64);
	assert_int_equal(settings->max_sessions, 3);
	settings_free(settings);
	settings = load("[daemon]\npool =\n"); /* no `auto` at all */
	assert_int_equal(settings->n_pool, 0);
	settings_free(settings);
}

static void errors_have_file_line_and_hint(_unused_ void **state)
{
	static const struct refusal refusals[] = {
		{ "[daemon]\npol = 10.0.0.0/8\n", "nsctld.ini:2: in [daemon], pol: no such key",
		  "did you mean \"pool\"? Allowed: pool, group" },
		{ "[daemon]\npool = 10.1.0.0/8\n",
		  "nsctld.ini:2: in [daemon], pool = \"10.1.0.0/8\": host bits are set: it is an address, "
		  "not a network",
		  "allowed: an IPv4 network, as in 10.193.0.0/16" },
		{ "[daemon]\npool = 10.0.0.0/31\n",
		  "nsctld.ini:2: in [daemon], pool = \"10.0.0.0/31\": a range's length is from 8 to 30",
		  NULL },
		{ "[daemon]\npool = fd00::/64\n",
		  "nsctld.ini:2: in [daemon], pool = \"fd00::/64\": not an IPv4 network", NULL },
		{ "[limits]\nconnections = 0\n",
		  "nsctld.ini:2: in [limits], connections = \"0\": out of range",
		  "allowed: a number from 1 to 65535" },
		{ "[link]\n", "nsctld.ini:1: [link]: no such section",
		  "allowed: [daemon], [limits]" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
		_cleanup_error_ struct error error = {};
		struct settings *settings = NULL;

		assert_int_equal(
			file_write_atomic(path, 0644, refusals[i].text, strlen(refusals[i].text)),
			0);
		assert_int_equal(settings_load(path, &settings, &error), -EINVAL);
		assert_string_equal(error_text(&error), refusals[i].what);
		if (refusals[i].hint)
			assert_string_equal(error.hint, refusals[i].hint);
		assert_null(settings);
	}
}

static void root_takes_no_settings_that_others_can_write(_unused_ void **state)
{
	_cleanup_error_ struct error error = {};
	struct settings *settings = NULL;

	if (geteuid() != 0)
		skip();
	settings_free(load(""));
	settings = NULL;
	assert_int_equal(chmod(path, 0666), 0);
	assert_int_equal(settings_load(path, &settings, &error), -EPERM);
	assert_string_equal(error_text(&error),
			    "nsctld.ini is not used: \"nsctld.ini\" can be written "
			    "by others (mode 0666)");
	assert_non_null(error.hint);
	assert_null(settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file_there_are_defaults),
		cmocka_unit_test(what_is_set_replaces_the_default),
		cmocka_unit_test(errors_have_file_line_and_hint),
		cmocka_unit_test(root_takes_no_settings_that_others_can_write),
	};

	return cmocka_run_group_tests_name("settings", tests, enter, leave);
}
