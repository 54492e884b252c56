/* SPDX-License-Identifier: GPL-2.0-or-later */
/* filter: a program of the kernel's (classic BPF) that finds the queries worth a look. Pure. */
#pragma once

#include <linux/filter.h>

#include "nsctl/base.h"

enum { FILTER_MAX = 64 }; /* instructions, as many as netfilter takes */

/* Of a packet, from its IP header on: not 0 when it is UDP and its question is of one of the types
 * and class IN. So it is too when the program can't tell: with IP options or extension headers, and
 * for names of very many labels with EDNS options behind them. What has neither a record behind the
 * question nor its end there is malformed, and no candidate. At most sixteen types. Returns its
 * length. */
size_t filter_build(struct sock_filter program[FILTER_MAX], bool v6, const uint16_t *types,
		    size_t n_types);
