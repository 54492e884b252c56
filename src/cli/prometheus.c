/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Prometheus: the counters in its text exposition format, version 0.0.4 (prometheus.io, "Exposition
 * formats"): each metric once, with HELP and TYPE in front and all its samples behind.
 */
#include <string.h>

#include "aaaa.h"

/* A value of a label: backslash, quote and newline are escaped, and nothing else may be. */
static void write_value(FILE *out, const char *value)
{
	for (; *value; value++)
		switch (*value) {
		case '\\':
			fputs("\\\\", out);
			break;
		case '"':
			fputs("\\\"", out);
			break;
		case '\n':
			fputs("\\n", out);
			break;
		default:
			fputc(*value, out);
		}
}

static void write_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP nsctl_aaaa_%s %s\n# TYPE nsctl_aaaa_%s %s\n", name, help, name, type);
}

/* The name and the labels, up to where the number follows; `label` may be NULL. */
static void write_name(FILE *out, const char *name, const char *profile, const char *label,
		       const char *value)
{
	fprintf(out, "nsctl_aaaa_%s{profile=\"", name);
	write_value(out, profile);
	if (label) {
		fprintf(out, "\",%s=\"", label);
		write_value(out, value ?: "");
	}
	fputs("\"} ", out);
}

static void write_count(FILE *out, const char *name, const char *profile, const char *label,
			const char *value, uint64_t count)
{
	write_name(out, name, profile, label, value);
	fprintf(out, "%ju\n", (uintmax_t)count);
}

/* ---- metrics of one number -------------------------------------------------------------- */

static const struct {
	const char *name, *type, *help;
	size_t offset; /* of a uint64_t in struct aaaa_counters */
} plain[] = {
	{ "queries_total", "counter", "Queries that the responder has seen.",
	  offsetof(struct aaaa_counters, seen) },
	{ "answered_total", "counter", "Queries that the responder has answered.",
	  offsetof(struct aaaa_counters, answered) },
	{ "queue_length", "gauge", "Packets that wait in the kernel for a verdict.",
	  offsetof(struct aaaa_counters, queue_length) },
	{ "queue_dropped_total", "counter", "Packets that found the queue in the kernel full.",
	  offsetof(struct aaaa_counters, queue_dropped) },
	{ "queue_user_dropped_total", "counter",
	  "Packets that the kernel could not hand to the responder.",
	  offsetof(struct aaaa_counters, queue_user_dropped) },
};

static void write_plain(FILE *out, const struct aaaa_counters *counters, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		write_head(out, plain[i].name, plain[i].type, plain[i].help);
		for (size_t j = 0; j < n; j++)
			write_count(
				out, plain[i].name, counters[j].profile, NULL, NULL,
				*(const uint64_t *)((const char *)&counters[j] + plain[i].offset));
	}
}

static void write_up(FILE *out, const struct aaaa_counters *counters, size_t n)
{
	write_head(out, "up", "gauge", "Whether the responder runs.");
	for (size_t i = 0; i < n; i++)
		write_count(out, "up", counters[i].profile, NULL, NULL, counters[i].running);
}

/* ---- metrics with a kind ---------------------------------------------------------------- */

static void write_kinds(FILE *out, const char *name, const char *profile, const char *label,
			const struct aaaa_kind *kinds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		write_count(out, name, profile, label, kinds[i].name, kinds[i].count);
}

static void write_passed(FILE *out, const struct aaaa_counters *counters, size_t n)
{
	write_head(out, "passed_total", "counter",
		   "Queries that the responder has let through, by the reason.");
	for (size_t i = 0; i < n; i++)
		write_kinds(out, "passed_total", counters[i].profile, "reason", counters[i].passed,
			    counters[i].n_passed);
}

static void write_errors(FILE *out, const struct aaaa_counters *counters, size_t n)
{
	write_head(out, "errors_total", "counter",
		   "What went wrong in the responder, by its kind.");
	for (size_t i = 0; i < n; i++)
		write_kinds(out, "errors_total", counters[i].profile, "kind", counters[i].errors,
			    counters[i].n_errors);
}

/* ---- the histogram ---------------------------------------------------------------------- */

/* The counts of the format are those of all classes up to a bound, in seconds. */
static void write_histogram(FILE *out, const char *profile, const struct histogram *h)
{
	uint64_t total = 0;
	char bound[32];

	for (size_t i = 0; i < h->n; i++) {
		total += h->counts[i];
		if (i + 1 < h->n)
			snprintf(bound, sizeof(bound), "%.9g", h->bounds_us[i] / 1e6);
		else
			strcpy(bound, "+Inf");
		write_count(out, "processing_seconds_bucket", profile, "le", bound, total);
	}
	if (h->n == 0)
		write_count(out, "processing_seconds_bucket", profile, "le", "+Inf", 0);
	write_name(out, "processing_seconds_sum", profile, NULL, NULL);
	fprintf(out, "%.9f\n", (double)h->sum_ns / 1e9);
	write_count(out, "processing_seconds_count", profile, NULL, NULL, total);
}

static void write_latency(FILE *out, const struct aaaa_counters *counters, size_t n)
{
	write_head(out, "processing_seconds", "histogram",
		   "Time from when the responder got a query until it was answered.");
	for (size_t i = 0; i < n; i++)
		write_histogram(out, counters[i].profile, &counters[i].latency);
}

int prometheus_write(const struct aaaa_counters *counters, size_t n, FILE *out)
{
	write_up(out, counters, n);
	write_plain(out, counters, n);
	write_passed(out, counters, n);
	write_errors(out, counters, n);
	write_latency(out, counters, n);
	return ferror(out) ? -EIO : 0;
}
