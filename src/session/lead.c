/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A session from the moment on in which its process is the user: what comes from the caller is
 * taken with no more rights than that. Who fails on the way tells the caller, on the connection. */
#include "session_private.h"

/* What to do about it stands in a line of its own. */
static void report(int connection_fd, const struct error *error)
{
	_cleanup_free_ char *text =
		error->hint ? str_format("%s\n%s", error_text(error), error->hint) : NULL;

	leader_report_failure(connection_fd, SESSION_EXIT_FAILED, text ?: error_text(error));
}

int session_lead(const struct session_request *request, int connection_fd, int r,
		 struct error *error)
{
	struct session_terminal_ends ends = { .master_fd = -1, .slave_fd = -1 };
	enum session_terminal terminal = SESSION_TERMINAL_NONE;
	int master_fd = -1;

	if (r >= 0)
		r = stdio_receive(connection_fd, &terminal, &master_fd, error);
	if (r >= 0 && terminal != SESSION_TERMINAL_NONE)
		r = terminal_take(&ends, master_fd, error);
	if (r >= 0)
		return leader_run(request, connection_fd, &ends,
				  terminal == SESSION_TERMINAL_FOREGROUND);
	report(connection_fd, error);
	return SESSION_EXIT_FAILED;
}
