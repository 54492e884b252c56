/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: any bytes as a profile. Whatever is taken must be shown, and what is shown must be
 * taken again; whatever is refused must be refused with words and without leaving anything behind.
 */
#include <string.h>

#include "fuzz.h"
#include "nsctl/profile.h"

struct shown {
	FILE *out;
	char *section;
};

/* As a profile again. */
static int write_value(const char *section, const char *key, const char *value, const char *origin,
		       void *userdata)
{
	struct shown *shown = userdata;

	if (origin && !str_starts_with(origin, "fuzz.ini:"))
		abort();
	if (!str_equal(section, shown->section)) {
		fprintf(shown->out, "[%s]\n", section);
		free(shown->section);
		shown->section = strdup(section);
	}
	/* a default is left out: some may not be set beside others */
	if (origin)
		fprintf(shown->out, "%s = %s\n", key, value ? value : "");
	return 0;
}

static char *show(const struct profile *profile, size_t *ret_length)
{
	struct shown shown = {};
	char *text = NULL;

	shown.out = open_memstream(&text, ret_length);
	if (!shown.out || profile_each_value(profile, write_value, &shown) < 0)
		abort();
	fclose(shown.out);
	free(shown.section);
	return text;
}

static void check_again(const struct profile *profile)
{
	_cleanup_(profile_freep) struct profile *again = NULL;
	_cleanup_free_ char *once = NULL, *twice = NULL;
	_cleanup_error_ struct error error = {};
	size_t length;
	int r;

	once = show(profile, &length);
	r = profile_parse(NULL, "fuzz", "fuzz.ini", once, length, 0, &again, &error);
	/* canonical text may be longer than a line or file can be */
	if (r < 0 && (r == -EFBIG || strstr(error_text(&error), "at most")))
		return;
	if (r < 0) {
		fprintf(stderr, "%s\n%s\n", error_text(&error), once);
		abort();
	}
	twice = show(again, &length);
	if (!str_equal(once, twice)) {
		fprintf(stderr, "%s\n---\n%s\n", once, twice);
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_error_ struct error error = {};
	int r = profile_parse(NULL, "fuzz", "fuzz.ini", (const char *)data, size, 0, &profile,
			      &error);

	if ((r < 0) != (profile == NULL) || (r < 0) != (error.code != 0))
		abort();
	if (r < 0 && (!error.what ||
		      (size <= PROFILE_FILE_MAX && !str_starts_with(error.what, "fuzz.ini:"))))
		abort();
	if (profile)
		check_again(profile);
	return 0;
}
