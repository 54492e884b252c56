/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The peer of a connection; see peer.h for what is promised. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "nsctl/base.h"
#include "peer.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif
#define STATUS_MAX (1 << 20) /* with 65536 groups it has 720 KB */

/* ---- identity ------------------------------------------------------------------------- */

static int get_groups(int fd, gid_t **ret, size_t *ret_n)
{
	_cleanup_free_ gid_t *groups = NULL;
	socklen_t length = 64 * sizeof(gid_t), room;

	do { /* the kernel says how much it wants when the room is too small */
		gid_t *grown = realloc(groups, length ? length : 1);

		if (!grown)
			return -ENOMEM;
		groups = grown;
		room = length;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &length) == 0) {
			*ret = TAKE_PTR(groups);
			*ret_n = length / sizeof(gid_t);
			return 0;
		}
	} while (errno == ERANGE && length > room);
	return -errno;
}

/* Without SO_PEERPIDFD (before Linux 6.5) the number may have changed hands already: then uid and
 * groups still are those of who connected. */
static int get_pidfd(int fd, pid_t pid)
{
	int pidfd = -1;
	socklen_t length = sizeof(pidfd);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) == 0)
		return pidfd;
	if (errno != ENOPROTOOPT || pid <= 0)
		return -1;
	return syscall(SYS_pidfd_open, pid, 0);
}

int peer_of_socket(int fd, struct peer *ret)
{
	struct ucred cred;
	socklen_t length = sizeof(cred);
	struct peer peer = {};
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &length) < 0)
		return -errno;
	if (cred.uid == (uid_t)-1 || cred.gid == (gid_t)-1)
		return -EBADMSG;
	r = get_groups(fd, &peer.groups, &peer.n_groups);
	if (r < 0)
		return r;
	peer.pid = cred.pid;
	peer.uid = cred.uid;
	peer.gid = cred.gid;
	peer.pidfd = get_pidfd(fd, cred.pid);
	*ret = peer;
	return 0;
}

void peer_clear(struct peer *peer)
{
	free(peer->groups);
	close_fd(peer->pidfd);
	*peer = (struct peer){ .pidfd = -1 };
}

bool peer_alive(const struct peer *peer)
{
	struct pollfd poll_fd = { .fd = peer->pidfd, .events = POLLIN };

	/* a pidfd is readable once the process has ended */
	return peer->pidfd >= 0 && poll(&poll_fd, 1, 0) == 0;
}

bool peer_in_group(const struct peer *peer, gid_t gid)
{
	if (peer->gid == gid)
		return true;
	for (size_t i = 0; i < peer->n_groups; i++)
		if (peer->groups[i] == gid)
			return true;
	return false;
}

/* ---- surroundings --------------------------------------------------------------------- */

/* The number on the line "NAME:\tNUMBER". */
static int status_number(const char *text, const char *name, int base, uint64_t *ret)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		char *end;

		line += *line == '\n';
		if (strncmp(line, name, length) != 0 || line[length] != ':')
			continue;
		line += length + 1;
		line += strspn(line, " \t");
		if (!isxdigit((unsigned char)*line))
			return -EBADMSG;
		errno = 0;
		*ret = strtoull(line, &end, base);
		return errno || (*end && *end != '\n') ? -EBADMSG : 0;
	}
	return -EBADMSG;
}

int standing_parse_status(const char *text, struct standing *standing)
{
	uint64_t no_new_privs, seccomp, capabilities, bounding;

	if (status_number(text, "NoNewPrivs", 10, &no_new_privs) < 0 ||
	    status_number(text, "Seccomp", 10, &seccomp) < 0 ||
	    status_number(text, "CapEff", 16, &capabilities) < 0 ||
	    status_number(text, "CapBnd", 16, &bounding) < 0)
		return -EBADMSG;
	standing->no_new_privs = no_new_privs;
	standing->seccomp = seccomp;
	standing->capabilities = capabilities;
	standing->bounding = bounding;
	return 0;
}

static int link_target_id(int proc_fd, const char *name, struct file_id *ret)
{
	struct stat st;

	if (fstatat(proc_fd, name, &st, 0) < 0)
		return -errno;
	*ret = (struct file_id){ .dev = st.st_dev, .ino = st.st_ino };
	return 0;
}

static int standing_at(int proc_fd, struct standing *ret)
{
	_cleanup_free_ char *status = NULL;
	struct standing standing = {};
	int r = link_target_id(proc_fd, "ns/user", &standing.user_ns);

	if (r == 0)
		r = link_target_id(proc_fd, "ns/mnt", &standing.mount_ns);
	if (r == 0)
		r = link_target_id(proc_fd, "ns/pid", &standing.pid_ns);
	if (r == 0)
		r = link_target_id(proc_fd, "ns/net", &standing.net_ns);
	if (r == 0)
		r = link_target_id(proc_fd, "root", &standing.root);
	if (r == 0)
		r = file_read(proc_fd, "status", STATUS_MAX, &status, NULL);
	if (r == 0)
		r = standing_parse_status(status, &standing);
	if (r == 0)
		*ret = standing;
	return r;
}

