/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where profiles are: found by name in the directories, stacked on what they inherit from. */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "schema.h"

#define INHERIT_MAX 8 /* files in one chain */
#define SUFFIX      ".ini"

/* ---- by name ------------------------------------------------------------------------------- */

static char *name_of_path(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t length = strlen(base), suffix = strlen(SUFFIX);

	if (length > suffix && str_equal(base + length - suffix, SUFFIX))
		length -= suffix;
	return strndup(base, length);
}

/* The name that is nearest; "vpn.ini" means vpn. NULL when none is near enough. */
static const char *nearest_name(char *const *names, const char *name)
{
	_cleanup_free_ char *bare = name_of_path(name);
	size_t best = strlen(name) > 3 ? 3 : strlen(name);
	const char *nearest = NULL;
	char *const *n;

	STRV_FOREACH(n, names) {
		size_t distance = bare && str_equal(bare, *n) ? 0 : str_distance(name, *n);

		if (distance < best)
			best = distance, nearest = *n;
	}
	return nearest;
}

static int no_such_profile(char *const *directories, const char *name, struct error *error)
{
	_cleanup_strv_ char **names = NULL;
	_cleanup_free_ char *all = NULL;
	char *const *directory;
	const char *nearest;

	error_set(error, ENOENT, _("no profile \"%s\""), name);
	if (!error || profile_names(directories, &names, NULL) < 0)
		return -ENOENT;
	nearest = nearest_name(names, name);
	STRV_FOREACH(directory, directories) {
		char *longer = all ? str_format("%s, %s", all, *directory) : strdup(*directory);

		free(all);
		all = longer;
	}
	if (nearest)
		error_hint(error, _("did you mean \"%s\"?"), nearest);
	else if (all)
		error_hint(error, _("profiles are files NAME.ini in %s"), all);
	return -ENOENT;
}

/* A link to what is not there: its name is in the list, so "no such profile" would puzzle. */
static bool is_dangling(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* The text of the first NAME.ini. */
static int read_named(char *const *directories, const char *name, unsigned flags, char **ret_path,
		      char **ret_text, size_t *ret_length, struct error *error)
{
	char *const *directory;

	STRV_FOREACH(directory, directories) {
		_cleanup_free_ char *path = str_format("%s/%s" SUFFIX, *directory, name);
		_cleanup_error_ struct error local = {};
		int r;

		if (!path)
			return error_oom(error);
		r = trusted_read(path, flags & PROFILE_TRUSTED, ret_text, ret_length, &local);
		if (r == -ENOENT && is_dangling(path))
			return error_set(error, EINVAL, _("%s is a link to nothing"), path);
		if (r == -ENOENT || r == -ENOTDIR)
			continue;
		if (r < 0) {
			error_set(error, r, "%s", error_text(&local));
			if (local.hint)
				error_hint(error, "%s", local.hint);
			return r;
		}
		*ret_path = TAKE_PTR(path);
		return 0;
	}
	return no_such_profile(directories, name, error);
}

/* ---- inherit ------------------------------------------------------------------------------- */

static const struct document_value *inherit_of(const struct document *document)
{
	const struct schema_key *key = schema_find(&profile_schema, "profile", "inherit");
	const struct document_value *value = document_value(document, key, NULL, 0);

	return value && value->text ? value : NULL;
}

static int refuse_inherit(const struct document_value *value, int code, struct error *error,
			  const char *why)
{
	return error_set(error, code, _("%s: in [profile], inherit = \"%s\": %s"), value->origin,
			 value->text, why);
}

struct chain {
	struct document *documents[INHERIT_MAX]; /* the child first */
	const char *names[INHERIT_MAX];          /* of each; belong to the documents */
	size_t n;
};

static int load_parent(char *const *directories, unsigned flags, struct chain *chain,
		       const struct document_value *inherit, struct error *error)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	_cleanup_error_ struct error local = {};
	size_t length = 0;
	int r;

	for (size_t i = 0; i < chain->n; i++)
		if (str_equal(chain->names[i], inherit->text))
			return refuse_inherit(inherit, EINVAL, error, _("it inherits from itself"));
	if (chain->n == INHERIT_MAX)
		return refuse_inherit(inherit, EINVAL, error,
				      _("more than 8 profiles inherit from each other"));
	r = read_named(directories, inherit->text, flags, &path, &text, &length, &local);
	if (r < 0) {
		/* the profile itself is there: what is missing makes it wrong */
		if (r == -ENOENT)
			r = -EINVAL;
		refuse_inherit(inherit, r, error, error_text(&local));
		if (local.hint)
			error_hint(error, "%s", local.hint);
		return r;
	}
	r = document_parse(&profile_schema, path, text, length, &chain->documents[chain->n], error);
	if (r == 0)
		chain->names[chain->n++] = inherit->text;
	return r;
}

