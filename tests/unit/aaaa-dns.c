/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS bytes: which queries are answered, with what, and which are let through and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/aaaa/dns.h"

/* ---- messages ----------------------------------------------------------------------------- */

struct message {
	uint8_t bytes[1024];
	size_t length;
};

static void put(struct message *m, const void *bytes, size_t length)
{
	if (length) /* of nothing, memcpy(3) must not be given NULL */
		memcpy(m->bytes + m->length, bytes, length);
	m->length += length;
}

static void put16(struct message *m, unsigned value)
{
	put(m, (uint8_t[]){ (uint8_t)(value >> 8), (uint8_t)value }, 2);
}

static void put_name(struct message *m, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		put(m, &(uint8_t){ (uint8_t)n }, 1);
		put(m, name, n);
		name += n + (name[n] == '.');
	}
	put(m, "", 1);
}

enum { AAAA = 28, A = 1, HTTPS = 65, IN = 1, OPT = 41, TSIG = 250, SIG = 24 };

/* A query as stub resolvers send it: ID abcd, RD. */
static struct message query(const char *name, unsigned type)
{
	struct message m = {};

	put(&m, (uint8_t[]){ 0xab, 0xcd, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0 }, 12);
	put_name(&m, name);
	put16(&m, type);
	put16(&m, IN);
	return m;
}

/* An additional record with the root as its name; of an OPT "class" and TTL are other things. */
static void add_record(struct message *m, unsigned type, unsigned class, uint32_t ttl,
		       const void *data, size_t length)
{
	m->bytes[11]++;
	put(m, "", 1);
	put16(m, type);
	put16(m, class);
	put16(m, ttl >> 16);
	put16(m, ttl & 0xffff);
	put16(m, (unsigned)length);
	put(m, data, length);
}

static void add_opt(struct message *m, unsigned version, bool wants_dnssec, const void *options,
		    size_t length)
{
	add_record(m, OPT, 4096, version << 16 | (wants_dnssec ? 0x8000 : 0), options, length);
}

/* ---- what becomes of them ---------------------------------------------------------------------
 */

static const struct dns_policy plain = { .qtypes = { AAAA }, .n_qtypes = 1 };

static struct message answer_by(const struct message *asked, const struct dns_policy *policy)
{
	struct message m = *asked;
	enum aaaa_passed reason;
	ssize_t n = dns_answer(m.bytes, m.length, sizeof(m.bytes), policy, &reason);

	assert_true(n >= 12);
	m.length = (size_t)n;
	return m;
}

static struct message answer(const struct message *asked)
{
	return answer_by(asked, &plain);
}

static void passes_by(const struct message *asked, const struct dns_policy *policy,
		      enum aaaa_passed expected)
{
	struct message m = *asked;
	enum aaaa_passed reason = 99;

	assert_int_equal(dns_answer(m.bytes, m.length, sizeof(m.bytes), policy, &reason), -1);
	assert_string_equal(aaaa_passed_names[reason], aaaa_passed_names[expected]);
	assert_memory_equal(m.bytes, asked->bytes, sizeof(m.bytes));
}

static void passes(const struct message *asked, enum aaaa_passed expected)
{
	passes_by(asked, &plain, expected);
}

static size_t question_end(const struct message *m)
{
	return 12 + strlen((const char *)m->bytes + 12) + 1 + 4;
}

/* ---- answers ------------------------------------------------------------------------------- */

static void an_answer_says_no_such_data(void **state _unused_)
{
	struct message asked = query("example.org", AAAA), m = answer(&asked);

	assert_int_equal(m.length, asked.length);
	/* ID; QR, opcode 0, not AA, not TC, RD; RA, not AD, not CD, NOERROR; counts */
	assert_memory_equal(m.bytes, "\xab\xcd\x81\x80\0\1\0\0\0\0\0\0", 12);
	assert_memory_equal(m.bytes + 12, asked.bytes + 12, asked.length - 12);
}

static void the_case_of_a_name_stays(void **state _unused_)
{
	struct message asked = query("eXaMPle.OrG", AAAA), m = answer(&asked);

	assert_memory_equal(m.bytes + 12, asked.bytes + 12, asked.length - 12);
}

static void rd_and_cd_come_back_and_ad_does_not(void **state _unused_)
{
	for (unsigned flags = 0; flags < 8; flags++) {
		struct message asked = query("example.org", AAAA), m;
		unsigned rd = flags & 1, cd = flags & 2 ? 0x10 : 0, ad = flags & 4 ? 0x20 : 0;

		asked.bytes[2] = (uint8_t)rd;
		asked.bytes[3] = (uint8_t)(cd | ad);
		m = answer(&asked);
		assert_int_equal(m.bytes[2], 0x80 | rd);
		assert_int_equal(m.bytes[3], 0x80 | cd);
	}
}

