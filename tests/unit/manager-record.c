/* SPDX-License-Identifier: GPL-2.0-or-later */
/* manager: what is written down about a profile is what is read again; anything else is nothing. */
#include <fcntl.h>
#include <sys/stat.h>

#include "manager/internal.h"
#include "steps/step.h"
#include "unit.h"

static char runtime[] = "/tmp/nsctl-test-record-XXXXXX";

static int enter(_unused_ void **state)
{
	return mkdtemp(runtime) ? 0 : -1;
}

static int leave(_unused_ void **state)
{
	_cleanup_free_ char *command = str_format("rm -r %s", runtime);

	return system(command) == 0 ? 0 : -1;
}

/* Only what the record needs of it. */
static struct manager *new_manager(void)
{
	struct manager *manager = calloc(1, sizeof(*manager));

	assert_non_null(manager);
	manager->options.runtime_directory = manager->host.runtime_directory = runtime;
	manager->state_directory = str_format("%s/state", runtime);
	return manager;
}

static struct manager *read_all(void)
{
	_cleanup_error_ struct error error = {};
	struct manager *manager = new_manager();

	assert_success(record_read_all(manager, &error), &error);
	return manager;
}

static void free_bridges(struct host *host)
{
	while (host->bridges) {
		struct host_bridge *bridge = host->bridges;

		host->bridges = bridge->next;
		free(bridge);
	}
}

static void free_manager(struct manager *manager)
{
	while (manager->host.instances) {
		struct instance *instance = manager->host.instances;

		manager->host.instances = instance->next;
		instance_free(instance);
	}
	free_bridges(&manager->host);
	while (manager->host.sysctls) {
		struct host_sysctl *saved = manager->host.sysctls;

		manager->host.sysctls = saved->next;
		free(saved->name);
		free(saved->value);
		free(saved);
	}
	free(manager->state_directory);
	free(manager);
}

static void put(const char *file, const char *text)
{
	_cleanup_free_ char *path = str_format("%s/%s", runtime, file),
			    *directory = str_format("%s/state", runtime);

	assert_int_equal(make_directories(directory, 0700), 0);
	assert_int_equal(file_write_atomic(path, 0600, text, strlen(text)), 0);
}

static void clear(void)
{
	_cleanup_free_ char *command = str_format("rm -rf %s/*", runtime);

	assert_int_equal(system(command), 0);
}

static struct ip_prefix prefix(const char *text)
{
	struct ip_prefix parsed;

	assert_int_equal(ip_prefix_parse(text, &parsed), 0);
	return parsed;
}

static struct instance *full_instance(const char *name)
{
	struct instance *instance = instance_new(name);

	assert_non_null(instance);
	instance->since = 1795000000;
	strv_add(&instance->users, "alice");
	strv_add(&instance->users, "b\u00e4rbel");
	strv_add(&instance->groups, "vpnusers");
	instance->has_netns = instance->has_mounts = true;
	instance->netns_id = (struct file_id){ .dev = 4, .ino = 4026532000 };
	instance->mounts_id = (struct file_id){ .dev = 4, .ino = 4026532001 };
	instance_mounted_add(instance, "/srv/\"quoted\"\n", &(struct file_id){ 1, 1ull << 40 });
	instance_mounted_add(instance, "/srv/b", &(struct file_id){ 3, 4 });
	instance->has_resolver = true;
	strcpy(instance->bridge, "nsctl0");
	strcpy(instance->interface, "eth0");
	strcpy(instance->host_interface, "ns-abcd01234567");
	instance->host_index = 2147483647;
	instance->isolated = true;
	instance->address = prefix("10.193.0.2/24");
	instance->host_address = prefix("10.193.0.1/24");
	instance->gateway = prefix("10.193.0.1").address;
	instance->routed = instance->masquerades = instance->forwards = true;
	return instance;
}

static bool same_prefix(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->length == b->length && ip_address_equal(&a->address, &b->address);
}

