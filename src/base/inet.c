/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internet addresses and networks as values: parsing, formatting, comparing. Pure functions. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "nsctl/base.h"

unsigned ip_address_bits(const struct ip_address *address)
{
	return address->family == AF_INET6 ? 128 : 32;
}

int ip_address_parse(const char *s, struct ip_address *ret)
{
	struct ip_address address = {};

	if (inet_pton(AF_INET, s, &address.v4) == 1)
		address.family = AF_INET;
	else if (inet_pton(AF_INET6, s, &address.v6) == 1)
		address.family = AF_INET6;
	else
		return -EINVAL;
	*ret = address;
	return 0;
}

int ip_prefix_parse(const char *s, struct ip_prefix *ret)
{
	const char *slash = strchrnul(s, '/');
	struct ip_prefix prefix = {};
	char address[IP_TEXT_MAX];
	unsigned long length;

	if ((size_t)(slash - s) >= sizeof(address))
		return -EINVAL;
	*(char *)mempcpy(address, s, slash - s) = '\0';
	if (ip_address_parse(address, &prefix.address) < 0)
		return -EINVAL;
	prefix.length = ip_address_bits(&prefix.address);
	if (*slash) {
		if (str_to_uint(slash + 1, prefix.length, &length) < 0)
			return -EINVAL;
		prefix.length = length;
	}
	*ret = prefix;
	return 0;
}

const char *ip_address_format(const struct ip_address *address, char *buffer)
{
	if (!address->family || !inet_ntop(address->family, address->bytes, buffer, IP_TEXT_MAX))
		strcpy(buffer, "-");
	return buffer;
}

const char *ip_prefix_format(const struct ip_prefix *prefix, char *buffer)
{
	ip_address_format(&prefix->address, buffer);
	sprintf(buffer + strlen(buffer), "/%u", prefix->length);
	return buffer;
}

bool ip_address_equal(const struct ip_address *a, const struct ip_address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, ip_address_bits(a) / 8) == 0;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	if (memcmp(a, b, bytes) != 0)
		return false;
	return rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address)
{
	return prefix->address.family == address->family &&
	       same_bits(prefix->address.bytes, address->bytes, prefix->length);
}

bool ip_prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b)
{
	return a->address.family == b->address.family &&
	       same_bits(a->address.bytes, b->address.bytes,
			 a->length < b->length ? a->length : b->length);
}

struct ip_prefix ip_prefix_network(const struct ip_prefix *prefix)
{
	struct ip_prefix network = *prefix;
	unsigned bits = ip_address_bits(&prefix->address);

	for (unsigned i = prefix->length; i < bits; i++)
		network.address.bytes[i / 8] &= ~(0x80 >> (i % 8));
	return network;
}

struct ip_address ip_prefix_broadcast(const struct ip_prefix *prefix)
{
	struct ip_address address = prefix->address;

	for (unsigned i = prefix->length; i < ip_address_bits(&address); i++)
		address.bytes[i / 8] |= 0x80 >> (i % 8);
	return address;
}

struct ip_address ip_prefix_nth(const struct ip_prefix *prefix, uint32_t n)
{
	struct ip_prefix network = ip_prefix_network(prefix);

	network.address.v4.s_addr = htonl(ntohl(network.address.v4.s_addr) + n);
	return network.address;
}

int dns_type_parse(const char *s, uint16_t *ret)
{
	static const struct {
		const char *name;
		uint16_t type;
	} types[] = { { "AAAA", 28 }, { "SVCB", 64 }, { "HTTPS", 65 } };
	unsigned long number;

	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcasecmp(types[i].name, s) == 0) {
			*ret = types[i].type;
			return 0;
		}
	if (str_to_uint(s, UINT16_MAX, &number) < 0 || number == 0)
		return -EINVAL;
	*ret = (uint16_t)number;
	return 0;
}