static void the_root_and_the_longest_name_are_answered(void **state _unused_)
{
	struct message asked = query("", AAAA), m = answer(&asked);
	char name[256];

	assert_int_equal(m.length, 12 + 1 + 4);
	memset(name, 'a', sizeof(name)); /* 63.63.63.61: 255 bytes with lengths and root */
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';
	asked = query(name, AAAA);
	assert_int_equal(asked.length, 12 + 255 + 4);
	answer(&asked);
}

static void other_types_are_answered_where_they_are_wanted(void **state _unused_)
{
	const struct dns_policy policy = { .qtypes = { AAAA, HTTPS }, .n_qtypes = 2 };
	struct message asked = query("example.org", HTTPS);

	passes(&asked, AAAA_PASSED_TYPE);
	answer_by(&asked, &policy);
	asked = query("example.org", A);
	passes_by(&asked, &policy, AAAA_PASSED_TYPE);
}

/* ---- EDNS ---------------------------------------------------------------------------------- */

static void an_opt_is_answered_by_one_without_options(void **state _unused_)
{
	const uint8_t options[] = { 0, 3, 0, 0, 0, 8, 0, 4, 0, 1, 24, 0 }; /* NSID, ECS */
	struct message asked = query("example.org", AAAA), m;
	size_t end = question_end(&asked);

	add_opt(&asked, 0, false, options, sizeof(options));
	m = answer(&asked);
	assert_int_equal(m.length, end + 11);
	assert_int_equal(m.bytes[11], 1);
	assert_memory_equal(m.bytes + end, "\0\0\x29\x04\xd0\0\0\0\0\0\0", 11);
}

static void dnssec_is_let_through_or_answered_as_it_was_asked(void **state _unused_)
{
	const struct dns_policy policy = { .qtypes = { AAAA },
					   .n_qtypes = 1,
					   .answer_dnssec = true };
	struct message asked = query("example.org", AAAA), m;
	size_t end = question_end(&asked);

	add_opt(&asked, 0, true, NULL, 0);
	passes(&asked, AAAA_PASSED_DNSSEC);
	m = answer_by(&asked, &policy);
	assert_memory_equal(m.bytes + end, "\0\0\x29\x04\xd0\0\0\x80\0\0\0", 11);
}

/* A COOKIE option of this many bytes among others. */
static struct message with_cookie(size_t length)
{
	struct message asked = query("example.org", AAAA);
	uint8_t options[128] = { 0, 3, 0, 0, 0, 10, 0, (uint8_t)length };

	for (size_t i = 0; i < length; i++)
		options[8 + i] = (uint8_t)(i + 1);
	memcpy(options + 8 + length, "\0\x0c\0\2\0\0", 6); /* padding */
	add_opt(&asked, 0, false, options, 8 + length + 6);
	return asked;
}

static void a_cookie_that_a_server_gave_comes_back(void **state _unused_)
{
	const size_t full[] = { 16, 24, 40 }, wrong[] = { 0, 7, 9, 15, 41 };
	const size_t *length;

	ARRAY_FOREACH(length, full) {
		struct message asked = with_cookie(*length), m = answer(&asked);
		size_t end = question_end(&asked);

		assert_int_equal(m.length, end + 11 + 4 + *length);
		assert_int_equal(m.bytes[end + 10], 4 + *length);
		assert_memory_equal(m.bytes + end + 11, asked.bytes + end + 11 + 4, 4 + *length);
	}
	ARRAY_FOREACH(length, wrong) {
		struct message asked = with_cookie(*length);

		passes(&asked, AAAA_PASSED_MALFORMED);
	}
}

static void a_clients_cookie_alone_asks_for_nothing(void **state _unused_)
{
	struct message asked = with_cookie(8), m = answer(&asked);

	assert_int_equal(m.length, question_end(&asked) + 11);
}

static void later_versions_and_two_opts_are_let_through(void **state _unused_)
{
	struct message asked = query("example.org", AAAA);

	add_opt(&asked, 1, false, NULL, 0);
	passes(&asked, AAAA_PASSED_EDNS);
	asked = query("example.org", AAAA);
	add_opt(&asked, 0, false, NULL, 0);
	add_opt(&asked, 0, false, NULL, 0);
	passes(&asked, AAAA_PASSED_EDNS);
}

