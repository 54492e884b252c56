/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files about nf_tables share. */
#pragma once

#include "attribute.h"
#include "nsctl/kernel.h"

#include <libmnl/libmnl.h>

#define NFT_REQUEST_MAX 4096 /* bytes of one message to the kernel */

struct nft {
	struct mnl_socket *socket;
	uint32_t sequence; /* of the last message that was sent */
};

/* The family and the attributes of a message of nf_tables; false: it is none. */
bool nft_message_open(const struct nlmsghdr *h, uint8_t *ret_family, struct attributes *ret);

/* The value of NFTA_RULE_EXPRESSIONS. Its strings live as long as the message. */
void nft_effect_read(struct attributes expressions, struct nft_effect *ret);
