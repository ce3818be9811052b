/* SPDX-License-Identifier: Apache-2.0
 *
 * Routes: a table of paths, each with the function that renders it. A renderer sees a request and
 * the latest snapshot, and fills a reply; it knows nothing of sockets, so tests and fuzzers call it
 * as the server does.
 */
#pragma once

#include <stdbool.h>

#include "base/map.h"
#include "base/text.h"
#include "ledger/snapshot.h"
#include "serve/intake.h"
#include "serve/offers.h"
#include "serve/query.h"
#include "serve/rank.h"

enum { JK_ROUTES_MAX = 16 };

/* What the server counts about itself, by index in jk_routes; the last row is for requests that no
 * route answers. Only the server's thread reads and writes it. */
struct jk_serve_stats {
        struct {
                uint64_t replies[6]; /* by hundreds of the status: [2] is 2xx */
                uint64_t duration_ns;
        } routes[JK_ROUTES_MAX + 1];
        uint64_t cut_connections; /* too slow in sending a request or taking a reply */
        uint64_t connections;     /* open now */
};

/* Labels in a text of metrics. Length 0: they are not in it yet. */
struct jk_labels_place {
        uint32_t start, length;
};

/* Memory that renderers use and keep from request to request. */
struct jk_serve_scratch {
        struct jk_rank processes, cgroups;
        struct jk_labels_place *process_labels; /* by rank, of the text that is being written */
        size_t process_labels_capacity;
        struct jk_map shown_cgroups; /* by a hash of their labels */
        struct jk_text labels, fragments;
};

struct jk_request {
        const char *path;
        const char *query;  /* raw, without '?'; "" if there is none */
        const char *accept; /* the header, or NULL */

        const struct jk_snapshot *snapshot; /* NULL before the first tick */
        int64_t now_ns;                     /* monotonic */
        int64_t metrics_processes;          /* as in struct jk_serve_options */
        int64_t metrics_cgroups;
        const struct jk_serve_stats *stats;
        struct jk_serve_scratch *scratch;
        const struct jk_offers *offers; /* models; NULL: none */
        struct jk_intake *intake;       /* recordings; NULL: none are taken */
};

struct jk_reply {
        unsigned int status;
        const char *type;   /* Content-Type */
        const char *policy; /* Content-Security-Policy, or NULL */
        bool negotiated;    /* depends on Accept */
        bool takes;         /* POST, too, is for this path */
        struct jk_text *body;
};

struct jk_route {
        const char *path;
        const char *summary;
        enum {
                JK_ROUTE_SMALL = 1 << 0,          /* a few bytes: answered whatever waits */
                JK_ROUTE_NEEDS_SNAPSHOT = 1 << 1, /* without one the reply is 503 */
                JK_ROUTE_BELOW = 1 << 2,          /* all that begins with its path */
                JK_ROUTE_TAKES = 1 << 3,          /* recordings, by POST */
        } flags;
        void (*render)(const struct jk_request *request, struct jk_reply *reply);
};

extern const struct jk_route jk_routes[];
extern const size_t jk_routes_count;

/* Index in jk_routes, or jk_routes_count. */
size_t jk_route_find(const char *path);

bool jk_route_takes(size_t route);

/* Whether its replies are a few bytes, so that health is told under any load. */
bool jk_route_is_small(size_t route);

/* Answer a GET of request->path; always leaves a whole reply (body->failed: out of memory). */
void jk_route_answer(const struct jk_request *request, struct jk_reply *reply);

void jk_serve_scratch_free(struct jk_serve_scratch *scratch);

/* ---- errors as application/problem+json (RFC 9457) ---- */

void jk_problem(struct jk_reply *reply, unsigned int status, const char *detail);

/* A wrong query: 400 that names the parameter and the right values. */
void jk_problem_query(struct jk_reply *reply, const struct jk_query_error *error);

/* ---- the renderers, one file per group ---- */

void jk_render_metrics(const struct jk_request *request, struct jk_reply *reply); /* metrics.c */
void jk_render_status(const struct jk_request *request, struct jk_reply *reply);  /* api.c */
void jk_render_zones(const struct jk_request *request, struct jk_reply *reply);   /* api.c */
void jk_render_balance(const struct jk_request *request, struct jk_reply *reply); /* api.c */
void jk_render_accounts(const struct jk_request *request,
                        struct jk_reply *reply); /* api-accounts.c */
void jk_render_models(const struct jk_request *request, struct jk_reply *reply); /* api-models.c */
void jk_render_model(const struct jk_request *request, struct jk_reply *reply);  /* api-models.c */
void jk_render_recordings(const struct jk_request *request,
                          struct jk_reply *reply); /* api-recordings.c */
void jk_render_recording(const struct jk_request *request,
                         struct jk_reply *reply); /* api-recordings.c */
void jk_render_healthz(const struct jk_request *request, struct jk_reply *reply); /* health.c */
void jk_render_readyz(const struct jk_request *request, struct jk_reply *reply);  /* health.c */
void jk_render_index(const struct jk_request *request, struct jk_reply *reply);   /* index.c */

/* The reply to a recording that came whole: api-recordings.c. */
void jk_render_accepted(const char *id, struct jk_reply *reply);
