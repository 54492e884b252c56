/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of keys: what is taken, what is refused, and the words for it. */
#include "profile-test.h"

static void bad_values_are_refused_with_what_is_allowed(_unused_ void **state)
{
	static const struct refusal refusals[] = {
		{ "[link]\ngateway = 10.0.0.300\n",
		  "test.ini:2: in [link], gateway = \"10.0.0.300\": not an address",
		  "allowed: auto, or an IPv4 address as in 192.168.57.1" },
		{ "[link]\naddress = 10.0.0.1/33\n",
		  "test.ini:2: in [link], address = \"10.0.0.1/33\": not an address with the length of "
		  "its network",
		  "allowed: auto, or an IPv4 address with the length of its network as in "
		  "192.168.57.101/24" },
		{ "[link]\nnat = masqerade\n",
		  "test.ini:2: in [link], nat = \"masqerade\": not one of the allowed words",
		  "did you mean \"masquerade\"? Allowed: masquerade, none" },
		{ "[link]\nnat = none ; comment\n",
		  "test.ini:2: in [link], nat = \"none ; comment\": not one of the allowed words",
		  NULL },
		{ "[link]\nisolate = true\n",
		  "test.ini:2: in [link], isolate = \"true\": neither yes nor no",
		  "allowed: no, yes" },
		{ "[link]\nbridge = $(id)\n",
		  "test.ini:2: in [link], bridge = \"$(id)\": an interface's name has letters, digits, "
		  "\"_\", \".\", \"-\", \"+\", \"@\" and \"=\" only, and does not begin with \"-\"",
		  "allowed: an interface's name, as in eth0: at most 15 characters" },
		{ "[aaaa]\nrun = inside\nqtype = 300, 301, 302, 303, 304, 305, 306, 307, 308, 309, 310, 311, 312, 313, 314, 315\nqtype = AAAA\n",
		  "test.ini:4: in [aaaa], qtype = \"AAAA\": more than 16 values", "" },
		{ "[link]\nmtu = 67\n", "test.ini:2: in [link], mtu = \"67\": out of range",
		  "allowed: a number from 68 to 65535" },
		{ "[link]\nmtu = 1k\n", "test.ini:2: in [link], mtu = \"1k\": not a number", NULL },
		{ "[link]\nnat =\n", "test.ini:2: in [link], nat: no value",
		  "allowed: masquerade, none" },
		{ "[access]\nusers = a,,b\n",
		  "test.ini:2: in [access], users: nothing stands before or behind a comma", NULL },
		{ "[access]\nusers = a b\n",
		  "test.ini:2: in [access], users = \"a b\": not a name: it has white space (a list is "
		  "separated by commas)",
		  NULL },
		{ "[service x]\ncommand = y\nready = interfac tun0\n",
		  "test.ini:3: in [service x], ready = \"interfac tun0\": not one of the allowed words",
		  "allowed: started, notify, or interface NAME" },
	};

	REFUSED_ALL(refusals);
}

