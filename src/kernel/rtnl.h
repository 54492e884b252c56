/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the rtnetlink adapters share: one request, answered or refused with the kernel's own words.
 */
#pragma once

#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "nsctl/kernel.h"

struct rt {
	struct nl_sock *socket;
};

/* Sends the message (freed) and waits for its acknowledgement: 0 or the kernel's errno, negative.
 * The text of the kernel's extended acknowledgement, where it gave one, goes to `detail` (may be
 * NULL; "" otherwise). */
#define RT_DETAIL_MAX 128
int rt_request(struct rt *rt, struct nl_msg *message, char detail[RT_DETAIL_MAX]);
/* The same, with "text: reason" put into error on failure. */
int rt_request_or(struct rt *rt, struct nl_msg *message, struct error *error, const char *format,
		  ...) _printf_(4, 5);
/* Sends a dump or get request (freed) and calls parse for every answer. */
int rt_query(struct rt *rt, struct nl_msg *message, int (*parse)(struct nl_msg *, void *),
	     void *userdata);
/* About a link (index 0: none), to be completed; NULL: out of memory. */
struct nl_msg *rt_link_message(int type, int family, int index);
/* An RTM_NEWLINK or RTM_DELLINK, to a struct rt_link_info. */
int rt_parse_link_header(const struct nlmsghdr *header, struct rt_link_info *info);
int rt_parse_link(struct nl_msg *message, void *info);
/* The text of an extended acknowledgement, where there is one; header is an NLMSG_ERROR's. */
void rt_read_detail(const struct nlmsghdr *header, char *detail);
/* Adds a request (freed) to a batch: `harmless` is a negative errno that is success, or 0; the text
 * is what an error says ("can't …"). */
void rt_batch_add(struct rt_batch *batch, struct nl_msg *message, int harmless, const char *format,
		  ...) _printf_(4, 5);
