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

static int mount_tmpfs(int target, const char *path, struct error *error)
{
	struct stat st;
	char mode[16], uid[16], gid[16];
	const char *options[] = { "mode", mode, "uid", uid, "gid", gid, NULL };
	int r;

	if (fstat(target, &st) < 0)
		return error_errno(error, errno, _("can't look at %s"), path);
	snprintf(mode, sizeof(mode), "%o", st.st_mode & 07777);
	snprintf(uid, sizeof(uid), "%u", st.st_uid);
	snprintf(gid, sizeof(gid), "%u", st.st_gid);
	r = mount_filesystem_fd("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, target);
	return r < 0 ? error_errno(error, r, _("can't mount a tmpfs on %s"), path) : 0;
}

static int mount_wish(const struct wish *wish, struct error *error)
{
	_cleanup_close_ int target = open_target(wish->target, error), source = -1;
	int r;

	if (target < 0)
		return target;
	if (!wish->source)
		return mount_tmpfs(target, wish->target, error);
	source = open_target(wish->source, error);
	if (source < 0)
		return source;
	r = mount_bind_fd(source, target, wish->read_only);
	return r < 0 ? error_errno(error, r, _("can't mount %s on %s"), wish->source, wish->target)
		     : 0;
}

/* This very mount, whatever else is there by now. */
static int unmount_fd(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return umount2(path, MNT_DETACH);
}

/* What has just been mounted there and can't be noted. */
static void take_back(const char *target)
{
	_cleanup_close_ int fd = path_open_no_symlinks(AT_FDCWD, target);

	if (fd >= 0 && fd_is_mount_root(fd) > 0)
		unmount_fd(fd);
}

/* Mounts it and notes what that is. */
static int grant(const struct wish *wish, struct instance *instance, struct error *error)
{
	_cleanup_close_ int mounted = -1;
	struct file_id id;
	int r = mount_wish(wish, error);

	if (r < 0)
		return r;
	mounted = open_target(wish->target, error);
	if (mounted < 0) {
		take_back(wish->target);
		return mounted;
	}
	r = mount_id_of(mounted, &id);
	if (r == 0)
		r = instance_mounted_add(instance, wish->target, &id);
	if (r < 0)
		unmount_fd(mounted); /* what is not noted would be another's */
	return r < 0 ? error_errno(error, r, _("can't look at %s"), wish->target) : 0;
}

int wishes_grant(const struct wishes *wishes, struct instance *instance, struct error *error)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < wishes->count; i++)
		r = grant(&wishes->items[i], instance, error);
	return r;
}

/* ---- is it there? ------------------------------------------------------------------------- */

/* What is mounted at the target inside, O_PATH, and its mount_id_of; -1: nothing is. */
static int open_mounted(const struct instance *instance, const char *target, struct file_id *ret)
{
	_cleanup_close_ int fd =
		path_open_no_symlinks(instance->root_fd, target + strspn(target, "/"));

	return fd >= 0 && fd_is_mount_root(fd) > 0 && mount_id_of(fd, ret) == 0 ? TAKE_FD(fd) : -1;
}

static const struct own_mount *find_own(const struct instance *instance, const char *target)
{
	for (size_t i = 0; i < instance->n_mounted; i++)
		if (strcmp(instance->mounted[i].target, target) == 0)
			return &instance->mounted[i];
	return NULL;
}

/* Is it this source? What is mounted may hide its own source inside (a directory of the home
 * directory as home directory), so that it is looked for on the host too. */
static bool leads_to(int root_fd, const char *source, const struct file_id *id)
{
	_cleanup_close_ int fd = path_open_no_symlinks(root_fd, source + strspn(source, "/"));
	struct file_id found;

	return fd >= 0 && file_id_of(fd, &found) == 0 && file_id_equal(&found, id);
}

static bool is_read_only(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (fs.f_flags & ST_RDONLY);
}

/* A file system that can't be written on the host can't be inside either. */
static bool source_read_only(const struct wishes *wishes, const char *source)
{
	_cleanup_close_ int fd =
		path_open_no_symlinks(wishes->host_root, source + strspn(source, "/"));

	return fd >= 0 && is_read_only(fd);
}

/* Is what the wish asks for in place? */
static bool granted(const struct wishes *wishes, const struct instance *instance,
		    const struct wish *wish)
{
	const struct own_mount *own = find_own(instance, wish->target);
	struct file_id id;
	_cleanup_close_ int fd = open_mounted(instance, wish->target, &id);
	struct statfs fs;

	if (fd < 0)
		return false;
	if (!wish->source)
		return own && file_id_equal(&own->id, &id) && fstatfs(fd, &fs) == 0 &&
		       fs.f_type == TMPFS_MAGIC;
	return file_id_of(fd, &id) == 0 &&
	       (leads_to(instance->root_fd, wish->source, &id) ||
		leads_to(wishes->host_root, wish->source, &id)) &&
	       (is_read_only(fd) == wish->read_only || source_read_only(wishes, wish->source));
}

static const struct wish *find_wish(const struct wishes *wishes, const char *target)
{
	for (size_t i = 0; i < wishes->count; i++)
		if (strcmp(wishes->items[i].target, target) == 0)
			return &wishes->items[i];
	return NULL;
}

static bool still_wished(const struct wishes *wishes, const struct instance *instance,
			 const struct own_mount *own)
{
	const struct wish *wish = find_wish(wishes, own->target);

	return wish && granted(wishes, instance, wish);
}

/* Takes off what was mounted, unless something else is there by now. */
static int take_off(const struct instance *instance, const struct own_mount *own,
		    struct error *error)
{
	struct file_id id;
	_cleanup_close_ int fd = open_mounted(instance, own->target, &id);

	if (fd < 0 || !file_id_equal(&id, &own->id))
		return 0;
	if (unmount_fd(fd) < 0)
		return error_errno(error, errno, _("can't unmount %s"), own->target);
	return 0;
}

int wishes_settle(const struct wishes *wishes, struct instance *instance, struct error *error)
{
	int r = 0;

	/* the last first: it may lie in an earlier one */
	for (size_t i = instance->n_mounted; r == 0 && i-- > 0;) {
		if (still_wished(wishes, instance, &instance->mounted[i]))
			continue;
		r = take_off(instance, &instance->mounted[i], error);
		if (r == 0)
			instance_mounted_remove(instance, i);
	}
	for (size_t i = 0; r == 0 && i < wishes->count; i++)
		if (!granted(wishes, instance, &wishes->items[i]))
			r = grant(&wishes->items[i], instance, error);
	return r;
}

bool wishes_settled(const struct wishes *wishes, const struct instance *instance,
		    struct drift *drift)
{
	bool settled = true;

	for (size_t i = 0; i < instance->n_mounted; i++) {
		if (find_wish(wishes, instance->mounted[i].target))
			continue;
		settled = false;
		if (drift)
			drift_add(drift, "mounts",
				  _("%s is mounted inside, the profile does not say so"),
				  instance->mounted[i].target);
	}
	for (size_t i = 0; i < wishes->count; i++) {
		if (granted(wishes, instance, &wishes->items[i]))
			continue;
		settled = false;
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
