/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Walks over the labels of the question's name (RFC 1035, 4.1.2) and compares what is behind it.
 * There are no loops in classic BPF: each label has its copy of the step. A load from behind the
 * end of the packet ends the program with 0, which is right for what is cut short, and for
 * compression pointers, which look like labels of that size.
 */
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>

#include "filter.h"

enum {
	DNS_HEADER = 12,
	CLASS_IN = 1,
	STEP = 5,   /* instructions for a label */
	OTHERS = 7, /* and for what is neither that nor a type */
	CANDIDATE = 1,
};

size_t filter_build(struct sock_filter program[FILTER_MAX], bool v6, const uint16_t *types,
		    size_t n_types)
{
	const uint32_t head = v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr);
	/* the empty label at the end of each name needs one too */
	const unsigned steps = (unsigned)(FILTER_MAX - OTHERS - n_types) / STEP;
	const uint32_t plain = v6 ? IPPROTO_UDP : 0x45; /* version 4, no options */
	struct sock_filter *p = program;

	*p++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS,
					    v6 ? offsetof(struct ip6_hdr, ip6_nxt) : 0);
	*p++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, plain, 0,
					    1 + (uint8_t)(STEP * steps));
	*p++ = (struct sock_filter)BPF_STMT(BPF_LDX | BPF_W | BPF_IMM,
					    head + sizeof(struct udphdr) + DNS_HEADER);
	for (unsigned left = steps; left > 0; left--) {
		*p++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_IND, 0);
		/* the empty label: to what is behind the last step, and the verdict there */
		*p++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0,
						    (uint8_t)(STEP * left - 1), 0);
		*p++ = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_ADD | BPF_X, 0);
		*p++ = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1);
		*p++ = (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0);
	}
	*p++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, CANDIDATE);
	*p++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_IND, 1);
	for (size_t i = 0; i < n_types; i++)
		*p++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						    (uint32_t)types[i] << 16 | CLASS_IN,
						    (uint8_t)(n_types - i), 0);
	*p++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	*p++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, CANDIDATE);
	return (size_t)(p - program);
}
