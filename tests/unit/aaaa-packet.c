/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets: which are looked into, and what one looks like when it is turned round. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/aaaa/packet.h"

enum { PORT = 53, V4 = 20, V6 = 40, UDP = 8, PAYLOAD = 5 };

struct bytes {
	uint8_t b[128] __attribute__((aligned(4)));
	size_t length;
};

/* From 10.0.0.1 port 4660 to 10.0.0.2 port 53. */
static struct bytes v4(void)
{
	return (struct bytes){ .b = { 0x45, 0,    0, 33, 0x12, 0x34, 0,   0,   63,  17,   0,
				      0,    10,   0, 0,  1,    10,   0,   0,   2,   0x12, 0x34,
				      0,    PORT, 0, 13, 0xaa, 0xbb, 'h', 'e', 'l', 'l',  'o' },
			       .length = V4 + UDP + PAYLOAD };
}

/* From 2001:db8::1 to 2001:db8::2. */
static struct bytes v6(void)
{
	return (struct bytes){ .b = { 0x60, 0,  0,    0,    0,    13,   17,  63,   0x20, 1, 0x0d,
				      0xb8, 0,  0,    0,    0,    0,    0,   0,    0,    0, 0,
				      0,    1,  0x20, 1,    0x0d, 0xb8, 0,   0,    0,    0, 0,
				      0,    0,  0,    0,    0,    0,    2,   0x12, 0x34, 0, PORT,
				      0,    13, 0xaa, 0xbb, 'h',  'e',  'l', 'l',  'o' },
			       .length = V6 + UDP + PAYLOAD };
}

static bool parses(struct bytes *p, struct packet *ret)
{
	struct packet packet;

	return packet_parse(p->b, p->length, PORT, ret ? ret : &packet);
}

