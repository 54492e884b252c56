/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsctld's side of the wire, on real sockets and a real loop: what every service answers, and what
 * is refused before any profile is looked at. The manager is not there: a call that reaches it ends
 * the test.
 */
#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "daemon/call.h"
#include "nsctl/patience.h"

#define SERVICE "org.varlink.service."

/* ---- what must not be reached --------------------------------------------------------- */

#define NOT_REACHED(type, name, ...)                                                               \
	type name(__VA_ARGS__);                                                                    \
	type name(__VA_ARGS__)                                                                     \
	{                                                                                          \
		fail_msg("%s was called", __func__);                                               \
		abort();                                                                           \
	}

NOT_REACHED(int, manager_new, _unused_ struct loop *a, _unused_ const struct manager_options *b,
	    _unused_ struct manager **c, _unused_ struct error *d)
NOT_REACHED(void, manager_up, _unused_ struct manager *a, _unused_ const char *b,
	    _unused_ manager_done_fn c, _unused_ void *d)
NOT_REACHED(void, manager_down, _unused_ struct manager *a, _unused_ const char *b,
	    _unused_ manager_done_fn c, _unused_ void *d)
NOT_REACHED(void, manager_forget, _unused_ struct manager *a, _unused_ void *b)
NOT_REACHED(int, manager_explain, _unused_ struct manager *a, _unused_ const char *b,
	    _unused_ FILE *c, _unused_ struct error *d)
NOT_REACHED(int, manager_profile, _unused_ struct manager *a, _unused_ const char *b,
	    _unused_ struct profile **c, _unused_ struct error *d)
NOT_REACHED(int, manager_access, _unused_ struct manager *a, _unused_ const char *b,
	    _unused_ char ***c, _unused_ char ***d, _unused_ struct error *e)
NOT_REACHED(int, manager_names, _unused_ struct manager *a, _unused_ char ***b,
	    _unused_ struct error *c)
NOT_REACHED(bool, manager_is_up, _unused_ struct manager *a, _unused_ const char *b)
NOT_REACHED(json_t *, manager_status, _unused_ struct manager *a, _unused_ const char *b)
NOT_REACHED(int, manager_processes, _unused_ struct manager *a, _unused_ const char *b,
	    _unused_ json_t **c, _unused_ struct error *d)
NOT_REACHED(int, manager_aaaa, _unused_ struct manager *a, _unused_ const char *b,
	    _unused_ int64_t c, _unused_ json_t **d, _unused_ struct error *e)
NOT_REACHED(int, manager_namespaces, _unused_ struct manager *a, _unused_ const char *b,
	    _unused_ struct manager_namespaces *c, _unused_ struct error *d)

NOT_REACHED(int, manager_entering_add, _unused_ struct manager *a, _unused_ const char *b,
	    _unused_ const void *c)
NOT_REACHED(void, manager_entering_started, _unused_ struct manager *a, _unused_ const void *b,
	    _unused_ pid_t c, _unused_ int d)
NOT_REACHED(void, manager_entering_remove, _unused_ struct manager *a, _unused_ const void *b)

struct manager *manager_free(_unused_ struct manager *manager)
{
	return NULL;
}

bool manager_owns_mount_namespace(_unused_ struct manager *manager,
				  _unused_ const struct file_id *id)
{
	return false;
}

bool manager_owns_network_namespace(_unused_ struct manager *manager,
				    _unused_ const struct file_id *id)
{
	return false;
}

/* ---- a server in a process of its own, with this process as its client ----------------- */

struct world {
	pid_t pid;
	struct ipc_connection *connection;
};

static _Noreturn void serve(int fd)
{
	struct options options = {};
	struct server server = { .listen_fd = -1, .options = &options };

	log_open("test", LOG_LEVEL_ERROR);
	patience_prepare();
	if (loop_new(&server.loop) < 0 || limits_new(&server.limits) < 0 ||
	    own_standing(&server.standing) < 0)
		_exit(1);
	for (int i = 0; i < _LIMIT_MAX; i++)
		limits_set(server.limits, i, 64 << 20);
	if (client_new(&server, fd) < 0)
		_exit(1);
	_exit(loop_run(server.loop));
}

static int set_up(void **state)
{
	static struct world world;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	world.pid = fork();
	assert_true(world.pid >= 0);
	if (world.pid == 0) {
		close(fds[1]);
		serve(fds[0]);
	}
	close(fds[0]);
	assert_int_equal(ipc_connection_new(fds[1], &world.connection), 0);
	*state = &world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	int status;

	ipc_connection_free(world->connection);
	kill(world->pid, SIGTERM);
	assert_int_equal(waitpid(world->pid, &status, 0), world->pid);
	/* it was still there, and ended of nothing else */
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	return 0;
}

