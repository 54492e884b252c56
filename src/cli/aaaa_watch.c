/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The live view: nsctld sends the counters each second, and each time a frame is shown. It waits
 * for three things at once: nsctld, keys, and signals, which are blocked so that none of them can
 * end nsctl while the terminal is not as it was.
 */
#include <langinfo.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "aaaa.h"
#include "aaaa_watch.h"

static const int watched_signals[] = {
	SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH, SIGCONT
};

struct watch {
	struct ipc_connection *connection;
	bool json;
	struct screen *screen; /* NULL: a line a second */
	int signal_fd;
	bool keys; /* stdin may have some */
	bool quit;
	int deadly; /* a signal that nsctl is to die of */
	struct aaaa_counters counters;
	struct aaaa_history history;
};

/* ---- showing ---------------------------------------------------------------------------- */

static int show_frame(struct watch *watch)
{
	_cleanup_free_ char *text = NULL;
	struct aaaa_look look = { .now = time(NULL), .color = color_wanted(stdout) };
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return -ENOMEM;
	look.utf8 = str_equal(nl_langinfo(CODESET), "UTF-8");
	screen_size(&look.columns, &look.rows);
	aaaa_view_frame(out, &watch->counters, &watch->history, &look);
	if (fclose(out) != 0)
		return -ENOMEM;
	return screen_show(watch->screen, text);
}

/* What came with a reply, one line for each second. */
static int show_lines(const struct watch *watch, int64_t after)
{
	for (size_t i = 0; i < watch->history.n; i++)
		if (watch->history.seconds[i].time > after)
			aaaa_view_line(stdout, &watch->history.seconds[i]);
	return fflush(stdout) == 0 ? 0 : -errno;
}

static int show_json(const json_t *object)
{
	if (json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER) < 0)
		return -EIO;
	putchar('\n');
	return fflush(stdout) == 0 ? 0 : -errno;
}

/* The first reply has the past with it: for curves, and not for lines. */
static int take_reply(struct watch *watch, const json_t *reply, bool first, struct error *error)
{
	const json_t *object = json_object_get(reply, "aaaa");
	int64_t last = watch->history.n > 0 ? watch->history.seconds[watch->history.n - 1].time : 0;
	int r = 0;

	if (aaaa_counters_read(object, &watch->counters) < 0 ||
	    aaaa_history_read(json_object_get(object, "history"), &watch->history) < 0)
		return error_set(error, EBADMSG, _("nsctld's answer makes no sense"));
	if (watch->json)
		r = show_json(object);
	else if (watch->screen)
		r = show_frame(watch);
	else if (!first)
		r = show_lines(watch, last);
	return r < 0 ? error_errno(error, r, _("can't write the output")) : 0;
}

/* ---- signals and keys ------------------------------------------------------------------- */

/* Ctrl-Z: the shell gets its terminal back, and we ours with the next SIGCONT. */
static int stop_for_a_while(struct watch *watch)
{
	sigset_t set;

	watch->screen = screen_leave(watch->screen);
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	raise(SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &set, NULL); /* here it stops */
	sigprocmask(SIG_BLOCK, &set, NULL);
	return screen_enter(&watch->screen);
}

static int on_signal(struct watch *watch)
{
	struct signalfd_siginfo info;

	if (read(watch->signal_fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	switch (info.ssi_signo) {
	case SIGINT:
		watch->quit = true;
		return 0;
	case SIGTSTP:
		return stop_for_a_while(watch);
	case SIGWINCH:
	case SIGCONT:
		return show_frame(watch);
	default:
		watch->deadly = (int)info.ssi_signo;
		return 0;
	}
}

static void on_key(struct watch *watch)
{
	char key;
	ssize_t n = read(STDIN_FILENO, &key, 1);

	if (n == 1 && (key == 'q' || key == 'Q' || key == '\x03'))
		watch->quit = true;
	if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
		watch->keys = false;
}

/* ---- waiting ---------------------------------------------------------------------------- */

/* 1: there is something of nsctld to be read. */
static int wait_for_any(struct watch *watch, struct error *error)
{
	struct pollfd fds[] = {
		{ .fd = ipc_connection_fd(watch->connection), .events = POLLIN },
		{ .fd = watch->signal_fd, .events = POLLIN },
		{ .fd = watch->keys ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = watch->screen && screen_wants_write(watch->screen)
				? screen_fd(watch->screen)
				: -1,
		  .events = POLLOUT },
	};
	int r = 0;

	if (poll(fds, ARRAY_SIZE(fds), -1) < 0)
		return errno == EINTR ? 0 : error_errno(error, errno, _("can't wait for nsctld"));
	if (fds[3].revents)
		r = screen_flush(watch->screen);
	if (r >= 0 && fds[1].revents)
		r = on_signal(watch);
	if (r < 0)
		return error_errno(error, r, _("can't show anything on the terminal"));
	if (fds[2].revents)
		on_key(watch);
	return fds[0].revents != 0;
}

static int watch_replies(struct watch *watch, struct error *error)
{
	int r = 0;

	while (!watch->quit && !watch->deadly) {
		json_auto_t *reply = NULL;

		r = wait_for_any(watch, error);
		if (r < 0)
			break;
		if (r == 0)
			continue;
		r = client_call_next(watch->connection, &reply, error);
		if (r == 0)
			return 0;
		if (r > 0)
			r = take_reply(watch, reply, false, error);
		if (r < 0)
			break;
	}
	return r < 0 ? r : 0;
}

/* ---- begin and end ---------------------------------------------------------------------- */

static bool live_view_possible(const struct watch *watch)
{
	const char *term = getenv("TERM");

	return !watch->json && isatty(STDOUT_FILENO) && !str_empty(term) &&
	       !str_equal(term, "dumb");
}

static int block_signals(struct watch *watch, sigset_t *ret_old)
{
	sigset_t set;
	const int *signal;

	sigemptyset(&set);
	ARRAY_FOREACH(signal, watched_signals)
		sigaddset(&set, *signal);
	if (sigprocmask(SIG_BLOCK, &set, ret_old) < 0)
		return -errno;
	watch->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return watch->signal_fd < 0 ? -errno : 0;
}

static int watch_on_screen(struct watch *watch, const json_t *first, struct error *error)
{
	sigset_t old;
	int r = block_signals(watch, &old);

	if (r >= 0)
		r = screen_enter(&watch->screen);
	if (r < 0)
		return error_errno(error, r, _("can't use the terminal"));
	watch->keys = isatty(STDIN_FILENO);
	r = take_reply(watch, first, true, error);
	if (r >= 0)
		r = watch_replies(watch, error);
	watch->screen = screen_leave(watch->screen);
	watch->signal_fd = close_fd(watch->signal_fd);
	if (watch->deadly)
		raise(watch->deadly);
	sigprocmask(SIG_SETMASK, &old, NULL); /* where it acts as it does on everybody */
	return r;
}

int aaaa_watch(struct ipc_connection *connection, const char *profile, bool json,
	       struct error *error)
{
	struct watch watch = { .connection = connection, .json = json, .signal_fd = -1 };
	json_t *parameters = json_pack("{s:s, s:b}", "profile", profile, "history", 1);
	json_auto_t *first = NULL;
	int r;

	if (!parameters)
		return error_oom(error);
	r = client_call(connection, "Aaaa", parameters, NULL, 0, IPC_CALL_MORE, &first, error);
	if (r < 0)
		return r;
	if (live_view_possible(&watch))
		return watch_on_screen(&watch, first, error);
	r = take_reply(&watch, first, true, error);
	return r < 0 ? r : watch_replies(&watch, error);
}
