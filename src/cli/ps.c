/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nsctl ps: what runs inside a profile.
 *
 * nsctld says which processes these are; their command lines are read here, with the caller's own
 * rights. That is memory of theirs, which a process can arrange so that whoever reads it waits:
 * then it is its own user, or root's "ps", who waits, and not nsctld.
 */
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cli.h"

#define COMMAND_MAX 16384 /* bytes of a command line */
#define GROUP_MAX   8192  /* of /proc/PID/cgroup */

enum column { PID, USER, TERMINAL, STATE, COMMAND, COLUMNS };

/* ---- /proc ------------------------------------------------------------------------------ */

/* The directory of a process, if it still is the one that started then. */
static int open_process(const json_t *process)
{
	long long pid = json_integer_value(json_object_get(process, "pid")), began = -1;
	_cleanup_free_ char *path = str_format("/proc/%lld", pid), *stat = NULL;
	_cleanup_close_ int fd = path ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	const char *p;

	if (fd < 0 || file_read(fd, "stat", 4096, &stat, NULL) < 0)
		return -1;
	p = strrchr(stat, ')');
	for (int field = 2; p && field < 22; field++) /* proc_pid_stat(5): starttime is the 22nd */
		p = strchr(p + 1, ' ');
	if (!p || sscanf(p, " %lld", &began) != 1 ||
	    began != json_integer_value(json_object_get(process, "started")))
		return -1;
	return TAKE_FD(fd);
}

/* Words as an array; those that are no UTF-8 are escaped, for JSON can't carry them. NULL: it has
 * none, or they are not for us to read. */
