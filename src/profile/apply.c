/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fields of a struct by the schema: set from text, appended to, formatted, cleared. */
#include <string.h>

#include "schema.h"

/* Room for one element of any list, or for a whole struct around a field. */
union scratch {
	struct profile profile;
	struct service service;
	struct settings settings;
	struct publish publish;
	struct profile_route route;
	struct host_entry host;
	struct bind_mount bind;
	struct endpoint endpoint;
};

static void *field_of(const struct schema_key *key, const void *object)
{
	return (char *)object + key->offset;
}

/* The arrays are of different pointer types: the pointer is copied as bytes. */
static void *list_of(const struct schema_key *key, const void *object)
{
	void *list;

	memcpy(&list, field_of(key, object), sizeof(list));
	return list;
}

static void list_store(const struct schema_key *key, void *object, void *list)
{
	memcpy(field_of(key, object), &list, sizeof(list));
}

static size_t *length_of(const struct schema_key *key, const void *object)
{
	return (size_t *)((char *)object + key->count_offset);
}

int value_check(const struct schema_key *key, const char *text, const char **ret_why)
{
	union scratch scratch = {};
	void *field = key->kind == KEY_ONE ? field_of(key, &scratch) : &scratch;
	int r = key->type->parse(key, text, field, ret_why);

	if (r == 0 && key->type->clear)
		key->type->clear(field);
	return r;
}

static int list_append(const struct schema_key *key, void *object, const char *text,
		       const char **ret_why)
{
	size_t size = key->type->size, length;
	union scratch element = {};
	char *grown;
	int r = key->type->parse(key, text, &element, ret_why);

	if (r < 0)
		return r;
	if (!key->count_offset) {
		char **strings = list_of(key, object);

		r = strv_take(&strings, *(char **)&element);
		list_store(key, object, strings);
		return r;
	}
	length = *length_of(key, object);
	grown = array_grow(list_of(key, object), length + 1, size);
	if (!grown) {
		if (key->type->clear)
			key->type->clear(&element);
		return -ENOMEM;
	}
	memcpy(grown + length * size, &element, size);
	list_store(key, object, grown);
	*length_of(key, object) = length + 1;
	return 0;
}

int value_set(const struct schema_key *key, void *object, const char *text, const char **ret_why)
{
	if (key->kind != KEY_ONE)
		return list_append(key, object, text, ret_why);
	value_clear(key, object);
	return key->type->parse(key, text, field_of(key, object), ret_why);
}

void value_clear(const struct schema_key *key, void *object)
{
	char *list;

	if (key->kind == KEY_ONE) {
		if (key->type->clear)
			key->type->clear(field_of(key, object));
		else
			memset(field_of(key, object), 0, key->type->size);
		return;
	}
	list = list_of(key, object);
	if (!key->count_offset) {
		strv_free((char **)list);
	} else {
		for (size_t i = 0; key->type->clear && i < *length_of(key, object); i++)
			key->type->clear(list + i * key->type->size);
		free(list);
		*length_of(key, object) = 0;
	}
	list_store(key, object, NULL);
}

size_t value_count(const struct schema_key *key, const void *object)
{
	if (key->kind == KEY_ONE)
		return 1;
	return key->count_offset ? *length_of(key, object) : strv_length(list_of(key, object));
}

int value_format(const struct schema_key *key, const void *object, size_t index, char **ret)
{
	if (index >= value_count(key, object)) {
		*ret = NULL;
		return 0;
	}
	if (key->kind == KEY_ONE)
		return key->type->format(key, field_of(key, object), ret);
	return key->type->format(key, (char *)list_of(key, object) + index * key->type->size, ret);
}
