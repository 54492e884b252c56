/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: packets and the DNS in them. The first byte is the policy, the second says whether
 * the rest is a packet or the payload of a right one. An answer is compared with the query by code
 * that shares nothing with what made it.
 */
#include <string.h>

#include "../../src/aaaa/dns.h"
#include "../../src/aaaa/packet.h"
#include "fuzz.h"

enum { PACKET_MAX = 2048, ROOM = DNS_GROWTH_MAX, V4 = 20, V6 = 40, UDP = 8, DNS = 12 };

static void must(bool true_here)
{
	if (!true_here)
		abort();
}

static unsigned get16(const uint8_t *p)
{
	return p[0] * 256u + p[1];
}

/* RFC 1071, byte by byte. */
static unsigned sum_of(unsigned sum, const uint8_t *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		sum += i % 2 ? bytes[i] : bytes[i] * 256u;
	while (sum > 0xffff)
		sum = sum / 65536 + sum % 65536;
	return sum;
}

/* Where the record or the question at `at` has its name's end. Stops at what no answer has. */
static size_t name_end(const uint8_t *message, size_t length, size_t at)
{
	for (;;) {
		must(at < length);
		if (message[at] == 0)
			return at + 1;
		if (message[at] == 0xc0) {
			must(at + 1 < length && message[at + 1] == DNS);
			return at + 2;
		}
		must(message[at] < 64);
		at += message[at] + 1u;
	}
}

static size_t check_record(const uint8_t *message, size_t length, size_t at, unsigned type)
{
	at = name_end(message, length, at);
	must(length - at >= 10 && get16(message + at) == type);
	at += 10 + get16(message + at + 8);
	must(at <= length);
	return at;
}

/* Owner and type of the only record, its size, upper RCODE, version, flags: the query's own DO and
 * nothing else; of the options at most a COOKIE, which the query has word for word. */
static size_t check_opt(const uint8_t *query, size_t asked_length, size_t asked,
			const uint8_t *answer, size_t length, size_t at)
{
	size_t end = check_record(answer, length, at, 41), data;

	must(check_record(query, asked_length, asked, 41) == asked_length);
	must(answer[at] == 0 && query[asked] == 0);
	must(get16(answer + at + 3) >= 512 && get16(answer + at + 5) == 0);
	must(get16(answer + at + 7) == (get16(query + asked + 7) & 0x8000) &&
	     query[asked + 6] == 0);
	data = end - at - 11;
	if (data == 0)
		return end;
	must(data >= 4 + 16 && data <= 4 + 40 && get16(answer + at + 11) == 10);
	must(get16(answer + at + 13) == data - 4);
	must(memmem(query + asked + 11, asked_length - asked - 11, answer + at + 11, data) != NULL);
	return end;
}

static void check_dns(const uint8_t *query, size_t query_length, const uint8_t *answer,
		      size_t length, const struct dns_policy *policy)
{
	size_t end, asked;

	must(query_length >= DNS && length >= DNS);
	must(!(query[2] & 0x80)); /* never an answer to an answer */
	must(answer[0] == query[0] && answer[1] == query[1]);
	must(answer[2] == (0x80 | (query[2] & 0x79)));
	must(answer[3] == (0x80 | (query[3] & 0x10)));
	must(get16(answer + 4) == 1 && get16(answer + 6) == 0);
	must(get16(answer + 8) == (policy->soa ? 1 : 0));
	must(get16(answer + 10) == get16(query + 10));
	end = name_end(answer, length, DNS) + 4;
	must(end <= length && end <= query_length);
	must(memcmp(query + DNS, answer + DNS, end - DNS) == 0);
	must(get16(answer + end - 2) == 1);
	must(get16(answer + end - 4) == 28 ||
	     (policy->n_qtypes > 1 && get16(answer + end - 4) == 65));
	asked = end;
	if (policy->soa)
		end = check_record(answer, length, end, 6);
	must(get16(answer + 10) <= 1);
	if (get16(answer + 10) == 1)
		end = check_opt(query, query_length, asked, answer, length, end);
	else
		must(asked == query_length);
	must(policy->answer_dnssec || get16(answer + 10) == 0 || !(query[asked + 7] & 0x80));
	must(end == length);
}

