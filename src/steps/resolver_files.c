/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "resolver_files.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* Without memory for a part of it there is no text at all: half a file would be a wrong one. */
struct text {
	char *text;
	size_t length;
	bool failed;
};

static void _printf_(2, 3) print(struct text *out, const char *format, ...)
{
	char *part = NULL, *grown;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&part, format, ap);
	va_end(ap);
	if (n < 0) {
		out->failed = true;
		return;
	}
	grown = realloc(out->text, out->length + (size_t)n + 1);
	if (grown) {
		memcpy(grown + out->length, part, (size_t)n + 1);
		out->text = grown;
		out->length += (size_t)n;
	} else {
		out->failed = true;
	}
	free(part);
}

static void print_list(struct text *out, const char *keyword, char **values)
{
	char **value;

	if (!strv_length(values))
		return;
	print(out, "%s", keyword);
	STRV_FOREACH(value, values)
		print(out, " %s", *value);
	print(out, "\n");
}

static int write_resolv_conf(const struct profile *profile, const char *old _unused_,
			     struct text *out)
{
	char text[IP_TEXT_MAX];

	print(out, "# made by nsctl for profile %s\n", profile->name);
	for (size_t i = 0; i < profile->n_nameservers; i++)
		print(out, "nameserver %s\n", ip_address_format(&profile->nameservers[i], text));
	print_list(out, "search", profile->search);
	print_list(out, "options", profile->options);
	return 1;
}

/* The host's file with the profile's names behind it; not needed without such names. */
static int write_hosts(const struct profile *profile, const char *old, struct text *out)
{
	char text[IP_TEXT_MAX];

	if (!profile->n_hosts)
		return 0;
	print(out, "%s%s", old, old[0] && old[strlen(old) - 1] != '\n' ? "\n" : "");
	print(out, "# profile %s\n", profile->name);
	for (size_t i = 0; i < profile->n_hosts; i++)
		print_list(out, ip_address_format(&profile->hosts[i].address, text),
			   profile->hosts[i].names);
	return 1;
}

static size_t word_length(const char *word, const char *end)
{
	size_t n = 0;

	while (word + n < end && word[n] != ' ' && word[n] != '\t')
		n++;
	return n;
}

static bool is_harmless(const char *word, size_t length)
{
	static const char *const harmless[] = { "files", "dns", "myhostname" };

	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		if (strlen(harmless[i]) == length && memcmp(harmless[i], word, length) == 0)
			return true;
	return word[0] == '[' || word[length - 1] == ']';
}

/* Sources that ask nobody on the host (nsswitch.conf(5)); actions in brackets may stand between
 * them. */
static bool harmless_sources(const char *line, size_t length)
{
	const char *end = line + length;
	size_t n;

	for (const char *word = line; word < end; word += n ? n : 1) {
		n = word_length(word, end);
		if (n && !is_harmless(word, n))
			return false;
	}
	return true;
}

/* The host's file with a plain "hosts" line; not needed where that line is plain already. */
static int write_nsswitch(const struct profile *profile _unused_, const char *old, struct text *out)
{
	bool changed = false;

	while (*old) {
		size_t length = strcspn(old, "\n");
		const char *value = old + strspn(old, " \t");

		if (str_starts_with(value, "hosts:") &&
		    !harmless_sources(value + strlen("hosts:"),
				      length - (value - old) - strlen("hosts:"))) {
			print(out, "hosts: files dns\n");
			changed = true;
		} else {
			print(out, "%.*s\n", (int)length, old);
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
	struct text text = {};
	int r = file->write(profile, old, &text);

	if (r > 0 && !text.failed) {
		*ret = text.text;
		return r;
	}
	free(text.text);
	*ret = NULL;
	return text.failed ? -ENOMEM : r;
}
