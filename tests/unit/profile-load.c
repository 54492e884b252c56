/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where profiles come from: directories, names, inherit; and which files root refuses. */
#include <fcntl.h>
#include <sys/stat.h>

#include "profile-test.h"

/* Two profile directories below a directory of root's own. */
struct bed {
	char top[64];
	char *first, *second;
	char *directories[3];
};

static int make(void **state)
{
	struct bed *bed = calloc(1, sizeof(*bed));

	*state = bed;
	strcpy(bed->top, "/tmp/nsctl-test-load-XXXXXX");
	if (!mkdtemp(bed->top))
		return -1;
	bed->directories[0] = bed->first = str_format("%s/first", bed->top);
	bed->directories[1] = bed->second = str_format("%s/second", bed->top);
	return mkdir(bed->first, 0755) == 0 && mkdir(bed->second, 0755) == 0 ? 0 : -1;
}

static int unmake(void **state)
{
	struct bed *bed = *state;
	_cleanup_free_ char *command = str_format("rm -r %s", bed->top);
	int r = system(command);

	free(bed->first);
	free(bed->second);
	free(bed);
	return r;
}

static char *put(const char *directory, const char *file, const char *text)
{
	char *path = str_format("%s/%s", directory, file);

	assert_int_equal(file_write_atomic(path, 0644, text, strlen(text)), 0);
	return path;
}

static void drop(const char *directory, const char *file, const char *text)
{
	free(put(directory, file, text));
}

/* The message with the bed's directory taken out, so that it can be compared. */
static void assert_message(const struct bed *bed, const struct error *error, const char *wanted)
{
	_cleanup_free_ char *text = strdup(error_text(error));
	size_t length = strlen(bed->top);

	for (char *p = text; (p = strstr(p, bed->top));)
		memmove(p, p + length, strlen(p + length) + 1);
	assert_string_equal(text, wanted);
}

/* ---- by name -------------------------------------------------------------------------------- */

static void the_first_directory_wins(void **state)
{
	_cleanup_(profile_freep) struct profile *both = NULL, *one = NULL;
	_cleanup_free_ char *path = NULL;
	struct bed *bed = *state;

	path = put(bed->first, "both.ini", "[link]\nmtu = 1111\n");
	drop(bed->second, "both.ini", "[link]\nmtu = 2222\n");
	drop(bed->second, "one.ini", "[link]\nmtu = 1333\n");
	assert_int_equal(profile_load(bed->directories, "both", 0, &both, NULL), 0);
	assert_int_equal(both->mtu, 1111);
	assert_string_equal(both->path, path);
	assert_string_equal(both->name, "both");
	assert_int_equal(profile_load(bed->directories, "one", 0, &one, NULL), 0);
	assert_int_equal(one->mtu, 1333);
}

static void a_missing_profile_is_named_with_the_nearest(void **state)
{
	_cleanup_error_ struct error near = {}, far = {}, empty = {};
	struct profile *profile = NULL;
	_cleanup_free_ char *places = NULL;
	struct bed *bed = *state;
	char *none[] = { NULL };

	places = str_format("profiles are files NAME.ini in %s, %s", bed->first, bed->second);
	drop(bed->second, "office.ini", "");
	assert_int_equal(profile_load(bed->directories, "ofice", 0, &profile, &near), -ENOENT);
	assert_string_equal(error_text(&near), "no profile \"ofice\"");
	assert_string_equal(near.hint, "did you mean \"office\"?");
	assert_int_equal(profile_load(bed->directories, "home", 0, &profile, &far), -ENOENT);
	assert_string_equal(far.hint, places);
	assert_int_equal(profile_load(none, "home", 0, &profile, &empty), -ENOENT);
	assert_null(empty.hint);
	assert_null(profile);
}

static void a_bad_name_never_reaches_the_file_system(void **state)
{
	_cleanup_error_ struct error error = {};
	struct profile *profile = NULL;
	struct bed *bed = *state;

	drop(bed->top, "x.ini", "");
	assert_int_equal(profile_load(bed->directories, "../x", 0, &profile, &error), -EINVAL);
	assert_null(profile);
}

static void names_are_sorted_and_each_once(void **state)
{
	_cleanup_strv_ char **names = NULL;
	struct bed *bed = *state;
	char *more[] = { bed->first, (char *)"/nonexistent/nsctl", bed->second, NULL };

	drop(bed->first, "vpn.ini", "");
	drop(bed->second, "vpn.ini", "");
	drop(bed->second, "lan.ini", "is not even valid");
	drop(bed->second, ".hidden.ini", "");
	drop(bed->second, "lan.ini~", "");
	drop(bed->second, "README", "");
	drop(bed->second, ".ini", "");
	assert_int_equal(profile_names(more, &names, NULL), 0);
	assert_int_equal(strv_length(names), 2);
	assert_string_equal(names[0], "lan");
	assert_string_equal(names[1], "vpn");
}

