/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A responder's statistics: the classes, the file as it is read, and the JSON that is made of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "../../src/cli/aaaa.h"
#include "../../src/manager/aaaa_json.h"

#define NOW INT64_C(1795844000)

static const char *const passed[] = { "dnssec", "edns-version", NULL };
static const char *const errors[] = { "send", NULL };
static const struct aaaa_names names = { passed, errors };
static const struct aaaa_queue queue = { 4, 0, 1 };

static struct aaaa_statistics *sample(void)
{
	struct aaaa_statistics *s = calloc(1, sizeof(*s));
	struct aaaa_statistics_second *second;

	s->magic = AAAA_STATISTICS_MAGIC;
	s->version = AAAA_STATISTICS_VERSION;
	s->size = sizeof(*s);
	s->since = NOW - 100;
	s->seen = 30;
	s->answered = 20;
	s->passed[0] = 7;
	s->passed[1] = 3;
	s->errors[0] = 2;
	s->latency[aaaa_class(8000)] = 19;
	s->latency[aaaa_class(UINT64_MAX)] = 1;
	s->latency_sum_ns = 250000;
	second = &s->seconds[(NOW - 3) % AAAA_SECONDS];
	second->time = NOW - 3;
	second->answered = 10;
	second->latency[aaaa_class(8000)] = 10;
	/* of an earlier round */
	s->seconds[(NOW - 2) % AAAA_SECONDS].time = NOW - 2 - AAAA_SECONDS;
	s->seconds[(NOW - 2) % AAAA_SECONDS].answered = 77;
	return s;
}

static int fd_of(const void *bytes, size_t length)
{
	int fd = memfd_create("statistics", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write_all(fd, bytes, length), 0);
	return fd;
}

static void each_latency_lies_in_its_class(void **state _unused_)
{
	for (unsigned shift = 0; shift < 64; shift++)
		for (int64_t off = -3; off <= 3; off++) {
			uint64_t ns = (UINT64_C(1) << shift) + (uint64_t)off;
			unsigned class = aaaa_class(ns);

			assert_in_range(class, 0, AAAA_CLASSES - 1);
			if (class + 1 < AAAA_CLASSES)
				assert_true(ns < aaaa_class_bound_ns(class));
			if (class > 0)
				assert_true(ns >= aaaa_class_bound_ns(class - 1));
		}
}

static void the_file_is_read_whole_or_not_at_all(void **state _unused_)
{
	struct aaaa_statistics *s = sample(), *copy = NULL;
	int fd = fd_of(s, sizeof(*s));

	assert_int_equal(aaaa_statistics_read(fd, &copy), 0);
	assert_memory_equal(copy, s, sizeof(*s));
	free(copy);
	/* a second queue is added, a third that is cut off is an error */
	assert_int_equal(write_all(fd, s, sizeof(*s)), 0);
	assert_int_equal(aaaa_statistics_read(fd, &copy), 0);
	assert_int_equal(copy->answered, 2 * s->answered);
	assert_int_equal(copy->errors[0], 2 * s->errors[0]);
	assert_int_equal(copy->seconds[(NOW - 3) % AAAA_SECONDS].answered, 20);
	assert_int_equal(copy->since, s->since);
	free(copy);
	assert_int_equal(write_all(fd, s, 100), 0);
	assert_int_equal(aaaa_statistics_read(fd, &copy), -EBADMSG);
	assert_int_equal(ftruncate(fd, sizeof(*s) - 1), 0);
	assert_int_equal(aaaa_statistics_read(fd, &copy), -EBADMSG);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(aaaa_statistics_read(fd, &copy), -EBADMSG);
	close(fd);
	s->version++;
	fd = fd_of(s, sizeof(*s));
	assert_int_equal(aaaa_statistics_read(fd, &copy), -EBADMSG);
	close(fd);
	free(s);
}

static void what_is_made_of_it_is_what_nsctl_reads(void **state _unused_)
{
	struct aaaa_history *history = calloc(1, sizeof(*history));
	struct aaaa_counters *c = calloc(1, sizeof(*c));
	struct aaaa_statistics *s = sample();
	json_auto_t *object = aaaa_json(s, &names, &queue, NOW, NOW - 5);
	const json_t *array = json_object_get(object, "history");

	assert_int_equal(aaaa_counters_read(object, c), 0);
	assert_int_equal(aaaa_history_read(array, history), 0);
	assert_int_equal(c->seen, 30);
	assert_int_equal(aaaa_sum(c->passed, c->n_passed), 10);
	assert_string_equal(c->errors[0].name, "send");
	assert_int_equal(c->errors[0].count, 2);
	assert_int_equal(c->queue_length, 4);
	assert_string_equal(c->since, "2026-11-28T05:31:40Z");
	/* between 7168 and 8192 ns: 19 of 20, of which the 10th is wanted */
	assert_true(histogram_quantile(&c->latency, 0.5) > 7.168);
	assert_true(histogram_quantile(&c->latency, 0.5) < 8.192);
	assert_int_equal(history->n, 5);
	assert_int_equal(history->seconds[0].time, NOW - 5);
	assert_int_equal((int)history->seconds[0].answered, 0);
	assert_true(history->seconds[0].p50_us < 0);
	assert_int_equal((int)history->seconds[2].answered, 10);
	assert_true(history->seconds[2].p50_us > 7.168 && history->seconds[2].p99_us < 8.192);
	assert_int_equal((int)history->seconds[3].answered, 0);
	free(history);
	free(c);
	free(s);
}

