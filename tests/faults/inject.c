/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * inject: kills a program at its N-th call, or lets that call fail.
 *
 *     inject [OPTION…] --pid PID             a running program, until SIGTERM
 *     inject [OPTION…] -- COMMAND…           a new one, in the place of this
 *     inject --list                          the calls, and the errors that each can fail with
 *
 *     --actor ACTOR --call CALL --number N   which call: the N-th CALL of ACTOR
 *     --actor ACTOR --call CALL --every      each of them fails, until SIGTERM
 *     --of WORD                              only those with a path that ends so; of the messages
 *                                            over netlink, those of the type with this number
 *     --do KILL|KILL-SELF|ERRNO              KILL: the program; KILL-SELF: the one that calls
 *     --report FD                            where to say "ready PID" (of the tracer), and "fired"
 *
 * Without --call it counts, and reports "count ACTOR CALL N". Followed are all threads and children
 * as long as they are programs of nsctl (their names begin so): an ACTOR is such a name, with
 * "/thread" for threads of the first process, and "/child" for what was forked and is still the
 * same program. A call "netlink" is one message to the kernel: that one is answered with ERRNO.
 * It stands on ptrace(2): a call that fails is never made, one that is killed at neither.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "inject.h"

#define ACTOR_MAX   48
#define THREADS_MAX 64
#define COUNTS_MAX  512
#define ERESTARTNOINTR                                                                             \
	513 /* include/linux/errno.h: where a lock was another's, not seen by programs */
#define FOLLOWED "nsctl" /* how the names of programs begin that are followed */

struct thread {
	pid_t tid, process; /* tid 0: free */
	char actor[ACTOR_MAX];
	int error;  /* what the call that it is in is to return */
	int number; /* of that call */
	bool again; /* the kernel begins it anew by itself: not another one */
	uint64_t arguments[6];
};

struct injector {
	pid_t root;
	int report_fd;
	const char *actor;
	const struct call *call; /* NULL: only count */
	const char *of;          /* NULL: all */
	unsigned long wanted;
	bool every;
	enum { DO_FAIL, DO_KILL, DO_KILL_SELF } what;
	int error;

	unsigned long seen;
	bool fired;
	uint32_t sequence; /* of the netlink message that was spoilt, 0: none */
	struct thread threads[THREADS_MAX];
	struct {
		char actor[ACTOR_MAX];
		const struct call *call;
		unsigned long n;
	} counts[COUNTS_MAX];
};

static volatile sig_atomic_t asked_to_end;

/* ---- who calls ------------------------------------------------------------------------------ */

static bool read_status(pid_t tid, char name[32], pid_t *ret_process, pid_t *ret_parent)
{
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	file = fopen(path, "re");
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "Name: %31s", name);
		sscanf(line, "Tgid: %d", ret_process);
		sscanf(line, "PPid: %d", ret_parent);
	}
	fclose(file);
	return true;
}

/* Empty: it is no program of ours. */
static void find_actor(const struct injector *injector, struct thread *thread)
{
	char name[32] = "", parent_name[32] = "";
	pid_t parent = 0, dummy;

	thread->actor[0] = '\0';
	if (!read_status(thread->tid, name, &thread->process, &parent) ||
	    strncmp(name, FOLLOWED, strlen(FOLLOWED)) != 0)
		return;
	read_status(parent, parent_name, &dummy, &dummy);
	snprintf(thread->actor, ACTOR_MAX, "%s%s", name,
		 thread->tid == injector->root       ? ""
		 : thread->process == injector->root ? "/thread"
		 : strcmp(name, parent_name) == 0    ? "/child"
						     : "");
}

static struct thread *find_thread(struct injector *injector, pid_t tid)
{
	struct thread *free_one = NULL;

