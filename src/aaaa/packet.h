/* SPDX-License-Identifier: GPL-2.0-or-later */
/* packet: IP and UDP around a query, turned into those around its answer. Pure. */
#pragma once

#include "nsctl/base.h"

struct packet {
	uint8_t *bytes;
	size_t length;
	bool v6;
	uint8_t *udp;
	uint8_t *payload;
	size_t payload_length;
};

/* False: sent to many (an answer comes from one), fragments, options, extension headers, lengths
 * that do not fit, other protocols or ports.
 */
bool packet_parse(uint8_t *bytes, size_t length, unsigned port, struct packet *ret);
/* Turns it round with a payload of this length, for which there must be room. With `checksum`
 * UDP's is written for IPv4 too, where it may be left out (RFC 768); IPv6 always has it
 * (RFC 8200, 8.1). */
void packet_turn_round(struct packet *packet, size_t payload_length, bool checksum);
