/* SPDX-License-Identifier: GPL-2.0-or-later */
/* activation: what a service manager hands over (sd_listen_fds(3)) and wants to know
 * (sd_notify(3)). */
#pragma once

#include "nsctl/base.h"

/* The listening socket that was handed over, or -1 when none was. Errors: several, or not one that
 * listens. The variables are removed, so that no child takes them for its own. */
int activation_take_socket(int *ret, struct error *error);
/* Closes what nsctld inherited without anybody meaning it: all above stderr but the sockets handed
 * over. Before anything else is opened. */
void activation_close_strays(void);
/* "READY=1\nSTATUS=…"; without $NOTIFY_SOCKET nothing happens. */
void activation_notify(const char *format, ...) _printf_(1, 2);