	for (struct thread *t = injector->threads; t < injector->threads + THREADS_MAX; t++) {
		if (t->tid == tid)
			return t;
		if (!t->tid && !free_one)
			free_one = t;
	}
	if (!free_one)
		errx(2, "too many threads");
	*free_one = (struct thread){ .tid = tid, .process = tid };
	find_actor(injector, free_one);
	return free_one;
}

static void report_fired(struct injector *injector)
{
	if (!injector->fired)
		dprintf(injector->report_fd, "fired\n");
	injector->fired = true;
}

/* ---- the call ------------------------------------------------------------------------------- */

static void count(struct injector *injector, const struct thread *thread, const struct call *call,
		  unsigned long n)
{
	for (size_t i = 0; i < COUNTS_MAX; i++) {
		if (!injector->counts[i].call) {
			injector->counts[i].call = call;
			strcpy(injector->counts[i].actor, thread->actor);
		}
		if (injector->counts[i].call == call &&
		    strcmp(injector->counts[i].actor, thread->actor) == 0) {
			injector->counts[i].n += n;
			return;
		}
	}
}

static bool is_wanted(const struct injector *injector, const struct thread *thread,
		      const struct call *call)
{
	return injector->call && (!injector->fired || injector->every) && injector->call == call &&
	       strcmp(injector->actor, thread->actor) == 0 &&
	       (!injector->of || call->number == CALL_NETLINK ||
		tracee_names(thread->tid, thread->arguments, injector->of));
}

static void kill_it(struct injector *injector, pid_t process)
{
	/* it is stopped where it enters the call, and never gets into it */
	kill(process, SIGKILL);
	report_fired(injector);
}

static void fire(struct injector *injector, struct thread *thread)
{
	bool of_root = strncmp(thread->actor, "nsctld", 6) == 0;

	if (injector->what == DO_KILL)
		kill_it(injector, of_root ? injector->root : thread->process);
	else if (injector->what == DO_KILL_SELF)
		kill_it(injector, thread->process);
	else {
		/* a descriptor is gone whatever close(2) says */
		if (thread->number != SYS_close)
			tracee_skip_call(thread->tid);
		thread->error = injector->error;
	}
}

static void on_netlink(struct injector *injector, struct thread *thread)
{
	bool wanted = is_wanted(injector, thread, call_by_name("netlink")) && !injector->sequence;
	unsigned long left = injector->wanted - injector->seen; /* 1: the first of this call */
	int type = wanted && injector->of ? atoi(injector->of) : 0;
	size_t n = netlink_sent(thread->process, thread->number, thread->arguments, type,
				wanted && injector->what == DO_FAIL ? (ssize_t)left - 1 : -1,
				&injector->sequence);

	if (!n)
		return;
	count(injector, thread, call_by_name("netlink"), n);
	if (!wanted)
		return;
	injector->seen += n;
	if (injector->what != DO_FAIL && n >= left)
		fire(injector, thread);
}

static void on_entry(struct injector *injector, struct thread *thread,
		     const struct __ptrace_syscall_info *info)
{
	const struct call *call =
		call_by_number(info->entry.nr, (const uint64_t *)info->entry.args);

	if (thread->again && thread->number == (int)info->entry.nr)
		return;
	thread->number = info->entry.nr;
	thread->error = 0;
	memcpy(thread->arguments, info->entry.args, sizeof(thread->arguments));
	if (!thread->actor[0])
		return;
	if (call)
		count(injector, thread, call, 1);
	if (is_wanted(injector, thread, call) &&
	    (++injector->seen == injector->wanted || injector->every))
		fire(injector, thread);
	else
		on_netlink(injector, thread);
}

static void on_exit_of_call(struct injector *injector, struct thread *thread,
			    const struct __ptrace_syscall_info *info)
{
	thread->again = info->exit.rval == -ERESTARTNOINTR && !thread->error;
	if (thread->error) {
		tracee_set_result(thread->tid, -thread->error);
		thread->error = 0;
		report_fired(injector);
	} else if (injector->sequence &&
		   netlink_answered(thread->process, thread->number, thread->arguments,
				    info->exit.rval, injector->sequence, injector->error)) {
		report_fired(injector);
	}
}

