/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loaded into a program (LD_PRELOAD), lets it run out of memory once. Places that allocate are told
 * apart by who of the program itself called, as offsets of the return addresses: what its libraries
 * allocate for one call counts as one place. $NSCTL_ALLOCATIONS is the file that it shares with
 * tests/faults/faults: places are gathered there, or the first allocation at `wanted` fails. Where
 * that was, and where the program crashed, is left there as well.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PLACES_MAX 16000
#define DEPTH_MAX  48
#define CALLERS    3 /* of the program itself, that make a place */
#define WHERE_MAX  8 /* callers that are told */

struct shared {
	uint32_t armed;
	uint32_t wanted; /* 0: gather places */
	uint32_t fired;
	uint32_t count;
	uint32_t failed[WHERE_MAX], crashed[WHERE_MAX]; /* as offsets; 0: no more */
	uint32_t places[PLACES_MAX];
};

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

static struct shared *shared;
static uintptr_t text_start, text_end, base;
static __thread bool looking;

static int find_text(struct dl_phdr_info *info, size_t size, void *userdata)
{
	(void)size;
	(void)userdata;
	base = info->dlpi_addr;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];

		if (header->p_type == PT_LOAD && (header->p_flags & PF_X)) {
			text_start = base + header->p_vaddr;
			text_end = text_start + header->p_memsz;
		}
	}
	return 1; /* the first is the program */
}

/* The innermost callers in the program itself. */
static size_t callers(uint32_t *offsets, size_t max)
{
	void *frames[DEPTH_MAX];
	int n = backtrace(frames, DEPTH_MAX);
	size_t found = 0;

	for (int i = 0; i < n && found < max; i++) {
		uintptr_t address = (uintptr_t)frames[i];

		if (address >= text_start && address < text_end)
			offsets[found++] = (uint32_t)(address - base);
	}
	return found;
}

static uint32_t place(void)
{
	uint32_t offsets[CALLERS], hash = 2166136261u;
	size_t n = callers(offsets, CALLERS);

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ offsets[i]) * 16777619u;
	return hash | 1;
}

static void gather(uint32_t found)
{
	uint32_t count = __atomic_load_n(&shared->count, __ATOMIC_ACQUIRE);

	for (uint32_t i = 0; i < count; i++)
		if (shared->places[i] == found)
			return;
	count = __atomic_fetch_add(&shared->count, 1, __ATOMIC_ACQ_REL);
	if (count < PLACES_MAX)
		shared->places[count] = found;
}

static bool fails(void)
{
	uint32_t found;

	if (!shared || looking || !__atomic_load_n(&shared->armed, __ATOMIC_ACQUIRE))
		return false;
	looking = true;
	found = place();
	looking = false;
	if (!shared->wanted)
		gather(found);
	if (found != shared->wanted || __atomic_exchange_n(&shared->fired, 1, __ATOMIC_ACQ_REL))
		return false;
	looking = true;
	callers(shared->failed, WHERE_MAX);
	looking = false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return fails() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return fails() ? NULL : __libc_realloc(p, size);
}

static void on_crash(int number)
{
	if (shared)
		callers(shared->crashed, WHERE_MAX);
	raise(number); /* SA_RESETHAND */
}

__attribute__((constructor)) static void share(void)
{
	const char *path = getenv("NSCTL_ALLOCATIONS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	struct sigaction action = { .sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND };
	void *frames[1], *mapped;

	if (fd < 0)
		return;
	looking = true;
	backtrace(frames, 1); /* loads what it needs, now */
	looking = false;
	dl_iterate_phdr(find_text, NULL);
	mapped = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (mapped == MAP_FAILED)
		return;
	shared = mapped;
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGABRT, &action, NULL);
}
