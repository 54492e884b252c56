/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "allocate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

bool route_takes_network(const struct ip_prefix *destination)
{
	return destination->length > 1;
}

static uint32_t number_of(const struct ip_address *address)
{
	return ntohl(address->v4.s_addr);
}

/* The first free host number of the subnet; 0: none. The network, its broadcast and the host's
 * address are not free. */
static uint32_t free_number(const struct allocation_request *request,
			    const struct ip_prefix *subnet)
{
	struct ip_prefix network = ip_prefix_network(subnet);
	uint32_t base = number_of(&network.address);
	uint64_t size = 1ull << (32 - subnet->length);
	_cleanup_free_ uint8_t *used = NULL;

	if (subnet->length < 16) /* as many as anyone can use; keeps the map small */
		size = 1 << 16;
	used = calloc(size, 1);
	if (!used || size < 4)
		return 0;
	used[0] = used[size - 1] = 1;
	if (number_of(&subnet->address) - base < size)
		used[number_of(&subnet->address) - base] = 1;
	for (size_t i = 0; i < request->n_addresses; i++) {
		uint32_t offset = number_of(&request->addresses[i]) - base;

		if (request->addresses[i].family == AF_INET && offset < size)
			used[offset] = 1;
	}
	for (uint32_t n = 1; n < size; n++)
		if (!used[n])
			return n;
	return 0;
}

static bool taken(const struct allocation_request *request, const struct ip_prefix *subnet)
{
	for (size_t i = 0; i < request->n_taken; i++)
		if (route_takes_network(&request->taken[i]) &&
		    ip_prefix_overlaps(&request->taken[i], subnet))
			return true;
	for (size_t i = 0; i < request->n_subnets; i++)
		if (ip_prefix_overlaps(&request->subnets[i], subnet))
			return true;
	return false;
}

static bool new_subnet(const struct allocation_request *request, const struct ip_prefix *range,
		       struct allocation *ret)
{
	struct ip_prefix subnet = ip_prefix_network(range);
	uint32_t step = 1u << (32 - request->subnet_length);
	uint64_t count = 1ull << (request->subnet_length - range->length);

	subnet.length = request->subnet_length;
	for (uint64_t i = 0; i < count; i++) {
		if (!taken(request, &subnet)) {
			ret->host = ret->address = subnet;
			ret->host.address = ip_prefix_nth(&subnet, 1);
			ret->address.address = ip_prefix_nth(&subnet, 2);
			ret->new_subnet = true;
			return true;
		}
		subnet.address.v4.s_addr = htonl(number_of(&subnet.address) + step);
	}
	return false;
}

int allocate_address(const struct allocation_request *request, struct allocation *ret)
{
	for (size_t i = 0; i < request->n_subnets; i++) {
		uint32_t n = free_number(request, &request->subnets[i]);

		if (!n)
			continue;
		ret->host = ret->address = request->subnets[i];
		ret->address.address = ip_prefix_nth(&request->subnets[i], n);
		ret->new_subnet = false;
		return 0;
	}
	for (size_t i = 0; i < request->n_pool; i++) {
		const struct ip_prefix *range = &request->pool[i];

		if (range->address.family == AF_INET && range->length <= request->subnet_length &&
		    new_subnet(request, range, ret))
			return 0;
	}
	return -EADDRNOTAVAIL;
}
