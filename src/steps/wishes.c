/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wishes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "step.h"

void wishes_clear(struct wishes *wishes)
{
	close_fd(wishes->host_root);
	free(wishes->items);
	strv_free(wishes->strings);
}

static int wish(struct wishes *wishes, const char *target, const char *source, bool read_only)
{
	struct wish *grown = array_grow(wishes->items, wishes->count + 1, sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	wishes->items = grown;
	grown[wishes->count++] =
		(struct wish){ .target = target, .source = source, .read_only = read_only };
	return 0;
}

/* A name that the list owns. */
static const char *keep(struct wishes *wishes, char *string)
{
	return strv_take(&wishes->strings, string) < 0 ? NULL : string;
}

/* The resolver step makes these itself when the profile has [dns]. */
static bool is_resolver_file(const char *name)
{
	return str_equal(name, "resolv.conf") || str_equal(name, "hosts") ||
	       str_equal(name, "nsswitch.conf");
}

/* /etc/netns/NAME/FILE goes over /etc/FILE (ip-netns(8)). */
static int wish_netns_files(const struct profile *profile, struct wishes *wishes)
{
	_cleanup_free_ char *directory = str_format("/etc/netns/%s", profile->name);
	_cleanup_strv_ char **names = NULL;
	_cleanup_closedir_ DIR *stream = NULL;
	const char *entry;
	char **name;
	int r;

	if (!directory)
		return -ENOMEM;
	stream = opendir(directory);
	if (!stream)
		return errno == ENOENT ? 0 : -errno;
	while ((r = directory_next(stream, &entry)) > 0) {
		if (entry[0] == '.' || (profile->has_dns && is_resolver_file(entry)))
			continue;
		r = strv_add(&names, entry);
		if (r < 0)
			return r;
	}
	strv_sort(names);
	STRV_FOREACH(name, names) {
		const char *target = keep(wishes, str_format("/etc/%s", *name));
		const char *source = keep(wishes, str_format("%s/%s", directory, *name));

		r = r == 0 && target && source ? wish(wishes, target, source, false)
		    : r < 0                    ? r
					       : -ENOMEM;
	}
	return r;
}

int wishes_of(const struct profile *profile, struct wishes *wishes, struct error *error)
{
	char **directory;
	int r = 0;

	wishes->host_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (wishes->host_root < 0)
		return error_errno(error, errno, "%s", _("can't open /"));
	STRV_FOREACH(directory, profile->tmpfs)
		r = r < 0 ? r : wish(wishes, *directory, NULL, false);
	for (size_t i = 0; r == 0 && i < profile->n_binds; i++)
		r = wish(wishes, profile->binds[i].target, profile->binds[i].source,
			 profile->binds[i].read_only);
	if (r == 0)
		r = wish_netns_files(profile, wishes);
	return r < 0 ? error_errno(error, r, _("can't read /etc/netns/%s"), profile->name) : 0;
}

/* ---- inside ------------------------------------------------------------------------------- */

static int open_target(const char *path, struct error *error)
{
	int fd = path_open_no_symlinks(AT_FDCWD, path);

	if (fd == -ELOOP) {
		error_set(error, ELOOP, _("%s leads through a symbolic link"), path);
		error_hint(error, "%s",
			   _("name the place itself: links could be turned elsewhere by others"));
	} else if (fd < 0) {
		error_errno(error, fd, _("can't mount on or from %s"), path);
	}
	return fd;
}

/* A wish on its way: made, but attached nowhere yet. So it is known what it is before it is there,
 * and can be noted: what is not noted would be another's. */
struct grant {
	const struct wish *wish;
	struct error *error;
	int target, mount; /* descriptors, -1: none */
	struct file_id id; /* mount_id_of the mount */
};

static void grant_clear(struct grant *grant)
{
	close_fd(grant->target);
	close_fd(grant->mount);
}

static int prepare_tmpfs(const struct grant *grant)
{
	struct stat st;
	char mode[16], uid[16], gid[16];
	const char *options[] = { "mode", mode, "uid", uid, "gid", gid, NULL };
	int r;

	if (fstat(grant->target, &st) < 0)
		return error_errno(grant->error, errno, _("can't look at %s"), grant->wish->target);
	snprintf(mode, sizeof(mode), "%o", st.st_mode & 07777);
	snprintf(uid, sizeof(uid), "%u", st.st_uid);
	snprintf(gid, sizeof(gid), "%u", st.st_gid);
	r = mount_detached_filesystem("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	return r < 0 ? error_errno(grant->error, r, _("can't mount a tmpfs on %s"),
				   grant->wish->target)
		     : r;
}

static int prepare_bind(const struct grant *grant)
{
	const struct wish *wish = grant->wish;
	_cleanup_close_ int source = open_target(wish->source, grant->error);
	int r;

	if (source < 0)
		return source;
	r = mount_detached_bind(source, wish->read_only);
	return r < 0 ? error_errno(grant->error, r, _("can't mount %s on %s"), wish->source,
				   wish->target)
		     : r;
}

/* Inside, as all of it. */
static int prepare(void *argument)
{
	struct grant *grant = argument;
	int r;

	grant->target = open_target(grant->wish->target, grant->error);
	if (grant->target < 0)
		return grant->target;
	grant->mount = grant->wish->source ? prepare_bind(grant) : prepare_tmpfs(grant);
	if (grant->mount < 0)
		return grant->mount;
	r = mount_id_of(grant->mount, &grant->id);
	return r < 0 ? error_errno(grant->error, r, _("can't look at %s"), grant->wish->target) : 0;
}

static int attach(void *argument)
{
	const struct grant *grant = argument;
	const struct wish *wish = grant->wish;
	int r = mount_attach(grant->mount, grant->target);

	return r < 0 ? error_errno(grant->error, r, _("can't mount %s on %s"),
				   wish->source ? wish->source : "a tmpfs", wish->target)
		     : 0;
}

static int note(struct instance *instance, const struct grant *grant)
{
	return instance_mounted_add(instance, grant->wish->target, &grant->id) < 0
		       ? error_oom(grant->error)
		       : 0;
}

int wishes_grant(const struct wishes *wishes, struct instance *instance, struct error *error)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < wishes->count; i++) {
		struct grant grant = {
			.wish = &wishes->items[i], .error = error, .target = -1, .mount = -1
		};

		r = prepare(&grant);
		if (r == 0)
			r = note(instance, &grant);
		if (r == 0)
			r = attach(&grant);
		grant_clear(&grant);
	}
	return r;
}