static void assert_same(const struct instance *a, const struct instance *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->since, b->since);
	assert_int_equal(strv_length(a->users), strv_length(b->users));
	for (size_t i = 0; i < strv_length(a->users); i++)
		assert_string_equal(a->users[i], b->users[i]);
	assert_int_equal(strv_length(a->groups), strv_length(b->groups));
	assert_int_equal(a->has_netns, b->has_netns);
	assert_int_equal(a->has_mounts, b->has_mounts);
	assert_true(file_id_equal(&a->netns_id, &b->netns_id));
	assert_true(file_id_equal(&a->mounts_id, &b->mounts_id));
	assert_int_equal(a->n_mounted, b->n_mounted);
	for (size_t i = 0; i < a->n_mounted; i++) {
		assert_string_equal(a->mounted[i].target, b->mounted[i].target);
		assert_true(file_id_equal(&a->mounted[i].id, &b->mounted[i].id));
	}
	assert_int_equal(a->has_resolver, b->has_resolver);
	assert_string_equal(a->bridge, b->bridge);
	assert_string_equal(a->interface, b->interface);
	assert_string_equal(a->host_interface, b->host_interface);
	assert_int_equal(a->host_index, b->host_index);
	assert_int_equal(a->isolated, b->isolated);
	assert_true(same_prefix(&a->address, &b->address));
	assert_true(same_prefix(&a->host_address, &b->host_address));
	assert_true(ip_address_equal(&a->gateway, &b->gateway));
	assert_int_equal(a->routed, b->routed);
	assert_int_equal(a->masquerades, b->masquerades);
	assert_int_equal(a->forwards, b->forwards);
}

static void what_is_written_is_read(_unused_ void **state)
{
	_cleanup_error_ struct error error = {};
	struct manager *manager = new_manager(), *again;
	struct instance *empty;

	manager->host.instances = full_instance("vpn");
	manager->host.instances->next = empty = instance_new("wine.2_x-y");
	assert_success(record_write(manager, manager->host.instances, &error), &error);
	assert_success(record_write(manager, empty, &error), &error);
	again = read_all();
	assert_non_null(again->host.instances);
	assert_same(manager->host.instances, again->host.instances);
	assert_same(empty, again->host.instances->next);
	assert_null(again->host.instances->next->next);
	/* the namespaces of the record are not these: nothing is held */
	assert_int_equal(again->host.instances->netns_fd, -1);
	assert_int_equal(again->host.instances->mounts_fd, -1);

	assert_success(record_delete(manager, manager->host.instances, &error), &error);
	assert_success(record_delete(manager, empty, &error), &error);
	free_manager(again);
	again = read_all();
	assert_null(again->host.instances);
	free_manager(again);
	free_manager(manager);
	clear();
}

static void what_profiles_share_is_read_in_the_same_order(_unused_ void **state)
{
	_cleanup_error_ struct error error = {};
	struct manager *manager = new_manager(), *again;
	struct host_bridge made = { .name = "nsctl0", .index = 12 }, planned = { .name = "br7" };
	char forwarding[] = "net/ipv4/conf/eth0.5/forwarding", ip_forward[] = "net/ipv4/ip_forward",
	     on[] = "1", off[] = "0";
	struct host_sysctl second = { .name = forwarding, .value = on },
			   first = { .name = ip_forward, .value = off, .next = &second };

	made.next = &planned;
	manager->host.bridges = &made;
	manager->host.sysctls = &first;
	manager->host.has_table = manager->host.dirty = true;
	manager->host.netns_directory = NETNS_BOUND_DIRECTORY;
	assert_success(record_write_host(manager, &error), &error);
	again = read_all();
	assert_true(again->host.has_table);
	assert_int_equal(again->host.netns_directory, NETNS_BOUND_DIRECTORY);
	assert_non_null(host_bridge_find(&again->host, "nsctl0"));
	assert_int_equal(host_bridge_find(&again->host, "nsctl0")->index, 12);
	assert_int_equal(host_bridge_find(&again->host, "br7")->index, 0);
	assert_string_equal(again->host.sysctls->name, first.name); /* ip_forward comes first */
	assert_string_equal(again->host.sysctls->value, "0");
	assert_string_equal(again->host.sysctls->next->name, second.name);
	free_manager(again);

	/* nothing to say: no file */
	manager->host = (struct host){ .runtime_directory = runtime, .dirty = true };
	assert_success(record_write_host(manager, &error), &error);
	again = read_all();
	assert_false(again->host.has_table);
	assert_null(again->host.sysctls);
	free_manager(again);
	free_manager(manager);
	clear();
}

