/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns: a query turned into its answer, or the reason why it is none of ours. Pure. */
#pragma once

#include "domains.h"
#include "nsctl/aaaa_statistics.h"

enum {
	DNS_QTYPES_MAX = 16,
	DNS_GROWTH_MAX = 34, /* by how much an answer may be longer than its query: an SOA */
};

struct dns_policy {
	uint16_t qtypes[DNS_QTYPES_MAX];
	size_t n_qtypes;
	bool answer_dnssec;          /* also where DO is set */
	bool soa;                    /* let askers keep the answer */
	struct domains only, except; /* empty: all, none */
};

/* Makes the answer of the message in place: "the name exists, there is no such data". `room` is how
 * many bytes may be written, at least length. Returns the answer's length, or minus one and the
 * reason (enum aaaa_passed): then the message is as it was. */
ssize_t dns_answer(uint8_t *message, size_t length, size_t room, const struct dns_policy *policy,
		   enum aaaa_passed *ret_reason);
