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
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "step.h"

#define HOST_FILE_MAX (1 << 20)

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

/* ---- what the files say ------------------------------------------------------------------- */

static void print_list(FILE *out, const char *keyword, char **values)
{
	char **value;

	if (!strv_length(values))
		return;
	fputs(keyword, out);
	STRV_FOREACH(value, values)
		fprintf(out, " %s", *value);
	fputc('\n', out);
}

static int write_resolv_conf(const struct profile *profile, const char *old _unused_, FILE *out)
{
	char text[IP_TEXT_MAX];

	fprintf(out, "# made by nsctl for profile %s\n", profile->name);
	for (size_t i = 0; i < profile->n_nameservers; i++)
		fprintf(out, "nameserver %s\n", ip_address_format(&profile->nameservers[i], text));
	print_list(out, "search", profile->search);
	print_list(out, "options", profile->options);
	return 1;
}

/* The host's file with the profile's names behind it; not needed without such names. */
static int write_hosts(const struct profile *profile, const char *old, FILE *out)
{
	char text[IP_TEXT_MAX];

	if (!profile->n_hosts)
		return 0;
	fputs(old, out);
	if (old[0] && old[strlen(old) - 1] != '\n')
		fputc('\n', out);
	fprintf(out, "# profile %s\n", profile->name);
	for (size_t i = 0; i < profile->n_hosts; i++)
		print_list(out, ip_address_format(&profile->hosts[i].address, text),
			   profile->hosts[i].names);
	return 1;
}

/* Sources that ask nobody on the host (nsswitch.conf(5)); actions in brackets may stand between
 * them. */
static bool harmless_sources(const char *line, size_t length)
{
	static const char *const harmless[] = { "files", "dns", "myhostname" };
	_cleanup_free_ char *copy = strndup(line, length);
	char *state, *word = copy ? strtok_r(copy, " \t", &state) : NULL;

	for (; word; word = strtok_r(NULL, " \t", &state)) {
		bool found = word[0] == '[' || word[strlen(word) - 1] == ']';

		for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
			found |= strcmp(word, harmless[i]) == 0;
		if (!found)
			return false;
	}
	return copy;
}

/* The host's file with a plain "hosts" line; not needed where that line is plain already. */
static int write_nsswitch(const struct profile *profile _unused_, const char *old, FILE *out)
{
	bool changed = false;

	while (*old) {
		size_t length = strcspn(old, "\n");
		const char *value = old + strspn(old, " \t");

		if (str_starts_with(value, "hosts:") &&
		    !harmless_sources(value + strlen("hosts:"),
				      length - (value - old) - strlen("hosts:"))) {
			fputs("hosts: files dns\n", out);
			changed = true;
		} else {
			fprintf(out, "%.*s\n", (int)length, old);
		}
		old += length + (old[length] == '\n');
	}
	return changed;
}

static const struct {
	const char *name, *target;
	/* 1: mount what was written; 0: the host's file will do. `old` is the host's. */
	int (*write)(const struct profile *profile, const char *old, FILE *out);
} files[] = {
	{ "resolv.conf", "/etc/resolv.conf", write_resolv_conf },
	{ "hosts", "/etc/hosts", write_hosts },
	{ "nsswitch.conf", "/etc/nsswitch.conf", write_nsswitch },
};

/* The text of a file, NULL where the host's will do. */
static int compose(const struct profile *profile, size_t i, char **ret, struct error *error)
{
	_cleanup_free_ char *old = NULL, *text = NULL;
	size_t length;
	FILE *out;
	int r;

	r = file_read(AT_FDCWD, files[i].target, HOST_FILE_MAX, &old, NULL);
	if (r < 0 && r != -ENOENT)
		return error_errno(error, r, _("can't read %s"), files[i].target);
	out = open_memstream(&text, &length);
	if (!out)
		return error_oom(error);
	r = files[i].write(profile, old ? old : "", out);
	if (fclose(out) != 0)
		return error_oom(error);
	*ret = r ? TAKE_PTR(text) : NULL;
	return 0;
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
	const struct profile *profile;
	bool needed[ARRAY_SIZE(files)]; /* has a file of its own */
	struct error *error;
	int changed;
};

/* Mounts our file on the name in /etc, unless it is there. A link is not followed: the mount goes
 * on it. */
static int mount_file(struct inside *inside, size_t i)
{
	_cleanup_free_ char *name = str_format("etc/%s", files[i].name);
	_cleanup_free_ char *path =
		name ? instance_directory(inside->host, inside->instance, name) : NULL;
	_cleanup_close_ int source = -1, target = -1;
	struct file_id id;
	int r;

	if (!path)
		return error_oom(inside->error);
	source = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (source < 0 || file_id_of(source, &id) < 0)
		return error_errno(inside->error, errno, _("can't open %s"), path);
	if (mounted_inside(inside->instance, files[i].target, &id))
		return 0;
	target = open(files[i].target, O_PATH | O_CLOEXEC | O_NOFOLLOW);
	if (target < 0) {
		r = error_errno(inside->error, errno, _("can't mount the profile's %s"),
				files[i].name);
		error_hint(inside->error, _("the host has no %s: make an empty one"),
			   files[i].target);
		return r;
	}
	r = mount_bind_fd(source, target, false);
	if (r < 0)
		return error_errno(inside->error, r, _("can't mount %s on %s"), path,
				   files[i].target);
	inside->changed = 1;
	return 0;
}

