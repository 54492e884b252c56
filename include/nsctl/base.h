/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * base: what every other part stands on, libc only.
 *
 * Functions return 0 (or a count) on success and a negative errno on failure. What a user
 * will read travels beside it in a struct error. Out-parameters are named ret_* and are
 * written only on success.
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <libintl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define _(s)                gettext(s) /* translated where it stands */
#define N_(s)               (s)        /* marked here, translated where it is printed */
#define _printf_(f, a)      __attribute__((format(printf, f, a)))
#define _unused_            __attribute__((unused))
#define ARRAY_SIZE(a)       (sizeof(a) / sizeof((a)[0]))
#define ARRAY_FOREACH(p, a) for ((p) = (a); (p) < (a) + ARRAY_SIZE(a); (p)++)

#if defined(__SANITIZE_ADDRESS__) /* gcc */
#define WITH_ADDRESS_SANITIZER 1
#elif defined(__has_feature) /* clang */
#if __has_feature(address_sanitizer)
#define WITH_ADDRESS_SANITIZER 1
#endif
#endif
#ifndef WITH_ADDRESS_SANITIZER
#define WITH_ADDRESS_SANITIZER 0
#endif

/* ---- ownership (cleanup.c) ------------------------------------------------------------ */

#define _cleanup_(f)       __attribute__((cleanup(f)))
#define _cleanup_free_     _cleanup_(cleanup_free)
#define _cleanup_close_    _cleanup_(cleanup_close)
#define _cleanup_fclose_   _cleanup_(cleanup_fclose)
#define _cleanup_closedir_ _cleanup_(cleanup_closedir)
#define _cleanup_strv_     _cleanup_(cleanup_strv)
#define _cleanup_error_    _cleanup_(error_clear)

/* Hands a pointer or descriptor over and leaves an empty one behind. */
#define TAKE_PTR(p)                                                                                \
	({                                                                                         \
		__typeof__(p) *_pp = &(p);                                                         \
		__typeof__(p) _v = *_pp;                                                           \
		*_pp = NULL;                                                                       \
		_v;                                                                                \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int *_pfd = &(fd);                                                                 \
		int _v = *_pfd;                                                                    \
		*_pfd = -1;                                                                        \
		_v;                                                                                \
	})

/* Each takes the address of the variable; safe on empty ones, errno is kept. */
void cleanup_free(void *pointer);
void cleanup_close(int *fd);
void cleanup_fclose(FILE **file);
void cleanup_closedir(DIR **directory);
void cleanup_strv(char ***strv);
/* Closes fd unless it is negative, keeps errno; returns -1 so that "fd = close_fd(fd)". */
int close_fd(int fd);

/* The array with room for n elements, as reallocarray(3); NULL when out of memory: the old one is
 * still there. (The analyser of GCC takes the C library's for the end of what calloc gave, and for
 * a leak what is stored in it.) */
void *array_grow(void *array, size_t n, size_t size); /* array.c */

/* ---- errors (error.c) ----------------------------------------------------------------- */

/*
 * What went wrong, for a person: `what` is a sentence without a full stop ("can't create veth
 * ns-vpn: name in use"), `hint` says what to do about it or is NULL. Owned by the struct.
 * Start with `struct error error = {};`, end with error_clear (or _cleanup_error_).
 */
struct error {
	int code; /* positive errno, 0 = none */
	char *what;
	char *hint;
	struct error *more; /* what is wrong besides, in the order found; seldom looked at */
};

/* Sets the error unless one is set already (the first one, nearest the cause, wins).
 * `error` may be NULL. Takes errno positive or negative; returns it negative. */
