/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state of a profile as the interface description has it (type Profile): what is, and what
 * differs. */
#include <string.h>
#include <time.h>

#include "internal.h"

#define CENSUS_USEC 2000 /* one look at /proc serves one call, also for many profiles */

static void on_process(pid_t pid _unused_, ino_t network, ino_t mount, void *userdata)
{
	struct manager *manager = userdata;
	struct census *grown = array_grow(manager->census, manager->n_census + 1, sizeof(*grown));

	if (!grown) {
		manager->census_incomplete = true;
		return;
	}
	manager->census = grown;
	grown[manager->n_census++] = (struct census){ .network = network, .mount = mount };
}

static size_t count_processes(struct manager *manager, const struct instance *instance)
{
	size_t count = 0;

	if (now_usec() - manager->census_time > CENSUS_USEC) {
		manager->n_census = 0;
		manager->census_incomplete = false;
		if (process_each(on_process, manager) < 0)
			manager->census_incomplete = true;
		/* one that failed serves this call only */
		manager->census_time = manager->census_incomplete ? 0 : now_usec();
	}
	for (size_t i = 0; i < manager->n_census; i++)
		count += instance_has_process(instance, manager->census[i].network,
					      manager->census[i].mount);
	return count;
}

static json_t *since_json(const struct instance *instance)
{
	time_t since = instance ? instance->since : 0;
	char text[32];
	struct tm tm;

	if (!since || !gmtime_r(&since, &tm))
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static json_t *interfaces_json(struct instance *instance)
{
	json_t *array = json_array(), *addresses;
	struct rt_link_info info = {};
	char text[IP_TEXT_MAX];
	struct rt *inside;

	if (!instance || !instance->interface[0])
		return array;
	if (instance->netns_fd >= 0 && instance_rt(instance, &inside, NULL) == 0)
		rt_link_by_name(inside, instance->interface, &info);
	addresses = json_array();
	if (instance->address.address.family)
		json_array_append_new(addresses,
				      json_string(ip_prefix_format(&instance->address, text)));
	json_array_append_new(
		array, json_pack("{ss ss so so sI sI}", "name", instance->interface, "host",
				 instance->host_interface, "bridge",
				 instance->bridge[0] ? json_string(instance->bridge) : json_null(),
				 "addresses", addresses, "rx_bytes", (json_int_t)info.rx_bytes,
				 "tx_bytes", (json_int_t)info.tx_bytes));
	return array;
}

static json_t *dns_json(const struct instance *instance, const struct profile *profile)
{
	json_t *servers, *search;
	char text[IP_TEXT_MAX], **domain;

	if (!instance || !instance->has_resolver || !profile)
		return json_null();
	servers = json_array();
	search = json_array();
	for (size_t i = 0; i < profile->n_nameservers; i++)
		json_array_append_new(
			servers, json_string(ip_address_format(&profile->nameservers[i], text)));
	STRV_FOREACH(domain, profile->search)
		json_array_append_new(search, json_string(*domain));
	return json_pack("{so so}", "nameservers", servers, "search", search);
}

/* What differs from the profile as it is on disk now. */
static void check_all(struct manager *manager, struct instance *instance,
		      const struct profile *profile, const struct error *why, struct drift *drift)
{
	struct step_context context = { .host = &manager->host,
					.instance = instance,
					.profile = profile };

	if (!profile) {
		drift_add(drift, "profile", "%s", error_text(why));
		return;
	}
	for (size_t i = 0; steps[i]; i++)
		if (steps[i]->wanted(profile) && steps[i]->check(&context, drift) < 0)
			drift_add(drift, steps[i]->name, "%s", _("can't be checked"));
	strv_free(context.warnings);
}

static json_t *drift_json(const struct drift *drift)
{
	json_t *array = json_array();

	for (size_t i = 0; i < drift->count; i++)
		json_array_append_new(array, json_pack("{ss ss}", "step", drift->items[i].step,
						       "what", drift->items[i].what));
	return array;
}

static const char *state_of(const struct instance *instance, const struct drift *drift)
{
	if (!instance)
		return "down";
	if (!instance->since)
		return "failed";
	return drift->count ? "partial" : "up";
}

static json_t *netns_json(const struct instance *instance)
{
	_cleanup_free_ char *path = NULL;

	if (!instance || !instance->has_netns)
		return json_null();
	path = str_format("%s/%s", NETNS_DIRECTORY, instance->name);
	return path ? json_string(path) : NULL;
}

json_t *manager_status(struct manager *manager, const char *name)
{
	struct instance *instance = manager_find(manager, name);
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_error_ struct error error = {};
	_cleanup_(drift_clear) struct drift drift = {};
	json_t *nat, *status;

	json_memory_begin();
	if (instance) {
		manager_profile(manager, name, &profile, &error);
		check_all(manager, instance, profile, &error, &drift);
	}
	nat = !instance || !instance->interface[0]
		      ? json_null()
		      : json_string(instance->masquerades ? "masquerade" : "none");
	status = json_pack("{ss ss so so so so so si so so so s[]}", "name", name, "state",
			   state_of(instance, &drift), "since", since_json(instance), "netns",
			   netns_json(instance), "interfaces", interfaces_json(instance), "nat",
			   nat, "dns", dns_json(instance, profile), "processes",
			   instance ? (int)count_processes(manager, instance) : 0, "drift",
			   drift_json(&drift), "repair", repair_json(instance, profile), "aaaa",
			   aaaa_status(manager, instance), "services");
	/* what is left out would not be so */
	if (drift.incomplete || (instance && manager->census_incomplete) || json_memory_failed()) {
		json_decref(status);
		return NULL;
	}
	return status;
}
