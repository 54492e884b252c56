/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What nsctl-aaaa opens, binds and maps while it has the right to. */
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <pwd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <time.h>

#include "program.h"

#define ANSWER_PRIORITY UINT32_C(0x6e736376) /* by which our answers are known to our rules */
#define OWN_USER        "nsctl-aaaa"

enum { QUEUE_FIRST = 0x6e00, QUEUE_TRIES = 256, PATIENCE_USEC = 2000000, LOOK_AGAIN_MS = 10 };

/* The lock says that we run, and whose process this is, to whoever looks after us. It would go with
 * any descriptor of the file that is closed: this one stays open. */
static int lock(int fd, const char *path, struct error *error)
{
	const struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_SETLK, &lock) == 0)
		return 0;
	if (errno != EACCES && errno != EAGAIN)
		return error_errno(error, errno, _("can't lock %s"), path);
	return error_set(error, EBUSY, _("%s is another nsctl-aaaa's, which runs"), path);
}

static int open_statistics_file(struct program *program, size_t size, struct error *error)
{
	const char *path = program->options.statistics;
	int fd = path ? open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600)
		      : memfd_create("statistics", MFD_CLOEXEC);
	int r = 0;

	if (fd >= 0 && path)
		r = lock(fd, path, error);
	if (r < 0)
		return r;
	if (fd < 0 || ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)size) < 0)
		return error_errno(error, errno, _("can't write the statistics %s"), path ?: "");
	program->statistics_fd = fd;
	return 0;
}

size_t program_statistics_size(const struct program *program)
{
	return program->options.queues * sizeof(struct aaaa_statistics);
}

static int open_statistics(struct program *program, struct error *error)
{
	size_t size = program_statistics_size(program);
	struct aaaa_statistics *all;
	int r = open_statistics_file(program, size, error);

	if (r < 0)
		return r;
	all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, program->statistics_fd, 0);
	if (all == MAP_FAILED)
		return error_errno(error, errno, "%s", _("can't map the statistics"));
	for (unsigned i = 0; i < program->options.queues; i++) {
		all[i].version = AAAA_STATISTICS_VERSION;
		all[i].size = sizeof(*all);
		all[i].since = time(NULL);
		all[i].magic = AAAA_STATISTICS_MAGIC;
		program->responders[i].statistics = &all[i];
	}
	return 0;
}

/* Who started us and is gone may have been followed by another, who does not know of us: then this
 * ends, if it was before the lock. */
static int check_starter(const struct program *program, struct error *error)
{
	struct pollfd poll_fd = { .fd = (int)program->options.ready_fd };

	if (!program->options.ready_fd)
		return 0;
	if (fcntl(poll_fd.fd, F_SETFD, FD_CLOEXEC) < 0)
		return error_errno(error, errno, "--ready-fd=%u", program->options.ready_fd);
	if (poll(&poll_fd, 1, 0) > 0 && poll_fd.revents & POLLERR)
		return error_set(error, EPIPE, "%s", _("nobody waits for this to be ready"));
	return 0;
}

static int find_user(struct program *program, struct error *error)
{
	const char *name = program->options.user ?: OWN_USER;
	const struct passwd *user = getpwnam(name);

	if (!user && !program->options.user) {
		name = "nobody";
		user = getpwnam(name);
	}
	if (!user || user->pw_uid == 0) {
		error_set(error, EINVAL,
			  user ? _("--user: %s has all rights") : _("--user: there is no %s"),
			  name);
		error_hint(error, _("name one that owns nothing, as nobody"));
		return -EINVAL;
	}
	program->uid = user->pw_uid;
	program->gid = user->pw_gid;
	return 0;
}

/* Binds as many queues as are wanted, one after the other from `first` on. */
static int bind_from(struct program *program, unsigned first, struct error *error)
{
	int r = 0;

	for (unsigned i = 0; i < program->options.queues; i++) {
		r = queue_open(first + i, &program->responders[i].queue, error);
		if (r < 0)
			break;
	}
	for (unsigned i = 0; r < 0 && i < program->options.queues; i++)
		program->responders[i].queue = queue_free(program->responders[i].queue);
	return r;
}

