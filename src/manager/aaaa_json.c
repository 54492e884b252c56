/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A responder's statistics as JSON. Seconds in which nothing came are not in the file, and are
 * filled in: who reads this needs no rule for gaps. Numbers that JSON's integers can't hold are
 * the responder's nonsense, and cut off.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "aaaa_json.h"

static json_t *integer(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static int set(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

/* ---- counters --------------------------------------------------------------------------- */

static json_t *kinds_json(const uint64_t *counts, const char *const *names)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < AAAA_KINDS && names[i]; i++)
		if (set(object, names[i], integer(counts[i])) < 0) {
			json_decref(object);
			return NULL;
		}
	return object;
}

/* All classes, always the same ones: whoever keeps them over time relies on that. */
static json_t *classes_json(const uint64_t *counts)
{
	json_t *classes = json_array();

	for (unsigned i = 0; classes && i < AAAA_CLASSES; i++) {
		bool last = i + 1 == AAAA_CLASSES;
		json_t *bound =
			last ? json_null() : json_real((double)aaaa_class_bound_ns(i) / 1000);

		if (json_array_append_new(classes, json_pack("{s:o, s:o}", "up_to_us", bound,
							     "count", integer(counts[i]))) < 0) {
			json_decref(classes);
			return NULL;
		}
	}
	return classes;
}

/* ---- the past --------------------------------------------------------------------------- */

/* The time within which a part of the answers was given; null when there were none. */
static json_t *quantile_json(const uint64_t *counts, double q)
{
	double total = 0, below = 0;

	for (size_t i = 0; i < AAAA_CLASSES; i++)
		total += (double)counts[i];
	for (unsigned i = 0; i < AAAA_CLASSES && total > 0; i++) {
		double count = (double)counts[i];
		double low = i > 0 ? (double)aaaa_class_bound_ns(i - 1) : 0;
		double high = i + 1 < AAAA_CLASSES ? (double)aaaa_class_bound_ns(i) : low;

		if (count > 0 && below + count >= q * total)
			return json_real((low + (high - low) * (q * total - below) / count) / 1000);
		below += count;
	}
	return json_null();
}

static json_t *second_json(const struct aaaa_statistics *s, int64_t time)
{
	static const struct aaaa_statistics_second nothing;
	const struct aaaa_statistics_second *second = &s->seconds[time % AAAA_SECONDS];
	uint64_t counts[AAAA_CLASSES];

	if (second->time != time)
		second = &nothing;
	for (size_t i = 0; i < AAAA_CLASSES; i++)
		counts[i] = second->latency[i];
	return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o}", "time", (json_int_t)time, "answered",
			 (json_int_t)second->answered, "passed", (json_int_t)second->passed,
			 "errors", (json_int_t)second->errors, "p50_us", quantile_json(counts, 0.5),
			 "p99_us", quantile_json(counts, 0.99));
}

static json_t *history_json(const struct aaaa_statistics *s, int64_t now, int64_t since)
{
	json_t *history = json_array();

	if (since < s->since)
		since = s->since;
	if (since <= now - AAAA_SECONDS)
		since = now - AAAA_SECONDS + 1;
	for (; since < now; since++)
		if (json_array_append_new(history, second_json(s, since)) < 0) {
			json_decref(history);
			return NULL;
		}
	return history;
}

/* ---- the kernel's queue ------------------------------------------------------------------ */

/* A line: number, port id of who has bound it, length, copy mode, copy range, dropped, dropped for
 * the program took none, last id, 1. */
void aaaa_queue_parse(const char *text, uint32_t first, uint32_t n, struct aaaa_queue *ret)
{
	unsigned long long length, dropped, user_dropped;
	unsigned found;

	*ret = (struct aaaa_queue){};
	for (; text && *text; text = strchr(text, '\n') ? strchr(text, '\n') + 1 : NULL) {
		if (sscanf(text, "%u %*u %llu %*u %*u %llu %llu", &found, &length, &dropped,
			   &user_dropped) != 4 ||
		    found - first >= n)
			continue;
		ret->length += length;
		ret->dropped += dropped;
		ret->user_dropped += user_dropped;
	}
}

/* ---- the whole -------------------------------------------------------------------------- */

static json_t *since_json(int64_t seconds)
{
	char text[32];
	struct tm tm;
	time_t t = seconds;

	if (seconds <= 0 || !gmtime_r(&t, &tm) || tm.tm_year > 9999 - 1900 ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		return json_null();
	return json_string(text);
}

static json_t *latency_json(const struct aaaa_statistics *s)
{
	return json_pack("{s:o, s:o}", "sum_ns", integer(s->latency_sum_ns), "classes",
			 classes_json(s->latency));
}

/* What a responder's queue had no room for is let through, and the kernel counts it nowhere: the
 * responder does. */
static json_t *queue_json(const struct aaaa_queue *queue, const struct aaaa_statistics *s)
{
	return json_pack("{s:o, s:o, s:o}", "length", integer(queue->length), "dropped",
			 integer(queue->dropped), "user_dropped",
			 integer(queue->user_dropped + s->errors[AAAA_ERROR_OVERRUN]));
}

json_t *aaaa_json(const struct aaaa_statistics *s, const struct aaaa_names *names,
		  const struct aaaa_queue *queue, int64_t now, int64_t since)
{
	json_t *object =
		json_pack("{s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "since", since_json(s->since),
			  "time", (json_int_t)now, "seen", integer(s->seen), "answered",
			  integer(s->answered), "passed", kinds_json(s->passed, names->passed),
			  "errors", kinds_json(s->errors, names->errors), "latency",
			  latency_json(s), "queue", queue_json(queue, s));

	if (!object || since < 0 || set(object, "history", history_json(s, now, since)) == 0)
		return object;
	json_decref(object);
	return NULL;
}

json_t *aaaa_short_json(const struct aaaa_statistics *s, const struct aaaa_names *names,
			const struct aaaa_queue *queue)
{
	uint64_t passed = 0;

	for (size_t i = 0; i < AAAA_KINDS && names->passed[i]; i++)
		passed += s->passed[i];
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}, s:o, s:o}", "since",
			 since_json(s->since), "seen", integer(s->seen), "answered",
			 integer(s->answered), "passed", integer(passed), "passed_by",
			 kinds_json(s->passed, names->passed), "errors",
			 kinds_json(s->errors, names->errors), "latency_us", "p50",
			 quantile_json(s->latency, 0.5), "p99", quantile_json(s->latency, 0.99),
			 "latency", latency_json(s), "queue", queue_json(queue, s));
}
