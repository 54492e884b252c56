/* SPDX-License-Identifier: GPL-2.0-or-later */
/* org.varlink.service: who this is, and what it can do. */
#include "call.h"

static const struct {
	const char *name, *description;
} interfaces[] = {
	{ "org.varlink.service", ipc_interface_service },
	{ IPC_INTERFACE, ipc_interface_manager },
};

void service_get_info(struct call *call)
{
	json_t *names = json_array();

	for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++)
		if (json_array_append_new(names, json_string(interfaces[i].name)) < 0)
			json_decref(names), names = NULL;
	call_reply(call,
		   json_pack("{s:s, s:s, s:s, s:s, s:o}", "vendor", "nsctl", "product", "nsctld",
			     "version", PACKAGE_VERSION, "url", PACKAGE_URL, "interfaces", names));
}

void service_get_interface_description(struct call *call)
{
	const json_t *value = json_object_get(call->parameters, "interface");
	const char *name = json_string_value(value);

	if (!name) {
		call_invalid(call, "interface");
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(interfaces); i++)
		if (str_equal(interfaces[i].name, name)) {
			call_reply(call,
				   json_pack("{s:s}", "description", interfaces[i].description));
			return;
		}
	call_fail(call, "org.varlink.service.InterfaceNotFound",
		  json_pack("{s:s}", "interface", name));
}
