/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Descriptors that travel along with data over a Unix socket (unix(7), SCM_RIGHTS). */
#include <string.h>
#include <sys/socket.h>

#include "nsctl/base.h"

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int) * DESCRIPTORS_MAX)];
};

ssize_t send_with_fds(int socket_fd, const void *data, size_t length, const int *fds, size_t n_fds,
		      int flags)
{
	struct iovec part = { (void *)data, length };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	size_t bytes = sizeof(int) * n_fds;
	union control control = {};
	ssize_t n;

	if (n_fds > DESCRIPTORS_MAX)
		return -E2BIG;
	if (n_fds) {
		control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(bytes),
						   .cmsg_level = SOL_SOCKET,
						   .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(&control.header), fds, bytes);
		header.msg_control = &control;
		header.msg_controllen = CMSG_SPACE(bytes);
	}
	do
		n = sendmsg(socket_fd, &header, flags | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* All that came, of which as many as there is room for are the receiver's. */
static size_t take(struct msghdr *header, int *fds, size_t max)
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++, n++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (n < max)
				fds[n] = fd;
			else
				close(fd);
		}
	}
	return n;
}

ssize_t receive_with_fds(int socket_fd, void *data, size_t length, int *fds, size_t *n_fds,
			 int flags)
{
	struct iovec part = { data, length };
	union control control = {};
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	size_t max = *n_fds, n_taken;
	ssize_t n;

	*n_fds = 0;
	if (max > DESCRIPTORS_MAX)
		return -EINVAL;
	if (max) {
		header.msg_control = &control;
		header.msg_controllen = sizeof(control);
	}
	do
		n = recvmsg(socket_fd, &header, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	n_taken = take(&header, fds, max);
	if (n_taken <= max && !(header.msg_flags & MSG_CTRUNC)) {
		*n_fds = n_taken;
		return n;
	}
	for (size_t i = 0; i < n_taken && i < max; i++)
		close(fds[i]);
	return -EBADMSG;
}
