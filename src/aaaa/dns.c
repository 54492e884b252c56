/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The DNS bytes (RFC 1035, section 4.1; RFC 6891, section 6.1).
 *
 * The answer is the query with its header changed: QR set, ID, opcode, RD and CD as they were
 * (RFC 1035, 4.1.1; RFC 4035, 3.2.2), RA set, for glibc takes an empty answer without RA and AA for
 * a lame server's; AA and AD clear, for nobody authoritative or validating has spoken. NOERROR
 * without records is "no such data" (RFC 2308, 2.2); RFC 4074, section 4, tells what becomes of
 * those who answer AAAA otherwise, and NXDOMAIN would deny A as well. The question stays byte for
 * byte, case included. RFC 8482, section 4, allows the like for a type nobody asked about; here it
 * is the administrator who says so.
 *
 * With an SOA, askers may keep the answer for as long as the SOA says (RFC 2308, section 5). We do
 * not know the zone: the SOA is that of the very name, the smallest claim that can be made.
 *
 * An OPT is answered by one of version 0 (RFC 6891, 6.1.1 and 7), DO as it was (RFC 3225, 3).
 * Options need no answer by who does not know them (RFC 6891, 6.1.2), but for one: a client that
 * has learned a server's cookie throws away answers without it (RFC 7873, 5.3), so a COOKIE with a
 * server's part goes back as it came. It proves what it is to prove, that we saw the query.
 */
#include "dns.h"

#include <string.h>

enum {
	HEADER = 12,
	FLAG_QR = 0x80,
	OPCODE = 0x78,
	FLAG_TC = 0x02,
	FLAG_RD = 0x01,
	FLAG_RA = 0x80,
	FLAG_CD = 0x10,
	LABEL_MAX = 63,
	NAME_MAX_BYTES = 255,
	POINTER = 0xc0,
	CLASS_IN = 1,
	TYPE_SOA = 6,
	TYPE_SIG = 24, /* SIG(0), RFC 2931 */
	TYPE_OPT = 41,
	TYPE_TSIG = 250,
	RECORD_HEAD = 10, /* type, class, TTL, length, behind the name */
	OPT_HEAD = 1 + RECORD_HEAD,
	OPTION_HEAD = 4,
	OPTION_COOKIE = 10,
	COOKIE_CLIENT = 8, /* RFC 7873, 4: the client's part; with the server's 16 to 40 */
	COOKIE_FULL_MIN = 16,
	COOKIE_FULL_MAX = 40,
	OUR_UDP_SIZE = 1232,
	DO_FLAG = 0x80,
};

/* What of the query comes back. */
struct query {
	size_t question_end;
	size_t opt;    /* where the OPT begins, 0: there is none */
	size_t cookie; /* where a full COOKIE begins, 0: there is none */
	size_t cookie_length;
};

static unsigned get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, unsigned value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

/* ---- the question ------------------------------------------------------------------------ */

/* Behind the question's name, or 0: compressed, of odd labels (RFC 6891, 5), too long, cut off. */
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
	if (message[2] & FLAG_TC)
		return AAAA_PASSED_MALFORMED;
	if (get16(message + 4) != 1 || get16(message + 6) != 0 || get16(message + 8) != 0)
		return AAAA_PASSED_COUNTS;
	return -1;
}

static bool wanted_type(const struct dns_policy *policy, unsigned type)
{
	for (size_t i = 0; i < policy->n_qtypes; i++)
		if (policy->qtypes[i] == type)
			return true;
	return false;
}

static int check_question(const uint8_t *message, size_t length, const struct dns_policy *policy,
			  struct query *query)
{
	size_t end = skip_name(message, length);

	if (end == 0)
		return AAAA_PASSED_NAME;
	if (length - end < 4)
		return AAAA_PASSED_MALFORMED;
	if (!wanted_type(policy, get16(message + end)))
		return AAAA_PASSED_TYPE;
	if (get16(message + end + 2) != CLASS_IN)
		return AAAA_PASSED_CLASS;
	if ((policy->only.count && !domains_hold(&policy->only, message + HEADER)) ||
	    (policy->except.count && domains_hold(&policy->except, message + HEADER)))
		return AAAA_PASSED_DOMAIN;
	query->question_end = end + 4;
	return -1;
}

/* ---- additional records ------------------------------------------------------------------ */

/* The options of an OPT, `length` bytes at `at`. */
static int check_options(const uint8_t *message, size_t at, size_t length, struct query *query)
{
	size_t end = at + length;

	while (at < end) {
		size_t option_length;

		if (end - at < OPTION_HEAD)
			return AAAA_PASSED_MALFORMED;
		option_length = get16(message + at + 2);
		if (option_length > end - at - OPTION_HEAD)
			return AAAA_PASSED_MALFORMED;
		if (get16(message + at) == OPTION_COOKIE) {
			if (query->cookie || option_length < COOKIE_CLIENT ||
			    option_length > COOKIE_FULL_MAX ||
			    (option_length > COOKIE_CLIENT && option_length < COOKIE_FULL_MIN))
				return AAAA_PASSED_MALFORMED; /* the server's to refuse */
			if (option_length >= COOKIE_FULL_MIN) {
				query->cookie = at;
				query->cookie_length = OPTION_HEAD + option_length;
			}
		}
		at += OPTION_HEAD + option_length;
	}
	return -1;
}

