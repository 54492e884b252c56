/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: the records of an earlier daemon. The input is both a profile's and the host's; what
 * is read must be harmless whatever it says, and what is written of it must be read the same again.
 */
#include <fcntl.h>
#include <string.h>

#include "fuzz.h"
#include "manager/internal.h"

static char in_memory[] = "/dev/shm/nsctl-fuzz-record-XXXXXX",
	    on_disk[] = "/tmp/nsctl-fuzz-record-XXXXXX";
static char *runtime;

static bool is_ready;

static void remove_runtime(void)
{
	static const char *const files[] = { "state/vpn.json", "host.json", "state", "." };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = str_format("%s/%s", runtime, files[i]);

		if (remove(path) < 0 && i + 1 == ARRAY_SIZE(files))
			rmdir(runtime);
	}
}

static void make_runtime(void)
{
	_cleanup_free_ char *state = NULL;

	/* a record is on the disk before it counts, which takes 30 times as long */
	runtime = mkdtemp(in_memory);
	if (!runtime)
		runtime = mkdtemp(on_disk);
	state = runtime ? str_format("%s/state", runtime) : NULL;
	if (!state || make_directories(state, 0700) < 0)
		abort();
	is_ready = true;
	atexit(remove_runtime);
	log_open("fuzz-record", LOG_LEVEL_ERROR); /* each record that is refused is a warning */
}

static void put(const char *file, const void *data, size_t size)
{
	_cleanup_free_ char *path = str_format("%s/%s", runtime, file);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write_all(fd, data, size) < 0)
		abort();
	close_fd(fd);
}

static struct manager *read_all(void)
{
	_cleanup_error_ struct error error = {};
	struct manager *manager = calloc(1, sizeof(*manager));

	manager->options.runtime_directory = manager->host.runtime_directory = runtime;
	manager->state_directory = str_format("%s/state", runtime);
	if (record_read_all(manager, &error) < 0) /* nothing here can't be read */
		abort();
	return manager;
}

static void free_all(struct manager *manager)
{
	host_clear(&manager->host);
	free(manager->state_directory);
	free(manager);
}

static bool ends(const char *s, size_t room)
{
	return strnlen(s, room) < room;
}

/* Nothing that a later step takes for granted is missing. */
static void check(const struct manager *manager)
{
	for (const struct instance *i = manager->host.instances; i; i = i->next) {
		if (!profile_name_valid(i->name) || i->host_index < 0 ||
		    !ends(i->bridge, sizeof(i->bridge)) ||
		    !ends(i->interface, sizeof(i->interface)) ||
		    !ends(i->host_interface, sizeof(i->host_interface)) || i->netns_fd >= 0 ||
		    i->mounts_fd >= 0)
			abort();
		for (size_t j = 0; j < i->n_mounted; j++)
			if (i->mounted[j].target[0] != '/')
				abort();
	}
	for (const struct host_bridge *b = manager->host.bridges; b; b = b->next)
		if (!ends(b->name, sizeof(b->name)) || b->index < 0)
			abort();
	for (const struct host_sysctl *s = manager->host.sysctls; s; s = s->next)
		if (strncmp(s->name, "net/ipv4/", 9) != 0 || strstr(s->name, "/../") ||
		    (strcmp(s->value, "0") != 0 && strcmp(s->value, "1") != 0))
			abort();
}

static char *text_of(const char *file)
{
	_cleanup_free_ char *path = str_format("%s/%s", runtime, file);
	char *text = NULL;

	return file_read(AT_FDCWD, path, 64 << 20, &text, NULL) == 0 ? text : NULL;
}

static void write_again(struct manager *manager)
{
	_cleanup_error_ struct error error = {};

	manager->host.dirty = true;
	if ((manager->host.instances &&
	     record_write(manager, manager->host.instances, &error) < 0) ||
	    record_write_host(manager, &error) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *first = NULL, *second = NULL;
	struct manager *manager;

	if (!is_ready)
		make_runtime();
	put("state/vpn.json", data, size);
	put("host.json", data, size);
	manager = read_all();
	check(manager);
	if (!manager->host.instances) {
		free_all(manager);
		return 0;
	}
	write_again(manager);
	free_all(manager);
	first = text_of("state/vpn.json");
	manager = read_all();
	check(manager);
	write_again(manager);
	free_all(manager);
	second = text_of("state/vpn.json");
	if (!first || !second || strcmp(first, second) != 0)
		abort();
	return 0;
}
