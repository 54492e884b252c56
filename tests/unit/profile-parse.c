/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The profile parser: what text means, and the exact words with which it is refused. */
#include "profile-test.h"

static void an_empty_file_is_all_defaults(_unused_ void **state)
{
	_cleanup_(profile_freep) struct profile *p = good("");

	assert_string_equal(p->name, "test");
	assert_string_equal(p->path, "test.ini");
	assert_string_equal(p->description, "");
	assert_null(p->inherit);
	assert_null(p->users);
	assert_int_equal(p->network, NETWORK_NEW);
	assert_false(p->pid || p->uts || p->ipc);
	assert_null(p->hostname);
	assert_int_equal(p->link_type, LINK_BRIDGE);
	assert_string_equal(p->bridge, "nsctl0");
	assert_string_equal(p->interface, "eth0");
	assert_int_equal(p->address.address.family, 0);
	assert_int_equal(p->gateway.family, 0);
	assert_int_equal(p->nat, NAT_MASQUERADE);
	assert_int_equal(p->ipv6_mode, IPV6_NO);
	assert_true(p->isolate);
	assert_int_equal(p->mtu, 0);
	assert_false(p->has_mac);
	assert_true(p->route_default);
	assert_false(p->has_dns);
	assert_false(p->enforce);
	assert_true(p->mask_host_resolvers);
	assert_int_equal(p->egress, EGRESS_ANY);
	assert_string_equal(p->tunnel, "tun0");
	assert_int_equal(p->aaaa_run, AAAA_NO);
	assert_int_equal(p->aaaa_port, 53);
	assert_string_equal(p->aaaa_qtypes[0], "AAAA");
	assert_null(p->aaaa_qtypes[1]);
	assert_int_equal(p->aaaa_queues, 1);
	assert_int_equal(p->n_publish + p->n_routes + p->n_nameservers + p->n_hosts + p->n_binds +
				 p->n_endpoints + p->n_services,
			 0);
}

static const char everything[] =
	"[profile]\n"
	"description = all; of # it = \"yes\"\n"
	"[access]\n"
	"users = alice, 1000\n"
	"users = bob\n"
	"groups = vpn\n"
	"[namespace]\n"
	"pid = yes\nuts = yes\nipc = yes\nhostname = pc.example\n"
	"[link]\n"
	"type = bridge\nbridge = br0\ninterface = lan0\n"
	"address = 192.168.57.101/24\ngateway = 192.168.57.1\n"
	"nat = none\nipv6 = fd00:57::2/64\nisolate = no\nmtu = 1400\n"
	"mac = 02:00:00:00:57:aB\n"
	"publish = 8080 -> 80, 10.0.0.1:53->5353/udp, [::1]:22 -> 22/tcp\n"
	"[route]\n"
	"default = no\n"
	"add = 10.20.0.0/16 via 192.168.57.9\n"
	"add = fd00:99::/48  via\tfd00:57::1\n"
	"[dns]\n"
	"nameserver = 10.8.0.1, fd00::53\n"
	"search = office.example, example.org.\n"
	"options = ndots:2, edns0\n"
	"host = 10.8.0.5 wiki wiki.example, fd00::5 six\n"
	"enforce = yes\nmask-host-resolvers = no\n"
	"[mount]\n"
	"bind = /srv/a:/mnt/a, /srv/b:/mnt/b:ro\n"
	"tmpfs = /var/cache/x\n"
	"[firewall]\n"
	"egress = tunnel\ntunnel = wg0\n"
	"endpoint = vpn.example:1194/udp, [fd00::1]:443/tcp, 192.0.2.1:51820\n"
	"[aaaa]\n"
	"run = inside\nhook = forward\nport = 5353\nqtype = AAAA, HTTPS\n"
	"only = example.org\nexcept = ipv6.example.org\n"
	"dnssec = answer\nsoa = yes\nqueues = 4\n"
	"[service openvpn]\n"
	"command = openvpn --config \"a b.conf\", x ; y\n"
	"user = nobody\nrestart = on-failure\nready = interface tun0\n"
	"stop-timeout = 0\n"
	"[service dns-2]\n"
	"command = dnsmasq\n"
	"[hook]\n"
	"pre-up = echo a, b\npre-up = echo c\n"
	"post-up = a\npre-down = b\npost-down = c\nresume = d\n";

