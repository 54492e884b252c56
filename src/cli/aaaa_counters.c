/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The counters of a responder, out of nsctld's reply. Whatever does not fit is refused. */
#include <string.h>

#include "aaaa.h"

/* Counters only grow and are never negative; what is missing is 0. */
static int read_count(const json_t *object, const char *key, uint64_t *ret)
{
	const json_t *value = json_object_get(object, key);

	if (value && (!json_is_integer(value) || json_integer_value(value) < 0))
		return -EBADMSG;
	*ret = value ? (uint64_t)json_integer_value(value) : 0;
	return 0;
}

/* A number, or null for "unknown": -1. */
static int read_number(const json_t *object, const char *key, double *ret)
{
	const json_t *value = json_object_get(object, key);

	if (!value || json_is_null(value)) {
		*ret = -1;
		return 0;
	}
	*ret = json_number_value(value);
	return json_is_number(value) && *ret >= 0 ? 0 : -EBADMSG;
}

static int read_text(const json_t *object, const char *key, char *ret, size_t size)
{
	const json_t *value = json_object_get(object, key);

	if (!value || json_is_null(value)) {
		*ret = '\0';
		return 0;
	}
	if (!json_is_string(value) || json_string_length(value) >= size)
		return -EBADMSG;
	strcpy(ret, json_string_value(value));
	return 0;
}

/* An object of counts by their names. */
static int read_kinds(const json_t *object, struct aaaa_kind *kinds, size_t *ret_n)
{
	const char *name;
	json_t *value;
	size_t n = 0;

	if (object && !json_is_object(object))
		return -EBADMSG;
	json_object_foreach((json_t *)object, name, value) {
		if (n == AAAA_KINDS_MAX || strlen(name) >= sizeof(kinds[n].name) ||
		    read_count(object, name, &kinds[n].count) < 0)
			return -EBADMSG;
		strcpy(kinds[n++].name, name);
	}
	*ret_n = n;
	return 0;
}

/* Bounds rise; the last class, and only that, has none. */
static int read_histogram(const json_t *object, struct histogram *h)
{
	const json_t *classes = json_object_get(object, "classes"), *class;
	size_t i;

	if (object && (!json_is_array(classes) || json_array_size(classes) > HISTOGRAM_MAX))
		return -EBADMSG;
	json_array_foreach(classes, i, class) {
		bool last = i + 1 == json_array_size(classes);

		if (read_number(class, "up_to_us", &h->bounds_us[i]) < 0 ||
		    read_count(class, "count", &h->counts[i]) < 0 ||
		    (h->bounds_us[i] < 0) != last ||
		    (i > 0 && !last && h->bounds_us[i] <= h->bounds_us[i - 1]))
			return -EBADMSG;
	}
	h->n = json_array_size(classes);
	return read_count(object, "sum_ns", &h->sum_ns);
}

int aaaa_counters_read(const json_t *object, struct aaaa_counters *ret)
{
	const json_t *queue = json_object_get(object, "queue");
	uint64_t time;

	*ret = (struct aaaa_counters){};
	if (!json_is_object(object) ||
	    read_text(object, "profile", ret->profile, sizeof(ret->profile)) < 0 ||
	    read_text(object, "since", ret->since, sizeof(ret->since)) < 0 ||
	    read_count(object, "time", &time) < 0 || read_count(object, "seen", &ret->seen) < 0 ||
	    read_count(object, "answered", &ret->answered) < 0 ||
	    read_kinds(json_object_get(object, "passed"), ret->passed, &ret->n_passed) < 0 ||
	    read_kinds(json_object_get(object, "errors"), ret->errors, &ret->n_errors) < 0 ||
	    read_histogram(json_object_get(object, "latency"), &ret->latency) < 0 ||
	    read_count(queue, "length", &ret->queue_length) < 0 ||
	    read_count(queue, "dropped", &ret->queue_dropped) < 0 ||
	    read_count(queue, "user_dropped", &ret->queue_user_dropped) < 0)
		return -EBADMSG;
	ret->running = json_is_true(json_object_get(object, "running"));
	ret->time = (int64_t)time;
	return 0;
}

uint64_t aaaa_sum(const struct aaaa_kind *kinds, size_t n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += kinds[i].count;
	return sum;
}

/* ---- the past --------------------------------------------------------------------------- */

void aaaa_history_add(struct aaaa_history *history, const struct aaaa_second *second)
{
	struct aaaa_second *seconds = history->seconds;

	if (history->n > 0 && seconds[history->n - 1].time >= second->time)
		return;
	if (history->n == AAAA_SECONDS_MAX)
		memmove(seconds, seconds + 1, --history->n * sizeof(*seconds));
	seconds[history->n++] = *second;
}

int aaaa_history_read(const json_t *array, struct aaaa_history *history)
{
	const json_t *element;
	size_t i;

	if (array && !json_is_array(array))
		return -EBADMSG;
	json_array_foreach(array, i, element) {
		struct aaaa_second second;
		uint64_t time;

		if (read_count(element, "time", &time) < 0 ||
		    read_number(element, "answered", &second.answered) < 0 ||
		    read_number(element, "passed", &second.passed) < 0 ||
		    read_number(element, "errors", &second.errors) < 0 ||
		    read_number(element, "p50_us", &second.p50_us) < 0 ||
		    read_number(element, "p99_us", &second.p99_us) < 0)
			return -EBADMSG;
		second.time = (int64_t)time;
		aaaa_history_add(history, &second);
	}
	return 0;
}
