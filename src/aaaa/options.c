/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctl-aaaa's command line: one table for parsing and help. */
#include <getopt.h>
#include <string.h>

#include "options.h"

enum kind { FLAG, TEXT, NUMBER, WORD, TYPES, DOMAINS };

static const char *const hooks[] = {
	[RULES_OUTPUT] = "output", [RULES_INPUT] = "input", [RULES_FORWARD] = "forward", NULL
};
static const char *const dnssec[] = { "pass", "answer", NULL };

#define FIELD(f) offsetof(struct options, f)

static const struct entry {
	const char *name, *argument, *help;
	enum kind kind;
	size_t offset;
	unsigned long min, max;
	const char *const *words;
} entries[] = {
	{ "hook", N_("HOOK"),
	  N_("where queries pass: output (of programs here), input (of a server here),\n"
	     "                       forward (of others, through this host)"),
	  WORD, .offset = FIELD(hook), .words = hooks },
	{ "port", N_("PORT"), N_("the DNS servers' UDP port"), NUMBER, .offset = FIELD(port), 1,
	  65535, NULL },
	{ "qtype", N_("TYPE,..."), N_("what is answered: AAAA, HTTPS, SVCB, or a number"), TYPES,
	  .offset = FIELD(policy) },
	{ "dnssec", N_("WHAT"), N_("queries that ask for DNSSEC: pass, answer"), WORD,
	  .offset = FIELD(policy.answer_dnssec), .words = dnssec },
	{ "interface", N_("NAME"), N_("only queries that come in there (input, forward)"), TEXT,
	  .offset = FIELD(interface) },
	{ "from", N_("ADDRESS"), N_("only queries of this address (input, forward)"), TEXT,
	  .offset = FIELD(from) },
	{ "only", N_("DOMAIN,..."), N_("answer for names in these domains, and no others"), DOMAINS,
	  .offset = FIELD(policy.only) },
	{ "except", N_("DOMAIN,..."), N_("let names in these domains through"), DOMAINS,
	  .offset = FIELD(policy.except) },
	{ "soa", NULL, N_("with a record that lets askers keep the answer for a minute"), FLAG,
	  .offset = FIELD(policy.soa) },
	{ "queue", N_("NUMBER"), N_("the kernel's queue; without it a free one"), NUMBER,
	  .offset = FIELD(queue), .min = 1, .max = 65535 },
	{ "queues", N_("COUNT"), N_("how many queues, each with a process"), NUMBER,
	  .offset = FIELD(queues), .min = 1, .max = OPTIONS_QUEUES_MAX },
	{ "statistics", N_("FILE"), N_("keep count in this file"), TEXT,
	  .offset = FIELD(statistics) },
	{ "table", N_("NAME"), N_("the nf_tables table of the rules"), TEXT,
	  .offset = FIELD(table) },
	{ "user", N_("USER"), N_("whose rights to go on with"), TEXT, .offset = FIELD(user) },
	{ "ready-fd", N_("FD"), N_("write \"ready\" to this descriptor, or what went wrong"),
	  NUMBER, .offset = FIELD(ready_fd), .min = 3, .max = 1023 },
	{ "no-rules", NULL, N_("make no rules: somebody else's fill the queue"), FLAG,
	  .offset = FIELD(no_rules) },
	{ "help", NULL, N_("show this help"), FLAG, .offset = FIELD(help) },
	{ "version", NULL, N_("show the version"), FLAG, .offset = FIELD(version) },
};

/* ---- values ----------------------------------------------------------------------------- */

static int parse_word(const struct entry *entry, const char *text, void *field)
{
	for (unsigned i = 0; entry->words[i]; i++)
		if (str_equal(entry->words[i], text)) {
			if (entry->words == dnssec)
				*(bool *)field = i;
			else
				*(enum rules_hook *)field = i;
			return 0;
		}
	return -EINVAL;
}

static int parse_types(const char *text, struct dns_policy *policy)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy, *word;

	policy->n_qtypes = 0;
	while ((word = strsep(&rest, ","))) {
		if (policy->n_qtypes == ARRAY_SIZE(policy->qtypes) ||
		    dns_type_parse(word, &policy->qtypes[policy->n_qtypes]) < 0)
			return -EINVAL;
		policy->n_qtypes++;
	}
	return policy->n_qtypes > 0 ? 0 : -EINVAL;
}