static json_t *words_of(int fd)
{
	_cleanup_close_ int file = openat(fd, "cmdline", O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = malloc(COMMAND_MAX + 1);
	size_t length = 0;
	ssize_t n = 0;
	json_t *words;

	if (file < 0 || !text)
		return NULL;
	while (length < COMMAND_MAX && (n = read(file, text + length, COMMAND_MAX - length)) > 0)
		length += n;
	if (n < 0 || length == 0)
		return NULL;
	text[length] = '\0';
	words = json_array();
	for (const char *word = text; word < text + length; word += strlen(word) + 1) {
		_cleanup_free_ char *escaped = NULL;
		json_t *string = json_string(word);

		if (!string) {
			escaped = str_escape(word, strlen(word));
			string = json_string(escaped ?: "?");
		}
		json_array_append_new(words, string);
	}
	return words;
}

/* Its control group in the unified hierarchy. */
static json_t *group_of(int fd)
{
	_cleanup_free_ char *text = NULL, *escaped = NULL;
	char *line;

	if (file_read(fd, "cgroup", GROUP_MAX, &text, NULL) < 0)
		return json_null();
	line = str_starts_with(text, "0::") ? text : strstr(text, "\n0::");
	if (!line)
		return json_null();
	line = strchr(line, '/') ?: line + strlen(line);
	escaped = str_escape(line, strcspn(line, "\n"));
	return json_string(escaped ?: "?");
}

static json_t *user_of(const json_t *process)
{
	uid_t uid = json_integer_value(json_object_get(process, "uid"));
	const struct passwd *entry = getpwuid(uid);
	_cleanup_free_ char *number = entry ? NULL : str_format("%u", uid);

	return json_string(entry ? entry->pw_name : number ?: "?");
}

/* Adds what is known on this side; a process that has ended meanwhile keeps its name. */
static void complete_process(json_t *process)
{
	_cleanup_close_ int fd = open_process(process);

	json_object_set_new(process, "user", user_of(process));
	json_object_set_new(process, "cgroup", fd < 0 ? json_null() : group_of(fd));
	json_object_set_new(process, "command", (fd < 0 ? NULL : words_of(fd)) ?: json_null());
}

/* ---- the table --------------------------------------------------------------------------- */

/* At most `width` bytes of it; 0: all. */
static char *command_text(const json_t *process, size_t width)
{
	const json_t *words = json_object_get(process, "command"), *word;
	char *text = NULL;
	size_t i;

	if (!json_is_array(words))
		text = str_format("[%s]", json_text(process, "name") ?: "?");
	json_array_foreach(words, i, word) {
		char *longer = str_format("%s%s%s", text ?: "", text ? " " : "",
					  json_string_value(word) ?: "?");

		free(text);
		text = longer;
	}
	if (text && width && strlen(text) > width) {
		while (width > 1 && (text[width - 1] & 0xc0) == 0x80) /* not in a character */
			width--;
		strcpy(text + width - 1, "+");
	}
	return text;
}

/* What is left of the terminal's line for the last column; 0: as much as there is. */
static size_t width_for_command(const json_t *processes)
{
	size_t widths[] = { [PID] = strlen(_("PID")),
			    [USER] = strlen(_("USER")),
			    [TERMINAL] = strlen(_("TERMINAL")),
			    [STATE] = strlen(_("STATE")) };
	struct winsize size = {};
	size_t used = 0, i, *width;
	const json_t *process;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
		return 0;
	json_array_foreach(processes, i, process) {
		long long pid = json_integer_value(json_object_get(process, "pid"));
		size_t cells[] = { [PID] = snprintf(NULL, 0, "%lld", pid),
				   [USER] = strlen(json_text(process, "user") ?: ""),
				   [TERMINAL] = strlen(json_text(process, "terminal") ?: ""),
				   [STATE] = 1 };

		for (size_t n = 0; n < ARRAY_SIZE(widths); n++)
			widths[n] = cells[n] > widths[n] ? cells[n] : widths[n];
	}
	ARRAY_FOREACH(width, widths)
		used += *width + 2;
	return used + 8 < size.ws_col ? size.ws_col - used : 8;
}

static int print_table(const json_t *reply)
{
	const json_t *processes = json_object_get(reply, "processes"), *process;
	long long omitted = json_integer_value(json_object_get(reply, "omitted"));
	struct table table = { .columns = COLUMNS };
	size_t width = width_for_command(processes), i;
	int r;

	if (json_array_size(processes) == 0) {
		puts(_("no processes"));
		return 0;
	}
	r = table_add(
		&table,
		(const char *[]){ _("PID"), _("USER"), _("TERMINAL"), _("STATE"), _("COMMAND") },
		COLOR_HEAD, SIZE_MAX);
	json_array_foreach(processes, i, process) {
		_cleanup_free_ char *command = command_text(process, width);
		char pid[32];

		snprintf(pid, sizeof(pid), "%lld",
			 (long long)json_integer_value(json_object_get(process, "pid")));
		if (r >= 0)
			r = table_add(&table,
				      (const char *[]){ pid, json_text(process, "user"),
							json_text(process, "terminal"),
							json_text(process, "state"), command },
				      COLOR_NONE, SIZE_MAX);
	}
	if (r >= 0)
		table_print(&table, stdout, color_wanted(stdout));
	table_clear(&table);
	if (omitted)
		report_warning(_("%lld more are not shown"), omitted);
	return r;
}

/* Control characters that JSON leaves as they are (those above U+007F) are written as \\uXXXX too.
 */
static int print_safe_json(const json_t *value)
{
	if (json_dumpf(value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII) < 0)
		return -EIO;
	fputc('\n', stdout);
	return 0;
}

static int run(struct cli *cli, int argc, char **argv, struct error *error)
{
	_cleanup_(ipc_connection_freep) struct ipc_connection *connection = NULL;
	json_auto_t *reply = NULL;
	json_t *process;
	size_t i;
	int r;

	if (arguments_check(cli, argc, argv, 1, 1, error) < 0)
		return EXIT_USAGE;
	r = client_ask(cli, "Processes", argv[0], &connection, &reply, error);
	if (r < 0)
		return r;
	json_array_foreach(json_object_get(reply, "processes"), i, process) {
		complete_process(process);
	}
	r = cli->json ? print_safe_json(reply) : print_table(reply);
	return r < 0 ? error_errno(error, r, _("can't print the processes")) : EXIT_SUCCESS;
}

const struct command command_ps = {
	.name = "ps",
	.arguments = N_("PROFILE"),
	.summary = N_("list what runs inside a profile"),
	.details = N_(
		"Lists what runs inside a profile, however it got there: it is what \"nsctl down\"\n"
		"would end."),
	.options = OPTION_JSON,
	.run = run,
};
