/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Netlink messages of a thread that is stopped at a system call. A message is spoilt by a type that
 * the kernel does not know: so it is the kernel that answers with an error, aborts the batch, and
 * goes on or not, as it does for an error of its own; only the number of the error is changed.
 */
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "inject.h"

#define BUFFER_MAX (256 << 10)

static char buffer[BUFFER_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));

static bool get(pid_t tid, uint64_t address, void *to, size_t length)
{
	struct iovec ours = { to, length }, theirs = { (void *)(uintptr_t)address, length };

	return process_vm_readv(tid, &ours, 1, &theirs, 1, 0) == (ssize_t)length;
}

static void put(pid_t tid, uint64_t address, const void *from, size_t length)
{
	struct iovec ours = { (void *)from, length },
		     theirs = { (void *)(uintptr_t)address, length };

	process_vm_writev(tid, &ours, 1, &theirs, 1, 0);
}

/* The netlink protocol of the thread's descriptor, or -1. */
static int protocol_of(pid_t tid, int fd)
{
	int domain = 0, protocol = -1, copy, pidfd = syscall(SYS_pidfd_open, tid, 0);
	socklen_t length = sizeof(int);

	if (pidfd < 0) /* a thread that is not its process: its descriptors are its process's */
		return -1;
	copy = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	close(pidfd);
	if (copy < 0)
		return -1;
	if (getsockopt(copy, SOL_SOCKET, SO_DOMAIN, &domain, &length) < 0 || domain != AF_NETLINK ||
	    getsockopt(copy, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) < 0)
		protocol = -1;
	close(copy);
	return protocol;
}

/* Where the data of a call that sends or receives is, and how much fits. */
static bool data_of(pid_t tid, int number, const uint64_t arguments[6], uint64_t *ret_address,
		    size_t *ret_length)
{
	struct msghdr header;
	struct iovec iov;

	if (number == SYS_sendto || number == SYS_recvfrom) {
		*ret_address = arguments[1];
		*ret_length = arguments[2];
		return true;
	}
	if (number != SYS_sendmsg && number != SYS_recvmsg)
		return false;
	if (!get(tid, arguments[1], &header, sizeof(header)) || header.msg_iovlen != 1 ||
	    !get(tid, (uintptr_t)header.msg_iov, &iov, sizeof(iov)))
		return false;
	*ret_address = (uintptr_t)iov.iov_base;
	*ret_length = iov.iov_len;
	return true;
}

/* The ends of a batch are no messages of their own (and have the numbers of others' types). */
static bool counts(int protocol, const struct nlmsghdr *h, int type)
{
	return (protocol != NETLINK_NETFILTER ||
		(h->nlmsg_type != NFNL_MSG_BATCH_BEGIN && h->nlmsg_type != NFNL_MSG_BATCH_END)) &&
	       (!type || h->nlmsg_type == type);
}

static uint16_t unknown_type(int protocol)
{
	return protocol == NETLINK_NETFILTER ? NFNL_SUBSYS_NFTABLES << 8 | 0xff : 0x7fff;
}

size_t netlink_sent(pid_t tid, int number, const uint64_t arguments[6], int type, ssize_t spoil,
		    uint32_t *ret_sequence)
{
	uint64_t address;
	size_t length, left, count = 0;
	int protocol;

	if ((number != SYS_sendto && number != SYS_sendmsg) ||
	    !data_of(tid, number, arguments, &address, &length) || length > BUFFER_MAX)
		return 0;
	protocol = protocol_of(tid, arguments[0]);
	if (protocol < 0 || !get(tid, address, buffer, length))
		return 0;
	left = length;
	for (struct nlmsghdr *h = (struct nlmsghdr *)buffer; NLMSG_OK(h, left);
	     h = NLMSG_NEXT(h, left)) {
		if (!counts(protocol, h, type))
			continue;
		if (spoil == (ssize_t)count) {
			h->nlmsg_type = unknown_type(protocol);
			*ret_sequence = h->nlmsg_seq;
			put(tid, address, buffer, length);
		}
		count++;
	}
	return count;
}

bool netlink_answered(pid_t tid, int number, const uint64_t arguments[6], int64_t length,
		      uint32_t sequence, int error)
{
	uint64_t address;
	size_t room, left;
	bool found = false;

	if ((number != SYS_recvfrom && number != SYS_recvmsg) || length <= 0 ||
	    length > BUFFER_MAX || !data_of(tid, number, arguments, &address, &room) ||
	    (size_t)length > room || protocol_of(tid, arguments[0]) < 0 ||
	    !get(tid, address, buffer, length))
		return false;
	left = length;
	for (struct nlmsghdr *h = (struct nlmsghdr *)buffer; NLMSG_OK(h, left);
	     h = NLMSG_NEXT(h, left)) {
		struct nlmsgerr *answer = NLMSG_DATA(h);

		if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_seq != sequence ||
		    h->nlmsg_len < NLMSG_LENGTH(sizeof(answer->error)) || !answer->error)
			continue;
		answer->error = -error;
		found = true;
	}
	if (found)
		put(tid, address, buffer, length);
	return found;
}