static void an_opt_that_is_not_whole_is_let_through(void **state _unused_)
{
	const uint8_t cut[] = { 0, 3, 0, 9, 1 }, stub[] = { 0, 3, 0 };
	struct message asked = query("example.org", AAAA), shorter;

	add_opt(&asked, 0, false, cut, sizeof(cut));
	passes(&asked, AAAA_PASSED_MALFORMED);
	asked = query("example.org", AAAA);
	add_opt(&asked, 0, false, stub, sizeof(stub));
	passes(&asked, AAAA_PASSED_MALFORMED);
	asked = query("example.org", AAAA);
	add_opt(&asked, 0, false, "\0\3\0\0", 4);
	for (size_t i = 1; i <= 15; i++) {
		shorter = asked;
		shorter.length -= i;
		passes(&shorter, AAAA_PASSED_MALFORMED);
	}
}

static void the_opts_name_is_the_root(void **state _unused_)
{
	struct message asked = query("example.org", AAAA);
	size_t end = asked.length;

	asked.bytes[11] = 1;
	put_name(&asked, "x");
	put(&asked, "\0\x29\x10\0\0\0\0\0\0\0", 10);
	assert_int_equal(asked.length, end + 13);
	passes(&asked, AAAA_PASSED_MALFORMED);
}

static void signed_queries_are_let_through(void **state _unused_)
{
	const unsigned types[] = { TSIG, SIG };
	const unsigned *type;

	ARRAY_FOREACH(type, types) {
		struct message asked = query("example.org", AAAA);

		add_record(&asked, *type, 255, 0, "key", 3);
		passes(&asked, AAAA_PASSED_SIGNED);
		asked = query("example.org", AAAA);
		add_opt(&asked, 0, false, NULL, 0);
		add_record(&asked, *type, 255, 0, "key", 3);
		passes(&asked, AAAA_PASSED_SIGNED);
	}
	/* with a name, as TSIG has; also one that is a pointer */
	{
		struct message asked = query("example.org", AAAA);

		asked.bytes[11] = 1;
		put(&asked, "\3key\xc0\x0c\0\xfa\0\xff\0\0\0\0\0\0", 16);
		passes(&asked, AAAA_PASSED_SIGNED);
	}
}

/* ---- an SOA -------------------------------------------------------------------------------- */

static void an_soa_lets_askers_keep_the_answer_for_a_minute(void **state _unused_)
{
	const struct dns_policy policy = { .qtypes = { AAAA }, .n_qtypes = 1, .soa = true };
	struct message asked = query("example.org", AAAA), m = answer_by(&asked, &policy);
	const uint8_t *soa = m.bytes + asked.length;

	assert_int_equal(m.length, asked.length + 34);
	assert_memory_equal(m.bytes + 4, "\0\1\0\0\0\1\0\0", 8);
	/* the question's name, SOA, IN, 60 s, 22 bytes, two roots ... and 60 at the end */
	assert_memory_equal(soa, "\xc0\x0c\0\6\0\1\0\0\0\x3c\0\x16\0\0", 14);
	assert_memory_equal(soa + 30, "\0\0\0\x3c", 4);
}

static void an_soa_stands_before_the_opt(void **state _unused_)
{
	const struct dns_policy policy = { .qtypes = { AAAA }, .n_qtypes = 1, .soa = true };
	struct message asked = with_cookie(24), m = answer_by(&asked, &policy);
	size_t end = question_end(&asked);

	assert_int_equal(m.length, end + 34 + 11 + 28);
	assert_memory_equal(m.bytes + 4, "\0\1\0\0\0\1\0\1", 8);
	assert_memory_equal(m.bytes + end + 34, "\0\0\x29\x04\xd0\0\0\0\0\0\x1c\0\x0a\0\x18\1\2\3",
			    18);
}

static void without_room_for_the_soa_it_is_let_through(void **state _unused_)
{
	const struct dns_policy policy = { .qtypes = { AAAA }, .n_qtypes = 1, .soa = true };
	struct message asked = query("example.org", AAAA);
	enum aaaa_passed reason;

	assert_int_equal(dns_answer(asked.bytes, asked.length, asked.length + 33, &policy, &reason),
			 -1);
	assert_true(dns_answer(asked.bytes, asked.length, asked.length + 34, &policy, &reason) > 0);
}

/* ---- what is none of ours ------------------------------------------------------------------ */

