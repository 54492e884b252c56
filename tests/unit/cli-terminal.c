/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the relay does with bytes: nothing is lost, and nothing is added that was not typed. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/pump.h"
#include "cli/terminal.h"

static struct pump pump;

static void open_pipe(int ret_fds[2])
{
	memset(&pump, 0, sizeof(pump));
	assert_int_equal(pipe2(ret_fds, O_CLOEXEC | O_NONBLOCK), 0);
}

/* What comes out when the text is written in pieces of this size, each read by itself. */
static void assert_undone(const char *text, size_t piece, const char *expected)
{
	int fds[2];
	size_t length = strlen(text);

	open_pipe(fds);
	for (size_t i = 0; i < length; i += piece) {
		size_t n = length - i < piece ? length - i : piece;

		assert_int_equal(write(fds[1], text + i, n), n);
		/* as if there was more to come: what is held stays so */
		assert_int_equal(pump_fill(&pump, fds[0], PUMP_UNDO_NEWLINES | PUMP_ONCE), 0);
	}
	assert_int_equal(pump_fill(&pump, fds[0], PUMP_UNDO_NEWLINES), 0);
	assert_int_equal(pump.end - pump.start, strlen(expected));
	assert_memory_equal(pump.data + pump.start, expected, strlen(expected));
	close(fds[0]);
	close(fds[1]);
}

static void newlines_are_undone_exactly(void **state _unused_)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "a\r\nb\r\n", "a\nb\n" },
		{ "\r\r\n", "\r\n" },
		{ "50 %\r60 %\r", "50 %\r60 %\r" },
		{ "\n\r\n", "\n\n" },
		{ "\r", "\r" },
		{ "", "" },
		{ "\r\n\r\n\r", "\n\n\r" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (size_t piece = 1; piece < 8; piece++)
			assert_undone(cases[i].text, piece, cases[i].expected);
}

static void pump_keeps_every_byte_when_the_writer_is_slow(void **state _unused_)
{
	static char sent[300000], got[sizeof(sent)];
	size_t n_sent = 0, n_got = 0;
	int in[2], out[2];

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = i * 2654435761u >> 16;
	open_pipe(in);
	assert_int_equal(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
	while (n_got < sizeof(got)) {
		ssize_t n = write(in[1], sent + n_sent, sizeof(sent) - n_sent);

		n_sent += n > 0 ? n : 0;
		assert_int_equal(pump_fill(&pump, in[0], 0), 0);
		assert_int_equal(pump_drain(&pump, out[1], 0), 0);
		n = read(out[0], got + n_got, 7777);
		n_got += n > 0 ? n : 0;
	}
	assert_memory_equal(got, sent, sizeof(sent));
	close(in[1]);
	assert_int_equal(pump_fill(&pump, in[0], 0), -EIO);
	close(in[0]);
	close(out[0]);
	close(out[1]);
}

static void only_what_was_typed_is_given_back(void **state _unused_)
{
	static struct keys keys;
	static char many[10000];

	keys_add(&keys, "one\rtwo", 7);
	assert_true(keys_end_with(&keys, "two", 3));
	assert_true(keys_end_with(&keys, "\ntwo", 4));
	assert_true(keys_end_with(&keys, "one\rtwo", 7));
	assert_false(keys_end_with(&keys, "xtwo", 4));
	assert_false(keys_end_with(&keys, "one\rtwo\n", 8));
	assert_false(keys_end_with(&keys, "zone\rtwo", 8));
	memset(many, 'x', sizeof(many));
	keys_add(&keys, many, sizeof(many));
	keys_add(&keys, "end", 3);
	assert_int_equal(keys.length, sizeof(keys.data));
	assert_true(keys_end_with(&keys, "xend", 4));
	assert_false(keys_end_with(&keys, many, sizeof(many)));
}

static void keys_are_signals_only_where_the_terminal_makes_them_so(void **state _unused_)
{
	struct termios modes = { .c_lflag = ISIG };

	modes.c_cc[VINTR] = 3;
	modes.c_cc[VQUIT] = 28;
	modes.c_cc[VSUSP] = _POSIX_VDISABLE;
	assert_int_equal(terminal_key_signal(&modes, 3), SIGINT);
	assert_int_equal(terminal_key_signal(&modes, 28), SIGQUIT);
	assert_int_equal(terminal_key_signal(&modes, _POSIX_VDISABLE), 0);
	assert_int_equal(terminal_key_signal(&modes, 26), 0);
	modes.c_lflag = 0;
	assert_int_equal(terminal_key_signal(&modes, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(newlines_are_undone_exactly),
		cmocka_unit_test(pump_keeps_every_byte_when_the_writer_is_slow),
		cmocka_unit_test(only_what_was_typed_is_given_back),
		cmocka_unit_test(keys_are_signals_only_where_the_terminal_makes_them_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
