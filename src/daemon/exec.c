/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Join and Exec: what runs inside a profile. Root gets the namespaces and goes in by itself; for
 * everybody else nsctl-session does, started here.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "call.h"
#include "nsctl/session.h"

static void close_namespaces(struct manager_namespaces *namespaces)
{
	close_fd(namespaces->network);
	close_fd(namespaces->mount);
}

static int get_namespaces(struct call *call, struct manager_namespaces *ret)
{
	_cleanup_error_ struct error error = {}, missing = {};
	const char *name = call->names[0];
	int r = manager_namespaces(call->server->manager, name, ret, &error);

	if (r == 0)
		return 0;
	if (r == -ENOENT && names_exist(call, name, &missing) < 0) {
		call_fail_error(call, name, r, &missing, NULL);
		return r;
	}
	if (r == -ENOENT)
		r = -ENOTCONN;
	call_fail_error(call, name, r, &error, NULL);
	return r;
}

void exec_join(struct call *call)
{
	_cleanup_(close_namespaces) struct manager_namespaces namespaces = { .network = -1,
									     .mount = -1 };
	json_t *names = json_array();
	int fds[2];
	size_t n = 0;

	if (get_namespaces(call, &namespaces) < 0) {
		json_decref(names);
		return;
	}
	if (namespaces.network >= 0) {
		json_array_append_new(names, json_string("network"));
		fds[n++] = namespaces.network;
	}
	if (namespaces.mount >= 0) {
		json_array_append_new(names, json_string("mount"));
		fds[n++] = namespaces.mount;
	}
	call_reply_fds(call, json_pack("{s:o}", "namespaces", names), fds, n);
}

/* ---- the request ---------------------------------------------------------------------- */

/* A string out of JSON, or NULL. */
static char *get_string(const json_t *value, bool latin1)
{
	const char *text = json_string_value(value);
	char *bytes = NULL;

	if (!text || !latin1)
		return text ? strdup(text) : NULL;
	return str_to_latin1(text, &bytes) < 0 ? NULL : bytes;
}

/* A list of strings; *total grows by what execve(2) will count. */
static int get_strings(const json_t *list, bool latin1, char ***ret, size_t *total)
{
	_cleanup_strv_ char **strings = NULL;
	json_t *value;
	size_t i;

	if (!json_is_array(list))
		return -EINVAL;
	strings = calloc(json_array_size(list) + 1, sizeof(*strings));
	if (!strings)
		return -ENOMEM;
	json_array_foreach(list, i, value) {
		strings[i] = get_string(value, latin1);
		if (!strings[i])
			return -EINVAL;
		*total += strlen(strings[i]) + 1;
	}
	*ret = TAKE_PTR(strings);
	return 0;
}

/* The signals as a mask; absent or null: none. */
static int get_signals(const json_t *list, uint64_t *ret)
{
	uint64_t mask = 0;
	json_t *value;
	size_t i;

	if (list && !json_is_null(list) && !json_is_array(list))
		return -EINVAL;
	json_array_foreach(list, i, value) {
		json_int_t number = json_is_integer(value) ? json_integer_value(value) : 0;

		if (number < 1 || number > 64)
			return -EINVAL;
		mask |= UINT64_C(1) << (number - 1);
	}
	*ret = mask;
	return 0;
}

/* Fills in what the call says; the name of the parameter that is wrong, or NULL. */
static const char *read_request(const struct call *call, struct session_request *request)
{
	const json_t *parameters = call->parameters;
	const json_t *umask_value = json_object_get(parameters, "umask");
	const json_t *latin1_value = json_object_get(parameters, "latin1");
	bool latin1 = json_is_true(latin1_value);
	size_t total = 0;

	if (latin1_value && !json_is_boolean(latin1_value) && !json_is_null(latin1_value))
		return "latin1";
	if (get_strings(json_object_get(parameters, "command"), latin1, &request->arguments,
			&total) < 0 ||
	    strv_length(request->arguments) == 0 || total > SESSION_REQUEST_MAX)
		return "command";
	if (get_strings(json_object_get(parameters, "environment"), latin1, &request->environment,
			&total) < 0 ||
	    total > SESSION_REQUEST_MAX)
		return "environment";
	request->directory = get_string(json_object_get(parameters, "directory"), latin1);
	if (!request->directory || *request->directory != '/')
		return "directory";
	if (!json_is_integer(umask_value) || json_integer_value(umask_value) < 0 ||
	    json_integer_value(umask_value) > 0777)
		return "umask";
	if (get_signals(json_object_get(parameters, "ignored"), &request->ignored) < 0)
		return "ignored";
	request->umask = json_integer_value(umask_value);
	request->profile = strdup(call->names[0]);
	return NULL;
}

static int add_identity(const struct peer *peer, struct session_request *request)
{
	size_t bytes = peer->n_groups * sizeof(gid_t);

	request->uid = peer->uid;
	request->gid = peer->gid;
	request->groups = malloc(bytes ? bytes : 1);
	if (!request->groups || !request->directory || !request->profile)
		return -ENOMEM;
	if (bytes)
		memcpy(request->groups, peer->groups, bytes);
	request->n_groups = peer->n_groups;
	return 0;
}