static void answers_are_never_answered(void **state _unused_)
{
	struct message asked = query("example.org", AAAA), m = answer(&asked);

	passes(&m, AAAA_PASSED_RESPONSE);
}

static void opcodes_but_query_are_let_through(void **state _unused_)
{
	for (unsigned opcode = 1; opcode < 16; opcode++) {
		struct message asked = query("example.org", AAAA);

		asked.bytes[2] |= (uint8_t)(opcode << 3);
		passes(&asked, AAAA_PASSED_OPCODE);
	}
}

static void a_truncated_query_is_let_through(void **state _unused_)
{
	struct message asked = query("example.org", AAAA);

	asked.bytes[2] |= 2;
	passes(&asked, AAAA_PASSED_MALFORMED);
}

static void other_counts_are_let_through(void **state _unused_)
{
	static const struct {
		size_t at;
		uint8_t value;
	} counts[] = { { 5, 0 }, { 5, 2 }, { 4, 1 }, { 7, 1 }, { 6, 1 }, { 9, 1 }, { 8, 1 } };

	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct message asked = query("example.org", AAAA);

		asked.bytes[counts[i].at] = counts[i].value;
		passes(&asked, AAAA_PASSED_COUNTS);
	}
	{
		struct message asked = query("example.org", AAAA);

		add_record(&asked, A, IN, 0, "\x7f\0\0\1", 4);
		passes(&asked, AAAA_PASSED_COUNTS);
	}
}

static void classes_but_in_are_let_through(void **state _unused_)
{
	const unsigned classes[] = { 0, 3, 4, 254, 255, 0x8001, 0x100 };
	const unsigned *class;

	ARRAY_FOREACH(class, classes) {
		struct message asked = query("example.org", AAAA);

		asked.length -= 2;
		put16(&asked, *class);
		passes(&asked, AAAA_PASSED_CLASS);
	}
}

static void names_that_are_none_are_let_through(void **state _unused_)
{
	struct message asked = query("example.org", AAAA);
	char name[300];

	asked.bytes[12] = 0xc0; /* a pointer, RFC 1035, 4.1.4 */
	passes(&asked, AAAA_PASSED_NAME);
	asked.bytes[12] = 0x41; /* RFC 2673's bit labels, and what was never given */
	passes(&asked, AAAA_PASSED_NAME);
	asked.bytes[12] = 0x80;
	passes(&asked, AAAA_PASSED_NAME);
	asked.bytes[12] = 63; /* past the end */
	passes(&asked, AAAA_PASSED_NAME);
	memset(name, 'a', sizeof(name)); /* 256 bytes */
	name[63] = name[127] = name[191] = '.';
	name[254] = '\0';
	asked = query(name, AAAA);
	assert_int_equal(asked.length, 12 + 256 + 4);
	passes(&asked, AAAA_PASSED_NAME);
}

static void what_is_cut_off_is_let_through_wherever_it_is(void **state _unused_)
{
	struct message whole = query("example.org", AAAA);

	for (size_t length = 0; length < whole.length; length++) {
		struct message asked = whole;
		uint8_t *exact = malloc(length ? length : 1);
		enum aaaa_passed reason;

		asked.length = length;
		passes(&asked, length < 12                 ? AAAA_PASSED_MALFORMED
			       : length < whole.length - 4 ? AAAA_PASSED_NAME
							   : AAAA_PASSED_MALFORMED);
		/* and nothing behind it is read */
		memcpy(exact, whole.bytes, length);
		assert_int_equal(dns_answer(exact, length, length, &plain, &reason), -1);
		free(exact);
	}
}

static void bytes_behind_the_end_are_let_through(void **state _unused_)
{
	struct message asked = query("example.org", AAAA);

	put(&asked, "", 1);
	passes(&asked, AAAA_PASSED_MALFORMED);
	asked = query("example.org", AAAA);
	add_opt(&asked, 0, false, NULL, 0);
	put(&asked, "", 1);
	passes(&asked, AAAA_PASSED_MALFORMED);
}

/* ---- domains ------------------------------------------------------------------------------- */

