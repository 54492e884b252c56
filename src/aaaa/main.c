/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nsctl-aaaa: the engine by hand, on a queue that somebody else's rules fill. */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "respond.h"

static volatile sig_atomic_t ended;

static void on_signal(int number _unused_)
{
	ended = 1;
}

static struct aaaa_statistics *open_statistics(const char *path)
{
	struct aaaa_statistics *s;
	int fd = path ? open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)
		      : memfd_create("statistics", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, sizeof(*s)) < 0)
		return NULL;
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close_fd(fd);
	if (s == MAP_FAILED)
		return NULL;
	s->version = AAAA_STATISTICS_VERSION;
	s->size = sizeof(*s);
	s->since = time(NULL);
	s->magic = AAAA_STATISTICS_MAGIC;
	return s;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "hook", required_argument, NULL, 'h' },
		{ "queue", required_argument, NULL, 'q' },
		{ "statistics", required_argument, NULL, 's' },
		{},
	};
	struct responder responder = { .port = 53, .policy = { .qtypes = { 28 }, .n_qtypes = 1 } };
	_cleanup_error_ struct error error = {};
	const char *path = NULL;
	unsigned number = 77;
	int c, r;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		switch (c) {
		case 'h':
			responder.way = str_equal(optarg, "output") ? RESPOND_BY_VERDICT
								    : RESPOND_BY_SOCKET;
			break;
		case 'q':
			number = (unsigned)atoi(optarg);
			break;
		case 's':
			path = optarg;
			break;
		default:
			return 2;
		}
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	sigaction(SIGINT, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	responder.statistics = open_statistics(path);
	r = responder.statistics ? queue_open(number, &responder.queue, &error)
				 : error_errno(&error, errno, "can't open the statistics");
	if (r >= 0 && responder.way == RESPOND_BY_SOCKET)
		r = respond_open_sockets(&responder, &error);
	if (r >= 0)
		puts("ready");
	fflush(stdout);
	while (r >= 0 && !ended)
		r = respond_once(&responder);
	if (r < 0)
		fprintf(stderr, "nsctl-aaaa: %s\n", error.code ? error_text(&error) : strerror(-r));
	queue_free(responder.queue);
	return r < 0;
}