static int check_opt(const uint8_t *message, size_t at, const struct dns_policy *policy,
		     struct query *query)
{
	const uint8_t *opt = message + at;

	if (query->opt || opt[6] != 0) /* RFC 6891, 6.1.1 and 6.1.3 */
		return AAAA_PASSED_EDNS;
	if (opt[7] & DO_FLAG && !policy->answer_dnssec)
		return AAAA_PASSED_DNSSEC;
	query->opt = at;
	return check_options(message, at + OPT_HEAD, get16(opt + 9), query);
}

/* One record at `at`, which moves behind it. */
static int check_record(const uint8_t *message, size_t length, size_t *at,
			const struct dns_policy *policy, struct query *query)
{
	size_t start = *at, name = start, data;
	unsigned type;

	while (name < length && message[name] > 0 && message[name] <= LABEL_MAX)
		name += 1U + message[name];
	if (name < length && message[name] > 0) {
		if (message[name] < POINTER)
			return AAAA_PASSED_MALFORMED;
		name++; /* the second half of a pointer ends a name too */
	}
	if (name >= length || length - name - 1 < RECORD_HEAD)
		return AAAA_PASSED_MALFORMED;
	type = get16(message + name + 1);
	data = get16(message + name + 9);
	if (length - name - 1 - RECORD_HEAD < data)
		return AAAA_PASSED_MALFORMED;
	*at = name + 1 + RECORD_HEAD + data;
	if (type == TYPE_TSIG || type == TYPE_SIG)
		return AAAA_PASSED_SIGNED;
	if (type != TYPE_OPT)
		return AAAA_PASSED_COUNTS;
	/* RFC 6891, 6.1.2: its name is the root */
	return name == start ? check_opt(message, start, policy, query) : AAAA_PASSED_MALFORMED;
}

/* -1, or the reason to let it through. */
static int check(const uint8_t *message, size_t length, const struct dns_policy *policy,
		 struct query *query)
{
	int reason = length < HEADER ? AAAA_PASSED_MALFORMED : check_header(message);
	size_t at;

	if (reason < 0)
		reason = check_question(message, length, policy, query);
	if (reason >= 0)
		return reason;
	at = query->question_end;
	for (unsigned n = get16(message + 10); n > 0; n--) {
		reason = check_record(message, length, &at, policy, query);
		if (reason >= 0)
			return reason;
	}
	return at == length ? -1 : AAAA_PASSED_MALFORMED;
}

/* ---- the answer -------------------------------------------------------------------------- */

/* RFC 1035, 3.3.13, at the end of the question: no primary and no mailbox, both the root. Its TTL
 * and its minimum, the smaller of which counts (RFC 2308, 5), are a minute. */
static size_t put_soa(uint8_t *at)
{
	static const uint8_t soa[DNS_GROWTH_MAX] = {
		POINTER, HEADER, 0,    TYPE_SOA, 0, CLASS_IN, /* of the question's name */
		0,       0,      0,    60,       0, 22,       /* TTL, length */
		0,       0,                                   /* MNAME, RNAME */
		0,       0,      0,    1,                     /* serial */
		0,       0,      0x0e, 0x10,                  /* refresh: an hour */
		0,       0,      0x02, 0x58,                  /* retry: ten minutes */
		0,       0x01,   0x51, 0x80,                  /* expire: a day */
		0,       0,      0,    60,                    /* minimum */
	};

	memcpy(at, soa, sizeof(soa));
	return sizeof(soa);
}

/* The OPT at its place already: what it says becomes ours. Returns its length. */
static size_t turn_opt(uint8_t *opt, const uint8_t *cookie, size_t cookie_length)
{
	put16(opt + 3, OUR_UDP_SIZE);
	opt[5] = 0; /* the upper bits of RCODE */
	opt[7] &= DO_FLAG;
	opt[8] = 0;
	put16(opt + 9, (unsigned)cookie_length);
	if (cookie_length)
		memmove(opt + OPT_HEAD, cookie, cookie_length);
	return OPT_HEAD + cookie_length;
}

ssize_t dns_answer(uint8_t *message, size_t length, size_t room, const struct dns_policy *policy,
		   enum aaaa_passed *ret_reason)
{
	struct query query = {};
	int reason = check(message, length, policy, &query);
	size_t grown = policy->soa ? DNS_GROWTH_MAX : 0, end;

	if (reason < 0 && length + grown > room)
		reason = AAAA_PASSED_MALFORMED;
	if (reason >= 0) {
		*ret_reason = (enum aaaa_passed)reason;
		return -1;
	}
	message[2] = FLAG_QR | (message[2] & FLAG_RD);
	message[3] = FLAG_RA | (message[3] & FLAG_CD);
	end = query.question_end;
	if (query.opt && grown) {
		memmove(message + query.opt + grown, message + query.opt, length - query.opt);
		query.cookie += grown;
	}
	if (grown) {
		message[9] = 1;
		end += put_soa(message + end);
	}
	if (query.opt)
		end += turn_opt(message + end, message + query.cookie, query.cookie_length);
	return (ssize_t)end;
}
