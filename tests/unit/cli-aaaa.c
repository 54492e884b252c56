/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `nsctl aaaa` makes of counters: quantiles, curves, numbers, Prometheus' text, frames. */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

#include "../../src/cli/aaaa.h"

/* ---- histograms ------------------------------------------------------------------------- */

static const struct histogram four = {
	.n = 4,
	.bounds_us = { 10, 20, 40 },
	.counts = { 10, 80, 10, 0 },
	.sum_ns = 1500000,
};

static bool near(double a, double b)
{
	return a - b < 1e-9 && b - a < 1e-9;
}

static void quantiles_lie_within_their_class(void **state _unused_)
{
	struct histogram none = { .n = 4 }, slow = four, one = { .n = 1, .counts = { 5 } };

	assert_true(near(histogram_quantile(&four, 0.05), 5));
	assert_true(near(histogram_quantile(&four, 0.1), 10));
	assert_true(near(histogram_quantile(&four, 0.5), 15));
	assert_true(near(histogram_quantile(&four, 0.99), 38));
	assert_true(near(histogram_quantile(&four, 1), 40));
	assert_true(near(histogram_quantile(&none, 0.5), -1));
	/* of the class without a bound only its beginning is known */
	slow.counts[3] = 1000;
	assert_true(near(histogram_quantile(&slow, 0.99), 40));
	assert_true(near(histogram_quantile(&one, 0.5), 0));
	assert_true(near(histogram_quantile(&(struct histogram){}, 0.5), -1));
}

static void a_histogram_is_what_came_since(void **state _unused_)
{
	struct histogram now = four, before = four, restarted = four;

	now.counts[2] += 5;
	now.sum_ns += 150000;
	histogram_since(&now, &before);
	assert_int_equal(histogram_total(&now), 5);
	assert_int_equal(now.counts[2], 5);
	assert_int_equal(now.sum_ns, 150000);
	/* counters that are lower than before began anew */
	before.counts[1] = 90;
	histogram_since(&restarted, &before);
	assert_int_equal(histogram_total(&restarted), 100);
}

/* ---- curves and numbers ----------------------------------------------------------------- */

static void assert_spark(const double *values, size_t n, size_t width, double top, bool utf8,
			 const char *expected)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	sparkline_write(out, values, n, width, top, utf8);
	fclose(out);
	assert_string_equal(text, expected);
	free(text);
}

static void a_sparkline_is_scaled_from_nothing_to_its_largest(void **state _unused_)
{
	static const double ramp[] = { 0, 1, 2, 3, 4, 5, 6, 7 }, tiny[] = { 0, 0.001, 1000 };
	static const double gap[] = { 1, -1, 1 }, zeros[] = { 0, 0 };

	assert_spark(ramp, 8, 8, 0, true, "▁▂▃▄▅▆▇█");
	assert_spark(ramp, 8, 8, 0, false, "_.:-=+*#");
	assert_spark(ramp, 8, 8, 14, false, "_..::--=");
	assert_spark(tiny, 3, 3, 0, true, "▁▂█"); /* a little is not nothing */
	assert_spark(gap, 3, 3, 0, true, "█ █");
	assert_spark(zeros, 2, 2, 0, true, "▁▁");
	assert_spark(ramp, 8, 3, 0, false, "+*#"); /* the last ones */
	assert_spark(ramp, 2, 4, 0, false, "  _#");
	assert_spark(ramp, 0, 2, 0, true, "  ");
}

static void numbers_are_short(void **state _unused_)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{ 0, "0" },          { 0.4, "0" },        { 812, "812" },     { 9999.4, "9999" },
		{ 9999.5, "10.0k" }, { 12345, "12.3k" },  { 123456, "123k" }, { 999499, "999k" },
		{ 999600, "1.00M" }, { 4.56e6, "4.56M" }, { 1e19, "10.0E" },
	};
	static const struct {
		double usec;
		const char *text;
	} times[] = {
		{ -1, "-" },          { 0, "0.00 us" },    { 8.125, "8.12 us" },
		{ 22.41, "22.4 us" }, { 999.4, "999 us" }, { 999.6, "1.00 ms" },
		{ 5e6, "5.00 s" },    { 5e9, "5000 s" },
	};
	char buffer[32];

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_string_equal(number_short(cases[i].value, buffer, sizeof(buffer)),
				    cases[i].text);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		assert_string_equal(number_time(times[i].usec, buffer, sizeof(buffer)),
				    times[i].text);
}

