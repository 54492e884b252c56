/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * peer: who is at the other end of a connection.
 *
 * Identity is what the kernel noted when the peer connected. What is read from /proc later holds
 * only if the process still lives afterwards: then its number can't have been given to another.
 */
#pragma once

#include "nsctl/base.h"
#include "nsctl/session.h"

struct peer {
	pid_t pid; /* 0: not visible from here */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t n_groups;
	int pidfd; /* -1: the process had ended already, or is not visible from here */
};

int peer_of_socket(int fd, struct peer *ret);
void peer_clear(struct peer *peer);
bool peer_alive(const struct peer *peer);
bool peer_in_group(const struct peer *peer, gid_t gid);

/* In which surroundings a process lives. */
struct standing {
	struct file_id user_ns, mount_ns, pid_ns, net_ns;
	struct file_id root; /* the directory "/" */
	bool no_new_privs;
	unsigned seccomp;      /* 0: no filter */
	uint64_t capabilities; /* effective */
	uint64_t bounding;     /* those that it or what it executes may ever have */
};

/* Of the peer: -ESRCH when it has ended. */
int peer_standing(const struct peer *peer, struct standing *ret);
/* That part alone: -ESRCH when it has ended. */
int peer_user_namespace(const struct peer *peer, struct file_id *ret);
/* Of this process. */
int own_standing(struct standing *ret);
/* Pure: fills in what /proc/PID/status says; -EBADMSG when a line is missing or odd. */
int standing_parse_status(const char *text, struct standing *standing);

/* Pure: the limits out of /proc/PID/limits (fs/proc/base.c, proc_pid_limits); -EBADMSG unless every
 * one is there. prlimit(2) would want CAP_SYS_RESOURCE, which root in a container may lack. */
int limits_parse(const char *text, struct rlimit limits[RLIM_NLIMITS]);
/* Pure: what /proc/PID/oom_score_adj says; -EBADMSG when it is no such number. */
int oom_score_adj_parse(const char *text, int *ret);
/* What a command inherits from the peer, and the directory of its control group (-1: unknown).
 * -ESRCH when it has ended. */
int peer_inheritance(const struct peer *peer, struct session_inheritance *ret, int *ret_cgroup_fd);
