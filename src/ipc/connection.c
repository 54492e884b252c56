/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One end of a connection: frames in, frames out, and the descriptors that travel with them.
 *
 * The socket's own flags are never touched (it may be shared with whoever handed it over): each
 * call says MSG_DONTWAIT. What comes in is bounded by IPC_MESSAGE_MAX and IPC_FDS_MAX, what waits
 * to go out by IPC_MESSAGE_MAX.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "connection.h"
#include "frame.h"

#define READ_MIN 4096
#define READ_MAX (256 << 10)

/* A message that is not sent in full, and what travels with its first byte. */
struct outgoing {
	struct outgoing *next;
	char *data;
	size_t length, sent;
	int fds[IPC_FDS_MAX];
	size_t n_fds;
};

struct ipc_connection {
	int fd;
	struct frame_buffer in;
	int fds[IPC_FDS_MAX]; /* received, not taken yet */
	size_t n_fds;
	struct outgoing *out, **out_tail;
	size_t out_bytes;
	bool refuses_fds;
	bool expects_reply; /* client.c: a further reply of the call follows */
};

int ipc_connection_new(int fd, struct ipc_connection **ret)
{
	struct ipc_connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return -ENOMEM;
	connection->fd = fd;
	connection->out_tail = &connection->out;
	*ret = connection;
	return 0;
}

void ipc_refuse_fds(struct ipc_connection *connection)
{
	connection->refuses_fds = true;
}

static void close_all(int *fds, size_t *n_fds)
{
	while (*n_fds)
		close_fd(fds[--*n_fds]);
}

static void outgoing_free(struct outgoing *outgoing)
{
	close_all(outgoing->fds, &outgoing->n_fds);
	free(outgoing->data);
	free(outgoing);
}

struct ipc_connection *ipc_connection_free(struct ipc_connection *connection)
{
	if (!connection)
		return NULL;
	while (connection->out) {
		struct outgoing *outgoing = connection->out;

		connection->out = outgoing->next;
		outgoing_free(outgoing);
	}
	close_all(connection->fds, &connection->n_fds);
	frame_clear(&connection->in);
	close_fd(connection->fd);
	free(connection);
	return NULL;
}

void ipc_connection_freep(struct ipc_connection **connection)
{
	*connection = ipc_connection_free(*connection);
}

int ipc_connection_fd(const struct ipc_connection *connection)
{
	return connection->fd;
}

size_t ipc_buffered(const struct ipc_connection *connection)
{
	return connection->in.length + connection->out_bytes;
}

bool ipc_connection_expects_reply(const struct ipc_connection *connection)
{
	return connection->expects_reply;
}

void ipc_connection_expect_reply(struct ipc_connection *connection, bool expected)
{
	connection->expects_reply = expected;
}

/* ---- out ------------------------------------------------------------------------------ */

static int outgoing_new(const json_t *message, const int *fds, size_t n_fds, struct outgoing **ret)
{
	struct outgoing *outgoing;
	int r;

	if (n_fds > IPC_FDS_MAX)
		return -EINVAL;
	outgoing = calloc(1, sizeof(*outgoing));
	if (!outgoing)
		return -ENOMEM;
	r = frame_format(message, &outgoing->data, &outgoing->length);
	for (size_t i = 0; r == 0 && i < n_fds; i++) {
		int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);

		if (copy < 0)
			r = -errno;
		else
			outgoing->fds[outgoing->n_fds++] = copy;
	}
	if (r < 0) {
		outgoing_free(outgoing);
		return r;
	}
	*ret = outgoing;
	return 0;
}

int ipc_flush(struct ipc_connection *connection)
{
	while (connection->out) {
		struct outgoing *outgoing = connection->out;
		ssize_t n = send_with_fds(connection->fd, outgoing->data + outgoing->sent,
					  outgoing->length - outgoing->sent, outgoing->fds,
					  outgoing->n_fds, MSG_DONTWAIT);

		if (n < 0)
			return n;
		/* they went with the first byte: never a second time */
		close_all(outgoing->fds, &outgoing->n_fds);
		outgoing->sent += n;
		connection->out_bytes -= n;
		if (outgoing->sent < outgoing->length)
			continue;
		connection->out = outgoing->next;
		if (!connection->out)
			connection->out_tail = &connection->out;
		outgoing_free(outgoing);
	}
	return 0;
}

int ipc_send(struct ipc_connection *connection, json_t *message, const int *fds, size_t n_fds)
{
	struct outgoing *outgoing;
	int r = outgoing_new(message, fds, n_fds, &outgoing);

	if (r < 0)
		return r;
	if (connection->out_bytes + outgoing->length > IPC_MESSAGE_MAX) {
		outgoing_free(outgoing);
		return -ENOBUFS;
	}
	*connection->out_tail = outgoing;
	connection->out_tail = &outgoing->next;
	connection->out_bytes += outgoing->length;
	return ipc_flush(connection);
}

bool ipc_wants_write(const struct ipc_connection *connection)
{
	return connection->out;
}

/* ---- in ------------------------------------------------------------------------------- */

/* How much to read at once: grows with what the peer has sent, so that a small message costs
 * little and a large one is not copied again and again. */
static size_t read_size(const struct frame_buffer *in)
{
	size_t size = in->length < READ_MIN ? READ_MIN : in->length;

	if (size > READ_MAX)
		size = READ_MAX;
	if (size > IPC_MESSAGE_MAX - in->length)
		size = IPC_MESSAGE_MAX - in->length;
	return size;
}

/* When there are too many descriptors the earlier ones go as well: nobody could tell any more which
 * is which. */
int ipc_receive(struct ipc_connection *connection)
{
	struct frame_buffer *in = &connection->in;
	size_t size = read_size(in);
	size_t n_fds = connection->refuses_fds ? 0 : IPC_FDS_MAX - connection->n_fds;
	void *data;
	ssize_t n;

	if (size == 0) {
		close_all(connection->fds, &connection->n_fds);
		return -EMSGSIZE;
	}
	data = frame_reserve(in, size);
	if (!data)
		return -ENOMEM;
	n = receive_with_fds(connection->fd, data, size, connection->fds + connection->n_fds,
			     &n_fds, MSG_DONTWAIT);
	if (n == -EBADMSG)
		close_all(connection->fds, &connection->n_fds);
	if (n < 0)
		return n;
	connection->n_fds += n_fds;
	if (n == 0)
		return -ENODATA;
	frame_commit(in, n);
	return 0;
}

int ipc_next(struct ipc_connection *connection, json_t **ret)
{
	const char *text;
	size_t length;
	int r = frame_next(&connection->in, &text, &length);

	if (r <= 0)
		return r;
	r = frame_parse(text, length, ret);
	return r < 0 ? r : 1;
}

size_t ipc_take_fds(struct ipc_connection *connection, int fds[IPC_FDS_MAX])
{
	size_t n = connection->n_fds;

	memcpy(fds, connection->fds, n * sizeof(int));
	connection->n_fds = 0;
	return n;
}

int ipc_release(struct ipc_connection *connection, void **ret_data, size_t *ret_length)
{
	int fd = TAKE_FD(connection->fd);

	if (ret_data) {
		struct frame_buffer *in = &connection->in;
		void *data = NULL;

		if (in->length) {
			memmove(in->data, in->data + in->start, in->length);
			data = TAKE_PTR(in->data);
		}
		*ret_data = data;
		if (ret_length)
			*ret_length = in->length;
	}
	ipc_connection_free(connection);
	return fd;
}
