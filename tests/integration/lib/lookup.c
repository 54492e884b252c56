/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lookup NAME: getaddrinfo(3) for any family, one address a line. For C libraries but the system's.
 */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>

int main(int argc, char **argv)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char text[INET6_ADDRSTRLEN];
	int r = argc == 2 ? getaddrinfo(argv[1], NULL, &hints, &found) : EAI_FAIL;

	if (r != 0) {
		fprintf(stderr, "lookup: %s\n", gai_strerror(r));
		return 1;
	}
	for (const struct addrinfo *i = found; i; i = i->ai_next) {
		const void *address =
			i->ai_family == AF_INET6
				? (const void *)&((const struct sockaddr_in6 *)i->ai_addr)
					  ->sin6_addr
				: (const void *)&((const struct sockaddr_in *)i->ai_addr)->sin_addr;

		puts(inet_ntop(i->ai_family, address, text, sizeof(text)));
	}
	freeaddrinfo(found);
	return 0;
}
