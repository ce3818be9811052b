/* SPDX-License-Identifier: Apache-2.0
 *
 * What the agent says when it starts: what it measures and how, what is missing and what would
 * help, and where to look. It reads the first snapshot, as every other reader does.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/array.h"
#include "base/text.h"
#include "cmd/agent-internal.h"
#include "cmd/client.h"
#include "cmd/wrap.h"

enum { INDENT = 12 };

static void row(FILE *out, const char *label, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* "  meters    …", or without a label a further line of the row above. */
static void
row(FILE *out, const char *label, const char *format, ...)
{
        jk_autotext struct jk_text text = { 0 };
        char message[1024];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(message, sizeof message, format, arguments);
        va_end(arguments);
        jk_text_utf8(&text, message);

        fprintf(out, "  %-*s", INDENT - 2, label);
        jk_print_wrapped(out, text.failed || !text.data ? "" : text.data, INDENT);
}

/* Zones of one meter: "package-0, dram-0 (modelled, ±30 %)". */
static void
zones_of(const struct jk_snapshot *snapshot, const char *meter, struct jk_text *text)
{
        for (size_t i = 0; i < snapshot->n_zones; i++) {
                const struct jk_zone *zone = &snapshot->zones[i].zone;

                if (strcmp(zone->source, meter) != 0)
                        continue;
                jk_text_printf(text, "%s%s", text->length ? ", " : "", zone->name);
                if (zone->filtered || zone->provenance != JK_MEASURED)
                        jk_text_printf(text, " (%s, ±%.0f %%)",
                                       zone->filtered ? "filtered"
                                                      : jk_provenance_name(zone->provenance),
                                       zone->uncertainty_pct);
        }
}

static void
report_meters(FILE *out, const struct jk_snapshot *snapshot)
{
        const char *label = "meters";

        for (size_t i = 0; i < snapshot->status.n_meters; i++) {
                const struct jk_meter_report *meter = &snapshot->status.meters[i];
                jk_autotext struct jk_text zones = { 0 };

                if (meter->n_zones == 0)
                        continue;
                zones_of(snapshot, meter->name, &zones);
                row(out, label, "%s: %s", meter->name, zones.data ? zones.data : "");
                label = "";
        }
        if (*label)
                row(out, label, "none: nothing will be booked");
}

/* A meter that this machine does not have is worth a line only where nothing measures at all; one
 * that it has and that cannot be read always is. */
static void
report_missing(FILE *out, const struct jk_snapshot *snapshot)
{
        const struct jk_status *status = &snapshot->status;
        const char *label = "missing";
        bool measured = false;

        for (size_t i = 0; i < snapshot->n_zones; i++)
                measured |= snapshot->zones[i].zone.provenance == JK_MEASURED;

        for (size_t i = 0; i < status->n_meters; i++) {
                bool absent = strcmp(status->meters[i].state, "absent") == 0;

                if (strcmp(status->meters[i].state, "failed") != 0 && !(absent && !measured))
                        continue;
                row(out, label, "%s", status->meters[i].message);
                label = "";
        }
        if (*status->activity_missing)
                row(out, label, "%s", status->activity_missing);
}

/* An interval in which a counter may wrap twice loses energy unseen. */
static void
report_horizon(FILE *out, const struct jk_agent *agent)
{
        double horizon_s = jk_meters_horizon_s(jk_engine_meters(agent->engine));
        char interval[JK_DURATION_SIZE];

        if ((double)agent->config.interval_ns / 1e9 > horizon_s)
                row(out, "warning",
                    "the interval (%s) is longer than the fastest counter takes to wrap (%.0f s); "
                    "energy will be lost: choose a shorter one",
                    jk_config_format_duration(agent->config.interval_ns, interval), horizon_s);
}

/* An address that listens everywhere is looked at from here. */
static void
address_from_here(const struct jk_agent *agent, struct jk_text *address)
{
        static const struct {
                const char *everywhere, *here;
        } rows[] = { { "0.0.0.0:", "127.0.0.1" }, { "[::]:", "[::1]" } };
        const char *listen = agent->config.listen;

        for (size_t i = 0; i < JK_COUNT(rows) && address->length == 0; i++)
                if (strncmp(listen, rows[i].everywhere, strlen(rows[i].everywhere)) == 0)
                        jk_text_string(address, rows[i].here);
        if (address->length == 0)
                jk_text_bytes(address, listen, (size_t)(strrchr(listen, ':') - listen));
        jk_text_printf(address, ":%d", jk_serve_port(agent->server));
}

/* The page, and the command as this one was called: not yet installed, it is build/joulekeeper. */
static void
report_where_to_look(FILE *out, const struct jk_agent *agent)
{
        jk_autotext struct jk_text address = { 0 };

        if (!agent->server) {
                fprintf(out, "  %-*s%s top\n", INDENT - 2, "run", program_invocation_name);
                return;
        }

        address_from_here(agent, &address);
        if (address.failed)
                return;
        fprintf(out, "  %-*shttp://%s/\n", INDENT - 2, "look at", address.data);
        fprintf(out, "  %-*s%s top", INDENT - 2, "or run", program_invocation_name);
        if (strcmp(address.data, JK_AGENT_ADDRESS) != 0)
                fprintf(out, " --agent %s", address.data);
        fputc('\n', out);
}

void
jk_agent_report(struct jk_agent *agent, FILE *out)
{
        struct jk_shelf *shelf = jk_engine_shelf(agent->engine);
        struct jk_snapshot *snapshot = jk_shelf_take(shelf);
        char interval[JK_DURATION_SIZE];

        if (!snapshot)
                return;

        fprintf(out, "joulekeeper %s, every %s\n\n", JK_VERSION,
                jk_config_format_duration(agent->config.interval_ns, interval));
        report_meters(out, snapshot);
        row(out, "activity", "%s: %s", snapshot->status.activity, snapshot->status.activity_detail);
        row(out, "cgroups", "%s", snapshot->status.cgroups);
        row(out, "model", "%s", snapshot->status.model);
        report_missing(out, snapshot);
        report_horizon(out, agent);
        jk_shelf_put_back(shelf, snapshot);

        fputc('\n', out);
        report_where_to_look(out, agent);
        fflush(out);
}
