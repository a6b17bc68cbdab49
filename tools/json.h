/* SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB */
#ifndef VFIOWC_TOOL_JSON_H
#define VFIOWC_TOOL_JSON_H

#include <json-c/json.h>

/** json_text_or_null() - a string, or null when it is empty: there is none. */
static inline json_object *json_text_or_null(const char *text)
{
	return text[0] ? json_object_new_string(text) : NULL;
}

#endif
