/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dns: a query turned into its answer, or the reason why it is none of ours. Pure. */
#pragma once

#include "nsctl/aaaa_statistics.h"

struct dns_policy {
	uint16_t qtypes[16];
	size_t n_qtypes;
	bool answer_dnssec; /* also where DO is set */
};

/* Makes the answer of the message in place: "the name exists, there is no such data". Returns its
 * length, at most the message's, or minus one and the reason (enum aaaa_passed): the message is
 * as it was. */
ssize_t dns_answer(uint8_t *message, size_t length, const struct dns_policy *policy,
		   enum aaaa_passed *ret_reason);
