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

static bool read_one(struct queue *queue, unsigned type, uint32_t id, size_t length)
{
	struct nfqnl_msg_packet_hdr packet = { .packet_id = htonl(id) };
	uint8_t message[256] __attribute__((aligned(8))) = {};
	size_t end = put_attribute(message, HEADERS, NFQA_PACKET_HDR, &packet, sizeof(packet));
	struct queued queued;

	fill_header(queue, message, type, 0, end);
	if (type == NLMSG_ERROR)
		((struct nlmsghdr *)message)->nlmsg_type = NLMSG_ERROR;
	return read_message(queue, message, length ?: end, &queued);
}

static void what_is_missed_refused_or_not_understood_is_counted(void **state _unused_)
{
	struct queue *queue = calloc(1, sizeof(*queue));
	const struct queue_trouble *trouble;

	assert_non_null(queue);
	trouble = queue_trouble(queue);
	queue->fd = -1;
	assert_true(read_one(queue, NFQNL_MSG_PACKET, 1, 0));
	assert_true(read_one(queue, NFQNL_MSG_PACKET, 2, 0));
	assert_int_equal(trouble->lost, 0);
	assert_true(read_one(queue, NFQNL_MSG_PACKET, 5, 0)); /* not 3, nor 4 */
	assert_int_equal(trouble->lost, 2);
	queue->last = UINT32_MAX - 1;
	assert_true(read_one(queue, NFQNL_MSG_PACKET, 1, 0)); /* not the last number, nor 0 */
	assert_int_equal(trouble->lost, 4);
	assert_false(read_one(queue, NLMSG_ERROR, 0, 0));
	assert_int_equal(trouble->refused, 1);
	assert_int_equal(trouble->unreadable, 0);
	assert_false(read_one(queue, NFQNL_MSG_PACKET, 2, 3));
	assert_false(read_one(queue, NFQNL_MSG_VERDICT, 2, 0));
	assert_int_equal(trouble->unreadable, 2);
	assert_int_equal(trouble->lost + trouble->refused, 5);
	queue_free(queue);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts_that_were_lost_on_the_way_are_told),
		cmocka_unit_test(what_is_missed_refused_or_not_understood_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