/* ---- is it there? ------------------------------------------------------------------------- */

#define NOT_MOUNTED (-ENOENT)

/* What is mounted at the target inside, O_PATH, and its mount_id_of; NOT_MOUNTED, or another
 * negative errno: it can't be told. */
static int open_mounted(const struct instance *instance, const char *target, struct file_id *ret)
{
	_cleanup_close_ int fd =
		path_open_no_symlinks(instance->root_fd, target + strspn(target, "/"));
	int r = fd < 0 ? fd : fd_is_mount_root(fd);

	if (r == 0 || path_is_missing(r))
		return NOT_MOUNTED;
	if (r > 0)
		r = mount_id_of(fd, ret);
	return r < 0 ? r : TAKE_FD(fd);
}

static const struct own_mount *find_own(const struct instance *instance, const char *target)
{
	for (size_t i = 0; i < instance->n_mounted; i++)
		if (strcmp(instance->mounted[i].target, target) == 0)
			return &instance->mounted[i];
	return NULL;
}

/* The next four: 1, 0, or a negative errno: it can't be told, and nothing may be done about it. */

/* Is it this source? */
static int leads_to(int root_fd, const char *source, const struct file_id *id)
{
	_cleanup_close_ int fd = path_open_no_symlinks(root_fd, source + strspn(source, "/"));
	struct file_id found;
	int r = fd < 0 ? fd : file_id_of(fd, &found);

	if (r < 0)
		return path_is_missing(r) ? 0 : r;
	return file_id_equal(&found, id);
}

static int is_read_only(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) < 0 ? -errno : (fs.f_flags & ST_RDONLY) != 0;
}

/* Can it be written as the wish says? What can't be on the host can't be inside either. */
static int mode_is_right(const struct wishes *wishes, const struct wish *wish, int fd)
{
	_cleanup_close_ int source =
		path_open_no_symlinks(wishes->host_root, wish->source + strspn(wish->source, "/"));
	int is = is_read_only(fd), on_host;

	if (is < 0 || is == wish->read_only)
		return is < 0 ? is : 1;
	on_host = source < 0 ? source : is_read_only(source);
	return path_is_missing(on_host) ? 0 : on_host;
}

/* Is what the wish asks for in place? What is mounted may hide its own source inside (a directory
 * of the home directory as home directory), so that it is looked for on the host too. */
static int granted(const struct wishes *wishes, const struct instance *instance,
		   const struct wish *wish)
{
	const struct own_mount *own = find_own(instance, wish->target);
	struct file_id id;
	_cleanup_close_ int fd = open_mounted(instance, wish->target, &id);
	struct statfs fs;
	int r;

	if (fd < 0)
		return fd == NOT_MOUNTED ? 0 : fd;
	if (!wish->source) {
		if (!own || !file_id_equal(&own->id, &id))
			return 0;
		return fstatfs(fd, &fs) < 0 ? -errno : fs.f_type == TMPFS_MAGIC;
	}
	r = file_id_of(fd, &id);
	if (r == 0)
		r = leads_to(instance->root_fd, wish->source, &id);
	if (r == 0)
		r = leads_to(wishes->host_root, wish->source, &id);
	return r <= 0 ? r : mode_is_right(wishes, wish, fd);
}

