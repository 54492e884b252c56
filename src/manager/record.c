/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has been made, on disk: RUNTIME/state/NAME.json for a profile, RUNTIME/host.json for what
 * profiles share. Written whole by rename. A record is a claim, not a fact: namespaces are compared
 * by device and inode before they are taken up, links by name and index before they are touched.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/ether.h>
#include <string.h>
#include <sys/stat.h>

#include "internal.h"

#define RECORD_MAX   (1 << 20)
#define MAC_TEXT_MAX sizeof("00:00:00:00:00:00")
#define SYSCTL_CONF  "net/ipv4/conf/"

/* What was made since json_memory_begin. */
static int write_json(const char *path, json_t *root, struct error *error)
{
	_cleanup_free_ char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
	int r = text && !json_memory_failed() ? file_write_atomic(path, 0600, text, strlen(text))
					      : -ENOMEM;

	json_decref(root);
	return r < 0 ? error_errno(error, r, _("can't write %s"), path) : 0;
}

/* Only what this user alone can have written is read. 1: it is; 0: nothing is there, or what
 * somebody else put there. */
static int read_own(const char *path, char **ret, size_t *ret_length)
{
	_cleanup_close_ int fd =
		open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 ? errno != ELOOP && errno != ENXIO : fstat(fd, &st) < 0)
		return -errno;
	if (fd < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 0022)) {
		log_warning("%s was not written by nsctld; it is left alone", path);
		return 0;
	}
	r = file_read_fd(fd, RECORD_MAX, ret, ret_length);
	if (r == -EFBIG) {
		log_warning("%s is too long for a record; it is left alone", path);
		return 0;
	}
	return r < 0 ? r : 1;
}

/* *ret is NULL where there is no record. A negative errno says that it can't be told: then nothing
 * may be done that the record would forbid. */
static int read_json(const char *path, json_t **ret)
{
	_cleanup_free_ char *text = NULL;
	json_error_t json_error;
	size_t length = 0;
	json_t *root;
	int r = read_own(path, &text, &length);

	*ret = NULL;
	if (r <= 0)
		return r;
	json_memory_begin();
	root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &json_error);
	if (!root && json_memory_failed())
		return -ENOMEM;
	if (!json_is_object(root)) {
		log_warning("%s:%d: not a record: %s; it is left alone", path, json_error.line,
			    json_error.text);
		json_decref(root);
		return 0;
	}
	*ret = root;
	return 0;
}

/* ---- one profile ---------------------------------------------------------------------------- */

static json_t *strings(char *const *v)
{
	json_t *array = json_array();

	for (; v && *v; v++)
		json_array_append_new(array, json_string(*v));
	return array;
}

static json_t *mounted_json(const struct instance *instance)
{
	json_t *array = json_array();

	for (size_t i = 0; i < instance->n_mounted; i++) {
		const struct own_mount *own = &instance->mounted[i];

		json_array_append_new(array, json_pack("{sssIsI}", "target", own->target, "dev",
						       (json_int_t)own->id.dev, "ino",
						       (json_int_t)own->id.ino));
	}
	return array;
}

static json_t *prefix_json(const struct ip_prefix *prefix)
{
	char text[IP_TEXT_MAX];

	return prefix->address.family ? json_string(ip_prefix_format(prefix, text)) : json_null();
}

static json_t *id_json(bool has, const struct file_id *id)
{
	return has ? json_pack("{sIsI}", "dev", (json_int_t)id->dev, "ino", (json_int_t)id->ino)
		   : json_null();
}

static char *path_of(const struct manager *manager, const char *name)
{
	return str_format("%s/%s.json", manager->state_directory, name);
}