int error_set(struct error *error, int code, const char *format, ...) _printf_(3, 4);
/* The same, with ": " and strerror(code) behind the text. */
int error_errno(struct error *error, int code, const char *format, ...) _printf_(3, 4);
/* Out of memory, in the standard words; returns -ENOMEM. */
int error_oom(struct error *error);
/* Says what to do about it; replaces an earlier hint. */
void error_hint(struct error *error, const char *format, ...) _printf_(2, 3);
/* Puts text and ": " in front of what is set ("profile vpn: "). */
void error_prefix(struct error *error, const char *format, ...) _printf_(2, 3);
/* Puts what is set in `further` behind what is set already, and leaves it empty. */
void error_add(struct error *error, struct error *further);
void error_clear(struct error *error);
/* The text to print; never NULL. */
const char *error_text(const struct error *error);

/* ---- strings (string.c) --------------------------------------------------------------- */

static inline bool str_equal(const char *a, const char *b)
{
	return a == b || (a && b && __builtin_strcmp(a, b) == 0);
}
static inline bool str_empty(const char *s)
{
	return !s || !*s;
}
bool str_starts_with(const char *s, const char *prefix);
/* asprintf that returns NULL when out of memory; the caller frees. */
char *str_format(const char *format, ...) _printf_(1, 2);
/* strdup of what is between leading and trailing white space. */
char *str_trimmed(const char *s, size_t length);
/* C-style escapes for control characters, backslash and what is not UTF-8, so that hostile text can
 * be printed or logged. The caller frees; NULL when out of memory. */
char *str_escape(const char *s, size_t length);
/* Any bytes as well-formed UTF-8 and back: each is the character of its number, as in ISO 8859-1.
 * The caller frees. NULL when out of memory; back: -ENOMEM, or -EILSEQ when a character is above
 * U+00FF or this is no UTF-8. */
char *str_from_latin1(const char *s);
int str_to_latin1(const char *s, char **ret);
/* The text as one word for a POSIX shell: as it is where that is safe, else in single quotes. */
char *str_shell_quote(const char *s);
/* A whole decimal number without sign or spaces: 0, -EINVAL or -ERANGE. */
int str_to_uint(const char *s, unsigned long max, unsigned long *ret);
/* Levenshtein distance, for "did you mean". */
size_t str_distance(const char *a, const char *b);
/* FNV-1a, 32 bits: names of kernel objects that are too long are hashed with it. */
uint32_t str_hash(const char *s);

/* ---- lists of strings, NULL-terminated (strv.c) --------------------------------------- */

#define STRV_FOREACH(s, v) for ((s) = (v); (s) && *(s); (s)++)

size_t strv_length(char *const *v);
bool strv_contains(char *const *v, const char *s);
/* Appends a copy; *v may be NULL. 0 or -ENOMEM. */
int strv_add(char ***v, const char *s);
/* Appends s itself, which is freed on failure (and when NULL: -ENOMEM). */
int strv_take(char ***v, char *s);
int strv_copy(char *const *v, char ***ret);
void strv_sort(char **v);
/* The caller frees; NULL: out of memory. */
char *strv_join(char *const *v, const char *separator);
void strv_free(char **v);

/* ---- files (file.c) ------------------------------------------------------------------- */

/* Reads a whole file of at most `max` bytes (-EFBIG above), NUL-terminated behind its length. */
int file_read(int dir_fd, const char *path, size_t max, char **ret, size_t *ret_length);
int file_read_fd(int fd, size_t max, char **ret, size_t *ret_length);
/* Writes path through a temporary file beside it and rename: whole or not at all. What stands there
 * is replaced whatever it is, and so is what is left of an earlier try (path.new): for directories
 * where nobody else can write. */
int file_write_atomic(const char *path, mode_t mode, const void *data, size_t length);
/* The same for a path that somebody named, wherever it leads: links are followed, a device or pipe
 * is written to, files beside it stay as they are. A file keeps its owner and mode; `mode`, less
 * the umask, is a new one's. It is written in place, and not at once, only where it can't be
 * replaced. */
