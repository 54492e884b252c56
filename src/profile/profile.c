/* SPDX-License-Identifier: GPL-2.0-or-later */
/* struct profile as an object: made from a document, shown value by value, freed. */
#include <string.h>

#include "schema.h"

bool profile_name_valid(const char *name)
{
	return name && !check_name(name);
}

int profile_name_check(const char *name, struct error *error)
{
	_cleanup_free_ char *shown = str_escape(name, strlen(name));
	const char *why = check_name(name);
	int r;

	if (!shown)
		return error_oom(error);
	if (!why)
		return 0;
	if (!*name)
		r = error_set(error, EINVAL, "%s", _("the name of the profile is empty"));
	else if (strlen(name) > PROFILE_NAME_MAX)
		r = error_set(error, EINVAL,
			      _("profile name \"%.64s\" is too long: %zu characters, at most %d "
				"are allowed"),
			      shown, strlen(name), PROFILE_NAME_MAX);
	else
		r = error_set(error, EINVAL, _("\"%s\" can't be the name of a profile: %s"), shown,
			      _(why));
	error_hint(error,
		   _("allowed: letters, digits, \"_\", \".\" and \"-\", beginning with a "
		     "letter or digit, at most %d characters"),
		   PROFILE_NAME_MAX);
	return r;
}

/* ---- made and freed ------------------------------------------------------------------------ */

static void clear_keys(void *object, const char *instance)
{
	const struct schema_key *key;

	SCHEMA_FOREACH(key, &profile_schema)
		if (key_of_instance(&profile_schema, key, instance))
			value_clear(key, object);
}

struct profile *profile_free(struct profile *profile)
{
	if (!profile)
		return NULL;
	for (size_t i = 0; i < profile->n_services; i++) {
		clear_keys(&profile->services[i], profile->services[i].name);
		free(profile->services[i].name);
	}
	free(profile->services);
	clear_keys(profile, NULL);
	free(profile->name);
	free(profile->path);
	if (profile->origins)
		document_free(profile->origins->document);
	free(profile->origins);
	free(profile);
	return NULL;
}

void profile_freep(struct profile **profile)
{
	*profile = profile_free(*profile);
}

static int add_services(struct profile *profile, const struct document *document,
			struct error *error)
{
	size_t n = 0;

	for (size_t i = 0; i < document->n_sections; i++)
		n += document->sections[i].instance != NULL;
	if (n == 0)
		return 0;
	profile->services = calloc(n, sizeof(*profile->services));
	if (!profile->services)
		return error_oom(error);
	for (size_t i = 0; i < document->n_sections; i++) {
		const struct document_section *section = &document->sections[i];
		struct service *service = &profile->services[profile->n_services];
		int r;

		if (!section->instance)
			continue;
		service->name = strdup(section->instance);
		if (!service->name)
			return error_oom(error);
		profile->n_services++;
		r = document_apply(document, section->instance, service, error);
		if (r < 0)
			return r;
	}
	return 0;
}

int profile_from_document(const char *name, const char *path, struct document *document,
			  struct profile **ret, struct error *error)
{
	_cleanup_(profile_freep) struct profile *profile = calloc(1, sizeof(*profile));
	int r;

	if (profile) {
		profile->name = strdup(name);
		profile->path = strdup(path);
		profile->origins = calloc(1, sizeof(*profile->origins));
	}
	if (!profile || !profile->name || !profile->path || !profile->origins) {
		document_free(document);
		return error_oom(error);
	}
	profile->origins->document = document;
	profile_drop_senseless(document);
	profile->has_dns = document_has_section(document, "dns");
	r = document_apply(document, NULL, profile, error);
	if (r == 0)
		r = add_services(profile, document, error);
	if (r == 0 && !profile->description && !(profile->description = strdup("")))
		r = error_oom(error);
	if (r == 0)
		r = profile_validate(profile, error);
	if (r == 0)
		*ret = TAKE_PTR(profile);
	return r;
}

/* ---- shown --------------------------------------------------------------------------------- */

struct walk {
	const struct profile *profile;
	profile_value_fn fn;
	void *userdata;
};

static int walk_key(const struct walk *walk, const struct schema_key *key, const char *section,
		    const void *object, const char *instance)
{
	const struct document *document = walk->profile->origins->document;
	size_t n = value_count(key, object), i = 0;

	do {
		const struct document_value *from = document_value(document, key, instance, i);
		_cleanup_free_ char *text = NULL;
		int r = value_format(key, object, i, &text);

		if (r == 0)
			r = walk->fn(section, key->name, text, from ? from->origin : NULL,
				     walk->userdata);
		if (r < 0)
			return r;
	} while (++i < n);
	return 0;
}

static int walk_services(const struct walk *walk)
{
	const struct schema_key *key;

	for (size_t i = 0; i < walk->profile->n_services; i++) {
		const struct service *service = &walk->profile->services[i];
		_cleanup_free_ char *section =
			str_format("%s %s", profile_schema.named, service->name);

		if (!section)
			return -ENOMEM;
		SCHEMA_FOREACH(key, &profile_schema) {
			int r = 0;

			if (key_of_instance(&profile_schema, key, service->name))
				r = walk_key(walk, key, section, service, service->name);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

int profile_each_value(const struct profile *profile, profile_value_fn fn, void *userdata)
{
	const struct walk walk = { profile, fn, userdata };
	bool services_done = false;
	const struct schema_key *key;
	int r = 0;

	SCHEMA_FOREACH(key, &profile_schema) {
		if (key_of_instance(&profile_schema, key, NULL))
			r = walk_key(&walk, key, key->section, profile, NULL);
		else if (!services_done)
			r = walk_services(&walk), services_done = true;
		if (r < 0)
			return r;
	}
	return 0;
}

const char *profile_origin(const struct profile *profile, const char *section, const char *key)
{
	_cleanup_free_ char *kind = strndup(section, strcspn(section, " "));
	const char *space = strchr(section, ' ');
	const struct document_value *value;
	const struct schema_key *found;

	found = kind ? schema_find(&profile_schema, kind, key) : NULL;
	if (!found)
		return NULL;
	value = document_value(profile->origins->document, found, space ? space + 1 : NULL, 0);
	return value ? value->origin : NULL;
}
