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
#include "relay.h"

/* ---- down to the command --------------------------------------------------------------- */

void relay_send(struct relay *relay, enum session_message_type type, int value)
{
	struct session_message message = { .type = type, .value = value };

	send(relay->fd, &message, sizeof(message), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void on_signal(struct loop_source *source _unused_, uint32_t events _unused_, void *userdata)
{
	static const struct {
		int number;
		bool (*handle)(struct relay *relay); /* is it still to be passed on? */
	} handlers[] = {
		{ SIGWINCH, relay_resize },
		{ SIGCONT, relay_continue },
		{ SIGHUP, relay_hang_up },
	};
	struct relay *relay = userdata;
	struct signalfd_siginfo info;

	while (read(relay->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		bool pass = true;

		for (size_t i = 0; i < ARRAY_SIZE(handlers); i++)
			if (handlers[i].number == (int)info.ssi_signo)
				pass = handlers[i].handle(relay);
		if (pass)
			relay_send(relay, SESSION_SIGNAL, info.ssi_signo);
	}
}

/* All that would end or stop us, but for those that are about ourselves: what the processor or a
 * broken pipe says, and the terminal's two, which have to stop us where we read or write. */
static bool is_passed_on(int number)
{
	static const int own[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS,  SIGFPE,  SIGILL, SIGTRAP,
				   SIGABRT, SIGSYS,  SIGCHLD, SIGPIPE, SIGTTIN, SIGTTOU };
	struct sigaction action;

	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		if (number == own[i])
			return false;
	/* blocked, an ignored signal would arrive here nevertheless */
	return sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_IGN;
}

static void signals_passed_on(sigset_t *set)
{
	sigemptyset(set);
	for (int number = 1; number < _NSIG; number++)
		if (is_passed_on(number))
			sigaddset(set, number);
}

int relay_block_signals(void)
{
	sigset_t set;

	signals_passed_on(&set);
	return sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -errno : 0;
}

static int watch_signals(struct relay *relay)
{
	sigset_t set;

	signals_passed_on(&set);
	relay->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return relay->signal_fd < 0 ? -errno : 0;
}

/* ---- up from the command --------------------------------------------------------------- */

bool relay_suffer(int number, bool group)
{
	struct sigaction action = { .sa_handler = SIG_DFL }, saved = {};
	const struct timespec now = {};
	sigset_t set, mask;
	bool continued;

	sigaction(number, &action, &saved);
	sigemptyset(&set);
	sigaddset(&set, number);
	kill(group ? 0 : getpid(), number);
	sigprocmask(SIG_UNBLOCK, &set, &mask); /* here it stops or ends */
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(number, &saved, NULL);
	/* this is the one that went on: not a second time from the signalfd */
	sigemptyset(&set);
	sigaddset(&set, SIGCONT);
	continued = sigtimedwait(&set, NULL, &now) == SIGCONT;
	return continued || number == SIGSTOP;
}

/* In its second line is what to do about it. What would act on the terminal is replaced when it is
 * printed, as in all that is. */
static void fail(struct error *error, const char *text, size_t length)
{
	const char *end = memchr(text, '\n', length);
	size_t first = end ? (size_t)(end - text) : length;

	error_set(error, EREMOTEIO, "%.*s", (int)first, text);
	if (end)
		error_hint(error, "%.*s", (int)(length - first - 1), end + 1);
}

static void on_message(struct relay *relay, const struct session_message *message, const char *text)
{
	switch (message->type) {
	case SESSION_STARTED:
		relay->command = message->value;
		return;
	case SESSION_CONTINUED:
		return;
	case SESSION_STOPPED:
		relay_stop(relay, message->value);
		return;
	case SESSION_FAILED:
		fail(relay->error, text, message->length);
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

#if WITH_ADDRESS_SANITIZER
static bool session_was_killed;

/*
 * At the end LeakSanitizer stops us by a SIGSTOP of its tracer's and waits for it. The SIGCONT that
 * nsctld has for the caller of a killed session takes that away, and both would wait for ever.
 */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return session_was_killed;
}
#endif

static void on_session(struct loop_source *source _unused_, uint32_t events _unused_,
		       void *userdata)
{
	struct relay *relay = userdata;
	ssize_t n = recv(relay->fd, relay->data + relay->length,
			 sizeof(relay->data) - relay->length, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
#if WITH_ADDRESS_SANITIZER
		session_was_killed = true;
#endif
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
		relay_suffer(end->value, false);
	return 128 + (end->value & 0x7f);
}

static int run(struct relay *relay, bool foreground)
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
	if (r >= 0)
		r = relay_terminal_start(relay, foreground);
	if (r < 0)
		return error_errno(relay->error, r, _("can't watch the command"));
	handle_messages(relay); /* those that came together with the reply */
	return loop_run(relay->loop);
}

int relay_run(int fd, struct terminal *terminal, bool foreground, const void *data, size_t length,
	      struct error *error)
{
	struct relay *relay = calloc(1, sizeof(*relay));
	struct session_message end;
	int r;

	if (!relay)
		return error_oom(error);
	relay->fd = fd;
	relay->signal_fd = -1;
	relay->error = error;
	relay->terminal = terminal;
	if (length > sizeof(relay->data)) {
		free(relay);
		return error_set(error, EBADMSG, _("the session's message makes no sense"));
	}
	if (length)
		memcpy(relay->data, data, length);
	relay->length = length;
	r = run(relay, foreground);
	relay_terminal_end(relay);
	loop_source_free(relay->session);
	loop_source_free(relay->signals);
	loop_free(relay->loop);
	close_fd(relay->signal_fd);
	end = relay->end;
	free(relay);
	return r < 0 ? r : end_as(&end);
}
