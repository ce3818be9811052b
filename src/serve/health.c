/* SPDX-License-Identifier: Apache-2.0
 *
 * /healthz and /readyz, for supervisors and orchestrators: plain text, one line.
 */
#include "serve/route.h"

/* Ticks have stopped if none came for three intervals and two seconds more, so that a machine under
 * heavy load, or waking from suspend, is not taken for dead. */
#define MISSED_INTERVALS 3
#define GRACE_NS         (2 * JK_NS_PER_S)

static void
plain(struct jk_reply *reply, unsigned int status, const char *line)
{
        reply->status = status;
        reply->type = "text/plain; charset=utf-8";
        jk_text_string(reply->body, line);
}

void
jk_render_healthz(const struct jk_request *request, struct jk_reply *reply)
{
        (void)request;
        plain(reply, 200, "alive\n");
}

void
jk_render_readyz(const struct jk_request *request, struct jk_reply *reply)
{
        const struct jk_snapshot *snapshot = request->snapshot;

        /* The first sample sets baselines: nothing is booked before the second. */
        if (!snapshot || snapshot->elapsed_ns == 0)
                plain(reply, 503, "not ready: no tick is booked yet\n");
        else if (request->now_ns - snapshot->time.monotonic_ns >
                 MISSED_INTERVALS * snapshot->status.interval_ns + GRACE_NS)
                plain(reply, 503, "not ready: ticks have stopped\n");
        else
                plain(reply, 200, "ready\n");
}
