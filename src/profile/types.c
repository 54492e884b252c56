/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Types of values that are words, numbers and paths: one parser, formatter and check each.
 *
 * Parsers get clean text (valid UTF-8 without control characters, no white space around it) and
 * write an empty field.
 */
#include <ctype.h>
#include <string.h>

#include "schema.h"

#define HOSTNAME_MAX 64  /* include/uapi/linux/utsname.h */
#define DOMAIN_MAX   253 /* RFC 1035 section 2.3.4, as text without the final dot */
#define LABEL_MAX    63

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

const char *const words_bool[] = { "no", "yes", NULL };
const char *const words_protocol[] = { "tcp", "udp", NULL };

/* ---- strings ----------------------------------------------------------------------------- */

int string_parse(const struct schema_key *key, const char *text, void *field, const char **ret_why)
{
	const char *why = key->type->check ? key->type->check(text) : NULL;
	char *copy;

	if (why) {
		*ret_why = why;
		return -EINVAL;
	}
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	*(char **)field = copy;
	return 0;
}

int string_format(_unused_ const struct schema_key *key, const void *field, char **ret)
{
	const char *text = *(char *const *)field;
	char *copy = NULL;

	if (!str_empty(text) && !(copy = strdup(text)))
		return -ENOMEM;
	*ret = copy;
	return 0;
}

void string_clear(void *field)
{
	free(*(char **)field);
	*(char **)field = NULL;
}

static bool only_of(const char *text, const char *characters)
{
	return text[strspn(text, characters)] == '\0';
}

static bool has_space(const char *text)
{
	for (; *text; text++)
		if (isspace((unsigned char)*text))
			return true;
	return false;
}

const char *check_name(const char *text)
{
	if (!isalnum((unsigned char)*text) || (unsigned char)*text >= 0x80)
		return N_("a name starts with a letter or digit");
	if (!only_of(text, LETTERS DIGITS "_.-"))
		return N_("a name has letters, digits, \"_\", \".\" and \"-\" only");
	if (strlen(text) > PROFILE_NAME_MAX)
		return N_("a name has 32 characters at most");
	return NULL;
}

/* Less than dev_valid_name() in net/core/dev.c takes: names go into scripts (nsctl up --dry-run)
 * and onto command lines as they are. */
const char *check_interface(const char *text)
{
	if (strlen(text) >= IFNAMSIZ)
		return N_("an interface's name has 15 characters at most");
	if (!only_of(text, LETTERS DIGITS "_.-+@=") || *text == '-')
		return N_(
			"an interface's name has letters, digits, \"_\", \".\", \"-\", \"+\", \"@\" "
			"and \"=\" only, and does not begin with \"-\"");
	if (str_equal(text, ".") || str_equal(text, ".."))
		return N_("not the name of an interface");
	/* "all" and "default" are directories beside the interfaces in /proc/sys/net */
	if (str_equal(text, "lo") || str_equal(text, "all") || str_equal(text, "default"))
		return N_("a name that the kernel uses itself");
	return NULL;
}

/* Letters, digits and inner hyphens in labels of 1 to 63 characters (RFC 1123 section 2.1). */
static bool valid_labels(const char *text, const char *more, size_t max)
{
	if (strlen(text) > max)
		return false;
	for (;;) {
		size_t length = strcspn(text, ".");

		if (length == 0 || length > LABEL_MAX || text[0] == '-' || text[length - 1] == '-')
			return false;
		for (size_t i = 0; i < length; i++)
			if (!strchr(LETTERS DIGITS "-", text[i]) && !strchr(more, text[i]))
				return false;
		if (!text[length])
			return true;
		text += length + 1;
	}
}

const char *check_hostname(const char *text)
{
	return valid_labels(text, "", HOSTNAME_MAX) ? NULL : N_("not a host name");
}

/* A domain may have underscores (service names) and one final dot. */
static const char *check_domain(const char *text)
{
	size_t length = strlen(text);
	_cleanup_free_ char *bare = strdup(text);

	if (bare && length > 1 && bare[length - 1] == '.')
		bare[length - 1] = '\0';
	return bare && valid_labels(bare, "_", DOMAIN_MAX) ? NULL : N_("not a domain name");
}

