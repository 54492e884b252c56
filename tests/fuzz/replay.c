/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A main() for fuzz targets, with any compiler: gives each file of the corpus to the target, and
 * then each file cut short at every length (up to a limit), which finds reads behind the end when
 * built with --enable-sanitizers. Arguments are files and directories; without any, the corpus is
 * $NSCTL_CORPUS/NAME of the program fuzz-NAME.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"
#include "nsctl/base.h"

#define INPUT_MAX (16 << 20)
#define CUTS_MAX  1024

static size_t n_inputs;

/* In a block of exactly that size, so that a read behind its end is seen. */
static void one(const char *data, size_t length)
{
	_cleanup_free_ char *exact = malloc(length ? length : 1);

	if (!exact)
		abort();
	memcpy(exact, data, length);
	LLVMFuzzerTestOneInput((const uint8_t *)exact, length);
	n_inputs++;
}

static int replay_file(const char *path)
{
	_cleanup_free_ char *data = NULL;
	size_t length = 0;
	int r = file_read(AT_FDCWD, path, INPUT_MAX, &data, &length);

	if (r < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(-r));
		return r;
	}
	one(data, length);
	for (size_t cut = 0; cut < length && cut < CUTS_MAX; cut++)
		one(data, cut);
	return 0;
}

static int replay(const char *path);

static int replay_directory(const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	int r = 0;

	if (!directory)
		return -errno;
	while (r == 0 && (entry = readdir(directory))) {
		_cleanup_free_ char *inner = str_format("%s/%s", path, entry->d_name);

		if (entry->d_name[0] != '.')
			r = inner ? replay(inner) : -ENOMEM;
	}
	closedir(directory);
	return r;
}

static int replay(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -errno;
	}
	return S_ISDIR(st.st_mode) ? replay_directory(path) : replay_file(path);
}

int main(int argc, char **argv)
{
	const char *name = strstr(argv[0], "fuzz-"), *corpus = getenv("NSCTL_CORPUS");
	_cleanup_free_ char *path = NULL;
	int r = 0;

	if (argc > 1) {
		for (int i = 1; r == 0 && i < argc; i++)
			r = replay(argv[i]);
	} else if (name && corpus) {
		while (strstr(name + 1, "fuzz-"))
			name = strstr(name + 1, "fuzz-");
		path = str_format("%s/%s", corpus, name + strlen("fuzz-"));
		r = path ? replay(path) : -ENOMEM;
	} else {
		fprintf(stderr, "usage: %s FILE|DIRECTORY...\n", argv[0]);
		return 2;
	}
	printf("%zu inputs\n", n_inputs);
	/* an empty corpus proves nothing */
	return r == 0 && n_inputs ? 0 : 1;
}
