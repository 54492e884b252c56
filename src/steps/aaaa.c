/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aaaa: nsctl-aaaa answers for the profile, in its network or outside of it.
 *
 * The program lives on without nsctld and takes its rules with it when it ends. It holds a lock on
 * RUNTIME/aaaa/NAME, the file in which it keeps count, by which whoever asks finds it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "step.h"

#define READY_MS 5000 /* for it to be ready */
#define GRACE_MS 500  /* between SIGTERM and SIGKILL: it answers what waits in the queue */

/* Of one option. The kernel takes no argument of more than 128 KiB (MAX_ARG_STRLEN in
 * include/uapi/linux/binfmts.h). */
#define LIST_MAX 32768

static const char *const hooks[] = { "output", "input", "forward" };
static const char *const dnssec[] = { "pass", "answer" };

static bool wanted(const struct profile *profile)
{
	return profile->aaaa_run != AAAA_NO;
}

char *aaaa_statistics_path(const struct host *host, const struct instance *instance)
{
	return str_format("%s/aaaa/%s", host->runtime_directory, instance->name);
}

/* ---- its command line -------------------------------------------------------------------- */

static int add(char ***arguments, const char *option, const char *value)
{
	return value ? strv_take(arguments, str_format("--%s=%s", option, value)) : 0;
}

/* A long list is spread over several options, which nsctl-aaaa adds up. Each value is shorter than
 * a line of a profile. */
static int add_list(char ***arguments, const char *option, char *const *values)
{
	int r = 0;

	while (r == 0 && values && *values) {
		_cleanup_free_ char *list = malloc(LIST_MAX);
		char *end = list;

		if (!list)
			return -ENOMEM;
		do {
			if (end > list)
				*end++ = ',';
			end = stpcpy(end, *values++);
		} while (*values && (size_t)(end - list) + 1 + strlen(*values) < LIST_MAX);
		r = add(arguments, option, list);
	}
	return r;
}

static int add_number(char ***arguments, const char *option, unsigned value)
{
	return strv_take(arguments, str_format("--%s=%u", option, value));
}

/* Outside, only the profile's own queries, as far as it has a network of its own. */
static int add_sender(char ***arguments, const struct instance *instance)
{
	char text[IP_TEXT_MAX];
	int r = add(arguments, "interface", instance_gateway_interface(instance));

	if (r < 0 || !instance->address.address.family)
		return r;
	return add(arguments, "from", ip_address_format(&instance->address.address, text));
}

static int arguments_of(const struct step_context *context, char ***ret)
{
	const struct profile *profile = context->profile;
	_cleanup_free_ char *statistics = aaaa_statistics_path(context->host, context->instance);
	_cleanup_free_ char *table = str_format("nsctl-aaaa-%s", context->instance->name);
	_cleanup_strv_ char **arguments = NULL;
	int r = statistics && table ? strv_add(&arguments, "nsctl-aaaa") : -ENOMEM;

	if (r == 0)
		r = add(&arguments, "hook", hooks[profile->aaaa_hook]);
	if (r == 0)
		r = add_number(&arguments, "port", profile->aaaa_port);
	if (r == 0)
		r = add_list(&arguments, "qtype", profile->aaaa_qtypes);
	if (r == 0)
		r = add_list(&arguments, "only", profile->aaaa_only);
	if (r == 0)
		r = add_list(&arguments, "except", profile->aaaa_except);
	if (r == 0)
		r = add(&arguments, "dnssec", dnssec[profile->aaaa_dnssec]);
	if (r == 0 && profile->aaaa_soa)
		r = strv_add(&arguments, "--soa");
	if (r == 0)
		r = add_number(&arguments, "queues", profile->aaaa_queues);
	if (r == 0)
		r = add(&arguments, "table", table);
	if (r == 0)
		r = add(&arguments, "statistics", statistics);
	if (r == 0 && profile->aaaa_run == AAAA_OUTSIDE && profile->network == NETWORK_NEW)
		r = add_sender(&arguments, context->instance);
	if (r == 0)
		*ret = TAKE_PTR(arguments);
	return r;
}

