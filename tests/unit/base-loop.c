/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base: the event loop. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>

#include "unit.h"

struct bed {
	struct loop *loop;
	int a[2], b[2]; /* pipes */
	struct loop_source *source_a, *source_b, *timer;
	int calls;
	uint32_t events;
	uint64_t fired;
};

static int make(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	*state = bed;
	return loop_new(&bed->loop) == 0 && pipe2(bed->a, O_CLOEXEC | O_NONBLOCK) == 0 &&
			       pipe2(bed->b, O_CLOEXEC | O_NONBLOCK) == 0
		       ? 0
		       : -1;
}

static int unmake(void **state)
{
	struct bed *bed = *state;

	loop_source_free(bed->source_a);
	loop_source_free(bed->source_b);
	loop_source_free(bed->timer);
	loop_free(bed->loop);
	for (int i = 0; i < 2; i++) {
		close_fd(bed->a[i]);
		close_fd(bed->b[i]);
	}
	free(bed);
	return 0;
}

static void count_and_exit(struct loop_source *source, uint32_t events, void *userdata)
{
	struct bed *bed = userdata;

	assert_true(source == bed->source_a || source == bed->source_b || source == bed->timer);
	bed->calls++;
	bed->events = events;
	bed->fired = now_usec();
	loop_exit(bed->loop, 42);
}

static void readable_fd_calls_and_exit_code_comes_back(void **state)
{
	struct bed *bed = *state;

	assert_int_equal(
		loop_add_fd(bed->loop, bed->a[0], EPOLLIN, count_and_exit, bed, &bed->source_a), 0);
	assert_int_equal(write_all(bed->a[1], "x", 1), 0);
	assert_int_equal(loop_run(bed->loop), 42);
	assert_int_equal(bed->calls, 1);
	assert_true(bed->events & EPOLLIN);
}

static void hang_up_is_told_without_asking(void **state)
{
	struct bed *bed = *state;

	assert_int_equal(loop_add_fd(bed->loop, bed->a[0], 0, count_and_exit, bed, &bed->source_a),
			 0);
	bed->a[1] = close_fd(bed->a[1]);
	assert_int_equal(loop_run(bed->loop), 42);
	assert_true(bed->events & EPOLLHUP);
}

static void a_timer_fires_once_and_not_too_early(void **state)
{
	struct bed *bed = *state;
	uint64_t start;

	assert_int_equal(loop_add_timer(bed->loop, count_and_exit, bed, &bed->timer), 0);
	start = now_usec();
	assert_int_equal(loop_timer_set(bed->timer, 20000), 0);
	assert_int_equal(loop_run(bed->loop), 42);
	assert_int_equal(bed->calls, 1);
	assert_int_equal(bed->events, 0);
	assert_true(bed->fired >= start + 20000);
}

/* Of the clock that a timerfd goes by, as the kernel tells it (timerfd_show in fs/timerfd.c): the
 * number of descriptors that go by this one. */
static int timers_of_clock(int clock)
{
	int count = 0;

	for (int fd = 0; fd < 100; fd++) {
		char path[64], line[128];
		FILE *file;
		int found;

		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
		file = fopen(path, "re");
		while (file && fgets(line, sizeof(line), file))
			count += sscanf(line, "clockid: %d", &found) == 1 && found == clock;
		if (file)
			fclose(file);
	}
	return count;
}

static void time_stands_still_while_the_machine_sleeps(void **state)
{
	struct bed *bed = *state;
	struct timespec before, after;
	uint64_t now;
	int timers = timers_of_clock(CLOCK_MONOTONIC);

	assert_int_equal(loop_add_timer(bed->loop, count_and_exit, bed, &bed->timer), 0);
	assert_int_equal(timers_of_clock(CLOCK_MONOTONIC), timers + 1);
	clock_gettime(CLOCK_MONOTONIC, &before);
	now = now_usec();
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(now >= before.tv_sec * 1000000ull + before.tv_nsec / 1000);
	assert_true(now <= after.tv_sec * 1000000ull + after.tv_nsec / 1000);
}

