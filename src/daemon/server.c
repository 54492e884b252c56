/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The server: settings, profiles and the listening socket put together.
 *
 * When no descriptor is left, accepting pauses for a moment instead of spinning: whoever waits in
 * the socket's queue is served when others have gone.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "access.h"
#include "activation.h"
#include "listener.h"
#include "nsctl/patience.h"
#include "server.h"

#define PAUSE_USEC  UINT64_C(100000)
#define ACCEPTS_MAX 64         /* in one round */
#define BYTES_MAX   (64 << 20) /* per uid: what its connections hold in memory */

#define REFUSALS_MAX  100                /* lines of log … */
#define REFUSALS_USEC UINT64_C(10000000) /* … in this time */

/* ---- accepting ------------------------------------------------------------------------ */

/* 0, or what accept4(2) said. */
static int accept_one(struct server *server)
{
	/* blocking: the socket may become a session's, and all calls here say MSG_DONTWAIT */
	int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = client_new(server, fd);
	if (r < 0 && r != -EACCES && r != -EDQUOT && server_may_log(server))
		log_warning("can't take a connection: %s",
			    error_text(&(struct error){ .code = -r }));
	return 0;
}

/* Several in a row: one who connects again and again stands in the queue before the others. */
static void on_connection(struct loop_source *source, _unused_ uint32_t events, void *userdata)
{
	struct server *server = userdata;
	int r = 0;

	for (int i = 0; r == 0 && i < ACCEPTS_MAX; i++)
		r = accept_one(server);
	if (r == 0 || r == -EAGAIN || r == -EINTR || r == -ECONNABORTED)
		return;
	errno = -r;
	log_warning("can't accept a connection, pausing: %m");
	if (loop_timer_set(server->pause_timer, PAUSE_USEC) == 0)
		loop_source_set_events(source, 0);
}

static void on_pause_over(_unused_ struct loop_source *source, _unused_ uint32_t events,
			  void *userdata)
{
	struct server *server = userdata;

	loop_source_set_events(server->listen_source, EPOLLIN);
}

bool server_may_log(struct server *server)
{
	uint64_t now = now_usec();

	if (now - server->refusals_since > REFUSALS_USEC) {
		if (server->refusals > REFUSALS_MAX)
			log_notice("%u more refused or failed calls",
				   server->refusals - REFUSALS_MAX);
		server->refusals_since = now;
		server->refusals = 0;
	}
	return server->refusals++ < REFUSALS_MAX;
}

/* ---- settings ------------------------------------------------------------------------- */

/* The part of the settings that is ours; the manager reads the rest. */
static int apply_settings(struct server *server, const struct settings *settings,
			  struct error *error)
{
	gid_t group = 0;
	int r;

	if (settings->group) {
		r = access_group_id(settings->group, &group);
		if (r < 0)
			return error_set(error, EINVAL, _("%s: there is no group \"%s\""),
					 server->options->config, settings->group);
	}
	server->restricted = settings->group;
	server->group = group;
	limits_set(server->limits, LIMIT_CONNECTIONS, settings->max_connections);
	limits_set(server->limits, LIMIT_SESSIONS, settings->max_sessions);
	limits_set(server->limits, LIMIT_CHANGES, settings->max_changes);
	limits_set(server->limits, LIMIT_BYTES, BYTES_MAX);
	return 0;
}

int server_reload(struct server *server, struct error *error)
{
	struct settings *fresh, old;
	int r = settings_load(server->options->config, &fresh, error);

	if (r < 0)
		return r;
	r = apply_settings(server, fresh, error);
	if (r == 0) {
		/* in place: the manager looks at the same object */
		old = *server->settings;
		*server->settings = *fresh;
		*fresh = old;
	}
	settings_free(fresh);
	if (r == 0 && server->own_socket)
		r = listener_set_access(server->options->socket, server->restricted, server->group,
					error);
	return r;
}

/* ---- start and stop ------------------------------------------------------------------- */

static int open_socket(struct server *server, struct error *error)
{
	int r = activation_take_socket(&server->listen_fd, error);

	if (r < 0)
		return r;
	if (server->listen_fd < 0) {
		r = listener_open(server->options->socket, server->restricted, server->group,
				  &server->listen_fd, error);
		server->own_socket = r == 0;
	} else {
		r = fd_set_nonblock(server->listen_fd, true);
	}
	if (r == 0)
		r = loop_add_timer(server->loop, on_pause_over, server, &server->pause_timer);
	if (r == 0)
		r = loop_add_fd(server->loop, server->listen_fd, EPOLLIN, on_connection, server,
				&server->listen_source);
	return r < 0 ? error_errno(error, r, _("can't listen")) : 0;
}

/* So that one uid can't use them all up; sessions run under their callers' limits again. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_debug("can't raise the number of open files: %m");
}

/* A nsctld that can't run commands is still good for the rest; and the next command tries again. */
static void prepare_sessions(struct server *server)
{
	_cleanup_error_ struct error error = {};

	if (sessions_prepare(server, &error) < 0)
		log_warning("%s", error_text(&error));
}

int server_start(struct server *server, struct loop *loop, const struct options *options,
		 struct error *error)
{
	struct manager_options manager = {
		.profile_directories = options->profiles,
		.runtime_directory = options->runtime,
		.responder_program = options->responder_program,
	};
	int r;

	*server = (struct server){ .loop = loop, .options = options, .listen_fd = -1 };
	r = own_standing(&server->standing);
	if (r < 0)
		return error_errno(error, r, _("can't read /proc/self"));
	r = limits_new(&server->limits);
	if (r < 0)
		return error_oom(error);
	r = settings_load(options->config, &server->settings, error);
	if (r == 0)
		r = apply_settings(server, server->settings, error);
	if (r < 0)
		return r;
	raise_file_limit();
	patience_prepare();
	prepare_sessions(server);
	manager.settings = server->settings;
	r = manager_new(loop, &manager, &server->manager, error);
	return r < 0 ? r : open_socket(server, error);
}

void server_stop(struct server *server)
{
	while (server->clients)
		client_free(server->clients);
	sessions_forget(server);
	loop_source_free(server->listen_source);
	loop_source_free(server->pause_timer);
	loop_source_free(server->sweep);
	if (server->own_socket)
		unlink(server->options->socket);
	patience_start(); /* whoever waits in its queue may have sent descriptors */
	close_fd(server->listen_fd);
	patience_end();
	manager_free(server->manager);
	limits_free(server->limits);
	settings_free(server->settings);
	*server = (struct server){ .listen_fd = -1 };
}
