/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests that change what is the machine's: with root they run in a network and mount namespace
 * of their own, with a /run of their own, without root they are skipped (exit status 77).
 */
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "unit.h"

static inline void private_or_skip(void)
{
	if (geteuid() != 0) {
		fprintf(stderr, "skipped: needs root, for it makes namespaces\n");
		exit(77);
	}
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) < 0) {
		fprintf(stderr, "skipped: no namespaces can be made here: %s\n", strerror(errno));
		exit(77);
	}
	if (mount("none", "/", "none", MS_PRIVATE | MS_REC, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=755") < 0) {
		perror("/run");
		exit(1);
	}
}
