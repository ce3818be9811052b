/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of routes: see route.h.
 */
#include "serve/route.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "serve/json.h"

const struct jk_route jk_routes[] = {
        { "/", "this machine at a glance", 0, jk_render_index },
        { "/metrics", "for Prometheus: text 0.0.4, or OpenMetrics 1.0 where it is accepted", 0,
          jk_render_metrics },
        { "/api/v1/status", "the agent: meters, activity source, model, ticks",
          JK_ROUTE_NEEDS_SNAPSHOT, jk_render_status },
        { "/api/v1/zones", "the energy zones: joules, watts, idle power, how each is known",
          JK_ROUTE_NEEDS_SNAPSHOT, jk_render_zones },
        { "/api/v1/accounts", "who used it: dimension=task|cgroup|user|machine, sort=, top=",
          JK_ROUTE_NEEDS_SNAPSHOT, jk_render_accounts },
        { "/api/v1/balance", "the proof: measured against booked, in microjoules",
          JK_ROUTE_NEEDS_SNAPSHOT, jk_render_balance },
        { "/api/v1/models", "the model files that are offered: CPU, zone, error, SHA-256", 0,
          jk_render_models },
        { "/api/v1/models/", "a model file, by its name", JK_ROUTE_BELOW, jk_render_model },
        { "/api/v1/recordings", "whether recordings for training are taken, by POST",
          JK_ROUTE_TAKES, jk_render_recordings },
        { "/api/v1/recordings/", "what became of one that was sent, by its id", JK_ROUTE_BELOW,
          jk_render_recording },
        { "/healthz", "200 as long as the agent answers", JK_ROUTE_SMALL, jk_render_healthz },
        { "/readyz", "200 once the first tick is booked and as long as ticks go on", JK_ROUTE_SMALL,
          jk_render_readyz },
};

const size_t jk_routes_count = JK_COUNT(jk_routes);

_Static_assert(JK_COUNT(jk_routes) <= JK_ROUTES_MAX, "raise JK_ROUTES_MAX");

static bool
is_route(const struct jk_route *route, const char *path)
{
        if (route->flags & JK_ROUTE_BELOW)
                return strncmp(route->path, path, strlen(route->path)) == 0;

        return strcmp(route->path, path) == 0;
}

size_t
jk_route_find(const char *path)
{
        size_t i = 0;

        while (i < jk_routes_count && !is_route(&jk_routes[i], path))
                i++;

        return i;
}

bool
jk_route_is_small(size_t route)
{
        return route < jk_routes_count && (jk_routes[route].flags & JK_ROUTE_SMALL);
}

bool
jk_route_takes(size_t route)
{
        return route < jk_routes_count && (jk_routes[route].flags & JK_ROUTE_TAKES);
}

static void
no_such_path(struct jk_reply *reply)
{
        jk_autotext struct jk_text detail = { 0 };

        jk_text_string(&detail, "no such path; there are:");
        for (size_t i = 0; i < jk_routes_count; i++) {
                jk_text_char(&detail, ' ');
                jk_text_string(&detail, jk_routes[i].path);
        }

        jk_problem(reply, 404, detail.failed ? "no such path" : detail.data);
}

void
jk_route_answer(const struct jk_request *request, struct jk_reply *reply)
{
        size_t i = jk_route_find(request->path);

        reply->status = 200;
        if (i == jk_routes_count)
                no_such_path(reply);
        else if ((jk_routes[i].flags & JK_ROUTE_NEEDS_SNAPSHOT) && !request->snapshot)
                jk_problem(reply, 503, "no tick is booked yet; try again in a second");
        else
                jk_routes[i].render(request, reply);
}

void
jk_serve_scratch_free(struct jk_serve_scratch *scratch)
{
        jk_rank_free(&scratch->processes);
        jk_rank_free(&scratch->cgroups);
        free(scratch->process_labels);
        jk_map_free(&scratch->shown_cgroups);
        jk_text_free(&scratch->labels);
        jk_text_free(&scratch->fragments);
}

/* ---- problems ---- */

static const char *
title_of(unsigned int status)
{
        static const struct {
                unsigned int status;
                const char *title;
        } rows[] = {
                { 400, "Bad Request" },
                { 401, "Unauthorized" },
                { 403, "Forbidden" },
                { 404, "Not Found" },
                { 405, "Method Not Allowed" },
                { 411, "Length Required" },
                { 413, "Content Too Large" },
                { 414, "URI Too Long" },
                { 415, "Unsupported Media Type" },
                { 421, "Misdirected Request" },
                { 500, "Internal Error" },
                { 503, "Service Unavailable" },
                { 507, "Insufficient Storage" },
        };

        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (rows[i].status == status)
                        return rows[i].title;

        return "Error";
}

static struct jk_json
begin_problem(struct jk_reply *reply, unsigned int status, const char *detail)
{
        struct jk_json json = { .text = reply->body };

        jk_text_clear(reply->body);
        *reply = (struct jk_reply){
                .status = status,
                .type = "application/problem+json",
                .body = reply->body,
        };

        jk_json_open_object(&json, NULL);
        jk_json_string(&json, "type", "about:blank");
        jk_json_string(&json, "title", title_of(status));
        jk_json_u64(&json, "status", status);
        jk_json_string(&json, "detail", detail);
        return json;
}

static void
end_problem(struct jk_json *json)
{
        jk_json_close_object(json);
        jk_text_char(json->text, '\n');
}

void
jk_problem(struct jk_reply *reply, unsigned int status, const char *detail)
{
        struct jk_json json = begin_problem(reply, status, detail);

        end_problem(&json);
}

void
jk_problem_query(struct jk_reply *reply, const struct jk_query_error *error)
{
        struct jk_json json = begin_problem(reply, 400, error->message);

        jk_json_string(&json, "parameter", error->parameter);
        if (error->wanted && error->wanted->values) {
                jk_json_open_array(&json, "valid");
                for (const char *const *value = error->wanted->values; *value; value++)
                        jk_json_string(&json, NULL, *value);
                jk_json_close_array(&json);
        } else if (error->wanted) {
                jk_json_string(&json, "valid", error->wanted->range);
        }
        end_problem(&json);
}
