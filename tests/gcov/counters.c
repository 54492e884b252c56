/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is counted is not lost, however a program ends: linked into every program of a build for
 * coverage (tests/coverage), and into no other.
 *
 * gcov keeps its counters in memory and writes them when a program exits. Ours are killed, leave by
 * _exit(2), become other programs, may not open a file any more, or are in another mount namespace
 * by then. So the pages of the counters (counters.ld) are mapped from a file before main: what is
 * counted is in it at once, and all processes of a program count together. Nothing is written at
 * the end; the program run once more with GCOV_COUNTERS_DUMP in its environment does that.
 *
 * COUNTERS is the directory of the files. They are named after the programs and are there already:
 * a program without one counts for itself alone.
 */
#include <fcntl.h>
#include <gcov.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

extern char gcov_counters_start[], gcov_counters_end[];

/* -Wl,--wrap=__gcov_exit: what each object calls when the program exits. */
void __wrap___gcov_exit(void);
void __wrap___gcov_exit(void)
{
}

static int open_counters(void)
{
	char program[4096], path[sizeof(COUNTERS) + sizeof(program)];
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (length < 0)
		return -1;
	program[length] = '\0';
	snprintf(path, sizeof(path), "%s/%s", COUNTERS, strrchr(program, '/') + 1);
	return open(path, O_RDWR | O_CLOEXEC);
}

static void map_counters(void)
{
	size_t size = gcov_counters_end - gcov_counters_start;
	int fd = open_counters();
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && (st.st_size >= (off_t)size || ftruncate(fd, size) == 0))
		mmap(gcov_counters_start, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
		     0);
	close(fd);
}

__attribute__((constructor)) static void count_in_file(void)
{
	map_counters();
	if (!getenv("GCOV_COUNTERS_DUMP"))
		return;
	__gcov_dump();
	_exit(0);
}
