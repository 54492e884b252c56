/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * session: one command run in a profile for an unprivileged caller.
 *
 * nsctld keeps one nsctl-session, the starter, which forks a process for each command: so a command
 * costs a small fork, not the fork of nsctld and another program's start. What it is told is struct
 * session_start and these descriptors, and then nsctld is out of the path:
 *   3 the caller's connection   4 a sealed memfd with the request   5.. the namespaces to join
 * and 0, 1, 2 are /dev/null: the command's own come over the connection, when the caller's rights
 * are all that is left. No descriptor of a caller is ever in the hands of a process of root's,
 * which even closing it could hold up (a socket that lingers, a file of the caller's own file
 * system). On the connection both sides speak struct session_message, whole records of 8 bytes in
 * host byte order (both ends run on one machine).
 */
#pragma once

#include <sys/resource.h>

#include "nsctl/base.h"

#define SESSION_FD_STARTER    3 /* of the starter: to nsctld, SOCK_SEQPACKET */
#define SESSION_FD_CONNECTION 3
#define SESSION_FD_REQUEST    4
#define SESSION_FD_NAMESPACES 5
#define SESSION_NAMESPACES    2         /* at most */
#define SESSION_REQUEST_MAX   (4 << 20) /* bytes of arguments and environment together */
#define SESSION_GROUPS_MAX    65536     /* NGROUPS_MAX of Linux */
#define SESSION_ENCODED_MAX   (SESSION_REQUEST_MAX + 4 * SESSION_GROUPS_MAX + 4096)

/* Exit statuses that are not the command's own. */
enum {
	SESSION_EXIT_FAILED = 125,       /* nsctl failed */
	SESSION_EXIT_NOT_RUNNABLE = 126, /* the command can't be run */
	SESSION_EXIT_NOT_FOUND = 127,    /* there is no such command */
};

enum session_message_type {
	/* caller to session */
	SESSION_SIGNAL = 1, /* value: signal number for the command's process group */
	/* once, before all others, with three descriptors: the command's 0, 1 and 2. value: enum
	 * session_terminal; with a terminal, the fourth descriptor is the master of a new pty */
	SESSION_STDIO = 2,
	SESSION_FOREGROUND = 3, /* value: 1: the command may read its terminal, 0: it may not */
	/* the caller's terminal has gone, and so has the command's; value: 1: the command was in
	 * its foreground and has to end, 0: it only loses it */
	SESSION_HANGUP = 4,
	/* session to caller */
	SESSION_STARTED = 64, /* value: the command's pid */
	SESSION_STOPPED,      /* value: the signal that stopped it, and a flag (below) */
	SESSION_CONTINUED,
	SESSION_EXITED, /* value: exit status; the last message */
	SESSION_KILLED, /* value: signal that killed it; the last message */
	SESSION_FAILED, /* value: exit status to use (125, 126 or 127); a text of `length` bytes
			   follows, in its second line what to do about it */
};

/* Whether the command has a terminal, and starts as its foreground group or as a background one. */
enum session_terminal {
	SESSION_TERMINAL_NONE,
	SESSION_TERMINAL_BACKGROUND,
	SESSION_TERMINAL_FOREGROUND,
};

/* In SESSION_STOPPED: it was in the foreground of its terminal, which is not what it stopped for.
 */
#define SESSION_STOPPED_IN_FOREGROUND (1 << 8)

struct session_message {
	uint16_t type;
	uint16_t length; /* bytes of text behind the record, SESSION_FAILED only */
	int32_t value;
};

/* What to run, and as whom. Strings are borrowed by encode and owned after decode. */
struct session_request {
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t n_groups;
	mode_t umask;
	int nice;
	uint64_t ignored; /* signals that stay ignored in the command: bit N-1 is signal N */
	char *directory;  /* by name, entered after the drop */
	char **arguments; /* at least one */
	char **environment;
	char *profile;
	bool network_namespace,
		mount_namespace; /* which follow from SESSION_FD_NAMESPACES, in this order */
};