static void a_disarmed_timer_is_silent(void **state)
{
	struct bed *bed = *state;
	struct loop_source *disarmed = NULL;

	/* shares the callback: two calls would be counted */
	assert_int_equal(loop_add_timer(bed->loop, count_and_exit, bed, &disarmed), 0);
	assert_int_equal(loop_timer_set(disarmed, 1000), 0);
	assert_int_equal(loop_timer_set(disarmed, 0), 0);
	assert_int_equal(loop_add_timer(bed->loop, count_and_exit, bed, &bed->timer), 0);
	assert_int_equal(loop_timer_set(bed->timer, 20000), 0);
	assert_int_equal(loop_run(bed->loop), 42);
	assert_int_equal(bed->calls, 1);
	assert_null(loop_source_free(disarmed));
}

static void free_both(_unused_ struct loop_source *source, _unused_ uint32_t events, void *userdata)
{
	struct bed *bed = userdata;

	bed->calls++;
	bed->source_a = loop_source_free(bed->source_a);
	bed->source_b = loop_source_free(bed->source_b);
	loop_timer_set(bed->timer, 1);
}

/* Both are ready in one round; whichever comes first frees the other, which must not be called. */
static void a_callback_may_free_itself_and_others(void **state)
{
	struct bed *bed = *state;

	assert_int_equal(loop_add_fd(bed->loop, bed->a[0], EPOLLIN, free_both, bed, &bed->source_a),
			 0);
	assert_int_equal(loop_add_fd(bed->loop, bed->b[0], EPOLLIN, free_both, bed, &bed->source_b),
			 0);
	assert_int_equal(loop_add_timer(bed->loop, count_and_exit, bed, &bed->timer), 0);
	assert_int_equal(write_all(bed->a[1], "x", 1), 0);
	assert_int_equal(write_all(bed->b[1], "x", 1), 0);
	assert_int_equal(loop_run(bed->loop), 42);
	assert_int_equal(bed->calls, 2); /* free_both once, the timer once */
}

static void events_can_be_changed(void **state)
{
	struct bed *bed = *state;

	assert_int_equal(loop_add_fd(bed->loop, bed->a[1], 0, count_and_exit, bed, &bed->source_a),
			 0);
	assert_int_equal(loop_source_set_events(bed->source_a, EPOLLOUT), 0);
	assert_int_equal(loop_run(bed->loop), 42);
	assert_true(bed->events & EPOLLOUT);
}

static void what_epoll_refuses_is_an_error(void **state)
{
	struct bed *bed = *state;
	struct loop_source *none = NULL;
	_cleanup_close_ int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_int_equal(loop_add_fd(bed->loop, -1, EPOLLIN, count_and_exit, bed, &none), -EBADF);
	assert_int_equal(loop_add_fd(bed->loop, file, EPOLLIN, count_and_exit, bed, &none), -EPERM);
	assert_null(none);
	assert_null(loop_source_free(NULL));
	assert_null(loop_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(readable_fd_calls_and_exit_code_comes_back, make,
						unmake),
		cmocka_unit_test_setup_teardown(hang_up_is_told_without_asking, make, unmake),
		cmocka_unit_test_setup_teardown(a_timer_fires_once_and_not_too_early, make, unmake),
		cmocka_unit_test_setup_teardown(a_disarmed_timer_is_silent, make, unmake),
		cmocka_unit_test_setup_teardown(time_stands_still_while_the_machine_sleeps, make,
						unmake),
		cmocka_unit_test_setup_teardown(a_callback_may_free_itself_and_others, make,
						unmake),
		cmocka_unit_test_setup_teardown(events_can_be_changed, make, unmake),
		cmocka_unit_test_setup_teardown(what_epoll_refuses_is_an_error, make, unmake),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
