/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A document: what stood in one file, each value checked by itself and kept as text with its
 * FILE:LINE. Documents are stacked for `inherit`, and then fill a struct.
 */
#include <string.h>

#include "schema.h"

/* ---- lookup ------------------------------------------------------------------------------- */

const struct document_value *document_value(const struct document *document,
					    const struct schema_key *key, const char *instance,
					    size_t index)
{
	for (size_t i = 0; i < document->n_values; i++) {
		const struct document_value *value = &document->values[i];

		if (value->key == key && str_equal(value->instance, instance) && index-- == 0)
			return value;
	}
	return NULL;
}

static const struct document_section *find_section(const struct document *document,
						   const char *section, const char *instance)
{
	for (size_t i = 0; i < document->n_sections; i++)
		if (str_equal(document->sections[i].section, section) &&
		    str_equal(document->sections[i].instance, instance))
			return &document->sections[i];
	return NULL;
}

bool document_has_section(const struct document *document, const char *section)
{
	return find_section(document, section, NULL) != NULL;
}

bool key_of_instance(const struct schema *schema, const struct schema_key *key,
		     const char *instance)
{
	return str_equal(key->section, schema->named) == (instance != NULL);
}

/* ---- building ----------------------------------------------------------------------------- */

static void value_done(struct document_value *value)
{
	free(value->instance);
	free(value->text);
	free(value->origin);
}

static void section_done(struct document_section *section)
{
	free(section->instance);
	free(section->origin);
}

/* Both take over the strings, also when they fail. */
static int add_value(struct document *document, struct document_value value)
{
	struct document_value *grown =
		array_grow(document->values, document->n_values + 1, sizeof(*grown));

	if (!grown || !value.origin) {
		value_done(&value);
		if (grown)
			document->values = grown;
		return -ENOMEM;
	}
	grown[document->n_values++] = value;
	document->values = grown;
	return 0;
}

static int add_section(struct document *document, struct document_section section)
{
	struct document_section *grown =
		array_grow(document->sections, document->n_sections + 1, sizeof(*grown));

	if (!grown || !section.origin) {
		section_done(&section);
		if (grown)
			document->sections = grown;
		return -ENOMEM;
	}
	grown[document->n_sections++] = section;
	document->sections = grown;
	return 0;
}

struct document *document_free(struct document *document)
{
	if (!document)
		return NULL;
	for (size_t i = 0; i < document->n_values; i++)
		value_done(&document->values[i]);
	for (size_t i = 0; i < document->n_sections; i++)
		section_done(&document->sections[i]);
	free(document->values);
	free(document->sections);
	free(document);
	return NULL;
}

void document_freep(struct document **document)
{
	*document = document_free(*document);
}

void document_drop(struct document *document, const struct schema_key *key)
{
	size_t kept = 0;

	for (size_t i = 0; i < document->n_values; i++) {
		if (document->values[i].key == key)
			value_done(&document->values[i]);
		else
			document->values[kept++] = document->values[i];
	}
	document->n_values = kept;
}

/* ---- parsing ------------------------------------------------------------------------------- */

struct parse {
	const struct schema *schema;
	const char *path;
	struct document *document;
	const struct schema_key *section; /* any key of the section that the lines stand in */
	char *instance;
	unsigned line;
	bool skip; /* the section is none: what stands in it is not looked at */
};

/* "FILE:LINE: in [service openvpn], " and what is wrong. */
static int refuse(const struct parse *parse, struct error *error, const char *format, ...)
	_printf_(3, 4);
static int refuse(const struct parse *parse, struct error *error, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	if (!text)
		return error_oom(error);
	return error_set(error, EINVAL, _("%s:%u: in [%s%s%s], %s"), parse->path, parse->line,
			 parse->section->section, parse->instance ? " " : "",
			 parse->instance ? parse->instance : "", text);
}

static const struct schema_key *section_key(const struct schema *schema, const char *section)
{
	const struct schema_key *key;

	SCHEMA_FOREACH(key, schema)
		if (str_equal(key->section, section))
			return key;
	return NULL;
}

/* Splits "service openvpn" where the schema has such a section. */
static int section_split(struct parse *parse, const char *text, char **ret_section,
			 struct error *error)
{
	size_t length = strcspn(text, " \t");
	_cleanup_free_ char *word = strndup(text, length);
	const char *name = text + length + strspn(text + length, " \t");
	const char *why;

