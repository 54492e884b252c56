/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inside src/profile: the schema (what may stand in a file), the types of values, and a document
 * (what stood in one file).
 *
 * The way of a profile: ini.c cuts text into lines, sections and keys; document.c checks each
 * against the schema and keeps it with its FILE:LINE; load.c finds the files and stacks a document
 * on what it inherits from; apply.c fills the struct; validate.c looks at the keys together.
 */
#pragma once

#include "nsctl/profile.h"

struct schema_key;

/* How values of one kind are read and written. */
struct value_type {
	/* What is allowed, for people; NULL where the key itself says it (words, a range). */
	const char *expects;
	/* Text to *field, which is empty. -EINVAL with *ret_why ("not an address", for _()). */
	int (*parse)(const struct schema_key *key, const char *text, void *field,
		     const char **ret_why);
	/* The canonical text; *ret is NULL when there is no value. */
	int (*format)(const struct schema_key *key, const void *field, char **ret);
	/* Frees what the field holds and leaves it empty; NULL: zero bytes do. */
	void (*clear)(void *field);
	size_t size; /* of the field, where it can be the element of a list */
	/* For kinds of strings: what is wrong with the text (for _()), or NULL. */
	const char *(*check)(const char *text);
};

enum key_kind {
	KEY_ONE,
	KEY_LIST,  /* comma-separated, or the key repeated */
	KEY_LINES, /* the key repeated only: commands may hold commas */
};

struct schema_key {
	const char *section, *name;
	const struct value_type *type;
	size_t offset; /* in the struct */
	enum key_kind kind;
	size_t count_offset;      /* lists: where their length is; 0: a NULL-terminated char ** */
	const char *fallback;     /* the default as text; NULL: none */
	const char *const *words; /* the allowed words, in the order of the enum */
	unsigned min, max;
	unsigned max_count; /* of the values of a list; 0: DOCUMENT_VALUES_MAX */
};

struct schema {
	const struct schema_key *keys;
	size_t n_keys;
	const char *named; /* the section whose header carries a name, as in [service NAME] */
};

extern const struct schema profile_schema, settings_schema;

#define SCHEMA_FOREACH(k, s) for ((k) = (s)->keys; (k) < (s)->keys + (s)->n_keys; (k)++)

bool schema_has_section(const struct schema *schema, const char *section);
const struct schema_key *schema_find(const struct schema *schema, const char *section,
				     const char *name);
/* Sets the hint of a wrong word: the nearest valid one, what else is allowed. */
void schema_hint_section(const struct schema *schema, const char *word, struct error *error);
/* section NULL: the key stood outside of any. */
void schema_hint_key(const struct schema *schema, const char *section, const char *word,
		     struct error *error);
void schema_hint_value(const struct schema_key *key, const char *value, struct error *error);

/* ---- types of values (types.c, types-net.c) --------------------------------------------- */

extern const struct value_type type_text, type_command, type_account, type_profile_name,
	type_interface, type_hostname, type_domain, type_dns_option, type_qtype, type_directory,
	type_bool, type_enum, type_number, type_bind, type_ready;
extern const struct value_type type_address, type_auto_gateway, type_auto_address, type_ipv6,
	type_mac, type_publish, type_route, type_host, type_endpoint, type_pool;

extern const char *const words_bool[], *const words_protocol[];
int string_parse(const struct schema_key *key, const char *text, void *field, const char **ret_why);
int string_format(const struct schema_key *key, const void *field, char **ret);
void string_clear(void *field);
/* What is wrong with the text as such a name (for _()), or NULL. */
const char *check_name(const char *text);
const char *check_interface(const char *text);
const char *check_hostname(const char *text);

/* ---- fields of a struct by the schema (apply.c) ------------------------------------------ */

/* One value checked without keeping it. */
int value_check(const struct schema_key *key, const char *text, const char **ret_why);
/* Sets the field, or appends to the list. */
int value_set(const struct schema_key *key, void *object, const char *text, const char **ret_why);
void value_clear(const struct schema_key *key, void *object);
size_t value_count(const struct schema_key *key, const void *object);
/* The index-th value (0 where it is no list) as text, *ret is NULL when there is none. */
int value_format(const struct schema_key *key, const void *object, size_t index, char **ret);

/* ---- one file's text (ini.c) ------------------------------------------------------------- */

struct ini_line {
	unsigned number;
	const char *section; /* "" before the first one */
	const char *key;     /* NULL: the section begins here */
	const char *value;
};
typedef int (*ini_line_fn)(const struct ini_line *line, void *userdata, struct error *error);

/* Calls fn for every section header and every key; ends at its first negative return. */
int ini_each(const char *path, const char *text, size_t length, ini_line_fn fn, void *userdata,
	     struct error *error);

/* ---- what stood in a file, checked (document.c) ------------------------------------------ */

#define DOCUMENT_VALUES_MAX   4096 /* values in one file */
#define DOCUMENT_SECTIONS_MAX 128

struct document_value {
	const struct schema_key *key;
	char *instance;    /* NAME of [service NAME], NULL elsewhere */
	char *text;        /* NULL: an empty value, which takes back what was inherited */
	char *origin;      /* FILE:LINE */
	unsigned distance; /* 0: of the file itself, 1: of what it inherits from, and so on */
};
struct document_section {
	const char *section; /* the schema's own string */
	char *instance;
	char *origin;
};
struct document {
	const struct schema *schema;
	struct document_value *values;
	size_t n_values;
	struct document_section *sections;
	size_t n_sections;
};
/* What a profile keeps: the document it was made of, inherited values included. */
struct profile_origins {
	struct document *document;
};

int document_parse(const struct schema *schema, const char *path, const char *text, size_t length,
		   struct document **ret, struct error *error);
/* Takes over from `parent` each key that `document` does not set. */
int document_inherit(struct document *document, struct document *parent);
struct document *document_free(struct document *document);
void document_freep(struct document **document);
/* The index-th value of a key, NULL when there are fewer. */
const struct document_value *document_value(const struct document *document,
					    const struct schema_key *key, const char *instance,
					    size_t index);
bool document_has_section(const struct document *document, const char *section);
/* Takes all values of a key out, as if it stood nowhere. */
void document_drop(struct document *document, const struct schema_key *key);
/* Fills the object with the defaults and what the document says of `instance`. */
int document_apply(const struct document *document, const char *instance, void *object,
		   struct error *error);
/* Is this a key of such a section ([service NAME] with an instance, all others without)? */
bool key_of_instance(const struct schema *schema, const struct schema_key *key,
		     const char *instance);

/* ---- a whole profile (profile.c, validate.c, load.c) ------------------------------------- */

int profile_from_document(const char *name, const char *path, struct document *document,
			  struct profile **ret, struct error *error);
/* Takes out what a nearer file leaves without a meaning; before document_apply. */
void profile_drop_senseless(struct document *document);
int profile_validate(const struct profile *profile, struct error *error);
/* Says what is wrong with a name ("" is "no name"). */
int profile_name_check(const char *name, struct error *error);
/* Reads a file, with `trusted` only one that nobody but root can have written. */
int trusted_read(const char *path, bool trusted, char **ret, size_t *ret_length,
		 struct error *error);
