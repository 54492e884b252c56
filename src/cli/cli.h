/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of nsctl show to each other. */
#pragma once

#include <jansson.h>

#include "nsctl/base.h"
#include "nsctl/ipc.h"

enum { EXIT_USAGE = 2 };

/* One bit an option; the table with their names is in options.c. */
enum cli_option {
	OPTION_HELP = 1 << 0,
	OPTION_VERSION = 1 << 1,
	OPTION_SOCKET = 1 << 2,
	OPTION_DAEMON = 1 << 3,
	OPTION_PROFILES = 1 << 4,
	OPTION_JSON = 1 << 5,
	OPTION_DRY_RUN = 1 << 6,
	OPTION_WAIT = 1 << 7,
	OPTION_ALL = 1 << 8,
	OPTION_WATCH = 1 << 9,
	OPTION_USER = 1 << 10,
	OPTION_CHDIR = 1 << 11,
	OPTION_NAMES = 1 << 12,
	OPTION_PLOT = 1 << 13,
	OPTION_PROMETHEUS = 1 << 14,
	/* understood before the command and behind it */
	OPTIONS_GLOBAL = OPTION_HELP | OPTION_SOCKET | OPTION_DAEMON | OPTION_PROFILES,
};

/* What the command line says; strings point into argv. */
struct cli {
	const struct command *command; /* NULL until it is known */
	bool help, version, json, dry_run, wait, all, watch, names, prometheus;
	const char *socket, *daemon, *user, *directory, *plot;
	char **profiles; /* --profiles, or the default directories; owned */
};

/* A command: argv is what stands behind the options. Returns the exit status, or a negative errno
 * with the error to print. */
struct command {
	const char *name, *arguments, *summary, *details;
	unsigned options;
	bool runs_command; /* options end at the first word behind the profile; failures are 125 */
	int (*run)(struct cli *cli, int argc, char **argv, struct error *error);
};

extern const struct command command_up, command_down, command_exec, command_status, command_list,
	command_ps, command_check, command_show, command_aaaa, command_help;
extern const struct command *const commands[]; /* in the order of the help, NULL-terminated */
const struct command *command_find(const char *name);
/* -EINVAL and an error that says which word was wrong, with the nearest right one as the hint. */
int command_unknown(const char *name, struct error *error);

/* ---- options.c ------------------------------------------------------------------------ */

/* Takes the options off argv. With `stop` they end at the first word that is none, else they may
 * stand among the words. Returns the index of the first word, or -EINVAL. */
int options_parse(struct cli *cli, unsigned allowed, bool stop, int argc, char **argv,
		  struct error *error);
/* One line for each option, as in "  -u, --user USER   text". */
void options_help(FILE *out, unsigned options);
/* -EINVAL unless at least `min` and at most `max` words are left. */
int arguments_check(const struct cli *cli, int argc, char **argv, int min, int max,
		    struct error *error);
void help_print(FILE *out, const struct command *command);

/* ---- format.c: text for people; pure but for the terminal questions -------------------- */

enum color { COLOR_NONE, COLOR_GOOD, COLOR_WARN, COLOR_BAD, COLOR_HEAD };
/* Only on a terminal, never with NO_COLOR or on a dumb one. */
bool color_wanted(FILE *out);
/* What begins a colour on a terminal; "\033[0m" ends it. */
const char *color_start(enum color color);
/* "3 min", "2 h": the time from an RFC 3339 time until `now`; what is no such time is given back.
 */
const char *format_since(const char *time, time_t now, char *buffer, size_t size);
/* The word of a list that is nearest to `word`, if one is near enough to be meant; else NULL. */
const char *nearest_word(const char *word, const char *const *words, size_t n);

struct table {
	size_t columns, rows;
	char **cells; /* rows times columns */
	enum color *colors;
	char **notes; /* lines below a row, joined by newlines */
};
/* Cells are copied and escaped; NULL and "" become "-". The first row is the head. */
int table_add(struct table *table, const char *const *cells, enum color color, size_t column);
/* A line beneath the row added last. */
int table_note(struct table *table, const char *text);
void table_print(const struct table *table, FILE *out, bool color);
void table_clear(struct table *table);

/* Each prints once, to stderr, after what is on its way to stdout. */
void report_error(const struct error *error);
void report_warning(const char *format, ...) _printf_(1, 2);
/* Stable, for programs. */
int print_json(const json_t *value);

/* ---- client.c ------------------------------------------------------------------------- */

/* Connects; for root, starts nsctld when it does not run. */
int client_connect(const struct cli *cli, struct ipc_connection **ret, struct error *error);
/* The same without starting anything: -ENOENT or -ECONNREFUSED when nsctld does not run. */
int client_connect_only(const struct cli *cli, struct ipc_connection **ret, struct error *error);
/* ipc_call and ipc_call_next with their errors put into words. */
int client_call(struct ipc_connection *connection, const char *method, json_t *parameters,
		const int *fds, size_t n_fds, unsigned flags, json_t **ret, struct error *error);
/* Connects and makes a call that asks about one profile; the caller frees both. */
int client_ask(const struct cli *cli, const char *method, const char *profile,
	       struct ipc_connection **ret_connection, json_t **ret, struct error *error);
int client_call_next(struct ipc_connection *connection, json_t **ret, struct error *error);
/* A string in an object, borrowed; NULL where there is none. */
const char *json_text(const json_t *object, const char *key);
/* An array of strings; -EILSEQ when one is no UTF-8, which JSON can't carry. */
int json_strings(char *const *strings, json_t **ret, struct error *error);
/* Up or Down: calls, and prints each outcome with these words. Returns the exit status. */
struct outcome_words {
	const char *method, *changed, *unchanged, *none;
};
int outcomes_run(const struct cli *cli, const struct outcome_words *words, json_t *parameters,
		 struct error *error);

/* ---- exec ----------------------------------------------------------------------------- */

struct exec {
	const char *profile;
	char **command;
	const char *directory; /* absolute */
	const char *user;      /* -u, or NULL */
};
/* Joins and becomes the command: returns only when that failed. */
int exec_as_root(const struct cli *cli, const struct exec *exec, struct error *error);
/* exec_session.c: as another user, with a terminal of its own. `become` makes a child of ours the
 * user (`owner`), inside the profile. Returns the exit status. */
typedef int (*exec_become_fn)(void *userdata, struct error *error);
int exec_in_session(const struct exec *exec, uid_t owner, exec_become_fn become, void *userdata,
		    struct error *error);
/* Have we a controlling terminal? */
bool exec_has_terminal(void);
/* Speaks with a session's leader, from its start to its end. `rest` came before. Whose the terminal
 * is that is made for the command: `owner`. Returns the exit status. */
int exec_speak(int fd, uid_t owner, const void *rest, size_t rest_length, struct error *error);
/* Has nsctld start it and stays until it has ended; returns the exit status. */
int exec_as_user(const struct cli *cli, const struct exec *exec, struct error *error);
/* The signals that are ignored: bit N-1 is signal N. */
uint64_t signals_ignored(void);
