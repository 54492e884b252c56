/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: what clients send to nsctld, and the descriptors that come along. The first byte
 * says who listens and who speaks: bit 0: nsctld's server, on a real loop; else one end of a
 * connection that takes descriptors bit 1: the client is root; else a user whom profile "vpn"
 * admits bit 2: what is asked of the manager is done later; else at once bit 3: what is asked of
 * the manager fails bit 4: the client reads no replies Then portions follow: how many descriptors
 * go with one (a byte), its length (16 bits, little endian), its bytes. There is no manager, and no
 * session is started.
 *
 * Whatever comes, nsctld comes back to its loop, keeps no descriptor, answers in messages, hands
 * each finished answer over once, and starts only sessions that nsctl-session can read.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "daemon/call.h"
#include "fuzz.h"
#include "nsctl/patience.h"
#include "nsctl/session.h"

#define USER         1000
#define FDS_MAX      12 /* more than IPC_FDS_MAX */
#define PENDING_MAX  4096
#define ROUNDS_AFTER 64 /* for what is still to be answered */

enum {
	SERVER = 1 << 0,
	ROOT = 1 << 1,
	LATER = 1 << 2,
	FAILS = 1 << 3,
	DEAF = 1 << 4,
};

static struct {
	uint8_t flags;
	const uint8_t *data;
	size_t left;
	int carried[2]; /* a pipe: its writing end is what is sent */
	struct ipc_connection *client;
	struct server server;
	int rounds;
	struct pending {
		char *name;
		manager_done_fn done;
		void *userdata;
	} pending[PENDING_MAX];
	size_t n_pending;
} world;

static void must(bool true_here)
{
	if (!true_here)
		abort();
}

/* ---- instead of patience.c: libFuzzer has a use for SIGALRM -----------------------------------
 */

void patience_prepare(void)
{
}

void patience_start(void)
{
}

void patience_end(void)
{
}

/* ---- instead of the manager -------------------------------------------------------------------
 */

static bool exists(const char *name)
{
	must(profile_name_valid(name));
	return str_equal(name, "vpn") || str_equal(name, "other");
}

static int outcome(struct error *error)
{
	return world.flags & FAILS ? error_set(error, EIO, "it \x1b went \xff wrong") : 0;
}

static void finish(const char *name, manager_done_fn done, void *userdata)
{
	_cleanup_error_ struct error error = {};
	char warning[] = "mind \x01 the gap", *warnings[] = { warning, NULL };
	struct manager_result result = {
		.profile = name,
		.code = exists(name) ? outcome(&error) : -ENOENT,
		.error = &error,
		.step = "link",
		.changed = true,
		.warnings = warnings,
	};

	done(&result, userdata);
}

static void ask(const char *name, manager_done_fn done, void *userdata)
{
	if (!(world.flags & LATER) || world.n_pending == PENDING_MAX) {
		finish(name, done, userdata);
		return;
	}
	world.pending[world.n_pending++] = (struct pending){ strdup(name), done, userdata };
}

/* The last of them. */
static void finish_one(void)
{
	struct pending *pending = &world.pending[--world.n_pending];
	_cleanup_free_ char *name = pending->name;

	finish(name, pending->done, pending->userdata);
}

void manager_up(struct manager *manager _unused_, const char *name, manager_done_fn done,
		void *userdata)
{
	ask(name, done, userdata);
}

void manager_down(struct manager *manager _unused_, const char *name, manager_done_fn done,
		  void *userdata)
{
	ask(name, done, userdata);
}

void manager_forget(struct manager *manager _unused_, void *userdata)
{
	size_t kept = 0;

	for (size_t i = 0; i < world.n_pending; i++)
		if (world.pending[i].userdata == userdata)
			free(world.pending[i].name);
		else
			world.pending[kept++] = world.pending[i];
	world.n_pending = kept;
}

int manager_new(struct loop *loop _unused_, const struct manager_options *options _unused_,
		struct manager **ret _unused_, struct error *error _unused_)
{
	abort();
}

struct manager *manager_free(struct manager *manager _unused_)
{
	return NULL;
}

int manager_explain(struct manager *manager _unused_, const char *name, FILE *out,
		    struct error *error)
{
	if (!exists(name))
		return error_set(error, ENOENT, "there is none");
	fprintf(out, "ip link add \x02\n");
	return outcome(error);
}

int manager_profile(struct manager *manager _unused_, const char *name, struct profile **ret,
		    struct error *error)
{
	static const char vpn[] = "[access]\nusers = 1000\n", other[] = "[access]\nusers = 1001\n";
	const char *text = str_equal(name, "vpn") ? vpn : other;

