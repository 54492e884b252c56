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

static ssize_t send_some(int fd, const struct outgoing *outgoing)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
	} control = {};
	struct iovec iov = { .iov_base = outgoing->data + outgoing->sent,
			     .iov_len = outgoing->length - outgoing->sent };
	struct msghdr header = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (outgoing->n_fds) {
		size_t bytes = sizeof(int) * outgoing->n_fds;

		control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(bytes),
						   .cmsg_level = SOL_SOCKET,
						   .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), outgoing->fds, bytes);
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(bytes);
	}
	return sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int ipc_flush(struct ipc_connection *connection)
{
	while (connection->out) {
		struct outgoing *outgoing = connection->out;
		ssize_t n = send_some(connection->fd, outgoing);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
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

/* Takes over every descriptor of the control data. -EBADMSG when some would not fit: then all are
 * closed, these and the earlier ones, since nobody could tell any more which is which. */
static int take_control(struct ipc_connection *connection, struct msghdr *header)
{
	bool too_many = header->msg_flags & MSG_CTRUNC;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (connection->n_fds < IPC_FDS_MAX) {
				connection->fds[connection->n_fds++] = fd;
			} else {
				close_fd(fd);
				too_many = true;
			}
		}
	}
	if (!too_many)
		return 0;
	close_all(connection->fds, &connection->n_fds);
	return -EBADMSG;
}

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

int ipc_receive(struct ipc_connection *connection)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * IPC_FDS_MAX)];
	} control = {};
	struct frame_buffer *in = &connection->in;
	size_t size = read_size(in);
	struct iovec iov = { .iov_len = size };
	struct msghdr header = { .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = connection->refuses_fds ? NULL : &control,
				 .msg_controllen = connection->refuses_fds ? 0 : sizeof(control) };
	ssize_t n;
	int r;

	if (size == 0) {
		close_all(connection->fds, &connection->n_fds);
		return -EMSGSIZE;
	}
	iov.iov_base = frame_reserve(in, size);
	if (!iov.iov_base)
		return -ENOMEM;
	do
		n = recvmsg(connection->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	r = take_control(connection, &header);
	if (r < 0)
		return r;
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