static void the_short_form_is_that_of_status(void **state _unused_)
{
	struct aaaa_statistics *s = sample();
	json_auto_t *object = aaaa_short_json(s, &names, &queue);
	json_auto_t *whole = aaaa_json(s, &names, &queue, NOW, -1);
	static const char *const same[] = { "latency", "queue" };
	char *text;

	for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
		assert_true(json_is_object(json_object_get(object, same[i])));
		assert_true(json_equal(json_object_get(object, same[i]),
				       json_object_get(whole, same[i])));
		json_object_del(object, same[i]);
	}
	assert_true(
		json_equal(json_object_get(object, "passed_by"), json_object_get(whole, "passed")));
	json_object_del(object, "passed_by");
	text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(3));
	assert_string_equal(text, "{\"since\":\"2026-11-28T05:31:40Z\",\"seen\":30,\"answered\":20,"
				  "\"passed\":10,\"errors\":{\"send\":2},"
				  "\"latency_us\":{\"p50\":7.71,\"p99\":2.94e4}}");
	free(text);
	free(s);
}

static void the_past_is_no_longer_than_the_responder(void **state _unused_)
{
	struct aaaa_statistics *s = sample();
	json_auto_t *all = aaaa_json(s, &names, &queue, NOW, 0),
		    *none = aaaa_json(s, &names, &queue, NOW, -1);
	json_auto_t *long_ago = NULL;

	assert_int_equal(json_array_size(json_object_get(all, "history")), 100);
	assert_null(json_object_get(none, "history"));
	s->since = 1;
	long_ago = aaaa_json(s, &names, &queue, NOW, 0);
	assert_int_equal(json_array_size(json_object_get(long_ago, "history")), AAAA_SECONDS - 1);
	free(s);
}

/* Whatever a responder that was taken over writes: valid JSON that nsctl can show. */
static void nonsense_stays_valid(void **state _unused_)
{
	static const int fillings[] = { 0xff, 0x80, 0x7f, 0x01 };
	struct aaaa_history *history = calloc(1, sizeof(*history));
	struct aaaa_counters *c = calloc(1, sizeof(*c));

	for (size_t i = 0; i < ARRAY_SIZE(fillings); i++) {
		struct aaaa_statistics *s = calloc(1, sizeof(*s));
		json_auto_t *object = NULL;

		memset(s, fillings[i], sizeof(*s));
		object = aaaa_json(s, &names, &queue, NOW, 0);
		assert_int_equal(aaaa_counters_read(object, c), 0);
		assert_int_equal(aaaa_history_read(json_object_get(object, "history"), history), 0);
		free(s);
	}
	free(history);
	free(c);
}

static void the_kernels_table_of_queues_is_read(void **state _unused_)
{
	static const char text[] = "   76  30212     1 2  1792     2     3        1  1\n"
				   "   77  30213     5 2  1792     6     7        9  1\n"
				   "  777  30214     8 2  1792     8     8        9  1\n";
	struct aaaa_queue q;

	aaaa_queue_parse(text, 77, 1, &q);
	assert_int_equal(q.length, 5);
	assert_int_equal(q.dropped, 6);
	assert_int_equal(q.user_dropped, 7);
	aaaa_queue_parse(text, 76, 2, &q);
	assert_int_equal(q.length, 6);
	assert_int_equal(q.dropped, 8);
	assert_int_equal(q.user_dropped, 10);
	aaaa_queue_parse(text, 7, 1, &q);
	assert_int_equal(q.length + q.dropped + q.user_dropped, 0);
	aaaa_queue_parse("77 nonsense\n77", 77, 1, &q);
	assert_int_equal(q.length, 0);
	aaaa_queue_parse(NULL, 77, 1, &q);
	assert_int_equal(q.length, 0);
}

/* jansson's allocator, with memory for so many calls only */
static size_t memory_left;
static bool memory_ran_out;

static void *allocate_some(size_t size)
{
	if (memory_left == 0) {
		memory_ran_out = true;
		return NULL;
	}
	memory_left--;
	return malloc(size);
}

/* What was made with memory for `n` allocations, and none after. */
static json_t *made_with_memory_for(size_t n, const struct aaaa_statistics *s, bool brief)
{
	json_t *object;

	memory_left = n;
	memory_ran_out = false;
	json_set_alloc_funcs(allocate_some, free);
	object = brief ? aaaa_short_json(s, &names, &queue)
		       : aaaa_json(s, &names, &queue, NOW, NOW - 10);
	json_set_alloc_funcs(malloc, free);
	return object;
}

static void without_memory_for_all_of_it_there_is_nothing(void **state _unused_)
{
	struct aaaa_statistics *s = sample();

	for (int brief = 0; brief < 2; brief++) {
		size_t n = 0;
		json_t *object;

		while (!(object = made_with_memory_for(n, s, brief)) && n < 10000) {
			assert_true(memory_ran_out);
			n++;
		}
		assert_false(memory_ran_out);
		assert_non_null(object);
		assert_true(n > 10);
		json_decref(object);
	}
	free(s);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_latency_lies_in_its_class),
		cmocka_unit_test(the_file_is_read_whole_or_not_at_all),
		cmocka_unit_test(what_is_made_of_it_is_what_nsctl_reads),
		cmocka_unit_test(the_short_form_is_that_of_status),
		cmocka_unit_test(the_past_is_no_longer_than_the_responder),
		cmocka_unit_test(nonsense_stays_valid),
		cmocka_unit_test(the_kernels_table_of_queues_is_read),
		cmocka_unit_test(without_memory_for_all_of_it_there_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