/* Cut off at every byte: the whole record, or none. */
static void a_truncated_record_is_ignored(_unused_ void **state)
{
	_cleanup_error_ struct error error = {};
	_cleanup_free_ char *text = NULL, *path = str_format("%s/state/vpn.json", runtime);
	struct manager *manager = new_manager(), *again;
	size_t length;

	manager->host.instances = full_instance("vpn");
	assert_success(record_write(manager, manager->host.instances, &error), &error);
	assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &text, &length), 0);
	for (size_t i = 0; i < length; i++) {
		assert_int_equal(file_write_atomic(path, 0600, text, i), 0);
		again = read_all();
		assert_null(again->host.instances);
		free_manager(again);
	}
	/* and it is left where it was, for who wants to look */
	assert_int_equal(access(path, F_OK), 0);
	free_manager(manager);
	clear();
}

static void what_is_no_record_is_ignored(_unused_ void **state)
{
	static const char *const texts[] = {
		"",         "[]",
		"7",        "null",
		"\"vpn\"",  "{",
		"{}x",      "{\"since\": 1, \"since\": 2}",
		"\xff\xfe", "{\"bridge\": \"\xff\"}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct manager *manager;

		put("state/vpn.json", texts[i]);
		put("host.json", texts[i]);
		manager = read_all();
		assert_null(manager->host.instances);
		assert_null(manager->host.bridges);
		free_manager(manager);
	}
	clear();
}

static void values_of_the_wrong_kind_are_none(_unused_ void **state)
{
	struct manager *manager;
	const struct instance *instance;

	put("state/vpn.json",
	    "{\"since\": \"x\", \"users\": 7, \"groups\": [1, {}, \"good\"], \"netns\": \"x\", "
	    "\"mounts\": [], \"mounted\": [\"/etc\", {\"target\": \"relative\"}, {\"target\": 7}, 5], "
	    "\"resolver\": \"true\", \"bridge\": \"a-name-that-is-too-long-for-a-link\", "
	    "\"interface\": 4, \"host_interface\": \"0123456789abcdef\", "
	    "\"host_index\": 4294967298, \"isolated\": 1, \"address\": \"10.0.0.1/33\", "
	    "\"host_address\": \"x\", \"gateway\": \"-\", \"routed\": null}");
	manager = read_all();
	instance = manager->host.instances;
	assert_non_null(instance);
	assert_int_equal(instance->since, 0);
	assert_int_equal(strv_length(instance->users), 0);
	assert_int_equal(strv_length(instance->groups), 1);
	assert_false(instance->has_netns || instance->has_mounts || instance->has_resolver);
	assert_int_equal(instance->n_mounted, 0);
	assert_string_equal(instance->bridge, "");
	assert_string_equal(instance->interface, "");
	assert_string_equal(instance->host_interface, "");
	assert_int_equal(instance->host_index, 0); /* not 2, which is what the low bits say */
	assert_int_equal(instance->address.address.family, 0);
	assert_int_equal(instance->gateway.family, 0);
	assert_false(instance->isolated || instance->routed);
	free_manager(manager);
	clear();
}

static void only_settings_that_nsctl_saves_are_put_back(_unused_ void **state)
{
	static const char *const refused[][2] = {
		{ "kernel/core_pattern", "1" },
		{ "net/ipv4/../../kernel/sysrq", "1" },
		{ "net/ipv4/conf/../../../kernel/sysrq", "1" },
		{ "net/ipv4/conf/../forwarding", "1" },
		{ "net/ipv4/conf/./forwarding", "1" },
		{ "net/ipv4/conf//forwarding", "1" },
		{ "net/ipv4/conf/eth0/rp_filter", "1" },
		{ "net/ipv4/conf/eth0/x/forwarding", "1" },
		{ "net/ipv4/conf/a-name-of-sixteen/forwarding", "1" },
		{ "net/ipv4/conf/eth0/forwarding/", "1" },
		{ "net/ipv4/conf/forwarding", "1" },
		{ "net/ipv4/tcp_syncookies", "0" },
		{ "net/ipv4/ip_forward_use_pmtu", "1" },
		{ "net/ipv6/conf/all/forwarding", "1" },
		{ "/proc/sys/net/ipv4/ip_forward", "1" },
		{ "", "1" },
		{ "net", "1" },
		{ "net/ipv4/ip_forward", "2" },
		{ "net/ipv4/ip_forward", "" },
		{ "net/ipv4/ip_forward", "0\\n1" },
	};
	static const char *const good[] = { "net/ipv4/ip_forward",
					    "net/ipv4/conf/all/accept_redirects",
					    "net/ipv4/conf/eth0.5/forwarding",
					    "net/ipv4/conf/a..b/forwarding" };

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		_cleanup_free_ char *text =
			str_format("{\"sysctls\": [{\"name\": \"%s\", \"value\": \"%s\"}]}",
				   refused[i][0], refused[i][1]);
		struct manager *manager;

		put("host.json", text);
		manager = read_all();
		if (manager->host.sysctls)
			fail_msg("%s = \"%s\" was taken", refused[i][0], refused[i][1]);
		free_manager(manager);
	}
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		_cleanup_free_ char *text = str_format(
			"{\"sysctls\": [7, {\"name\": \"%s\", \"value\": \"1\"}]}", good[i]);
		struct manager *manager;

		put("host.json", text);
		manager = read_all();
		assert_non_null(manager->host.sysctls);
		free_manager(manager);
	}
	clear();
}

