/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsctl-session as nsctld starts it: a real socket, a real sealed request, real namespaces, a real
 * drop. Needs root, and is skipped without.
 */
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

#include <cmocka.h>

#include "nsctl/session.h"

#define USER     54321
#define GROUP    54322
#define PATIENCE 20000 /* ms: an event that has not come by then never will */
#define SEALS    (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static char *environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "A=b c", NULL };
static gid_t groups[] = { 7, 54323 };

struct run {
	struct session_request request;
	int seals, namespace_fd;
	int in;      /* stdin; -1: /dev/null */
	bool silent; /* the caller sends no descriptors */
	enum session_terminal terminal;
	int master; /* of its terminal */
	pid_t leader;
	int connection, out; /* our ends */
	struct session_message message;
	char text[4096], output[65536];
	size_t n_output;
};

/* ---- starting it ------------------------------------------------------------------------ */

static struct run prepare(char **arguments)
{
	return (struct run){
		.request = {
			.uid = USER,
			.gid = GROUP,
			.groups = groups,
			.n_groups = ARRAY_SIZE(groups),
			.umask = 027,
			.nice = 3,
			.directory = "/",
			.arguments = arguments,
			.environment = environment,
			.profile = "test",
		},
		.seals = SEALS,
		.namespace_fd = -1,
		.in = -1,
	};
}

static void place(int fd, int where)
{
	if (fd == where ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, where) < 0)
		_exit(99);
}

/* Capabilities that would come back through files that have them. */
static void keep_inheritable(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data) < 0)
		_exit(97);
	for (size_t i = 0; i < ARRAY_SIZE(data); i++)
		data[i].inheritable = data[i].permitted;
	if (syscall(SYS_capset, &header, data) < 0)
		_exit(97);
}

/* As nsctld does it; 60, where nothing is in the way. */
static void become_starter(int socket_fd)
{
	int null_fd = open("/dev/null", O_RDWR), fd = fcntl(socket_fd, F_DUPFD, 60);

	for (int i = 0; i < SESSION_FD_STARTER; i++)
		place(null_fd, i);
	place(fd, SESSION_FD_STARTER);
	/* one more than there should be: it must not reach the command */
	place(null_fd, 40);
	/* nor may what it ignores */
	signal(SIGUSR1, SIG_IGN);
	keep_inheritable();
	execl(SESSION_PROGRAM, "nsctl-session", NULL);
	_exit(98);
}

static int starter_fd;
static pid_t starter;