int file_write_anywhere(const char *path, mode_t mode, const void *data, size_t length);
/* All bytes, resuming after EINTR and short writes. */
int write_all(int fd, const void *data, size_t length);
/* mkdir -p; directories that are made get `mode`. */
int make_directories(const char *path, mode_t mode);
/* The next name in a directory, but for "." and "..": 1 and the name (valid until the next call), 0
 * when there is none left, or a negative errno, which must not be taken for the end. */
int directory_next(DIR *directory, const char **ret);
int fd_set_nonblock(int fd, bool nonblock);
/* Identity of what an fd refers to: device and inode. */
struct file_id {
	dev_t dev;
	ino_t ino;
};
int file_id_of(int fd, struct file_id *ret);
static inline bool file_id_equal(const struct file_id *a, const struct file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

/* ---- descriptors over a Unix socket (descriptors.c) ------------------------------------- */

#define DESCRIPTORS_MAX 8 /* in one message of ours */

/* Bytes that were sent, or negative errno; a signal interrupts neither of the two, nor ends us. The
 * descriptors stay the caller's. */
ssize_t send_with_fds(int socket_fd, const void *data, size_t length, const int *fds, size_t n_fds,
		      int flags);
/* Bytes that came, 0 at the end, or negative errno. *n_fds: room in `fds`, and then how many there
 * are (close-on-exec, the receiver's). -EBADMSG when more came than there is room for: then none.
 */
ssize_t receive_with_fds(int socket_fd, void *data, size_t length, int *fds, size_t *n_fds,
			 int flags);

/* ---- Internet addresses (inet.c) ------------------------------------------------------ */

#define IP_TEXT_MAX 64 /* room for the longest address with prefix and NUL */

/* An address in network byte order; family is AF_INET or AF_INET6, 0 = none. */
struct ip_address {
	int family;
	union {
		struct in_addr v4;
		struct in6_addr v6;
		uint8_t bytes[16];
	};
};
/* An address with the length of its network, as in 10.193.0.2/24; host bits may be set. */
struct ip_prefix {
	struct ip_address address;
	unsigned length;
};

/* AAAA, HTTPS, SVCB, in any case, or a number from 1 to 65535 (RFC 1035, 3.2.2; RFC 9460). 0 or
 * -EINVAL. */
int dns_type_parse(const char *s, uint16_t *ret);

int ip_address_parse(const char *s, struct ip_address *ret); /* 0 or -EINVAL */
/* ADDRESS/LENGTH; without a length that of a single host. 0 or -EINVAL. */
int ip_prefix_parse(const char *s, struct ip_prefix *ret);
/* Both write at most IP_TEXT_MAX bytes to buffer and return it. */
const char *ip_address_format(const struct ip_address *address, char *buffer);
const char *ip_prefix_format(const struct ip_prefix *prefix, char *buffer);
unsigned ip_address_bits(const struct ip_address *address); /* 32 or 128 */
bool ip_address_equal(const struct ip_address *a, const struct ip_address *b);
bool ip_prefix_contains(const struct ip_prefix *prefix, const struct ip_address *address);
bool ip_prefix_overlaps(const struct ip_prefix *a, const struct ip_prefix *b);
/* The prefix with its host bits zero. */
struct ip_prefix ip_prefix_network(const struct ip_prefix *prefix);
/* The all-ones address of an IPv4 network. */
struct ip_address ip_prefix_broadcast(const struct ip_prefix *prefix);
/* The network's n-th address (IPv4; 0 is the network itself). */
struct ip_address ip_prefix_nth(const struct ip_prefix *prefix, uint32_t n);

/* ---- control groups (cgroup.c) -------------------------------------------------------- */

/* The directory of a process's cgroup, by its directory in /proc; -1 only where there is no unified
 * hierarchy. Else an error: where it is can't be told. */
int cgroup_open(int proc_fd, int *ret_fd);
/* A descriptor that has EPOLLPRI when something about the process's cgroup has changed since it was
 * last looked at, or a negative errno: for the root there is none. */
int cgroup_events_open(int pidfd);
/* Is all in it frozen? Takes such a descriptor. */
bool cgroup_is_frozen(int events_fd);

/* ---- log (log.c) ---------------------------------------------------------------------- */

enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_NOTICE,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

/* To stderr; each line gets the "<N>" prefix that the journal understands (sd-daemon(3)) when
 * stderr is the journal's stream ($JOURNAL_STREAM), else "name: " in front. `name` must stay valid.
 */
void log_open(const char *name, enum log_level level);
/* stderr is a file of our own from now on, open for reading and appending: lines begin with the
 * time, and at 1 MiB the older half of them goes. */
void log_keep_file(void);
/* "error", "warning", "notice", "info", "debug" or a number: 0 or -EINVAL. */
int log_level_parse(const char *s, enum log_level *ret);
bool log_enabled(enum log_level level);
/* errno is kept. Text from callers or the network must be escaped before (str_escape). */
void log_message(enum log_level level, const char *format, ...) _printf_(2, 3);
#define log_error(...)   log_message(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_message(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_message(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_message(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_enabled(LOG_LEVEL_DEBUG))                                                  \
			log_message(LOG_LEVEL_DEBUG, __VA_ARGS__);                                 \
	} while (0)

