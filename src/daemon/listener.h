/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * listener: a listening UNIX socket in the file system, put there whole, with its owner and mode,
 * in one step; and the one instance per runtime directory.
 */
#pragma once

#include "nsctl/base.h"

/* Makes the runtime directory (0755, ours alone) and takes its lock: the descriptor holds it.
 * -EALREADY: another nsctld has it. */
int listener_lock(const char *runtime, int *ret_fd, struct error *error);
/* Removes the lock and, when nothing is left in it, the directory; the descriptor is still open. */
void listener_unlock(const char *runtime);
/* Listens at path, for everybody or for root and `group` only. A dead socket there is replaced; a
 * live one, or what is no socket, is left alone and an error. */
int listener_open(const char *path, bool restricted, gid_t group, int *ret_fd, struct error *error);
/* Changes who may connect to the socket at path. */
int listener_set_access(const char *path, bool restricted, gid_t group, struct error *error);
/* Does something answer there? */
bool listener_answers(const char *path);