static int start_starter(void **state _unused_)
{
	int sockets[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
	starter = fork();
	assert_true(starter >= 0);
	if (starter == 0)
		become_starter(sockets[1]);
	close(sockets[1]);
	starter_fd = sockets[0];
	return 0;
}

/* It ends by itself when nobody can want anything of it. */
static int end_starter(void **state _unused_)
{
	int status = 0;

	close(starter_fd);
	assert_int_equal(waitpid(starter, &status, 0), starter);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int request_file(const struct run *run)
{
	int fd = memfd_create("request", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	_cleanup_free_ void *data = NULL;
	size_t length;

	assert_true(fd >= 0);
	assert_int_equal(session_request_encode(&run->request, &data, &length), 0);
	assert_int_equal(write_all(fd, data, length), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, run->seals), 0);
	return fd;
}

/* A first message as a caller may make it up. */
static void send_fds(const struct run *run, uint16_t type, uint16_t length, size_t n)
{
	struct session_message message = { .type = type, .length = length };
	int fds[4] = {}; /* our 0, n times */

	assert_int_equal(send_with_fds(run->connection, &message, sizeof(message), fds, n, 0),
			 sizeof(message));
}

/* A process that has it for its controlling terminal, as the user's shell has the user's. */
static pid_t owner_of_terminal(int master)
{
	int slave, ready[2];
	pid_t pid;
	char byte;

	assert_int_equal(unlockpt(master), 0);
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setsid() > 0 && ioctl(slave, TIOCSCTTY, 0) == 0 && write(ready[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	close(slave);
	return pid;
}

/* As the caller does it. */
static void send_stdio(const struct run *run, int out)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int fds[] = { run->in >= 0 ? run->in : null_fd, out, out };

	assert_true(null_fd >= 0);
	if (!run->silent)
		assert_int_equal(
			session_send_stdio(run->connection, fds, run->terminal, run->master), 0);
	close(null_fd);
}

/* What its caller has is what this process has. */
static struct session_inheritance own_inheritance(void)
{
	struct session_inheritance own = { .login_uid = UINT32_MAX };

	for (int i = 0; i < (int)RLIM_NLIMITS; i++)
		assert_int_equal(getrlimit(i, &own.limits[i]), 0);
	assert_int_equal(scheduling_of_child(0, &own.scheduling), 0);
	return own;
}

static pid_t start_session(const struct run *run, int connection, int request)
{
	static uint64_t last_id;
	struct session_start start = {
		.id = ++last_id,
		.n_namespaces = run->namespace_fd >= 0,
		.inheritance = own_inheritance(),
	};
	struct session_started started;
	int fds[] = { connection, request, run->namespace_fd }, pidfd;
	size_t n_fds = 1;

	assert_int_equal(
		send_with_fds(starter_fd, &start, sizeof(start), fds, 2 + start.n_namespaces, 0),
		sizeof(start));
	assert_int_equal(receive_with_fds(starter_fd, &started, sizeof(started), &pidfd, &n_fds, 0),
			 sizeof(started));
	assert_int_equal(started.id, last_id);
	assert_int_equal(started.code, 0);
	assert_int_equal(n_fds, 1);
	close(pidfd);
	return started.pid;
}

static void start(struct run *run)
{
	int sockets[2], pipes[2], request = request_file(run);

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	run->leader = start_session(run, sockets[1], request);
	run->connection = sockets[0];
	send_stdio(run, pipes[1]);
	close(sockets[1]); /* only now: a leader that refuses at once must not fail the sending */
	close(pipes[1]);
	close(request);
	run->out = pipes[0];
}

/* ---- watching it ------------------------------------------------------------------------ */

static void await(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&poll_fd, 1, PATIENCE), 1);
}

static void read_exactly(int fd, void *data, size_t length)
{
	char *p = data;

	while (length) {
		ssize_t n;

		await(fd);
		n = read(fd, p, length);
		assert_true(n > 0);
		p += n;
		length -= n;
	}
}

static void expect(struct run *run, enum session_message_type type, int value)
{
	read_exactly(run->connection, &run->message, sizeof(run->message));
	assert_true(run->message.length < sizeof(run->text));
	read_exactly(run->connection, run->text, run->message.length);
	run->text[run->message.length] = '\0';
	if (run->message.type != type || run->message.value != value)
		fail_msg("message %u %d \"%s\" instead of %u %d", run->message.type,
			 run->message.value, run->text, type, value);
}

static pid_t expect_start(struct run *run)
{
	read_exactly(run->connection, &run->message, sizeof(run->message));
	assert_int_equal(run->message.type, SESSION_STARTED);
	assert_true(run->message.value > 1);
	return run->message.value;
}

/* Everything the command has written, until nobody has its stdout open any more. */
static const char *output_to_end(struct run *run)
{
	for (;;) {
		ssize_t n;

		await(run->out);
		n = read(run->out, run->output + run->n_output,
			 sizeof(run->output) - run->n_output - 1);
		assert_true(n >= 0);
		if (n == 0)
			break;
		run->n_output += n;
	}
	run->output[run->n_output] = '\0';
	return run->output;
}

/* The command has said that it is ready by writing a line. */
static void await_line(struct run *run)
{
	char c = '\0';

	while (c != '\n')
		read_exactly(run->out, &c, 1);
}

static void send_message(struct run *run, uint16_t type, int value)
{
	struct session_message message = { .type = type, .value = value };

	assert_int_equal(write_all(run->connection, &message, sizeof(message)), 0);
}

/* The session has ended by itself; returns its exit status. */
static int end(struct run *run)
{
	int status = 0;

	if (run->connection >= 0)
		close(run->connection);
	close(run->out);
	assert_int_equal(waitpid(run->leader, &status, 0), run->leader);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static const char *output_of(struct run *run)
{
	start(run);
	expect_start(run);
	expect(run, SESSION_EXITED, 0);
	output_to_end(run);
	end(run);
	return run->output;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}

#define SHELL(script) ((char *[]){ "sh", "-c", script, NULL })

/* ---- identity --------------------------------------------------------------------------- */

static void command_is_the_caller_and_nothing_more(void **state _unused_)
{
	struct run run = prepare((char *[]){ "cat", "/proc/self/status", NULL });
	const char *status;

	run.request.ignored = UINT64_C(1) << (SIGHUP - 1);
	status = output_of(&run);
	assert_has(status, "\nUid:\t54321\t54321\t54321\t54321\n");
	assert_has(status, "\nGid:\t54322\t54322\t54322\t54322\n");
	assert_has(status, "\nGroups:\t7 54323 \n");
	assert_has(status, "\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
			   "CapEff:\t0000000000000000\n");
	assert_has(status, "\nCapAmb:\t0000000000000000\n");
	assert_has(status, "\nNoNewPrivs:\t0\n");
	assert_has(status, "\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000001\n");
}

static void rights_of_root_cannot_be_got_back(void **state _unused_)
{
	struct run run = prepare(SHELL("setpriv --reuid=0 true && echo root; setpriv "
				       "--clear-groups true && echo groups; true"));

	assert_null(strstr(output_of(&run), "root\n"));
	assert_null(strstr(run.output, "groups\n"));
}

static void command_has_exactly_three_descriptors(void **state _unused_)
{
	struct run run = prepare(SHELL("ls /proc/$$/fd; :"));

	assert_string_equal(output_of(&run), "0\n1\n2\n");
}

static void environment_is_the_requests_with_the_profile(void **state _unused_)
{
	struct run run = prepare((char *[]){ "env", NULL });

	assert_string_equal(output_of(&run),
			    "PATH=/usr/local/bin:/usr/bin:/bin\nA=b c\nNSCTL_PROFILE=test\n");
}

static void mask_nice_and_directory_are_the_requests(void **state _unused_)
{
	struct run run = prepare(SHELL("umask; nice; pwd"));

	run.request.directory = "/usr";
	assert_string_equal(output_of(&run), "0027\n3\n/usr\n");
}

static void command_leads_a_group_in_the_leaders_session(void **state _unused_)
{
	/* of its own process: pid, process group, session */
	struct run run = prepare(SHELL("ps -o pid=,pgid=,sid= -p $$"));
	int pid, group, session;

	assert_int_equal(sscanf(output_of(&run), "%d %d %d", &pid, &group, &session), 3);
	assert_int_equal(pid, group);
	assert_int_equal(session, run.leader);
}

/* This program as the command: the caller may not be able to reach it by its path. */
static int print_keyring(void)
{
	printf("%ld\n", syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
	return 0;
}

static void session_keyring_is_not_roots(void **state _unused_)
{
	struct run run = prepare((char *[]){ "/proc/self/fd/0", "--print-keyring", NULL });
	long ours = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);

	if (ours < 0)
		skip();
	run.in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_true(atol(output_of(&run)) > 0);
	assert_int_not_equal(atol(run.output), ours);
	close(run.in);
}

static void leader_cannot_be_traced_by_the_caller(void **state _unused_)
{
	struct run run = prepare(SHELL("sleep 1000"));
	char path[64];
	struct stat st;

	start(&run);
	expect_start(&run);
	snprintf(path, sizeof(path), "/proc/%d/status", run.leader);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, 0); /* of a dumpable one it would be USER */
	send_message(&run, SESSION_SIGNAL, SIGKILL);
	expect(&run, SESSION_KILLED, SIGKILL);
	end(&run);
}

/* ---- namespaces -------------------------------------------------------------------------- */

static int new_network(void)
{
	_cleanup_close_ int before = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd;

	assert_true(before >= 0);
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(setns(before, CLONE_NEWNET), 0);
	assert_true(fd >= 0);
	return fd;
}

static void command_is_in_the_network_it_was_given(void **state _unused_)
{
	struct run run = prepare((char *[]){ "readlink", "/proc/self/ns/net", NULL });
	char wanted[64];
	struct stat st;

	run.namespace_fd = new_network();
	run.request.network_namespace = true;
	assert_int_equal(fstat(run.namespace_fd, &st), 0);
	snprintf(wanted, sizeof(wanted), "net:[%lu]\n", st.st_ino);
	assert_string_equal(output_of(&run), wanted);
	close(run.namespace_fd);
}

static void namespace_of_the_wrong_kind_stops_the_command(void **state _unused_)
{
	struct run run = prepare(SHELL("echo must not run"));

	run.namespace_fd = new_network();
	run.request.mount_namespace = true;
	start(&run);
	expect(&run, SESSION_FAILED, 125);
	assert_has(run.text, "mount namespace");
	assert_string_equal(output_to_end(&run), "");
	assert_int_equal(end(&run), 125);
	close(run.namespace_fd);
}

static void missing_namespace_stops_the_command(void **state _unused_)
{
	struct run run = prepare(SHELL("echo must not run"));

	run.request.network_namespace = true;
	start(&run);
	expect(&run, SESSION_FAILED, 125);
	assert_string_equal(output_to_end(&run), "");
	end(&run);
}

/* ---- what is refused ---------------------------------------------------------------------- */

static void request_that_is_not_sealed_is_refused(void **state _unused_)
{
	static const int missing[] = { F_SEAL_WRITE, F_SEAL_GROW, F_SEAL_SHRINK };
	const int *seal;

	ARRAY_FOREACH(seal, missing) {
		struct run run = prepare(SHELL("echo must not run"));

		run.seals = SEALS & ~*seal & ~F_SEAL_SEAL;
		start(&run);
		expect(&run, SESSION_FAILED, 125);
		assert_has(run.text, "not sealed");
		assert_string_equal(output_to_end(&run), "");
		end(&run);
	}
}

/* R15: exactly three, and with the right message. */
static void anything_but_three_descriptors_is_refused(void **state _unused_)
{
	static const struct {
		uint16_t type, length;
		size_t n;
	} first[] = {
		{ SESSION_STDIO, 0, 0 }, { SESSION_STDIO, 0, 2 },  { SESSION_STDIO, 0, 4 },
		{ SESSION_STDIO, 8, 3 }, { SESSION_SIGNAL, 0, 3 }, { SESSION_SIGNAL, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
		struct run run = prepare(SHELL("echo must not run"));

		run.silent = true;
		start(&run);
		send_fds(&run, first[i].type, first[i].length, first[i].n);
		expect(&run, SESSION_FAILED, 125);
		assert_string_equal(output_to_end(&run), "");
		assert_int_equal(end(&run), 125);
	}
}

/* R6 */
static void terminal_that_is_no_new_pty_is_not_taken(void **state _unused_)
{
	static const struct {
		enum session_terminal terminal;
		bool pty, in_use;
	} offers[] = {
		{ SESSION_TERMINAL_FOREGROUND, false, false },
		{ SESSION_TERMINAL_FOREGROUND, true, true },
		{ SESSION_TERMINAL_BACKGROUND, true, true },
		{ SESSION_TERMINAL_FOREGROUND + 1, true, false },
		{ -1, true, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(offers); i++) {
		struct run run = prepare(SHELL("echo must not run"));
		int master = offers[i].pty ? posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)
					   : open("/dev/null", O_RDWR | O_CLOEXEC);
		pid_t owner = offers[i].in_use ? owner_of_terminal(master) : 0;

		assert_true(master >= 0);
		run.terminal = offers[i].terminal;
		run.master = master;
		start(&run);
		expect(&run, SESSION_FAILED, 125);
		assert_string_equal(output_to_end(&run), "");
		assert_int_equal(end(&run), 125);
		if (owner) {
			pid_t session = 0;

			assert_int_equal(ioctl(master, TIOCGSID, &session), 0);
			assert_int_equal(session, owner);
			kill(owner, SIGKILL);
			waitpid(owner, NULL, 0);
		}
		close(master);
	}
}

/* The two numbers that the command says: its group, and that in the foreground of its terminal. */
static void new_terminal_is_the_commands(void **state _unused_)
{
	static const enum session_terminal terminals[] = { SESSION_TERMINAL_BACKGROUND,
							   SESSION_TERMINAL_FOREGROUND };
	const enum session_terminal *terminal;

	ARRAY_FOREACH(terminal, terminals) {
		struct run run = prepare(SHELL("cut -d' ' -f5,8 /proc/$$/stat"));
		int group = 0, foreground = 0;

		run.terminal = *terminal;
		run.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		assert_true(run.master >= 0 && unlockpt(run.master) == 0);
		start(&run);
		assert_int_equal(sscanf(output_to_end(&run), "%d %d", &group, &foreground), 2);
		assert_true(foreground > 0);
		assert_int_equal(group == foreground, *terminal == SESSION_TERMINAL_FOREGROUND);
		end(&run);
		close(run.master);
	}
}

static void caller_that_goes_before_it_sent_any_starts_nothing(void **state _unused_)
{
	struct run run = prepare(SHELL("echo must not run"));

	run.silent = true;
	start(&run);
	run.connection = close_fd(run.connection);
	assert_string_equal(output_to_end(&run), "");
	assert_int_equal(end(&run), 125);
}

static void directory_is_entered_with_the_callers_rights(void **state _unused_)
{
	char directory[] = "/tmp/nsctl-session-XXXXXX";
	struct run run = prepare(SHELL("echo must not run"));

	assert_non_null(mkdtemp(directory)); /* root's, mode 700 */
	run.request.directory = directory;
	start(&run);
	expect(&run, SESSION_FAILED, 125);
	assert_has(run.text, directory);
	assert_string_equal(output_to_end(&run), "");
	end(&run);
	rmdir(directory);
}

static void command_that_is_not_there_is_127(void **state _unused_)
{
	struct run run = prepare((char *[]){ "no-such-command", NULL });

	start(&run);
	expect(&run, SESSION_FAILED, 127);
	assert_string_equal(run.text, "can't run no-such-command: command not found");
	end(&run);
}

static void command_is_looked_for_in_the_requests_path(void **state _unused_)
{
	char *elsewhere[] = { "PATH=/nonexistent", NULL };
	struct run run = prepare((char *[]){ "env", NULL });

	run.request.environment = elsewhere;
	start(&run);
	expect(&run, SESSION_FAILED, 127);
	end(&run);
}

/* A directory in PATH that the caller may not search says EACCES for every name. */
static void closed_directory_in_path_hides_nothing(void **state _unused_)
{
	char directory[] = "/tmp/nsctl-session-XXXXXX";
	_cleanup_free_ char *path = NULL;
	char *elsewhere[2] = {};
	struct run run = prepare((char *[]){ "no-such-command", NULL });

	assert_non_null(mkdtemp(directory));
	elsewhere[0] = path = str_format("PATH=/usr/bin:%s", directory);
	run.request.environment = elsewhere;
	start(&run);
	expect(&run, SESSION_FAILED, 127);
	end(&run);
	rmdir(directory);
}

static void command_that_cannot_be_run_is_126(void **state _unused_)
{
	struct run run = prepare((char *[]){ "/etc/passwd", NULL });

	start(&run);
	expect(&run, SESSION_FAILED, 126);
	assert_has(run.text, "/etc/passwd: Permission denied");
	end(&run);
}

/* ---- its life ------------------------------------------------------------------------------ */

static void exit_status_is_reported(void **state _unused_)
{
	struct run run = prepare(SHELL("exit 7"));

	start(&run);
	expect_start(&run);
	expect(&run, SESSION_EXITED, 7);
	assert_int_equal(end(&run), 0);
}

static void death_by_signal_is_reported(void **state _unused_)
{
	struct run run = prepare(SHELL("kill -USR1 $$"));

	start(&run);
	expect_start(&run);
	expect(&run, SESSION_KILLED, SIGUSR1);
	end(&run);
}

static void signals_reach_the_command(void **state _unused_)
{
	struct run run =
		prepare(SHELL("trap 'exit 9' INT; echo ready; while :; do sleep 0.05; done"));

	start(&run);
	expect_start(&run);
	await_line(&run);
	send_message(&run, SESSION_SIGNAL, SIGINT);
	expect(&run, SESSION_EXITED, 9);
	end(&run);
}

static void ignored_signal_stays_ignored(void **state _unused_)
{
	struct run run = prepare(SHELL("kill -HUP $$; echo alive"));

	run.request.ignored = UINT64_C(1) << (SIGHUP - 1);
	assert_string_equal(output_of(&run), "alive\n");
}

static void stops_and_continues_are_reported(void **state _unused_)
{
	struct run run = prepare((char *[]){ "sleep", "1000", NULL });

	start(&run);
	expect_start(&run);
	/* SIGTSTP is ignored by an orphaned group: the command's is none */
	send_message(&run, SESSION_SIGNAL, SIGTSTP);
	expect(&run, SESSION_STOPPED, SIGTSTP);
	send_message(&run, SESSION_SIGNAL, SIGCONT);
	expect(&run, SESSION_CONTINUED, 0);
	send_message(&run, SESSION_SIGNAL, SIGSTOP);
	expect(&run, SESSION_STOPPED, SIGSTOP);
	send_message(&run, SESSION_SIGNAL, SIGKILL);
	expect(&run, SESSION_KILLED, SIGKILL);
	end(&run);
}

static void pipe_ends_when_the_command_closes_it(void **state _unused_)
{
	struct run run = prepare(SHELL("exec >&- 2>&-; exec sleep 1000"));

	start(&run);
	expect_start(&run);
	assert_string_equal(output_to_end(&run), "");
	send_message(&run, SESSION_SIGNAL, SIGTERM);
	expect(&run, SESSION_KILLED, SIGTERM);
	end(&run);
}

static void command_does_not_outlive_its_caller(void **state _unused_)
{
	static char *scripts[] = {
		"echo ready; exec sleep 1000",
		"trap '' HUP; echo ready; exec sleep 1000",
		"trap '' HUP TERM; echo ready; exec sleep 1000",
	};

	for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
		struct run run = prepare(SHELL(scripts[i]));

		start(&run);
		expect_start(&run);
		await_line(&run);
		run.connection = close_fd(run.connection);
		output_to_end(&run); /* nobody holds it any more */
		end(&run);
	}
}

/* It has to go on to notice, long before it would be killed. */
static void stopped_command_hears_the_hang_up(void **state _unused_)
{
	struct run run = prepare(SHELL("trap 'echo heard; exit' HUP; kill -STOP $$; :"));

	start(&run);
	expect_start(&run);
	expect(&run, SESSION_STOPPED, SIGSTOP);
	run.connection = close_fd(run.connection);
	assert_string_equal(output_to_end(&run), "heard\n");
	end(&run);
}

static void caller_that_talks_nonsense_is_hung_up_on(void **state _unused_)
{
	static const struct session_message nonsense[] = {
		{ .type = 99 },
		{ .type = SESSION_EXITED },
		{ .type = SESSION_SIGNAL, .value = 0 },
		{ .type = SESSION_SIGNAL, .value = -1 },
		{ .type = SESSION_SIGNAL, .value = 1 << 20 },
		{ .type = SESSION_SIGNAL, .length = 4, .value = SIGUSR1 },
	};
	const struct session_message *message;

	ARRAY_FOREACH(message, nonsense) {
		struct run run = prepare((char *[]){ "sleep", "1000", NULL });

		start(&run);
		expect_start(&run);
		assert_int_equal(write_all(run.connection, message, sizeof(*message)), 0);
		output_to_end(&run);
		end(&run);
	}
}

static void leader_that_is_told_to_end_ends_the_command(void **state _unused_)
{
	struct run run = prepare((char *[]){ "sleep", "1000", NULL });

	start(&run);
	expect_start(&run);
	kill(run.leader, SIGTERM);
	expect(&run, SESSION_KILLED, SIGHUP);
	end(&run);
}

static void command_is_hung_up_when_the_leader_is_killed(void **state _unused_)
{
	struct run run = prepare((char *[]){ "sleep", "1000", NULL });
	int status;

	start(&run);
	expect_start(&run);
	kill(run.leader, SIGKILL);
	output_to_end(&run);
	assert_int_equal(waitpid(run.leader, &status, 0), run.leader);
	close(run.connection);
	close(run.out);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command_is_the_caller_and_nothing_more),
		cmocka_unit_test(rights_of_root_cannot_be_got_back),
		cmocka_unit_test(command_has_exactly_three_descriptors),
		cmocka_unit_test(environment_is_the_requests_with_the_profile),
		cmocka_unit_test(mask_nice_and_directory_are_the_requests),
		cmocka_unit_test(command_leads_a_group_in_the_leaders_session),
		cmocka_unit_test(session_keyring_is_not_roots),
		cmocka_unit_test(leader_cannot_be_traced_by_the_caller),
		cmocka_unit_test(command_is_in_the_network_it_was_given),
		cmocka_unit_test(namespace_of_the_wrong_kind_stops_the_command),
		cmocka_unit_test(missing_namespace_stops_the_command),
		cmocka_unit_test(request_that_is_not_sealed_is_refused),
		cmocka_unit_test(anything_but_three_descriptors_is_refused),
		cmocka_unit_test(terminal_that_is_no_new_pty_is_not_taken),
		cmocka_unit_test(new_terminal_is_the_commands),
		cmocka_unit_test(caller_that_goes_before_it_sent_any_starts_nothing),
		cmocka_unit_test(directory_is_entered_with_the_callers_rights),
		cmocka_unit_test(command_that_is_not_there_is_127),
		cmocka_unit_test(command_is_looked_for_in_the_requests_path),
		cmocka_unit_test(closed_directory_in_path_hides_nothing),
		cmocka_unit_test(command_that_cannot_be_run_is_126),
		cmocka_unit_test(exit_status_is_reported),
		cmocka_unit_test(death_by_signal_is_reported),
		cmocka_unit_test(signals_reach_the_command),
		cmocka_unit_test(ignored_signal_stays_ignored),
		cmocka_unit_test(stops_and_continues_are_reported),
		cmocka_unit_test(pipe_ends_when_the_command_closes_it),
		cmocka_unit_test(command_does_not_outlive_its_caller),
		cmocka_unit_test(stopped_command_hears_the_hang_up),
		cmocka_unit_test(caller_that_talks_nonsense_is_hung_up_on),
		cmocka_unit_test(leader_that_is_told_to_end_ends_the_command),
		cmocka_unit_test(command_is_hung_up_when_the_leader_is_killed),
	};

	if (argc == 2 && str_equal(argv[1], "--print-keyring"))
		return print_keyring();
	if (geteuid() != 0) {
		fputs("session-program: needs root\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(tests, start_starter, end_starter);
}
