/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections on a real socket pair: messages, descriptors, and peers that do not keep to it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "nsctl/ipc.h"

/* `end` is a connection, `other` the plain socket at its other side. */
struct pair {
	struct ipc_connection *end;
	int other;
};

static int set_up(void **state)
{
	static struct pair pair;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	assert_int_equal(ipc_connection_new(fds[0], &pair.end), 0);
	pair.other = fds[1];
	*state = &pair;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *pair = *state;

	ipc_connection_free(pair->end);
	close_fd(pair->other);
	return 0;
}

static void put(struct pair *pair, const char *bytes, size_t length)
{
	assert_int_equal(send(pair->other, bytes, length, MSG_NOSIGNAL), length);
}

static void put_with_fds(struct pair *pair, const char *text, const int *fds, size_t n)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * 64)];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int) * n),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text) + 1 };
	struct msghdr header = { .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = CMSG_SPACE(sizeof(int) * n) };

	memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * n);
	assert_int_equal(sendmsg(pair->other, &header, MSG_NOSIGNAL), iov.iov_len);
}

static json_t *next(struct pair *pair)
{
	json_t *message = NULL;

	assert_int_equal(ipc_next(pair->end, &message), 1);
	return message;
}

static size_t open_descriptors(void)
{
	size_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void messages_arrive_in_order(void **state)
{
	static const char wire[] = "{\"n\":1}\0{\"n\":2}\0{\"n\"";
	struct pair *pair = *state;
	json_t *message;

	put(pair, wire, sizeof(wire) - 1);
	assert_int_equal(ipc_receive(pair->end), 0);
	for (int i = 1; i <= 2; i++) {
		message = next(pair);
		assert_int_equal(json_integer_value(json_object_get(message, "n")), i);
		json_decref(message);
	}
	assert_int_equal(ipc_next(pair->end, &message), 0);
	assert_int_equal(ipc_receive(pair->end), -EAGAIN);
	put(pair, ":3}", 4);
	assert_int_equal(ipc_receive(pair->end), 0);
	message = next(pair);
	assert_int_equal(json_integer_value(json_object_get(message, "n")), 3);
	json_decref(message);
}

static void the_end_of_the_stream_is_told(void **state)
{
	struct pair *pair = *state;

	pair->other = close_fd(pair->other);
	assert_int_equal(ipc_receive(pair->end), -ENODATA);
}

static void a_message_without_end_is_cut_off(void **state)
{
	struct pair *pair = *state;
	static char chunk[4096];
	size_t sent = 0;
	int r = 0;

	memset(chunk, ' ', sizeof(chunk));
	while (r == 0 && sent <= 2 * (size_t)IPC_MESSAGE_MAX) {
		put(pair, chunk, sizeof(chunk));
		sent += sizeof(chunk);
		r = ipc_receive(pair->end);
	}
	assert_int_equal(r, -EMSGSIZE);
	assert_in_range(sent, IPC_MESSAGE_MAX, IPC_MESSAGE_MAX + 2 * sizeof(chunk));
}

static void descriptors_come_with_close_on_exec(void **state)
{
	struct pair *pair = *state;
	int fds[IPC_FDS_MAX], sent[2] = { STDIN_FILENO, pair->other };
	struct file_id received, expected;

	put_with_fds(pair, "{}", sent, 2);
	assert_int_equal(ipc_receive(pair->end), 0);
	json_decref(next(pair));
	assert_int_equal(ipc_take_fds(pair->end, fds), 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
		assert_int_equal(file_id_of(fds[i], &received), 0);
		assert_int_equal(file_id_of(sent[i], &expected), 0);
		assert_true(file_id_equal(&received, &expected));
		close_fd(fds[i]);
	}
	assert_int_equal(ipc_take_fds(pair->end, fds), 0);
}

/* One more than fits the control buffer: the kernel truncates. */
static void truncated_descriptors_are_all_closed(void **state)
{
	struct pair *pair = *state;
	int fds[IPC_FDS_MAX + 1] = {}, taken[IPC_FDS_MAX];
	size_t before = open_descriptors();

	put_with_fds(pair, "{}", fds, IPC_FDS_MAX + 1);
	assert_int_equal(ipc_receive(pair->end), -EBADMSG);
	assert_int_equal(ipc_take_fds(pair->end, taken), 0);
	assert_int_equal(open_descriptors(), before);
}

/* Each message fits, together they do not. */
static void too_many_queued_descriptors_are_all_closed(void **state)
{
	struct pair *pair = *state;
	int fds[IPC_FDS_MAX] = {}, taken[IPC_FDS_MAX];
	size_t before = open_descriptors();

	put_with_fds(pair, "{}", fds, IPC_FDS_MAX - 1);
	assert_int_equal(ipc_receive(pair->end), 0);
	assert_int_equal(open_descriptors(), before + IPC_FDS_MAX - 1);
	put_with_fds(pair, "{}", fds, 2);
	assert_int_equal(ipc_receive(pair->end), -EBADMSG);
	assert_int_equal(ipc_take_fds(pair->end, taken), 0);
	assert_int_equal(open_descriptors(), before);
}

static void descriptors_nobody_took_are_closed_with_the_connection(void **state)
{
	struct pair *pair = *state;
	int fds[3] = {};
	size_t before = open_descriptors();

	put_with_fds(pair, "{}", fds, 3);
	assert_int_equal(ipc_receive(pair->end), 0);
	pair->end = ipc_connection_free(pair->end);
	assert_int_equal(open_descriptors(), before - 1); /* and the socket itself */
}

static json_t *message_of_length(size_t length)
{
	char *text = malloc(length + 1);
	json_t *message;

	assert_non_null(text);
	memset(text, 'y', length);
	text[length] = '\0';
	message = json_pack("{s:s}", "text", text);
	assert_non_null(message);
	free(text);
	return message;
}

static void a_reader_that_stops_fills_a_bounded_queue(void **state)
{
	struct pair *pair = *state;
	json_t *message = message_of_length(1 << 20);
	int r = 0, n = 0;

	while (r != -ENOBUFS && n++ < 100) {
		r = ipc_send(pair->end, message, NULL, 0);
		assert_true(r == -EAGAIN || r == -ENOBUFS);
		assert_true(ipc_wants_write(pair->end));
		assert_true(ipc_buffered(pair->end) <= IPC_MESSAGE_MAX);
	}
	assert_int_equal(r, -ENOBUFS);
	json_decref(message);
}

/* The last message leaves in many portions: its descriptor goes with the first alone. */
static void what_was_queued_arrives_whole_with_its_descriptor_once(void **state)
{
	struct pair *pair = *state;
	_cleanup_(ipc_connection_freep) struct ipc_connection *reader = NULL;
	json_t *small = message_of_length(4000), *large = message_of_length(2 << 20), *received;
	int fd = STDIN_FILENO, fds[IPC_FDS_MAX], n = 1, r;

	while ((r = ipc_send(pair->end, small, NULL, 0)) == 0)
		n++;
	assert_int_equal(r, -EAGAIN);
	assert_int_equal(ipc_send(pair->end, large, &fd, 1), -EAGAIN);
	assert_int_equal(ipc_connection_new(TAKE_FD(pair->other), &reader), 0);
	while (n >= 0) {
		r = ipc_next(reader, &received);
		if (r == 1) {
			assert_true(json_equal(n ? small : large, received));
			json_decref(received);
			n--;
			continue;
		}
		assert_int_equal(r, 0);
		ipc_flush(pair->end);
		assert_int_equal(ipc_receive(reader), 0);
	}
	assert_false(ipc_wants_write(pair->end));
	assert_int_equal(ipc_receive(reader), -EAGAIN);
	assert_int_equal(ipc_take_fds(reader, fds), 1);
	close_fd(fds[0]);
	json_decref(small);
	json_decref(large);
}

static void the_sockets_own_flags_are_left_alone(void **state)
{
	struct pair *pair = *state;
	json_t *message;

	assert_int_equal(ipc_receive(pair->end), -EAGAIN);
	message = json_object();
	assert_int_equal(ipc_send(pair->end, message, NULL, 0), 0);
	json_decref(message);
	assert_false(fcntl(ipc_connection_fd(pair->end), F_GETFL) & O_NONBLOCK);
}

static void a_released_socket_comes_with_the_bytes_behind_the_message(void **state)
{
	struct pair *pair = *state;
	void *data = NULL;
	size_t length = 0;
	int fd;

	put(pair, "{}\0rest", 7);
	assert_int_equal(ipc_receive(pair->end), 0);
	json_decref(next(pair));
	fd = ipc_release(TAKE_PTR(pair->end), &data, &length);
	assert_true(fd >= 0);
	assert_int_equal(length, 4);
	assert_memory_equal(data, "rest", 4);
	free(data);
	close_fd(fd);
}

/* ---- the caller's side ---------------------------------------------------------------- */

static void answer(struct pair *pair, const char *replies, size_t length)
{
	put(pair, replies, length);
}

static void a_call_says_what_varlink_wants(void **state)
{
	struct pair *pair = *state;
	char wire[256] = {};
	json_t *reply = NULL, *sent;

	answer(pair, "{\"parameters\":{\"x\":1}}", 23);
	assert_int_equal(ipc_call(pair->end, "Up", json_pack("{s:i}", "a", 1), NULL, 0,
				  IPC_CALL_MORE, &reply, NULL),
			 0);
	assert_int_equal(json_integer_value(json_object_get(reply, "x")), 1);
	json_decref(reply);
	assert_true(recv(pair->other, wire, sizeof(wire) - 1, 0) > 0);
	sent = json_loads(wire, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(sent, "method")),
			    "org.nsctl.Manager.Up");
	assert_true(json_is_true(json_object_get(sent, "more")));
	assert_null(json_object_get(sent, "upgrade"));
	json_decref(sent);
}

