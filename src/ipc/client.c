/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The caller's side: one call at a time, waiting for its replies.
 *
 * Varlink: a call is {"method", "parameters", "more", "upgrade"}, a reply {"parameters",
 * "continues"} or {"error", "parameters"}.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "connection.h"

int ipc_connect(const char *path, struct ipc_connection **ret)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	r = ipc_connection_new(fd, ret);
	if (r == 0)
		TAKE_FD(fd);
	return r;
}

static int wait_for(struct ipc_connection *connection, short events)
{
	struct pollfd poll_fd = { .fd = ipc_connection_fd(connection), .events = events };

	while (poll(&poll_fd, 1, -1) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int flush_all(struct ipc_connection *connection, int r)
{
	while (r == -EAGAIN) {
		r = wait_for(connection, POLLOUT);
		if (r == 0)
			r = ipc_flush(connection);
	}
	return r;
}

static int next_message(struct ipc_connection *connection, json_t **ret)
{
	for (;;) {
		int r = ipc_next(connection, ret);

		if (r != 0)
			return r < 0 ? r : 0;
		r = ipc_receive(connection);
		if (r == -EAGAIN)
			r = wait_for(connection, POLLIN);
		if (r < 0)
			return r == -ENODATA ? -ECONNRESET : r;
	}
}

/* What kind of reply this is: 0, or -EREMOTEIO and the error's name. */
static int judge_reply(struct ipc_connection *connection, const json_t *reply, char **ret_error)
{
	const json_t *error = json_object_get(reply, "error");
	char *name;

	if (!error || json_is_null(error)) {
		bool more = json_is_true(json_object_get(reply, "continues"));

		ipc_connection_expect_reply(connection, more);
		return 0;
	}
	if (!json_is_string(error))
		return -EBADMSG;
	if (ret_error) {
		name = strdup(json_string_value(error));
		if (!name)
			return -ENOMEM;
		*ret_error = name;
	}
	return -EREMOTEIO;
}

/* Waits for the next reply of the call; its parameters are an empty object if need be. */
static int receive_reply(struct ipc_connection *connection, json_t **ret, char **ret_error)
{
	json_t *reply, *parameters;
	int r;

	ipc_connection_expect_reply(connection, false);
	r = next_message(connection, &reply);
	if (r < 0)
		return r;
	parameters = json_object_get(reply, "parameters");
	parameters = json_is_object(parameters) ? json_incref(parameters) : json_object();
	r = parameters ? judge_reply(connection, reply, ret_error) : -ENOMEM;
	json_decref(reply);
	if (ret && (r == 0 || r == -EREMOTEIO))
		*ret = parameters;
	else
		json_decref(parameters);
	return r;
}

static json_t *build_call(const char *method, json_t *parameters, unsigned flags)
{
	_cleanup_free_ char *full = NULL;
	json_t *call;

	full = strchr(method, '.') ? strdup(method) : str_format("%s.%s", IPC_INTERFACE, method);
	if (!parameters)
		parameters = json_object();
	if (!full || !parameters) {
		json_decref(parameters);
		return NULL;
	}
	/* "o" steals the parameters, also when it fails */
	call = json_pack("{s:s, s:o}", "method", full, "parameters", parameters);
	if (call && flags & IPC_CALL_MORE)
		json_object_set_new(call, "more", json_true());
	if (call && flags & IPC_CALL_UPGRADE)
		json_object_set_new(call, "upgrade", json_true());
	return call;
}

int ipc_call(struct ipc_connection *connection, const char *method, json_t *parameters,
	     const int *fds, size_t n_fds, unsigned flags, json_t **ret, char **ret_error)
{
	json_t *call = build_call(method, parameters, flags);
	int r;

	if (!call)
		return -ENOMEM;
	r = flush_all(connection, ipc_send(connection, call, fds, n_fds));
	json_decref(call);
	/* a server that refuses before it has read everything leaves its reason behind */
	if (r < 0 && r != -EPIPE && r != -ECONNRESET)
		return r;
	return receive_reply(connection, ret, ret_error);
}

int ipc_call_next(struct ipc_connection *connection, json_t **ret, char **ret_error)
{
	int r;

	if (!ipc_connection_expects_reply(connection))
		return 0;
	r = receive_reply(connection, ret, ret_error);
	return r < 0 ? r : 1;
}
