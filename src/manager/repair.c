/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Repair: what somebody took away of a profile that is up is put back by the same walk as `up`
 * makes, soon, and once for all that happened together. Against somebody who takes it away again
 * and again the wait doubles, and then nsctld gives up until the next `up`: two programs that fight
 * would help nobody. It puts back what it made, and nothing that the profile's file asks for since.
 */
#include "repair.h"

#include <errno.h>
#include <string.h>

#define TOGETHER_USEC 100000ull /* what happens within it is looked into once */
#define AT_ONCE       8         /* profiles in one round of the loop: others' calls come between */

/* 0.1 s after it was noticed, and 0.2, 0.4, 0.8 … after the last time */
static const struct backoff_policy policy = {
	.first_usec = TOGETHER_USEC,
	.calm_usec = 60 * 1000000ull,
	.limit = 6,
};

/* ---- guards --------------------------------------------------------------------------------- */

static void guard_free(struct guard *guard)
{
	events_unwatch_inside(guard);
	events_unwatch_responder(guard);
	free(guard->last);
	free(guard->gave_up);
	free(guard->warned);
	free(guard);
}

static bool anyone_guarded(const struct manager *manager)
{
	for (const struct instance *instance = manager->host.instances; instance;
	     instance = instance->next)
		if (instance->guard)
			return true;
	return false;
}

void repair_forget(struct manager *manager, struct instance *instance)
{
	struct guard *guard = TAKE_PTR(instance->guard);

	if (!guard)
		return;
	guard_free(guard);
	if (!anyone_guarded(manager))
		events_stop(manager);
}

static int guard_new(struct manager *manager, struct instance *instance, struct error *error)
{
	struct guard *guard = calloc(1, sizeof(*guard));
	int r;

	if (!guard)
		return error_oom(error);
	guard->manager = manager;
	guard->instance = instance;
	guard->responder_fd = -1;
	guard->freezer_fd = -1;
	instance->guard = guard;
	r = events_start(manager, error);
	if (r == 0)
		r = events_watch_inside(guard, error);
	if (r < 0)
		repair_forget(manager, instance);
	return r;
}

void repair_pause(struct instance *instance)
{
	if (instance->guard)
		events_unwatch_inside(instance->guard);
}

void repair_go_on(struct instance *instance)
{
	_cleanup_error_ struct error error = {};

	if (instance->guard && events_watch_inside(instance->guard, &error) < 0)
		log_warning("profile %s: what goes inside is not put back: %s", instance->name,
			    error_text(&error));
}

/* As if it had just been made. */
static void guard_reset(struct guard *guard)
{
	guard->due = 0;
	guard->inside_index = 0;
	guard->waits_for_bridge = false;
	memset(guard->backoffs, 0, sizeof(guard->backoffs));
	guard->latest = NULL;
	guard->repairs = 0;
	free(guard->last);
	free(guard->gave_up);
	guard->last = guard->gave_up = NULL;
}

void repair_watch(struct manager *manager, struct instance *instance, bool wanted)
{
	_cleanup_error_ struct error error = {};

	if (!wanted) {
		repair_forget(manager, instance);
		return;
	}
	if (instance->guard) {
		guard_reset(instance->guard);
	} else if (guard_new(manager, instance, &error) < 0) {
		log_warning("profile %s: what goes is not put back: %s", instance->name,
			    error_text(&error));
	}
	if (instance->guard)
		events_watch_responder(instance->guard);
}

/* ---- when -------------------------------------------------------------------------------------
 */

static void arm(struct manager *manager, uint64_t now)
{
	uint64_t first = manager->pins_due;

	for (const struct instance *instance = manager->host.instances; instance;
	     instance = instance->next) {
		uint64_t due = instance->guard ? instance->guard->due : 0;

		if (due && (!first || due < first))
			first = due;
	}
	if (first)
		loop_timer_set(manager->repair, first > now ? first - now : 1);
}

static void give_up(struct guard *guard, char *why)
{
	guard->due = 0;
	free(guard->gave_up);
	guard->gave_up = why ? why : strdup(_("out of memory"));
	log_warning("profile %s: nothing is put back any more: %s", guard->instance->name,
		    guard->gave_up ? guard->gave_up : "");
}

void repair_suspect(struct instance *instance)
{
	struct guard *guard = instance->guard;
	uint64_t now = now_usec(), when = now + TOGETHER_USEC;

	if (!guard || guard->due || guard->gave_up)
		return;
	if (guard->latest && !backoff_next(guard->latest, &policy, now, &when)) {
		give_up(guard,
			str_format(guard->failed ? _("it can't be put right: %s (tried %u times)")
						 : _("%s: gone again and again, %u times"),
				   guard->last ? guard->last : "?", guard->latest->tries));
		return;
	}
	guard->due = when;
	arm(guard->manager, now);
}

void repair_look_at_pins(struct manager *manager)
{
	uint64_t now = now_usec();

	if (manager->pins_due)
		return;
	manager->pins_due = now + TOGETHER_USEC;
	arm(manager, now);
}

static void look_at_pins(struct manager *manager)
{
	manager->pins_due = 0;
	for (struct instance *instance = manager->host.instances; instance;
	     instance = instance->next)
		if (instance->guard && !instance_pinned(&manager->host, instance))
			repair_suspect(instance);
}

