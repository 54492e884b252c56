/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mounts: the profile's mount namespace, made once and joined by every command (making one for
 * each, as `ip netns exec` does, costs more the more is mounted). It is a slave of the host's, so
 * that a disk mounted later appears inside. In it: /sys of the profile's network, no pins of other
 * profiles (they would keep their namespaces alive), what [mount] says, and the files of
 * /etc/netns/NAME.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "step.h"
#include "sys.h"
#include "wishes.h"

static bool wanted(const struct profile *profile)
{
	return profile->network == NETWORK_NEW;
}

/* ---- inside ------------------------------------------------------------------------------- */

struct inside {
	const struct wishes *wishes;
	struct instance *instance;
	struct error *error;
	int mounts_fd, root_fd;
};

static int make_inside(void *argument)
{
	struct inside *inside = argument;
	int r = mount_namespace_unshare();

	if (r < 0)
		return r;
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return error_errno(inside->error, errno, "%s",
				   _("can't make the mounts a slave of the host's"));
	if (umount2(NETNS_DIRECTORY, MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
		return error_errno(inside->error, errno, _("can't unmount %s inside"),
				   NETNS_DIRECTORY);
	r = sys_make(inside->error);
	if (r == 0)
		r = wishes_grant(inside->wishes, inside->instance, inside->error);
	if (r < 0)
		return r;
	inside->mounts_fd = open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC);
	inside->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (inside->mounts_fd < 0 || inside->root_fd < 0)
		return error_errno(inside->error, errno, "%s", _("can't hold the mount namespace"));
	return 0;
}

static int open_root(void *argument)
{
	struct inside *inside = argument;

	inside->root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return inside->root_fd < 0 ? -errno : 0;
}

/* ---- the step ----------------------------------------------------------------------------- */

/* RUNTIME/ns is a private mount, which a pin of a mount namespace needs; RUNTIME/ns/NAME holds this
 * profile's files. */
static int make_directories_for(const struct host *host, const struct instance *instance,
				struct error *error)
{
	_cleanup_free_ char *all = str_format("%s/ns", host->runtime_directory);
	_cleanup_free_ char *own = instance_directory(host, instance, NULL);
	int r;

	if (!all || !own)
		return error_oom(error);
	r = make_directories(all, 0755);
	if (r == 0)
		r = mount_private_directory(all);
	if (r == 0 && mkdir(own, 0755) < 0 && errno != EEXIST)
		r = -errno;
	return r < 0 ? error_errno(error, r, _("can't prepare %s"), own) : 0;
}

/* ENOTEMPTY: the resolver's files are in it still, and its step has said so. */
static int remove_directory_of(const struct host *host, const struct instance *instance,
			       struct error *error)
{
	_cleanup_free_ char *own = instance_directory(host, instance, NULL);

	if (!own)
		return error_oom(error);
	if (rmdir(own) < 0 && errno != ENOENT && errno != ENOTEMPTY)
		return error_errno(error, errno, _("can't remove %s"), own);
	return 0;
}

static void forget_mounted(struct instance *instance)
{
	while (instance->n_mounted)
		instance_mounted_remove(instance, instance->n_mounted - 1);
}

static int make(struct step_context *context, const struct wishes *wishes, struct error *error)
{
	struct instance *instance = context->instance;
	struct ns_place place = { .network = instance->netns_fd, .mount = -1 };
	_cleanup_free_ char *pin = instance_directory(context->host, instance, "mnt");
	struct inside inside = { .wishes = wishes,
				 .instance = instance,
				 .error = error,
				 .mounts_fd = -1,
				 .root_fd = -1 };
	int r;

	if (!pin)
		return error_oom(error);
	r = make_directories_for(context->host, instance, error);
	if (r < 0)
		return r;
	forget_mounted(instance); /* in a namespace that is gone */
	r = ns_call(&place, make_inside, &inside);
	if (r == 0)
		r = file_id_of(inside.mounts_fd, &instance->mounts_id);
	if (r == 0) {
		namespace_unpin(pin); /* what a daemon that died left */
		r = namespace_pin(inside.mounts_fd, pin);
	}
	if (r < 0) {
		close_fd(inside.mounts_fd);
		close_fd(inside.root_fd);
		forget_mounted(instance);
		remove_directory_of(context->host, instance, NULL);
		return error_errno(error, r, "%s", _("can't make the mount namespace"));
	}
	instance->mounts_fd = inside.mounts_fd;
	instance->root_fd = inside.root_fd;
	instance->has_mounts = true;
	return 0;
}

int mounts_hold(const struct host *host, struct instance *instance, struct error *error)
{
	_cleanup_free_ char *pin = instance_directory(host, instance, "mnt");
	struct inside inside = { .root_fd = -1 };
	_cleanup_close_ int fd = -1;
	struct file_id id = {};
	int r;

	if (instance->mounts_fd >= 0)
		return 1;
	if (!pin)
		return error_oom(error);
	if (!instance->has_mounts)
		return 0;
	fd = open(pin, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	r = fd < 0 ? -errno : file_id_of(fd, &id);
	if (r == -ENOENT || r == -ELOOP || (r == 0 && !file_id_equal(&id, &instance->mounts_id)))
		return 0;
	if (r == 0)
		r = ns_call(&(struct ns_place){ .network = -1, .mount = fd }, open_root, &inside);
	if (r < 0)
		return error_errno(error, r, _("can't look at %s"), pin);
	instance->mounts_fd = TAKE_FD(fd);
	instance->root_fd = inside.root_fd;
	return 1;
}

/* 1: /sys or what the profile wants mounted had to be put right. */
static int settle(struct step_context *context, const struct wishes *wishes, struct error *error)
{
	struct instance *instance = context->instance;
	int sys = sys_is_right(instance), settled = wishes_settled(wishes, instance, NULL);
	int r = sys < 0 ? sys : settled < 0 ? settled : 0;

	if (r < 0)
		return error_errno(error, r, "%s", _("can't look at the mounts inside"));
	if (sys && settled)
		return 0;
	if (!sys)
		r = sys_mend(instance, error);
	if (r == 0)
		r = wishes_settle(wishes, context, error);
	return r < 0 ? error_errno(error, r, "%s", _("can't mount inside")) : 1;
}

static bool pinned(const char *pin, const struct instance *instance)
{
	_cleanup_close_ int fd = open(pin, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct file_id id;

	return fd >= 0 && file_id_of(fd, &id) == 0 && file_id_equal(&id, &instance->mounts_id);
}

bool mounts_pinned(const struct host *host, const struct instance *instance)
{
	_cleanup_free_ char *pin = instance_directory(host, instance, "mnt");

	return !pin || pinned(pin, instance);
}

/* 1 when the pin had gone. */
static int pin_again(struct step_context *context, struct error *error)
{
	_cleanup_free_ char *pin = instance_directory(context->host, context->instance, "mnt");
	int r;

	if (!pin)
		return error_oom(error);
	if (pinned(pin, context->instance))
		return 0;
	r = make_directories_for(context->host, context->instance, error);
	if (r < 0)
		return r;
	namespace_unpin(pin);
	r = namespace_pin(context->instance->mounts_fd, pin);
	return r < 0 ? error_errno(error, r, _("can't pin the mount namespace at %s"), pin) : 1;
}

static int up(struct step_context *context, struct error *error)
{
	_cleanup_(wishes_clear) struct wishes wishes = WISHES_NONE;
	struct instance *instance = context->instance;
	int changed, r = wishes_of(context->profile, &wishes, error);

	if (r < 0)
		return r;
	r = mounts_hold(context->host, instance, error);
	if (r < 0)
		return r;
	if (r == 0) {
		r = make(context, &wishes, error);
		return r < 0 ? r : STEP_MADE;
	}
	changed = pin_again(context, error);
	if (changed < 0)
		return changed;
	r = settle(context, &wishes, error);
	if (r < 0)
		return r;
	return changed || r ? STEP_MENDED : 0;
}

/* The pin goes in any case: a daemon that died may have made it before it could record that. */
static int down(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	_cleanup_free_ char *pin = instance_directory(context->host, instance, "mnt");
	bool had = instance->has_mounts;
	int r;

	if (!pin)
		return error_oom(error);
	instance->mounts_fd = close_fd(instance->mounts_fd);
	instance->root_fd = close_fd(instance->root_fd);
	had |= access(pin, F_OK) == 0;
	r = namespace_unpin(pin);
	if (r < 0)
		return error_errno(error, r, _("can't remove %s"), pin);
	r = remove_directory_of(context->host, instance, error);
	if (r < 0)
		return r;
	forget_mounted(instance);
	instance->has_mounts = false;
	return had;
}

static int check(struct step_context *context, struct drift *drift)
{
	_cleanup_(wishes_clear) struct wishes wishes = WISHES_NONE;
	struct instance *instance = context->instance;
	int r;

	r = mounts_hold(context->host, instance, NULL);
	if (r < 0)
		return r;
	if (r == 0)
		return drift_add(drift, "mounts", "%s", _("the mount namespace is missing"));
	if (!mounts_pinned(context->host, instance))
		drift_add(drift, "mounts", _("%s/ns/%s/mnt is missing"),
			  context->host->runtime_directory, instance->name);
	r = sys_is_right(instance);
	if (r == 0)
		drift_add(drift, "mounts", "%s",
			  _("/sys inside is not the one of the network inside"));
	if (r >= 0)
		r = wishes_of(context->profile, &wishes, NULL);
	if (r >= 0)
		r = wishes_settled(&wishes, instance, drift);
	return r < 0 ? r : 0;
}

static int explain(struct step_context *context, FILE *out, struct error *error)
{
	_cleanup_(wishes_clear) struct wishes wishes = WISHES_NONE;
	_cleanup_free_ char *own = instance_directory(context->host, context->instance, NULL);
	const char *runtime = context->host->runtime_directory;
	int r = wishes_of(context->profile, &wishes, error);

	if (r < 0 || !own)
		return r < 0 ? r : error_oom(error);
	fprintf(out,
		"# mounts: a mount namespace, pinned on a private mount, with /sys of the network inside\n");
	fprintf(out, "mkdir -p %s\n", own);
	fprintf(out, "mountpoint -q %s/ns || mount --bind %s/ns %s/ns\n", runtime, runtime,
		runtime);
	fprintf(out, "mount --make-private %s/ns\n", runtime);
	fprintf(out, "touch %s/mnt\n", own);
	fprintf(out,
		"cpu=0 # since Linux 6.18 a mount namespace that was made on the wrong CPU can't be pinned: try all\n");
	fprintf(out,
		"until taskset -c $cpu unshare --mount=%s/mnt --propagation slave true 2>/dev/null; do\n",
		own);
	fprintf(out, "\tcpu=$((cpu + 1)); [ $cpu -lt \"$(nproc --all)\" ]\ndone\n");
	fprintf(out, "nsenter --net=%s/%s --mount=%s/mnt sh -e <<'END'\n", NETNS_DIRECTORY,
		context->instance->name, own);
	fprintf(out, "umount -l %s\n", NETNS_DIRECTORY);
	sys_explain(own, out);
	if (r == 0)
		r = wishes_explain(&wishes, out);
	fprintf(out, "END\n\n");
	return r < 0 ? error_oom(error) : 0;
}

const struct step step_mounts = {
	.name = "mounts",
	.beside = true,
	.wanted = wanted,
	.up = up,
	.down = down,
	.check = check,
	.explain = explain,
};
