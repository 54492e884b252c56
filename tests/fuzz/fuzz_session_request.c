/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: the request that nsctl-session decodes as root, and a session's messages. */
#include "fuzz.h"
#include "nsctl/session.h"

/* What was accepted must come back the same way, byte for byte. */
static void check_round_trip(const struct session_request *request, const uint8_t *data,
			     size_t size)
{
	void *again = NULL;
	size_t length = 0;

	if (session_request_encode(request, &again, &length) < 0)
		return; /* more strings than a caller may send, but no more than was decoded */
	if (length != size || __builtin_memcmp(again, data, size) != 0)
		abort();
	free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct session_request request;
	struct session_message message;
	const char *text;
	size_t used = 0;
	ssize_t n;

	if (session_request_decode(data, size, &request) == 0) {
		check_round_trip(&request, data, size);
		session_request_clear(&request);
	}
	while ((n = session_message_parse(data + used, size - used, &message, &text)) > 0)
		used += n;
	return 0;
}