static json_t *call_well(struct world *world, const char *method, json_t *parameters)
{
	json_t *reply = NULL;

	assert_int_equal(ipc_call(world->connection, method, parameters, NULL, 0, 0, &reply, NULL),
			 0);
	return reply;
}

/* The call must end in error `name`, whose only parameter is key = value. */
static void expect_error(struct world *world, const char *method, json_t *parameters,
			 unsigned flags, const char *name, const char *key, const char *value)
{
	_cleanup_free_ char *error = NULL;
	json_t *reply = NULL;

	assert_int_equal(
		ipc_call(world->connection, method, parameters, NULL, 0, flags, &reply, &error),
		-EREMOTEIO);
	assert_string_equal(error, name);
	assert_int_equal(json_object_size(reply), 1);
	assert_string_equal(json_string_value(json_object_get(reply, key)), value);
	json_decref(reply);
}

static void send_text(struct world *world, const char *bytes, size_t length)
{
	assert_int_equal(send(ipc_connection_fd(world->connection), bytes, length, MSG_NOSIGNAL),
			 length);
}

/* Until there is one. */
static json_t *receive(struct world *world)
{
	json_t *message = NULL;
	int r;

	while ((r = ipc_next(world->connection, &message)) == 0) {
		struct pollfd fd = { .fd = ipc_connection_fd(world->connection), .events = POLLIN };

		assert_int_equal(poll(&fd, 1, 10000), 1);
		r = ipc_receive(world->connection);
		if (r < 0)
			return NULL;
	}
	assert_int_equal(r, 1);
	return message;
}

/* ---- tests ---------------------------------------------------------------------------- */

static void get_info_says_who_this_is(void **state)
{
	json_t *reply = call_well(*state, SERVICE "GetInfo", NULL), *interfaces;

	assert_string_equal(json_string_value(json_object_get(reply, "product")), "nsctld");
	assert_string_equal(json_string_value(json_object_get(reply, "version")), PACKAGE_VERSION);
	assert_true(json_is_string(json_object_get(reply, "vendor")));
	assert_true(json_is_string(json_object_get(reply, "url")));
	interfaces = json_object_get(reply, "interfaces");
	assert_int_equal(json_array_size(interfaces), 2);
	assert_string_equal(json_string_value(json_array_get(interfaces, 0)),
			    "org.varlink.service");
	assert_string_equal(json_string_value(json_array_get(interfaces, 1)), IPC_INTERFACE);
	json_decref(reply);
}

/* What is told is the file, byte for byte. */
static void each_description_is_the_installed_file(void **state)
{
	static const char *const interfaces[] = { "org.varlink.service", IPC_INTERFACE };
	const char *const *interface;

	ARRAY_FOREACH(interface, interfaces) {
		_cleanup_free_ char *path = NULL, *text = NULL;
		json_t *reply;

		path = str_format("%s/src/ipc/%s.varlink", SOURCE_DIRECTORY, *interface);
		assert_int_equal(file_read(-1, path, 1 << 20, &text, NULL), 0);
		reply = call_well(*state, SERVICE "GetInterfaceDescription",
				  json_pack("{s:s}", "interface", *interface));
		assert_string_equal(json_string_value(json_object_get(reply, "description")), text);
		json_decref(reply);
	}
}

static void unknown_names_get_the_standard_errors(void **state)
{
	expect_error(*state, IPC_INTERFACE ".Nothing", NULL, 0, SERVICE "MethodNotFound", "method",
		     IPC_INTERFACE ".Nothing");
	expect_error(*state, "org.nothing.Up", NULL, 0, SERVICE "InterfaceNotFound", "interface",
		     "org.nothing");
	expect_error(*state, "org.nsctl.Managerx.Up", NULL, 0, SERVICE "InterfaceNotFound",
		     "interface", "org.nsctl.Managerx");
	expect_error(*state, SERVICE "GetInterfaceDescription",
		     json_pack("{s:s}", "interface", "org.nothing"), 0, SERVICE "InterfaceNotFound",
		     "interface", "org.nothing");
}

