/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * resolver: the profile's own resolv.conf, hosts and nsswitch.conf, and no host resolver behind its
 * back.
 *
 * Each file is mounted on the name in /etc itself, also where that is a symbolic link (mounting on
 * what it leads to would be undone by whoever renames a new file there: resolved, NetworkManager,
 * DHCP clients). A rename over the name in /etc takes the mount away all the same (fs/namei.c,
 * vfs_rename: detach_mounts): the manager watches the places of resolver_watches[] and calls this
 * step again. The files are rewritten in place, so that what is mounted stays the same file.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "resolver_files.h"
#include "step.h"

#define HOST_FILE_MAX (1 << 20)
#define MASK_SIZE     "4k" /* at most a page: see is_mask */

const struct resolver_watch resolver_watches[] = {
	{ "/etc", "resolv.conf" },     { "/etc", "hosts" },
	{ "/etc", "nsswitch.conf" },   { "/run", "nscd" },
	{ "/run", "systemd" },         { "/run", "avahi-daemon" },
	{ "/run/systemd", "resolve" }, {},
};

/* Sockets in these answer from the host's network, whatever resolv.conf says. */
static const char *const masked[] = { "/run/nscd", "/run/systemd/resolve", "/run/avahi-daemon" };

static bool wanted(const struct profile *profile)
{
	return profile->network == NETWORK_NEW && profile->has_dns;
}

/* ---- the files in RUNTIME/ns/NAME/etc ------------------------------------------------------ */

/* The text of a file, NULL where the host's will do. */
static int compose(const struct profile *profile, size_t i, char **ret, struct error *error)
{
	_cleanup_free_ char *old = NULL;
	int r = file_read(AT_FDCWD, resolver_files[i].target, HOST_FILE_MAX, &old, NULL);

	if (r < 0 && r != -ENOENT)
		return error_errno(error, r, _("can't read %s"), resolver_files[i].target);
	r = resolver_file_text(&resolver_files[i], profile, old ? old : "", ret);
	return r < 0 ? error_oom(error) : 0;
}

/* Writes text to path in place unless it says so already: 1 changed. */
static int write_in_place(const char *path, const char *text, struct error *error)
{
	_cleanup_free_ char *old = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	if (file_read(AT_FDCWD, path, HOST_FILE_MAX, &old, NULL) == 0 && strcmp(old, text) == 0)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return error_errno(error, errno, _("can't write %s"), path);
	r = write_all(fd, text, strlen(text));
	if (r == 0 && ftruncate(fd, strlen(text)) < 0)
		r = -errno;
	return r < 0 ? error_errno(error, r, _("can't write %s"), path) : 1;
}

/* ---- inside ------------------------------------------------------------------------------- */

struct inside {
	const struct host *host;
	struct instance *instance;
	const struct profile *profile; /* NULL: the masks stay as they are */
	bool needed[RESOLVER_FILES];   /* has a file of its own */
	struct error *error;
	int changed;
};

/* Our own file on the host, O_PATH, and what it is; a negative errno. */
static int open_own(const struct host *host, const struct instance *instance, size_t i,
		    struct file_id *ret)
{
	_cleanup_free_ char *name = str_format("etc/%s", resolver_files[i].name), *path = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	path = name ? instance_directory(host, instance, name) : NULL;
	if (!path)
		return -ENOMEM;
	fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	r = fd < 0 ? -errno : file_id_of(fd, ret);
	return r < 0 ? r : TAKE_FD(fd);
}

/* Mounts our file on the name in /etc, unless it is there. A link is not followed: the mount goes
 * on it. */