static void an_error_reply_gives_its_name_and_parameters(void **state)
{
	static const char wire[] = "{\"error\":\"org.x.Bad\",\"parameters\":{\"message\":\"m\"}}";
	struct pair *pair = *state;
	char *name = NULL;
	json_t *reply = NULL;

	answer(pair, wire, sizeof(wire));
	assert_int_equal(ipc_call(pair->end, "org.x.Y", NULL, NULL, 0, 0, &reply, &name),
			 -EREMOTEIO);
	assert_string_equal(name, "org.x.Bad");
	assert_string_equal(json_string_value(json_object_get(reply, "message")), "m");
	json_decref(reply);
	free(name);
}

static void replies_follow_while_the_server_says_so(void **state)
{
	static const char wire[] = "{\"parameters\":{\"n\":1},\"continues\":true}\0"
				   "{\"parameters\":{\"n\":2},\"continues\":true}\0"
				   "{}";
	struct pair *pair = *state;
	json_t *reply = NULL;

	answer(pair, wire, sizeof(wire));
	assert_int_equal(ipc_call(pair->end, "Up", NULL, NULL, 0, IPC_CALL_MORE, &reply, NULL), 0);
	json_decref(reply);
	assert_int_equal(ipc_call_next(pair->end, &reply, NULL), 1);
	assert_int_equal(json_integer_value(json_object_get(reply, "n")), 2);
	json_decref(reply);
	assert_int_equal(ipc_call_next(pair->end, &reply, NULL), 1);
	assert_int_equal(json_object_size(reply), 0);
	json_decref(reply);
	assert_int_equal(ipc_call_next(pair->end, &reply, NULL), 0);
}