/* ---- stops ---------------------------------------------------------------------------------- */

static void on_call(struct injector *injector, struct thread *thread)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, thread->tid, sizeof(info), &info) <= 0)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		on_entry(injector, thread, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		on_exit_of_call(injector, thread, &info);
	/* it may call itself something else now */
	if (info.op == PTRACE_SYSCALL_INFO_EXIT && thread->number == SYS_prctl)
		find_actor(injector, thread);
}

static bool is_done(const struct injector *injector)
{
	/* the answer to a netlink message may be received more than once */
	return injector->fired && !injector->sequence && !injector->every;
}

/* Left alone in the middle of a call that was skipped, it would find that there is no such call. */
static bool is_in_skipped_call(const struct injector *injector)
{
	for (size_t i = 0; i < THREADS_MAX; i++)
		if (injector->threads[i].tid && injector->threads[i].error)
			return true;
	return false;
}

static void on_stop(struct injector *injector, struct thread *thread, int status)
{
	int event = status >> 16, signal = WSTOPSIG(status);
	unsigned request = is_done(injector) ? PTRACE_CONT : PTRACE_SYSCALL;

	if (signal == (SIGTRAP | 0x80)) {
		on_call(injector, thread);
		signal = 0;
	} else if (event == PTRACE_EVENT_STOP) {
		/* attached, or stopped by a signal */
		if (signal == SIGSTOP || signal == SIGTSTP || signal == SIGTTIN ||
		    signal == SIGTTOU)
			request = PTRACE_LISTEN;
		signal = 0;
	} else if (event) {
		signal = 0;
		if (event == PTRACE_EVENT_EXEC)
			find_actor(injector, thread);
		if (event == PTRACE_EVENT_EXEC && !thread->actor[0] &&
		    thread->tid != injector->root) {
			request = PTRACE_DETACH;
			thread->tid = 0;
		}
	}
	ptrace(request, thread->tid ? thread->tid : thread->process, 0, signal);
}

/* Until the program has ended, or there is nothing more to do with it: then it goes on alone. */
static void follow(struct injector *injector)
{
	int status;

	while ((!asked_to_end || is_in_skipped_call(injector)) && !is_done(injector)) {
		pid_t tid = waitpid(-1, &status, __WALL);

		if (tid < 0 && errno != EINTR)
			break;
		if (tid < 0)
			continue;
		if (WIFSTOPPED(status))
			on_stop(injector, find_thread(injector, tid), status);
		else
			find_thread(injector, tid)->tid = 0;
	}
}

/* ---- the start ------------------------------------------------------------------------------ */

static const long trace_options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
				  PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;

static int attach(pid_t tid)
{
	return ptrace(PTRACE_SEIZE, tid, 0, trace_options) < 0 ||
			       ptrace(PTRACE_INTERRUPT, tid, 0, 0) < 0
		       ? -errno
		       : 0;
}

/* All its threads, and its children; what starts meanwhile is followed from what starts it, and
 * what has just ended is none of them. */
static void attach_family(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	DIR *directory;
	FILE *children;
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	directory = opendir(path);
	if (!directory)
		return;
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.')
			attach(atoi(entry->d_name));
	closedir(directory);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	children = fopen(path, "re");
	while (children && fscanf(children, "%d", &child) == 1)
		attach_family(child);
	if (children)
		fclose(children);
}

static void attach_root(const struct injector *injector)
{
	int r = attach(injector->root);

	if (r < 0)
		errx(2, "can't trace %d: %s", injector->root, strerror(-r));
}

static void attach_all(struct injector *injector)
{
	attach_root(injector);
	attach_family(injector->root);
	dprintf(injector->report_fd, "ready %d\n", getpid());
}