static void a_file_anywhere_is_named_after_itself(void **state)
{
	_cleanup_(profile_freep) struct profile *p = NULL, *q = NULL;
	_cleanup_error_ struct error error = {};
	_cleanup_free_ char *path = NULL, *plain = NULL, *bad = NULL;
	struct profile *none = NULL;
	struct bed *bed = *state;

	drop(bed->first, "base.ini", "[link]\nmtu = 1400\n");
	path = put(bed->top, "mine.ini", "[profile]\ninherit = base\n");
	plain = put(bed->top, "plain", "");
	bad = put(bed->top, "bad name.ini", "");
	assert_int_equal(profile_load_file(bed->directories, path, 0, &p, NULL), 0);
	assert_string_equal(p->name, "mine");
	assert_int_equal(p->mtu, 1400);
	assert_int_equal(profile_load_file(NULL, plain, 0, &q, NULL), 0);
	assert_string_equal(q->name, "plain");
	assert_int_equal(profile_load_file(NULL, bad, 0, &none, &error), -EINVAL);
	assert_null(none);
}

static void what_is_no_regular_file_is_refused(void **state)
{
	_cleanup_error_ struct error fifo = {}, directory = {}, missing = {};
	_cleanup_free_ char *pipe = NULL, *folder = NULL;
	struct profile *none = NULL;
	struct bed *bed = *state;

	pipe = str_format("%s/pipe.ini", bed->first);
	folder = str_format("%s/folder.ini", bed->first);
	assert_int_equal(mkfifo(pipe, 0644), 0);
	assert_int_equal(mkdir(folder, 0755), 0);
	/* and it doesn't wait for a writer */
	assert_int_equal(profile_load_file(NULL, pipe, 0, &none, &fifo), -EINVAL);
	assert_message(bed, &fifo, "/first/pipe.ini is not a regular file");
	assert_int_equal(profile_load_file(NULL, folder, 0, &none, &directory), -EINVAL);
	assert_int_equal(profile_load_file(NULL, "/nonexistent/x.ini", 0, &none, &missing),
			 -ENOENT);
	assert_string_equal(error_text(&missing), "/nonexistent/x.ini: No such file or directory");
	assert_null(none);
}

/* ---- inherit -------------------------------------------------------------------------------- */

static void a_parent_gives_the_defaults(void **state)
{
	_cleanup_(profile_freep) struct profile *p = NULL;
	_cleanup_error_ struct error error = {};
	_cleanup_free_ char *top = NULL, *bottom = NULL, *text = NULL;
	struct bed *bed = *state;

	top = put(
		bed->second, "top.ini",
		"[profile]\ndescription = top\n[access]\nusers = a, b\ngroups = g\n[link]\nmtu = "
		"1400\nnat = none\n[dns]\nnameserver = 10.0.0.1\n[service vpn]\ncommand = one\nuser = "
		"nobody\n[service old]\ncommand = old\n");
	drop(bed->first, "middle.ini", "[profile]\ninherit = top\n[link]\nnat = masquerade\n");
	bottom = put(
		bed->first, "bottom.ini",
		"[profile]\ninherit = middle\n[access]\nusers = c\ngroups =\n[service vpn]\ncommand "
		"= two\n");
	assert_success(profile_load(bed->directories, "bottom", 0, &p, &error), &error);
	assert_string_equal(p->name, "bottom");
	assert_string_equal(p->path, bottom);
	assert_string_equal(p->inherit, "middle");
	assert_string_equal(p->description, "top");
	/* a list is replaced, not added to; an empty one too */
	assert_int_equal(strv_length(p->users), 1);
	assert_string_equal(p->users[0], "c");
	assert_null(p->groups);
	assert_int_equal(p->mtu, 1400);
	assert_int_equal(p->nat, NAT_MASQUERADE);
	assert_true(p->has_dns);
	assert_int_equal(p->n_services, 2);
	assert_string_equal(p->services[0].command, "two");
	assert_string_equal(p->services[0].user, "nobody");
	assert_string_equal(p->services[1].name, "old");
	text = str_format("%s:7", top);
	assert_string_equal(profile_origin(p, "link", "mtu"), text);
}