static void every_key_reaches_its_field(_unused_ void **state)
{
	_cleanup_(profile_freep) struct profile *p = good(everything);
	static const uint8_t mac[] = { 2, 0, 0, 0, 0x57, 0xab };
	char buffer[IP_TEXT_MAX];

	assert_string_equal(p->description, "all; of # it = \"yes\"");
	assert_int_equal(strv_length(p->users), 3);
	assert_string_equal(p->users[1], "1000");
	assert_string_equal(p->users[2], "bob");
	assert_string_equal(p->groups[0], "vpn");
	assert_true(p->pid && p->uts && p->ipc);
	assert_string_equal(p->hostname, "pc.example");
	assert_string_equal(p->bridge, "br0");
	assert_string_equal(p->interface, "lan0");
	assert_string_equal(ip_prefix_format(&p->address, buffer), "192.168.57.101/24");
	assert_string_equal(ip_address_format(&p->gateway, buffer), "192.168.57.1");
	assert_int_equal(p->nat, NAT_NONE);
	assert_int_equal(p->ipv6_mode, IPV6_FIXED);
	assert_string_equal(ip_prefix_format(&p->ipv6, buffer), "fd00:57::2/64");
	assert_false(p->isolate);
	assert_int_equal(p->mtu, 1400);
	assert_true(p->has_mac);
	assert_memory_equal(p->mac.ether_addr_octet, mac, 6);
	assert_int_equal(p->n_publish, 3);
	assert_int_equal(p->publish[0].address.family, 0);
	assert_int_equal(p->publish[0].outer, 8080);
	assert_int_equal(p->publish[1].inner, 5353);
	assert_int_equal(p->publish[1].protocol, PROTOCOL_UDP);
	assert_int_equal(p->publish[2].address.family, AF_INET6);
	assert_false(p->route_default);
	assert_int_equal(p->n_routes, 2);
	assert_int_equal(p->routes[1].destination.length, 48);
	assert_string_equal(ip_address_format(&p->routes[1].via, buffer), "fd00:57::1");
}

static void every_key_of_the_later_sections_reaches_its_field(_unused_ void **state)
{
	_cleanup_(profile_freep) struct profile *p = good(everything);

	assert_true(p->has_dns);
	assert_int_equal(p->n_nameservers, 2);
	assert_int_equal(p->nameservers[1].family, AF_INET6);
	assert_string_equal(p->search[1], "example.org.");
	assert_string_equal(p->options[0], "ndots:2");
	assert_int_equal(p->n_hosts, 2);
	assert_string_equal(p->hosts[0].names[1], "wiki.example");
	assert_null(p->hosts[0].names[2]);
	assert_true(p->enforce);
	assert_false(p->mask_host_resolvers);
	assert_int_equal(p->n_binds, 2);
	assert_string_equal(p->binds[0].target, "/mnt/a");
	assert_false(p->binds[0].read_only);
	assert_string_equal(p->binds[1].source, "/srv/b");
	assert_true(p->binds[1].read_only);
	assert_string_equal(p->tmpfs[0], "/var/cache/x");
	assert_int_equal(p->egress, EGRESS_TUNNEL);
	assert_string_equal(p->tunnel, "wg0");
	assert_int_equal(p->n_endpoints, 3);
	assert_string_equal(p->endpoints[1].host, "fd00::1");
	assert_int_equal(p->endpoints[1].protocol, PROTOCOL_TCP);
	assert_int_equal(p->endpoints[2].protocol, PROTOCOL_UDP);
	assert_int_equal(p->endpoints[2].port, 51820);
	assert_int_equal(p->aaaa_run, AAAA_INSIDE);
	assert_int_equal(p->aaaa_hook, AAAA_HOOK_FORWARD);
	assert_int_equal(p->aaaa_port, 5353);
	assert_string_equal(p->aaaa_qtypes[1], "HTTPS");
	assert_string_equal(p->aaaa_only[0], "example.org");
	assert_string_equal(p->aaaa_except[0], "ipv6.example.org");
	assert_int_equal(p->aaaa_dnssec, AAAA_DNSSEC_ANSWER);
	assert_true(p->aaaa_soa);
	assert_int_equal(p->aaaa_queues, 4);
	assert_int_equal(p->n_services, 2);
	assert_string_equal(p->services[0].name, "openvpn");
	assert_string_equal(p->services[0].command, "openvpn --config \"a b.conf\", x ; y");
	assert_string_equal(p->services[0].user, "nobody");
	assert_int_equal(p->services[0].restart, RESTART_ON_FAILURE);
	assert_int_equal(p->services[0].ready, READY_INTERFACE);
	assert_string_equal(p->services[0].ready_interface, "tun0");
	assert_int_equal(p->services[0].stop_timeout, 0);
	assert_string_equal(p->services[1].user, "root");
	assert_int_equal(p->services[1].stop_timeout, 10);
	assert_int_equal(strv_length(p->pre_up), 2);
	assert_string_equal(p->pre_up[0], "echo a, b");
	assert_string_equal(p->resume[0], "d");
}