static int parse_domains(const char *text, struct domains *domains)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy, *word;
	int r = copy ? 0 : -ENOMEM;

	while (r == 0 && (word = strsep(&rest, ",")))
		r = domains_add(domains, word);
	return r;
}

static int parse_value(const struct entry *entry, const char *text, struct options *options)
{
	void *field = (char *)options + entry->offset;
	unsigned long number;

	switch (entry->kind) {
	case FLAG:
		*(bool *)field = true;
		return 0;
	case TEXT:
		*(const char **)field = text;
		return 0;
	case NUMBER:
		if (str_to_uint(text, entry->max, &number) < 0 || number < entry->min)
			return -EINVAL;
		*(unsigned *)field = (unsigned)number;
		return 0;
	case WORD:
		return parse_word(entry, text, field);
	case TYPES:
		return parse_types(text, field);
	case DOMAINS:
		return parse_domains(text, field);
	}
	return -EINVAL;
}

/* ---- the command line ------------------------------------------------------------------- */

static int refuse(struct error *error, const char *format, const char *word)
{
	_cleanup_free_ char *shown = str_escape(word, strlen(word));

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	error_set(error, EINVAL, format, shown ?: "?");
#pragma GCC diagnostic pop
	error_hint(error, _("see \"nsctl-aaaa --help\""));
	return -EINVAL;
}

static int refuse_value(struct error *error, const char *name, const char *value)
{
	refuse(error, _("this value is not allowed: %s"), value);
	error_prefix(error, "--%s", name);
	return -EINVAL;
}

/* What depends on another option. */
static int check(struct options *options, struct error *error)
{
	char queues[16];

	if (options->from && ip_address_parse(options->from, &options->from_address) < 0)
		return refuse(error, _("--from: %s is no address"), options->from);
	if (options->interface && strlen(options->interface) >= IFNAMSIZ)
		return refuse(error, _("--interface: %s is too long for a name"),
			      options->interface);
	snprintf(queues, sizeof(queues), "%u", options->queues);
	if (options->queue + options->queues - 1 > UINT16_MAX)
		return refuse(error, _("--queue: of %s queues the last would be beyond 65535"),
			      queues);
	if (options->hook == RULES_OUTPUT && (options->interface || options->from))
		return refuse(error, _("with --hook=%s queries come from nowhere else"), "output");
	return 0;
}

int options_parse(struct options *options, int argc, char **argv, struct error *error)
{
	struct option longs[ARRAY_SIZE(entries) + 1] = {};
	int value;

	*options = (struct options){ .policy = { .qtypes = { 28 }, .n_qtypes = 1 },
				     .port = 53,
				     .queues = 1,
				     .table = "nsctl-aaaa" };
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		longs[i] = (struct option){ .name = entries[i].name,
					    .has_arg = entries[i].argument ? required_argument
									   : no_argument,
					    .val = 256 + (int)i };
	opterr = 0;
	while ((value = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (value == ':')
			return refuse(error, _("%s needs a value"), argv[optind - 1]);
		if (value < 256)
			return refuse(error, _("unknown option %s"), argv[optind - 1]);
		if (parse_value(&entries[value - 256], optarg, options) < 0)
			return refuse_value(error, entries[value - 256].name, optarg);
	}
	if (optind < argc)
		return refuse(error, _("\"%s\" is one word too many"), argv[optind]);
	return check(options, error);
}

void options_help(FILE *out)
{
	const struct entry *entry;

	fputs(_("Usage: nsctl-aaaa [OPTION...]\n"
		"Answers DNS queries for AAAA at once with \"no such data\", on their way to the real\n"
		"server; all others pass untouched. Runs until a signal ends it; then, and if it\n"
		"crashes, its rules go with it and queries reach the server.\n"
		"\nOptions:\n"),
	      out);
	ARRAY_FOREACH(entry, entries) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", entry->name, entry->argument ? "=" : "",
			 entry->argument ? _(entry->argument) : "");
		fprintf(out, "  %-19s  %s\n", left, _(entry->help));
	}
	fputs(_("\nWithout options: --hook=output --port=53 --qtype=AAAA --dnssec=pass --queues=1\n"
		"--table=nsctl-aaaa, and the user nsctl-aaaa or else nobody. To be started by root. See\n"
		"also nsctl-aaaa(8).\n"),
	      out);
}
