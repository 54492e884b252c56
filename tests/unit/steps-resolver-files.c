/* SPDX-License-Identifier: GPL-2.0-or-later */
/* steps: what resolv.conf, hosts and nsswitch.conf say inside. */
#include "profile-test.h"
#include "resolver_files.h"

enum { RESOLV_CONF, HOSTS, NSSWITCH };

static struct profile *with_dns(const char *lines)
{
	_cleanup_free_ char *text = str_format("[dns]\n%s", lines);
	_cleanup_error_ struct error error = {};
	struct profile *profile = NULL;

	assert_non_null(text);
	assert_success(
		profile_parse(NULL, "vpn", "vpn.ini", text, strlen(text), 0, &profile, &error),
		&error);
	return profile;
}

static void expect(int file, const char *lines, const char *old, const char *wanted)
{
	_cleanup_(profile_freep) struct profile *profile = with_dns(lines);
	_cleanup_free_ char *text = NULL;
	int r = resolver_file_text(&resolver_files[file], profile, old, &text);

	assert_int_equal(r, wanted != NULL);
	if (wanted)
		assert_string_equal(text, wanted);
	else
		assert_null(text);
}

static void resolv_conf_has_nothing_of_the_hosts(_unused_ void **state)
{
	expect(RESOLV_CONF, "nameserver = 10.8.0.1, 9.9.9.9\n", "nameserver 192.168.1.1\n",
	       "# made by nsctl for profile vpn\nnameserver 10.8.0.1\nnameserver 9.9.9.9\n");
	expect(RESOLV_CONF,
	       "nameserver = 10.8.0.1\nsearch = office.example, example.net\noptions = ndots:2\n",
	       "",
	       "# made by nsctl for profile vpn\nnameserver 10.8.0.1\n"
	       "search office.example example.net\noptions ndots:2\n");
}

static void hosts_are_the_hosts_with_the_profiles_behind_them(_unused_ void **state)
{
	expect(HOSTS, "nameserver = 10.8.0.1\n", "127.0.0.1 localhost\n", NULL);
	expect(HOSTS, "host = 10.8.0.5 wiki.office wiki\n", "127.0.0.1 localhost\n",
	       "127.0.0.1 localhost\n# profile vpn\n10.8.0.5 wiki.office wiki\n");
	/* a last line without its end must not swallow ours */
	expect(HOSTS, "host = 10.8.0.5 wiki\n", "127.0.0.1 localhost",
	       "127.0.0.1 localhost\n# profile vpn\n10.8.0.5 wiki\n");
	expect(HOSTS, "host = 10.8.0.5 wiki\n", "", "# profile vpn\n10.8.0.5 wiki\n");
}

static void plain_lines_of_nsswitch_are_left_alone(_unused_ void **state)
{
	static const char *const plain[] = {
		"hosts: files dns\n",
		"hosts:\tfiles   dns",
		"hosts:files dns\n",
		"  hosts: dns files myhostname\n",
		"hosts: files [NOTFOUND=return] dns\n",
		"passwd: files systemd\ngroup: files sss\n",
		"# hosts: resolve\nhosts: files dns\n",
		"",
	};

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		expect(NSSWITCH, "nameserver = 10.8.0.1\n", plain[i], NULL);
}

static void whatever_asks_somebody_on_the_host_is_taken_out(_unused_ void **state)
{
	static const char *const asking[] = {
		"hosts: files mymachines resolve [!UNAVAIL=return] dns",
		"hosts: files mdns4_minimal [NOTFOUND=return] dns",
		"hosts:resolve dns",
		"\thosts: files dns libvirt",
		"hosts: files dns mdns",
		"hosts: db files",
		"hosts: wins",
		"hosts: files dns sss",
		"hosts: files dns # resolve",
		"hosts: files dns\r",
	};

	for (size_t i = 0; i < ARRAY_SIZE(asking); i++) {
		_cleanup_free_ char *whole =
			str_format("passwd: files\n%s\nnetworks: files\n", asking[i]);

		expect(NSSWITCH, "nameserver = 10.8.0.1\n", whole,
		       "passwd: files\nhosts: files dns\nnetworks: files\n");
		/* as the last line, without its end */
		expect(NSSWITCH, "nameserver = 10.8.0.1\n", asking[i], "hosts: files dns\n");
	}
}

static void only_the_hosts_line_changes(_unused_ void **state)
{
	expect(NSSWITCH, "nameserver = 10.8.0.1\n",
	       "# hosts: resolve\n\npasswd: files sss\nhosts: resolve\nethers: db files\nlast: x",
	       "# hosts: resolve\n\npasswd: files sss\nhosts: files dns\nethers: db files\nlast: x\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resolv_conf_has_nothing_of_the_hosts),
		cmocka_unit_test(hosts_are_the_hosts_with_the_profiles_behind_them),
		cmocka_unit_test(plain_lines_of_nsswitch_are_left_alone),
		cmocka_unit_test(whatever_asks_somebody_on_the_host_is_taken_out),
		cmocka_unit_test(only_the_hosts_line_changes),
	};

	return cmocka_run_group_tests_name("resolver-files", tests, NULL, NULL);
}