static void loops_and_long_chains_are_refused(void **state)
{
	_cleanup_error_ struct error self = {}, loop = {}, deep = {};
	_cleanup_(profile_freep) struct profile *eight = NULL;
	struct profile *none = NULL;
	struct bed *bed = *state;

	drop(bed->first, "self.ini", "[profile]\ninherit = self\n");
	assert_int_equal(profile_load(bed->directories, "self", 0, &none, &self), -EINVAL);
	assert_message(
		bed, &self,
		"/first/self.ini:2: in [profile], inherit = \"self\": it inherits from itself");
	drop(bed->first, "a.ini", "[profile]\ninherit = b\n");
	drop(bed->first, "b.ini", "[profile]\n\ninherit = a\n");
	assert_int_equal(profile_load(bed->directories, "a", 0, &none, &loop), -EINVAL);
	assert_message(bed, &loop,
		       "/first/b.ini:3: in [profile], inherit = \"a\": it inherits from itself");
	drop(bed->first, "c9.ini", "");
	for (int i = 8; i >= 1; i--) {
		_cleanup_free_ char *name = str_format("c%d.ini", i);
		_cleanup_free_ char *text = str_format("[profile]\ninherit = c%d\n", i + 1);

		drop(bed->first, name, text);
	}
	/* c2 to c9 are eight files, c1 to c9 nine */
	assert_int_equal(profile_load(bed->directories, "c2", 0, &eight, NULL), 0);
	assert_int_equal(profile_load(bed->directories, "c1", 0, &none, &deep), -EINVAL);
	assert_message(
		bed, &deep,
		"/first/c8.ini:2: in [profile], inherit = \"c9\": more than 8 profiles inherit "
		"from each other");
	assert_null(none);
}

static void a_parent_that_is_missing_or_wrong_makes_the_child_wrong(void **state)
{
	_cleanup_error_ struct error missing = {}, wrong = {}, together = {};
	struct profile *none = NULL;
	struct bed *bed = *state;

	drop(bed->first, "orphan.ini", "[profile]\ninherit = nobody\n");
	/* not -ENOENT: the profile that was asked for is there */
	assert_int_equal(profile_load(bed->directories, "orphan", 0, &none, &missing), -EINVAL);
	assert_message(
		bed, &missing,
		"/first/orphan.ini:2: in [profile], inherit = \"nobody\": no profile \"nobody\"");
	drop(bed->second, "broken.ini", "[link]\naddress = 10.0.0.2/24\nmtu = x\n");
	drop(bed->first, "child.ini", "[profile]\ninherit = broken\n[link]\nmtu = 1400\n");
	assert_int_equal(profile_load(bed->directories, "child", 0, &none, &wrong), -EINVAL);
	assert_message(bed, &wrong, "/second/broken.ini:3: in [link], mtu = \"x\": not a number");
	drop(bed->second, "broken.ini", "[link]\naddress = 10.0.0.2/24\n");
	drop(bed->first, "child.ini", "[profile]\ninherit = broken\n[link]\ngateway = 10.0.1.1\n");
	assert_int_equal(profile_load(bed->directories, "child", 0, &none, &together), -EINVAL);
	assert_message(bed, &together,
		       "/first/child.ini:4: in [link], gateway = \"10.0.1.1\": is outside of "
		       "10.0.0.0/24, the network of address (/second/broken.ini:2)");
	assert_null(none);
}