/* ---- counters --------------------------------------------------------------------------- */

static const char reply[] =
	"{\"profile\": \"office\", \"running\": true, \"since\": \"2026-11-28T06:00:00Z\","
	" \"time\": 1795844000, \"seen\": 30, \"answered\": 20,"
	" \"passed\": {\"dnssec\": 7, \"edns-version\": 0}, \"errors\": {\"send\": 3},"
	" \"latency\": {\"sum_ns\": 250000, \"classes\": [{\"up_to_us\": 10, \"count\": 15},"
	" {\"up_to_us\": 20.5, \"count\": 4}, {\"up_to_us\": null, \"count\": 1}]},"
	" \"queue\": {\"length\": 2, \"dropped\": 5, \"user_dropped\": 1}}";

static int read_text(const char *text, struct aaaa_counters *ret)
{
	json_auto_t *object = json_loads(text, 0, NULL);

	assert_non_null(object);
	return aaaa_counters_read(object, ret);
}

static void a_reply_is_read(void **state _unused_)
{
	struct aaaa_counters c;

	assert_int_equal(read_text(reply, &c), 0);
	assert_string_equal(c.profile, "office");
	assert_true(c.running);
	assert_string_equal(c.since, "2026-11-28T06:00:00Z");
	assert_int_equal(c.time, 1795844000);
	assert_int_equal(c.seen, 30);
	assert_int_equal(c.answered, 20);
	assert_int_equal(c.n_passed, 2);
	assert_string_equal(c.passed[0].name, "dnssec");
	assert_int_equal(aaaa_sum(c.passed, c.n_passed), 7);
	assert_int_equal(c.n_errors, 1);
	assert_int_equal(c.errors[0].count, 3);
	assert_int_equal(c.latency.n, 3);
	assert_true(near(c.latency.bounds_us[1], 20.5));
	assert_int_equal(c.latency.sum_ns, 250000);
	assert_int_equal(c.queue_length, 2);
	assert_int_equal(c.queue_dropped, 5);
	assert_int_equal(c.queue_user_dropped, 1);
	/* what an older nsctld does not know is nothing */
	assert_int_equal(read_text("{}", &c), 0);
	assert_int_equal(c.latency.n, 0);
	assert_false(c.running);
}

static void a_reply_that_makes_no_sense_is_refused(void **state _unused_)
{
	static const char *const wrong[] = {
		"[]",
		"{\"seen\": -1}",
		"{\"seen\": \"3\"}",
		"{\"seen\": 3.5}",
		"{\"profile\": 7}",
		"{\"since\": \"2026-11-28T06:00:00Z and something that is far too long\"}",
		"{\"passed\": []}",
		"{\"passed\": {\"a\": -1}}",
		"{\"errors\": {\"a-name-that-is-longer-than-any-of-ours\": 1}}",
		"{\"latency\": []}",
		"{\"latency\": {\"classes\": [{\"up_to_us\": 1, \"count\": 1}]}}",
		"{\"latency\": {\"classes\": [{\"count\": 1}, {\"count\": 1}]}}",
		"{\"latency\": {\"classes\": [{\"up_to_us\": 2, \"count\": 1},"
		" {\"up_to_us\": 1, \"count\": 1}, {\"count\": 1}]}}",
		"{\"latency\": {\"classes\": [{\"up_to_us\": -2, \"count\": 1}, {\"count\": 1}]}}",
		"{\"latency\": {\"classes\": [{\"count\": -1}]}}",
	};
	struct aaaa_counters c;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(read_text(wrong[i], &c), -EBADMSG);
}

static void too_many_kinds_or_classes_are_refused(void **state _unused_)
{
	json_auto_t *object = json_pack("{s:{}}", "passed"), *classes = json_array();
	json_auto_t *latency = json_pack("{s:{s:O}}", "latency", "classes", classes);
	struct aaaa_counters c;
	char name[16];

	for (int i = 0; i <= AAAA_KINDS_MAX; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		json_object_set_new(json_object_get(object, "passed"), name, json_integer(1));
		assert_int_equal(aaaa_counters_read(object, &c), i < AAAA_KINDS_MAX ? 0 : -EBADMSG);
	}
	for (int i = 0; i < HISTOGRAM_MAX; i++)
		json_array_append_new(classes,
				      json_pack("{s:i,s:i}", "up_to_us", i + 1, "count", 1));
	json_array_append_new(classes, json_pack("{s:i}", "count", 1));
	assert_int_equal(aaaa_counters_read(latency, &c), -EBADMSG);
	json_array_remove(classes, 0);
	assert_int_equal(aaaa_counters_read(latency, &c), 0);
}

