/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Socket activation and readiness, each a few lines of a stable protocol. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "activation.h"

#define LISTEN_FDS_START 3

static bool listens(int fd)
{
	int domain, type, accepting;
	socklen_t length = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX &&
	       getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &length) == 0 && accepting;
}

/* How many sockets were handed over to this very process. */
static unsigned long handed_over(void)
{
	const char *pid_text = getenv("LISTEN_PID"), *fds_text = getenv("LISTEN_FDS");
	unsigned long pid, n;

	if (!pid_text || !fds_text || str_to_uint(pid_text, INT32_MAX, &pid) < 0 ||
	    str_to_uint(fds_text, 1024, &n) < 0 || (pid_t)pid != getpid())
		return 0;
	return n;
}

void activation_close_strays(void)
{
	syscall(SYS_close_range, (unsigned)(LISTEN_FDS_START + handed_over()), ~0U, 0);
}

int activation_take_socket(int *ret, struct error *error)
{
	unsigned long n = handed_over();

	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	*ret = -1;
	if (n == 0)
		return 0;
	if (n > 1)
		return error_set(error, EINVAL,
				 _("the service manager handed over %lu sockets instead of one"),
				 n);
	if (!listens(LISTEN_FDS_START))
		return error_set(
			error, EINVAL,
			_("the service manager handed over something else than a listening "
			  "UNIX stream socket"));
	if (fcntl(LISTEN_FDS_START, F_SETFD, FD_CLOEXEC) < 0)
		return error_errno(error, errno, _("can't use the socket handed over"));
	*ret = LISTEN_FDS_START;
	return 0;
}

void activation_notify(const char *format, ...)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	size_t length;
	va_list ap;

	if (!path || (*path != '/' && *path != '@'))
		return;
	length = strlen(path);
	if (length >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, length);
	if (*path == '@')
		address.sun_path[0] = '\0';
	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (!text || fd < 0)
		return;
	if (sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
		   offsetof(struct sockaddr_un, sun_path) + length) < 0)
		log_debug("can't notify the service manager: %m");
}
