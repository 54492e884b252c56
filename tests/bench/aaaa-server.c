/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aaaa-server ADDRESS [PORT]: a DNS server that costs next to nothing, so that what stands in its
 * way shows. Answers each query for A with 192.0.2.1 at once, and any other never.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, MESSAGE_MAX = 512, HEADER = 12 };

/* Turns a query into its answer where it is one for A; returns the new length or 0. */
static size_t answer(uint8_t *message, size_t length)
{
	static const uint8_t record[] = {
		0xc0, HEADER, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1
	};
	size_t at = HEADER;

	while (at < length && message[at])
		at += 1U + message[at];
	at += 5; /* the root, type, class */
	if (at > length || message[2] & 0x80 || message[at - 4] || message[at - 3] != 1)
		return 0;
	message[2] |= 0x80;
	message[3] = 0x80;
	message[7] = 1;
	memset(message + 8, 0, 4); /* without an OPT */
	memcpy(message + at, record, sizeof(record));
	return at + sizeof(record);
}

static void serve(int fd)
{
	static uint8_t buffers[BATCH][MESSAGE_MAX + 32];
	static struct sockaddr_storage peers[BATCH];
	static struct mmsghdr messages[BATCH];
	static struct iovec vectors[BATCH];

	for (;;) {
		unsigned n = 0;
		int got;

		for (int i = 0; i < BATCH; i++) {
			vectors[i] = (struct iovec){ buffers[i], MESSAGE_MAX };
			messages[i].msg_hdr = (struct msghdr){ .msg_name = &peers[i],
							       .msg_namelen = sizeof(peers[i]),
							       .msg_iov = &vectors[i],
							       .msg_iovlen = 1 };
		}
		got = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < got; i++) {
			size_t length = answer(buffers[i], messages[i].msg_len);

			if (length == 0)
				continue;
			vectors[i].iov_len = length;
			messages[n++] = messages[i];
		}
		for (unsigned done = 0; done < n;) {
			int sent = sendmmsg(fd, messages + done, n - done, 0);

			done += sent > 0 ? (unsigned)sent : 1;
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	int bytes = 4 << 20, fd;
	bool is_v4;

	if (argc < 2)
		return 2;
	v4.sin_port = v6.sin6_port = htons(argc > 2 ? (uint16_t)atoi(argv[2]) : 53);
	is_v4 = inet_pton(AF_INET, argv[1], &v4.sin_addr) == 1;
	if (!is_v4 && inet_pton(AF_INET6, argv[1], &v6.sin6_addr) != 1)
		return 2;
	fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	if (fd < 0 || bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
			   is_v4 ? sizeof(v4) : sizeof(v6)) < 0) {
		perror("aaaa-server");
		return EXIT_FAILURE;
	}
	serve(fd);
}