static void a_server_that_goes_away_is_an_error(void **state)
{
	struct pair *pair = *state;

	shutdown(pair->other, SHUT_WR);
	assert_int_equal(ipc_call(pair->end, "List", NULL, NULL, 0, 0, NULL, NULL), -ECONNRESET);
}

/* It refuses before it has read the call: the reason is there all the same. */
static void a_refusal_that_came_first_is_read(void **state)
{
	static const char wire[] = "{\"error\":\"org.x.Full\"}";
	struct pair *pair = *state;
	char *name = NULL;

	answer(pair, wire, sizeof(wire));
	pair->other = close_fd(pair->other);
	assert_int_equal(ipc_call(pair->end, "List", NULL, NULL, 0, 0, NULL, &name), -EREMOTEIO);
	assert_string_equal(name, "org.x.Full");
	free(name);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(messages_arrive_in_order),
		TEST(the_end_of_the_stream_is_told),
		TEST(a_message_without_end_is_cut_off),
		TEST(descriptors_come_with_close_on_exec),
		TEST(truncated_descriptors_are_all_closed),
		TEST(too_many_queued_descriptors_are_all_closed),
		TEST(descriptors_nobody_took_are_closed_with_the_connection),
		TEST(a_reader_that_stops_fills_a_bounded_queue),
		TEST(what_was_queued_arrives_whole_with_its_descriptor_once),
		TEST(the_sockets_own_flags_are_left_alone),
		TEST(a_released_socket_comes_with_the_bytes_behind_the_message),
		TEST(a_call_says_what_varlink_wants),
		TEST(an_error_reply_gives_its_name_and_parameters),
		TEST(replies_follow_while_the_server_says_so),
		TEST(a_server_that_goes_away_is_an_error),
		TEST(a_refusal_that_came_first_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
