/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsctld: the privileged part of nsctl. One process, one loop; it never enters another namespace.
 * All state is in the kernel and the runtime directory, so that it may end at any time.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>

#include "activation.h"
#include "background.h"
#include "listener.h"
#include "server.h"

#define EXIT_USAGE      2
#define OTHER_WAIT_USEC UINT64_C(5000000) /* for another nsctld that comes or goes */
#define MMAP_THRESHOLD  (128 << 10)       /* bytes; as glibc has it at first */

static void print_error(const struct error *error)
{
	fprintf(stderr, "nsctld: %s\n", error_text(error));
	if (error->hint)
		fprintf(stderr, "nsctld: %s\n", error->hint);
}

/* 0, 1 and 2 must be something, or the first files that are opened take their places. */
static int set_up_stdio(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		if (fd <= STDERR_FILENO && fcntl(fd, F_SETFD, 0) < 0)
			return -errno;
	} while (fd <= STDERR_FILENO);
	if (dup2(fd, STDIN_FILENO) < 0)
		return -errno;
	close_fd(fd);
	return 0;
}

static void reload(struct server *server)
{
	_cleanup_error_ struct error error = {};

	if (server_reload(server, &error) < 0)
		log_error("the settings stay as they were: %s", error_text(&error));
	else
		log_info("%s read again", server->options->config);
}

static void on_signal(struct loop_source *source, uint32_t events, void *userdata);

/* SIGPIPE is one of them: a reader of the log that has gone must not end us, and a child would
 * inherit that it is ignored. */
static sigset_t watched_signals(void)
{
	static const int watched[] = { SIGTERM, SIGINT, SIGHUP, SIGPIPE };
	const int *number;
	sigset_t mask;

	sigemptyset(&mask);
	ARRAY_FOREACH(number, watched) {
		sigaddset(&mask, *number);
		signal(*number, SIG_DFL); /* ignored ones would never arrive (nohup) */
	}
	return mask;
}

/* Before anything else is started: a thread that does not block them would be ended by them, and
 * everything with it. */
static int block_signals(struct error *error)
{
	sigset_t mask = watched_signals();

	if (sigprocmask(SIG_BLOCK, &mask, NULL) < 0)
		return error_errno(error, errno, _("can't watch signals"));
	return 0;
}

/* Returns the signalfd. */
static int watch_signals(struct server *server, struct loop *loop, struct loop_source **ret)
{
	sigset_t mask = watched_signals();
	_cleanup_close_ int fd = -1;
	int r;

	fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	server->signal_fd = fd;
	r = loop_add_fd(loop, fd, EPOLLIN, on_signal, server, ret);
	return r < 0 ? r : TAKE_FD(fd);
}

static void on_signal(_unused_ struct loop_source *source, _unused_ uint32_t events, void *userdata)
{
	struct server *server = userdata;
	struct signalfd_siginfo info;

	while (read(server->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGPIPE)
			continue;
		if (info.ssi_signo == SIGHUP) {
			reload(server);
			continue;
		}
		log_info("ending, on signal %u", info.ssi_signo);
		loop_exit(server->loop, EXIT_SUCCESS);
	}
}

static int announce(const struct options *options, int ready_fd, struct error *error)
{
	_cleanup_free_ char *log_path = str_format("%s/nsctld.log", options->runtime);

	if (!log_path)
		return error_oom(error);
	if (ready_fd >= 0) {
		int r = background_ready(ready_fd, log_path, error);

		if (r < 0)
			return r;
	}
	log_info("nsctld " PACKAGE_VERSION " listens");
	activation_notify("READY=1\nSTATUS=%s", _("Listening"));
	return 0;
}

static int serve(const struct options *options, struct loop *loop, int ready_fd,
		 struct error *error)
{
	struct loop_source *signals = NULL;
	struct server server = { .listen_fd = -1 };
	_cleanup_close_ int signal_fd = -1;
	int r = block_signals(error);

