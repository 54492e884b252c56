/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses for `address = auto`: a pure function of what is taken. IPv4 only. */
#pragma once

#include "nsctl/base.h"

struct allocation_request {
	const struct ip_prefix *pool; /* ranges, in order of preference */
	size_t n_pool;
	unsigned subnet_length;          /* of a new subnet: 24 for a bridge, 30 for a pair */
	const struct ip_prefix *subnets; /* on the bridge already, with the host's address: room in
					    these is used first */
	size_t n_subnets;
	const struct ip_prefix *taken; /* networks in use on the host: a new subnet overlaps none */
	size_t n_taken;
	const struct ip_address *addresses; /* given out to others in `subnets` */
	size_t n_addresses;
};

struct allocation {
	struct ip_prefix address; /* the profile's */
	struct ip_prefix host;    /* the host's, which is the gateway: the subnet's first address */
	bool new_subnet;
};

/* 0; -EADDRNOTAVAIL: the pool is used up. */
int allocate_address(const struct allocation_request *request, struct allocation *ret);

/* Does a route to this network say that the network is somewhere? A default route, also in the two
 * halves that OpenVPN's redirect-gateway def1 makes (0/1 and 128/1), does not. */
bool route_takes_network(const struct ip_prefix *destination);