/* ---- what is shown is what was meant -------------------------------------------------------- */

struct shown {
	FILE *out;
	char section[64];
};

static int write_value(const char *section, const char *key, const char *value,
		       _unused_ const char *origin, void *userdata)
{
	struct shown *shown = userdata;

	if (!value)
		return 0;
	if (!str_equal(section, shown->section))
		fprintf(shown->out, "[%s]\n", section);
	snprintf(shown->section, sizeof(shown->section), "%s", section);
	fprintf(shown->out, "%s = %s\n", key, value);
	return 0;
}

static char *show(const struct profile *profile)
{
	struct shown shown = {};
	size_t length;
	char *text;

	shown.out = open_memstream(&text, &length);
	assert_int_equal(profile_each_value(profile, write_value, &shown), 0);
	assert_int_equal(fclose(shown.out), 0);
	return text;
}

static void what_is_shown_is_a_profile_that_says_the_same(_unused_ void **state)
{
	_cleanup_(profile_freep) struct profile *first = good(everything), *second = NULL;
	_cleanup_free_ char *once = show(first), *twice = NULL;

	second = good(once);
	twice = show(second);
	assert_string_equal(once, twice);
	/* in the canonical form */
	assert_non_null(strstr(once, "\nmac = 02:00:00:00:57:ab\n"));
	assert_non_null(strstr(once, "\npublish = 10.0.0.1:53 -> 5353/udp\n"));
	assert_non_null(strstr(once, "\npublish = [::1]:22 -> 22/tcp\n"));
	assert_non_null(strstr(once, "\nendpoint = [fd00::1]:443/tcp\n"));
	assert_non_null(strstr(once, "\nadd = fd00:99::/48 via fd00:57::1\n"));
	assert_non_null(strstr(once, "\nhost = 10.8.0.5 wiki wiki.example\n"));
	assert_non_null(strstr(once, "\nbind = /srv/b:/mnt/b:ro\n"));
	assert_non_null(strstr(once, "[service openvpn]\ncommand = openvpn"));
	assert_non_null(strstr(once, "\nready = interface tun0\n"));
}

static int find_origin(_unused_ const char *section, const char *key, const char *value,
		       const char *origin, void *userdata)
{
	FILE *out = userdata;

	if (str_equal(key, "users") || str_equal(key, "mtu") || str_equal(key, "groups"))
		fprintf(out, "%s=%s@%s\n", key, value ? value : "-", origin ? origin : "-");
	return 0;
}

static void each_value_knows_its_line(_unused_ void **state)
{
	_cleanup_(profile_freep) struct profile *p = good(
		"# first\r\n\n[access]\nusers = a, b\n\n  users = c\n[service x]\ncommand=y\n");
	_cleanup_free_ char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	assert_int_equal(profile_each_value(p, find_origin, out), 0);
	fclose(out);
	assert_string_equal(text, "users=a@test.ini:4\nusers=b@test.ini:4\nusers=c@test.ini:6\n"
				  "groups=-@-\nmtu=-@-\n");
	assert_string_equal(profile_origin(p, "access", "users"), "test.ini:4");
	assert_string_equal(profile_origin(p, "service x", "command"), "test.ini:8");
	assert_null(profile_origin(p, "service x", "user"));
	assert_null(profile_origin(p, "service y", "command"));
	assert_null(profile_origin(p, "link", "mtu"));
	assert_null(profile_origin(p, "link", "nonsense"));
}