static void only_and_except_go_by_whole_labels(void **state _unused_)
{
	static const struct {
		const char *name;
		bool answered;
	} cases[] = {
		{ "example.org", true },
		{ "a.b.example.org", true },
		{ "EXAMPLE.org", true },
		{ "lab.example.org", false },
		{ "x.Lab.Example.Org", false },
		{ "notlab.example.org", true },
		{ "badexample.org", false },
		{ "org", false },
		{ "", false },
		{ "example.org.evil.net", false },
		{ "host.corp", true },
	};
	struct dns_policy policy = plain;

	assert_int_equal(domains_add(&policy.only, "example.org"), 0);
	assert_int_equal(domains_add(&policy.only, "Corp."), 0);
	assert_int_equal(domains_add(&policy.except, "lab.EXAMPLE.org"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct message asked = query(cases[i].name, AAAA);

		if (cases[i].answered)
			answer_by(&asked, &policy);
		else
			passes_by(&asked, &policy, AAAA_PASSED_DOMAIN);
	}
	domains_clear(&policy.only);
	domains_clear(&policy.except);
}

static void a_set_of_domains_holds_each_of_many(void **state _unused_)
{
	struct domains domains = {};
	char text[64];

	for (int i = 0; i < 1000; i++) {
		snprintf(text, sizeof(text), "d%d.example", i);
		assert_int_equal(domains_add(&domains, text), 0);
		assert_int_equal(domains_add(&domains, text), 0); /* twice is once */
	}
	assert_int_equal(domains.count, 1000);
	for (int i = 0; i < 1100; i++) {
		struct message name = {};

		snprintf(text, sizeof(text), "www.d%d.example", i);
		put_name(&name, text);
		assert_int_equal(domains_hold(&domains, name.bytes), i < 1000);
	}
	domains_clear(&domains);
}

static void the_root_holds_all_and_an_empty_set_nothing(void **state _unused_)
{
	struct domains domains = {};

	assert_false(domains_hold(&domains, (const uint8_t *)"\3org"));
	assert_int_equal(domains_add(&domains, "."), 0);
	assert_true(domains_hold(&domains, (const uint8_t *)"\3org"));
	assert_true(domains_hold(&domains, (const uint8_t *)""));
	domains_clear(&domains);
}

static void what_is_no_domain_is_refused(void **state _unused_)
{
	static const char *const wrong[] = {
		"",      "..",
		".org",  "a..b",
		"a.b..", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.org",
	};
	struct domains domains = {};
	char text[300];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(domains_add(&domains, wrong[i]), -EINVAL);
	memset(text, 'a', sizeof(text));
	for (size_t i = 1; i < 254; i += 2)
		text[i] = '.';
	text[253] = '\0';
	assert_int_equal(domains_add(&domains, text), 0); /* 127 labels, 255 bytes */
	text[253] = '.';
	text[254] = 'a';
	text[255] = '\0';
	assert_int_equal(domains_add(&domains, text), -EINVAL);
	domains_clear(&domains);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_says_no_such_data),
		cmocka_unit_test(the_case_of_a_name_stays),
		cmocka_unit_test(rd_and_cd_come_back_and_ad_does_not),
		cmocka_unit_test(the_root_and_the_longest_name_are_answered),
		cmocka_unit_test(other_types_are_answered_where_they_are_wanted),
		cmocka_unit_test(an_opt_is_answered_by_one_without_options),
		cmocka_unit_test(dnssec_is_let_through_or_answered_as_it_was_asked),
		cmocka_unit_test(a_cookie_that_a_server_gave_comes_back),
		cmocka_unit_test(a_clients_cookie_alone_asks_for_nothing),
		cmocka_unit_test(later_versions_and_two_opts_are_let_through),
		cmocka_unit_test(an_opt_that_is_not_whole_is_let_through),
		cmocka_unit_test(the_opts_name_is_the_root),
		cmocka_unit_test(signed_queries_are_let_through),
		cmocka_unit_test(an_soa_lets_askers_keep_the_answer_for_a_minute),
		cmocka_unit_test(an_soa_stands_before_the_opt),
		cmocka_unit_test(without_room_for_the_soa_it_is_let_through),
		cmocka_unit_test(answers_are_never_answered),
		cmocka_unit_test(opcodes_but_query_are_let_through),
		cmocka_unit_test(a_truncated_query_is_let_through),
		cmocka_unit_test(other_counts_are_let_through),
		cmocka_unit_test(classes_but_in_are_let_through),
		cmocka_unit_test(names_that_are_none_are_let_through),
		cmocka_unit_test(what_is_cut_off_is_let_through_wherever_it_is),
		cmocka_unit_test(bytes_behind_the_end_are_let_through),
		cmocka_unit_test(only_and_except_go_by_whole_labels),
		cmocka_unit_test(a_set_of_domains_holds_each_of_many),
		cmocka_unit_test(the_root_holds_all_and_an_empty_set_nothing),
		cmocka_unit_test(what_is_no_domain_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