/* The tracer is a grandchild, so that the command is the process that was started here: its parent
 * sees its end, and it has no child that it does not know. Returns in the tracer only. */
static void start(struct injector *injector, char **command)
{
	int gate[2];
	char byte = 0;
	pid_t child;

	injector->root = getpid();
	if (pipe(gate) < 0 || (child = fork()) < 0)
		err(2, "can't start %s", command[0]);
	if (child > 0) {
		close(gate[1]);
		waitpid(child, NULL, 0);
		if (read(gate[0], &byte, 1) < 1)
			errx(2, "no tracer");
		close(gate[0]);
		close(injector->report_fd);
		execvp(command[0], command);
		err(127, "%s", command[0]);
	}
	if (setsid() < 0 || fork() != 0)
		_exit(0);
	close(gate[0]);
	attach_root(injector);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fd != injector->report_fd)
			close(fd);
	dprintf(injector->report_fd, "ready %d\n", getpid());
	if (write(gate[1], &byte, 1) < 1)
		_exit(2);
	close(gate[1]);
}

static void list(void)
{
	for (const struct call *call = calls; call->name; call++)
		printf("%s %s\n", call->name, call->errors);
	exit(0);
}

static void parse_what(struct injector *injector, const char *word)
{
	if (strcmp(word, "KILL") == 0)
		injector->what = DO_KILL;
	else if (strcmp(word, "KILL-SELF") == 0)
		injector->what = DO_KILL_SELF;
	else if (!(injector->error = errno_by_name(word)))
		errx(2, "%s: no such error", word);
}

static void parse(struct injector *injector, int argc, char **argv)
{
	static const struct option options[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "actor", required_argument, NULL, 'a' },
		{ "call", required_argument, NULL, 'c' },
		{ "number", required_argument, NULL, 'n' },
		{ "of", required_argument, NULL, 'o' },
		{ "every", no_argument, NULL, 'e' },
		{ "do", required_argument, NULL, 'd' },
		{ "report", required_argument, NULL, 'r' },
		{ "list", no_argument, NULL, 'l' },
		{},
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) >= 0) {
		switch (c) {
		case 'p':
			injector->root = atoi(optarg);
			break;
		case 'a':
			injector->actor = optarg;
			break;
		case 'n':
			injector->wanted = strtoul(optarg, NULL, 10);
			break;
		case 'o':
			injector->of = optarg;
			break;
		case 'e':
			injector->every = true;
			break;
		case 'd':
			parse_what(injector, optarg);
			break;
		case 'r':
			injector->report_fd = atoi(optarg);
			break;
		case 'l':
			list();
			break;
		case 'c':
			injector->call = call_by_name(optarg);
			if (!injector->call)
				errx(2, "%s: no such call", optarg);
			break;
		default:
			exit(2);
		}
	}
	if (injector->call && (!injector->actor || !(injector->wanted || injector->every)))
		errx(2, "--call needs --actor, and --number or --every");
	if (injector->every && (!injector->error || injector->call->number == CALL_NETLINK))
		errx(2, "--every is for system calls that fail");
}

static void on_end(int signal)
{
	(void)signal;
	asked_to_end = 1;
}

int main(int argc, char **argv)
{
	static struct injector injector = { .report_fd = STDERR_FILENO };
	struct sigaction action = { .sa_handler = on_end };

	if (!tracee_is_known())
		errx(77, "the registers of this processor are not known");
	parse(&injector, argc, argv);
	sigaction(SIGTERM, &action, NULL);
	if (injector.root)
		attach_all(&injector);
	else if (optind < argc)
		start(&injector, argv + optind);
	else
		errx(2, "give --pid PID or a command");
	follow(&injector);
	for (size_t i = 0; i < COUNTS_MAX && injector.counts[i].call && !injector.call; i++)
		dprintf(injector.report_fd, "count %s %s %lu\n", injector.counts[i].actor,
			injector.counts[i].call->name, injector.counts[i].n);
	return 0;
}