static int stop(_unused_ const char *section, _unused_ const char *key, _unused_ const char *value,
		_unused_ const char *origin, void *userdata)
{
	return ++*(int *)userdata == 3 ? -EINTR : 0;
}

static void a_negative_return_ends_the_walk(_unused_ void **state)
{
	_cleanup_(profile_freep) struct profile *p = good("");
	int calls = 0;

	assert_int_equal(profile_each_value(p, stop, &calls), -EINTR);
	assert_int_equal(calls, 3);
}

/* ---- the grammar ----------------------------------------------------------------------------- */

static void white_space_marks_and_line_ends_do_not_matter(_unused_ void **state)
{
	_cleanup_(profile_freep) struct profile *p =
		good("\xef\xbb\xbf; made on Windows\r\n\r\n  [ link ]  \r\n\tmtu\t=\t1400\t\r\n   "
		     "# note\r\n[dns]");

	assert_int_equal(p->mtu, 1400);
	assert_true(p->has_dns);
	assert_string_equal(profile_origin(p, "link", "mtu"), "test.ini:4");
}

/* Each of these inih would cut short or leave out without a word. */
static void nothing_is_dropped_in_silence(_unused_ void **state)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_(profile_freep) struct profile *p = NULL;
	char command[4001];

	memset(command, 'x', sizeof(command) - 1);
	command[sizeof(command) - 1] = '\0';
	text = str_format("[hook]\npost-up = %s\n  pre-up = a ;b\n  pre-up = #c", command);
	p = good(text);
	assert_string_equal(p->post_up[0], command);
	assert_null(p->post_up[1]);
	assert_string_equal(p->pre_up[0], "a ;b");
	assert_string_equal(p->pre_up[1], "#c");
	assert_string_equal(profile_origin(p, "hook", "pre-up"), "test.ini:3");
}

static void an_empty_value_is_an_empty_list_or_unset(_unused_ void **state)
{
	_cleanup_(profile_freep) struct profile *p = good("[aaaa]\nqtype =\n[link]\nmtu=\n");

	assert_null(p->aaaa_qtypes);
	assert_int_equal(p->mtu, 0);
}

static void wrong_lines_are_refused(_unused_ void **state)
{
	static const struct refusal refusals[] = {
		{ "\n[link\n", "test.ini:2: \"[link\" is not the header of a section",
		  "a section begins with a line as in [link], with nothing behind it" },
		{ "[link] mtu = 1400",
		  "test.ini:1: \"[link] mtu = 1400\" is not the header of a section", NULL },
		{ "[link] # x", "test.ini:1: \"[link] # x\" is not the header of a section", NULL },
		{ "[]", "test.ini:1: a section without a name", "" },
		{ "[a;b]", "test.ini:1: [a;b]: no such section", NULL },
		{ "[link]\nmtu\n", "test.ini:2: \"mtu\" is neither [SECTION] nor KEY = VALUE",
		  "a comment begins with \"#\"" },
		{ "[link]\n = 1400\n",
		  "test.ini:2: \"= 1400\" is neither [SECTION] nor KEY = VALUE", NULL },
		{ "[link]\nmtu : 1400\n",
		  "test.ini:2: \"mtu : 1400\" is neither [SECTION] nor KEY = "
		  "VALUE",
		  NULL },
		{ "mtu = 1400", "test.ini:1: mtu stands before the first [SECTION]",
		  "mtu belongs in [link]" },
		{ "[link]\n\nmtu = 14\033[2J00\n",
		  "test.ini:3: a character that can't stand in a profile: \\x1b",
		  "allowed: text in UTF-8 without control characters" },
		{ "[profile]\ndescription = \xff\n",
		  "test.ini:2: a character that can't stand in a profile: \\xff", NULL },
		{ "[profile]\ndescription = a\rb\n",
		  "test.ini:2: a character that can't stand in a profile: \\rb", NULL },
		{ "[link]\naaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa = 1",
		  "test.ini:2: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": the name of a "
		  "key has 49 characters at most",
		  NULL },
		{ "[aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]",
		  "test.ini:1: [aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa]: the name of a "
		  "section has 49 characters at most",
		  NULL },
	};

	REFUSED_ALL(refusals);
}