static int unmount_file(struct inside *inside, size_t i)
{
	if (!mounted_inside(inside->instance, files[i].target, NULL) ||
	    !strv_contains(inside->instance->mounted, files[i].target))
		return 0;
	if (umount2(files[i].target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		return error_errno(inside->error, errno, _("can't unmount %s"), files[i].target);
	inside->changed = 1;
	return 0;
}

/* An empty directory that nothing can be put in lies over the socket's. Not there yet: the watch
 * tells when it is. */
static int mask(struct inside *inside, const char *path)
{
	static const char *const options[] = { "mode", "755", "size", "4k", NULL };
	_cleanup_close_ int target = -1;
	int r;

	if (mounted_inside(inside->instance, path, NULL))
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

static int settle_inside(void *argument)
{
	struct inside *inside = argument;
	int r = 0;

	/* masks first: a resolv.conf that links into a masked place is mounted on by its name in
	 * /etc */
	for (size_t i = 0; r == 0 && inside->profile->mask_host_resolvers && i < ARRAY_SIZE(masked);
	     i++)
		r = mask(inside, masked[i]);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		r = inside->needed[i] ? mount_file(inside, i) : unmount_file(inside, i);
	return r;
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
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *text = NULL,
				    *path = str_format("%s/%s", directory, files[i].name);
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

static int up(struct step_context *context, struct error *error)
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
	r = ns_call(&(struct ns_place){ .network = -1, .mount = instance->mounts_fd },
		    settle_inside, &inside);
	if (r < 0)
		return error_errno(error, r, "%s", _("can't set the resolver up inside"));
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (inside.needed[i] && !strv_contains(instance->mounted, files[i].target) &&
		    strv_add(&instance->mounted, files[i].target) < 0)
			return error_oom(error);
	return changed || inside.changed;
}

/* The mounts go with their namespace; when [dns] alone is taken out of a profile, they are taken
 * off. */
static int unmount_inside(void *argument)
{
	struct inside *inside = argument;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		r = unmount_file(inside, i);
	for (size_t i = 0; i < ARRAY_SIZE(masked); i++)
		if (mounted_inside(inside->instance, masked[i], NULL))
			umount2(masked[i], MNT_DETACH | UMOUNT_NOFOLLOW);
	return r;
}

static int down(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	_cleanup_free_ char *directory = instance_directory(context->host, instance, "etc");
	struct inside inside = { .host = context->host, .instance = instance, .error = error };
	int r = 0;

	if (!instance->has_resolver)
		return 0;
	if (!directory)
		return error_oom(error);
	if (context->profile && instance->mounts_fd >= 0)
		r = ns_call(&(struct ns_place){ .network = -1, .mount = instance->mounts_fd },
			    unmount_inside, &inside);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = str_format("%s/%s", directory, files[i].name);

		if (path)
			unlink(path);
	}
	rmdir(directory);
	instance->has_resolver = false;
	return r < 0 ? r : 1;
}

/* The text of our file, when it is what programs inside see. */
static bool says(const struct step_context *context, size_t i, const char *text)
{
	_cleanup_free_ char *name = str_format("etc/%s", files[i].name), *path = NULL,
			    *found = NULL;
	_cleanup_close_ int fd = -1;
	struct file_id id;

	path = name ? instance_directory(context->host, context->instance, name) : NULL;
	fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	return fd >= 0 && file_id_of(fd, &id) == 0 &&
	       mounted_inside(context->instance, files[i].target, &id) &&
	       file_read_fd(fd, HOST_FILE_MAX, &found, NULL) == 0 && strcmp(found, text) == 0;
}

static int check(struct step_context *context, struct drift *drift)
{
	if (context->instance->root_fd < 0)
		return 0; /* the mounts step says so */
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *text = NULL;
		int r = compose(context->profile, i, &text, NULL);

		if (r < 0)
			return r;
		if (text && !says(context, i, text))
			drift_add(drift, "resolver", _("%s inside is not the profile's"),
				  files[i].target);
	}
	for (size_t i = 0; context->profile->mask_host_resolvers && i < ARRAY_SIZE(masked); i++)
		if (access(masked[i], F_OK) == 0 &&
		    !mounted_inside(context->instance, masked[i], NULL))
			drift_add(drift, "resolver", _("%s is not masked"), masked[i]);
	return 0;
}

static int explain(struct step_context *context, FILE *out, struct error *error)
{
	_cleanup_free_ char *own = instance_directory(context->host, context->instance, NULL);
	bool needed[ARRAY_SIZE(files)];

	if (!own)
		return error_oom(error);
	fprintf(out,
		"# resolver: files of its own, and no host resolver behind its back (nsctld mounts on /etc/resolv.conf\n"
		"# itself where that is a link, which mount(8) can't, and again when the host replaces it)\n");
	fprintf(out, "mkdir -p %s/etc\n", own);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *text = NULL;
		int r = compose(context->profile, i, &text, error);

		if (r < 0)
			return r;
		needed[i] = text;
		if (text)
			fprintf(out, "cat >%s/etc/%s <<'END'\n%sEND\n", own, files[i].name, text);
	}
	fprintf(out, "nsenter --mount=%s/mnt sh -e <<'END'\n", own);
	for (size_t i = 0; context->profile->mask_host_resolvers && i < ARRAY_SIZE(masked); i++)
		fprintf(out,
			"if [ -d %s ]; then mount -t tmpfs -o ro,nosuid,nodev,noexec,mode=755,size=4k tmpfs %s; fi\n",
			masked[i], masked[i]);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (needed[i])
			fprintf(out, "mount --bind %s/etc/%s %s\n", own, files[i].name,
				files[i].target);
	fprintf(out, "END\n\n");
	return 0;
}

const struct step step_resolver = {
	.name = "resolver",
	.wanted = wanted,
	.up = up,
	.down = down,
	.check = check,
	.explain = explain,
};
