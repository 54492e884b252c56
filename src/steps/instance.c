/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instances, and the small questions that several steps ask of them and of the host. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

#include "step.h"

struct instance *instance_new(const char *name)
{
	struct instance *instance = calloc(1, sizeof(*instance));

	if (!instance)
		return NULL;
	instance->netns_fd = instance->mounts_fd = instance->root_fd = -1;
	instance->name = strdup(name);
	return instance->name ? instance : instance_free(instance);
}

struct instance *instance_free(struct instance *instance)
{
	if (!instance)
		return NULL;
	rt_monitor_free(instance->monitor);
	rt_free(instance->rt);
	close_fd(instance->netns_fd);
	close_fd(instance->mounts_fd);
	close_fd(instance->root_fd);
	strv_free(instance->users);
	strv_free(instance->groups);
	while (instance->n_mounted)
		instance_mounted_remove(instance, instance->n_mounted - 1);
	free(instance->mounted);
	free(instance->name);
	free(instance);
	return NULL;
}

void instance_freep(struct instance **instance)
{
	instance_free(*instance);
}

int instance_mounted_add(struct instance *instance, const char *target, const struct file_id *id)
{
	struct own_mount *grown;
	char *copy;

	for (size_t i = 0; i < instance->n_mounted; i++)
		if (strcmp(instance->mounted[i].target, target) == 0) {
			instance_mounted_remove(instance, i); /* it is the last one now */
			break;
		}
	copy = strdup(target);
	grown = copy ? array_grow(instance->mounted, instance->n_mounted + 1, sizeof(*grown))
		     : NULL;
	if (!grown) {
		free(copy);
		return -ENOMEM;
	}
	instance->mounted = grown;
	grown[instance->n_mounted++] = (struct own_mount){ .target = copy, .id = *id };
	return 0;
}

void instance_mounted_remove(struct instance *instance, size_t i)
{
	free(instance->mounted[i].target);
	instance->n_mounted--;
	memmove(instance->mounted + i, instance->mounted + i + 1,
		(instance->n_mounted - i) * sizeof(*instance->mounted));
}

int instance_rt(struct instance *instance, struct rt **ret, struct error *error)
{
	if (instance->netns_fd < 0) /* it has gone: the host's is no substitute */
		return error_set(error, ENODEV, _("profile %s has no network namespace"),
				 instance->name);
	if (!instance->rt) {
		int r = rt_open(instance->netns_fd, &instance->rt, error);

		if (r < 0)
			return r;
	}
	*ret = instance->rt;
	return 0;
}

int host_note(struct host *host, struct error *error)
{
	host->dirty = true;
	return host->note ? host->note(host, error) : 0;
}

void instance_await(struct instance *instance, int index)
{
	if (index > 0 && instance->n_awaited < INSTANCE_AWAITED_MAX)
		instance->awaited[instance->n_awaited++] = index;
}

char *instance_directory(const struct host *host, const struct instance *instance, const char *file)
{
	return str_format("%s/ns/%s%s%s", host->runtime_directory, instance->name, file ? "/" : "",
			  file ? file : "");
}

struct host_bridge *host_bridge_find(const struct host *host, const char *name)
{
	for (struct host_bridge *bridge = host->bridges; bridge; bridge = bridge->next)
		if (strcmp(bridge->name, name) == 0)
			return bridge;
	return NULL;
}

bool host_bridge_shared(const struct host *host, const struct instance *instance)
{
	for (const struct instance *other = host->instances; other; other = other->next)
		if (other != instance && strcmp(other->bridge, instance->bridge) == 0)
			return true;
	return false;
}

const char *instance_gateway_interface(const struct instance *instance)
{
	return instance->bridge[0] ? instance->bridge : instance->host_interface;
}

int mounted_inside(const struct instance *instance, const char *path, const struct file_id *id)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
				.resolve = RESOLVE_IN_ROOT };
	_cleanup_close_ int fd = syscall(SYS_openat2, instance->root_fd, path, &how, sizeof(how));
	struct file_id found;
	int r = fd < 0 ? -errno : fd_is_mount_root(fd);

	if (r <= 0)
		return path_is_missing(r) ? 0 : r;
	r = file_id_of(fd, &found);
	return r < 0 ? r : file_id_equal(id, &found);
}

void step_warn(struct step_context *context, const char *format, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		text = NULL;
	va_end(ap);
	strv_take(&context->warnings, text);
}

int drift_add(struct drift *drift, const char *step, const char *format, ...)
{
	void *grown = array_grow(drift->items, drift->count + 1, sizeof(*drift->items));
	char *what = NULL;
	va_list ap;

	if (!grown) {
		drift->incomplete = true;
		return -ENOMEM;
	}
	drift->items = grown;
	va_start(ap, format);
	if (vasprintf(&what, format, ap) < 0)
		what = NULL;
	va_end(ap);
	if (!what) {
		drift->incomplete = true;
		return -ENOMEM;
	}
	drift->items[drift->count].step = step;
	drift->items[drift->count++].what = what;
	return 0;
}

void drift_clear(struct drift *drift)
{
	for (size_t i = 0; i < drift->count; i++)
		free(drift->items[i].what);
	free(drift->items);
	*drift = (struct drift){};
}
