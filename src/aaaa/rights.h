/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rights: what nsctl-aaaa gives up before it takes the first packet.
 *
 * Everything it needs is open by then. What is left: packets of its own network namespace, by
 * CAP_NET_ADMIN, which the kernel asks for at each verdict (net/netlink/af_netlink.c,
 * netlink_net_capable); no user's files, no file system, and a few system calls.
 */
#pragma once

#include <sys/types.h>

#include "nsctl/base.h"

/* An empty root, another user without groups, one capability, no way to get others, no file that
 * grows beyond file_size bytes. Before the first thread is started: capabilities are a thread's
 * own. */
int rights_drop(uid_t uid, gid_t gid, size_t file_size, struct error *error);
/* From now on only what the loop needs, for all threads; what else is tried fails (ENOSYS). */
int rights_seal(struct error *error);