void repair_round(struct manager *manager)
{
	uint64_t now = now_usec();
	size_t count = 0;

	if (manager->pins_due && manager->pins_due <= now)
		look_at_pins(manager);
	for (struct instance *instance = manager->host.instances; instance && count < AT_ONCE;
	     instance = instance->next) {
		if (!instance->guard || !instance->guard->due || instance->guard->due > now)
			continue;
		instance->guard->due = 0;
		operation_add_repair(manager, instance->name);
		count++;
	}
	arm(manager, now);
}

void repair_give_up(struct instance *instance, const char *why)
{
	if (instance->guard)
		give_up(instance->guard, strdup(why));
}

/* Whatever happened while no daemon was there. */
void repair_start(struct manager *manager)
{
	for (struct instance *instance = manager->host.instances; instance;
	     instance = instance->next)
		if (instance->since) {
			repair_watch(manager, instance, true);
			repair_suspect(instance);
		}
}

/* ---- what --------------------------------------------------------------------------------------
 */

static int add_to_hash(const char *section, const char *key, const char *value,
		       const char *origin _unused_, void *userdata)
{
	uint32_t *hash = userdata;

	/* what changes nothing that was made */
	if (str_equal(section, "profile") || str_equal(section, "access"))
		return 0;
	*hash = *hash * 31 + str_hash(section);
	*hash = *hash * 31 + str_hash(key);
	*hash = *hash * 31 + str_hash(value ? value : "");
	return 0;
}

int repair_config(const struct profile *profile, uint32_t *ret)
{
	uint32_t hash = 1;
	int r = profile_each_value(profile, add_to_hash, &hash);

	if (r == 0)
		*ret = hash ? hash : 1;
	return r;
}

/* A bridge that nsctl did not make is not nsctl's to make anew: its own maker will. */
static bool bridge_is_missing(struct manager *manager, const struct instance *instance)
{
	struct rt_link_info info;

	for (const struct host_bridge *bridge = manager->host.bridges; bridge;
	     bridge = bridge->next)
		if (strcmp(bridge->name, instance->bridge) == 0)
			return false;
	return instance->bridge[0] &&
	       rt_link_by_name(manager->host.rt, instance->bridge, &info) == -ENODEV;
}

bool repair_begin(struct operation *operation, struct instance *instance,
		  const struct profile *profile)
{
	struct manager *manager = operation->manager;
	struct guard *guard = instance->guard;
	uint32_t config = 0;
	int r;

	if (!profile->repair) {
		repair_forget(manager, instance);
		return false;
	}
	r = repair_config(profile, &config);
	if (r < 0 || (instance->config && instance->config != config)) {
		give_up(guard, strdup(r < 0 ? _("out of memory")
					    : _("the profile was changed since it was made")));
		return false;
	}
	guard->waits_for_bridge = bridge_is_missing(manager, instance);
	return !guard->waits_for_bridge;
}

static void count_try(struct guard *guard, const char *step, uint64_t now)
{
	for (size_t i = 0; steps[i]; i++) {
		struct backoff *backoff = &guard->backoffs[i];
		uint64_t when;

		if (!str_equal(steps[i]->name, step))
			continue;
		backoff_next(backoff, &policy, now, &when); /* long ago counts no more */
		backoff_tried(backoff, now);
		if (!guard->latest || guard->latest->tries < backoff->tries)
			guard->latest = backoff;
	}
}

/* What `up` would tell its caller: once, until it is something else. */
static void log_warnings(struct guard *guard, const struct operation *operation)
{
	char *text = operation->warnings ? strv_join(operation->warnings, "; ") : NULL;

	if (text && !str_equal(text, guard->warned))
		log_warning("profile %s: %s", guard->instance->name, text);
	free(guard->warned);
	guard->warned = text;
}

void repair_end(struct operation *operation, struct instance *instance)
{
	struct guard *guard = instance->guard;
	bool failed = operation->code < 0;
	uint64_t now = now_usec();
	char **step;

	if (guard)
		log_warnings(guard, operation);
	if (!guard || (!operation->changed && !failed))
		return;
	guard->inside_index = 0;
	guard->latest = NULL;
	STRV_FOREACH(step, operation->made)
		count_try(guard, *step, now);
	if (failed)
		count_try(guard, operation->step ? operation->step : steps[0]->name, now);
	guard->failed = failed;
	free(guard->last);
	guard->last =
		failed ? strdup(error_text(&operation->error)) : strv_join(operation->made, ", ");
	if (failed) { /* tried again, until it is enough */
		log_warning("profile %s can't be put right: %s", instance->name,
			    error_text(&operation->error));
		repair_suspect(instance);
		return;
	}
	guard->repairs++;
	events_watch_responder(guard);
	log_notice("profile %s: put back what was gone or changed: %s", instance->name,
		   guard->last ? guard->last : "");
}

json_t *repair_json(const struct instance *instance, const struct profile *profile)
{
	const struct guard *guard = instance ? instance->guard : NULL;

	return !instance || !profile
		       ? json_null()
		       : json_pack("{sb si so}", "enabled", profile->repair, "count",
				   guard ? (int)guard->repairs : 0, "gave_up",
				   guard && guard->gave_up ? json_string(guard->gave_up)
							   : json_null());
}
