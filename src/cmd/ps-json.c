/* SPDX-License-Identifier: Apache-2.0
 *
 * A view as JSON: see ps-json.h. The agent's own writers print it, so the shapes cannot drift
 * apart.
 */
#include "cmd/ps-json.h"

#include "serve/api.h"

void
jk_ps_json(const struct jk_view *view, size_t top, struct jk_text *text)
{
        const struct jk_snapshot *snapshot = view->snapshot;
        struct jk_json json = { .text = text };

        jk_api_envelope(&json, snapshot);
        jk_json_open_array(&json, "zones");
        for (size_t i = 0; i < view->n_zones; i++) {
                struct jk_zone_entry entry = *view->zones[i].entry;

                entry.watts = view->zones[i].watts;
                jk_api_zone(&json, snapshot, &entry);
        }
        jk_json_close_array(&json);

        jk_json_open_array(&json, "accounts");
        for (size_t i = 0; i < view->n_rows && i < top; i++) {
                struct jk_entry entry = *view->rows[i].entry;

                entry.watts = view->rows[i].watts;
                jk_api_account(&json, snapshot, &entry);
        }
        jk_json_close_array(&json);

        jk_json_open_object(&json, "machine");
        jk_json_double(&json, "watts", view->machine_w);
        jk_json_i64(&json, "measured_uj", (int64_t)view->machine_uj);
        jk_json_string(&json, "provenance", jk_provenance_name(snapshot->machine_provenance));
        jk_json_close_object(&json);
        jk_api_close(&json);
}
