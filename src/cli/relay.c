/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsctl's half of a session: signals that arrive here go to the command, and what becomes of the
 * command becomes of nsctl: it stops when the command is stopped, goes on with it, and ends as it
 * ended. A signal that was ignored when nsctl started is ignored by the command as well and is not
 * passed on.
 */
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include "cli.h"
#include "nsctl/session.h"

static const int passed_on[] = {
	SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCONT, SIGTSTP, SIGWINCH,
};

struct relay {
	int fd, signal_fd;
	struct loop *loop;
	struct loop_source *session, *signals;
	struct session_message end; /* type 0: not there yet */
	struct error *error;
	size_t length;
	char data[sizeof(struct session_message) + UINT16_MAX]; /* the longest message */
};

/* ---- down to the command --------------------------------------------------------------- */

static void send_signal(struct relay *relay, int number)
{
	struct session_message message = { .type = SESSION_SIGNAL, .value = number };

	/* a session that does not listen has gone or is going: that is seen where it is read */
	send(relay->fd, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void on_signal(struct loop_source *source _unused_, uint32_t events _unused_, void *userdata)
{
	struct relay *relay = userdata;
	struct signalfd_siginfo info;

	while (read(relay->signal_fd, &info, sizeof(info)) == sizeof(info))
		send_signal(relay, info.ssi_signo);
}

static int watch_signals(struct relay *relay)
{
	const int *number;
	sigset_t set;

	sigemptyset(&set);
	ARRAY_FOREACH(number, passed_on) {
		struct sigaction action;

		/* blocked, an ignored signal would arrive here nevertheless */
		if (sigaction(*number, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			sigaddset(&set, *number);
	}
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	relay->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return relay->signal_fd < 0 ? -errno : 0;
}

/* ---- up from the command --------------------------------------------------------------- */

/* Lets a signal have its default effect on this process, whatever its state was. */
static void suffer(int number)
{
	struct sigaction action = { .sa_handler = SIG_DFL }, saved;
	sigset_t set, mask;

	sigaction(number, &action, &saved);
	sigemptyset(&set);
	sigaddset(&set, number);
	kill(getpid(), number);
	sigprocmask(SIG_UNBLOCK, &set, &mask); /* here it stops or ends */
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(number, &saved, NULL);
}

/* So that the shell sees its job stopped, and continues it by continuing us. */
static void stop(struct relay *relay, int number)
{
	const struct timespec now = {};
	sigset_t set;

	if (number != SIGTSTP && number != SIGTTIN && number != SIGTTOU)
		number = SIGSTOP;
	suffer(number);
	/* this is the one that went on: not a second time from the signalfd */
	sigemptyset(&set);
	sigaddset(&set, SIGCONT);
	sigtimedwait(&set, NULL, &now);
	send_signal(relay, SIGCONT);
}

static void on_message(struct relay *relay, const struct session_message *message, const char *text)
{
	_cleanup_free_ char *shown = NULL;

	switch (message->type) {
	case SESSION_STARTED:
	case SESSION_CONTINUED:
		return;
	case SESSION_STOPPED:
		stop(relay, message->value);
		return;
	case SESSION_FAILED:
		shown = str_escape(text, message->length);
		error_set(relay->error, EREMOTEIO, "%s", shown ?: "?");
		break;
	case SESSION_EXITED:
	case SESSION_KILLED:
		break;
	default:
		error_set(relay->error, EBADMSG, _("the session's message makes no sense"));
		loop_exit(relay->loop, -EBADMSG);
		return;
	}
	relay->end = *message;
	loop_exit(relay->loop, 0);
}

static void handle_messages(struct relay *relay)
{
	struct session_message message;
	const char *text = NULL;
	size_t used = 0;
	ssize_t n = 0;

	while (!relay->end.type) {
		n = session_message_parse(relay->data + used, relay->length - used, &message,
					  &text);
		if (n <= 0)
			break;
		on_message(relay, &message, text);
		used += n;
	}
	relay->length -= used;
	memmove(relay->data, relay->data + used, relay->length);
	if (n < 0) {
		error_set(relay->error, EBADMSG, _("the session's message makes no sense"));
		loop_exit(relay->loop, -EBADMSG);
	}
}

static void on_session(struct loop_source *source _unused_, uint32_t events _unused_,
		       void *userdata)
{
	struct relay *relay = userdata;
	ssize_t n = recv(relay->fd, relay->data + relay->length,
			 sizeof(relay->data) - relay->length, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		error_set(relay->error, ECONNRESET,
			  _("the command's session ended without a word"));
		loop_exit(relay->loop, -ECONNRESET);
		return;
	}
	relay->length += n;
	handle_messages(relay);
}

/* ---- its life -------------------------------------------------------------------------- */

/* As the command ended. Of a signal that dumps core we die too, but one core is enough. */
static int end_as(const struct session_message *end)
{
	if (end->type != SESSION_KILLED)
		return end->value & 0xff;
	if (prctl(PR_SET_DUMPABLE, 0) == 0)
		suffer(end->value);
	return 128 + end->value;
}

static int run(struct relay *relay)
{
	int r = watch_signals(relay);

	if (r >= 0)
		r = loop_new(&relay->loop);
	if (r >= 0)
		r = loop_add_fd(relay->loop, relay->signal_fd, EPOLLIN, on_signal, relay,
				&relay->signals);
	if (r >= 0)
		r = loop_add_fd(relay->loop, relay->fd, EPOLLIN, on_session, relay,
				&relay->session);
	if (r < 0)
		return error_errno(relay->error, r, _("can't watch the command"));
	handle_messages(relay); /* those that came together with the reply */
	return loop_run(relay->loop);
}

int relay_run(int fd, const void *data, size_t length, struct error *error)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	struct session_message end;
	int r;

	if (!relay)
		return error_oom(error);
	relay->fd = fd;
	relay->signal_fd = -1;
	relay->error = error;
	if (length > sizeof(relay->data)) {
		free(relay);
		return error_set(error, EBADMSG, _("the session's message makes no sense"));
	}
	if (length)
		memcpy(relay->data, data, length);
	relay->length = length;
	r = run(relay);
	loop_source_free(relay->session);
	loop_source_free(relay->signals);
	loop_free(relay->loop);
	close_fd(relay->signal_fd);
	end = relay->end;
	free(relay);
	return r < 0 ? r : end_as(&end);
}
