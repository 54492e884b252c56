/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Verdicts that can't be sent; the socket is one that can be broken and mended between two calls.
 */
#include "../../src/aaaa/queue.c"
#include "unit.h"

enum { LONG = 1400 };

static void verdicts_that_were_lost_on_the_way_are_told(void **state _unused_)
{
	struct queue *queue = calloc(1, sizeof(*queue));
	const struct queued packet = { .id = htonl(1) };
	uint8_t bytes[LONG] = {};
	int pair[2];

	assert_non_null(queue);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	queue->fd = -1;
	for (size_t i = 0; i <= VERDICTS_MAX / LONG; i++) /* one more than there is room for */
		queue_accept(queue, &packet, bytes, sizeof(bytes));
	queue->fd = pair[0];
	assert_int_equal(queue_flush(queue), -EBADF);
	/* the one that did not fit any more has left with it, and all is well again */
	assert_in_range(recv(pair[1], bytes, sizeof(bytes), MSG_DONTWAIT), 1, sizeof(bytes));
	queue_accept(queue, &packet, NULL, 0);
	assert_int_equal(queue_flush(queue), 0);
	close(pair[1]);
	queue_free(queue);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_that_were_lost_on_the_way_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
