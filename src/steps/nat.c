/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nat: the profile's packets leave the host under the host's address. */
#include <errno.h>

#include "ruleset.h"
#include "step.h"

static bool wanted(const struct profile *profile)
{
	return profile->network == NETWORK_NEW && profile->link_type != LINK_NONE &&
	       profile->nat == NAT_MASQUERADE;
}

static int down(struct step_context *context, struct error *error);

/* Where nothing was, nothing stays of a failure. */
static int up(struct step_context *context, struct error *error)
{
	struct instance *instance = context->instance;
	bool had = instance->masquerades;
	int r;

	if (!instance->routed) /* another router's business */
		return 0;
	if (had) {
		if (ruleset_intact(context->host))
			return 0;
		r = ruleset_rebuild(context->host, error);
	} else {
		instance->masquerades = true;
		/* else the forward step puts both into the table, in one change */
		r = instance->forwards ? ruleset_add(context->host, instance, error) : 0;
	}
	if (r < 0 && !had)
		down(context, NULL);
	if (r < 0)
		return r;
	return had ? STEP_MENDED : STEP_MADE;
}

static int down(struct step_context *context, struct error *error)
{
	struct instance before = *context->instance;
	int r;

	if (!context->instance->masquerades)
		return 0;
	before.forwards = false;
	context->instance->masquerades = false;
	r = ruleset_remove(context->host, &before, error);
	context->instance->masquerades = r < 0; /* to be tried again */
	return r < 0 ? r : 1;
}

static int check(struct step_context *context, struct drift *drift)
{
	if (!context->instance->masquerades || ruleset_intact(context->host))
		return 0;
	return drift_add(drift, "nat", "%s", _("the table inet nsctl is not what it should be"));
}

static int explain(struct step_context *context, FILE *out, struct error *error _unused_)
{
	char text[IP_TEXT_MAX];

	if (!context->instance->routed)
		return 0;
	fprintf(out, "# nat: one table, its rules fixed, its profiles in sets\n");
	if (!ruleset_used(context->host))
		ruleset_explain_table(out);
	ruleset_explain_element(out, RULESET_MASQUERADE,
				ip_address_format(&context->instance->address.address, text));
	context->instance->masquerades = true;
	fputc('\n', out);
	return 0;
}

const struct step step_nat = {
	.name = "nat",
	.wanted = wanted,
	.up = up,
	.down = down,
	.check = check,
	.explain = explain,
};
