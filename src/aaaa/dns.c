/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The DNS bytes (RFC 1035, section 4.1; RFC 6891, section 6.1).
 *
 * The answer is the query with its header changed: QR set, ID, opcode, RD and CD as they were
 * (RFC 1035, 4.1.1; RFC 4035, 3.2.2), RA set, for glibc takes an empty answer without RA and AA for
 * a lame server's; NOERROR without records, "no such data" (RFC 2308, 2.2; RFC 4074), never
 * NXDOMAIN, which would deny A as well. The question stays byte for byte, case included. An OPT is
 * answered by one of version 0 (RFC 6891, 6.1.1), DO as it was (RFC 3225, 3).
 */
#include <string.h>

#include "dns.h"

enum {
	HEADER = 12,
	FLAG_QR = 0x80,
	FLAG_RD = 0x01,
	OPCODE = 0x78,
	FLAG_RA = 0x80,
	FLAG_CD = 0x10,
	LABEL_MAX = 63,
	NAME_MAX_BYTES = 255,
	CLASS_IN = 1,
	TYPE_OPT = 41,
	TYPE_TSIG = 250,
	OPT_HEAD = 11, /* root, type, class, TTL, length */
	OUR_UDP_SIZE = 1232,
};

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Behind the question's name, or 0. */
static size_t skip_name(const uint8_t *message, size_t length)
{
	size_t at = HEADER;

	while (at < length && message[at] > 0) {
		if (message[at] > LABEL_MAX)
			return 0;
		at += 1U + message[at];
	}
	return at < length && at + 1 - HEADER <= NAME_MAX_BYTES ? at + 1 : 0;
}

static int check_header(const uint8_t *message)
{
	if (message[2] & FLAG_QR)
		return AAAA_PASSED_RESPONSE;
	if (message[2] & OPCODE)
		return AAAA_PASSED_OPCODE;
	if (get16(message + 4) != 1 || get16(message + 6) != 0 || get16(message + 8) != 0 ||
	    get16(message + 10) > 1)
		return AAAA_PASSED_COUNTS;
	return -1;
}

/* The one additional record, from `at` to the end: an OPT that we may answer. */
static int check_additional(const uint8_t *message, size_t length, size_t at, bool answer_dnssec)
{
	const uint8_t *opt = message + at;

	if (length - at < OPT_HEAD)
		return AAAA_PASSED_MALFORMED;
	if (get16(opt + 1) == TYPE_TSIG || opt[0] != 0)
		return AAAA_PASSED_SIGNED;
	if (get16(opt + 1) != TYPE_OPT)
		return AAAA_PASSED_COUNTS;
	if (opt[5] != 0 || opt[6] != 0)
		return AAAA_PASSED_EDNS;
	if (opt[7] & 0x80 && !answer_dnssec)
		return AAAA_PASSED_DNSSEC;
	return get16(opt + 9) == length - at - OPT_HEAD ? -1 : AAAA_PASSED_MALFORMED;
}

static bool wanted_type(const struct dns_policy *policy, unsigned type)
{
	for (size_t i = 0; i < policy->n_qtypes; i++)
		if (policy->qtypes[i] == type)
			return true;
	return false;
}

/* Where the question ends; 0 and a reason otherwise. */
static size_t check(const uint8_t *message, size_t length, const struct dns_policy *policy,
		    int *ret_reason)
{
	size_t end;

	*ret_reason = length < HEADER ? AAAA_PASSED_MALFORMED : check_header(message);
	if (*ret_reason >= 0)
		return 0;
	end = skip_name(message, length);
	if (end == 0 || length - end < 4) {
		*ret_reason = AAAA_PASSED_NAME;
		return 0;
	}
	if (!wanted_type(policy, get16(message + end)))
		*ret_reason = AAAA_PASSED_TYPE;
	else if (get16(message + end + 2) != CLASS_IN)
		*ret_reason = AAAA_PASSED_CLASS;
	else if (get16(message + 10) == 1)
		*ret_reason = check_additional(message, length, end + 4, policy->answer_dnssec);
	else if (length != end + 4)
		*ret_reason = AAAA_PASSED_MALFORMED;
	return *ret_reason >= 0 ? 0 : end + 4;
}

ssize_t dns_answer(uint8_t *message, size_t length, const struct dns_policy *policy,
		   enum aaaa_passed *ret_reason)
{
	int reason;
	size_t end = check(message, length, policy, &reason);
	uint8_t *opt = message + end;

	if (end == 0) {
		*ret_reason = (enum aaaa_passed)reason;
		return -1;
	}
	message[2] = FLAG_QR | (message[2] & FLAG_RD);
	message[3] = FLAG_RA | (message[3] & FLAG_CD);
	if (message[11] == 0)
		return (ssize_t)end;
	opt[3] = OUR_UDP_SIZE >> 8;
	opt[4] = OUR_UDP_SIZE & 0xff;
	opt[7] &= 0x80;
	opt[8] = 0;
	opt[9] = opt[10] = 0; /* options are each an agreement of its own: none of ours */
	return (ssize_t)end + OPT_HEAD;
}