static void the_history_keeps_the_newest_seconds(void **state _unused_)
{
	struct aaaa_history *history = calloc(1, sizeof(*history));
	json_auto_t *array = json_loads(
		"[{\"time\": 5000, \"answered\": 1, \"passed\": 2, \"errors\": 0, \"p50_us\": null},"
		" {\"time\": 5000, \"answered\": 9}]",
		0, NULL);
	json_auto_t *wrong = json_loads("[{\"time\": 5000, \"answered\": -3}]", 0, NULL);

	for (int i = 0; i < AAAA_SECONDS_MAX + 10; i++)
		aaaa_history_add(history, &(struct aaaa_second){ .time = 100 + i });
	assert_int_equal(history->n, AAAA_SECONDS_MAX);
	assert_int_equal(history->seconds[0].time, 110);
	assert_int_equal(aaaa_history_read(array, history), 0);
	assert_int_equal(history->n, AAAA_SECONDS_MAX);
	assert_int_equal(history->seconds[AAAA_SECONDS_MAX - 1].time, 5000);
	assert_true(near(history->seconds[AAAA_SECONDS_MAX - 1].answered, 1));
	assert_true(near(history->seconds[AAAA_SECONDS_MAX - 1].p50_us, -1));
	assert_int_equal(aaaa_history_read(wrong, history), -EBADMSG);
	free(history);
}

/* ---- Prometheus ------------------------------------------------------------------------- */

static char *prometheus(const struct aaaa_counters *counters, size_t n)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	assert_int_equal(prometheus_write(counters, n, out), 0);
	fclose(out);
	return text;
}

static void prometheus_gets_each_metric_once_with_all_profiles(void **state _unused_)
{
	struct aaaa_counters *c = calloc(2, sizeof(*c));
	char *text;

	assert_int_equal(read_text(reply, &c[0]), 0);
	c[1] = c[0];
	strcpy(c[1].profile, "a\\b\"c\nd");
	text = prometheus(c, 2);
	assert_non_null(strstr(text, "# HELP nsctl_aaaa_answered_total Queries that the responder "
				     "has answered.\n"
				     "# TYPE nsctl_aaaa_answered_total counter\n"
				     "nsctl_aaaa_answered_total{profile=\"office\"} 20\n"
				     "nsctl_aaaa_answered_total{profile=\"a\\\\b\\\"c\\nd\"} 20\n"
				     "# HELP "));
	assert_non_null(
		strstr(text, "nsctl_aaaa_passed_total{profile=\"office\",reason=\"dnssec\"} 7\n"));
	assert_non_null(
		strstr(text, "nsctl_aaaa_errors_total{profile=\"office\",kind=\"send\"} 3\n"));
	assert_non_null(strstr(
		text,
		"nsctl_aaaa_processing_seconds_bucket{profile=\"office\",le=\"1e-05\"} 15\n"
		"nsctl_aaaa_processing_seconds_bucket{profile=\"office\",le=\"2.05e-05\"} 19\n"
		"nsctl_aaaa_processing_seconds_bucket{profile=\"office\",le=\"+Inf\"} 20\n"
		"nsctl_aaaa_processing_seconds_sum{profile=\"office\"} 0.000250000\n"
		"nsctl_aaaa_processing_seconds_count{profile=\"office\"} 20\n"));
	free(text);
	free(c);
}

/* ---- frames ----------------------------------------------------------------------------- */

/* Columns of the widest line, without what is for the terminal alone; and the lines. */
static size_t measure(const char *frame, size_t *ret_lines)
{
	size_t widest = 0, width = 0;
	wchar_t *wide = calloc(strlen(frame) + 1, sizeof(*wide)), *p = wide;

	assert_true(mbstowcs(wide, frame, strlen(frame) + 1) != (size_t)-1);
	*ret_lines = 1;
	for (; *p; p++) {
		if (*p == L'\033')
			p = wcschr(p, L'm');
		else if (*p == L'\n')
			(*ret_lines)++, width = 0;
		else if (++width > widest)
			widest = width;
	}
	free(wide);
	return widest;
}

