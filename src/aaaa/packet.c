/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets: RFC 791, RFC 8200, RFC 768, RFC 1071. */
#include <arpa/inet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>

#include "packet.h"

enum { ANSWER_TTL = 64 };

/* Neither may be where a query comes from, or an answer would go to (RFC 1122, 3.2.1.3; RFC 4291,
 * 2.7): queues come before the kernel's own look at it. */
static bool is_one_v4(uint32_t address)
{
	return address != htonl(INADDR_ANY) && address != htonl(INADDR_BROADCAST) &&
	       !IN_MULTICAST(ntohl(address));
}

static bool is_one_v6(const struct in6_addr *address)
{
	return !IN6_IS_ADDR_UNSPECIFIED(address) && !IN6_IS_ADDR_MULTICAST(address);
}

static bool parse_v4(const uint8_t *bytes, size_t length, size_t *ret_length)
{
	const struct iphdr *ip = (const struct iphdr *)bytes;

	*ret_length = ntohs(ip->tot_len);
	return ip->ihl == 5 && is_one_v4(ip->saddr) && is_one_v4(ip->daddr) &&
	       ip->protocol == IPPROTO_UDP && (ntohs(ip->frag_off) & (IP_MF | IP_OFFMASK)) == 0 &&
	       *ret_length <= length;
}

static bool parse_v6(const uint8_t *bytes, size_t length, size_t *ret_length)
{
	const struct ip6_hdr *ip = (const struct ip6_hdr *)bytes;

	*ret_length = sizeof(*ip) + ntohs(ip->ip6_plen);
	return length >= sizeof(*ip) && is_one_v6(&ip->ip6_src) && is_one_v6(&ip->ip6_dst) &&
	       ip->ip6_nxt == IPPROTO_UDP && *ret_length <= length;
}

bool packet_parse(uint8_t *bytes, size_t length, unsigned port, struct packet *ret)
{
	const struct udphdr *udp;
	size_t head, total;
	bool v6;

	if (length < sizeof(struct iphdr) + sizeof(*udp))
		return false;
	v6 = bytes[0] >> 4 == 6;
	head = v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);
	if (!(v6                   ? parse_v6(bytes, length, &total)
	      : bytes[0] >> 4 == 4 ? parse_v4(bytes, length, &total)
				   : false) ||
	    total < head + sizeof(*udp))
		return false;
	udp = (const struct udphdr *)(bytes + head);
	if (ntohs(udp->dest) != port || ntohs(udp->len) != total - head)
		return false;
	*ret = (struct packet){
		.bytes = bytes,
		.length = total,
		.v6 = v6,
		.udp = bytes + head,
		.payload = bytes + head + sizeof(*udp),
		.payload_length = total - head - sizeof(*udp),
	};
	return true;
}

bool packet_has_loopback(const struct packet *packet)
{
	const struct iphdr *ip = (const struct iphdr *)packet->bytes;
	const struct ip6_hdr *ip6 = (const struct ip6_hdr *)packet->bytes;

	if (packet->v6)
		return IN6_IS_ADDR_LOOPBACK(&ip6->ip6_src) || IN6_IS_ADDR_LOOPBACK(&ip6->ip6_dst);
	return ntohl(ip->saddr) >> 24 == IN_LOOPBACKNET || ntohl(ip->daddr) >> 24 == IN_LOOPBACKNET;
}

static uint64_t add_bytes(uint64_t sum, const uint8_t *bytes, size_t length)
{
	uint32_t word;
	uint16_t half;

	for (; length >= sizeof(word); bytes += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		sum += word;
	}
	if (length >= sizeof(half)) {
		memcpy(&half, bytes, sizeof(half));
		sum += half;
		bytes += sizeof(half);
		length -= sizeof(half);
	}
	if (length > 0)
		sum += htons((uint16_t)(*bytes << 8));
	return sum;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void swap(uint8_t *a, uint8_t *b, size_t length)
{
	uint8_t kept[16];

	memcpy(kept, a, length);
	memcpy(a, b, length);
	memcpy(b, kept, length);
}

static void turn_v4(uint8_t *bytes, size_t length)
{
	struct iphdr *ip = (struct iphdr *)bytes;

	swap((uint8_t *)&ip->saddr, (uint8_t *)&ip->daddr, sizeof(ip->saddr));
	ip->tot_len = htons((uint16_t)length);
	ip->id = 0;
	ip->frag_off = htons(IP_DF);
	ip->ttl = ANSWER_TTL;
	ip->check = 0;
	ip->check = fold(add_bytes(0, bytes, sizeof(*ip)));
}

static void turn_v6(uint8_t *bytes, size_t length)
{
	struct ip6_hdr *ip = (struct ip6_hdr *)bytes;

	swap((uint8_t *)&ip->ip6_src, (uint8_t *)&ip->ip6_dst, sizeof(ip->ip6_src));
	ip->ip6_plen = htons((uint16_t)(length - sizeof(*ip)));
	ip->ip6_hlim = ANSWER_TTL;
}

void packet_turn_round(struct packet *packet, size_t payload_length, bool checksum)
{
	struct udphdr *udp = (struct udphdr *)packet->udp;
	size_t length = sizeof(*udp) + payload_length;
	size_t addresses = packet->v6 ? 2 * sizeof(struct in6_addr) : 2 * sizeof(struct in_addr);
	uint64_t sum = htons(IPPROTO_UDP) + htons((uint16_t)length);

	swap((uint8_t *)&udp->source, (uint8_t *)&udp->dest, sizeof(udp->source));
	packet->length = (size_t)(packet->udp - packet->bytes) + length;
	packet->payload_length = payload_length;
	(packet->v6 ? turn_v6 : turn_v4)(packet->bytes, packet->length);
	udp->len = htons((uint16_t)length);
	udp->check = 0;
	if (!checksum && !packet->v6)
		return;
	/* the addresses stand right before UDP in both */
	sum = add_bytes(sum, packet->udp - addresses, addresses);
	udp->check = fold(add_bytes(sum, packet->udp, length)) ?: 0xffff;
}
