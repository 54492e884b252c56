/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What keys must be beside each other: the key to blame, its line, and why. */
#include "profile-test.h"

static void the_gateway_is_a_neighbour(_unused_ void **state)
{
	static const struct refusal refusals[] = {
		{ "[link]\naddress = 10.1.2.3/24\ngateway = 10.1.3.1\n",
		  "test.ini:3: in [link], gateway = \"10.1.3.1\": is outside of 10.1.2.0/24, the network "
		  "of address (test.ini:2)",
		  "allowed: auto, or an address inside 10.1.2.0/24" },
		{ "[link]\ngateway = 10.1.2.3\naddress = 10.1.2.3/24\n",
		  "test.ini:2: in [link], gateway = \"10.1.2.3\": is the profile's own address "
		  "(test.ini:3)",
		  "" },
		{ "[link]\naddress = 10.1.2.3/24\ngateway = 10.1.2.0\n",
		  "test.ini:3: in [link], gateway = \"10.1.2.0\": is the network or broadcast address of "
		  "10.1.2.0/24, not that of a host",
		  "" },
		{ "[link]\naddress = 10.1.2.3/24\ngateway = 10.1.2.255\n",
		  "test.ini:3: in [link], gateway = \"10.1.2.255\": is the network or broadcast address "
		  "of 10.1.2.0/24, not that of a host",
		  "" },
	};

	REFUSED_ALL(refusals);
	profile_free(good("[link]\naddress = 10.1.2.3/24\ngateway = 10.1.2.1\n"));
	profile_free(good("[link]\naddress = 10.1.2.2/31\ngateway = 10.1.2.3\n"));
	profile_free(good("[link]\ngateway = auto\naddress = auto\n"));
}

static void the_address_is_that_of_a_host(_unused_ void **state)
{
	static const struct refusal refusals[] = {
		{ "[link]\naddress = 10.1.2.0/24\n",
		  "test.ini:2: in [link], address = \"10.1.2.0/24\": is the network or broadcast address "
		  "of 10.1.2.0/24, not that of a host",
		  "" },
		{ "[link]\naddress = 10.1.2.127/25\n",
		  "test.ini:2: in [link], address = \"10.1.2.127/25\": is the network or broadcast "
		  "address of 10.1.2.0/25, not that of a host",
		  "" },
		{ "[link]\naddress = fd00::1/64\n",
		  "test.ini:2: in [link], address = \"fd00::1/64\": an IPv6 address, which belongs in "
		  "the key ipv6",
		  NULL },
	};

	REFUSED_ALL(refusals);
	profile_free(good("[link]\naddress = 10.1.2.127/24\n"));
}