	free(parse->instance);
	parse->instance = NULL;
	if (!word)
		return error_oom(error);
	if (!str_equal(word, parse->schema->named)) {
		*ret_section = strdup(text);
		return *ret_section ? 0 : error_oom(error);
	}
	why = *name ? check_name(name) : N_("the name of the service is missing");
	if (why)
		return error_set(error, EINVAL, "%s:%u: [%s]: %s", parse->path, parse->line, text,
				 _(why));
	parse->instance = strdup(name);
	if (!parse->instance)
		return error_oom(error);
	*ret_section = TAKE_PTR(word);
	return 0;
}

static int begin_section(struct parse *parse, const char *text, struct error *error)
{
	const struct document_section *earlier;
	_cleanup_free_ char *section = NULL;
	struct document_section new = {};
	int r = section_split(parse, text, &section, error);

	if (r < 0)
		return r;
	parse->section = section_key(parse->schema, section);
	if (!parse->section) {
		r = error_set(error, EINVAL, _("%s:%u: [%s]: no such section"), parse->path,
			      parse->line, text);
		schema_hint_section(parse->schema, section, error);
		return r;
	}
	earlier = find_section(parse->document, section, parse->instance);
	if (earlier)
		return error_set(error, EINVAL, _("%s:%u: [%s] stands here again, first in %s"),
				 parse->path, parse->line, text, earlier->origin);
	if (parse->document->n_sections == DOCUMENT_SECTIONS_MAX)
		return error_set(error, EINVAL, _("%s:%u: more than %d sections"), parse->path,
				 parse->line, DOCUMENT_SECTIONS_MAX);
	new.section = parse->section->section;
	new.origin = str_format("%s:%u", parse->path, parse->line);
	if (parse->instance && !(new.instance = strdup(parse->instance))) {
		free(new.origin);
		return error_oom(error);
	}
	return add_section(parse->document, new) < 0 ? error_oom(error) : 0;
}

/* Checks one value and keeps it; text NULL is "empty". */
static int keep_value(struct parse *parse, const struct schema_key *key, char *text,
		      struct error *error)
{
	struct document_value value = { .key = key, .text = text };
	const char *why = NULL;
	int r = 0;

	if (text) {
		r = value_check(key, text, &why);
		if (r == -EINVAL) {
			refuse(parse, error, "%s = \"%s\": %s", key->name, text, _(why));
			schema_hint_value(key, text, error);
		}
	}
	if (r == 0 && key->max_count &&
	    document_value(parse->document, key, parse->instance, key->max_count - 1))
		r = refuse(parse, error, _("%s = \"%s\": more than %u values"), key->name,
			   text ? text : "", key->max_count);
	if (r == 0 && parse->document->n_values == DOCUMENT_VALUES_MAX)
		r = refuse(parse, error, _("%s: more than %d values in one file"), key->name,
			   DOCUMENT_VALUES_MAX);
	if (r < 0) {
		free(text);
		return r == -ENOMEM ? error_oom(error) : r;
	}
	value.origin = str_format("%s:%u", parse->path, parse->line);
	if (parse->instance && !(value.instance = strdup(parse->instance))) {
		value_done(&value);
		return error_oom(error);
	}
	return add_value(parse->document, value) < 0 ? error_oom(error) : 0;
}

static int keep_list(struct parse *parse, const struct schema_key *key, const char *text,
		     struct error *error)
{
	for (;;) {
		size_t length = key->kind == KEY_LIST ? strcspn(text, ",") : strlen(text);
		char *element = str_trimmed(text, length);
		int r;

		if (!element)
			return error_oom(error);
		if (!*element) {
			free(element);
			return refuse(parse, error,
				      _("%s: nothing stands before or behind a comma"), key->name);
		}
		r = keep_value(parse, key, element, error);
		if (r < 0 || !text[length])
			return r;
		text += length + 1;
	}
}