static int mount_file(struct inside *inside, size_t i)
{
	struct file_id id;
	_cleanup_close_ int source = open_own(inside->host, inside->instance, i, &id), target = -1;
	int r;

	if (source < 0)
		return error_errno(inside->error, source, _("can't open the profile's %s"),
				   resolver_files[i].name);
	r = mounted_inside(inside->instance, resolver_files[i].target, &id);
	if (r < 0)
		return error_errno(inside->error, r, _("can't look at %s"),
				   resolver_files[i].target);
	if (r > 0)
		return 0;
	target = open(resolver_files[i].target, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (target < 0) {
		r = error_errno(inside->error, errno, _("can't mount the profile's %s"),
				resolver_files[i].name);
		error_hint(inside->error, _("the host has no %s: make an empty one"),
			   resolver_files[i].target);
		return r;
	}
	r = mount_bind_fd(source, target, false);
	if (r < 0)
		return error_errno(inside->error, r, _("can't mount the profile's %s on %s"),
				   resolver_files[i].name, resolver_files[i].target);
	inside->changed = 1;
	return 0;
}

/* Ours only: what [mount] or others put there stays. */
static int unmount_file(struct inside *inside, size_t i)
{
	struct file_id id;
	_cleanup_close_ int own = open_own(inside->host, inside->instance, i, &id);
	int r = own < 0 ? own : mounted_inside(inside->instance, resolver_files[i].target, &id);

	if (r <= 0)
		return own == -ENOENT ? 0 : r;
	if (umount2(resolver_files[i].target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return error_errno(inside->error, errno, _("can't unmount %s"),
				   resolver_files[i].target);
	inside->changed = 1;
	return 0;
}

/* Is the mount at this place one of ours? Nobody else's is an empty file system of one page that
 * nothing can be put in. 1, 0, or a negative errno: it can't be told. */
static int is_mask(const struct instance *instance, const char *path)
{
	_cleanup_close_ int fd = path_open_no_symlinks(instance->root_fd, path + strspn(path, "/"));
	struct statfs fs;
	int r = fd < 0 ? fd : fd_is_mount_root(fd);

	if (r <= 0)
		return path_is_missing(r) ? 0 : r;
	if (fstatfs(fd, &fs) < 0)
		return -errno;
	return fs.f_type == TMPFS_MAGIC && (fs.f_flags & ST_RDONLY) && fs.f_blocks == 1;
}

/* An empty directory that nothing can be put in lies over the socket's. Not there yet: the watch
 * tells when it is. */
static int mask(struct inside *inside, const char *path)
{
	static const char *const options[] = { "mode", "755", "size", MASK_SIZE, NULL };
	_cleanup_close_ int target = -1;
	int r = is_mask(inside->instance, path);

	if (r < 0)
		return error_errno(inside->error, r, _("can't look at %s"), path);
	if (r > 0)
		return 0;
	target = path_open_no_symlinks(AT_FDCWD, path);
	if (target == -ENOENT)
		return 0;
	r = target < 0 ? target
		       : mount_filesystem_fd("tmpfs", options,
					     MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
						     MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
					     target);
	if (r < 0)
		return error_errno(inside->error, r, _("can't mask %s"), path);
	inside->changed = 1;
	return 0;
}

static int unmask(struct inside *inside, const char *path)
{
	int r = is_mask(inside->instance, path);

	if (r <= 0)
		return r;
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return error_errno(inside->error, errno, _("can't unmount %s"), path);
	inside->changed = 1;
	return 0;
}

/* The first failure; but of a file that the host does not have only when that is all. */
static void keep_first(int *first, int r)
{
	if (r < 0 && (*first == 0 || *first == -ENOENT))
		*first = r;
}

static int settle_inside(void *argument)
{
	struct inside *inside = argument;
	const struct profile *profile = inside->profile;
	int r = 0;

	/* masks first: a resolv.conf that links into a masked place is mounted on by its name in
	 * /etc; what can't be done does not keep the rest from being done */
	for (size_t i = 0; profile && i < ARRAY_SIZE(masked); i++)
		keep_first(&r, profile->mask_host_resolvers ? mask(inside, masked[i])
							    : unmask(inside, masked[i]));
	for (size_t i = 0; i < RESOLVER_FILES; i++)
		keep_first(&r, inside->needed[i] ? mount_file(inside, i) : unmount_file(inside, i));
	return r;
}

/* Until it has been done, nobody is let in: manager_namespaces. Where the host has no such file,
 * nothing of the host's is seen inside either. */
static int put_in_place(struct inside *inside)
{
	struct instance *instance = inside->instance;
	int r = ns_call(&(struct ns_place){ .network = -1, .mount = instance->mounts_fd },
			settle_inside, inside);

	instance->resolver_failed = r < 0 && r != -ENOENT;
	return r < 0 ? error_errno(inside->error, r, "%s", _("can't set the resolver up inside"))
		     : 0;
}

/* ---- the step ----------------------------------------------------------------------------- */

/* Writes what the profile needs below RUNTIME/ns/NAME/etc; 1 when a text changed. */
static int write_files(struct step_context *context, struct inside *inside, struct error *error)
{
	_cleanup_free_ char *directory =
		instance_directory(context->host, context->instance, "etc");
	int changed = 0;

	if (!directory)
		return error_oom(error);
	if (mkdir(directory, 0755) < 0 && errno != EEXIST)
		return error_errno(error, errno, _("can't make %s"), directory);
	for (size_t i = 0; i < RESOLVER_FILES; i++) {
		_cleanup_free_ char *text = NULL,
				    *path = str_format("%s/%s", directory, resolver_files[i].name);
		int r = path ? compose(context->profile, i, &text, error) : error_oom(error);

		inside->needed[i] = text;
		if (r == 0 && text)
			r = write_in_place(path, text, error);
		if (r < 0)
			return r;
		changed |= r;
	}
	return changed;
}

static int settle(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	struct inside inside = { .host = context->host,
				 .instance = instance,
				 .profile = context->profile,
				 .error = error };
	int changed, r;

	changed = write_files(context, &inside, error);
	if (changed < 0)
		return changed;
	instance->has_resolver = true;
	r = put_in_place(&inside);
	return r < 0 ? r : changed || inside.changed;
}

static int down(struct step_context *context, struct error *error);

/* Where nothing was, nothing stays of a failure: half of it would be what programs inside read. */
static int up(struct step_context *context, struct error *error)
{
	bool had = context->instance->has_resolver;
	int r = settle(context, error);

	if (r < 0 && !had)
		down(context, NULL);
	if (r <= 0)
		return r;
	return had ? STEP_MENDED : STEP_MADE;
}

int resolver_keep(const struct host *host, struct instance *instance, struct error *error)
{
	struct inside inside = { .host = host, .instance = instance, .error = error };
	int r;

	for (size_t i = 0; i < RESOLVER_FILES; i++) {
		struct file_id id;
		_cleanup_close_ int own = open_own(host, instance, i, &id);

		inside.needed[i] = own != -ENOENT;
	}
	r = put_in_place(&inside);
	return r < 0 ? r : inside.changed;
}

/* The mounts go with their namespace; when [dns] alone is taken out of a profile, they are taken
 * off. */
static int unmount_inside(void *argument)
{
	struct inside *inside = argument;
	int r = 0;

	for (size_t i = 0; r == 0 && i < RESOLVER_FILES; i++)
		r = unmount_file(inside, i);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(masked); i++)
		r = unmask(inside, masked[i]);
	return r;
}

/* The files go in any case: a daemon that died may have made them before it could record that. */
static int down(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	_cleanup_free_ char *directory = instance_directory(context->host, instance, "etc");
	struct inside inside = { .host = context->host, .instance = instance, .error = error };
	bool had = instance->has_resolver;
	int r = 0;

	if (!directory)
		return error_oom(error);
	if (context->profile && instance->mounts_fd >= 0)
		r = ns_call(&(struct ns_place){ .network = -1, .mount = instance->mounts_fd },
			    unmount_inside, &inside);
	if (r < 0) /* once the file is gone, its mount could not be told from another's */
		return error_errno(error, r, "%s", _("can't take the resolver's mounts off"));
	for (size_t i = 0; i < RESOLVER_FILES; i++) {
		_cleanup_free_ char *path = str_format("%s/%s", directory, resolver_files[i].name);

		if (!path)
			return error_oom(error);
		if (unlink(path) == 0)
			had = true;
		else if (errno != ENOENT)
			return error_errno(error, errno, _("can't remove %s"), path);
	}
	if (rmdir(directory) < 0 && errno != ENOENT)
		return error_errno(error, errno, _("can't remove %s"), directory);
	instance->has_resolver = instance->resolver_failed = false;
	return had;
}

/* Is this the text of our file, and our file what programs inside see? 1, 0 or a negative errno. */
static int says(const struct step_context *context, size_t i, const char *text)
{
	_cleanup_free_ char *name = str_format("etc/%s", resolver_files[i].name), *path = NULL,
			    *found = NULL;
	_cleanup_close_ int fd = -1;
	struct file_id id;
	int r;

	path = name ? instance_directory(context->host, context->instance, name) : NULL;
	if (!path)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	r = fd < 0 ? -errno : file_id_of(fd, &id);
	if (r == 0)
		r = mounted_inside(context->instance, resolver_files[i].target, &id);
	if (r <= 0)
		return path_is_missing(r) ? 0 : r;
	r = file_read_fd(fd, HOST_FILE_MAX, &found, NULL);
	return r < 0 ? r : strcmp(found, text) == 0;
}

static int check(struct step_context *context, struct drift *drift)
{
	if (context->instance->root_fd < 0)
		return 0; /* the mounts step says so */
	for (size_t i = 0; i < RESOLVER_FILES; i++) {
		_cleanup_free_ char *text = NULL;
		int r = compose(context->profile, i, &text, NULL);

		if (r == 0)
			r = text ? says(context, i, text) : 1;
		if (r < 0)
			return r;
		if (r == 0)
			drift_add(drift, "resolver", _("%s inside is not the profile's"),
				  resolver_files[i].target);
	}
	for (size_t i = 0; context->profile->mask_host_resolvers && i < ARRAY_SIZE(masked); i++) {
		int r = access(masked[i], F_OK) == 0 ? is_mask(context->instance, masked[i]) : 1;

		if (r < 0)
			return r;
		if (r == 0)
			drift_add(drift, "resolver", _("%s is not masked"), masked[i]);
	}
	return 0;
}

static int explain(struct step_context *context, FILE *out, struct error *error)
{
	_cleanup_free_ char *own = instance_directory(context->host, context->instance, NULL);
	bool needed[RESOLVER_FILES];

	if (!own)
		return error_oom(error);
	fprintf(out,
		"# resolver: files of its own, and no host resolver behind its back (nsctld mounts on /etc/resolv.conf\n"
		"# itself where that is a link, which mount(8) can't, and again when the host replaces it)\n");
	fprintf(out, "mkdir -p %s/etc\n", own);
	for (size_t i = 0; i < RESOLVER_FILES; i++) {
		_cleanup_free_ char *text = NULL;
		int r = compose(context->profile, i, &text, error);

		if (r < 0)
			return r;
		needed[i] = text;
		if (text)
			fprintf(out, "cat >%s/etc/%s <<'END'\n%sEND\n", own, resolver_files[i].name,
				text);
	}
	fprintf(out, "nsenter --mount=%s/mnt sh -e <<'END'\n", own);
	for (size_t i = 0; context->profile->mask_host_resolvers && i < ARRAY_SIZE(masked); i++)
		fprintf(out,
			"if [ -d %s ]; then mount -t tmpfs -o ro,nosuid,nodev,noexec,mode=755,size=" MASK_SIZE
			" tmpfs %s; fi\n",
			masked[i], masked[i]);
	for (size_t i = 0; i < RESOLVER_FILES; i++)
		if (needed[i])
			fprintf(out, "mount --bind %s/etc/%s %s\n", own, resolver_files[i].name,
				resolver_files[i].target);
	fprintf(out, "END\n\n");
	return 0;
}

const struct step step_resolver = {
	.name = "resolver",
	.beside = true,
	.wanted = wanted,
	.up = up,
	.down = down,
	.check = check,
	.explain = explain,
};
