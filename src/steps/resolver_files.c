/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "resolver_files.h"

#include <errno.h>
#include <string.h>

static void print_list(FILE *out, const char *keyword, char **values)
{
	char **value;

	if (!strv_length(values))
		return;
	fputs(keyword, out);
	STRV_FOREACH(value, values)
		fprintf(out, " %s", *value);
	fputc('\n', out);
}

static int write_resolv_conf(const struct profile *profile, const char *old _unused_, FILE *out)
{
	char text[IP_TEXT_MAX];

	fprintf(out, "# made by nsctl for profile %s\n", profile->name);
	for (size_t i = 0; i < profile->n_nameservers; i++)
		fprintf(out, "nameserver %s\n", ip_address_format(&profile->nameservers[i], text));
	print_list(out, "search", profile->search);
	print_list(out, "options", profile->options);
	return 1;
}

/* The host's file with the profile's names behind it; not needed without such names. */
static int write_hosts(const struct profile *profile, const char *old, FILE *out)
{
	char text[IP_TEXT_MAX];

	if (!profile->n_hosts)
		return 0;
	fputs(old, out);
	if (old[0] && old[strlen(old) - 1] != '\n')
		fputc('\n', out);
	fprintf(out, "# profile %s\n", profile->name);
	for (size_t i = 0; i < profile->n_hosts; i++)
		print_list(out, ip_address_format(&profile->hosts[i].address, text),
			   profile->hosts[i].names);
	return 1;
}

/* Sources that ask nobody on the host (nsswitch.conf(5)); actions in brackets may stand between
 * them. */
static bool harmless_sources(const char *line, size_t length)
{
	static const char *const harmless[] = { "files", "dns", "myhostname" };
	_cleanup_free_ char *copy = strndup(line, length);
	char *state, *word = copy ? strtok_r(copy, " \t", &state) : NULL;

	for (; word; word = strtok_r(NULL, " \t", &state)) {
		bool found = word[0] == '[' || word[strlen(word) - 1] == ']';

		for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
			found |= strcmp(word, harmless[i]) == 0;
		if (!found)
			return false;
	}
	return copy;
}

/* The host's file with a plain "hosts" line; not needed where that line is plain already. */
static int write_nsswitch(const struct profile *profile _unused_, const char *old, FILE *out)
{
	bool changed = false;

	while (*old) {
		size_t length = strcspn(old, "\n");
		const char *value = old + strspn(old, " \t");

		if (str_starts_with(value, "hosts:") &&
		    !harmless_sources(value + strlen("hosts:"),
				      length - (value - old) - strlen("hosts:"))) {
			fputs("hosts: files dns\n", out);
			changed = true;
		} else {
			fprintf(out, "%.*s\n", (int)length, old);
		}
		old += length + (old[length] == '\n');
	}
	return changed;
}

const struct resolver_file resolver_files[RESOLVER_FILES] = {
	{ "resolv.conf", "/etc/resolv.conf", write_resolv_conf },
	{ "hosts", "/etc/hosts", write_hosts },
	{ "nsswitch.conf", "/etc/nsswitch.conf", write_nsswitch },
};

int resolver_file_text(const struct resolver_file *file, const struct profile *profile,
		       const char *old, char **ret)
{
	_cleanup_free_ char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	int r;

	if (!out)
		return -ENOMEM;
	r = file->write(profile, old, out);
	if (fclose(out) != 0)
		return -ENOMEM;
	*ret = r > 0 ? TAKE_PTR(text) : NULL;
	return r;
}