	if (!exists(name))
		return error_set(error, ENOENT, "there is none");
	return profile_parse(NULL, name, "fuzz.ini", text, strlen(text), 0, ret, error);
}

int manager_access(struct manager *manager _unused_, const char *name, char ***ret_users,
		   char ***ret_groups, struct error *error)
{
	must(!exists(name));
	if (!str_equal(name, "lost")) /* up, but without a file */
		return error_set(error, ENOENT, "there is none");
	*ret_users = *ret_groups = NULL;
	return strv_add(ret_users, "1000");
}

int manager_names(struct manager *manager _unused_, char ***ret, struct error *error)
{
	char **names = NULL;
	int r = outcome(error);

	if (r < 0)
		return r;
	must(strv_add(&names, "other") == 0 && strv_add(&names, "vpn") == 0);
	*ret = names;
	return 0;
}

bool manager_is_up(struct manager *manager _unused_, const char *name)
{
	return str_equal(name, "vpn");
}

json_t *manager_status(struct manager *manager _unused_, const char *name)
{
	return json_pack("{s:s, s:s}", "name", name, "state", "up");
}

int manager_processes(struct manager *manager _unused_, const char *name _unused_, json_t **ret,
		      struct error *error)
{
	int r = outcome(error);

	if (r == 0)
		*ret = json_pack("{s:[]}", "processes");
	return r;
}

int manager_aaaa(struct manager *manager _unused_, const char *name _unused_,
		 int64_t since _unused_, json_t **ret, struct error *error)
{
	int r = outcome(error);

	if (r == 0)
		*ret = json_pack("{s:i}", "time", 7);
	return r;
}

int manager_namespaces(struct manager *manager _unused_, const char *name _unused_,
		       struct manager_namespaces *ret, struct error *error)
{
	int r = outcome(error);

	if (r < 0)
		return r;
	ret->network = fcntl(world.carried[1], F_DUPFD_CLOEXEC, 3);
	ret->mount = world.flags & LATER ? -1 : fcntl(world.carried[1], F_DUPFD_CLOEXEC, 3);
	must(ret->network >= 0);
	return 0;
}

bool manager_owns_mount_namespace(struct manager *manager _unused_,
				  const struct file_id *id _unused_)
{
	return false;
}

bool manager_owns_network_namespace(struct manager *manager _unused_,
				    const struct file_id *id _unused_)
{
	return false;
}

/* ---- instead of spawn.c -----------------------------------------------------------------------
 */

int session_start(struct server *server, const struct spawn *spawn, struct error *error)
{
	struct session_request request;
	_cleanup_free_ char *data = NULL;
	size_t length;

	must(!(world.flags & ROOT) && spawn->uid == USER);
	must(file_read_fd(spawn->request_fd, SESSION_ENCODED_MAX, &data, &length) == 0);
	must(session_request_decode(data, length, &request) == 0);
	must(request.uid == USER && strv_length(request.arguments) > 0);
	must(spawn->n_namespaces == (size_t)request.network_namespace + request.mount_namespace);
	session_request_clear(&request);
	if (world.flags & FAILS)
		return error_set(error, EAGAIN, "no room");
	limits_give(server->limits, spawn->uid, LIMIT_SESSIONS, 1); /* it has ended at once */
	return 0;
}

int sessions_prepare(struct server *server _unused_, struct error *error _unused_)
{
	return 0;
}

void sessions_forget(struct server *server _unused_)
{
}

/* ---- the client -------------------------------------------------------------------------------
 */

/* The next portion: false when there is none, or the socket is full or closed. */
static bool send_portion(int fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control = {};
	struct iovec part;
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	size_t n_fds, length;

	if (world.left < 4)
		return false;
	n_fds = world.data[0] % (FDS_MAX + 1);
	length = world.data[1] | world.data[2] << 8;
	if (length > world.left - 3)
		length = world.left - 3;
	part = (struct iovec){ (void *)(world.data + 3), length };
	if (n_fds) {
		control.header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int) * n_fds),
						   .cmsg_level = SOL_SOCKET,
						   .cmsg_type = SCM_RIGHTS };
		for (size_t i = 0; i < n_fds; i++)
			memcpy(CMSG_DATA(&control.header) + i * sizeof(int), &world.carried[1],
			       sizeof(int));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
	}
	world.data += 3 + length;
	world.left -= 3 + length;
	return length == 0 || sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)length;
}

static size_t take_fds(struct ipc_connection *connection)
{
	int fds[IPC_FDS_MAX];
	size_t n = ipc_take_fds(connection, fds);

	must(n <= IPC_FDS_MAX);
	for (size_t i = 0; i < n; i++) {
		must(fcntl(fds[i], F_GETFD) == FD_CLOEXEC);
		close_fd(fds[i]);
	}
	return n;
}