/* Puts the child on its ancestors; the chain's documents are used up. */
static int fold(struct chain *chain, struct document **ret, struct error *error)
{
	int r = 0;

	while (r == 0 && chain->n > 1) {
		struct document *parent = chain->documents[--chain->n];

		r = document_inherit(chain->documents[chain->n - 1], parent);
		document_free(parent);
	}
	if (r < 0)
		return error_oom(error);
	*ret = chain->documents[--chain->n];
	return 0;
}

int profile_parse(char *const *directories, const char *name, const char *path, const char *text,
		  size_t length, unsigned flags, struct profile **ret, struct error *error)
{
	struct chain chain = { .names = { name }, .n = 1 };
	const struct document_value *inherit;
	struct document *document = NULL;
	int r;

	r = profile_name_check(name, error);
	if (r < 0)
		return r;
	if (length > PROFILE_FILE_MAX)
		return error_set(error, EFBIG, _("%s is larger than %d bytes"), path,
				 PROFILE_FILE_MAX);
	r = document_parse(&profile_schema, path, text, length, &chain.documents[0], error);
	if (r < 0)
		return r;
	while (r == 0 && (inherit = inherit_of(chain.documents[chain.n - 1])))
		r = load_parent(directories, flags, &chain, inherit, error);
	if (r == 0)
		r = fold(&chain, &document, error);
	while (chain.n)
		document_free(chain.documents[--chain.n]);
	return r < 0 ? r : profile_from_document(name, path, document, ret, error);
}

int profile_load(char *const *directories, const char *name, unsigned flags, struct profile **ret,
		 struct error *error)
{
	_cleanup_free_ char *path = NULL, *text = NULL;
	size_t length;
	int r = profile_name_check(name, error);

	if (r == 0)
		r = read_named(directories, name, flags, &path, &text, &length, error);
	if (r == 0)
		r = profile_parse(directories, name, path, text, length, flags, ret, error);
	return r;
}

int profile_load_file(char *const *directories, const char *path, unsigned flags,
		      struct profile **ret, struct error *error)
{
	_cleanup_free_ char *name = name_of_path(path), *text = NULL;
	size_t length;
	int r;

	if (!name)
		return error_oom(error);
	r = profile_name_check(name, error);
	if (r == 0)
		r = trusted_read(path, flags & PROFILE_TRUSTED, &text, &length, error);
	if (r == 0)
		r = profile_parse(directories, name, path, text, length, flags, ret, error);
	return r;
}

/* ---- all names ----------------------------------------------------------------------------- */

static int names_of(const char *path, char ***names, struct error *error)
{
	_cleanup_closedir_ DIR *directory = opendir(path);
	const char *entry;
	int r;

	if (!directory && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (!directory)
		return error_errno(error, errno, "%s", path);
	while ((r = directory_next(directory, &entry)) > 0) {
		_cleanup_free_ char *name = name_of_path(entry);

		if (!name)
			return error_oom(error);
		if (strlen(name) == strlen(entry) || !profile_name_valid(name))
			continue;
		if (!strv_contains(*names, name))
			r = strv_take(names, TAKE_PTR(name));
		if (r < 0)
			return error_oom(error);
	}
	return r < 0 ? error_errno(error, r, "%s", path) : 0;
}

int profile_names(char *const *directories, char ***ret, struct error *error)
{
	_cleanup_strv_ char **names = NULL;
	char *const *directory;
	int r;

	r = strv_copy(NULL, &names);
	if (r < 0)
		return error_oom(error);
	STRV_FOREACH(directory, directories) {
		r = names_of(*directory, &names, error);
		if (r < 0)
			return r;
	}
	strv_sort(names);
	*ret = TAKE_PTR(names);
	return 0;
}
