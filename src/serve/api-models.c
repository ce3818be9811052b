/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/v1/models: the model files that this agent offers (offers.h), and each by its name.
 */
#include <string.h>

#include "serve/offers.h"
#include "serve/route.h"

static bool
takes_no_query(const struct jk_request *request, struct jk_reply *reply)
{
        struct jk_query_error error;

        if (jk_query_parse(request->query, NULL, 0, NULL, &error) == 0)
                return true;

        jk_problem_query(reply, &error);
        return false;
}

void
jk_render_models(const struct jk_request *request, struct jk_reply *reply)
{
        if (!takes_no_query(request, reply))
                return;

        reply->type = "application/json";
        jk_text_string(reply->body,
                       request->offers ? jk_offers_list(request->offers) : "{\"models\":[]}");
        jk_text_char(reply->body, '\n');
}

/* Byte by byte, as its checksum is of these. */
void
jk_render_model(const struct jk_request *request, struct jk_reply *reply)
{
        const char *name = request->path + strlen("/api/v1/models/"), *text = NULL;
        size_t length;

        if (!takes_no_query(request, reply))
                return;

        if (request->offers)
                text = jk_offers_file(request->offers, name, &length);
        if (!text) {
                jk_problem(reply, 404, "there is no such model; /api/v1/models lists them");
                return;
        }

        reply->type = "application/json";
        jk_text_bytes(reply->body, text, length);
}
