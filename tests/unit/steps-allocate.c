/* SPDX-License-Identifier: GPL-2.0-or-later */
/* steps: which address `auto` gives, and the names of the host's end of a link. */
#include <net/if.h>

#include "allocate.h"
#include "step.h"
#include "unit.h"

#define LIST_MAX 300

/* A request written as text: everything is a list of prefixes. */
struct question {
	struct ip_prefix pool[LIST_MAX], subnets[LIST_MAX], taken[LIST_MAX];
	struct ip_address addresses[LIST_MAX];
	struct allocation_request request;
};

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix parsed;

	if (ip_prefix_parse(text, &parsed) < 0)
		fail_msg("%s is no prefix", text);
	return parsed;
}

static size_t fill(struct ip_prefix *list, size_t n, const char *text)
{
	_cleanup_free_ char *copy = strdup(text);
	char *state, *word = strtok_r(copy, " ", &state);

	for (; word; word = strtok_r(NULL, " ", &state))
		list[n++] = prefix(word);
	return n;
}

static struct question *ask(unsigned length, const char *pool, const char *subnets,
			    const char *taken)
{
	struct question *q = calloc(1, sizeof(*q));

	assert_non_null(q);
	q->request = (struct allocation_request){
		.pool = q->pool,
		.n_pool = fill(q->pool, 0, pool),
		.subnet_length = length,
		.subnets = q->subnets,
		.n_subnets = fill(q->subnets, 0, subnets),
		.taken = q->taken,
		.n_taken = fill(q->taken, 0, taken),
		.addresses = q->addresses,
	};
	return q;
}

static void give(struct question *q, const char *address)
{
	q->addresses[q->request.n_addresses++] = prefix(address).address;
}

static void expect(struct question *q, const char *address, const char *host, bool is_new)
{
	struct allocation got = {};
	char text[IP_TEXT_MAX];

	assert_int_equal(allocate_address(&q->request, &got), 0);
	assert_string_equal(ip_prefix_format(&got.address, text), address);
	assert_string_equal(ip_prefix_format(&got.host, text), host);
	assert_int_equal(got.new_subnet, is_new);
	free(q);
}

static void expect_none(struct question *q)
{
	struct allocation got = { .host.length = 77 };

	assert_int_equal(allocate_address(&q->request, &got), -EADDRNOTAVAIL);
	assert_int_equal(got.host.length, 77); /* written only on success */
	free(q);
}

static void the_first_subnet_of_the_pool_with_the_host_as_its_first_address(_unused_ void **state)
{
	expect(ask(24, "10.193.0.0/16", "", ""), "10.193.0.2/24", "10.193.0.1/24", true);
	/* host bits in the pool are no offset */
	expect(ask(24, "10.193.7.9/16", "", ""), "10.193.0.2/24", "10.193.0.1/24", true);
}

static void room_in_a_subnet_that_is_there_comes_first(_unused_ void **state)
{
	struct question *q = ask(24, "10.193.0.0/16", "10.193.5.1/24", "");

	expect(q, "10.193.5.2/24", "10.193.5.1/24", false);
	q = ask(24, "10.193.0.0/16", "10.193.5.1/24", "");
	give(q, "10.193.5.2");
	give(q, "10.193.5.3");
	give(q, "10.193.5.5"); /* a gap is used */
	give(q, "10.193.6.4"); /* another subnet's */
	expect(q, "10.193.5.4/24", "10.193.5.1/24", false);
}

static void neither_the_hosts_address_nor_the_ends_of_the_subnet_are_given(_unused_ void **state)
{
	struct question *q = ask(24, "", "10.193.5.3/29", "");

	give(q, "10.193.5.1");
	give(q, "10.193.5.2");
	expect(q, "10.193.5.4/29", "10.193.5.3/29", false);
	q = ask(24, "", "10.193.5.3/29", ""); /* .1 .2 .4 .5 .6 are all there is */
	give(q, "10.193.5.1");
	give(q, "10.193.5.2");
	give(q, "10.193.5.4");
	give(q, "10.193.5.5");
	give(q, "10.193.5.6");
	expect_none(q);
}

static void a_full_subnet_leads_to_the_next(_unused_ void **state)
{
	struct question *q = ask(24, "10.193.0.0/16", "10.193.0.1/24", "10.193.0.0/24");
	char text[32];

	for (int i = 2; i < 254; i++) {
		snprintf(text, sizeof(text), "10.193.0.%d", i);
		give(q, text);
	}
	struct question *full = malloc(sizeof(*full));

	assert_non_null(full);
	*full = *q;
	full->request.subnets = full->subnets;
	full->request.pool = full->pool;
	full->request.taken = full->taken;
	full->request.addresses = full->addresses;
	expect(q, "10.193.0.254/24", "10.193.0.1/24", false); /* the last one */
	give(full, "10.193.0.254");
	expect(full, "10.193.1.2/24", "10.193.1.1/24", true);
}