static char *frame_of(const struct aaaa_counters *c, const struct aaaa_history *history,
		      unsigned columns, unsigned rows, bool color)
{
	struct aaaa_look look = { .columns = columns, .rows = rows, .utf8 = true, .color = color };
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	look.now = c->time;
	aaaa_view_frame(out, c, history, &look);
	fclose(out);
	return text;
}

static void a_frame_fits_every_terminal(void **state _unused_)
{
	struct aaaa_history *history = calloc(1, sizeof(*history));
	struct aaaa_counters *c = calloc(1, sizeof(*c));
	static const unsigned sizes[] = { 1, 2, 3, 5, 10, 20, 31, 40, 80, 200, 2000 };

	assert_int_equal(read_text(reply, c), 0);
	for (int i = 0; i < 300; i++)
		aaaa_history_add(history, &(struct aaaa_second){ c->time - 300 + i, i, 2,
								 i % 7 == 0, 8, 20 });
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		for (size_t j = 0; j < ARRAY_SIZE(sizes); j++) {
			char *text = frame_of(c, history, sizes[i], sizes[j], j % 2);
			size_t lines;

			assert_true(measure(text, &lines) <= sizes[i]);
			assert_true(lines <= sizes[j]);
			free(text);
		}
	free(history);
	free(c);
}

static void a_frame_says_what_happens(void **state _unused_)
{
	struct aaaa_history *history = calloc(1, sizeof(*history));
	struct aaaa_counters *c = calloc(1, sizeof(*c));
	char *text;

	assert_int_equal(read_text(reply, c), 0);
	/* 48 columns for 300 seconds: 7 seconds each */
	aaaa_history_add(history, &(struct aaaa_second){ c->time - 8, 6172, 0, 0, 7.5, 19 });
	aaaa_history_add(history, &(struct aaaa_second){ c->time - 1, 12345, 3, 2, 8.1, 22 });
	text = frame_of(c, history, 80, 24, false);
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "office"));
	assert_non_null(strstr(text, "12.3k/s"));
	assert_non_null(strstr(text, "▅█"));
	assert_non_null(strstr(text, "8.10 us, p99 22.0 us"));
	assert_non_null(strstr(text, "send 3"));
	assert_non_null(strstr(text, "dnssec 7"));
	assert_null(strstr(text, "edns-version")); /* did not happen */
	free(text);
	text = frame_of(c, history, 80, 24, true);
	assert_non_null(strstr(text, "\033[1;31msend 3\033[0m")); /* errors are red */
	free(text);
	free(history);
	free(c);
}

/* ---- plots ------------------------------------------------------------------------------ */

static void a_plot_escapes_and_leaves_gaps(void **state _unused_)
{
	static const double values[] = { 1, -1, 4, 2 };
	static const struct plot_series series = { "a<b", PLOT_MAIN, values };
	static const struct plot_panel panel = { "p & q", &series, 1 };
	struct plot plot = { "t\033\"<", "n", &panel, 1, 4, 1795844000 };
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	assert_int_equal(plot_write(&plot, out), 0);
	fclose(out);
	assert_non_null(strstr(text, "<title>t?\"&lt;</title>"));
	assert_non_null(strstr(text, ">p &amp; q</text>"));
	assert_non_null(strstr(text, ">a&lt;b</text>"));
	/* one value, a gap, two values: of 5 at most, in 120 units from 204 up */
	assert_non_null(strstr(text, "d=\"M64.0 180.0h0M581.3 108.0h0L840.0 156.0\""));
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_lie_within_their_class),
		cmocka_unit_test(a_histogram_is_what_came_since),
		cmocka_unit_test(a_sparkline_is_scaled_from_nothing_to_its_largest),
		cmocka_unit_test(numbers_are_short),
		cmocka_unit_test(a_reply_is_read),
		cmocka_unit_test(a_reply_that_makes_no_sense_is_refused),
		cmocka_unit_test(too_many_kinds_or_classes_are_refused),
		cmocka_unit_test(the_history_keeps_the_newest_seconds),
		cmocka_unit_test(prometheus_gets_each_metric_once_with_all_profiles),
		cmocka_unit_test(a_frame_fits_every_terminal),
		cmocka_unit_test(a_frame_says_what_happens),
		cmocka_unit_test(a_plot_escapes_and_leaves_gaps),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