static void wrong_parameters_are_named(void **state)
{
	expect_error(*state, SERVICE "GetInterfaceDescription", NULL, 0, SERVICE "InvalidParameter",
		     "parameter", "interface");
	expect_error(*state, SERVICE "GetInfo", json_pack("{s:b}", "x", 1), 0,
		     SERVICE "InvalidParameter", "parameter", "x");
	expect_error(*state, "Up", json_pack("{s:[s], s:b}", "profiles", "vpn", "dry-run", 1), 0,
		     SERVICE "InvalidParameter", "parameter", "dry-run");
	expect_error(*state, "Up", NULL, 0, SERVICE "InvalidParameter", "parameter", "profiles");
	expect_error(*state, "Up", json_pack("{s:[]}", "profiles"), 0, SERVICE "InvalidParameter",
		     "parameter", "profiles");
	expect_error(*state, "Up", json_pack("{s:[i]}", "profiles", 7), 0,
		     SERVICE "InvalidParameter", "parameter", "profiles");
	expect_error(*state, "Down", json_pack("{s:[s], s:b}", "profiles", "vpn", "all", 1), 0,
		     SERVICE "InvalidParameter", "parameter", "all");
	expect_error(*state, "Join", json_pack("{s:n}", "profile"), 0, SERVICE "InvalidParameter",
		     "parameter", "profile");
}

static void only_exec_is_an_upgraded_call(void **state)
{
	expect_error(*state, "List", NULL, IPC_CALL_UPGRADE, SERVICE "InvalidParameter",
		     "parameter", "upgrade");
}

static size_t descriptors_of(pid_t pid)
{
	_cleanup_free_ char *path = str_format("/proc/%d/fd", pid);
	DIR *directory = opendir(path);
	size_t n = 0;

	assert_non_null(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

/* R15: none is ever taken, whatever the call: not one becomes a descriptor of the daemon's. */
static void descriptors_end_the_connection(void **state)
{
	struct world *world = *state;
	static const int fds[IPC_FDS_MAX] = {};
	size_t before;

	json_decref(call_well(world, SERVICE "GetInfo", NULL));
	before = descriptors_of(world->pid);
	assert_int_equal(ipc_call(world->connection, "List", NULL, fds, IPC_FDS_MAX, 0, NULL, NULL),
			 -ECONNRESET);
	/* that of the connection has gone too, and its pidfd */
	assert_true(descriptors_of(world->pid) < before);
}

static void calls_in_one_packet_are_answered_in_order(void **state)
{
	static const char wire[] = "{\"method\":\"org.varlink.service.GetInfo\"}\0"
				   "{\"method\":\"org.varlink.service.GetInfo\",\"oneway\":true}\0"
				   "{\"method\":\"org.x.A\"}\0{\"method\":\"org.x.B\"}\0"
				   "{\"method\":\"org.varlink.service.GetInfo\"}";
	static const char *const expected[] = { NULL, SERVICE "InterfaceNotFound",
						SERVICE "InterfaceNotFound", NULL };
	const char *const *error;

	send_text(*state, wire, sizeof(wire));
	ARRAY_FOREACH(error, expected) {
		json_t *reply = receive(*state);
		const char *name = json_string_value(json_object_get(reply, "error"));

		assert_non_null(reply);
		assert_true(str_equal(name, *error));
		json_decref(reply);
	}
}

static void a_caller_that_only_listens_on_gets_all_replies(void **state)
{
	static const char wire[] =
		"{\"method\":\"org.varlink.service.GetInfo\"}\0{\"method\":\"a.B\"}";
	struct world *world = *state;
	json_t *reply;

	send_text(world, wire, sizeof(wire));
	shutdown(ipc_connection_fd(world->connection), SHUT_WR);
	for (int i = 0; i < 2; i++) {
		reply = receive(world);
		assert_non_null(reply);
		json_decref(reply);
	}
	assert_null(receive(world));
}

static void expect_dropped(const char *wire)
{
	void *state;
	struct world *world;
	json_t *reply;

	set_up(&state);
	world = state;
	json_decref(call_well(world, SERVICE "GetInfo", NULL));
	send_text(world, wire, strlen(wire) + 1);
	reply = receive(world);
	if (reply)
		fail_msg("answered: %s", wire);
	tear_down(&state);
}

static void what_is_no_call_ends_the_connection(_unused_ void **state)
{
	static const char *const wires[] = {
		"",
		"[]",
		"{}",
		"{\"method\":7}",
		"{\"method\":\"a.B\",\"parameters\":[]}",
		"{\"method\":\"a.B\",\"more\":1}",
		"{\"method\":\"a.B\",\"method\":\"a.C\"}",
		"{\"method\":\"a.B\"",
	};
	const char *const *wire;

	ARRAY_FOREACH(wire, wires)
		expect_dropped(*wire);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(get_info_says_who_this_is),
		TEST(each_description_is_the_installed_file),
		TEST(unknown_names_get_the_standard_errors),
		TEST(wrong_parameters_are_named),
		TEST(only_exec_is_an_upgraded_call),
		TEST(descriptors_end_the_connection),
		TEST(calls_in_one_packet_are_answered_in_order),
		TEST(a_caller_that_only_listens_on_gets_all_replies),
		cmocka_unit_test(what_is_no_call_ends_the_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
