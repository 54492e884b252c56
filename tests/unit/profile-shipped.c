/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The profiles that are shipped are valid, and ask for nothing that `up` would refuse. */
#include "profile-test.h"

static const char *directory;

static struct profile *load(const char *name)
{
	char *directories[] = { (char *)directory, NULL };
	_cleanup_error_ struct error error = {};
	struct profile *profile = NULL;

	assert_success(profile_load(directories, name, 0, &profile, &error), &error);
	assert_string_not_equal(profile->description, "");
	assert_null(profile->users);
	assert_null(profile->groups);
	assert_false(profile->pid || profile->uts || profile->ipc || profile->enforce);
	assert_int_equal(profile->ipv6_mode, IPV6_NO);
	assert_int_equal(profile->n_publish + profile->n_services, 0);
	assert_int_equal(profile->egress, EGRESS_ANY);
	assert_int_equal(profile->aaaa_run, str_equal(name, "dns-host") ? AAAA_OUTSIDE : AAAA_NO);
	assert_null(profile->pre_up);
	assert_null(profile->post_up);
	assert_null(profile->pre_down);
	assert_null(profile->post_down);
	assert_null(profile->resume);
	return profile;
}

static void vpn(_unused_ void **state)
{
	_cleanup_(profile_freep) struct profile *p = load("vpn");

	assert_int_equal(p->link_type, LINK_BRIDGE);
	assert_string_equal(p->bridge, "nsctl0");
	assert_int_equal(p->address.address.family, 0);
	assert_int_equal(p->nat, NAT_MASQUERADE);
	assert_true(p->n_nameservers > 0);
}

static void wine(_unused_ void **state)
{
	_cleanup_(profile_freep) struct profile *p = load("wine");

	assert_int_equal(p->nat, NAT_MASQUERADE);
	assert_true(p->isolate && p->has_dns && p->mask_host_resolvers);
}

static void offline(_unused_ void **state)
{
	_cleanup_(profile_freep) struct profile *p = load("offline");

	assert_int_equal(p->link_type, LINK_NONE);
	assert_int_equal(p->network, NETWORK_NEW);
}

static void lan(_unused_ void **state)
{
	_cleanup_(profile_freep) struct profile *p = load("lan");
	char buffer[IP_TEXT_MAX];

	assert_string_equal(p->bridge, "br0");
	assert_string_equal(ip_prefix_format(&p->address, buffer), "192.168.57.101/24");
	assert_string_equal(ip_address_format(&p->gateway, buffer), "192.168.57.1");
	assert_int_equal(p->nat, NAT_NONE);
}

static void dns_host(_unused_ void **state)
{
	_cleanup_(profile_freep) struct profile *p = load("dns-host");

	assert_int_equal(p->network, NETWORK_HOST);
	assert_int_equal(p->aaaa_hook, AAAA_HOOK_INPUT);
	assert_false(p->has_dns);
}

static void there_are_no_others(_unused_ void **state)
{
	char *directories[] = { (char *)directory, NULL };
	_cleanup_strv_ char **names = NULL;

	assert_int_equal(profile_names(directories, &names, NULL), 0);
	/* a new one wants a test here */
	assert_int_equal(strv_length(names), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vpn),      cmocka_unit_test(wine),
		cmocka_unit_test(offline),  cmocka_unit_test(lan),
		cmocka_unit_test(dns_host), cmocka_unit_test(there_are_no_others),
	};

	directory = getenv("NSCTL_SHIPPED_PROFILES");
	if (!directory)
		directory = "profiles";
	return cmocka_run_group_tests_name("profile_shipped", tests, NULL, NULL);
}