	if (r == 0)
		r = server_start(&server, loop, options, error);
	if (r == 0) {
		signal_fd = watch_signals(&server, loop, &signals);
		r = signal_fd < 0 ? error_errno(error, signal_fd, _("can't watch signals")) : 0;
	}
	if (r == 0)
		r = announce(options, ready_fd, error);
	close_fd(ready_fd);
	if (r == 0) {
		r = loop_run(loop);
		if (r < 0)
			error_errno(error, r, _("the event loop failed"));
		activation_notify("STOPPING=1");
	}
	loop_source_free(signals);
	server_stop(&server);
	return r;
}

/* Who has the lock and does not answer is just starting, or was killed and has not quite gone yet:
 * both are a matter of a moment. -EALREADY: there is another one. */
static int get_lock(const struct options *options, int *ret_fd, struct error *error)
{
	uint64_t end = now_usec() + OTHER_WAIT_USEC;

	for (;;) {
		int r = listener_lock(options->runtime, ret_fd, error);

		if (r != -EALREADY || listener_answers(options->socket))
			return r;
		if (now_usec() > end) {
			error_hint(
				error,
				_("it does not answer at %s; end it, and start again: what is up "
				  "stays up"),
				options->socket);
			return r;
		}
		error_clear(error);
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
}

static int run(const struct options *options)
{
	_cleanup_error_ struct error error = {};
	_cleanup_close_ int lock_fd = -1;
	struct loop *loop = NULL;
	int r = 0, ready_fd = -1;

	if (options->background)
		r = background_enter(&ready_fd, &error);
	if (r == 0)
		r = get_lock(options, &lock_fd, &error);
	if (r == -EALREADY && options->background && listener_answers(options->socket))
		return EXIT_SUCCESS;
	if (r == 0 && (r = loop_new(&loop)) < 0)
		error_errno(&error, r, _("can't make an event loop"));
	if (r == 0)
		r = serve(options, loop, ready_fd, &error);
	loop_free(loop);
	if (lock_fd >= 0)
		listener_unlock(options->runtime);
	if (r >= 0)
		return r;
	print_error(&error);
	return EXIT_FAILURE;
}

/* What holds for the whole life of the process. */
static int prepare_process(struct error *error)
{
	int r;

	activation_close_strays();
	r = set_up_stdio();
	if (r < 0)
		return error_errno(error, r, _("can't open /dev/null"));
	if (geteuid() != 0) {
		error_set(error, EPERM, _("nsctld must be started by root"));
		return -EPERM;
	}
	umask(022);
	/* the memory of large messages goes back to the kernel with them: else glibc would keep it
	 * after the first of them (M_MMAP_THRESHOLD in mallopt(3)) */
#ifdef M_MMAP_THRESHOLD
	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
#endif
	/* no core file and no ptrace: callers' environments pass through this memory */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return error_errno(error, errno, _("can't forbid core files"));
	return 0;
}

int main(int argc, char *argv[])
{
	_cleanup_(options_clear) struct options options = {};
	_cleanup_error_ struct error error = {};

	setlocale(LC_ALL, "");
	bindtextdomain(PACKAGE, LOCALEDIR);
	textdomain(PACKAGE);
	/* Catalogues are read at the first message: here, and not by what works inside a profile
	 * for us (ns_call), where they would be the profile's, nor under a lock that is never given
	 * back when that is killed. */
	gettext("out of memory");
	if (options_parse(argc, argv, &options, &error) < 0) {
		print_error(&error);
		return EXIT_USAGE;
	}
	if (options.help) {
		options_print_help(stdout);
		return EXIT_SUCCESS;
	}
	if (options.version) {
		printf("nsctld %s\n", PACKAGE_VERSION);
		return EXIT_SUCCESS;
	}
	if (prepare_process(&error) < 0) {
		print_error(&error);
		return EXIT_FAILURE;
	}
	log_open("nsctld", options.log_level);
	return run(&options);
}