static void a_nul_and_an_overlong_line_are_refused(_unused_ void **state)
{
	_cleanup_error_ struct error nul = {}, large = {};
	struct profile *profile = NULL;
	char line[4200] = "\n[hook]\npost-up = ";

	assert_int_equal(parse("[link]\nmtu\0 = 1400\n", 19, &profile, &nul), -EINVAL);
	assert_string_equal(error_text(&nul),
			    "test.ini:2: a character that can't stand in a profile: \\x00");
	memset(line + strlen(line), 'x', sizeof(line) - strlen(line) - 1);
	assert_int_equal(parse(line, sizeof(line) - 1, &profile, &large), -EINVAL);
	assert_string_equal(error_text(&large),
			    "test.ini:3: a line of 4191 bytes, at most 4096 are allowed");
	assert_null(profile);
}

/* ---- sections and keys ----------------------------------------------------------------------- */

#define ALL_SECTIONS                                                                               \
	"[profile], [access], [namespace], [link], [route], [dns], [mount], [firewall], [aaaa], "  \
	"[service NAME], [hook]"

static void unknown_words_are_refused_with_the_nearest(_unused_ void **state)
{
	static const struct refusal refusals[] = {
		{ "[profile]\n[lnk]\n", "test.ini:2: [lnk]: no such section",
		  "did you mean [link]? Allowed: " ALL_SECTIONS },
		{ "[DNS]\n", "test.ini:1: [DNS]: no such section",
		  "did you mean [dns]? Allowed: " ALL_SECTIONS },
		{ "[zzzzzz]\n", "test.ini:1: [zzzzzz]: no such section", "allowed: " ALL_SECTIONS },
		{ "[link x]\n", "test.ini:1: [link x]: no such section", NULL },
		{ "[link]\nmtu = 1400\ngatway = auto\n",
		  "test.ini:3: in [link], gatway: no such key",
		  "did you mean \"gateway\"? Allowed: type, bridge, interface, address, gateway, nat, "
		  "ipv6, isolate, mtu, mac, publish" },
		{ "[access]\nuser = alice\n", "test.ini:2: in [access], user: no such key",
		  "did you mean \"users\"? Allowed: users, groups" },
		{ "[link]\nnameserver = 1.1.1.1\n",
		  "test.ini:2: in [link], nameserver: no such key", "nameserver belongs in [dns]" },
		{ "[mount]\nzzz = 1\n", "test.ini:2: in [mount], zzz: no such key",
		  "allowed: bind, tmpfs" },
		{ "[service a]\ncomand = x\n", "test.ini:2: in [service a], comand: no such key",
		  "did you mean \"command\"? Allowed: command, user, restart, ready, stop-timeout" },
	};

	REFUSED_ALL(refusals);
}

static void duplicates_are_refused_with_the_first_place(_unused_ void **state)
{
	static const struct refusal refusals[] = {
		{ "[link]\nmtu = 1400\n\nmtu = 1400\n",
		  "test.ini:4: in [link], mtu stands here again, first in test.ini:2", "" },
		{ "[link]\n[dns]\n[link]\n",
		  "test.ini:3: [link] stands here again, first in test.ini:1", NULL },
		{ "[service a]\ncommand=x\n[service b]\ncommand=x\n[service  a]\n",
		  "test.ini:5: [service  a] stands here again, first in test.ini:1", NULL },
		{ "[access]\nusers =\nusers = a\n",
		  "test.ini:3: in [access], users stands here again, first in test.ini:2", NULL },
		{ "[access]\nusers = a\nusers =\n",
		  "test.ini:3: in [access], users stands here again, first in test.ini:2", NULL },
	};

	REFUSED_ALL(refusals);
}

static void services_need_a_name(_unused_ void **state)
{
	static const struct refusal refusals[] = {
		{ "[service]\n", "test.ini:1: [service]: the name of the service is missing",
		  NULL },
		{ "[service a b]\n",
		  "test.ini:1: [service a b]: a name has letters, digits, \"_\", \".\" and \"-\" only",
		  NULL },
		{ "[service .a]\n",
		  "test.ini:1: [service .a]: a name starts with a letter or digit", NULL },
		{ "[service a23456789012345678901234567890123]\n",
		  "test.ini:1: [service a23456789012345678901234567890123]: a name has 32 characters at "
		  "most",
		  NULL },
	};

	REFUSED_ALL(refusals);
}