/* Of all that it was started with. */
static uint32_t config_of(char *const *arguments)
{
	_cleanup_free_ char *joined = strv_join(arguments, " ");

	return joined ? str_hash(joined) | 1 : 0;
}

/* ---- the process --------------------------------------------------------------------------- */

int aaaa_find(const struct host *host, const struct instance *instance, int *ret_pidfd)
{
	_cleanup_free_ char *path = aaaa_statistics_path(host, instance);
	struct file_id network;

	return path ? detached_find(path, ret_pidfd, &network) : -ENOMEM;
}

/* A debugger or SIGSTOP is what its guard sees; with the whole of its cgroup that is frozen too. */
static bool is_frozen(int pidfd)
{
	_cleanup_close_ int events_fd = cgroup_events_open(pidfd);

	return events_fd >= 0 && cgroup_is_frozen(events_fd);
}

enum state { ENDED, FROZEN, RUNS };

/* 0 or a negative errno. One that lives on in a network which was the profile's once, and whose pin
 * went while no nsctld was there to hold it, is not the profile's. */
static int look_at(const struct step_context *context, enum state *ret)
{
	const struct instance *instance = context->instance;
	_cleanup_free_ char *path = aaaa_statistics_path(context->host, instance);
	_cleanup_close_ int pidfd = -1;
	struct file_id network;
	int r = path ? detached_find(path, &pidfd, &network) : -ENOMEM;

	*ret = ENDED;
	if (r < 0)
		return r == -ESRCH || r == -ENOENT ? 0 : r;
	if (context->profile->aaaa_run == AAAA_INSIDE && instance->has_netns &&
	    !file_id_equal(&network, &instance->netns_id))
		return 0;
	*ret = is_frozen(pidfd) ? FROZEN : RUNS;
	return 0;
}

static bool has_ended(int pidfd, int patience_ms)
{
	struct pollfd poll_fd = { .fd = pidfd, .events = POLLIN };
	int r;

	do
		r = poll(&poll_fd, 1, patience_ms);
	while (r < 0 && errno == EINTR);
	return r > 0;
}

/* 1 when there was one. */
static int stop(const struct step_context *context, struct error *error)
{
	_cleanup_close_ int pidfd = -1;
	int r = aaaa_find(context->host, context->instance, &pidfd);

	if (r == -ESRCH || r == -ENOENT)
		return 0;
	if (r < 0)
		return error_errno(error, r, "%s", _("can't look for the responder"));
	pidfd_send_signal(pidfd, SIGTERM, NULL, 0);
	if (!is_frozen(pidfd) && has_ended(pidfd, GRACE_MS))
		return 1;
	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
	if (has_ended(pidfd, GRACE_MS))
		return 1;
	return error_set(error, EBUSY, "%s", _("the responder does not end"));
}

/* What it says when it is ready, or when it can't be. */
static int wait_until_ready(int fd, struct error *error)
{
	uint64_t end = now_usec() + READY_MS * 1000ull;
	char text[512];
	size_t length = 0;

	for (;;) {
		struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
		uint64_t now = now_usec();
		ssize_t n = -1;

		if (now >= end)
			return error_set(error, ETIMEDOUT, "%s",
					 _("the responder does not get ready"));
		if (poll(&poll_fd, 1, (int)((end - now) / 1000 + 1)) > 0)
			n = read(fd, text + length, sizeof(text) - 1 - length);
		if (n == 0)
			break;
		if (n > 0)
			length += (size_t)n;
	}
	text[length] = '\0';
	if (strcmp(text, "ready") == 0)
		return 0;
	if (length == 0)
		return error_set(error, ECHILD, "%s", _("the responder ended without a word"));
	return error_set(error, EREMOTEIO, _("nsctl-aaaa: %s"), text);
}

static int make_directory(const struct host *host, struct error *error)
{
	_cleanup_free_ char *path = str_format("%s/aaaa", host->runtime_directory);
	int r = path ? make_directories(path, 0700) : -ENOMEM;

	return r < 0 ? error_errno(error, r, _("can't make %s"), path ?: "") : 0;
}