/* Key and value pairs at the edge of what is allowed; the words are those of the tests above. */
static const struct {
	const char *section, *key, *value;
	bool taken;
} cases[] = {
	{ "link", "address", "10.0.0.5", false },
	{ "link", "address", "10.0.0.5/32", false },
	{ "link", "address", "10.0.0.5/0", false },
	{ "link", "address", "fd00::1/64", false },
	{ "link", "address", "127.0.0.2/8", false },
	{ "link", "address", "224.0.0.5/24", false },
	{ "link", "address", "10.0.0.0/31", true },
	{ "link", "address", "AUTO", false },
	{ "link", "gateway", "fd00::1", false },
	{ "link", "gateway", "0.0.0.0", false },
	{ "link", "ipv6", "10.0.0.1/24", false },
	{ "link", "ipv6", "fd00::1", false },
	{ "link", "ipv6", "fd00::1/128", false },
	{ "link", "ipv6", "::1/64", false },
	{ "link", "ipv6", "ff02::1/64", false },
	{ "link", "ipv6", "auto", true },
	{ "link", "bridge", "a23456789012345", true },
	{ "link", "bridge", "a234567890123456", false },
	{ "link", "bridge", "a/b", false },
	{ "link", "bridge", "a b", false },
	{ "link", "bridge", "a:b", false },
	{ "link", "bridge", "a%d", false },
	{ "link", "bridge", "a;id;b", false },
	{ "link", "bridge", "$(id)", false },
	{ "link", "bridge", "a&b", false },
	{ "link", "bridge", "a'b", false },
	{ "link", "bridge", "a\\b", false },
	{ "link", "bridge", "a*", false },
	{ "link", "bridge", "-a", false },
	{ "link", "bridge", "br\303\244", false },
	{ "link", "bridge", "=a_b.c-d+e@1", true },
	{ "link", "interface", "a;id;b", false },
	{ "link", "bridge", ".", false },
	{ "link", "bridge", "..", false },
	{ "link", "bridge", "...", true },
	{ "link", "interface", "lo", false },
	{ "link", "interface", "all", false },
	{ "link", "interface", "default", false },
	{ "link", "mtu", "68", true },
	{ "link", "mtu", "65536", false },
	{ "link", "mtu", "-1", false },
	{ "link", "mac", "02:00:00:00:57:01", true },
	{ "link", "mac", "03:00:00:00:57:01", false },
	{ "link", "mac", "00:00:00:00:00:00", false },
	{ "link", "mac", "02:00:00:00:57:0g", false },
	{ "link", "mac", "02-00-00-00-57-01", false },
	{ "link", "mac", "02:00:00:00:57:01:02", false },
	{ "link", "publish", "80", false },
	{ "link", "publish", "0 -> 80", false },
	{ "link", "publish", "65536 -> 80", false },
	{ "link", "publish", "80 -> 80/sctp", false },
	{ "link", "publish", "::1:80 -> 80", false },
	{ "link", "publish", "host:80 -> 80", false },
	{ "link", "publish", "80->80", true },
	{ "route", "add", "10.1.0.0/16", false },
	{ "route", "add", "10.1.2.0/16 via 10.0.0.1", false },
	{ "route", "add", "10.1.0.0/16 via fd00::1", false },
	{ "route", "add", "10.1.0.0/16 via 0.0.0.0", false },
	{ "route", "add", "10.1.0.0/16 via 10.0.0.1 metric 5", false },
	{ "route", "add", "10.1.0.1 via 10.0.0.1", true },
	{ "dns", "nameserver", "dns.example", false },
	{ "dns", "search", "a..b", false },
	{ "dns", "search", "-a.example", false },
	{ "dns", "search", "_tcp.example", true },
	{ "dns", "options", "a b", false },
	{ "dns", "host", "10.0.0.1", false },
	{ "dns", "host", "wiki 10.0.0.1", false },
	{ "dns", "host", "10.0.0.1 a_b", false },
	{ "mount", "bind", "/a", false },
	{ "mount", "bind", "/a:b", false },
	{ "mount", "bind", "a:/b", false },
	{ "mount", "bind", "/a:/b:rw", false },
	{ "mount", "bind", "/a/../b:/c", false },
	{ "mount", "bind", "/a:/b/..", false },
	{ "mount", "bind", "/a:/", false },
	{ "mount", "bind", "/a:/.", false },
	{ "mount", "bind", "/:/mnt/..a", true },
	{ "mount", "tmpfs", "/", false },
	{ "mount", "tmpfs", "//", false },
	{ "mount", "tmpfs", "tmp", false },
	{ "mount", "tmpfs", "/tmp", true },
	{ "aaaa", "port", "0", false },
	{ "aaaa", "queues", "65", false },
	{ "aaaa", "qtype", "A A", false },
	{ "profile", "inherit", "../x", false },
};

static void values_at_the_edge(_unused_ void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *text = str_format("[%s]\n%s = %s\n", cases[i].section,
						       cases[i].key, cases[i].value);
		_cleanup_(profile_freep) struct profile *profile = NULL;
		int r = parse(text, strlen(text), &profile, NULL);

		if (r != (cases[i].taken ? 0 : -EINVAL))
			fail_msg("%s gave %d", text, r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_values_are_refused_with_what_is_allowed),
		cmocka_unit_test(values_at_the_edge),
	};

	return cmocka_run_group_tests_name("profile_values", tests, NULL, NULL);
}
