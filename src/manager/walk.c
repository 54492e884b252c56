/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The walk of `up` over the steps. A failure walks back over what this call made; what was not
 * there before is left to its caller, who removes it as a whole.
 *
 * Where everything has to be made, the steps begin together, and those that are marked `beside`
 * run on a thread while this one goes on with the network: the kernel has no lock that both want.
 */
#include <errno.h>
#include <string.h>

#include "internal.h"

static void fail(struct operation *operation, int code, const char *step)
{
	operation->code = code;
	operation->step = step;
}

/* One step for this profile: 1 something was made or removed. */
static int walk_step(struct step_context *context, const struct step *step, bool fresh,
		     struct error *error)
{
	uint64_t start = now_usec();
	int r;

	if (step->wanted(context->profile))
		r = step->up(context, error);
	else if (fresh)
		return 0;
	else /* taken out of the profile since */
		r = step->down(context, error);
	log_debug("profile %s, step %s: %s in %u us", context->instance->name, step->name,
		  r > 0    ? "made"
		  : r == 0 ? "nothing to do"
			   : "failed",
		  (unsigned)(now_usec() - start));
	return r;
}

static void roll_back(struct step_context *context, const bool *made, size_t n)
{
	while (n--) {
		_cleanup_error_ struct error error = {};

		if (made[n] && steps[n]->down(context, &error) < 0)
			log_warning("profile %s, step %s: %s", context->instance->name,
				    steps[n]->name, error_text(&error));
	}
}

/* ---- what is there in part ---------------------------------------------------------------- */

static int walk_again(struct operation *operation, struct step_context *context)
{
	bool made[STEPS_MAX] = {};

	for (size_t i = 0; steps[i]; i++) {
		int r = walk_step(context, steps[i], false, &operation->error);

		made[i] = r == STEP_MADE;
		operation->changed |= r > 0;
		if (r > 0)
			strv_add(&operation->made, steps[i]->name);
		if (r < 0) {
			fail(operation, r, steps[i]->name);
			roll_back(context, made, i + 1);
			return r;
		}
	}
	return 0;
}

/* ---- from nothing ------------------------------------------------------------------------- */

/* Steps that follow each other on a thread, with all that they write to of their own. */
struct lane {
	size_t first, end; /* steps[first] to steps[end - 1] */
	struct step_context context;
	struct error error;
	int result;
	const char *failed; /* the step */
	bool changed;

	pthread_t thread;
	bool running;
};

static void *lane_run(void *argument)
{
	struct lane *lane = argument;

	for (size_t i = lane->first; lane->result >= 0 && i < lane->end; i++) {
		lane->result = walk_step(&lane->context, steps[i], true, &lane->error);
		lane->changed |= lane->result > 0;
		if (lane->result < 0)
			lane->failed = steps[i]->name;
	}
	return NULL;
}

/* Takes all steps from `first` on that may go beside the others; returns the one behind them. */
static size_t lane_start(struct lane *lane, const struct step_context *context, size_t first)
{
	lane->context = *context;
	lane->context.warnings = NULL; /* a step of a lane has none */
	lane->first = lane->end = first;
	while (steps[lane->end] && steps[lane->end]->beside)
		lane->end++;
	lane->running = thread_start(&lane->thread, lane_run, lane) == 0;
	if (!lane->running)
		lane_run(lane);
	return lane->end;
}

/* Waits for it, and hands over what became of it, once; a failure of the others was before. */
static int lane_end(struct lane *lane, struct operation *operation)
{
	if (lane->running)
		pthread_join(lane->thread, NULL);
	lane->running = false;
	operation->changed |= lane->changed;
	if (lane->failed && !operation->code) {
		fail(operation, lane->result, lane->failed);
		error_clear(&operation->error);
		operation->error = lane->error;
		lane->error = (struct error){};
	}
	error_clear(&lane->error);
	return operation->code;
}

static int begin_all(struct operation *operation, struct step_context *context)
{
	for (size_t i = 0; steps[i]; i++) {
		int r = steps[i]->begin && steps[i]->wanted(context->profile)
				? steps[i]->begin(context, &operation->error)
				: 0;

		if (r < 0) {
			fail(operation, r, steps[i]->name);
			return r;
		}
	}
	return 0;
}

static int walk_fresh(struct operation *operation, struct step_context *context)
{
	struct lane lane = {};
	int r = begin_all(operation, context);

	for (size_t i = 0; r >= 0 && steps[i];) {
		if (steps[i]->beside && !lane.end) {
			i = lane_start(&lane, context, i);
			continue;
		}
		if (steps[i]->records && steps[i]->wanted(context->profile) &&
		    lane_end(&lane, operation) < 0)
			break;
		r = walk_step(context, steps[i], true, &operation->error);
		operation->changed |= r > 0;
		if (r < 0)
			fail(operation, r, steps[i]->name);
		i++;
	}
	return lane_end(&lane, operation);
}

int walk(struct operation *operation, struct step_context *context, bool fresh)
{
	int r = fresh ? walk_fresh(operation, context) : walk_again(operation, context);
	int s;

	steps_end(context->host);
	if (r >= 0 && !fresh && (s = host_release_unused(context->host, &operation->error)) < 0) {
		fail(operation, s, "host");
		r = s;
	}
	s = record_write_host(operation->manager, r < 0 ? NULL : &operation->error);
	if (r >= 0 && s < 0) {
		fail(operation, s, NULL);
		r = s;
	}
	return r;
}