static void check_packet(const uint8_t *query, const uint8_t *answer, size_t length, bool checksum)
{
	bool v6 = query[0] >> 4 == 6;
	size_t head = v6 ? V6 : V4, addresses = v6 ? 16 : 4;
	const uint8_t *udp = answer + head, *asked = query + head;

	must(length >= head + UDP);
	must(memcmp(udp - addresses, asked - 2 * addresses, addresses) == 0);
	must(memcmp(udp - 2 * addresses, asked - addresses, addresses) == 0);
	must(get16(udp) == get16(asked + 2) && get16(udp + 2) == get16(asked));
	must(get16(udp + 4) == length - head);
	must(v6 ? get16(answer + 4) == length - V6 : get16(answer + 2) == length);
	if (!v6)
		must(sum_of(0, answer, V4) == 0xffff);
	must(get16(udp + 6) != 0 || (!v6 && !checksum));
	if (get16(udp + 6) != 0)
		must(sum_of(17 + (unsigned)(length - head), udp - 2 * addresses,
			    2 * addresses + length - head) == 0xffff);
}

/* The payload in a right packet, so that what is behind the packet's checks is reached. */
static size_t wrap(uint8_t *packet, const uint8_t *payload, size_t length, bool v6)
{
	size_t head = v6 ? V6 : V4;

	memset(packet, 1, head + UDP);
	packet[0] = v6 ? 0x60 : 0x45;
	packet[v6 ? 6 : 9] = 17;
	packet[v6 ? 4 : 2] = (uint8_t)((length + UDP + (v6 ? 0 : V4)) >> 8);
	packet[v6 ? 5 : 3] = (uint8_t)(length + UDP + (v6 ? 0 : V4));
	packet[v6 ? 7 : 6] = 0;
	packet[v6 ? 7 : 7] = 0;
	packet[head + 2] = 0;
	packet[head + 3] = 53;
	packet[head + 4] = (uint8_t)((length + UDP) >> 8);
	packet[head + 5] = (uint8_t)(length + UDP);
	memcpy(packet + head + UDP, payload, length);
	return head + UDP + length;
}

static void try_packet(const uint8_t *query, size_t length, const struct dns_policy *policy,
		       bool checksum)
{
	/* exactly as much as may be touched */
	uint8_t *bytes = malloc(length + ROOM);
	enum aaaa_passed reason = 0;
	struct packet packet;
	size_t asked;
	ssize_t n;

	memcpy(bytes, query, length);
	if (packet_parse(bytes, length, 53, &packet)) {
		must(packet.payload + packet.payload_length <= bytes + length);
		asked = packet.payload_length;
		n = dns_answer(packet.payload, asked,
			       (size_t)(bytes + length + ROOM - packet.payload), policy, &reason);
		if (n < 0) {
			must(reason <= AAAA_PASSED_SIGNED && memcmp(bytes, query, length) == 0);
		} else {
			check_dns(query + (packet.payload - bytes), asked, packet.payload,
				  (size_t)n, policy);
			packet_turn_round(&packet, (size_t)n, checksum);
			check_packet(query, bytes, packet.length, checksum);
		}
	}
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct domains domains;
	struct dns_policy policy = { .qtypes = { 28, 65 }, .n_qtypes = 1 };
	uint8_t packet[PACKET_MAX];

	if (size < 2 || size > PACKET_MAX - V6 - UDP)
		return 0;
	if (!domains.count &&
	    (domains_add(&domains, "example.org") < 0 || domains_add(&domains, "a.b") < 0))
		abort();
	policy.n_qtypes = data[0] & 1 ? 2 : 1;
	policy.answer_dnssec = data[0] & 2;
	policy.soa = data[0] & 4;
	policy.only = data[0] & 8 ? domains : (struct domains){};
	policy.except = data[0] & 16 ? domains : (struct domains){};
	if (data[1] & 1)
		try_packet(packet, wrap(packet, data + 2, size - 2, data[1] & 2), &policy,
			   data[0] & 32);
	else
		try_packet(data + 2, size - 2, &policy, data[0] & 32);
	return 0;
}