/* ---- limits -----------------------------------------------------------------------------------
 */

static void a_file_has_limits(_unused_ void **state)
{
	_cleanup_error_ struct error values = {}, size = {}, sections = {};
	_cleanup_free_ char *text = NULL, *large = NULL, *many = NULL;
	struct profile *profile = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	fputs("[access]\nusers = a", out);
	for (int i = 0; i < 4096; i++)
		fputs(i % 100 ? ",a" : "\nusers = a", out);
	fclose(out);
	assert_int_equal(parse(text, length, &profile, &values), -EINVAL);
	assert_string_equal(error_text(&values),
			    "test.ini:43: in [access], users: more than 4096 values in one file");
	large = calloc(1, PROFILE_FILE_MAX + 1);
	memset(large, '\n', PROFILE_FILE_MAX + 1);
	assert_int_equal(parse(large, PROFILE_FILE_MAX + 1, &profile, &size), -EFBIG);
	assert_string_equal(error_text(&size), "test.ini is larger than 1048576 bytes");
	out = open_memstream(&many, &length);
	for (int i = 0; i < 129; i++)
		fprintf(out, "[service s%d]\ncommand = x\n", i);
	fclose(out);
	assert_int_equal(parse(many, length, &profile, &sections), -EINVAL);
	assert_string_equal(error_text(&sections), "test.ini:257: more than 128 sections");
	assert_null(profile);
}

static void names_are_checked_before_anything_else(_unused_ void **state)
{
	static const struct {
		const char *name, *what;
	} cases[] = {
		{ "", "the name of the profile is empty" },
		{ "a23456789012345678901234567890123",
		  "profile name \"a23456789012345678901234567890123\" is too long: 33 characters, at "
		  "most 32 are allowed" },
		{ ".hidden",
		  "\".hidden\" can't be the name of a profile: a name starts with a letter or digit" },
		{ "../etc",
		  "\"../etc\" can't be the name of a profile: a name starts with a letter or digit" },
		{ "a/b",
		  "\"a/b\" can't be the name of a profile: a name has letters, digits, \"_\", "
		  "\".\" and \"-\" only" },
		{ "a\033b",
		  "\"a\\x1bb\" can't be the name of a profile: a name has letters, digits, "
		  "\"_\", \".\" and \"-\" only" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error error = {};
		struct profile *profile = NULL;

		assert_int_equal(
			profile_parse(NULL, cases[i].name, "x", "", 0, 0, &profile, &error),
			-EINVAL);
		assert_string_equal(error_text(&error), cases[i].what);
		assert_false(profile_name_valid(cases[i].name));
		assert_null(profile);
	}
	assert_true(profile_name_valid("a2345678901234567890123456789012"));
	assert_true(profile_name_valid("9.a_b-c"));
	assert_false(profile_name_valid(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_file_is_all_defaults),
		cmocka_unit_test(every_key_reaches_its_field),
		cmocka_unit_test(every_key_of_the_later_sections_reaches_its_field),
		cmocka_unit_test(what_is_shown_is_a_profile_that_says_the_same),
		cmocka_unit_test(each_value_knows_its_line),
		cmocka_unit_test(a_negative_return_ends_the_walk),
		cmocka_unit_test(white_space_marks_and_line_ends_do_not_matter),
		cmocka_unit_test(nothing_is_dropped_in_silence),
		cmocka_unit_test(an_empty_value_is_an_empty_list_or_unset),
		cmocka_unit_test(wrong_lines_are_refused),
		cmocka_unit_test(a_nul_and_an_overlong_line_are_refused),
		cmocka_unit_test(unknown_words_are_refused_with_the_nearest),
		cmocka_unit_test(duplicates_are_refused_with_the_first_place),
		cmocka_unit_test(services_need_a_name),
		cmocka_unit_test(a_file_has_limits),
		cmocka_unit_test(names_are_checked_before_anything_else),
	};

	return cmocka_run_group_tests_name("profile_parse", tests, NULL, NULL);
}
