/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * up: walks the steps, which make what is missing, and records what was made. When a step fails, a
 * profile that was not there before is removed as a whole. And dry-run: the same walk as a script.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "internal.h"

static void fail(struct operation *operation, int code, const char *step)
{
	operation->code = code;
	operation->step = step;
}

static struct instance *add_instance(struct manager *manager, const char *name)
{
	struct instance *instance = instance_new(name), **p;

	if (!instance)
		return NULL;
	for (p = &manager->host.instances; *p; p = &(*p)->next)
		;
	*p = instance;
	return instance;
}

/* Who may use it is remembered for when the file is gone. */
static int note_access(struct instance *instance, const struct profile *profile,
		       struct error *error)
{
	char **users = NULL, **groups = NULL;

	if (strv_copy(profile->users, &users) < 0 || strv_copy(profile->groups, &groups) < 0) {
		strv_free(users);
		return error_oom(error);
	}
	strv_free(instance->users);
	strv_free(instance->groups);
	instance->users = users;
	instance->groups = groups;
	return 0;
}

static int renew_and_walk(struct operation *operation, struct step_context *context, bool fresh)
{
	int r = fresh ? 0 : steps_renew_link(context, &operation->error);

	if (r > 0) {
		operation->changed = true;
		r = record_write(operation->manager, context->instance, &operation->error);
	}
	if (r < 0) {
		fail(operation, r, "link");
		return r;
	}
	return walk(operation, context, fresh);
}

static int record_now(struct step_context *context, struct error *error)
{
	return record_write(context->userdata, context->instance, error);
}

static int load(struct operation *operation, struct profile **ret)
{
	int r = manager_profile(operation->manager, operation->name, ret, &operation->error);

	if (r == 0)
		r = profile_supported(*ret, &operation->error);
	return r;
}

/* Everything, or what is missing. Remembered is also what a failure left. */
static int make(struct operation *operation, struct step_context *context, bool fresh)
{
	struct instance *instance = context->instance;
	int r = note_access(instance, context->profile, &operation->error);

	repair_pause(instance);
	if (r < 0)
		fail(operation, r, NULL);
	else
		r = renew_and_walk(operation, context, fresh);
	repair_go_on(instance);
	operation->warnings = context->warnings;
	if (r < 0) {
		if (!fresh)
			record_write(operation->manager, instance, NULL);
		return r;
	}
	if (!instance->since)
		instance->since = time(NULL);
	r = repair_config(context->profile, &instance->config);
	r = r < 0 ? error_oom(&operation->error)
		  : record_write(operation->manager, instance, &operation->error);
	if (r < 0)
		fail(operation, r, "record");
	return r;
}

/* Nobody called, and nobody is told but the log. */
static void apply_repair(struct operation *operation)
{
	struct manager *manager = operation->manager;
	_cleanup_(profile_freep) struct profile *profile = NULL;
	struct instance *instance = manager_find(manager, operation->name);
	struct step_context context = { .host = &manager->host,
					.instance = instance,
					.record = record_now,
					.userdata = manager };

	if (instance && instance->guard) { /* else it has been taken away meanwhile */
		int r = load(operation, &profile);

		context.profile = profile;
		if (r < 0) {
			repair_give_up(instance, error_text(&operation->error));
		} else if (repair_begin(operation, instance, profile)) {
			make(operation, &context, false);
			events_settle(manager, instance);
			repair_end(operation, instance);
		}
	}
	operation_finish(operation);
}

void apply(struct operation *operation)
{
	struct manager *manager = operation->manager;
	_cleanup_(profile_freep) struct profile *profile = NULL;
	struct instance *instance = manager_find(manager, operation->name);
	struct step_context context = { .host = &manager->host,
					.record = record_now,
					.userdata = manager };
	bool fresh = !instance;
	int r;

	if (operation->is_repair) {
		apply_repair(operation);
		return;
	}
	r = load(operation, &profile);
	if (r == 0 && fresh)
		r = record_refused(manager, operation->name, &operation->error);
	if (r == 0 && fresh) {
		instance = add_instance(manager, operation->name);
		if (!instance) {
			error_oom(&operation->error);
			r = -ENOMEM;
		}
	}
	if (r != 0) {
		fail(operation, r, NULL);
		operation_finish(operation);
		return;
	}
	context.instance = instance;
	context.profile = profile;
	r = make(operation, &context, fresh);
	if (r < 0 && fresh) {
		remove_start(operation, false);
		return;
	}
	if (r == 0)
		repair_watch(manager, instance, profile->repair);
	operation_finish(operation);
	events_settle(manager, instance);
}

/* ---- dry-run ------------------------------------------------------------------------------ */

/* A scratch instance with what is fixed already, so that the script says the same addresses. */
static struct instance *scratch_of(const char *name, const struct instance *existing)
{
	struct instance *scratch = instance_new(name);

	if (!scratch || !existing)
		return scratch;
	scratch->has_netns = existing->has_netns;
	scratch->netns_id = existing->netns_id;
	scratch->host_index = existing->host_index;
	scratch->address = existing->address;
	scratch->host_address = existing->host_address;
	scratch->gateway = existing->gateway;
	scratch->routed = existing->routed;
	return scratch;
}

static int explain_all(struct step_context *context, FILE *out, struct error *error)
{
	int r = 0;

	fprintf(out, "#!/bin/sh -e\n# profile %s, made by hand\n\n", context->instance->name);
	for (size_t i = 0; r >= 0 && steps[i]; i++)
		if (steps[i]->wanted(context->profile))
			r = steps[i]->explain(context, out, error);
	return r < 0 ? r : 0;
}

int manager_explain(struct manager *manager, const char *name, FILE *out, struct error *error)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	struct instance *existing = manager_find(manager, name), **place = &manager->host.instances;
	_cleanup_(instance_freep) struct instance *scratch = scratch_of(name, existing);
	struct step_context context = { .host = &manager->host, .instance = scratch };
	int r;

	if (!scratch)
		return error_oom(error);
	r = manager_profile(manager, name, &profile, error);
	if (r == 0)
		r = profile_supported(profile, error);
	if (r < 0)
		return r;
	context.profile = profile;
	while (*place && *place != existing)
		place = &(*place)->next;
	if (existing) /* the script stands for it: it is not in its own way */
		*place = existing->next;
	r = explain_all(&context, out, error);
	if (existing)
		*place = existing;
	strv_free(context.warnings);
	return r;
}
