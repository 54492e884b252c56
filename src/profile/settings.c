/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctld.ini: nsctld's own settings, by the same schema machinery as profiles. */
#include <string.h>

#include "schema.h"

struct settings *settings_free(struct settings *settings)
{
	const struct schema_key *key;

	if (!settings)
		return NULL;
	SCHEMA_FOREACH(key, &settings_schema)
		value_clear(key, settings);
	free(settings);
	return NULL;
}

int settings_load(const char *path, struct settings **ret, struct error *error)
{
	_cleanup_(document_freep) struct document *document = NULL;
	_cleanup_error_ struct error local = {};
	_cleanup_free_ char *text = NULL;
	struct settings *settings;
	size_t length = 0;
	int r;

	/* who runs as root must not be told by others what to do */
	r = trusted_read(path, geteuid() == 0, &text, &length, &local);
	if (r < 0 && r != -ENOENT) {
		error_set(error, r, "%s", error_text(&local));
		if (local.hint)
			error_hint(error, "%s", local.hint);
		return r;
	}
	r = document_parse(&settings_schema, path, text ? text : "", length, &document, error);
	if (r < 0)
		return r;
	settings = calloc(1, sizeof(*settings));
	if (!settings)
		return error_oom(error);
	r = document_apply(document, NULL, settings, error);
	if (r < 0)
		settings_free(settings);
	else
		*ret = settings;
	return r;
}
