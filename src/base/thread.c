/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads for the few things that the kernel takes long for. */
#include <signal.h>

#include "nsctl/base.h"

int thread_start(pthread_t *ret, void *(*fn)(void *argument), void *argument)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(ret, NULL, fn, argument);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -r;
}