/* The nearer file decides; what it leaves without a meaning is as if it stood nowhere. */
static void a_child_changes_what_gives_inherited_keys_their_meaning(void **state)
{
	static const struct {
		const char *child, *key, *origin; /* in [link], and where its value is from now */
	} taken[] = {
		{ "[link]\ntype = ptp\n", "bridge", NULL },
		{ "[link]\ntype = ptp\n", "gateway", "/second/vpn.ini:5" },
		{ "[link]\ntype = none\n", "address", NULL },
		{ "[namespace]\nnetwork = host\n", "type", NULL },
		{ "[namespace]\nnetwork = host\n", "bridge", NULL },
		{ "[link]\naddress = auto\n", "gateway", NULL },
		{ "", "bridge", "/second/vpn.ini:3" },
	};
	_cleanup_error_ struct error nearer = {}, same = {};
	struct profile *none = NULL;
	struct bed *bed = *state;

	drop(bed->second, "vpn.ini",
	     "[link]\ntype = bridge\nbridge = br0\naddress = 10.0.0.2/24\ngateway = 10.0.0.1\n"
	     "[aaaa]\nrun = inside\nonly = a.example, b.example\n");
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		_cleanup_free_ char *text = str_format(
			"[profile]\ninherit = vpn\n[aaaa]\nrun = no\n%s", taken[i].child);
		_cleanup_(profile_freep) struct profile *p = NULL;
		_cleanup_error_ struct error error = {};
		const char *origin;

		drop(bed->first, "child.ini", text);
		assert_success(profile_load(bed->directories, "child", 0, &p, &error), &error);
		assert_null(p->aaaa_only);
		origin = profile_origin(p, "link", taken[i].key);
		if (taken[i].origin)
			assert_string_equal(origin + strlen(bed->top), taken[i].origin);
		else
			assert_null(origin);
	}
	/* but what is said nearer, or in the same file, is a mistake */
	drop(bed->first, "ptp.ini", "[profile]\ninherit = vpn\n[link]\ntype = ptp\n");
	drop(bed->first, "child.ini", "[profile]\ninherit = ptp\n[link]\nbridge = br1\n");
	assert_int_equal(profile_load(bed->directories, "child", 0, &none, &nearer), -EINVAL);
	assert_message(
		bed, &nearer,
		"/first/child.ini:4: in [link], bridge = \"br1\": has no meaning with type = "
		"ptp (/first/ptp.ini:4)");
	drop(bed->first, "ptp.ini", "[link]\ntype = ptp\nbridge = br1\n");
	drop(bed->first, "child.ini", "[profile]\ninherit = ptp\n");
	assert_int_equal(profile_load(bed->directories, "child", 0, &none, &same), -EINVAL);
	assert_null(none);
}

/* ---- trust ---------------------------------------------------------------------------------- */

#define REFUSED_TRUST(bed, wanted)                                                                 \
	do {                                                                                       \
		_cleanup_error_ struct error _error = {};                                          \
		struct profile *_profile = NULL;                                                   \
                                                                                                   \
		assert_int_equal(profile_load((bed)->directories, "vpn", PROFILE_TRUSTED,          \
					      &_profile, &_error),                                 \
				 -EPERM);                                                          \
		assert_message(bed, &_error, wanted);                                              \
		assert_non_null(_error.hint);                                                      \
		assert_null(_profile);                                                             \
	} while (0)

static void taken(const struct bed *bed)
{
	_cleanup_(profile_freep) struct profile *profile = NULL;
	_cleanup_error_ struct error error = {};

	assert_success(profile_load(bed->directories, "vpn", PROFILE_TRUSTED, &profile, &error),
		       &error);
	assert_int_equal(profile->mtu, 1400);
}

static void only_root_may_be_able_to_write_file_and_directories(void **state)
{
	_cleanup_free_ char *path = NULL;
	struct bed *bed = *state;

	if (geteuid() != 0)
		skip();
	path = put(bed->first, "vpn.ini", "[link]\nmtu = 1400\n");
	taken(bed);
	assert_int_equal(chmod(path, 0664), 0);
	REFUSED_TRUST(bed, "/first/vpn.ini is not used: \"vpn.ini\" can be written by others (mode "
			   "0664)");
	assert_int_equal(chmod(path, 0646), 0);
	REFUSED_TRUST(bed, "/first/vpn.ini is not used: \"vpn.ini\" can be written by others (mode "
			   "0646)");
	assert_int_equal(chmod(path, 0600), 0);
	taken(bed);
	assert_int_equal(chown(path, 1, 0), 0);
	REFUSED_TRUST(bed, "/first/vpn.ini is not used: \"vpn.ini\" does not belong to root (mode "
			   "0600)");
	assert_int_equal(chown(path, 0, 1), 0); /* the group can only read */
	taken(bed);
	assert_int_equal(chmod(bed->first, 0775), 0);
	REFUSED_TRUST(bed, "/first/vpn.ini is not used: \"first\" can be written by others (mode "
			   "0775)");
	/* passed through is one thing, holding the file another */
	assert_int_equal(chmod(bed->first, 01777), 0);
	REFUSED_TRUST(bed,
		      "/first/vpn.ini is not used: \"vpn.ini\" stands in a directory that others "
		      "can write (mode 0600)");
	assert_int_equal(chmod(bed->first, 0755), 0);
	taken(bed);
	assert_int_equal(chown(bed->top, 1, 0), 0);
	{
		_cleanup_error_ struct error error = {};
		struct profile *profile = NULL;

		assert_int_equal(
			profile_load(bed->directories, "vpn", PROFILE_TRUSTED, &profile, &error),
			-EPERM);
		assert_non_null(strstr(error_text(&error), "does not belong to root"));
	}
	assert_int_equal(chown(bed->top, 0, 0), 0);
}