static const char *check_account(const char *text)
{
	if (has_space(text))
		return N_("not a name: it has white space (a list is separated by commas)");
	if (strpbrk(text, ":/") || *text == '-')
		return N_("not the name or number of an account");
	return NULL;
}

static const char *check_dns_option(const char *text)
{
	if (has_space(text))
		return N_("not an option: it has white space (a list is separated by commas)");
	if (!only_of(text, LETTERS DIGITS "-_:"))
		return N_("not an option");
	return NULL;
}

static const char *check_qtype(const char *text)
{
	uint16_t type;

	return dns_type_parse(text, &type) == 0 ? NULL : N_("not a type that can be answered");
}

static const char *check_path(const char *text)
{
	if (*text != '/')
		return N_("not an absolute path");
	for (const char *p = text; (p = strstr(p, "/..")); p += 3)
		if (p[3] == '/' || p[3] == '\0')
			return N_("a path with \"..\" in it");
	return NULL;
}

static const char *check_directory(const char *text)
{
	const char *why = check_path(text);

	/* "/", "//", "/." are all the root */
	if (!why && only_of(text, "/."))
		why = N_("it would cover the whole file system");
	return why;
}

#define STRING_TYPE(name, what, fn)                                                                \
	const struct value_type name = { .expects = (what),                                        \
					 .parse = string_parse,                                    \
					 .format = string_format,                                  \
					 .clear = string_clear,                                    \
					 .size = sizeof(char *),                                   \
					 .check = (fn) }

STRING_TYPE(type_text, N_("any text"), NULL);
STRING_TYPE(type_command, N_("a command with its arguments"), NULL);
STRING_TYPE(type_account, N_("the name or number of a user or group"), check_account);
STRING_TYPE(type_profile_name, N_("the name of a profile"), check_name);
STRING_TYPE(type_interface, N_("an interface's name, as in eth0: at most 15 characters"),
	    check_interface);
STRING_TYPE(type_hostname, N_("a host name, as in pc1 or pc1.example.org: at most 64 characters"),
	    check_hostname);
STRING_TYPE(type_domain, N_("a domain, as in example.org"), check_domain);
STRING_TYPE(type_dns_option, N_("an option of resolv.conf(5), as in ndots:2"), check_dns_option);
STRING_TYPE(type_qtype, N_("AAAA, HTTPS, SVCB, or the number of a type of DNS record"),
	    check_qtype);
STRING_TYPE(type_directory, N_("an absolute path below /"), check_directory);

/* ---- words and numbers ------------------------------------------------------------------- */

static int word_find(const char *const *words, const char *text)
{
	for (int i = 0; words[i]; i++)
		if (str_equal(words[i], text))
			return i;
	return -EINVAL;
}

static int bool_parse(const struct schema_key *key, const char *text, void *field,
		      const char **ret_why)
{
	int i = word_find(key->words, text);

	if (i < 0) {
		*ret_why = N_("neither yes nor no");
		return -EINVAL;
	}
	*(bool *)field = i;
	return 0;
}

static int bool_format(const struct schema_key *key, const void *field, char **ret)
{
	*ret = strdup(key->words[*(const bool *)field]);
	return *ret ? 0 : -ENOMEM;
}

/* All enums here are of the size of an int: the compiler is told so by memcpy. */
static int enum_parse(const struct schema_key *key, const char *text, void *field,
		      const char **ret_why)
{
	int i = word_find(key->words, text);

	if (i < 0) {
		*ret_why = N_("not one of the allowed words");
		return -EINVAL;
	}
	memcpy(field, &i, sizeof(i));
	return 0;
}

static int enum_format(const struct schema_key *key, const void *field, char **ret)
{
	int i;

	memcpy(&i, field, sizeof(i));
	*ret = strdup(key->words[i]);
	return *ret ? 0 : -ENOMEM;
}

static int number_parse(const struct schema_key *key, const char *text, void *field,
			const char **ret_why)
{
	unsigned long number;
	int r = str_to_uint(text, key->max, &number);

	if (r == -EINVAL)
		*ret_why = N_("not a number");
	else if (r < 0 || number < key->min)
		*ret_why = N_("out of range");
	else {
		*(unsigned *)field = number;
		return 0;
	}
	return -EINVAL;
}