static int start(const struct step_context *context, char **arguments, struct error *error)
{
	const struct profile *profile = context->profile;
	int network = profile->aaaa_run == AAAA_INSIDE ? context->instance->netns_fd : -1;
	_cleanup_close_ int read_fd = -1, write_fd = -1, pidfd = -1;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return error_errno(error, errno, "%s", _("can't start the responder"));
	read_fd = fds[0];
	write_fd = fds[1];
	r = detached_start(network, context->host->responder_program, arguments, write_fd, &pidfd);
	if (r < 0)
		return error_errno(error, r, "%s", _("can't start the responder"));
	close_fd(TAKE_FD(write_fd));
	r = wait_until_ready(read_fd, error);
	if (r < 0) { /* without its lock nobody would find it any more */
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
		has_ended(pidfd, GRACE_MS);
	}
	return r;
}

/* ---- the step ------------------------------------------------------------------------------ */

static int down(struct step_context *context, struct error *error);

/* Where nothing was, nothing stays of a failure. */
static int up(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	_cleanup_strv_ char **arguments = NULL;
	bool had = instance->aaaa_config;
	enum state state = ENDED;
	uint32_t config;
	int r = arguments_of(context, &arguments);

	if (r < 0)
		return error_oom(error);
	config = config_of(arguments);
	if (instance->aaaa_config == config)
		r = look_at(context, &state);
	if (r < 0)
		return error_errno(error, r, "%s", _("can't look for the responder"));
	if (state == RUNS)
		return 0;
	/* written down first: what runs without a record would stay for ever */
	instance->aaaa_config = config;
	r = context->record(context, error);
	if (r == 0)
		r = make_directory(context->host, error);
	if (r == 0)
		r = stop(context, error);
	if (r >= 0)
		r = strv_take(&arguments, str_format("--ready-fd=%d", DETACHED_FD));
	if (r >= 0)
		r = start(context, arguments, error);
	if (r < 0 && !had)
		down(context, NULL);
	if (r < 0)
		return r;
	return had ? STEP_MENDED : STEP_MADE;
}

static int down(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	_cleanup_free_ char *path = aaaa_statistics_path(context->host, instance);
	_cleanup_free_ char *directory = str_format("%s/aaaa", context->host->runtime_directory);
	int r;

	if (!instance->aaaa_config)
		return 0;
	if (!path || !directory)
		return error_oom(error);
	r = stop(context, error);
	if (r < 0)
		return r;
	if (unlink(path) < 0 && errno != ENOENT)
		return error_errno(error, errno, _("can't remove %s"), path);
	/* another profile's may be in it */
	if (rmdir(directory) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		return error_errno(error, errno, _("can't remove %s"), directory);
	instance->aaaa_config = 0;
	return 1;
}

static int check(struct step_context *context, struct drift *drift)
{
	enum state state;
	int r = look_at(context, &state);

	if (r < 0 || state == RUNS)
		return r;
	if (state == ENDED)
		return drift_add(drift, "aaaa", "%s", _("the responder does not run"));
	return drift_add(drift, "aaaa", "%s",
			 _("the responder is frozen with its control group: queries "
			   "for AAAA wait"));
}

static int explain(struct step_context *context, FILE *out, struct error *error)
{
	_cleanup_strv_ char **arguments = NULL;
	char *const *argument;

	if (arguments_of(context, &arguments) < 0)
		return error_oom(error);
	fprintf(out, "# aaaa: the responder, which makes its rules itself\n");
	fprintf(out, "mkdir -p -m 0700 %s/aaaa\n", context->host->runtime_directory);
	if (context->profile->aaaa_run == AAAA_INSIDE)
		fprintf(out, "nsenter --net=%s/%s \\\n\t", NETNS_DIRECTORY,
			context->instance->name);
	fputs("setsid", out);
	STRV_FOREACH(argument, arguments)
		fprintf(out, " %s", *argument);
	fputs(" </dev/null >/dev/null 2>&1 &\n\n", out);
	return 0;
}

const struct step step_aaaa = {
	.name = "aaaa",
	.records = true,
	.wanted = wanted,
	.up = up,
	.down = down,
	.check = check,
	.explain = explain,
};