static void a_link_is_trusted_as_its_owner_and_its_target(void **state)
{
	_cleanup_free_ char *target = NULL, *name = NULL, *folder = NULL;
	struct bed *bed = *state;

	if (geteuid() != 0)
		skip();
	folder = str_format("%s/else", bed->top);
	assert_int_equal(mkdir(folder, 0755), 0);
	target = put(folder, "real", "[link]\nmtu = 1400\n");
	name = str_format("%s/vpn.ini", bed->first);
	assert_int_equal(symlink(target, name), 0); /* absolute */
	taken(bed);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(symlink("../else/real", name), 0); /* relative */
	taken(bed);
	assert_int_equal(chmod(target, 0666), 0);
	REFUSED_TRUST(bed,
		      "/first/vpn.ini is not used: \"real\" can be written by others (mode 0666)");
	assert_int_equal(chmod(target, 0644), 0);
	assert_int_equal(chmod(folder, 0777), 0);
	REFUSED_TRUST(bed,
		      "/first/vpn.ini is not used: \"else\" can be written by others (mode 0777)");
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(lchown(name, 1, 0), 0);
	REFUSED_TRUST(bed, "/first/vpn.ini is not used: \"vpn.ini\" does not belong to root (mode "
			   "0777)");
	assert_int_equal(unlink(name), 0);
	assert_int_equal(symlink("vpn.ini", name), 0);
	{
		struct profile *profile = NULL;

		assert_int_equal(
			profile_load(bed->directories, "vpn", PROFILE_TRUSTED, &profile, NULL),
			-ELOOP);
	}
}

static void parents_are_checked_as_well(void **state)
{
	_cleanup_error_ struct error error = {};
	_cleanup_(profile_freep) struct profile *untrusted = NULL;
	struct profile *profile = NULL;
	_cleanup_free_ char *parent = NULL;
	struct bed *bed = *state;

	if (geteuid() != 0)
		skip();
	parent = put(bed->second, "base.ini", "[link]\nmtu = 1400\n");
	drop(bed->first, "vpn.ini", "[profile]\ninherit = base\n");
	taken(bed);
	assert_int_equal(chmod(parent, 0666), 0);
	assert_int_equal(profile_load(bed->directories, "vpn", PROFILE_TRUSTED, &profile, &error),
			 -EPERM);
	assert_message(
		bed, &error,
		"/first/vpn.ini:2: in [profile], inherit = \"base\": /second/base.ini is not "
		"used: \"base.ini\" can be written by others (mode 0666)");
	assert_null(profile);
	/* who doesn't ask for trust gets it */
	assert_int_equal(profile_load(bed->directories, "vpn", 0, &untrusted, NULL), 0);
}

static void a_trusted_file_is_regular_too(void **state)
{
	_cleanup_error_ struct error fifo = {}, folder = {};
	_cleanup_free_ char *pipe = NULL, *directory = NULL;
	struct profile *profile = NULL;
	struct bed *bed = *state;

	if (geteuid() != 0)
		skip();
	pipe = str_format("%s/vpn.ini", bed->first);
	directory = str_format("%s/d.ini", bed->first);
	assert_int_equal(mkfifo(pipe, 0644), 0);
	assert_int_equal(mkdir(directory, 0755), 0);
	assert_int_equal(profile_load(bed->directories, "vpn", PROFILE_TRUSTED, &profile, &fifo),
			 -EINVAL);
	assert_message(bed, &fifo, "/first/vpn.ini is not a regular file");
	assert_int_equal(profile_load(bed->directories, "d", PROFILE_TRUSTED, &profile, &folder),
			 -EISDIR);
	assert_null(profile);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, unmake)
	const struct CMUnitTest tests[] = {
		TEST(the_first_directory_wins),
		TEST(a_missing_profile_is_named_with_the_nearest),
		TEST(a_bad_name_never_reaches_the_file_system),
		TEST(names_are_sorted_and_each_once),
		TEST(a_file_anywhere_is_named_after_itself),
		TEST(what_is_no_regular_file_is_refused),
		TEST(a_parent_gives_the_defaults),
		TEST(loops_and_long_chains_are_refused),
		TEST(a_parent_that_is_missing_or_wrong_makes_the_child_wrong),
		TEST(a_child_changes_what_gives_inherited_keys_their_meaning),
		TEST(only_root_may_be_able_to_write_file_and_directories),
		TEST(a_link_is_trusted_as_its_owner_and_its_target),
		TEST(parents_are_checked_as_well),
		TEST(a_trusted_file_is_regular_too),
	};

	return cmocka_run_group_tests_name("profile_load", tests, NULL, NULL);
}
