/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fixture of the tests of nsctl-session: plays nsctld, which starts it, and the caller. */
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "session-run.h"

#define PATIENCE 20000 /* ms: an event that has not come by then never will */

static char *environment[] = { "PATH=/usr/local/bin:/usr/bin:/bin", "A=b c", NULL };
static gid_t groups[] = { 7, 54323 };

/* ---- starting it ------------------------------------------------------------------------ */

struct run run_prepare(char **arguments)
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

int start_starter(void **state _unused_)
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
int end_starter(void **state _unused_)
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
void run_send_fds(const struct run *run, uint16_t type, uint16_t length, size_t n)
{
	struct session_message message = { .type = type, .length = length };
	int fds[4] = {}; /* our 0, n times */

	assert_int_equal(send_with_fds(run->connection, &message, sizeof(message), fds, n, 0),
			 sizeof(message));
}

/* A process that has it for its controlling terminal, as the user's shell has the user's. */
pid_t owner_of_terminal(int master)
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

void run_start(struct run *run)
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

void run_expect(struct run *run, enum session_message_type type, int value)
{
	read_exactly(run->connection, &run->message, sizeof(run->message));
	assert_true(run->message.length < sizeof(run->text));
	read_exactly(run->connection, run->text, run->message.length);
	run->text[run->message.length] = '\0';
	if (run->message.type != type || run->message.value != value)
		fail_msg("message %u %d \"%s\" instead of %u %d", run->message.type,
			 run->message.value, run->text, type, value);
}

pid_t run_expect_start(struct run *run)
{
	read_exactly(run->connection, &run->message, sizeof(run->message));
	assert_int_equal(run->message.type, SESSION_STARTED);
	assert_true(run->message.value > 1);
	return run->message.value;
}

/* Everything the command has written, until nobody has its stdout open any more. */
const char *run_output_to_end(struct run *run)
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
void run_await_line(struct run *run)
{
	char c = '\0';

	while (c != '\n')
		read_exactly(run->out, &c, 1);
}

void run_send(struct run *run, uint16_t type, int value)
{
	struct session_message message = { .type = type, .value = value };

	assert_int_equal(write_all(run->connection, &message, sizeof(message)), 0);
}

/* The session has ended by itself; returns its exit status. */
int run_end(struct run *run)
{
	int status = 0;

	if (run->connection >= 0)
		close(run->connection);
	close(run->out);
	assert_int_equal(waitpid(run->leader, &status, 0), run->leader);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

const char *run_output_of(struct run *run)
{
	run_start(run);
	run_expect_start(run);
	run_expect(run, SESSION_EXITED, 0);
	run_output_to_end(run);
	run_end(run);
	return run->output;
}

void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
}