static void a_second_subnet_with_room_is_used_before_a_new_one(_unused_ void **state)
{
	struct question *q = ask(24, "10.193.0.0/16", "10.193.0.1/30 10.193.9.1/24", "");

	give(q, "10.193.0.2");
	expect(q, "10.193.9.2/24", "10.193.9.1/24", false);
}

static void every_overlap_is_skipped_both_ways(_unused_ void **state)
{
	/* the same, one inside, one around, a host's route, and what is on the bridge itself */
	expect(ask(24, "10.193.0.0/16", "", "10.193.0.0/24"), "10.193.1.2/24", "10.193.1.1/24",
	       true);
	expect(ask(24, "10.193.0.0/16", "", "10.193.0.128/25"), "10.193.1.2/24", "10.193.1.1/24",
	       true);
	expect(ask(24, "10.193.0.0/16", "", "10.193.0.0/22"), "10.193.4.2/24", "10.193.4.1/24",
	       true);
	expect(ask(24, "10.193.0.0/16", "", "10.193.0.77/32"), "10.193.1.2/24", "10.193.1.1/24",
	       true);
	expect(ask(24, "10.193.0.0/16", "", "10.193.1.0/24 10.193.0.3/32 10.193.2.0/31"),
	       "10.193.3.2/24", "10.193.3.1/24", true);
	expect(ask(24, "10.193.0.0/16", "10.193.0.1/32", ""), "10.193.1.2/24", "10.193.1.1/24",
	       true);
	/* a route for half of the Internet is somebody's network */
	expect_none(ask(24, "10.193.0.0/16", "", "0.0.0.0/2"));
}

static void default_routes_also_in_two_halves_take_nothing(_unused_ void **state)
{
	struct ip_prefix whole = prefix("0.0.0.0/0"), low = prefix("0.0.0.0/1"),
			 high = prefix("128.0.0.0/1"), quarter = prefix("0.0.0.0/2");

	expect(ask(24, "10.193.0.0/16", "", "0.0.0.0/0 0.0.0.0/1 128.0.0.0/1"), "10.193.0.2/24",
	       "10.193.0.1/24", true);
	assert_false(route_takes_network(&whole));
	assert_false(route_takes_network(&low));
	assert_false(route_takes_network(&high));
	assert_true(route_takes_network(&quarter));
}

static void ranges_of_the_pool_are_tried_in_their_order(_unused_ void **state)
{
	const char *pool = "172.29.0.0/24 10.193.0.0/16 192.168.240.0/20";

	expect(ask(24, pool, "", ""), "172.29.0.2/24", "172.29.0.1/24", true);
	expect(ask(24, pool, "", "172.16.0.0/12"), "10.193.0.2/24", "10.193.0.1/24", true);
	expect(ask(24, pool, "", "172.16.0.0/12 10.0.0.0/8"), "192.168.240.2/24",
	       "192.168.240.1/24", true);
	/* a range with no room for a subnet, and one of IPv6, are passed over */
	expect(ask(24, "10.1.1.0/25 fd00::/8 10.193.0.0/16", "", ""), "10.193.0.2/24",
	       "10.193.0.1/24", true);
}

static void a_pool_that_is_used_up_says_so(_unused_ void **state)
{
	expect_none(ask(24, "", "", ""));
	expect_none(ask(24, "10.193.0.0/16", "", "10.193.0.0/16"));
	expect_none(ask(24, "10.193.0.0/23", "", "10.193.0.0/24 10.193.1.200/32"));
	/* the very last subnet is still found, also at the end of all addresses */
	expect(ask(24, "10.193.0.0/23", "", "10.193.0.0/24"), "10.193.1.2/24", "10.193.1.1/24",
	       true);
	expect(ask(24, "255.255.254.0/23", "", "255.255.254.0/24"), "255.255.255.2/24",
	       "255.255.255.1/24", true);
}