/* 0 below the smallest allowed number: not set. */
static int number_format(const struct schema_key *key, const void *field, char **ret)
{
	unsigned number = *(const unsigned *)field;
	char *text = NULL;

	if (number >= key->min && !(text = str_format("%u", number)))
		return -ENOMEM;
	*ret = text;
	return 0;
}

const struct value_type type_bool = { .parse = bool_parse,
				      .format = bool_format,
				      .size = sizeof(bool) };
const struct value_type type_enum = { .parse = enum_parse,
				      .format = enum_format,
				      .size = sizeof(int) };
const struct value_type type_number = { .parse = number_parse,
					.format = number_format,
					.size = sizeof(unsigned) };

/* ---- SRC:DST[:ro] ------------------------------------------------------------------------- */

static int bind_parse(_unused_ const struct schema_key *key, const char *text, void *field,
		      const char **ret_why)
{
	const char *colon = strchr(text, ':'), *second = colon ? strchr(colon + 1, ':') : NULL;
	_cleanup_free_ char *source = NULL, *target = NULL;
	struct bind_mount *mount = field;
	const char *why;

	if (!colon) {
		*ret_why = N_("only one path");
		return -EINVAL;
	}
	if (second && !str_equal(second, ":ro")) {
		*ret_why = N_("something else than \"ro\" behind the second colon");
		return -EINVAL;
	}
	source = strndup(text, colon - text);
	target = second ? strndup(colon + 1, second - colon - 1) : strdup(colon + 1);
	if (!source || !target)
		return -ENOMEM;
	why = check_path(source);
	if (!why)
		why = check_directory(target);
	if (why) {
		*ret_why = why;
		return -EINVAL;
	}
	*mount = (struct bind_mount){ TAKE_PTR(source), TAKE_PTR(target), second != NULL };
	return 0;
}

static int bind_format(_unused_ const struct schema_key *key, const void *field, char **ret)
{
	const struct bind_mount *mount = field;

	*ret = str_format("%s:%s%s", mount->source, mount->target, mount->read_only ? ":ro" : "");
	return *ret ? 0 : -ENOMEM;
}

static void bind_clear(void *field)
{
	struct bind_mount *mount = field;

	free(mount->source);
	free(mount->target);
	*mount = (struct bind_mount){};
}

const struct value_type type_bind = {
	.expects = N_("SOURCE:TARGET or SOURCE:TARGET:ro, absolute paths without \"..\""),
	.parse = bind_parse,
	.format = bind_format,
	.clear = bind_clear,
	.size = sizeof(struct bind_mount),
};

/* ---- started | notify | interface IF ------------------------------------------------------ */

static struct service *service_of(const void *ready_field)
{
	return (struct service *)((const char *)ready_field - offsetof(struct service, ready));
}

static int ready_parse(_unused_ const struct schema_key *key, const char *text, void *field,
		       const char **ret_why)
{
	struct service *service = service_of(field);

	if (strcmp(text, "started") == 0 || strcmp(text, "notify") == 0) {
		service->ready = *text == 's' ? READY_STARTED : READY_NOTIFY;
		return 0;
	}
	if (!str_starts_with(text, "interface ")) {
		*ret_why = N_("not one of the allowed words");
		return -EINVAL;
	}
	text += strlen("interface ");
	text += strspn(text, " \t");
	*ret_why = check_interface(text);
	if (*ret_why)
		return -EINVAL;
	service->ready_interface = strdup(text);
	if (!service->ready_interface)
		return -ENOMEM;
	service->ready = READY_INTERFACE;
	return 0;
}

static int ready_format(_unused_ const struct schema_key *key, const void *field, char **ret)
{
	const struct service *service = service_of(field);

	if (service->ready == READY_INTERFACE)
		*ret = str_format("interface %s", service->ready_interface);
	else
		*ret = strdup(service->ready == READY_STARTED ? "started" : "notify");
	return *ret ? 0 : -ENOMEM;
}

static void ready_clear(void *field)
{
	struct service *service = service_of(field);

	free(service->ready_interface);
	service->ready_interface = NULL;
	service->ready = READY_STARTED;
}

const struct value_type type_ready = {
	.expects = N_("started, notify, or interface NAME"),
	.parse = ready_parse,
	.format = ready_format,
	.clear = ready_clear,
};
