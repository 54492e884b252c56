/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsctl-aaaa: answers DNS queries for AAAA at once.
 *
 * All that needs rights is done first: the queue and the sockets are opened, the rules made, the
 * statistics mapped; then rights are dropped, before the first packet. With several queues each has
 * a process, and they end together.
 *
 * At the end, by SIGTERM or SIGINT, the rules go first and what waits in the queue is still
 * answered: not one query is lost. By any other death the kernel takes both away, with what waits.
 */
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "options.h"
#include "respond.h"
#include "rights.h"

#define ANSWER_PRIORITY UINT32_C(0x6e736376) /* by which our answers are known to our rules */

enum { QUEUE_FIRST = 0x6e00, QUEUE_TRIES = 256, EXIT_USAGE = 2 };

/* At the end; nsctld waits a little longer. */
#define DRAIN_USEC 1000000ull

struct program {
	struct options options;
	struct responder responders[OPTIONS_QUEUES_MAX];
	pid_t children[OPTIONS_QUEUES_MAX]; /* of all but the first */
	struct nft *nft;
	struct nft_batch *end; /* takes the rules out: made early, for later nothing is allocated */
	uid_t uid;             /* whose rights to go on with */
	gid_t gid;
	int statistics_fd; /* locked for as long as this runs */
};

/* ---- the end ------------------------------------------------------------------------------ */

static volatile sig_atomic_t ended, asked_to_end;
static int receiving_fd = -1;

/* The next call waits no longer than this, and so does the one after the check of `ended`: a signal
 * between both is not missed. */
static void on_signal(int number)
{
	const struct timeval soon = { .tv_usec = 1000 };
	int kept = errno;

	ended = 1;
	if (number != SIGCHLD)
		asked_to_end = 1;
	setsockopt(receiving_fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	errno = kept;
}

static void catch_signals(int fd)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD };
	const int *number;

	receiving_fd = fd;
	ARRAY_FOREACH(number, signals)
		sigaction(*number, &(struct sigaction){ .sa_handler = on_signal }, NULL);
}

/* ---- the beginning ------------------------------------------------------------------------ */

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

/* One structure for each queue, one after the other. */
static size_t statistics_size(const struct program *program)
{
	return program->options.queues * sizeof(struct aaaa_statistics);
}