static void a_pair_takes_four_addresses(_unused_ void **state)
{
	struct question *q = ask(30, "10.193.0.0/16", "10.193.0.1/30", "");

	expect(ask(30, "10.193.0.0/16", "", ""), "10.193.0.2/30", "10.193.0.1/30", true);
	expect(ask(30, "10.193.0.0/16", "", "10.193.0.0/30 10.193.0.5/32"), "10.193.0.10/30",
	       "10.193.0.9/30", true);
	give(q, "10.193.0.2"); /* no third */
	expect(q, "10.193.0.6/30", "10.193.0.5/30", true);
}

static void odd_lengths(_unused_ void **state)
{
	struct question *q = ask(24, "", "10.0.0.1/8", "");

	expect(q, "10.0.0.2/8", "10.0.0.1/8", false);
	q = ask(24, "", "10.193.64.1/19", "");
	give(q, "10.193.64.2");
	expect(q, "10.193.64.3/19", "10.193.64.1/19", false);
	/* /31 and /32 have no room for another */
	expect_none(ask(24, "", "10.193.0.0/31", ""));
	expect_none(ask(24, "", "10.193.0.1/32", ""));
	expect(ask(29, "10.193.0.0/27", "", "10.193.0.0/29 10.193.0.15/32"), "10.193.0.18/29",
	       "10.193.0.17/29", true);
	expect(ask(24, "10.193.5.0/24", "", ""), "10.193.5.2/24", "10.193.5.1/24", true);
}

/* ---- names --------------------------------------------------------------------------------- */

static void names_of_up_to_twelve_characters_stay_as_they_are(_unused_ void **state)
{
	char name[IFNAMSIZ], altname[64];

	link_host_name("a", name, altname);
	assert_string_equal(name, "ns-a");
	assert_string_equal(altname, "");
	link_host_name("twelve-chars", name, altname);
	assert_string_equal(name, "ns-twelve-chars");
	assert_string_equal(altname, "");
}

static void longer_names_are_hashed_and_the_whole_name_is_the_altname(_unused_ void **state)
{
	char name[IFNAMSIZ], other[IFNAMSIZ], altname[64], again[IFNAMSIZ];

	link_host_name("thirteen-char", name, altname);
	assert_true(str_starts_with(name, "ns-thir"));
	assert_int_equal(strlen(name), IFNAMSIZ - 1);
	assert_string_equal(altname, "ns-thirteen-char");
	link_host_name("thirteen-chas", other, altname);
	assert_string_not_equal(name, other);
	link_host_name("thirteen-char", again, altname); /* the same each time */
	assert_string_equal(name, again);
	link_host_name("12345678901234567890123456789012", name, altname); /* the longest */
	assert_int_equal(strlen(name), IFNAMSIZ - 1);
	assert_string_equal(altname, "ns-12345678901234567890123456789012");
}

static void thousands_of_long_names_have_a_name_each(_unused_ void **state)
{
	enum { COUNT = 5000 };
	char(*names)[IFNAMSIZ] = calloc(COUNT, IFNAMSIZ), altname[64], profile[33];

	assert_non_null(names);
	for (int i = 0; i < COUNT; i++) {
		snprintf(profile, sizeof(profile), "customer-network-%d", i);
		link_host_name(profile, names[i], altname);
		assert_true(strlen(names[i]) < IFNAMSIZ);
	}
	qsort(names, COUNT, IFNAMSIZ, (int (*)(const void *, const void *))strcmp);
	for (int i = 1; i < COUNT; i++)
		assert_string_not_equal(names[i - 1], names[i]);
	free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_subnet_of_the_pool_with_the_host_as_its_first_address),
		cmocka_unit_test(room_in_a_subnet_that_is_there_comes_first),
		cmocka_unit_test(neither_the_hosts_address_nor_the_ends_of_the_subnet_are_given),
		cmocka_unit_test(a_full_subnet_leads_to_the_next),
		cmocka_unit_test(a_second_subnet_with_room_is_used_before_a_new_one),
		cmocka_unit_test(every_overlap_is_skipped_both_ways),
		cmocka_unit_test(default_routes_also_in_two_halves_take_nothing),
		cmocka_unit_test(ranges_of_the_pool_are_tried_in_their_order),
		cmocka_unit_test(a_pool_that_is_used_up_says_so),
		cmocka_unit_test(a_pair_takes_four_addresses),
		cmocka_unit_test(odd_lengths),
		cmocka_unit_test(names_of_up_to_twelve_characters_stay_as_they_are),
		cmocka_unit_test(longer_names_are_hashed_and_the_whole_name_is_the_altname),
		cmocka_unit_test(thousands_of_long_names_have_a_name_each),
	};

	return cmocka_run_group_tests_name("allocate", tests, NULL, NULL);
}
