/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lookup-cares NAME: ares_getaddrinfo(3) for any family, one address a line. */
#include <ares.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>

static int result = -1;

static void got(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
	char text[INET6_ADDRSTRLEN];

	(void)arg;
	(void)timeouts;
	result = status;
	if (status != ARES_SUCCESS) {
		fprintf(stderr, "lookup-cares: %s\n", ares_strerror(status));
		return;
	}
	for (const struct ares_addrinfo_node *i = found->nodes; i; i = i->ai_next) {
		const void *address =
			i->ai_family == AF_INET6
				? (const void *)&((const struct sockaddr_in6 *)i->ai_addr)
					  ->sin6_addr
				: (const void *)&((const struct sockaddr_in *)i->ai_addr)->sin_addr;

		puts(inet_ntop(i->ai_family, address, text, sizeof(text)));
	}
	ares_freeaddrinfo(found);
}

/* Waits for the sockets and the time that c-ares names. */
static void wait_for(ares_channel channel)
{
	ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
	struct pollfd polled[ARES_GETSOCK_MAXNUM];
	int mask = ares_getsock(channel, sockets, ARES_GETSOCK_MAXNUM), n = 0;
	struct timeval limit = { .tv_sec = 1 }, room, *left = ares_timeout(channel, &limit, &room);

	for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++)
		if (ARES_GETSOCK_READABLE(mask, i) || ARES_GETSOCK_WRITABLE(mask, i))
			polled[n++] = (struct pollfd){
				.fd = sockets[i],
				.events = (short)((ARES_GETSOCK_READABLE(mask, i) ? POLLIN : 0) |
						  (ARES_GETSOCK_WRITABLE(mask, i) ? POLLOUT : 0)),
			};
	if (poll(polled, (nfds_t)n, (int)(left->tv_sec * 1000 + left->tv_usec / 1000) + 1) == 0)
		ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	for (int i = 0; i < n; i++)
		if (polled[i].revents)
			ares_process_fd(
				channel,
				polled[i].revents & ~POLLOUT ? polled[i].fd : ARES_SOCKET_BAD,
				polled[i].revents & POLLOUT ? polled[i].fd : ARES_SOCKET_BAD);
}

int main(int argc, char **argv)
{
	const struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC };
	ares_channel channel;

	if (argc != 2 || ares_library_init(ARES_LIB_INIT_ALL) || ares_init(&channel))
		return 2;
	ares_getaddrinfo(channel, argv[1], NULL, &hints, got, NULL);
	while (result < 0)
		wait_for(channel);
	ares_destroy(channel);
	ares_library_cleanup();
	return result == ARES_SUCCESS ? 0 : 1;
}
