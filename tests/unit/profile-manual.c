/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The manual page and the schema say the same: each key stands under its section with its default,
 * and nothing else does. Looks into the schema itself, so it includes a private header.
 */
#include <fcntl.h>

#include "profile-test.h"
#include "schema.h"

/* A key in the page: ".It Cm KEY" in the outer list under ".Ss [SECTION]". */
struct entry {
	char section[32], key[32];
	char fallback[128]; /* the text behind "Default:", "" where it is no word */
	bool has_default;
};

static struct entry entries[128];
static size_t n_entries;

/* "Default: none." or a line "Default:" with ".Cm VALUE ." behind it. */
static void read_default(struct entry *entry, const char *line, const char *next)
{
	if (!strstr(line, "Default:"))
		return;
	entry->has_default = true;
	if (str_equal(line, "Default:") && str_starts_with(next, ".Cm ")) {
		snprintf(entry->fallback, sizeof(entry->fallback), "%s", next + strlen(".Cm "));
		entry->fallback[strlen(entry->fallback) - strlen(" .")] = '\0';
	}
}

static int read_page(_unused_ void **state)
{
	const char *path = getenv("NSCTL_PROFILE_MANUAL");
	_cleanup_free_ char *text = NULL;
	char section[32] = "", *save = NULL;
	struct entry *entry = NULL;
	int depth = 0;

	if (!path)
		path = "src/profile/nsctl.profile.5";
	if (file_read(AT_FDCWD, path, 1 << 20, &text, NULL) < 0)
		return -1;
	for (char *line = strtok_r(text, "\n", &save), *next; line; line = next) {
		char key[32];

		next = strtok_r(NULL, "\n", &save);
		if (str_starts_with(line, ".Ss ") || str_starts_with(line, ".Sh "))
			entry = NULL, section[0] = '\0';
		sscanf(line, ".Ss [%31[a-z]", section);
		depth += str_starts_with(line, ".Bl");
		depth -= str_starts_with(line, ".El");
		if (*section && depth == 1 && sscanf(line, ".It Cm %31s", key) == 1) {
			entry = &entries[n_entries++];
			strcpy(entry->section, section);
			strcpy(entry->key, key);
		} else if (entry && next) {
			read_default(entry, line, next);
		}
		if (n_entries == ARRAY_SIZE(entries))
			return -1;
	}
	return 0;
}

static const struct entry *find(const struct schema_key *key)
{
	for (size_t i = 0; i < n_entries; i++)
		if (str_equal(entries[i].section, key->section) &&
		    str_equal(entries[i].key, key->name))
			return &entries[i];
	return NULL;
}

static void compare(const struct schema *schema)
{
	const struct schema_key *key;

	SCHEMA_FOREACH(key, schema) {
		const struct entry *entry = find(key);

		if (!entry) {
			fail_msg("[%s] %s is not in the manual page", key->section, key->name);
			return;
		}
		/* [service] command must be given, and [hook] has one default for all */
		if (!entry->has_default && !str_equal(key->name, "command") &&
		    !str_equal(key->section, "hook"))
			fail_msg("[%s] %s has no default in the manual page", key->section,
				 key->name);
		if (!str_equal(entry->fallback, key->fallback ? key->fallback : ""))
			fail_msg("[%s] %s: the default is \"%s\", in the manual page \"%s\"",
				 key->section, key->name, key->fallback ? key->fallback : "",
				 entry->fallback);
	}
}

static void each_key_is_in_the_page_with_its_default(_unused_ void **state)
{
	compare(&profile_schema);
	compare(&settings_schema);
}

static void each_key_of_the_page_is_in_the_schema(_unused_ void **state)
{
	for (size_t i = 0; i < n_entries; i++)
		if (!schema_find(&profile_schema, entries[i].section, entries[i].key) &&
		    !schema_find(&settings_schema, entries[i].section, entries[i].key))
			fail_msg("there is no key [%s] %s", entries[i].section, entries[i].key);
	assert_int_equal(n_entries, profile_schema.n_keys + settings_schema.n_keys);
}

/* All words of an enum are in the page too, as `.Cm WORD` or in a list. */
static void each_word_is_in_the_page(_unused_ void **state)
{
	const char *path = getenv("NSCTL_PROFILE_MANUAL");
	_cleanup_free_ char *text = NULL;
	const struct schema_key *key;

	assert_int_equal(file_read(AT_FDCWD, path ? path : "src/profile/nsctl.profile.5", 1 << 20,
				   &text, NULL),
			 0);
	SCHEMA_FOREACH(key, &profile_schema) {
		_cleanup_free_ char *at = str_format(".It Cm %s\n", key->name);
		const char *item = strstr(text, at), *end = item ? strstr(item, "\n.Ss") : NULL;

		for (size_t i = 0; key->words && key->words != words_bool && key->words[i]; i++) {
			_cleanup_free_ char *cm = str_format("Cm %s", key->words[i]);
			const char *word = item ? strstr(item, cm) : NULL;

			if (!word || word > end)
				fail_msg("[%s] %s: %s is not in the manual page", key->section,
					 key->name, key->words[i]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_is_in_the_page_with_its_default),
		cmocka_unit_test(each_key_of_the_page_is_in_the_schema),
		cmocka_unit_test(each_word_is_in_the_page),
	};

	return cmocka_run_group_tests_name("profile_manual", tests, read_page, NULL);
}
