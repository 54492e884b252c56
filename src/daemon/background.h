/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * background: nsctld as a daemon of the old kind, for machines without a service manager: the
 * command returns when the socket listens, and says on the terminal what is wrong before that.
 */
#pragma once

#include "nsctl/base.h"

/* Goes on in a child in a session of its own. In the parent it does not return: that waits for
 * background_ready and ends with 0, or with the child's exit status when it ends before. */
int background_enter(int *ret_ready_fd, struct error *error);
/* From here on messages go to the log file; the parent ends. */
int background_ready(int ready_fd, const char *log_path, struct error *error);