static void names_that_no_profile_can_have_are_no_records(_unused_ void **state)
{
	static const char *const names[] = { "state/.json",
					     "state/..json",
					     "state/-x.json",
					     "state/a b.json",
					     "state/vpn.json.new",
					     "state/vpn",
					     "state/012345678901234567890123456789012.json" };
	struct manager *manager;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		put(names[i], "{\"since\": 1}");
	manager = read_all();
	if (manager->host.instances)
		fail_msg("\"%s\" was taken", manager->host.instances->name);
	free_manager(manager);
	clear();
}

static void a_record_that_others_can_have_written_is_ignored(_unused_ void **state)
{
	_cleanup_free_ char *path = str_format("%s/state/vpn.json", runtime),
			    *other = str_format("%s/other", runtime);
	static const mode_t modes[] = { 0620, 0602, 0666 };
	struct manager *manager;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		put("state/vpn.json", "{\"since\": 1}");
		assert_int_equal(chmod(path, modes[i]), 0);
		manager = read_all();
		assert_null(manager->host.instances);
		free_manager(manager);
	}
	assert_int_equal(unlink(path), 0);
	put("other", "{\"since\": 1}");
	assert_int_equal(symlink(other, path), 0);
	manager = read_all();
	assert_null(manager->host.instances);
	free_manager(manager);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0); /* and nobody waits for its writer */
	manager = read_all();
	assert_null(manager->host.instances);
	free_manager(manager);
	if (geteuid() == 0) {
		put("state/vpn.json", "{\"since\": 1}");
		assert_int_equal(chown(path, 65534, 65534), 0);
		manager = read_all();
		assert_null(manager->host.instances);
		free_manager(manager);
	}
	clear();
}

/* `down` ends every process in what a record names. */
static void a_record_that_names_the_hosts_own_namespaces_has_none(_unused_ void **state)
{
	_cleanup_free_ char *text = NULL;
	struct manager *manager;
	struct stat network, mounts;

	assert_int_equal(stat("/proc/self/ns/net", &network), 0);
	assert_int_equal(stat("/proc/self/ns/mnt", &mounts), 0);
	text = str_format("{\"since\": 1, \"netns\": {\"dev\": %llu, \"ino\": %llu}, "
			  "\"mounts\": {\"dev\": %llu, \"ino\": %llu}}",
			  (unsigned long long)network.st_dev, (unsigned long long)network.st_ino,
			  (unsigned long long)mounts.st_dev, (unsigned long long)mounts.st_ino);
	put("state/vpn.json", text);
	manager = read_all();
	assert_non_null(manager->host.instances);
	assert_false(manager->host.instances->has_netns);
	assert_false(manager->host.instances->has_mounts);
	free_manager(manager);
	clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_profiles_share_is_read_in_the_same_order),
		cmocka_unit_test(a_truncated_record_is_ignored),
		cmocka_unit_test(what_is_no_record_is_ignored),
		cmocka_unit_test(values_of_the_wrong_kind_are_none),
		cmocka_unit_test(only_settings_that_nsctl_saves_are_put_back),
		cmocka_unit_test(names_that_no_profile_can_have_are_no_records),
		cmocka_unit_test(a_record_that_others_can_have_written_is_ignored),
		cmocka_unit_test(a_record_that_names_the_hosts_own_namespaces_has_none),
	};

	log_open("test-record", LOG_LEVEL_ERROR); /* each record that is ignored is a warning */
	return cmocka_run_group_tests_name("record", tests, enter, leave);
}
