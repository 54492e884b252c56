/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aaaa_watch: the live view of a responder. */
#pragma once

#include "cli.h"

/* Until q or Ctrl-C on a terminal, which is then as it was; elsewhere a line a second (an object
 * with `json`), until nobody reads them. Returns 0 or a negative errno. */
int aaaa_watch(struct ipc_connection *connection, const char *profile, bool json,
	       struct error *error);
