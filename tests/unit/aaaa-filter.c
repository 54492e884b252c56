/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program that finds queries, run by the kernel: at a socket, on packets that are written into
 * it. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../src/aaaa/filter.h"
#include "unit.h"

enum { A = 1, AAAA = 28, HTTPS = 65, IN = 1, CHAOS = 3, V4 = 28, V6 = 48, DNS_HEADER = 12 };

struct bytes {
	uint8_t b[512];
	size_t length;
};

/* A packet with a question; `name` as it is on the wire, with the zero at its end. */
static struct bytes packet(size_t head, const char *name, size_t name_length, unsigned type,
			   unsigned class)
{
	struct bytes p = { .length = head + DNS_HEADER };

	p.b[0] = head == V4 ? 0x45 : 0x60;
	p.b[head == V4 ? 9 : 6] = 17;
	memcpy(p.b + p.length, name, name_length);
	p.length += name_length;
	p.b[p.length + 1] = (uint8_t)type;
	p.b[p.length + 3] = (uint8_t) class;
	p.length += 4;
	return p;
}

#define QUERY(head, name, type) packet(head, name, sizeof(name), type, IN)

/* The same with an OPT behind the question. */
static struct bytes with_opt(size_t head, struct bytes p)
{
	static const uint8_t opt[] = { 0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0 };

	p.b[head + 11] = 1;
	memcpy(p.b + p.length, opt, sizeof(opt));
	p.length += sizeof(opt);
	return p;
}

/* An OPT with an option. */
static struct bytes with_cookie(size_t head, struct bytes p)
{
	static const uint8_t cookie[] = { 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8 };

	p = with_opt(head, p);
	p.b[p.length - 1] = sizeof(cookie);
	memcpy(p.b + p.length, cookie, sizeof(cookie));
	p.length += sizeof(cookie);
	return p;
}

static bool finds_types(const uint16_t *types, size_t n_types, size_t head, struct bytes p)
{
	struct sock_filter program[FILTER_MAX];
	const struct sock_fprog filter = {
		.len = (unsigned short)filter_build(program, head == V6, types, n_types),
		.filter = program,
	};
	ssize_t n;
	int pair[2];

	assert_in_range(filter.len, 1, FILTER_MAX);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)),
			 0);
	assert_int_equal(send(pair[0], p.b, p.length, 0), p.length);
	n = recv(pair[1], p.b, sizeof(p.b), MSG_DONTWAIT);
	close(pair[0]);
	close(pair[1]);
	return n > 0;
}

static bool finds(size_t head, struct bytes p)
{
	return finds_types((const uint16_t[]){ AAAA }, 1, head, p);
}

static void check_name(size_t head, const char *name, size_t length)
{
	struct bytes p = packet(head, name, length, AAAA, IN),
		     q = packet(head, name, length, A, IN);

	assert_true(finds(head, p));
	assert_true(finds(head, with_opt(head, p)));
	assert_true(finds(head, with_cookie(head, p)));
	assert_false(finds(head, q));
	assert_false(finds(head, with_opt(head, q)));
	assert_false(finds(head, with_cookie(head, q)));
}

static void it_finds_the_type_behind_names_of_all_lengths(void **state _unused_)
{
	static const size_t heads[] = { V4, V6 };
	static const char few[] = "\4host\7example\3org";
	static const char many[] = "\1a\1b\1c\1d\1e\1f";
	const size_t *head;

	ARRAY_FOREACH(head, heads) {
		check_name(*head, "", 1);
		check_name(*head, few, sizeof(few));
		check_name(*head, many, sizeof(many));
	}
}

static void without_options_the_name_may_have_any_number_of_labels(void **state _unused_)
{
	static const char many[] = "\1a\1b\1c\1d\1e\1f\1g\1h\1i\1j\1k\1l\1m\1n\1o\1p";

	for (size_t head = V4; head <= V6; head += V6 - V4) {
		assert_true(finds(head, QUERY(head, many, AAAA)));
		assert_true(finds(head, with_opt(head, QUERY(head, many, AAAA))));
		assert_false(finds(head, QUERY(head, many, A)));
		assert_false(finds(head, with_opt(head, QUERY(head, many, A))));
	}
}