/* In their order, and nothing that only follows from another. */
static void all_mistakes_are_told_of(_unused_ void **state)
{
	static const struct {
		const char *text, *whats[5];
	} cases[] = {
		{ "[link]\nmtu = x\nfoo = 1\n[nosec]\na = b\n[route]\nfoo\n",
		  { "test.ini:2: in [link], mtu = \"x\": not a number",
		    "test.ini:3: in [link], foo: no such key",
		    "test.ini:4: [nosec]: no such section",
		    "test.ini:7: \"foo\" is neither [SECTION] nor KEY = VALUE" } },
		{ "[link]\nfoo = 1\n[route\nadd = x\n",
		  { "test.ini:2: in [link], foo: no such key",
		    "test.ini:3: \"[route\" is not the header of a section" } },
		{ "[link]\naddress = 10.1.2.0/24\n[dns]\nenforce = yes\n",
		  { "test.ini:2: in [link], address = \"10.1.2.0/24\": is the network or broadcast "
		    "address of 10.1.2.0/24, not that of a host",
		    "test.ini:4: in [dns], enforce = \"yes\": there is no nameserver in [dns] to "
		    "enforce" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_error_ struct error error = {};
		const struct error *each = &error;
		struct profile *profile = NULL;

		assert_int_equal(parse(cases[i].text, strlen(cases[i].text), &profile, &error),
				 -EINVAL);
		for (const char *const *what = cases[i].whats; *what; what++, each = each->more) {
			assert_non_null(each);
			assert_string_equal(error_text(each), *what);
		}
		assert_null(each);
	}
}

/* A file that is none is not told of line by line. */
static void there_is_an_end_to_mistakes(_unused_ void **state)
{
	_cleanup_free_ char *text = calloc(1, 10000);
	_cleanup_error_ struct error error = {};
	struct profile *profile = NULL;
	unsigned told = 0;

	for (unsigned i = 0; i < 1000; i++)
		strcat(text, "no\n");
	assert_int_equal(parse(text, strlen(text), &profile, &error), -EINVAL);
	for (const struct error *each = &error; each; each = each->more)
		told++;
	assert_int_equal(told, 50);
}

static void what_no_step_does_is_told_of(_unused_ void **state)
{
	_cleanup_error_ struct error error = {};
	struct profile *profile = good("[namespace]\npid = yes\n[link]\npublish = 8080 -> 80\n");

	assert_int_equal(profile_supported(profile, &error), -EOPNOTSUPP);
	assert_string_equal(error_text(&error),
			    "not supported by this version of nsctl: [namespace] "
			    "pid, uts, ipc and hostname");
	assert_non_null(error.more);
	assert_string_equal(error_text(error.more),
			    "not supported by this version of nsctl: [link] publish");
	assert_null(error.more->more);
	profile_free(profile);
	profile = good("[link]\nmtu = 1400\n");
	assert_int_equal(profile_supported(profile, NULL), 0);
	profile_free(profile);
}

static void keys_without_a_meaning_are_refused(_unused_ void **state)
{
	static const struct refusal refusals[] = {
		{ "[link]\ngateway = 10.0.0.1\ntype = none\n",
		  "test.ini:2: in [link], gateway = \"10.0.0.1\": has no meaning with type = none "
		  "(test.ini:3)",
		  "remove gateway, or change type" },
		{ "[namespace]\nnetwork = host\n[route]\nadd = 10.0.0.0/8 via 10.0.0.1\n",
		  "test.ini:4: in [route], add = \"10.0.0.0/8 via 10.0.0.1\": has no meaning with network "
		  "= host (test.ini:2)",
		  "remove add, or change network" },
		{ "[link]\ntype = ptp\nbridge = br0\n",
		  "test.ini:3: in [link], bridge = \"br0\": has no meaning with type = ptp (test.ini:2)",
		  NULL },
		{ "[firewall]\nendpoint = a.example:1\n",
		  "test.ini:2: in [firewall], endpoint = \"a.example:1\": has no meaning with egress = "
		  "any (the default)",
		  NULL },
		{ "[namespace]\nhostname = pc\n",
		  "test.ini:2: in [namespace], hostname = \"pc\": has no meaning with uts = no (the "
		  "default)",
		  "remove hostname, or change uts" },
		{ "[link]\ngateway = 8.8.8.8\n",
		  "test.ini:2: in [link], gateway = \"8.8.8.8\": has no meaning with address = auto (the "
		  "default)",
		  "remove gateway, or change address" },
		{ "[link]\naddress = auto\ngateway = 8.8.8.8\n",
		  "test.ini:3: in [link], gateway = \"8.8.8.8\": has no meaning with address = auto "
		  "(test.ini:2)",
		  "remove gateway, or change address" },
		{ "[aaaa]\nexcept = a.example\n",
		  "test.ini:2: in [aaaa], except = \"a.example\": has no meaning with run = no (the "
		  "default)",
		  "remove except, or change run" },
		{ "[aaaa]\nqueues = 2\nrun = no\n",
		  "test.ini:2: in [aaaa], queues = \"2\": has no meaning with run = no (test.ini:3)",
		  "remove queues, or change run" },
	};

	REFUSED_ALL(refusals);
}

/* Each key of [link] and [route], set beside type = none and beside network = host. */
static void no_key_of_the_link_goes_without_a_link(_unused_ void **state)
{
	static const char *const keys[] = {
		"bridge = br0",   "interface = a", "address = auto",
		"gateway = auto", "nat = none",    "ipv6 = no",
		"isolate = yes",  "mtu = 1400",    "mac = 02:00:00:00:00:01",
		"publish = 1->1"
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		_cleanup_free_ char *none = str_format("[link]\ntype = none\n%s\n", keys[i]);
		_cleanup_free_ char *host =
			str_format("[namespace]\nnetwork = host\n[link]\n%s\n", keys[i]);
		struct profile *profile = NULL;

		assert_int_equal(parse(none, strlen(none), &profile, NULL), -EINVAL);
		assert_int_equal(parse(host, strlen(host), &profile, NULL), -EINVAL);
		assert_null(profile);
	}
	profile_free(good("[link]\ntype = none\n"));
	profile_free(good("[namespace]\nnetwork = host\n[dns]\nnameserver = 10.0.0.1\n"));
}

static void routes_lead_somewhere(_unused_ void **state)
{
	static const struct refusal refusals[] = {
		{ "[link]\naddress = 10.0.0.2/24\n[route]\nadd = 10.9.0.0/16 via 10.0.1.1\n",
		  "test.ini:4: in [route], add = \"10.9.0.0/16 via 10.0.1.1\": the address behind \"via\" "
		  "is outside of the network of address (test.ini:2)",
		  "" },
		{ "[route]\nadd = fd00::/48 via fe80::1\n",
		  "test.ini:2: in [route], add = \"fd00::/48 via fe80::1\": is IPv6, and [link] has ipv6 = "
		  "no",
		  "" },
		{ "[route]\nadd = 0.0.0.0/0 via 10.0.0.1\n",
		  "test.ini:2: in [route], add = \"0.0.0.0/0 via 10.0.0.1\": is a second default route",
		  "add default = no to [route]" },
		{ "[route]\nadd = 10.9.0.0/16 via 10.0.1.1\nadd = 10.9.0.0/16 via 10.0.1.2\n",
		  "test.ini:3: in [route], add = \"10.9.0.0/16 via 10.0.1.2\": a route to this network "
		  "stands in test.ini:2 already",
		  "" },
		{ "[route]\nadd = 10.9.1.0/16 via 10.0.1.1\n",
		  "test.ini:2: in [route], add = \"10.9.1.0/16 via 10.0.1.1\": host bits are set: it is an "
		  "address, not a network",
		  NULL },
	};

	REFUSED_ALL(refusals);
	profile_free(good("[link]\nipv6 = fd00::2/64\n[route]\nadd = fd01::/64 via fe80::1\n"));
	profile_free(good("[route]\ndefault = no\nadd = 0.0.0.0/0 via 10.0.0.1\n"));
}

static void the_other_sections(_unused_ void **state)
{
	static const struct refusal refusals[] = {
		{ "[link]\nmtu = 1279\nipv6 = auto\n",
		  "test.ini:2: in [link], mtu = \"1279\": IPv6 needs 1280 at least", "" },
		{ "[link]\npublish = 80 -> 80, 80 -> 81\n",
		  "test.ini:2: in [link], publish = \"80 -> 81\": the outer port is published in "
		  "test.ini:2 already",
		  "" },
		{ "[dns]\nnameserver = 10.0.0.1, 10.0.0.2, 10.0.0.3\nnameserver = 10.0.0.4\n",
		  "test.ini:3: in [dns], nameserver = \"10.0.0.4\": programs ask the first 3 servers "
		  "only, this is one more",
		  "" },
		{ "[dns]\nenforce = yes\n",
		  "test.ini:2: in [dns], enforce = \"yes\": there is no nameserver in [dns] to enforce",
		  "" },
		{ "[mount]\nbind = /a:/x\nbind = /b:/x\n",
		  "test.ini:3: in [mount], bind = \"/b:/x\": /x has something mounted on it by test.ini:2 "
		  "already",
		  "" },
		{ "[mount]\nbind = /etc:/srv, /usr:/srv/\n",
		  "test.ini:2: in [mount], bind = \"/usr:/srv/\": /srv/ has something mounted on it by "
		  "test.ini:2 already",
		  "" },
		{ "[mount]\nbind = /a:/x/./y//z\nbind = /b:/./x/y/z/.\n",
		  "test.ini:3: in [mount], bind = \"/b:/./x/y/z/.\": /./x/y/z/. has something mounted "
		  "on it by test.ini:2 already",
		  "" },
		{ "[mount]\ntmpfs = /srv, /srv\n",
		  "test.ini:2: in [mount], tmpfs = \"/srv\": /srv has something mounted on it by "
		  "test.ini:2 already",
		  "" },
		{ "[mount]\ntmpfs = /a, /srv//\nbind = /etc:/srv\n",
		  "test.ini:2: in [mount], tmpfs = \"/srv//\": /srv// has something mounted on it by "
		  "test.ini:3 already",
		  "" },
		{ "[firewall]\negress = tunnel\n",
		  "test.ini:2: in [firewall], egress = \"tunnel\": needs the key endpoint: where the "
		  "tunnel goes to",
		  "add as in: endpoint = vpn.example.org:1194/udp" },
		{ "[namespace]\nnetwork = host\n[aaaa]\nrun = inside\n",
		  "test.ini:4: in [aaaa], run = \"inside\": has no inside with network = host",
		  "" },
		{ "[service a]\ncommand = x\n\n[service b]\nuser = nobody\n",
		  "test.ini:4: [service b] has no command", "" },
	};

	REFUSED_ALL(refusals);
	profile_free(good("[mount]\nbind = /a:/x, /a:/x/y, /a:/xy, /a:/x/.y, /a:/x/y.\n"
			  "tmpfs = /y, /x/y/z\n"));
	profile_free(good("[link]\npublish = 80 -> 80, 80 -> 80/udp, 10.0.0.1:80 -> 80\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_gateway_is_a_neighbour),
		cmocka_unit_test(the_address_is_that_of_a_host),
		cmocka_unit_test(all_mistakes_are_told_of),
		cmocka_unit_test(there_is_an_end_to_mistakes),
		cmocka_unit_test(what_no_step_does_is_told_of),
		cmocka_unit_test(keys_without_a_meaning_are_refused),
		cmocka_unit_test(no_key_of_the_link_goes_without_a_link),
		cmocka_unit_test(routes_lead_somewhere),
		cmocka_unit_test(the_other_sections),
	};

	return cmocka_run_group_tests_name("profile_validate", tests, NULL, NULL);
}
