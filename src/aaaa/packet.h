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

/* False: from or to many, or none (an answer is one's to another), fragments, options, extension
 * headers, lengths that do not fit, other protocols or ports.
 */
bool packet_parse(uint8_t *bytes, size_t length, unsigned port, struct packet *ret);
/* From or to an address of the loopback (127.0.0.0/8, ::1), which no wire may bring: the kernel
 * looks for that later only. */
bool packet_has_loopback(const struct packet *packet);
/* Turns it round with a payload of this length, for which there must be room. With `checksum`
 * UDP's is written for IPv4 too, where it may be left out (RFC 768); IPv6 always has it
 * (RFC 8200, 8.1). */
void packet_turn_round(struct packet *packet, size_t payload_length, bool checksum);
