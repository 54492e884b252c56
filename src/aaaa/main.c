/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsctl-aaaa: answers DNS queries for AAAA at once.
 *
 * All that needs rights is done first: the queue and the sockets are opened, the rules made, the
 * statistics mapped; then rights are dropped, before the first packet. With several queues each has
 * a process, and they end together.
 *
 * A further process guards them: see guard.h.
 *
 * At the end, by SIGTERM or SIGINT, the rules go first and what waits in the queue is still
 * answered: not one query is lost. By any other death the kernel takes both away, with what waits.
 */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "guard.h"
#include "program.h"
#include "rights.h"

/* At the end; nsctld waits a little longer. */
#define DRAIN_USEC 250000ull

enum { EXIT_USAGE = 2 };

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
		sigaction(*number,
			  &(struct sigaction){ .sa_handler = on_signal, .sa_flags = SA_NOCLDSTOP },
			  NULL);
}

/* ---- running ------------------------------------------------------------------------------ */

/* No further queries come. */
static void take_rules_out(struct program *program)
{
	struct nft_batch *end = TAKE_PTR(program->end);

	if (end && nft_batch_commit(end, NULL) < 0)
		return; /* they go with the socket */
}

/* Those that are stopped too. */
static void end_children(const struct program *program)
{
	if (program->guard > 0)
		kill(program->guard, SIGKILL);
	for (unsigned i = 0; i < OPTIONS_QUEUES_MAX; i++) {
		if (program->children[i] <= 0)
			continue;
		kill(program->children[i], SIGTERM);
		kill(program->children[i], SIGCONT);
	}
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
	r = rights_drop(program->uid, program->gid, program_statistics_size(program), &error);
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
	}
	return 0;
}

/* ---- the guard ---------------------------------------------------------------------------- */

/* Not to be taken for the responder in a list of processes. */
static void change_name(char **argv)
{
	static const char name[] = "nsctl-aaaa (guard)";
	size_t length = 0;

	if (!argv[0]) /* who started us gave no name */
		return;
	for (char **word = argv; *word && *word == argv[0] + length; word++)
		length += strlen(*word) + 1;
	memset(argv[0], 0, length);
	memcpy(argv[0], name, length < sizeof(name) ? length - 1 : sizeof(name) - 1);
	prctl(PR_SET_NAME, "aaaa-guard", 0, 0, 0);
}

static int run_guard(struct program *program, int queues_fd, int ready_fd, pid_t parent)
{
	struct guarded guarded[OPTIONS_QUEUES_MAX] = {};
	struct guard guard = { .queues_fd = queues_fd,
			       .ready_fd = ready_fd,
			       .guarded = guarded,
			       .n_guarded = program->options.queues,
			       .end = program->end };
	_cleanup_error_ struct error error = {};

	if (program->options.ready_fd) /* as run_child does */
		close_fd((int)program->options.ready_fd);
	for (size_t i = 0; i < guard.n_guarded; i++) {
		struct responder *responder = &program->responders[i];

		guarded[i] = (struct guarded){ .queue = responder->queue,
					       .pid = i > 0 ? program->children[i] : parent,
					       .statistics = responder->statistics };
		if (responder->way == RESPOND_BY_SOCKET) {
			close_fd(responder->raw4);
			close_fd(responder->raw6);
		}
	}
	setsid(); /* signals of a terminal are for the responder */
	change_name(program->argv);
	if (rights_drop(program->uid, program->gid, program_statistics_size(program), &error) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || rights_seal(&error) < 0)
		return -EPERM;
	guard_run(&guard);
}

/* Behind all that it has to know; then this process needs its own queue alone. */
static int start_guard(struct program *program, struct error *error)
{
	pid_t parent = getpid();
	_cleanup_close_ int queues_fd = guard_open(error), write_fd = -1;
	int fds[2];

	if (queues_fd < 0)
		return queues_fd;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(error, errno, "%s", _("can't start the guard"));
	program->guard_fd = fds[0];
	write_fd = fds[1];
	program->guard = fork();
	if (program->guard < 0)
		return error_errno(error, errno, "%s", _("can't start the guard"));
	if (program->guard == 0) {
		close_fd(program->guard_fd);
		_exit(run_guard(program, queues_fd, TAKE_FD(write_fd), parent) < 0);
	}
	for (unsigned i = 1; i < program->options.queues; i++)
		program->responders[i].queue = queue_free(program->responders[i].queue);
	return 0;
}

/* It gives up its rights while this process does. */
static int wait_for_guard(struct program *program, struct error *error)
{
	char byte;
	ssize_t n;

	do
		n = read(program->guard_fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	program->guard_fd = close_fd(program->guard_fd);
	return n == 1 ? 0 : error_set(error, ECHILD, "%s", _("the guard has ended"));
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
		return error_set(error, ECHILD, "%s", _("one of its processes has ended"));
	return 0;
}

static int run(struct program *program, struct error *error)
{
	int r = program_prepare(program, error), status;

	if (r >= 0)
		r = start_children(program, error);
	/* behind the fork: a table lives as long as anybody has its socket */
	if (r >= 0 && !program->options.no_rules)
		r = program_make_rules(program, error);
	if (r >= 0)
		r = start_guard(program, error);
	if (r >= 0)
		r = rights_drop(program->uid, program->gid, program_statistics_size(program),
				error);
	if (r >= 0)
		r = wait_for_guard(program, error);
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
		return error_set(error, ECHILD, _("one of its processes has ended"));
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
	program.argv = argv;
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
