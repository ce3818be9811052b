/* SPDX-License-Identifier: Apache-2.0
 *
 * docs/metrics.md, from the same rows that make /metrics.
 */
#include "serve/metrics.h"

static const char introduction[] =
        "# Metrics\n"
        "\n"
        "`/metrics` answers in OpenMetrics 1.0 where the client accepts it, else in Prometheus "
        "text\n"
        "0.0.4; samples are the same in both. This page is made from the table that makes the "
        "metrics.\n"
        "\n"
        "## What holds for all\n"
        "\n"
        "- A scrape reads the books of the last tick and changes nothing: two servers that scrape "
        "at the\n"
        "  same time, or one that scrapes every 100 ms, see the same numbers.\n"
        "- Counters only rise, from 0 at the start of the agent. They do not wrap when the "
        "hardware's\n"
        "  counters do.\n"
        "- What was not seen is left out; it is never 0.\n"
        "- Zones may lie inside each other (core in package in psys). To add up zones, count "
        "those that\n"
        "  are disjoint: `sum(rate(joulekeeper_cgroup_joules_total[1m]) * on(zone) group_left\n"
        "  joulekeeper_zone_counted)`. The `_watts` of accounts and of the machine are over "
        "disjoint zones\n"
        "  already.\n"
        "- `mode` tells energy that the zone would have used anyway (`idle`) from energy due to "
        "activity\n"
        "  (`dynamic`). An account that was never booked idle energy has no series for it: idle "
        "energy is\n"
        "  in `joulekeeper_machine_account_joules_total{account=\"idle\"}`.\n"
        "- Names of processes and cgroups that are not valid UTF-8, or hold control characters, "
        "show U+FFFD\n"
        "  instead. Should two cgroups look the same then, the second has a label `cgroup_id` as "
        "well.\n"
        "  Command lines are never shown, as they may hold secrets.\n"
        "\n"
        "## Which accounts are shown\n"
        "\n"
        "- Cgroups and processes are bounded by `metrics.cgroups` and `metrics.processes`: N "
        "shows the N\n"
        "  living ones that have used the most energy since they were opened, and those ended "
        "ones (N at\n"
        "  most) that had used no less than the least of these. Energy only rises, so what is "
        "shown seldom\n"
        "  changes, and a process that was shown is shown with its final total once it has ended, "
        "as long\n"
        "  as `ledger.ended-retention` keeps it. -1 shows all, 0 none.\n"
        "- `joulekeeper_accounts_left_out` says how many are not shown. Users are all shown.\n"
        "- The books leave the energy of a vanished cgroup to its parent. As a metric that would "
        "look like\n"
        "  a sudden use, so `joulekeeper_cgroup_joules_total` has each cgroup's own energy only, "
        "and what\n"
        "  ended tasks and vanished cgroups used is in `joulekeeper_ended_joules_total` from the "
        "moment\n"
        "  that they are no longer listed. With all accounts shown, for each zone and along task "
        "and cgroup:\n"
        "  accounts + ended + machine accounts = `joulekeeper_zone_joules_total`, to the "
        "microjoule.\n"
        "- Processes that came and went where no collector saw them have no series of their own: "
        "what\n"
        "  they used is in their cgroup's and user's, and among the ended tasks.\n"
        "- A process that changes its name or its cgroup goes on under the new labels with its "
        "whole total.\n"
        "\n"
        "## The metrics\n"
        "\n"
        "| metric | type | labels | what it is |\n"
        "| --- | --- | --- | --- |\n";

static const struct {
        const char *name, *suffix;
} types[] = {
        [JK_METRIC_COUNTER] = { "counter", "_total" },
        [JK_METRIC_GAUGE] = { "gauge", "" },
        [JK_METRIC_INFO] = { "info", "_info" },
        [JK_METRIC_SUMMARY] = { "summary", "_count`, `_sum" },
};

void
jk_metrics_document(struct jk_text *text)
{
        jk_text_string(text, introduction);
        for (size_t i = 0; i < jk_metrics_count; i++) {
                const struct jk_metric *metric = &jk_metrics[i];

                jk_text_printf(text, "| `%s%s` | %s | %s | %s |\n", metric->name,
                               types[metric->type].suffix, types[metric->type].name,
                               metric->labels[0] ? metric->labels : "none", metric->help);
        }
}