/*
 * Pure: the request as bytes and back, bounds-checked. Encoding gives -E2BIG when it is larger than
 * SESSION_REQUEST_MAX, decoding -EBADMSG for whatever is not exactly one request; both refuse
 * (-EINVAL, -EBADMSG) what would not drop privileges as meant: an id of -1, which setresuid(2)
 * takes for "leave it", a request without arguments, a mask or nice value out of range.
 */
int session_request_encode(const struct session_request *request, void **ret, size_t *ret_length);
int session_request_decode(const void *data, size_t length, struct session_request *ret);
void session_request_clear(struct session_request *request);

/*
 * Pure: the first message in a buffer. Returns how many bytes it takes, 0 when it is not complete
 * yet, -EBADMSG when this is no message. *ret_text points into data and is not NUL-terminated (its
 * length is in the message); it may be NULL when the caller expects none.
 */
ssize_t session_message_parse(const void *data, size_t length, struct session_message *ret,
			      const char **ret_text);

/* The caller's first message. master_fd: the new terminal's other end, where there is one. 0 or
 * negative errno. */
int session_send_stdio(int connection_fd, const int fds[3], enum session_terminal terminal,
		       int master_fd);

/* A session's process that has become the user, and leads a session without a terminal: takes stdio
 * and terminal from the connection, runs the command and tells of it until it has ended. A negative
 * `r` says that it did not come so far: then only the error is told. All signals are blocked and
 * have their default dispositions. Of the request only `arguments`, `environment`, `profile` and
 * `ignored` are looked at. Returns the process's exit status. */
int session_lead(const struct session_request *request, int connection_fd, int r,
		 struct error *error);
/* A new session keyring, after the drop: root's must not be seen by the command. */
int session_new_keyring(struct error *error);
/* Becomes the command, looked for in $PATH. Returns only when that failed: negative errno, and 126
 * or 127 in *ret_status. */
int session_execute(char *const *arguments, int *ret_status);

/* ---- what a command inherits from the process that asked for it --------------------------- */

#define SCHEDULING_CPUS 8192 /* as many as Linux can be built for */

/* How a process gets its share of CPUs and disks. */
struct scheduling {
	uint32_t policy, priority; /* SCHED_*; of the real-time policies 1 to 99 */
	int nice;
	int io;             /* as ioprio_get(2) gives it; -1: unknown */
	size_t cpus_length; /* bytes; 0: unknown */
	unsigned long cpus[SCHEDULING_CPUS / (8 * sizeof(unsigned long))];
};

/* What a child of the process would have: not a policy that it has for itself alone (see
 * SCHED_RESET_ON_FORK in sched(7)). Negative errno when it has ended. */
int scheduling_of_child(pid_t pid, struct scheduling *ret);
/* For this process; system calls only. What is not permitted, as to root in a container, is left as
 * it is. */
void scheduling_apply(const struct scheduling *scheduling);

struct session_inheritance {
	struct rlimit limits[RLIM_NLIMITS];
	struct scheduling scheduling;
	int oom_score_adj;  /* who is to be killed first when memory is short: 1000 */
	uint32_t login_uid; /* whose session it is for the audit log; UINT32_MAX: nobody's */
};

/* ---- between nsctld and the starter ------------------------------------------------------- */

/* One packet, and with it the connection, the request, the namespaces, and the directory of the
 * control group to start in if there is one. */
struct session_start {
	uint64_t id; /* comes back in the answer */
	uint32_t n_namespaces;
	uint32_t has_cgroup;
	struct session_inheritance inheritance;
};

/* The answer, one to each, in their order; with it a pidfd if it is running. It is a child of
 * nsctld's, not of the starter's. */
struct session_started {
	uint64_t id;
	int32_t pid;
	int32_t code; /* 0, or the errno of what failed: then the caller has been told */
};