static int open_queues(struct program *program, struct error *error)
{
	unsigned first = program->options.queue;
	int r;

	if (first)
		return bind_from(program, first, error);
	for (first = QUEUE_FIRST; first < QUEUE_FIRST + QUEUE_TRIES; first++) {
		error_clear(error);
		r = bind_from(program, first, error);
		if (r != -EBUSY)
			break;
	}
	program->options.queue = first;
	return r;
}

/* What the kernel does not give to answers in verdicts, rules must not look for. */
static uint32_t priority_of_answers(enum rules_hook hook)
{
	struct utsname system;
	unsigned major, minor;

	if (hook != RULES_OUTPUT)
		return ANSWER_PRIORITY;
	if (uname(&system) < 0 || sscanf(system.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return major > 5 || (major == 5 && minor >= 18) ? ANSWER_PRIORITY : 0;
}

static struct rules rules_of(const struct options *options)
{
	return (struct rules){
		.table = options->table,
		.hook = options->hook,
		.port = options->port,
		.qtypes = options->policy.qtypes,
		.n_qtypes = options->policy.n_qtypes,
		.queue = (uint16_t)options->queue,
		.n_queues = (uint16_t)options->queues,
		.interface = options->interface,
		.from = &options->from_address,
		.priority = priority_of_answers(options->hook),
	};
}

/* The table of one that has ended goes a moment after its lock, and after its guard; with the lock
 * we know that it has. */
static int make_rules_patiently(const struct program *program, const struct rules *rules,
				struct error *error)
{
	uint64_t end = now_usec() + (program->options.statistics ? PATIENCE_USEC : 0);
	int r;

	while ((r = rules_make(program->nft, rules, error)) == -EEXIST && now_usec() < end) {
		error_clear(error);
		poll(NULL, 0, LOOK_AGAIN_MS);
	}
	return r;
}

int program_make_rules(struct program *program, struct error *error)
{
	const struct rules rules = rules_of(&program->options);
	int r = nft_open(&program->nft, error);

	if (r >= 0)
		r = make_rules_patiently(program, &rules, error);
	if (r < 0)
		return r;
	program->end = rules_end(program->nft, &rules);
	return program->end ? 0 : error_oom(error);
}

/* An answer that takes the place of a query goes to who asked by the loopback, and is lost without
 * a word where that is down, as in a network namespace that "ip netns add" has made. */
static int check_loopback(enum rules_hook hook, struct error *error)
{
	struct ifreq request = { .ifr_name = "lo" };
	_cleanup_close_ int fd = -1;

	if (hook != RULES_OUTPUT)
		return 0;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
		return error_errno(error, errno, "%s", _("can't look at the interface lo"));
	if (request.ifr_flags & IFF_UP)
		return 0;
	error_set(error, ENETDOWN, "%s", _("the interface lo is down, by which answers go"));
	error_hint(error, "%s", _("bring it up first: ip link set lo up"));
	return -ENETDOWN;
}

int program_prepare(struct program *program, struct error *error)
{
	const struct options *options = &program->options;
	struct rules rules;
	int r;

	if (geteuid() != 0)
		return error_set(error, EPERM, _("must be started by root"));
	r = check_loopback(options->hook, error);
	if (r >= 0)
		r = find_user(program, error);
	if (r >= 0)
		r = open_statistics(program, error);
	if (r >= 0)
		r = check_starter(program, error);
	if (r >= 0)
		r = open_queues(program, error);
	rules = rules_of(options);
	for (unsigned i = 0; r >= 0 && i < options->queues; i++) {
		struct responder *responder = &program->responders[i];

		/* at once: the first of several may see no packet for long */
		responder->statistics->pid = (uint32_t)getpid();
		responder->statistics->queue = options->queue + i;
		responder->way =
			options->hook == RULES_OUTPUT ? RESPOND_BY_VERDICT : RESPOND_BY_SOCKET;
		responder->port = options->port;
		responder->policy = options->policy;
		responder->priority = ANSWER_PRIORITY;
		queue_set_answers(responder->queue, ANSWER_PRIORITY,
				  !options->no_rules && rules_answers_repeat(&rules));
		if (responder->way == RESPOND_BY_SOCKET)
			r = respond_open_sockets(responder, error);
	}
	return r;
}