int record_write(struct manager *manager, const struct instance *instance, struct error *error)
{
	_cleanup_free_ char *path = path_of(manager, instance->name);
	char gateway[IP_TEXT_MAX];
	json_t *root;
	int r;

	if (!path)
		return error_oom(error);
	if (access(manager->state_directory, F_OK) < 0) {
		r = make_directories(manager->state_directory, 0700);
		if (r < 0)
			return error_errno(error, r, _("can't make %s"), manager->state_directory);
	}
	json_memory_begin();
	root = json_pack("{sI sI so so so so so sb ss ss ss si sI sb so so ss sb sb sb sI}",
			 "since", (json_int_t)instance->since, "config",
			 (json_int_t)instance->config, "users", strings(instance->users), "groups",
			 strings(instance->groups), "netns",
			 id_json(instance->has_netns, &instance->netns_id), "mounts",
			 id_json(instance->has_mounts, &instance->mounts_id), "mounted",
			 mounted_json(instance), "resolver", instance->has_resolver, "bridge",
			 instance->bridge, "interface", instance->interface, "host_interface",
			 instance->host_interface, "host_index", instance->host_index,
			 "link_config", (json_int_t)instance->link_config, "isolated",
			 instance->isolated, "address", prefix_json(&instance->address),
			 "host_address", prefix_json(&instance->host_address), "gateway",
			 ip_address_format(&instance->gateway, gateway), "routed", instance->routed,
			 "masquerades", instance->masquerades, "forwards", instance->forwards,
			 "aaaa", (json_int_t)instance->aaaa_config);
	return write_json(path, root, error);
}

int record_refused(struct manager *manager, const char *name, struct error *error)
{
	_cleanup_free_ char *path = path_of(manager, name);

	if (!path)
		return error_oom(error);
	if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	error_set(error, EEXIST, _("%s is no record of this nsctld, and the profile may be up"),
		  path);
	error_hint(error, _("look at it, take away what it is about, and remove it"));
	return -EEXIST;
}

int record_delete(struct manager *manager, const struct instance *instance, struct error *error)
{
	_cleanup_free_ char *path = path_of(manager, instance->name);

	if (!path)
		return error_oom(error);
	if (unlink(path) < 0 && errno != ENOENT)
		return error_errno(error, errno, _("can't remove %s"), path);
	return 0;
}

int record_release(struct manager *manager, struct error *error)
{
	if (rmdir(manager->state_directory) == 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTEMPTY)
		return 1;
	return error_errno(error, errno, _("can't remove %s"), manager->state_directory);
}

static bool get_bool(const json_t *root, const char *key)
{
	return json_is_true(json_object_get(root, key));
}

static int get_strings(const json_t *root, const char *key, char ***ret)
{
	json_t *array = json_object_get(root, key), *value;
	size_t i;

	json_array_foreach(array, i, value)
		if (json_is_string(value) && strv_add(ret, json_string_value(value)) < 0)
			return -ENOMEM;
	return 0;
}

static void get_name(const json_t *root, const char *key, char name[IFNAMSIZ])
{
	const char *value = json_string_value(json_object_get(root, key));

	if (value && strlen(value) < IFNAMSIZ)
		strcpy(name, value);
}

static int get_index(const json_t *root, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(root, key));

	return value > 0 && value <= INT_MAX ? value : 0;
}

static void get_prefix(const json_t *root, const char *key, struct ip_prefix *prefix)
{
	const char *value = json_string_value(json_object_get(root, key));

	if (value)
		ip_prefix_parse(value, prefix);
}

/* The namespace that nsctld itself is in: no profile has that. */
static bool is_own_namespace(const char *path, const struct file_id *id)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == id->dev && st.st_ino == id->ino;
}

static bool get_id(const json_t *root, const char *key, const char *own, struct file_id *id)
{
	json_t *value = json_object_get(root, key);

	id->dev = json_integer_value(json_object_get(value, "dev"));
	id->ino = json_integer_value(json_object_get(value, "ino"));
	if (is_own_namespace(own, id))
		*id = (struct file_id){};
	return id->ino != 0;
}

