/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base: addresses and networks as values. */
#include "unit.h"

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix p;

	assert_int_equal(ip_prefix_parse(text, &p), 0);
	return p;
}

static struct ip_address address(const char *text)
{
	struct ip_address a;

	assert_int_equal(ip_address_parse(text, &a), 0);
	return a;
}

static void good_text_comes_back_the_same(_unused_ void **state)
{
	static const char *const texts[] = {
		"0.0.0.0/0", "10.193.0.2/24", "255.255.255.255/32", "192.168.1.1/31",
		"::/0",      "fd00:57::2/64", "2001:db8::1/128",    "fe80::1/10"
	};
	char buffer[IP_TEXT_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct ip_prefix p = prefix(texts[i]);

		assert_string_equal(ip_prefix_format(&p, buffer), texts[i]);
	}
}

static void without_a_length_it_is_one_host(_unused_ void **state)
{
	assert_int_equal(prefix("10.0.0.1").length, 32);
	assert_int_equal(prefix("fd00::1").length, 128);
	assert_int_equal(prefix("fd00::1").address.family, AF_INET6);
}

static void bad_text_is_refused_and_nothing_written(_unused_ void **state)
{
	static const char *const texts[] = { "",
					     "10.0.0",
					     "10.0.0.256",
					     "10.0.0.1/33",
					     "10.0.0.1/",
					     "10.0.0.1/-1",
					     "10.0.0.1/+8",
					     "10.0.0.1/ 8",
					     "fd00::1/129",
					     "10.0.0.1/24/8",
					     "/24",
					     "fd00::g",
					     " 10.0.0.1",
					     "10.0.0.1 ",
					     "010.0.0.1",
					     "::1%lo" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct ip_prefix p = { .length = 77 };

		assert_int_equal(ip_prefix_parse(texts[i], &p), -EINVAL);
		assert_int_equal(p.length, 77);
	}
}

static void contains_looks_at_the_bits_of_the_length(_unused_ void **state)
{
	static const struct {
		const char *prefix, *address;
		bool contained;
	} cases[] = {
		{ "10.1.2.3/24", "10.1.2.255", true }, { "10.1.2.3/24", "10.1.3.0", false },
		{ "10.1.2.3/25", "10.1.2.127", true }, { "10.1.2.3/25", "10.1.2.128", false },
		{ "0.0.0.0/0", "255.1.1.1", true },    { "10.1.2.3/32", "10.1.2.3", true },
		{ "10.1.2.3/32", "10.1.2.2", false },  { "fd00::/9", "fd7f::1", true },
		{ "fd00::/9", "fd80::1", false },      { "::/0", "10.0.0.1", false },
		{ "fd00::1/127", "fd00::", true },     { "10.1.2.3/23", "10.1.3.9", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ip_prefix p = prefix(cases[i].prefix);
		struct ip_address a = address(cases[i].address);

		if (ip_prefix_contains(&p, &a) != cases[i].contained)
			fail_msg("%s and %s", cases[i].prefix, cases[i].address);
	}
}

static void overlap_is_seen_from_both_sides(_unused_ void **state)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} cases[] = {
		{ "10.0.0.0/8", "10.193.0.0/24", true },
		{ "10.193.0.0/24", "10.193.1.0/24", false },
		{ "0.0.0.0/1", "127.0.0.0/8", true },
		{ "128.0.0.0/1", "127.0.0.0/8", false },
		{ "::/0", "10.0.0.0/8", false },
		{ "fd00::/64", "fd00:0:0:0:1::/80", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ip_prefix a = prefix(cases[i].a), b = prefix(cases[i].b);

		assert_int_equal(ip_prefix_overlaps(&a, &b), cases[i].overlap);
		assert_int_equal(ip_prefix_overlaps(&b, &a), cases[i].overlap);
	}
}

static void network_broadcast_and_nth(_unused_ void **state)
{
	struct ip_prefix p = prefix("10.1.2.77/26"), network = ip_prefix_network(&p);
	struct ip_prefix v6 = prefix("fd00:1:2:3:4:5:6:7/61");
	struct ip_address broadcast = ip_prefix_broadcast(&p), nth = ip_prefix_nth(&p, 3);
	char buffer[IP_TEXT_MAX];

	assert_string_equal(ip_prefix_format(&network, buffer), "10.1.2.64/26");
	assert_string_equal(ip_address_format(&broadcast, buffer), "10.1.2.127");
	assert_string_equal(ip_address_format(&nth, buffer), "10.1.2.67");
	network = ip_prefix_network(&v6);
	assert_string_equal(ip_prefix_format(&network, buffer), "fd00:1:2::/61");
}

static void equal_compares_family_and_bytes(_unused_ void **state)
{
	struct ip_address a = address("10.0.0.1"), b = address("10.0.0.1"), c = address("10.0.0.2");
	struct ip_address v6 = address("a00:1::");

	assert_true(ip_address_equal(&a, &b));
	assert_false(ip_address_equal(&a, &c));
	/* the same first four bytes */
	assert_false(ip_address_equal(&a, &v6));
}

static void dns_types_have_names_or_numbers(_unused_ void **state)
{
	static const char *const wrong[] = { "", "A6", "AAAA ", "0", "65536", "-1", "TYPE65" };
	uint16_t type;

	assert_int_equal(dns_type_parse("aaaa", &type), 0);
	assert_int_equal(type, 28);
	assert_int_equal(dns_type_parse("HTTPS", &type), 0);
	assert_int_equal(type, 65);
	assert_int_equal(dns_type_parse("65535", &type), 0);
	assert_int_equal(type, 65535);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(dns_type_parse(wrong[i], &type), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_text_comes_back_the_same),
		cmocka_unit_test(without_a_length_it_is_one_host),
		cmocka_unit_test(bad_text_is_refused_and_nothing_written),
		cmocka_unit_test(contains_looks_at_the_bits_of_the_length),
		cmocka_unit_test(overlap_is_seen_from_both_sides),
		cmocka_unit_test(network_broadcast_and_nth),
		cmocka_unit_test(equal_compares_family_and_bytes),
		cmocka_unit_test(dns_types_have_names_or_numbers),
	};

	return cmocka_run_group_tests_name("inet", tests, NULL, NULL);
}
