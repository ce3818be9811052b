/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks: which meters work here, and whether what they say can be trusted.
 */
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cmd/checks.h"
#include "meter/filtering.h"
#include "meter/meters.h"

/* "package-0, dram-0". */
static void
zone_names(const struct jk_meters *meters, const char *source, struct jk_text *text)
{
        const struct jk_zone_table *table = jk_meters_zones(meters);

        for (size_t i = 0; i < table->count; i++)
                if (strcmp(table->zones[i].source, source) == 0)
                        jk_text_printf(text, "%s%s", text->length ? ", " : "",
                                       table->zones[i].name);
}

static void
check_meter(struct jk_diagnosis *diagnosis, const struct jk_meters *meters,
            const struct jk_meter_status *status)
{
        static const enum jk_check_state states[] = {
                [JK_METER_WORKING] = JK_CHECK_OK,
                [JK_METER_ABSENT] = JK_CHECK_NONE,
                [JK_METER_FAILED] = JK_CHECK_LIMITED,
                [JK_METER_UNUSED] = JK_CHECK_NONE,
        };
        jk_autotext struct jk_text zones = { 0 };

        if (status->state == JK_METER_WORKING) {
                zone_names(meters, status->ops->name, &zones);
                jk_diagnosis_add(diagnosis, "energy", status->ops->name, JK_CHECK_OK, "%s",
                                 zones.data ? zones.data : "no zones");
        } else {
                jk_diagnosis_message(diagnosis, "energy", status->ops->name, states[status->state],
                                     status->error.message);
        }
}

/* The sum of it: energy is counted, estimated, or not known at all. */
static void
check_power(struct jk_diagnosis *diagnosis, const struct jk_meters *meters)
{
        const struct jk_zone_table *table = jk_meters_zones(meters);

        diagnosis->energy_seen = table->count > 0;
        for (size_t i = 0; i < table->count; i++)
                diagnosis->energy_counted |= table->zones[i].provenance == JK_MEASURED;

        if (diagnosis->energy_counted) {
                jk_diagnosis_add(diagnosis, "energy", "power", JK_CHECK_OK, "is measured");
        } else if (diagnosis->energy_seen) {
                jk_diagnosis_add(diagnosis, "energy", "power", JK_CHECK_LIMITED,
                                 "is only modelled, ±%.0f %%: nothing here measures it",
                                 table->zones[0].uncertainty_pct);
                jk_diagnosis_remedy(diagnosis, "run on a machine with RAPL or a power sensor, or "
                                               "make what the lines below name readable");
        } else {
                jk_diagnosis_add(diagnosis, "energy", "power", JK_CHECK_MISSING,
                                 "cannot be known: no meter works");
        }
}

static void
check_meters(struct jk_diagnosis *diagnosis)
{
        const struct jk_meter_env env = { .root = diagnosis->root, .interval_ns = JK_NS_PER_S };
        const struct jk_meter_status *status;
        struct jk_meters *meters;
        struct jk_error err;
        size_t n;

        if (jk_meters_open(&env, "auto", &meters, &err) < 0) {
                jk_diagnosis_add(diagnosis, "energy", "meters", JK_CHECK_MISSING, "%s",
                                 err.message);
                return;
        }

        check_power(diagnosis, meters);
        n = jk_meters_status(meters, &status);
        for (size_t i = 0; i < n; i++)
                if (status[i].ops != &jk_meter_wall || !diagnosis->wall || !diagnosis->wall->ops)
                        check_meter(diagnosis, meters, &status[i]); /* it has a check of its own */
        jk_meters_close(meters);
}

/* ---- energy filtering ---- */

static void
check_filtering(struct jk_diagnosis *diagnosis)
{
        static const struct {
                enum jk_check_state state;
                const char *why, *remedy;
        } rows[] = {
                [JK_FILTERING_UNKNOWN] = { JK_CHECK_NONE,
                                           "no sign of it (SGX is off; as root, with modprobe msr, "
                                           "it would be known for sure)",
                                           "" },
                [JK_FILTERING_OFF] = { JK_CHECK_OK, "off: RAPL adds no noise", "" },
                [JK_FILTERING_SGX] = { JK_CHECK_LIMITED,
                                       "on, as SGX is: RAPL adds noise against side channels, so "
                                       "readings are off by up to half, and short tasks cannot be "
                                       "told apart well",
                                       "switch SGX off in the firmware's set-up, if you do not "
                                       "need it; else compare means of many runs "
                                       "(docs/isolation.md)" },
                [JK_FILTERING_BIT] = { JK_CHECK_LIMITED,
                                       "on, by bit 0 of MSR 0xbc: RAPL adds noise against side "
                                       "channels, so readings are off by up to half, and short "
                                       "tasks cannot be told apart well",
                                       "only a reset clears the bit: boot without what sets it "
                                       "(firmware, or a start-up script), if you do not need it" },
        };
        enum jk_filtering filtering;

        if (!diagnosis->energy_counted ||
            !jk_root_exists(diagnosis->root, "sys/class/powercap/intel-rapl"))
                return;

        filtering = jk_filtering_find(diagnosis->root);
        jk_diagnosis_add(diagnosis, "energy", "filtering", rows[filtering].state, "%s",
                         rows[filtering].why);
        jk_diagnosis_remedy(diagnosis, "%s", rows[filtering].remedy);
}

void
jk_check_energy(struct jk_diagnosis *diagnosis)
{
        check_meters(diagnosis);
        jk_check_wall(diagnosis);
        check_filtering(diagnosis);
}