/* The request in a file that nobody can change any more. */
static int seal(const struct session_request *request, int *ret)
{
	_cleanup_free_ void *data = NULL;
	_cleanup_close_ int fd = -1;
	size_t length;
	int r = session_request_encode(request, &data, &length);

	if (r < 0)
		return r;
	fd = memfd_create("nsctl-request", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	r = write_all(fd, data, length);
	if (r < 0)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return -errno;
	*ret = TAKE_FD(fd);
	return 0;
}

/* ---- the session ---------------------------------------------------------------------- */

/* After the reply the caller reads session records: this is how it learns of a failure then. */
static void send_failure(int fd, const struct error *error)
{
	struct {
		struct session_message message;
		char text[512];
	} record = { .message = { .type = SESSION_FAILED, .value = SESSION_EXIT_FAILED } };
	size_t length;

	snprintf(record.text, sizeof(record.text), "%s", error_text(error));
	length = strlen(record.text);
	record.message.length = length;
	if (send(fd, &record, sizeof(record.message) + length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("can't tell the caller: %m");
}

/* Everything is there: the reply, and then the session in our place. */
static void hand_over(struct call *call, int request_fd,
		      const struct manager_namespaces *namespaces,
		      const struct session_inheritance *inheritance, int cgroup_fd)
{
	struct client *client = call->client;
	int fd = ipc_connection_fd(client->connection);
	struct spawn spawn = {
		.connection_fd = fd,
		.request_fd = request_fd,
		.cgroup_fd = cgroup_fd,
		.inheritance = inheritance,
		.uid = client->peer.uid,
		.profile = call->names[0],
		.peer_fd = client->peer.pidfd,
	};
	_cleanup_error_ struct error error = {};

	if (namespaces->network >= 0)
		spawn.namespace_fds[spawn.n_namespaces++] = namespaces->network;
	if (namespaces->mount >= 0)
		spawn.namespace_fds[spawn.n_namespaces++] = namespaces->mount;
	client->upgraded = true;
	call_reply(call, json_object());
	/* a few bytes into a socket that was empty: else the caller plays games */
	if (client->broken || ipc_wants_write(client->connection)) {
		limits_give(call->server->limits, spawn.uid, LIMIT_SESSIONS, 1);
		return;
	}
	if (session_start(call->server, &spawn, &error) < 0) {
		limits_give(call->server->limits, spawn.uid, LIMIT_SESSIONS, 1);
		if (server_may_log(call->server))
			log_warning("uid %u, pid %d: %s", client->peer.uid, client->peer.pid,
				    error_text(&error));
		send_failure(fd, &error);
	}
}

static void start(struct call *call, struct session_request *request,
		  const struct manager_namespaces *namespaces)
{
	const struct peer *peer = &call->client->peer;
	struct session_inheritance inheritance;
	_cleanup_close_ int request_fd = -1, cgroup_fd = -1;
	_cleanup_error_ struct error error = {};
	int r = peer_inheritance(peer, &inheritance, &cgroup_fd);

	if (r < 0) {
		call_deny(call, "can't read the caller's limits");
		return;
	}
	request->nice = inheritance.scheduling.nice;
	request->network_namespace = namespaces->network >= 0;
	request->mount_namespace = namespaces->mount >= 0;
	r = add_identity(peer, request);
	if (r == 0)
		r = seal(request, &request_fd);
	if (r == 0)
		r = limits_take(call->server->limits, peer->uid, LIMIT_SESSIONS, 1);
	if (r == 0) {
		hand_over(call, request_fd, namespaces, &inheritance, cgroup_fd);
		return;
	}
	if (r == -EDQUOT) {
		error_set(&error, r, _("you run too many commands in profiles at once"));
		error_hint(&error, _("end some: a user may have %u ([limits] sessions in %s)"),
			   call->server->settings->max_sessions, call->server->options->config);
	} else
		error_errno(&error, r, _("can't hand the command over"));
	call_fail_error(call, call->names[0], r == -EDQUOT ? r : -EIO, &error, NULL);
}

void exec_exec(struct call *call)
{
	_cleanup_(close_namespaces) struct manager_namespaces namespaces = { .network = -1,
									     .mount = -1 };
	_cleanup_(session_request_clear) struct session_request request = {};
	const char *wrong;

	/* a root with fewer capabilities than ours would get them all through us */
	if (call->client->peer.uid == 0) {
		call_deny(call, "root joins by itself");
		return;
	}
	wrong = read_request(call, &request);
	if (wrong) {
		call_invalid(call, wrong);
		return;
	}
	if (ipc_buffered(call->client->connection) > 0) {
		call_invalid(call, "upgrade"); /* bytes behind the call would get lost */
		return;
	}
	if (get_namespaces(call, &namespaces) == 0)
		start(call, &request, &namespaces);
}
