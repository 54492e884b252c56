/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ipc: Varlink (https://varlink.org) over a UNIX stream socket: JSON objects, each ended by a NUL
 * byte, and descriptors by SCM_RIGHTS. Both ends stand on this; neither policy nor methods live
 * here.
 */
#pragma once

#include <jansson.h>

#include "nsctl/base.h"

#define IPC_SOCKET      "/run/nsctl/nsctl.sock"
#define IPC_INTERFACE   "org.nsctl.Manager"
#define IPC_MESSAGE_MAX (8 << 20) /* bytes of one message */
#define IPC_FDS_MAX     8         /* descriptors queued on a connection */
