/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every query waits for this, so what most of them look like is looked at in the shortest way: with
 * no record behind it the question is the end of the packet, and its type is there; so it is in
 * front of an OPT without options. Else it walks over the labels of the question's name (RFC 1035,
 * 4.1.2) and compares what is behind it. There are no loops in classic BPF: each label has its copy
 * of the step. A load from behind the end of the packet ends the program with 0, which is right for
 * what is cut short, and for compression pointers, which look like labels of that size.
 */
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>

#include "filter.h"

enum {
	DNS_HEADER = 12,
	DNS_ARCOUNT = 10, /* where that is */
	CLASS_IN = 1,
	TYPE_OPT = 41,
	TAIL = 4,       /* bytes of the question's type and class */
	OPT = 11,       /* bytes of an OPT without options (RFC 6891, 6.1.2) */
	OPT_RDLEN = 9,  /* where that is */
	HEADERS = 4,    /* instructions for IP's header */
	SHORT_CUT = 17, /* for what ends with the question, or with an OPT behind it */
	STEP = 5,       /* for a label */
	OTHERS = 5,     /* and for what is none of these, nor a type */
	CANDIDATE = 1,
	NONE = 0,
};

/* Being built; and where in it is what others jump to. */
struct program {
	struct sock_filter *at;
	size_t n, walk, candidate, types, none;
};

static void put(struct program *program, unsigned code, uint32_t k)
{
	program->at[program->n++] = (struct sock_filter)BPF_STMT((uint16_t)code, k);
}

/* To an instruction further on, each; NEXT is the one behind this. */
enum { NEXT = 0 };

static uint8_t distance(const struct program *program, size_t target)
{
	return target == NEXT ? 0 : (uint8_t)(target - program->n - 1);
}

static void put_if_equal(struct program *program, uint32_t k, size_t then, size_t otherwise)
{
	program->at[program->n] =
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, distance(program, then),
					     distance(program, otherwise));
	program->n++;
}

static void put_jump(struct program *program, size_t target)
{
	put(program, BPF_JMP | BPF_JA, distance(program, target));
}

/* X is where as many bytes begin that are the packet's last. */
static void put_from_end(struct program *program, uint32_t bytes)
{
	put(program, BPF_LD | BPF_W | BPF_LEN, 0);
	put(program, BPF_ALU | BPF_SUB | BPF_K, bytes);
	put(program, BPF_MISC | BPF_TAX, 0);
}

/* UDP behind a header of the plain size. */
static void put_headers(struct program *program, bool v6)
{
	if (v6) {
		put(program, BPF_LD | BPF_B | BPF_ABS, offsetof(struct ip6_hdr, ip6_nxt));
		put_if_equal(program, IPPROTO_UDP, HEADERS, NEXT);
		put_if_equal(program, IPPROTO_TCP, program->none, NEXT);
		put_if_equal(program, IPPROTO_ICMPV6, program->none, program->candidate);
	} else {
		put(program, BPF_LD | BPF_B | BPF_ABS, offsetof(struct iphdr, protocol));
		put_if_equal(program, IPPROTO_UDP, NEXT, program->none);
		put(program, BPF_LD | BPF_B | BPF_ABS, 0);
		put_if_equal(program, 0x45, NEXT, program->candidate);
	}
}

static void put_short_cut(struct program *program, uint32_t dns)
{
	const size_t with_records = program->n + 6, end = program->n + SHORT_CUT - 2;

	put(program, BPF_LD | BPF_H | BPF_ABS, dns + DNS_ARCOUNT);
	put_if_equal(program, 0, NEXT, with_records);
	put_from_end(program, TAIL);
	put_jump(program, end);
	put_if_equal(program, 1, NEXT, program->walk);
	put_from_end(program, TAIL + OPT);
	put(program, BPF_LD | BPF_W | BPF_IND, TAIL); /* the root, the type, half of the size */
	put(program, BPF_ALU | BPF_AND | BPF_K, 0xffffff00);
	put_if_equal(program, TYPE_OPT << 8, NEXT, program->walk);
	put(program, BPF_LD | BPF_H | BPF_IND, TAIL + OPT_RDLEN);
	put_if_equal(program, 0, NEXT, program->walk);
	put(program, BPF_LD | BPF_W | BPF_IND, 0);
	put_jump(program, program->types);
}

static void put_walk(struct program *program, uint32_t dns, unsigned steps)
{
	put(program, BPF_LDX | BPF_W | BPF_IMM, dns + DNS_HEADER);
	for (; steps > 0; steps--) {
		put(program, BPF_LD | BPF_B | BPF_IND, 0);
		put_if_equal(program, 0, program->candidate + 1, NEXT); /* the empty label */
		put(program, BPF_ALU | BPF_ADD | BPF_X, 0);
		put(program, BPF_ALU | BPF_ADD | BPF_K, 1);
		put(program, BPF_MISC | BPF_TAX, 0);
	}
	put(program, BPF_RET | BPF_K, CANDIDATE);
	put(program, BPF_LD | BPF_W | BPF_IND, 1);
}

size_t filter_build(struct sock_filter program[FILTER_MAX], bool v6, const uint16_t *types,
		    size_t n_types)
{
	const uint32_t dns =
		(v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr)) + sizeof(struct udphdr);
	/* the empty label at the end of each name needs one too */
	const unsigned steps =
		(unsigned)(FILTER_MAX - HEADERS - SHORT_CUT - OTHERS - n_types) / STEP;
	struct program p = { .at = program, .walk = HEADERS + SHORT_CUT };

	p.candidate = p.walk + 1 + STEP * steps;
	p.types = p.candidate + 2;
	p.none = p.types + n_types;
	put_headers(&p, v6);
	put_short_cut(&p, dns);
	put_walk(&p, dns, steps);
	for (size_t i = 0; i < n_types; i++)
		put_if_equal(&p, (uint32_t)types[i] << 16 | CLASS_IN, p.none + 1, NEXT);
	put(&p, BPF_RET | BPF_K, NONE);
	put(&p, BPF_RET | BPF_K, CANDIDATE);
	return p.n;
}
