/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log: lines on stderr, in the journal's own form when stderr leads there (sd-daemon(3)). */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "nsctl/base.h"

static struct {
	const char *name;
	enum log_level level;
	bool journal;
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

void log_message(enum log_level level, const char *format, ...)
{
	int saved = errno;
	char line[2048];
	va_list ap;
	int n;

	if (!log_enabled(level))
		return;
	n = log_to.journal ? snprintf(line, sizeof(line), "<%d>", level)
			   : snprintf(line, sizeof(line), "%s: ", log_to.name);
	va_start(ap, format);
	vsnprintf(line + n, sizeof(line) - n - 1, format, ap);
	va_end(ap);
	strcat(line, "\n");
	write_all(STDERR_FILENO, line,
		  strlen(line)); /* one write: lines of several processes stay whole */
	errno = saved;
}
