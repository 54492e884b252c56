/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two looks in a row have to find the same before anything is done: after a pause of the whole
 * machine the guard may be the first to run again.
 */
#include "guard.h"

#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#define QUEUES_FILE "/proc/self/net/netfilter/nfnetlink_queue"

enum { LOOK_MS = 300, LOOKS = 2, FLUSHES = 4, TEXT_MAX = 16384 };

int guard_open(struct error *error)
{
	int fd = open(QUEUES_FILE, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? error_errno(error, errno, _("can't open %s"), QUEUES_FILE) : fd;
}

/* ---- what the kernel tells ---------------------------------------------------------------- */

struct waiting {
	unsigned packets;
	uint32_t last_id; /* of all that ever came */
};

static void read_text(int fd, char text[TEXT_MAX])
{
	size_t length = 0;
	ssize_t n;

	do {
		n = pread(fd, text + length, TEXT_MAX - 1 - length, (off_t)length);
		if (n > 0)
			length += (size_t)n;
	} while (n > 0);
	text[length] = '\0';
}

/* A line is: number, port id, packets that wait, copy mode and range, two kinds of losses, the last
 * id, 1 (net/netfilter/nfnetlink_queue.c, seq_show). */
static struct waiting read_waiting(const struct guard *guard, unsigned queue)
{
	struct waiting waiting = {};
	char text[TEXT_MAX], *rest = text, *line;

	read_text(guard->queues_fd, text);
	while ((line = strsep(&rest, "\n"))) {
		unsigned number, packets;
		uint32_t last_id;

		if (sscanf(line, "%u %*u %u %*u %*u %*u %*u %" SCNu32, &number, &packets,
			   &last_id) == 3 &&
		    number == queue)
			waiting = (struct waiting){ packets, last_id };
	}
	return waiting;
}

/* ---- watching ----------------------------------------------------------------------------- */

/* Until a query comes. */
static void sleep_until_one_comes(const struct guard *guard)
{
	struct pollfd fds[AAAA_STATISTICS_MAX];

	for (size_t i = 0; i < guard->n_guarded; i++)
		fds[i] = (struct pollfd){ .fd = queue_fd(guard->guarded[i].queue),
					  .events = POLLIN };
	poll(fds, guard->n_guarded, -1);
}

/* Whether something comes to it at all. */
static bool look_at(const struct guard *guard, struct guarded *guarded)
{
	uint64_t seen = guarded->statistics->seen;
	unsigned packets = read_waiting(guard, queue_number(guarded->queue)).packets;
	bool moves = seen != guarded->seen;

	guarded->seen = seen;
	guarded->looks_stuck = packets > 0 && !moves ? guarded->looks_stuck + 1 : 0;
	return packets > 0 || moves;
}

static void accept_what_waits(const struct guard *guard, const struct guarded *guarded)
{
	for (int i = 0; i < FLUSHES; i++) { /* those are at the end that were on the way */
		struct waiting waiting = read_waiting(guard, queue_number(guarded->queue));

		if (waiting.packets == 0)
			break;
		queue_accept_until(guarded->queue, waiting.last_id);
	}
}

/* The rules first, so that no more come. The last to be killed is our parent, and we with it. */
static _Noreturn void let_through(struct guard *guard)
{
	static const char message[] = "nsctl-aaaa: it was stopped or hangs: killed\n";

	if (guard->end)
		nft_batch_commit(TAKE_PTR(guard->end), NULL);
	for (size_t i = 0; i < guard->n_guarded; i++)
		accept_what_waits(guard, &guard->guarded[i]);
	write_all(STDERR_FILENO, message, strlen(message));
	for (size_t i = guard->n_guarded; i > 0; i--)
		kill(guard->guarded[i - 1].pid, SIGKILL);
	for (;;)
		poll(NULL, 0, -1);
}

void guard_run(struct guard *guard)
{
	bool busy = false;

	write_all(guard->ready_fd, "", 1);
	close_fd(guard->ready_fd);
	for (;;) {
		if (!busy)
			sleep_until_one_comes(guard);
		poll(NULL, 0, LOOK_MS);
		busy = false;
		for (size_t i = 0; i < guard->n_guarded; i++) {
			struct guarded *guarded = &guard->guarded[i];

			busy = look_at(guard, guarded) || busy;
			if (guarded->looks_stuck == LOOKS)
				let_through(guard);
		}
	}
}
