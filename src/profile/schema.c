/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The schema: every section and key of a profile and of nsctld.ini, in the order in which they are
 * shown. All that reads or writes such files walks these tables; a new key is a new line here, a
 * field in nsctl/profile.h and a paragraph in nsctl.profile(5) (a test compares the two).
 */
#include <string.h>
#include <strings.h>

#include "schema.h"

static const char *const words_network[] = { "new", "host", NULL };
static const char *const words_link[] = { "bridge", "ptp", "none", NULL };
static const char *const words_nat[] = { "masquerade", "none", NULL };
static const char *const words_egress[] = { "any", "none", "tunnel", NULL };
static const char *const words_aaaa_run[] = { "no", "inside", "outside", NULL };
static const char *const words_aaaa_hook[] = { "output", "input", "forward", NULL };
static const char *const words_aaaa_dnssec[] = { "pass", "answer", NULL };
static const char *const words_restart[] = { "no", "on-failure", "always", NULL };

#define AT(structure, field)   .offset = offsetof(struct structure, field)
#define LIST(structure, field) AT(structure, field), .kind = KEY_LIST
#define COUNTED(structure, field)                                                                  \
	LIST(structure, field), .count_offset = offsetof(struct structure, n_##field)
#define COMMANDS(field) &type_command, AT(profile, field), .kind = KEY_LINES

static const struct schema_key profile_keys[] = {
	{ "profile", "description", &type_text, AT(profile, description) },
	{ "profile", "inherit", &type_profile_name, AT(profile, inherit) },
	{ "profile", "repair", &type_bool, AT(profile, repair), .fallback = "yes",
	  .words = words_bool },

	{ "access", "users", &type_account, LIST(profile, users) },
	{ "access", "groups", &type_account, LIST(profile, groups) },

	{ "namespace", "network", &type_enum, AT(profile, network), .fallback = "new",
	  .words = words_network },
	{ "namespace", "pid", &type_bool, AT(profile, pid), .fallback = "no", .words = words_bool },
	{ "namespace", "uts", &type_bool, AT(profile, uts), .fallback = "no", .words = words_bool },
	{ "namespace", "ipc", &type_bool, AT(profile, ipc), .fallback = "no", .words = words_bool },
	{ "namespace", "hostname", &type_hostname, AT(profile, hostname) },

	{ "link", "type", &type_enum, AT(profile, link_type), .fallback = "bridge",
	  .words = words_link },
	{ "link", "bridge", &type_interface, AT(profile, bridge), .fallback = "nsctl0" },
	{ "link", "interface", &type_interface, AT(profile, interface), .fallback = "eth0" },
	{ "link", "address", &type_auto_address, AT(profile, address), .fallback = "auto" },
	{ "link", "gateway", &type_auto_gateway, AT(profile, gateway), .fallback = "auto" },
	{ "link", "nat", &type_enum, AT(profile, nat), .fallback = "masquerade",
	  .words = words_nat },
	{ "link", "ipv6", &type_ipv6, AT(profile, ipv6_mode), .fallback = "no" },
	{ "link", "isolate", &type_bool, AT(profile, isolate), .fallback = "yes",
	  .words = words_bool },
	{ "link", "mtu", &type_number, AT(profile, mtu), .min = 68, .max = 65535 },
	{ "link", "mac", &type_mac, AT(profile, has_mac) },
	{ "link", "publish", &type_publish, COUNTED(profile, publish) },

	{ "route", "default", &type_bool, AT(profile, route_default), .fallback = "yes",
	  .words = words_bool },
	{ "route", "add", &type_route, COUNTED(profile, routes) },

	{ "dns", "nameserver", &type_address, COUNTED(profile, nameservers) },
	{ "dns", "search", &type_domain, LIST(profile, search) },
	{ "dns", "options", &type_dns_option, LIST(profile, options) },
	{ "dns", "host", &type_host, COUNTED(profile, hosts) },
	{ "dns", "enforce", &type_bool, AT(profile, enforce), .fallback = "no",
	  .words = words_bool },
	{ "dns", "mask-host-resolvers", &type_bool, AT(profile, mask_host_resolvers),
	  .fallback = "yes", .words = words_bool },

	{ "mount", "bind", &type_bind, COUNTED(profile, binds) },
	{ "mount", "tmpfs", &type_directory, LIST(profile, tmpfs) },

	{ "firewall", "egress", &type_enum, AT(profile, egress), .fallback = "any",
	  .words = words_egress },
	{ "firewall", "tunnel", &type_interface, AT(profile, tunnel), .fallback = "tun0" },
	{ "firewall", "endpoint", &type_endpoint, COUNTED(profile, endpoints) },

	{ "aaaa", "run", &type_enum, AT(profile, aaaa_run), .fallback = "no",
	  .words = words_aaaa_run },
	{ "aaaa", "hook", &type_enum, AT(profile, aaaa_hook), .fallback = "output",
	  .words = words_aaaa_hook },
	{ "aaaa", "port", &type_number, AT(profile, aaaa_port), .fallback = "53", .min = 1,
	  .max = 65535 },
	{ "aaaa", "qtype", &type_qtype, LIST(profile, aaaa_qtypes), .fallback = "AAAA",
	  .max_count = 16 /* DNS_QTYPES_MAX in src/aaaa/dns.h */ },
	{ "aaaa", "only", &type_domain, LIST(profile, aaaa_only) },
	{ "aaaa", "except", &type_domain, LIST(profile, aaaa_except) },
	{ "aaaa", "dnssec", &type_enum, AT(profile, aaaa_dnssec), .fallback = "pass",
	  .words = words_aaaa_dnssec },
	{ "aaaa", "soa", &type_bool, AT(profile, aaaa_soa), .fallback = "no", .words = words_bool },
	{ "aaaa", "queues", &type_number, AT(profile, aaaa_queues), .fallback = "1", .min = 1,
	  .max = 64 },

	{ "service", "command", &type_command, AT(service, command) },
	{ "service", "user", &type_account, AT(service, user), .fallback = "root" },
	{ "service", "restart", &type_enum, AT(service, restart), .fallback = "no",
	  .words = words_restart },
	{ "service", "ready", &type_ready, AT(service, ready), .fallback = "started" },
	{ "service", "stop-timeout", &type_number, AT(service, stop_timeout), .fallback = "10",
	  .min = 0, .max = 3600 },

	{ "hook", "pre-up", COMMANDS(pre_up) },
	{ "hook", "post-up", COMMANDS(post_up) },
	{ "hook", "pre-down", COMMANDS(pre_down) },
	{ "hook", "post-down", COMMANDS(post_down) },
	{ "hook", "resume", COMMANDS(resume) },
};

static const struct schema_key settings_keys[] = {
	{ "daemon", "pool", &type_pool, COUNTED(settings, pool),
	  .fallback = "10.193.0.0/16, 172.29.0.0/16, 192.168.240.0/20" },
	{ "daemon", "group", &type_account, AT(settings, group) },

	{ "limits", "connections", &type_number, AT(settings, max_connections), .fallback = "64",
	  .min = 1, .max = 65535 },
	{ "limits", "sessions", &type_number, AT(settings, max_sessions), .fallback = "256",
	  .min = 1, .max = 65535 },
	{ "limits", "changes", &type_number, AT(settings, max_changes), .fallback = "4096",
	  .min = 1, .max = 65535 },
};

const struct schema profile_schema = { profile_keys, ARRAY_SIZE(profile_keys), "service" };
const struct schema settings_schema = { settings_keys, ARRAY_SIZE(settings_keys), NULL };

bool schema_has_section(const struct schema *schema, const char *section)
{
	const struct schema_key *key;

	SCHEMA_FOREACH(key, schema)
		if (str_equal(key->section, section))
			return true;
	return false;
}

const struct schema_key *schema_find(const struct schema *schema, const char *section,
				     const char *name)
{
	const struct schema_key *key;

	SCHEMA_FOREACH(key, schema)
		if (str_equal(key->section, section) && str_equal(key->name, name))
			return key;
	return NULL;
}

/* ---- "did you mean" ---------------------------------------------------------------------- */

/* The nearest of some words so far, and all of them as one text. */
struct nearest {
	const char *word;
	char *best, *all;
	size_t distance;
};

static void nearest_start(struct nearest *nearest, const char *word)
{
	/* up to half of the letters may be wrong, but four at most */
	*nearest = (struct nearest){ .word = word, .distance = strlen(word) / 2 + 1 };
	if (nearest->distance > 5)
		nearest->distance = 5;
}

/* `shown` is the candidate as people write it. */
static void nearest_try(struct nearest *nearest, const char *candidate, const char *shown)
{
	size_t distance = strcasecmp(nearest->word, candidate) == 0
				  ? 0
				  : str_distance(nearest->word, candidate);
	char *all = nearest->all ? str_format("%s, %s", nearest->all, shown) : strdup(shown);

	free(nearest->all);
	nearest->all = all;
	if (distance < nearest->distance) {
		nearest->distance = distance;
		free(nearest->best);
		nearest->best = strdup(shown);
	}
}

static void nearest_done(struct nearest *nearest)
{
	free(nearest->best);
	free(nearest->all);
}

static void nearest_finish(struct nearest *nearest, struct error *error)
{
	const char *all = nearest->all ? nearest->all : "";

	if (nearest->best && *nearest->best == '[')
		error_hint(error, _("did you mean %s? Allowed: %s"), nearest->best, all);
	else if (nearest->best)
		error_hint(error, _("did you mean \"%s\"? Allowed: %s"), nearest->best, all);
	else
		error_hint(error, _("allowed: %s"), all);
	nearest_done(nearest);
}

void schema_hint_section(const struct schema *schema, const char *word, struct error *error)
{
	const struct schema_key *key;
	const char *last = NULL;
	struct nearest nearest;

	nearest_start(&nearest, word);
	SCHEMA_FOREACH(key, schema) {
		_cleanup_free_ char *shown = NULL;

		if (str_equal(key->section, last))
			continue;
		last = key->section;
		shown = str_format(str_equal(last, schema->named) ? "[%s NAME]" : "[%s]", last);
		nearest_try(&nearest, last, shown ? shown : last);
	}
	nearest_finish(&nearest, error);
}

/* The right word in the wrong place. */
static bool hint_home(const struct schema *schema, const char *word, struct error *error)
{
	const struct schema_key *key;

	SCHEMA_FOREACH(key, schema)
		if (str_equal(key->name, word)) {
			error_hint(error, _("%s belongs in [%s]"), word, key->section);
			return true;
		}
	return false;
}

void schema_hint_key(const struct schema *schema, const char *section, const char *word,
		     struct error *error)
{
	const struct schema_key *key;
	struct nearest nearest;

	if (!section) {
		if (!hint_home(schema, word, error))
			schema_hint_section(schema, word, error);
		return;
	}
	nearest_start(&nearest, word);
	SCHEMA_FOREACH(key, schema)
		if (str_equal(key->section, section))
			nearest_try(&nearest, key->name, key->name);
	/* but "user" in [access] is rather a slip for "users" than meant for [service] */
	if ((!nearest.best || nearest.distance > 1) && hint_home(schema, word, error))
		nearest_done(&nearest);
	else
		nearest_finish(&nearest, error);
}

void schema_hint_value(const struct schema_key *key, const char *value, struct error *error)
{
	if (key->words) {
		struct nearest nearest;

		nearest_start(&nearest, value);
		for (size_t i = 0; key->words[i]; i++)
			nearest_try(&nearest, key->words[i], key->words[i]);
		nearest_finish(&nearest, error);
	} else if (key->max) {
		error_hint(error, _("allowed: a number from %u to %u"), key->min, key->max);
	} else {
		error_hint(error, _("allowed: %s"), _(key->type->expects));
	}
}