static const struct wish *find_wish(const struct wishes *wishes, const char *target)
{
	for (size_t i = 0; i < wishes->count; i++)
		if (strcmp(wishes->items[i].target, target) == 0)
			return &wishes->items[i];
	return NULL;
}

static int still_wished(const struct wishes *wishes, const struct instance *instance,
			const struct own_mount *own)
{
	const struct wish *wish = find_wish(wishes, own->target);

	return wish ? granted(wishes, instance, wish) : 0;
}

/* This very mount, whatever else is there by now. */
static int unmount(void *argument)
{
	const int *fd = argument;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	return umount2(path, MNT_DETACH) < 0 ? -errno : 0;
}

static struct ns_place inside(const struct instance *instance)
{
	return (struct ns_place){ .network = -1, .mount = instance->mounts_fd };
}

/* Takes off what was mounted, unless something else is there by now. */
static int take_off(const struct instance *instance, const struct own_mount *own,
		    struct error *error)
{
	struct ns_place place = inside(instance);
	struct file_id id;
	int fd = open_mounted(instance, own->target, &id), r = fd;

	if (fd >= 0)
		r = file_id_equal(&id, &own->id) ? ns_call(&place, unmount, &fd) : 0;
	close_fd(fd);
	return r < 0 && r != NOT_MOUNTED ? error_errno(error, r, _("can't unmount %s"), own->target)
					 : 0;
}

/* It is on disk before it is there: a daemon that dies, or its child, must not forget it. */
static int grant(struct step_context *context, const struct wish *wish, struct error *error)
{
	struct instance *instance = context->instance;
	struct ns_place place = inside(instance);
	struct grant grant = { .wish = wish, .error = error, .target = -1, .mount = -1 };
	int r = ns_call(&place, prepare, &grant);

	if (r == 0)
		r = note(instance, &grant);
	if (r == 0)
		r = context->record(context, error);
	if (r == 0)
		r = ns_call(&place, attach, &grant);
	grant_clear(&grant);
	return r;
}

int wishes_settle(const struct wishes *wishes, struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;

	/* the last first: it may lie in an earlier one */
	for (size_t i = instance->n_mounted; i-- > 0;) {
		const struct own_mount *own = &instance->mounted[i];
		int r = still_wished(wishes, instance, own);

		if (r < 0)
			return error_errno(error, r, _("can't look at %s"), own->target);
		if (r > 0)
			continue;
		r = take_off(instance, own, error);
		if (r < 0)
			return r;
		instance_mounted_remove(instance, i);
	}
	for (size_t i = 0; i < wishes->count; i++) {
		int r = granted(wishes, instance, &wishes->items[i]);

		if (r < 0)
			return error_errno(error, r, _("can't look at %s"),
					   wishes->items[i].target);
		if (r == 0)
			r = grant(context, &wishes->items[i], error);
		if (r < 0)
			return r;
	}
	return 0;
}

int wishes_settled(const struct wishes *wishes, const struct instance *instance,
		   struct drift *drift)
{
	int settled = 1;

	for (size_t i = 0; i < instance->n_mounted; i++) {
		if (find_wish(wishes, instance->mounted[i].target))
			continue;
		settled = 0;
		if (drift)
			drift_add(drift, "mounts",
				  _("%s is mounted inside, the profile does not say so"),
				  instance->mounted[i].target);
	}
	for (size_t i = 0; i < wishes->count; i++) {
		int r = granted(wishes, instance, &wishes->items[i]);

		if (r < 0)
			return r;
		if (r > 0)
			continue;
		settled = 0;
		if (drift)
			drift_add(drift, "mounts", _("%s is not mounted inside"),
				  wishes->items[i].target);
	}
	return settled;
}

/* ---- as text ------------------------------------------------------------------------------ */

static int explain_wish(const struct wish *wish, FILE *out)
{
	_cleanup_free_ char *target = str_shell_quote(wish->target);
	_cleanup_free_ char *source = wish->source ? str_shell_quote(wish->source) : NULL;

	if (!target || (wish->source && !source))
		return -ENOMEM;
	if (!source) {
		fprintf(out,
			"mount -t tmpfs -o \"nosuid,nodev,$(stat -c mode=%%a,uid=%%u,gid=%%g %s)\" tmpfs %s\n",
			target, target);
		return 0;
	}
	fprintf(out, "mount --rbind %s %s\n", source, target);
	if (wish->read_only)
		fprintf(out, "mount -o remount,bind,ro %s\n", target);
	return 0;
}

int wishes_explain(const struct wishes *wishes, FILE *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < wishes->count; i++)
		r = explain_wish(&wishes->items[i], out);
	return r;
}