static int get_mounted(const json_t *root, struct instance *instance)
{
	json_t *array = json_object_get(root, "mounted"), *value;
	size_t i;

	json_array_foreach(array, i, value) {
		const char *target = json_string_value(json_object_get(value, "target"));
		struct file_id id = {
			.dev = json_integer_value(json_object_get(value, "dev")),
			.ino = json_integer_value(json_object_get(value, "ino")),
		};

		if (target && target[0] == '/' && instance_mounted_add(instance, target, &id) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* -ENOMEM: what it leaves out it would not remember. */
static int fill(struct instance *instance, const json_t *root)
{
	const char *gateway = json_string_value(json_object_get(root, "gateway"));

	instance->since = json_integer_value(json_object_get(root, "since"));
	instance->config = json_integer_value(json_object_get(root, "config"));
	if (get_strings(root, "users", &instance->users) < 0 ||
	    get_strings(root, "groups", &instance->groups) < 0 || get_mounted(root, instance) < 0)
		return -ENOMEM;
	instance->has_netns = get_id(root, "netns", "/proc/self/ns/net", &instance->netns_id);
	instance->has_mounts = get_id(root, "mounts", "/proc/self/ns/mnt", &instance->mounts_id);
	instance->has_resolver = get_bool(root, "resolver");
	get_name(root, "bridge", instance->bridge);
	get_name(root, "interface", instance->interface);
	get_name(root, "host_interface", instance->host_interface);
	instance->host_index = get_index(root, "host_index");
	instance->link_config = json_integer_value(json_object_get(root, "link_config"));
	instance->isolated = get_bool(root, "isolated");
	get_prefix(root, "address", &instance->address);
	get_prefix(root, "host_address", &instance->host_address);
	if (gateway)
		ip_address_parse(gateway, &instance->gateway);
	instance->routed = get_bool(root, "routed");
	instance->masquerades = get_bool(root, "masquerades");
	instance->forwards = get_bool(root, "forwards");
	instance->aaaa_config = json_integer_value(json_object_get(root, "aaaa"));
	return 0;
}

static int read_instance(struct manager *manager, const char *name, struct instance ***end,
			 struct error *error)
{
	_cleanup_free_ char *path = path_of(manager, name);
	_cleanup_(instance_freep) struct instance *instance = NULL;
	json_t *root;
	int r;

	if (!path)
		return error_oom(error);
	r = read_json(path, &root);
	if (r < 0)
		return error_errno(error, r, _("can't read %s"), path);
	if (!root) {
		manager->host.unreadable |= record_refused(manager, name, NULL) < 0;
		return 0;
	}
	instance = instance_new(name);
	r = instance ? fill(instance, root) : -ENOMEM;
	json_decref(root);
	if (r < 0)
		return error_oom(error);
	r = instance_hold(&manager->host, instance, error);
	if (r < 0)
		return r;
	**end = instance;
	*end = &instance->next;
	instance = NULL; /* the manager's */
	return 0;
}

/* ---- what profiles share -------------------------------------------------------------------- */

static json_t *host_json(const struct host *host)
{
	json_t *bridges = json_array(), *sysctls = json_array();

	for (const struct host_bridge *bridge = host->bridges; bridge; bridge = bridge->next) {
		char mac[MAC_TEXT_MAX];

		json_array_append_new(bridges, json_pack("{sssiss}", "name", bridge->name, "index",
							 bridge->index, "mac",
							 ether_ntoa_r(&bridge->mac, mac)));
	}
	for (const struct host_sysctl *saved = host->sysctls; saved; saved = saved->next)
		json_array_append_new(
			sysctls, json_pack("{ssss}", "name", saved->name, "value", saved->value));
	return json_pack("{so so si sb}", "bridges", bridges, "sysctls", sysctls, "netns_directory",
			 (int)host->netns_directory, "table", host->has_table);
}

int record_write_host(struct manager *manager, struct error *error)
{
	struct host *host = &manager->host;
	_cleanup_free_ char *path = NULL;
	int r = 0;

	if (!host->dirty)
		return 0;
	path = str_format("%s/host.json", manager->options.runtime_directory);
	if (!path)
		return error_oom(error);
	json_memory_begin();
	if (host->bridges || host->sysctls || host->has_table || host->netns_directory)
		r = write_json(path, host_json(host), error);
	else if (unlink(path) < 0 && errno != ENOENT)
		r = error_errno(error, errno, _("can't remove %s"), path);
	if (r == 0)
		host->dirty = false;
	return r;
}

static void get_mac(const json_t *root, const char *key, struct ether_addr *mac)
{
	const char *value = json_string_value(json_object_get(root, key));

	if (value)
		ether_aton_r(value, mac);
}

static int read_bridges(struct host *host, const json_t *root)
{
	json_t *array = json_object_get(root, "bridges"), *value;
	size_t i;

	json_array_foreach(array, i, value) {
		struct host_bridge *bridge = calloc(1, sizeof(*bridge));

		if (!bridge)
			return -ENOMEM;
		get_name(value, "name", bridge->name);
		bridge->index = get_index(value, "index");
		get_mac(value, "mac", &bridge->mac);
		bridge->next = host->bridges;
		host->bridges = bridge;
	}
	return 0;
}

/* net/ipv4/ip_forward, or net/ipv4/conf/INTERFACE/ and one of two: what the forward step saves. A
 * damaged record must not write elsewhere. */
static bool sysctl_name_valid(const char *name)
{
	static const char *const keys[] = { "/forwarding", "/accept_redirects" };
	const char *interface, *key;

	if (strcmp(name, "net/ipv4/ip_forward") == 0)
		return true;
	if (!str_starts_with(name, SYSCTL_CONF))
		return false;
	interface = name + strlen(SYSCTL_CONF);
	key = strchrnul(interface, '/');
	if (key == interface || key - interface >= IFNAMSIZ ||
	    (interface[0] == '.' && strspn(interface, ".") == (size_t)(key - interface)))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(key, keys[i]) == 0)
			return true;
	return false;
}

static bool sysctl_valid(const char *name, const char *value)
{
	return name && value && sysctl_name_valid(name) &&
	       (strcmp(value, "0") == 0 || strcmp(value, "1") == 0);
}

static int read_sysctls(struct host *host, const json_t *root)
{
	json_t *array = json_object_get(root, "sysctls"), *value;
	struct host_sysctl **end = &host->sysctls;
	size_t i;

	json_array_foreach(array, i, value) {
		const char *name = json_string_value(json_object_get(value, "name"));
		const char *text = json_string_value(json_object_get(value, "value"));
		struct host_sysctl *saved;

		if (!sysctl_valid(name, text))
			continue;
		saved = host_sysctl_new(name, text);
		if (!saved)
			return -ENOMEM;
		*end = saved;
		end = &saved->next;
	}
	return 0;
}

static int read_host(struct manager *manager, struct error *error)
{
	_cleanup_free_ char *path = str_format("%s/host.json", manager->options.runtime_directory),
			    *unfinished = path ? str_format("%s.new", path) : NULL;
	json_t *root;
	int r;

	if (!unfinished)
		return error_oom(error);
	unlink(unfinished);
	r = read_json(path, &root);
	if (r < 0)
		return error_errno(error, r, _("can't read %s"), path);
	if (!root)
		return 0;
	r = read_bridges(&manager->host, root);
	if (r == 0)
		r = read_sysctls(&manager->host, root);
	manager->host.netns_directory =
		json_integer_value(json_object_get(root, "netns_directory"));
	manager->host.has_table = get_bool(root, "table");
	json_decref(root);
	return r < 0 ? error_oom(error) : 0;
}

static bool ends_with(const char *s, const char *suffix)
{
	size_t length = strlen(s), n = strlen(suffix);

	return length > n && strcmp(s + length - n, suffix) == 0;
}

/* The names of records; what a daemon that died had not finished writing is removed. */
static int read_names(const struct manager *manager, char ***ret)
{
	_cleanup_closedir_ DIR *directory = opendir(manager->state_directory);
	const char *entry;
	int r;

	if (!directory)
		return errno == ENOENT ? 0 : -errno;
	while ((r = directory_next(directory, &entry)) > 0) {
		_cleanup_free_ char *name = NULL;

		if (ends_with(entry, ".json.new"))
			unlinkat(dirfd(directory), entry, 0);
		if (!ends_with(entry, ".json"))
			continue;
		name = strndup(entry, strlen(entry) - strlen(".json"));
		if (!name)
			return -ENOMEM;
		if (profile_name_valid(name) && strv_add(ret, name) < 0)
			return -ENOMEM;
	}
	strv_sort(*ret);
	return r;
}

int record_read_all(struct manager *manager, struct error *error)
{
	_cleanup_strv_ char **names = NULL;
	struct instance **end = &manager->host.instances;
	char **name;
	int r = read_names(manager, &names);

	if (r < 0)
		return error_errno(error, r, _("can't read %s"), manager->state_directory);
	r = read_host(manager, error);
	STRV_FOREACH(name, names)
		if (r == 0)
			r = read_instance(manager, *name, &end, error);
	return r;
}