static int on_key(struct parse *parse, const char *name, const char *text, struct error *error)
{
	const struct schema_key *key = schema_find(parse->schema, parse->section->section, name);
	const struct document_value *earlier;
	char *copy;

	if (!key) {
		refuse(parse, error, _("%s: no such key"), name);
		schema_hint_key(parse->schema, parse->section->section, name, error);
		return -EINVAL;
	}
	earlier = document_value(parse->document, key, parse->instance, 0);
	/* an empty list together with values would mean two things */
	if (earlier && (key->kind == KEY_ONE || !earlier->text || !*text))
		return refuse(parse, error, _("%s stands here again, first in %s"), name,
			      earlier->origin);
	if (!*text) {
		/* takes back what was inherited: a list, or a key without a default */
		if (key->kind == KEY_ONE && key->fallback) {
			refuse(parse, error, _("%s: no value"), name);
			schema_hint_value(key, "", error);
			return -EINVAL;
		}
		return keep_value(parse, key, NULL, error);
	}
	if (key->kind != KEY_ONE)
		return keep_list(parse, key, text, error);
	copy = strdup(text);
	return copy ? keep_value(parse, key, copy, error) : error_oom(error);
}

static int on_line(const struct ini_line *line, void *userdata, struct error *error)
{
	struct parse *parse = userdata;

	parse->line = line->number;
	if (!line->key) {
		int r = begin_section(parse, line->section, error);

		parse->skip = r < 0;
		return r;
	}
	if (parse->skip)
		return 0;
	if (parse->section)
		return on_key(parse, line->key, line->value, error);
	error_set(error, EINVAL, _("%s:%u: %s stands before the first [SECTION]"), parse->path,
		  line->number, line->key);
	schema_hint_key(parse->schema, NULL, line->key, error);
	return -EINVAL;
}

int document_parse(const struct schema *schema, const char *path, const char *text, size_t length,
		   struct document **ret, struct error *error)
{
	struct document *document = calloc(1, sizeof(*document));
	struct parse parse = { .schema = schema, .path = path, .document = document };
	int r;

	if (!document)
		return error_oom(error);
	document->schema = schema;
	r = ini_each(path, text, length, on_line, &parse, error);
	free(parse.instance);
	if (r < 0)
		document_free(document);
	else
		*ret = document;
	return r;
}

/* ---- stacking and applying ----------------------------------------------------------------- */

int document_inherit(struct document *document, struct document *parent)
{
	size_t own_values = document->n_values, own_sections = document->n_sections;

	for (size_t i = 0; i < parent->n_values; i++) {
		struct document_value *value = &parent->values[i];
		bool set = false;
		int r;

		for (size_t j = 0; j < own_values && !set; j++)
			set = document->values[j].key == value->key &&
			      str_equal(document->values[j].instance, value->instance);
		if (set)
			continue;
		value->distance++;
		r = add_value(document, *value);
		*value = (struct document_value){};
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < parent->n_sections; i++) {
		struct document_section *section = &parent->sections[i];
		bool set = false;
		int r;

		for (size_t j = 0; j < own_sections && !set; j++)
			set = str_equal(document->sections[j].section, section->section) &&
			      str_equal(document->sections[j].instance, section->instance);
		if (set)
			continue;
		r = add_section(document, *section);
		*section = (struct document_section){};
		if (r < 0)
			return r;
	}
	return 0;
}

/* Default texts are part of the schema: they are valid, or a unit test fails. */
static int apply_default(const struct schema_key *key, void *object, struct error *error)
{
	const char *why = NULL, *text = key->fallback;

	while (text) {
		size_t length = key->kind == KEY_LIST ? strcspn(text, ",") : strlen(text);
		_cleanup_free_ char *element = str_trimmed(text, length);
		int r = element ? value_set(key, object, element, &why) : -ENOMEM;

		if (r < 0)
			return error_errno(error, r, "%s = %s", key->name, key->fallback);
		text = text[length] ? text + length + 1 : NULL;
	}
	return 0;
}

int document_apply(const struct document *document, const char *instance, void *object,
		   struct error *error)
{
	const struct schema_key *key;
	const char *why;
	int r = 0;

	SCHEMA_FOREACH(key, document->schema) {
		if (!key_of_instance(document->schema, key, instance))
			continue;
		if (!document_value(document, key, instance, 0)) {
			r = apply_default(key, object, error);
			if (r < 0)
				return r;
		}
	}
	for (size_t i = 0; i < document->n_values; i++) {
		const struct document_value *value = &document->values[i];

		if (!value->text || !str_equal(value->instance, instance))
			continue;
		r = value_set(value->key, object, value->text, &why);
		if (r < 0)
			return error_errno(error, r, "%s", value->origin);
	}
	return 0;
}
