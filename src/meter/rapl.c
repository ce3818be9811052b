/* SPDX-License-Identifier: Apache-2.0
 *
 * The domains of RAPL: see rapl.h.
 */
#include "meter/rapl.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* default_w: more than any processor of today draws, where nothing is stated.
 * floor_w: what is plausible at any limit: a limit may be set below what the hardware can do.
 * uncertainty_pct: assumed, not measured here: published comparisons with instruments find Intel's
 * packages from Haswell on a few percent off, and DRAM worse; below the package there is nothing to
 * compare with. AMD's counters are modelled by the processor and may be further off.
 */
static const struct {
        enum jk_zone_kind kind;
        double default_w, floor_w, uncertainty_pct;
} domains[] = {
        { JK_ZONE_PACKAGE, 1000, 250, 5 }, { JK_ZONE_CORE, 1000, 250, 10 },
        { JK_ZONE_UNCORE, 500, 100, 10 },  { JK_ZONE_DRAM, 500, 100, 20 },
        { JK_ZONE_PSYS, 4000, 500, 5 },
};

/* What filtering adds, assumed: a reading is off by up to half of its value, and nothing is
 * published on how that spreads: as if evenly, 50 % / √3. It is taken for the energy of any span,
 * as nobody says how fast it averages out. */
#define FILTERED_PCT 29

/* Peaks of milliseconds exceed the short-term limit. */
#define MARGIN 2

/* A limit above this is how a board says that there is none. */
#define NO_LIMIT_W 2000

void
jk_rapl_zone(struct jk_zone *ret_zone, const char *source, enum jk_zone_kind kind, int package,
             int die, double stated_w)
{
        struct jk_zone zone = {
                .kind = kind,
                .provenance = JK_MEASURED,
                .parent = -1,
                .die = die > 0 ? die : 0,
                .package = kind == JK_ZONE_PSYS ? -1 : package,
                .idle_w = NAN,
                .limit_w = NAN,
                .max_w = NAN,
        };

        snprintf(zone.source, sizeof zone.source, "%s", source);
        if (kind == JK_ZONE_PSYS)
                snprintf(zone.name, sizeof zone.name, "%s", jk_zone_kind_name(kind));
        else if (die < 0)
                snprintf(zone.name, sizeof zone.name, "%s-%d", jk_zone_kind_name(kind), package);
        else
                snprintf(zone.name, sizeof zone.name, "%s-%d-die-%d", jk_zone_kind_name(kind),
                         package, die);

        for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
                if (domains[i].kind != kind)
                        continue;
                zone.uncertainty_pct = domains[i].uncertainty_pct;
                zone.max_w = stated_w > 0 && stated_w < NO_LIMIT_W
                                     ? fmax(MARGIN * stated_w, domains[i].floor_w)
                                     : domains[i].default_w;
        }

        *ret_zone = zone;
}

void
jk_rapl_filter(struct jk_zone *zone)
{
        zone->filtered = true;
        zone->uncertainty_pct = hypot(zone->uncertainty_pct, FILTERED_PCT);
}

bool
jk_rapl_is_amd(const struct jk_root *root)
{
        jk_autoclose int fd = jk_root_open_file(root, "proc/cpuinfo");
        char start[512]; /* the vendor is in the second line */
        ssize_t n;

        if (fd < 0)
                return false;
        n = read(fd, start, sizeof start - 1);
        if (n <= 0)
                return false;

        start[n] = '\0';
        return strstr(start, "AuthenticAMD") || strstr(start, "HygonGenuine");
}
