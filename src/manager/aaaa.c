/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Aaaa: a responder's statistics, out of the file that it writes in the runtime directory. */
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "aaaa_json.h"
#include "internal.h"

enum { QUEUES_TEXT_MAX = 65536 };

static const struct aaaa_names names = { aaaa_passed_names, aaaa_error_names };

/* Nothing is followed and nothing is waited for: the responder may have put anything there. */
static int open_statistics(const struct manager *manager, const struct instance *instance)
{
	_cleanup_free_ char *path = aaaa_statistics_path(&manager->host, instance);
	int fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;

	return fd >= 0 ? fd : path ? -errno : -ENOMEM;
}

/* Each queue has a structure in the file. */
static uint32_t count_queues(int fd)
{
	struct stat st;
	off_t n = fstat(fd, &st) < 0 ? 0 : st.st_size / (off_t)sizeof(struct aaaa_statistics);

	return (uint32_t)(n < AAAA_STATISTICS_MAX ? n : AAAA_STATISTICS_MAX);
}

/* What the kernel tells of the queues, in the responder's network namespace. The number of a
 * process is what the responder says, and all that is read of it are three numbers. */
static void read_queues(const struct aaaa_statistics *statistics, uint32_t n,
			struct aaaa_queue *ret)
{
	_cleanup_free_ char *text = NULL;
	char path[64];
	size_t length;

	snprintf(path, sizeof(path), "/proc/%u/net/netfilter/nfnetlink_queue", statistics->pid);
	if (file_read(AT_FDCWD, path, QUEUES_TEXT_MAX, &text, &length) < 0)
		text = NULL;
	aaaa_queue_parse(text, statistics->queue, n, ret);
}

static bool runs(const struct manager *manager, const struct instance *instance)
{
	_cleanup_close_ int pidfd = -1;

	return aaaa_find(&manager->host, instance, &pidfd) == 0;
}

json_t *aaaa_status(const struct manager *manager, const struct instance *instance)
{
	_cleanup_free_ struct aaaa_statistics *statistics = NULL;
	_cleanup_close_ int fd = -1;
	struct aaaa_queue queue;
	int r;

	if (!instance || !instance->aaaa_config)
		return json_null();
	fd = open_statistics(manager, instance);
	r = fd < 0 ? fd : aaaa_statistics_read(fd, &statistics);
	if (r < 0)
		return r == -ENOMEM ? NULL : json_null();
	read_queues(statistics, count_queues(fd), &queue);
	return aaaa_short_json(statistics, &names, &queue);
}

int manager_aaaa(struct manager *manager, const char *name, int64_t since, json_t **ret,
		 struct error *error)
{
	_cleanup_free_ struct aaaa_statistics *statistics = NULL;
	_cleanup_close_ int fd = -1;
	const struct instance *instance = manager_find(manager, name);
	struct aaaa_queue queue;
	json_t *object;
	int r;

	if (!instance) {
		error_set(error, ENOTCONN, _("profile %s is not up"), name);
		error_hint(error, _("bring it up first: nsctl up %s"), name);
		return -ENOTCONN;
	}
	fd = open_statistics(manager, instance);
	if (fd == -ENOENT)
		return error_set(error, EOPNOTSUPP, _("profile %s has no AAAA responder"), name);
	r = fd < 0 ? fd : aaaa_statistics_read(fd, &statistics);
	if (r < 0)
		return error_errno(error, r, _("can't read the statistics of %s"), name);
	read_queues(statistics, count_queues(fd), &queue);
	object = aaaa_json(statistics, &names, &queue, time(NULL), since);
	if (!object || json_object_set_new(object, "profile", json_string(name)) < 0 ||
	    json_object_set_new(object, "running", json_boolean(runs(manager, instance))) < 0) {
		json_decref(object);
		return error_oom(error);
	}
	*ret = object;
	return 0;
}
