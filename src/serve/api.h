/* SPDX-License-Identifier: Apache-2.0
 *
 * What the JSON replies share: an envelope that says which snapshot they show.
 */
#pragma once

#include "serve/json.h"
#include "serve/route.h"

/* {"sequence":…,"time_ns":…,"monotonic_ns":…,"elapsed_ns":… left open for more. */
void jk_api_envelope(struct jk_json *json, const struct jk_snapshot *snapshot);
struct jk_json jk_api_open(const struct jk_request *request, struct jk_reply *reply);
void jk_api_close(struct jk_json *json);

/* One zone, one account, as an object of an array: for whoever prints the same shapes. */
void jk_api_zone(struct jk_json *json, const struct jk_snapshot *snapshot,
                 const struct jk_zone_entry *entry);
void jk_api_account(struct jk_json *json, const struct jk_snapshot *snapshot,
                    const struct jk_entry *entry);

/* The same for a route that takes no parameters: false if it got one (the reply is then a 400). */
bool jk_api_begin(const struct jk_request *request, struct jk_reply *reply,
                  struct jk_json *ret_json);