static void it_finds_no_other_class(void **state _unused_)
{
	assert_false(finds(V4, packet(V4, "\3org", 5, AAAA, CHAOS)));
	assert_false(finds(V4, with_opt(V4, packet(V4, "\3org", 5, AAAA, CHAOS))));
}

static void what_looks_like_the_type_inside_a_name_is_none(void **state _unused_)
{
	static const char name[] = "\6x\0\0\34\0\1";

	check_name(V4, name, sizeof(name));
	check_name(V6, name, sizeof(name));
}

static void what_follows_the_question_does_not_matter(void **state _unused_)
{
	struct bytes p = with_opt(V4, QUERY(V4, "\4host\3org", AAAA));
	struct bytes q = with_opt(V4, QUERY(V4, "\4host\3org", A));

	p.length += 23;
	assert_true(finds(V4, p));
	memcpy(q.b + q.length, "\0\0\34\0\1", 5);
	q.length += 5;
	assert_false(finds(V4, q));
}

static void bytes_behind_the_question_without_a_record_make_it_no_candidate(void **state _unused_)
{
	struct bytes p = QUERY(V4, "\4host\3org", AAAA);

	p.length += 23;
	assert_false(finds(V4, p));
}

static void what_it_cannot_tell_is_a_candidate(void **state _unused_)
{
	struct bytes options = QUERY(V4, "\3org", A), extension = QUERY(V6, "\3org", A);

	options.b[0] = 0x46;
	extension.b[6] = 60;
	assert_true(finds(V4, options));
	assert_true(finds(V6, extension));
	assert_true(finds(V4, with_cookie(V4, QUERY(V4, "\1a\1b\1c\1d\1e\1f\1g\1h", A))));
}

static void other_protocols_are_none(void **state _unused_)
{
	struct bytes p = QUERY(V4, "\3org", AAAA), q = QUERY(V6, "\3org", AAAA);

	p.b[9] = 6;
	assert_false(finds(V4, p));
	p.b[0] = 0x46;
	assert_false(finds(V4, p));
	q.b[6] = 6;
	assert_false(finds(V6, q));
	q.b[6] = 58;
	assert_false(finds(V6, q));
}

static void what_is_cut_short_is_none(void **state _unused_)
{
	struct bytes p = QUERY(V4, "\4host\3org", AAAA);
	size_t whole = p.length;

	for (p.length = 1; p.length < whole; p.length++)
		assert_false(finds(V4, p));
	p.b[V4 + 11] = 1; /* as if a record were behind it */
	for (p.length = 1; p.length < whole; p.length++)
		assert_false(finds(V4, p));
}

static void it_finds_as_many_types_as_there_may_be(void **state _unused_)
{
	uint16_t types[16] = { AAAA, [15] = HTTPS };

	for (uint16_t i = 1; i < 15; i++)
		types[i] = (uint16_t)(1000 + i);
	for (size_t head = V4; head <= V6; head += V6 - V4) {
		assert_true(finds_types(types, 16, head, QUERY(head, "\4host\3org", AAAA)));
		assert_true(finds_types(types, 16, head, QUERY(head, "\4host\3org", HTTPS)));
		assert_true(finds_types(types, 16, head, QUERY(head, "\1a\1b\1c\1d\1e\1f", HTTPS)));
		assert_true(finds_types(types, 16, head,
					with_cookie(head, QUERY(head, "\1a\1b\1c", HTTPS))));
		assert_false(finds_types(types, 16, head, QUERY(head, "\4host\3org", A)));
		assert_false(finds_types(types, 16, head,
					 with_cookie(head, QUERY(head, "\4host\3org", A))));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_finds_the_type_behind_names_of_all_lengths),
		cmocka_unit_test(without_options_the_name_may_have_any_number_of_labels),
		cmocka_unit_test(it_finds_no_other_class),
		cmocka_unit_test(what_looks_like_the_type_inside_a_name_is_none),
		cmocka_unit_test(what_follows_the_question_does_not_matter),
		cmocka_unit_test(bytes_behind_the_question_without_a_record_make_it_no_candidate),
		cmocka_unit_test(what_it_cannot_tell_is_a_candidate),
		cmocka_unit_test(other_protocols_are_none),
		cmocka_unit_test(what_is_cut_short_is_none),
		cmocka_unit_test(it_finds_as_many_types_as_there_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
