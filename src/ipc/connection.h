/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What client.c needs to know of a connection: is a further reply of its call still to come? */
#pragma once

#include "nsctl/ipc.h"

bool ipc_connection_expects_reply(const struct ipc_connection *connection);
void ipc_connection_expect_reply(struct ipc_connection *connection, bool expected);