static void check_reply(const json_t *reply)
{
	const char *error = json_string_value(json_object_get(reply, "error"));

	must(json_is_object(json_object_get(reply, "parameters")));
	must(!error || strchr(error, '.'));
}

static void read_replies(void)
{
	json_t *reply;
	int r = ipc_receive(world.client);

	must(r == 0 || r == -EAGAIN || r == -ENODATA || r == -ECONNRESET);
	while ((r = ipc_next(world.client, &reply)) == 1) {
		size_t n = json_array_size(
			json_object_get(json_object_get(reply, "parameters"), "namespaces"));

		check_reply(reply);
		must(n == take_fds(world.client) || n == 0);
		json_decref(reply);
	}
	/* behind the reply to Exec there are a session's messages */
	must(r == 0 || !(world.flags & ROOT));
}

static void on_round(struct loop_source *source _unused_, uint32_t events _unused_,
		     void *userdata _unused_)
{
	bool sent = send_portion(ipc_connection_fd(world.client));

	if (!sent && world.rounds++ == 0)
		shutdown(ipc_connection_fd(world.client), SHUT_WR);
	if (!(world.flags & DEAF))
		read_replies();
	if (world.n_pending && !sent)
		finish_one();
	if (world.rounds > ROUNDS_AFTER || (!sent && !world.server.clients))
		loop_exit(world.server.loop, 0);
}

/* ---- who listens ------------------------------------------------------------------------------
 */

static void start_server(int fd)
{
	static const struct options options;
	struct server *server = &world.server;

	*server = (struct server){ .listen_fd = -1, .options = &options };
	must(loop_new(&server->loop) == 0 && limits_new(&server->limits) == 0 &&
	     own_standing(&server->standing) == 0);
	limits_set(server->limits, LIMIT_CONNECTIONS, 4);
	limits_set(server->limits, LIMIT_SESSIONS, 1);
	limits_set(server->limits, LIMIT_CHANGES, 4096);
	limits_set(server->limits, LIMIT_BYTES, 1 << 20);
	must(client_new(server, fd) == 0);
	server->clients->peer.uid = world.flags & ROOT ? 0 : USER;
}

static void to_server(const int fds[2])
{
	int always = eventfd(1, EFD_CLOEXEC);
	struct loop_source *round;
	struct server *server = &world.server;

	must(ipc_connection_new(fds[0], &world.client) == 0);
	start_server(fds[1]);
	must(loop_add_fd(server->loop, always, EPOLLIN, on_round, NULL, &round) == 0);
	must(loop_run(server->loop) == 0);
	while (world.n_pending)
		finish_one();
	while (server->clients)
		client_free(server->clients);
	must(limits_take(server->limits, USER, LIMIT_SESSIONS, 1) == 0);
	loop_source_free(round);
	loop_source_free(server->sweep);
	loop_free(server->loop);
	limits_free(server->limits);
	close_fd(always);
	world.client = ipc_connection_free(world.client);
}

/* A connection that takes descriptors has all that came with what was read, or none. */
static void to_connection(const int fds[2])
{
	struct ipc_connection *connection;
	json_t *message;
	size_t n;
	int r = 0;

	must(ipc_connection_new(fds[1], &connection) == 0);
	while (r == 0 || r == -EAGAIN) {
		size_t sent = world.left >= 4 ? world.data[0] % (FDS_MAX + 1) : 0;
		bool one_portion = world.left >= 4 && (world.data[1] || world.data[2]);

		if (!send_portion(fds[0]))
			break;
		r = ipc_receive(connection);
		n = take_fds(connection);
		must(n == (r == 0 && one_portion ? sent : 0));
		must((r == -EBADMSG) == (one_portion && sent > IPC_FDS_MAX));
		while (ipc_next(connection, &message) == 1)
			json_decref(message);
	}
	close_fd(fds[0]);
	ipc_connection_free(connection);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pollfd poll_fd;
	int fds[2];

	if (size < 1)
		return 0;
	log_open("fuzz-daemon", LOG_LEVEL_ERROR);
	world.flags = data[0];
	world.data = data + 1;
	world.left = size - 1;
	world.rounds = 0;
	must(pipe2(world.carried, O_CLOEXEC) == 0 &&
	     socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	if (world.flags & SERVER)
		to_server(fds);
	else
		to_connection(fds);
	/* every copy has been closed, or the pipe would have a writer still */
	close_fd(world.carried[1]);
	poll_fd = (struct pollfd){ .fd = world.carried[0], .events = POLLIN };
	must(poll(&poll_fd, 1, 0) == 1 && poll_fd.revents == POLLHUP);
	close_fd(world.carried[0]);
	return 0;
}
