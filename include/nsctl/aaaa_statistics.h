/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aaaa_statistics: the file in which a responder keeps count, and how others read it.
 *
 * One writer has it mapped and adds to plain numbers; whoever reads takes a copy with pread(2), so
 * that a file which is cut short or changed under way harms nobody. Readers believe nothing: the
 * responder speaks with the network. All is in host byte order and counted since it began.
 */
#pragma once

#include "nsctl/base.h"

#define AAAA_STATISTICS_MAGIC UINT64_C(0x617461647461616e) /* and the version below */
enum {
	AAAA_STATISTICS_VERSION = 1,
	AAAA_KINDS = 32,          /* room for reasons to pass, and for kinds of errors */
	AAAA_CLASSES = 64,        /* of latencies */
	AAAA_SECONDS = 900,       /* of the past */
	AAAA_STATISTICS_MAX = 64, /* structures in a file */
};

/* The words for both, by their index; NULL-terminated. */
extern const char *const aaaa_passed_names[], *const aaaa_error_names[];

/* Why a query was let through. */
enum aaaa_passed {
	AAAA_PASSED_PACKET,    /* fragments, IP options, extension headers, no UDP for the port */
	AAAA_PASSED_RESPONSE,  /* QR is set */
	AAAA_PASSED_OPCODE,    /* no QUERY */
	AAAA_PASSED_COUNTS,    /* not one question, or an answer or authority beside it */
	AAAA_PASSED_NAME,      /* compressed, odd labels, too long */
	AAAA_PASSED_MALFORMED, /* truncated, or bytes behind the end */
	AAAA_PASSED_CLASS,     /* not IN */
	AAAA_PASSED_TYPE,      /* not one of `qtype` */
	AAAA_PASSED_DOMAIN,    /* by `only` and `except` */
	AAAA_PASSED_EDNS,      /* more than one OPT, or of a later version */
	AAAA_PASSED_DNSSEC,    /* DO is set, and `dnssec = pass` */
	AAAA_PASSED_SIGNED,    /* TSIG */
};
/* What went wrong. */
enum aaaa_error {
	AAAA_ERROR_RECEIVE, /* a message of the kernel was not to be read */
	AAAA_ERROR_OVERRUN, /* packets that the kernel could not hand over, and let through */
	AAAA_ERROR_VERDICT, /* refused by the kernel */
	AAAA_ERROR_SEND,    /* an answer could not be sent; the query was let through */
	AAAA_ERROR_EPERM,   /* the same, for the firewall or connection tracking said no */
};

/* Counters of one second: valid while `time` is that second's, in seconds since 1970. */
struct aaaa_statistics_second {
	int64_t time;
	uint32_t answered, passed, errors, unused;
	uint32_t latency[AAAA_CLASSES];
};

struct aaaa_statistics {
	uint64_t magic;
	uint32_t version, size; /* size of this structure */
	int64_t since;          /* when it began, in seconds since 1970 */
	uint32_t pid, queue;    /* whose /proc/PID/net tells of which of the kernel's queues */
	uint64_t seen, answered;
	uint64_t passed[AAAA_KINDS], errors[AAAA_KINDS]; /* by aaaa_passed, aaaa_error */
	uint64_t latency[AAAA_CLASSES], latency_sum_ns;
	struct aaaa_statistics_second seconds[AAAA_SECONDS]; /* at time % AAAA_SECONDS */
};

/* The class of a latency: four to each doubling from 512 ns on, the last one without bound. */
static inline unsigned aaaa_class(uint64_t ns)
{
	unsigned exponent, class;

	if (ns < 512)
		return 0;
	exponent = 63 - (unsigned)__builtin_clzll(ns);
	class = (exponent - 9) * 4 + ((ns >> (exponent - 2)) & 3);
	return class < AAAA_CLASSES ? class : AAAA_CLASSES - 1;
}
/* What lies in the class is shorter than this; of the last class it is meaningless. */
static inline uint64_t aaaa_class_bound_ns(unsigned class)
{
	return (uint64_t)(class % 4 + 5) << (class / 4 + 7);
}

/* A copy of the file, which the caller frees; of several queues, whose structures stand one after
 * the other, the sum. -EBADMSG: it is none, or of another version. */
int aaaa_statistics_read(int fd, struct aaaa_statistics **ret);
