/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log: lines on stderr, in the journal's own form when stderr leads there (sd-daemon(3)). Where
 * stderr is a file that nobody else looks after, each line says when, and the file stays small:
 * it lies in memory, and callers can make it grow.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "nsctl/base.h"

#define FILE_SIZE_MAX (1 << 20) /* bytes; then the older half goes */

static struct {
	const char *name;
	enum log_level level;
	bool journal, file;
} log_to = { .name = "nsctl", .level = LOG_LEVEL_INFO };

/* $JOURNAL_STREAM is "DEVICE:INODE" of the stream that the service manager connected. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_open(const char *name, enum log_level level)
{
	log_to.name = name;
	log_to.level = level;
	log_to.journal = stderr_is_journal();
}

void log_keep_file(void)
{
	log_to.file = true;
	tzset(); /* reads a file: now, and not at the first line */
}

int log_level_parse(const char *s, enum log_level *ret)
{
	static const char *const names[] = { "error", "warning", "notice", "info", "debug" };
	unsigned long number;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(s, names[i]) == 0) {
			*ret = LOG_LEVEL_ERROR + i;
			return 0;
		}
	if (str_to_uint(s, LOG_LEVEL_DEBUG, &number) < 0 || number < LOG_LEVEL_ERROR)
		return -EINVAL;
	*ret = number;
	return 0;
}

bool log_enabled(enum log_level level)
{
	return level <= log_to.level;
}

/* In place: other processes write at the end of this very file. */
static void drop_older_half(void)
{
	_cleanup_free_ char *kept = NULL;
	struct stat st;
	ssize_t n = 0;
	char *line;

	if (fstat(STDERR_FILENO, &st) < 0 || st.st_size < FILE_SIZE_MAX)
		return;
	kept = malloc(FILE_SIZE_MAX / 2);
	if (kept)
		n = pread(STDERR_FILENO, kept, FILE_SIZE_MAX / 2, st.st_size - FILE_SIZE_MAX / 2);
	line = n > 0 ? memchr(kept, '\n', n) : NULL;
	if (ftruncate(STDERR_FILENO, 0) == 0 && line)
		write_all(STDERR_FILENO, line + 1, kept + n - (line + 1));
}

/* What stands in front of a message; its length. */
static int write_start(char *line, size_t size, enum log_level level)
{
	time_t now = time(NULL);
	struct tm tm;
	char when[32] = "";

	if (log_to.journal)
		return snprintf(line, size, "<%d>", level);
	if (log_to.file && localtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S%z ", &tm);
	return snprintf(line, size, "%s%s: ", when, log_to.name);
}

void log_message(enum log_level level, const char *format, ...)
{
	int saved = errno;
	char line[2048];
	va_list ap;
	int n;

	if (!log_enabled(level))
		return;
	if (log_to.file)
		drop_older_half();
	n = write_start(line, sizeof(line), level);
	va_start(ap, format);
	vsnprintf(line + n, sizeof(line) - n - 1, format, ap);
	va_end(ap);
	strcat(line, "\n");
	write_all(STDERR_FILENO, line,
		  strlen(line)); /* one write: lines of several processes stay whole */
	errno = saved;
}
