/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * floor: netlink for the lifecycle bench's floor (floor-netlink.c). Whatever fails ends the
 * program: a floor that is not made whole has no time.
 */
#pragma once

#include <libmnl/libmnl.h>
#include <stdint.h>

#define FLOOR_RUN     "/run/floor"
#define FLOOR_TABLE   "floor"
#define FLOOR_BRIDGE  "floor0"
#define FLOOR_NETWORK 0x0ac10000u /* 10.193.0.0 in host byte order */
#define FLOOR_PREFIX  24
#define FLOOR_MAX     250 /* profiles */

/* Prints the text and errno, exits with 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* rtnetlink messages that go in one sendmsg, each acknowledged. */
struct batch {
	size_t used;
	unsigned count;
	char data[4096] __attribute__((aligned(8)));
};

struct mnl_socket *rtnl_open(unsigned groups);
struct nlmsghdr *batch_add(struct batch *batch, uint16_t type, uint16_t flags);
/* The message that was added last is complete. */
void batch_end(struct batch *batch);
/* Sends, reads all acknowledgements and leaves the batch empty. */
void batch_send(struct batch *batch, struct mnl_socket *socket);
/* Returns when `count` links whose names start with `prefix` are gone; `monitor` must have listened
 * since before they went. */
void rtnl_wait_gone(struct mnl_socket *monitor, const char *prefix, unsigned count);

/* The table with its rules and one element for each profile, in one transaction; and all gone. */
void nft_up(unsigned count);
void nft_down(void);