static int open_proc(pid_t pid)
{
	char path[32];
	int fd;

	if (pid <= 0)
		return -ESRCH;
	snprintf(path, sizeof(path), "/proc/%d", pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int peer_standing(const struct peer *peer, struct standing *ret)
{
	_cleanup_close_ int proc_fd = open_proc(peer->pid);
	struct standing standing = {};
	int r;

	if (proc_fd < 0)
		return proc_fd == -ENOENT ? -ESRCH : proc_fd;
	r = standing_at(proc_fd, &standing);
	if (r < 0)
		return r;
	if (!peer_alive(peer))
		return -ESRCH;
	*ret = standing;
	return 0;
}

int peer_user_namespace(const struct peer *peer, struct file_id *ret)
{
	_cleanup_close_ int proc_fd = open_proc(peer->pid);
	struct file_id id;
	int r = proc_fd < 0 ? proc_fd : link_target_id(proc_fd, "ns/user", &id);

	if (r == -ENOENT || (r == 0 && !peer_alive(peer)))
		return -ESRCH;
	if (r == 0)
		*ret = id;
	return r;
}

int own_standing(struct standing *ret)
{
	_cleanup_close_ int proc_fd = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return proc_fd < 0 ? -errno : standing_at(proc_fd, ret);
}

/* ---- what a command inherits ---------------------------------------------------------- */

static const char *const limit_names[RLIM_NLIMITS] = {
	[RLIMIT_CPU] = "Max cpu time",
	[RLIMIT_FSIZE] = "Max file size",
	[RLIMIT_DATA] = "Max data size",
	[RLIMIT_STACK] = "Max stack size",
	[RLIMIT_CORE] = "Max core file size",
	[RLIMIT_RSS] = "Max resident set",
	[RLIMIT_NPROC] = "Max processes",
	[RLIMIT_NOFILE] = "Max open files",
	[RLIMIT_MEMLOCK] = "Max locked memory",
	[RLIMIT_AS] = "Max address space",
	[RLIMIT_LOCKS] = "Max file locks",
	[RLIMIT_SIGPENDING] = "Max pending signals",
	[RLIMIT_MSGQUEUE] = "Max msgqueue size",
	[RLIMIT_NICE] = "Max nice priority",
	[RLIMIT_RTPRIO] = "Max realtime priority",
	[RLIMIT_RTTIME] = "Max realtime timeout",
};

/* A number or "unlimited", and the blanks before it. */
static int limit_value(const char **p, rlim_t *ret)
{
	char *end;

	*p += strspn(*p, " ");
	if (str_starts_with(*p, "unlimited")) {
		*p += strlen("unlimited");
		*ret = RLIM_INFINITY;
		return 0;
	}
	if (!isdigit((unsigned char)**p))
		return -EBADMSG;
	errno = 0;
	*ret = strtoull(*p, &end, 10);
	*p = end;
	return errno ? -EBADMSG : 0;
}

static int limit_parse(const char *text, const char *name, struct rlimit *ret)
{
	size_t length = strlen(name);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, length) != 0)
			continue;
		line += length;
		return limit_value(&line, &ret->rlim_cur) < 0 ? -EBADMSG
							      : limit_value(&line, &ret->rlim_max);
	}
	return -EBADMSG;
}

int limits_parse(const char *text, struct rlimit limits[RLIM_NLIMITS])
{
	for (size_t i = 0; i < RLIM_NLIMITS; i++)
		if (limit_parse(text, limit_names[i], &limits[i]) < 0)
			return -EBADMSG;
	return 0;
}

int oom_score_adj_parse(const char *text, int *ret)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || (*end && *end != '\n') || value < -1000 || value > 1000)
		return -EBADMSG;
	*ret = value;
	return 0;
}

static int read_oom_score_adj(int proc_fd, int *ret)
{
	_cleanup_free_ char *text = NULL;
	int r = file_read(proc_fd, "oom_score_adj", STATUS_MAX, &text, NULL);

	return r < 0 ? r : oom_score_adj_parse(text, ret);
}

/* UINT32_MAX where the kernel has no audit. */
static uint32_t read_login_uid(int proc_fd)
{
	_cleanup_free_ char *text = NULL;
	unsigned long uid;

	if (file_read(proc_fd, "loginuid", STATUS_MAX, &text, NULL) < 0 ||
	    str_to_uint(text, UINT32_MAX, &uid) < 0)
		return UINT32_MAX;
	return uid;
}

int peer_inheritance(const struct peer *peer, struct session_inheritance *ret, int *ret_cgroup_fd)
{
	_cleanup_close_ int proc_fd = open_proc(peer->pid), cgroup_fd = -1;
	_cleanup_free_ char *text = NULL;
	struct session_inheritance inheritance;
	int r;

	if (proc_fd < 0)
		return proc_fd == -ENOENT ? -ESRCH : proc_fd;
	r = file_read(proc_fd, "limits", STATUS_MAX, &text, NULL);
	if (r == 0)
		r = limits_parse(text, inheritance.limits);
	if (r == 0)
		r = read_oom_score_adj(proc_fd, &inheritance.oom_score_adj);
	if (r == 0)
		r = scheduling_of_child(peer->pid, &inheritance.scheduling);
	if (r < 0)
		return r;
	inheritance.login_uid = read_login_uid(proc_fd);
	r = cgroup_open(proc_fd, &cgroup_fd);
	if (!peer_alive(peer))
		return -ESRCH;
	if (r < 0)
		return r;
	*ret_cgroup_fd = TAKE_FD(cgroup_fd);
	*ret = inheritance;
	return 0;
}