static int open_statistics(struct program *program, struct error *error)
{
	size_t size = statistics_size(program);
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
	const char *name = program->options.user;
	const struct passwd *user = getpwnam(name);

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

static int make_rules(struct program *program, struct error *error)
{
	const struct options *options = &program->options;
	const struct rules rules = {
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
	int r = nft_open(&program->nft, error);

	if (r >= 0)
		r = rules_make(program->nft, &rules, error);
	if (r < 0)
		return r;
	program->end = rules_end(program->nft, &rules);
	return program->end ? 0 : error_oom(error);
}

static int prepare(struct program *program, struct error *error)
{
	const struct options *options = &program->options;
	int r;

	if (geteuid() != 0)
		return error_set(error, EPERM, _("must be started by root"));
	r = find_user(program, error);
	if (r >= 0)
		r = open_statistics(program, error);
	if (r >= 0)
		r = check_starter(program, error);
	if (r >= 0)
		r = open_queues(program, error);
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
		queue_set_priority(responder->queue, ANSWER_PRIORITY);
		if (responder->way == RESPOND_BY_SOCKET)
			r = respond_open_sockets(responder, error);
	}
	return r;
}

/* ---- running ------------------------------------------------------------------------------ */

/* No further queries come. */
static void take_rules_out(struct program *program)
{
	struct nft_batch *end = TAKE_PTR(program->end);

	if (end && nft_batch_commit(end, NULL) < 0)
		return; /* they go with the socket */
}

static void end_children(const struct program *program)
{
	for (unsigned i = 0; i < OPTIONS_QUEUES_MAX; i++)
		if (program->children[i] > 0)
			kill(program->children[i], SIGTERM);
}

/* Until a signal; then until the queue is empty. Somebody else's rules may fill it for ever: then
 * what waits after a while goes with it. */
static int respond(struct program *program, struct responder *responder, struct error *error)
{
	uint64_t end;
	int r = 0;

	catch_signals(queue_fd(responder->queue));
	while (r == 0 && !ended)
		r = respond_once(responder);
	take_rules_out(program);
	end_children(program);
	end = now_usec() + DRAIN_USEC;
	while (r == 0 && now_usec() < end)
		r = respond_once(responder);
	return r == 0 || r == -EAGAIN ? 0
				      : error_errno(error, r, _("the queue is of no use any more"));
}

static int run_child(struct program *program, struct responder *responder, pid_t parent)
{
	_cleanup_error_ struct error error = {};
	int r;

	if (program->options.ready_fd) /* the first process's to write and to close */
		close_fd((int)program->options.ready_fd);
	/* a queue is bypassed when the last socket of it is closed: when its own process ends */
	for (unsigned i = 0; i < program->options.queues; i++)
		if (&program->responders[i] != responder)
			program->responders[i].queue = queue_free(program->responders[i].queue);
	r = rights_drop(program->uid, program->gid, statistics_size(program), &error);
	/* behind the drop, which takes it away */
	if (r < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
		return -EPERM;
	r = rights_seal(&error);
	return r < 0 ? r : respond(program, responder, &error);
}

/* A process for each further queue, which ends with this one. */
static int start_children(struct program *program, struct error *error)
{
	for (unsigned i = 1; i < program->options.queues; i++) {
		pid_t parent = getpid(), pid = fork();

		if (pid < 0)
			return error_errno(error, errno, _("can't start a process for a queue"));
		if (pid == 0) {
			memset(program->children, 0, sizeof(program->children));
			_exit(run_child(program, &program->responders[i], parent) < 0);
		}
		program->children[i] = pid;
		program->responders[i].queue = queue_free(program->responders[i].queue);
	}
	return 0;
}

static void tell(const struct program *program, const char *text)
{
	int fd = (int)program->options.ready_fd;

	write_all(fd, text, strlen(text));
	close_fd(fd);
}

static void say_ready(struct program *program)
{
	if (program->options.ready_fd) {
		tell(program, "ready");
		program->options.ready_fd = 0;
		return;
	}
	write_all(STDOUT_FILENO, "ready\n", strlen("ready\n"));
}

/* Of one that ended before its signal could be caught. */
static int check_children(struct error *error)
{
	siginfo_t info = {};

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid)
		return error_set(error, ECHILD, "%s", _("the process of a queue has ended"));
	return 0;
}

static int run(struct program *program, struct error *error)
{
	int r = prepare(program, error), status;

	if (r >= 0)
		r = start_children(program, error);
	/* behind the fork: a table lives as long as anybody has its socket */
	if (r >= 0 && !program->options.no_rules)
		r = make_rules(program, error);
	if (r >= 0)
		r = rights_drop(program->uid, program->gid, statistics_size(program), error);
	if (r >= 0)
		r = rights_seal(error);
	if (r >= 0) {
		catch_signals(queue_fd(program->responders[0].queue));
		r = check_children(error);
	}
	if (r >= 0) {
		say_ready(program);
		r = respond(program, &program->responders[0], error);
	}
	if (r < 0)
		end_children(program);
	while (wait(&status) > 0 || errno == EINTR)
		;
	program->nft = nft_free(program->nft);
	if (r >= 0 && !asked_to_end)
		return error_set(error, ECHILD, _("the process of a queue has ended"));
	return r;
}

int main(int argc, char **argv)
{
	static struct program program;
	_cleanup_error_ struct error error = {};
	int r;

	setlocale(LC_CTYPE, "");
	setlocale(LC_MESSAGES, "");
	bindtextdomain(PACKAGE, LOCALEDIR);
	textdomain(PACKAGE);
	r = options_parse(&program.options, argc, argv, &error);
	if (r >= 0 && program.options.help) {
		options_help(stdout);
		return EXIT_SUCCESS;
	}
	if (r >= 0 && program.options.version) {
		printf("nsctl-aaaa %s\n", PACKAGE_VERSION);
		return EXIT_SUCCESS;
	}
	if (r >= 0)
		r = run(&program, &error);
	if (r >= 0) /* what else would run now has no rights for it */
		_exit(EXIT_SUCCESS);
	if (program.options.ready_fd) {
		tell(&program, error_text(&error));
		_exit(EXIT_FAILURE);
	}
	fprintf(stderr, "nsctl-aaaa: %s\n", error_text(&error));
	if (error.hint)
		fprintf(stderr, "  %s\n", error.hint);
	_exit(error.code == EINVAL ? EXIT_USAGE : EXIT_FAILURE);
}