/* The sum of all 16-bit words as RFC 1071 defines it, byte by byte: 0xffff where it is right. */
static unsigned slow_sum(unsigned sum, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : (unsigned)bytes[i] << 8;
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void a_query_is_taken_apart(void **state _unused_)
{
	struct bytes p = v4(), q = v6();
	struct packet packet;

	assert_true(parses(&p, &packet));
	assert_false(packet.v6);
	assert_ptr_equal(packet.payload, p.b + V4 + UDP);
	assert_int_equal(packet.payload_length, PAYLOAD);
	assert_true(parses(&q, &packet));
	assert_true(packet.v6);
	assert_ptr_equal(packet.payload, q.b + V6 + UDP);
	assert_int_equal(packet.payload_length, PAYLOAD);
}

static void turned_round_it_is_an_answer_with_right_sums(void **state _unused_)
{
	/* longer, shorter, and of an odd length too */
	for (size_t payload = 0; payload <= 9; payload++) {
		struct bytes p = v4(), q = v6();
		struct packet packet;

		assert_true(parses(&p, &packet));
		packet_turn_round(&packet, payload, true);
		assert_int_equal(packet.length, V4 + UDP + payload);
		assert_memory_equal(p.b + 12, "\x0a\0\0\2\x0a\0\0\1\0\x35\x12\x34", 12);
		assert_int_equal(p.b[3], V4 + UDP + payload);
		assert_int_equal(p.b[V4 + 5], UDP + payload);
		assert_int_equal(slow_sum(0, p.b, V4), 0xffff);
		assert_int_equal(slow_sum(17 + UDP + payload, p.b + 12, 8 + UDP + payload), 0xffff);

		assert_true(parses(&q, &packet));
		packet_turn_round(&packet, payload, false); /* IPv6 has it nevertheless */
		assert_int_equal(packet.length, V6 + UDP + payload);
		assert_int_equal(q.b[23], 2);
		assert_int_equal(q.b[39], 1);
		assert_int_equal(q.b[5], UDP + payload);
		assert_true(q.b[V6 + 6] || q.b[V6 + 7]);
		assert_int_equal(slow_sum(17 + UDP + payload, q.b + 8, 32 + UDP + payload), 0xffff);
	}
}

static void without_a_checksum_ipv4_says_so(void **state _unused_)
{
	struct bytes p = v4();
	struct packet packet;

	assert_true(parses(&p, &packet));
	packet_turn_round(&packet, PAYLOAD, false);
	assert_int_equal(p.b[V4 + 6] | p.b[V4 + 7], 0);
	assert_int_equal(slow_sum(0, p.b, V4), 0xffff);
}

/* A sum that comes out as zero is sent as its other form: zero would say "none" (RFC 768). */
static void a_sum_of_zero_is_written_as_ones(void **state _unused_)
{
	for (unsigned word = 0; word <= 0xffff; word++) {
		struct bytes p = v4();
		struct packet packet;

		assert_true(parses(&p, &packet));
		p.b[V4 + UDP] = (uint8_t)(word >> 8);
		p.b[V4 + UDP + 1] = (uint8_t)word;
		packet_turn_round(&packet, PAYLOAD, true);
		if (!(p.b[V4 + 6] | p.b[V4 + 7]))
			fail_msg("%x", word);
	}
}

struct change {
	size_t at;
	uint8_t value;
};

static void changed(struct bytes p, struct change change)
{
	p.b[change.at] = change.value;
	if (parses(&p, NULL))
		fail_msg("byte %zu as %x", change.at, change.value);
}

static void ipv4_that_is_not_plain_udp_is_left(void **state _unused_)
{
	static const struct change changes[] = {
		{ 0, 0x46 }, /* options */
		{ 0, 0x44 },    { 0, 0x55 },
		{ 0, 0x05 },    { 3, 34 }, /* longer than what is there */
		{ 3, 32 },      { 3, 27 },
		{ 3, 0 },                    /* UDP's length differs, or does not fit */
		{ 6, 0x20 },                 /* more fragments follow */
		{ 7, 1 },       { 6, 0x10 }, /* a later fragment */
		{ 9, 6 },       { 9, 1 },
		{ 9, 136 },                  /* TCP, ICMP, UDP-Lite */
		{ 16, 224 },    { 16, 239 }, /* multicast */
		{ 12, 224 },    { 12, 239 },
		{ V4 + 3, 54 }, { V4 + 2, 1 }, /* another port */
		{ V4 + 5, 12 }, { V4 + 5, 14 },
		{ V4 + 4, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
		changed(v4(), changes[i]);
	{
		struct bytes p = v4();

		p.b[6] = 0x40; /* "don't fragment" is no fragment */
		assert_true(parses(&p, NULL));
		memset(p.b + 16, 255, 4);
		assert_false(parses(&p, NULL));
		p = v4();
		memset(p.b + 12, 255, 4); /* nobody to answer to */
		assert_false(parses(&p, NULL));
		memset(p.b + 12, 0, 4);
		assert_false(parses(&p, NULL));
	}
}

static void ipv6_that_is_not_plain_udp_is_left(void **state _unused_)
{
	static const struct change changes[] = {
		{ 6, 0 },     { 6, 43 },   { 6, 44 },      { 6, 60 }, /* extension headers,
									 fragments */
		{ 6, 6 },     { 5, 14 },   { 5, 12 },      { 5, 7 },       { 4, 1 },
		{ 24, 0xff }, { 8, 0xff }, { V6 + 3, 54 }, { V6 + 5, 12 }, { V6 + 5, 14 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(changes); i++)
		changed(v6(), changes[i]);
	{
		struct bytes p = v6();

		memset(p.b + 8, 0, 16); /* nobody to answer to */
		assert_false(parses(&p, NULL));
	}
}

static void addresses_of_the_loopback_are_known(void **state _unused_)
{
	static const struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;
	static const struct {
		size_t at;
		bool v6;
	} places[] = { { 12, false }, { 16, false }, { 8, true }, { 24, true } };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct bytes p = places[i].v6 ? v6() : v4();
		struct packet packet;

		assert_true(parses(&p, &packet));
		assert_false(packet_has_loopback(&packet));
		if (places[i].v6)
			memcpy(p.b + places[i].at, &loopback, sizeof(loopback));
		else
			p.b[places[i].at] = 127;
		assert_true(parses(&p, &packet));
		assert_true(packet_has_loopback(&packet));
	}
}

static void what_is_cut_off_is_left_wherever_it_is(void **state _unused_)
{
	struct bytes whole[] = { v4(), v6() };

	for (size_t i = 0; i < ARRAY_SIZE(whole); i++)
		for (size_t length = 0; length < whole[i].length; length++) {
			uint8_t *exact = malloc(length ? length : 1);
			struct packet packet;

			memcpy(exact, whole[i].b, length);
			assert_false(packet_parse(exact, length, PORT, &packet));
			free(exact);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_is_taken_apart),
		cmocka_unit_test(turned_round_it_is_an_answer_with_right_sums),
		cmocka_unit_test(without_a_checksum_ipv4_says_so),
		cmocka_unit_test(a_sum_of_zero_is_written_as_ones),
		cmocka_unit_test(ipv4_that_is_not_plain_udp_is_left),
		cmocka_unit_test(ipv6_that_is_not_plain_udp_is_left),
		cmocka_unit_test(addresses_of_the_loopback_are_known),
		cmocka_unit_test(what_is_cut_off_is_left_wherever_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
