/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Patience: an interval timer; see patience.h for what it is good for. */
#include <signal.h>
#include <sys/time.h>

#include "nsctl/base.h"
#include "nsctl/patience.h"

#define PATIENCE_USEC 5000

static void on_alarm(_unused_ int number)
{
}

void patience_prepare(void)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	sigset_t set;

	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL); /* whoever started us may have it blocked */
}

void patience_start(void)
{
	/* again and again: the first may come before the wait has begun */
	const struct itimerval often = { .it_interval = { .tv_usec = PATIENCE_USEC },
					 .it_value = { .tv_usec = PATIENCE_USEC } };

	setitimer(ITIMER_REAL, &often, NULL);
}

void patience_end(void)
{
	const struct itimerval never = {};

	setitimer(ITIMER_REAL, &never, NULL);
}