/* ---- event loop (loop.c) -------------------------------------------------------------- */

/* One epoll loop. Sources are called one after the other; a source may free itself or any
 * other from inside a callback. Not thread-safe. */
struct loop;
struct loop_source;
/* `events` is EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLERR, EPOLLHUP as epoll_wait(2) gave them (0 for a
 * timer). */
typedef void (*loop_fn)(struct loop_source *source, uint32_t events, void *userdata);

int loop_new(struct loop **ret);
/* Frees the loop; sources must have been freed before. */
struct loop *loop_free(struct loop *loop);
/* The fd is borrowed: it must stay open until the source is freed. */
int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fn fn, void *userdata,
		struct loop_source **ret);
/* A timer of its own timerfd, not armed yet. */
int loop_add_timer(struct loop *loop, loop_fn fn, void *userdata, struct loop_source **ret);
/* Once, in `usec` microseconds from now; 0 disarms. */
int loop_timer_set(struct loop_source *timer, uint64_t usec);
int loop_source_set_events(struct loop_source *source, uint32_t events);
/* NULL-safe, returns NULL. */
struct loop_source *loop_source_free(struct loop_source *source);
/* Runs until loop_exit; returns its code, or a negative errno when epoll fails. */
int loop_run(struct loop *loop);
/* A number that is another one each time the loop has looked for events. */
uint64_t loop_round(const struct loop *loop);
void loop_exit(struct loop *loop, int code);
/* CLOCK_MONOTONIC in microseconds, as that of the timers: it stands still while the machine sleeps.
 */
uint64_t now_usec(void);

/* ---- trying again (backoff.c) --------------------------------------------------------- */

/* The pause after a try doubles with each, up to `limit` (at most 32) tries; after `calm_usec`
 * without one it begins anew. */
struct backoff_policy {
	uint64_t first_usec, calm_usec;
	unsigned limit;
};
struct backoff { /* all zero: nothing tried yet */
	unsigned tries;
	uint64_t last; /* the latest try, as now_usec() */
};
/* When to try next: in first_usec, or later when the last try was not long ago; false: enough of
 * it.
 */
bool backoff_next(struct backoff *backoff, const struct backoff_policy *policy, uint64_t now,
		  uint64_t *ret_when);
void backoff_tried(struct backoff *backoff, uint64_t now);

/* ---- threads (thread.c) --------------------------------------------------------------- */

/* Starts fn on a thread that gets no signals: those are the process's first thread's. Joined or
 * detached by the caller; 0 or a negative errno. */
int thread_start(pthread_t *ret, void *(*fn)(void *argument), void *argument);
