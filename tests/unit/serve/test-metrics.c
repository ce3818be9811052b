/* SPDX-License-Identifier: Apache-2.0
 *
 * /metrics: both formats by their grammar, no series twice, counters that only rise as accounts end
 * and are folded, bounds, and the documentation that goes with the table.
 */
#include "tests/unit/test.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/map.h"
#include "base/root.h"
#include "serve/metrics.h"
#include "tests/unit/serve/render.h"

#define OPENMETRICS "application/openmetrics-text; version=1.0.0"
#define HOSTILE     "a\n\"\\\xff\xc3}{=,(<script>\x01\xed\xa0\x80"

/* ---- a reader of the formats ---- */

/* A family's head as far as it was read. */
struct family {
        char name[96], type[16], unit[16];
        bool helped;
};

static size_t
name_length(const char *s)
{
        size_t n = 0;

        while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == ':')
                n++;
        return isdigit((unsigned char)s[0]) ? 0 : n;
}

/* Skip {a="b",…}: past it, or NULL if it is malformed. */
static const char *
skip_labels(const char *s)
{
        if (*s != '{')
                return s;

        do {
                size_t n = name_length(++s);

                if (n == 0 || s[n] != '=' || s[n + 1] != '"')
                        return NULL;
                for (s += n + 2; *s != '"'; s++) {
                        if (*s == '\0' || (*s == '\\' && !strchr("\\\"n", *++s)))
                                return NULL;
                }
                s++;
        } while (*s == ',');

        return *s == '}' ? s + 1 : NULL;
}

static uint64_t
hash(const char *s, size_t n)
{
        uint64_t h = 1469598103934665603u;

        while (n-- > 0)
                h = (h ^ (unsigned char)*s++) * 1099511628211u;
        return h;
}

static bool
belongs(const char *sample, size_t n, const struct family *family, bool openmetrics)
{
        static const struct {
                const char *type, *suffix;
        } rows[] = {
                { "counter", "_total" }, { "gauge", "" },       { "info", "_info" },
                { "summary", "_count" }, { "summary", "_sum" },
        };
        char whole[128];

        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                bool suffixed = openmetrics || strcmp(family->type, "summary") == 0;

                if (strcmp(rows[i].type, family->type) != 0)
                        continue;
                snprintf(whole, sizeof whole, "%s%s", family->name, suffixed ? rows[i].suffix : "");
                if (strlen(whole) == n && strncmp(whole, sample, n) == 0)
                        return true;
        }

        return false;
}

static void
read_head(const char *line, struct family *family, struct jk_map *families)
{
        char name[96], rest[160];

        if (sscanf(line, "# HELP %95s %159s", name, rest) == 2) {
                assert_false(jk_map_get(families, hash(name, strlen(name)), NULL));
                assert_int_equal(jk_map_put(families, hash(name, strlen(name)), 1), 0);
                *family = (struct family){ .helped = true };
                snprintf(family->name, sizeof family->name, "%s", name);
        } else if (sscanf(line, "# TYPE %95s %15s", name, family->type) == 2) {
                assert_string_equal(name, family->name);
        } else if (sscanf(line, "# UNIT %95s %15s", name, family->unit) == 2) {
                assert_string_equal(name, family->name);
                assert_string_equal(name + strlen(name) - strlen(family->unit), family->unit);
                assert_int_equal(name[strlen(name) - strlen(family->unit) - 1], '_');
        } else {
                fail_msg("not understood: %s", line);
        }
}

/* One sample by the grammar, in its family, and not there yet. */
static void
check_sample(const char *line, const struct family *family, bool openmetrics, struct jk_map *series)
{
        size_t n = name_length(line);
        const char *after = n > 0 ? skip_labels(line + n) : NULL;
        char *number_end;
        uint64_t key;

        if (!after || *after != ' ') {
                fail_msg("malformed: %s", line);
                return;
        }
        strtod(after + 1, &number_end);
        if (number_end == after + 1 || *number_end)
                fail_msg("no number: %s", line);
        if (!belongs(line, n, family, openmetrics))
                fail_msg("in family %s: %s", family->name, line);

        key = hash(line, (size_t)(after - line));
        if (jk_map_get(series, key, NULL))
                fail_msg("twice: %s", line);
        assert_int_equal(jk_map_put(series, key, 1), 0);
}

/* Read a page by the grammar; returns the number of samples. */
static size_t
check_page(const char *page, bool openmetrics)
{
        struct jk_map families = { 0 }, series = { 0 };
        struct family family = { 0 };
        size_t samples = 0, length = 0;
        bool ended = false;

        for (size_t at = 0; page[at]; at += length + 1) {
                char line[8192];

                length = strcspn(page + at, "\n");
                assert_int_equal(page[at + length], '\n');
                assert_true(length < sizeof line);
                memcpy(line, page + at, length);
                line[length] = '\0';

                assert_false(ended);
                if (strcmp(line, "# EOF") == 0) {
                        ended = true;
                } else if (line[0] == '#') {
                        read_head(line, &family, &families);
                } else {
                        check_sample(line, &family, openmetrics, &series);
                        samples++;
                }
        }

        assert_int_equal(ended, openmetrics);
        jk_map_free(&families);
        jk_map_free(&series);
        return samples;
}

static const char *
metrics(struct renderer *r, const char *accept)
{
        r->accept = accept;
        return get(r, "/metrics", "");
}

/* The value of a sample in the latest page, in microunits; -1 if it is not there. */
static int64_t
value_of(struct renderer *r, const char *series)
{
        const char *found = r->body.data;
        size_t n = strlen(series);

        for (; (found = strstr(found, series)); found += n)
                if ((found == r->body.data || found[-1] == '\n') && found[n] == ' ')
                        return (int64_t)llrint(strtod(found + n, NULL) * 1e6);

        return -1;
}

static size_t
count_of(const char *page, const char *prefix)
{
        size_t n = 0;

        for (const char *line = page, *end; line; line = end ? end + 1 : NULL) {
                n += strncmp(line, prefix, strlen(prefix)) == 0;
                end = strchr(line, '\n');
        }
        return n;
}

/* ---- formats ---- */

static void
both_formats_follow_their_grammar(void **state)
{
        struct renderer *r = *state;
        size_t plain, open;

        check_page(metrics(r, NULL), false); /* before the first tick */
        check_page(metrics(r, OPENMETRICS), true);

        r->stats.routes[1].replies[2] = 3;
        r->stats.routes[jk_routes_count].replies[4] = 1;
        jk_shelf_publish(&r->shelf, fake_machine(&r->shelf, 4, 200));
        plain = check_page(metrics(r, NULL), false);
        assert_string_equal(r->reply.type, "text/plain; version=0.0.4; charset=utf-8");
        assert_true(r->reply.negotiated);
        open = check_page(metrics(r, OPENMETRICS), true);
        assert_non_null(strstr(r->reply.type, "application/openmetrics-text; version=1.0.0"));
        assert_int_equal(plain, open);
        assert_true(plain > 500);
}

static void
hostile_names_make_no_series_twice_and_no_line_wrong(void **state)
{
        struct renderer *r = *state;
        struct jk_snapshot *s = fake_begin(&r->shelf);
        static const char *const names[] = { HOSTILE, "/a\xfe", "/a\xff", "/a\x01",
                                             "/a\xef\xbf\xbd" };

        fake_zone(s, HOSTILE, -1)->watts = NAN;
        fake_machine_accounts(s);
        for (size_t i = 0; i < JK_COUNT(names); i++) {
                fake_task(s, 4, names[i], names[i], 5)->start_ns = i; /* the same pid */
                fake_entry(s, JK_DIMENSION_CGROUP, names[i], 5)->cgroup_id = i + 1;
                fake_entry(s, JK_DIMENSION_USER, names[i], 5)->uid = (uid_t)i;
        }
        fake_entry(s, JK_DIMENSION_USER, "unknown", 5)->uid = JK_UID_UNKNOWN;
        s->machine_w = NAN;
        jk_shelf_publish(&r->shelf, s);

        check_page(metrics(r, NULL), false);
        check_page(metrics(r, OPENMETRICS), true);
        assert_int_equal(count_of(r->body.data, "joulekeeper_cgroup_joules_total{"), 5);
        assert_int_equal(count_of(r->body.data, "joulekeeper_machine_watts"), 0); /* not seen */
        assert_int_equal(count_of(r->body.data, "joulekeeper_zone_watts"), 0);
}

static void
promtool_finds_nothing_to_complain_about(void **state)
{
        struct renderer *r = *state;
        FILE *pipe;
        int status;

        r->stats.routes[1].replies[2] = 3;
        r->processes = -1;
        jk_shelf_publish(&r->shelf, fake_machine(&r->shelf, 4, 50));
        metrics(r, NULL);
        signal(SIGPIPE, SIG_IGN);
        pipe = popen("promtool check metrics >&2", "w"); /* NOLINT(cert-env33-c) */
        assert_non_null(pipe);
        fwrite(r->body.data, 1, r->body.length, pipe);
        status = pclose(pipe);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
                skip(); /* it is not installed */
        assert_int_equal(status, 0);
}

static void
values_are_exact(void **state)
{
        struct renderer *r = *state;
        struct jk_snapshot *s = fake_begin(&r->shelf);

        fake_zone(s, "package-0", -1);
        fake_machine_accounts(s);
        fake_task(s, 4, "cat", "/x", INT64_C(9007199254740993)); /* no double can hold it */
        jk_shelf_publish(&r->shelf, s);
        metrics(r, NULL);
        assert_non_null(strstr(r->body.data,
                               "joulekeeper_process_joules_total{pid=\"4\",start_ns=\"4000012\","
                               "comm=\"cat\",cgroup=\"/x\",zone=\"package-0\",mode=\"dynamic\"} "
                               "9007199254.740993\n"));
        assert_int_equal(value_of(r, "joulekeeper_machine_joules_total"), 123456789);
        assert_int_equal(value_of(r, "joulekeeper_machine_account_joules_total{account=\"idle\","
                                     "zone=\"package-0\"}"),
                         1000003);
        assert_int_equal(value_of(r, "joulekeeper_meter_working{meter=\"hwmon\"}"), 0);
        assert_int_equal(value_of(r, "joulekeeper_meter_working{meter=\"battery\"}"), -1);
        assert_int_equal(value_of(r, "joulekeeper_zone_limit_watts{zone=\"package-0\"}"), -1);
}

static void
what_has_no_enclave_has_no_series_for_it(void **state)
{
        struct renderer *r = *state;
        struct jk_snapshot *s = fake_machine(&r->shelf, 2, 10);

        s->zones[1].zone.filtered = true;
        s->entries[JK_DIMENSION_TASK][3].flags = JK_ENTRY_ENCLAVE;
        s->entries[JK_DIMENSION_CGROUP][2].epc_bytes = 1 << 20;
        r->processes = -1;
        jk_shelf_publish(&r->shelf, s);
        metrics(r, NULL);
        assert_int_equal(count_of(r->body.data, "joulekeeper_process_enclave{"), 1);
        assert_int_equal(value_of(r, "joulekeeper_process_enclave{pid=\"1002\",start_ns="
                                     "\"1002003006\",comm=\"worker-2\",cgroup="
                                     "\"/system.slice/service-2.service\"}"),
                         1000000);
        assert_int_equal(count_of(r->body.data, "joulekeeper_cgroup_sgx_epc_bytes{"), 1);
        assert_int_equal(value_of(r, "joulekeeper_cgroup_sgx_epc_bytes{cgroup="
                                     "\"/system.slice/service-2.service\"}"),
                         INT64_C(1048576000000));
        assert_int_equal(value_of(r, "joulekeeper_zone_filtered{zone=\"core-0\"}"), 1000000);
        assert_int_equal(value_of(r, "joulekeeper_zone_filtered{zone=\"package-0\"}"), 0);
}

/* Labels are made with the first sample that has them, which is of another family where there are
 * no zones, or where what was not seen has none. */
static void
every_family_has_the_labels_of_its_process(void **state)
{
        static const char *const families[] = { "watts", "cpu_seconds_total" };
        struct renderer *r = *state;

        r->processes = -1;
        for (size_t n_zones = 0; n_zones < 3; n_zones++) {
                struct jk_snapshot *s = fake_machine(&r->shelf, n_zones, 400);
                const struct jk_entry *tasks = s->entries[JK_DIMENSION_TASK];

                for (size_t i = 0; i < s->n_entries[JK_DIMENSION_TASK]; i += 3)
                        s->entries[JK_DIMENSION_TASK][i].watts = NAN;
                jk_shelf_publish(&r->shelf, s);
                metrics(r, NULL);
                for (size_t i = 1; i < s->n_entries[JK_DIMENSION_TASK]; i += i < 9 ? 1 : 99)
                        for (size_t f = i % 3 == 0; f < JK_COUNT(families); f++) {
                                char line[256];

                                snprintf(line, sizeof line,
                                         "joulekeeper_process_%s{pid=\"%d\",start_ns=\"%llu\","
                                         "comm=\"%s\",cgroup=\"%s\"} ",
                                         families[f], tasks[i].pid,
                                         (unsigned long long)tasks[i].start_ns,
                                         jk_snapshot_string(s, tasks[i].name),
                                         jk_snapshot_string(s, tasks[i].cgroup));
                                if (count_of(r->body.data, line) != 1)
                                        fail_msg("with %zu zones: %s", n_zones, line);
                        }
        }
}

/* ---- laws ---- */

static int64_t
sum_of(struct renderer *r, const char *family, const char *zone)
{
        int64_t sum = 0;
        char in_zone[64];

        snprintf(in_zone, sizeof in_zone, "zone=\"%s\"", zone);
        for (char *line = r->body.data; line && *line;) {
                char *end = strchr(line, '\n'), *space;

                *end = '\0';
                space = strrchr(line, ' ');
                if (strncmp(line, family, strlen(family)) == 0 && strstr(line, in_zone))
                        sum += (int64_t)llrint(strtod(space, NULL) * 1e6);
                *end = '\n';
                line = end + 1;
        }

        return sum;
}

static void
shown_accounts_and_what_ended_make_up_the_zone(void **state)
{
        struct renderer *r = *state;
        struct jk_snapshot *s = fake_machine(&r->shelf, 3, 300);
        static const char *const zones[] = { "package-0", "core-0", "package-2" };

        fake_inherit(s, &s->entries[JK_DIMENSION_CGROUP][3], 4711);
        fake_inherit(s, &s->entries[JK_DIMENSION_CGROUP][4], 12);
        fake_entry(s, JK_DIMENSION_TASK, "more", 4000)->pid = 7;
        fake_task(s, 0, "unseen", "/", 723)->flags = JK_ENTRY_UNSEEN;
        fake_balance(s);
        jk_shelf_publish(&r->shelf, s);
        r->processes = -1;
        metrics(r, NULL);
        assert_null(strstr(r->body.data, "pid=\"0\""));
        assert_int_equal(value_of(r, "joulekeeper_accounts_left_out{dimension=\"task\"}"), 0);

        for (size_t z = 0; z < 3; z++) {
                int64_t zone = sum_of(r, "joulekeeper_zone_joules_total{", zones[z]);
                int64_t machine = sum_of(r, "joulekeeper_machine_account_joules_total{", zones[z]);

                assert_true(zone > 1000000);
                assert_int_equal(
                        zone, machine + sum_of(r, "joulekeeper_process_joules_total{", zones[z]) +
                                      sum_of(r, "joulekeeper_ended_joules_total{dimension=\"task\"",
                                             zones[z]));
                assert_int_equal(
                        zone,
                        machine + sum_of(r, "joulekeeper_cgroup_joules_total{", zones[z]) +
                                sum_of(r, "joulekeeper_ended_joules_total{dimension=\"cgroup\"",
                                       zones[z]));
        }
}

static void
a_cgroup_that_vanishes_raises_no_other_cgroup(void **state)
{
        struct renderer *r = *state;
        struct jk_snapshot *s = fake_begin(&r->shelf);
        static const char parent[] =
                "joulekeeper_cgroup_joules_total{cgroup=\"/p\",zone=\"package-0\","
                "mode=\"dynamic\"}";
        static const char ended[] =
                "joulekeeper_ended_joules_total{dimension=\"cgroup\",zone=\"package-0\"}";

        fake_zone(s, "package-0", -1);
        fake_entry(s, JK_DIMENSION_CGROUP, "/p", 1000);
        fake_entry(s, JK_DIMENSION_CGROUP, "/p/child", 500000)->flags = JK_ENTRY_ENDED;
        jk_shelf_publish(&r->shelf, s);
        metrics(r, NULL);
        assert_int_equal(value_of(r, parent), 1000);
        assert_int_equal(value_of(r, ended), 0);

        s = fake_begin(&r->shelf);
        fake_zone(s, "package-0", -1);
        fake_inherit(s, fake_entry(s, JK_DIMENSION_CGROUP, "/p", 1001), 500000);
        jk_shelf_publish(&r->shelf, s);
        metrics(r, NULL);
        assert_int_equal(value_of(r, parent), 1001);
        assert_int_equal(value_of(r, ended), 500000);
}

/* ---- bounds ---- */

static bool
is_shown(struct renderer *r, const char *comm)
{
        char label[64];

        snprintf(label, sizeof label, "comm=\"%s\"", comm);
        return strstr(r->body.data, label) != NULL;
}

static void
processes_are_bounded_and_who_was_shown_is_shown_when_it_ends(void **state)
{
        struct renderer *r = *state;
        struct jk_snapshot *s = fake_begin(&r->shelf);

        r->processes = 2;
        fake_zone(s, "package-0", -1);
        fake_task(s, 0, "ended", "", 1000000)->flags = JK_ENTRY_REST;
        fake_task(s, 1, "most", "/", 900);
        fake_task(s, 2, "more", "/", 800);
        fake_task(s, 3, "some", "/", 700);
        jk_shelf_publish(&r->shelf, s);
        metrics(r, NULL);
        assert_true(is_shown(r, "most") && is_shown(r, "more") && !is_shown(r, "some"));
        assert_false(is_shown(r, "ended")); /* a sum of processes, not one */
        assert_int_equal(value_of(r, "joulekeeper_accounts_left_out{dimension=\"task\"}"), 1000000);

        /* "most" ends; small ones that end are not worth a series; the next one moves up. */
        s = fake_begin(&r->shelf);
        fake_zone(s, "package-0", -1);
        fake_task(s, 1, "most", "/", 950)->flags = JK_ENTRY_ENDED;
        fake_task(s, 2, "more", "/", 850);
        fake_task(s, 3, "some", "/", 750);
        fake_task(s, 4, "tiny", "/", 3)->flags = JK_ENTRY_ENDED;
        fake_task(s, 5, "idle", "/", 0);
        jk_shelf_publish(&r->shelf, s);
        metrics(r, NULL);
        assert_true(is_shown(r, "most") && is_shown(r, "more") && is_shown(r, "some"));
        assert_false(is_shown(r, "tiny") || is_shown(r, "idle"));

        r->processes = 0;
        metrics(r, NULL);
        assert_int_equal(count_of(r->body.data, "joulekeeper_process_"), 0);
        r->processes = -1;
        metrics(r, NULL);
        assert_true(is_shown(r, "tiny") && is_shown(r, "idle"));
}

static void
a_storm_of_ended_processes_stays_bounded(void **state)
{
        struct renderer *r = *state;
        struct jk_snapshot *s = fake_begin(&r->shelf);

        r->processes = 20;
        fake_zone(s, "package-0", -1);
        for (int i = 0; i < 5; i++)
                fake_task(s, 1 + i, "alive", "/", 1);
        for (int i = 0; i < 500; i++)
                fake_task(s, 100 + i, "burst", "/", 1000 + i)->flags = JK_ENTRY_ENDED;
        jk_shelf_publish(&r->shelf, s);
        metrics(r, NULL);
        assert_int_equal(count_of(r->body.data, "joulekeeper_process_joules_total{"), 25);
        assert_true(strstr(r->body.data, "pid=\"599\"") != NULL); /* those with the most */
}

static void
cgroups_are_bounded_by_their_own_energy(void **state)
{
        struct renderer *r = *state;
        struct jk_snapshot *s = fake_begin(&r->shelf);

        r->cgroups = 1;
        fake_zone(s, "package-0", -1);
        fake_inherit(s, fake_entry(s, JK_DIMENSION_CGROUP, "/heir", 5), 100000);
        fake_entry(s, JK_DIMENSION_CGROUP, "/worker", 500);
        jk_shelf_publish(&r->shelf, s);
        metrics(r, NULL);
        assert_non_null(strstr(r->body.data, "cgroup=\"/worker\""));
        assert_null(strstr(r->body.data, "cgroup=\"/heir\""));
        assert_int_equal(value_of(r, "joulekeeper_accounts_left_out{dimension=\"cgroup\"}"),
                         1000000);
}

/* ---- the documentation ---- */

static void
the_documentation_is_what_the_table_says(void **state)
{
        const char *source = getenv("JK_SOURCE_ROOT");
        jk_autoroot struct jk_root root = JK_ROOT_CLOSED;
        jk_autotext struct jk_text wanted = { 0 };
        static char found[64 << 10];

        (void)state;
        if (!source)
                skip();
        assert_int_equal(jk_root_open(source, &root, NULL), 0);
        assert_true(jk_root_read(&root, "docs/metrics.md", found, sizeof found) > 0);
        jk_metrics_document(&wanted);
        wanted.data[wanted.length - 1] = '\0'; /* the newline that jk_root_read() cuts off */
        if (strcmp(found, wanted.data) != 0)
                fail_msg("docs/metrics.md is out of date: ninja -C build docs");
}

static void
names_follow_the_conventions(void **state)
{
        (void)state;
        for (size_t i = 0; i < jk_metrics_count; i++) {
                const struct jk_metric *metric = &jk_metrics[i];
                size_t n = strlen(metric->name);

                assert_int_equal(strncmp(metric->name, "joulekeeper_", 12), 0);
                assert_true(metric->help[0] && metric->help[strlen(metric->help) - 1] == '.');
                if (metric->unit)
                        assert_string_equal(metric->name + n - strlen(metric->unit), metric->unit);
                assert_null(strstr(metric->name, "_total"));
                for (size_t k = 0; k < i; k++)
                        assert_string_not_equal(jk_metrics[k].name, metric->name);
        }
}

static const struct CMUnitTest tests[] = {
        renderer_test(both_formats_follow_their_grammar),
        renderer_test(hostile_names_make_no_series_twice_and_no_line_wrong),
        renderer_test(promtool_finds_nothing_to_complain_about),
        renderer_test(values_are_exact),
        renderer_test(what_has_no_enclave_has_no_series_for_it),
        renderer_test(shown_accounts_and_what_ended_make_up_the_zone),
        renderer_test(a_cgroup_that_vanishes_raises_no_other_cgroup),
        renderer_test(processes_are_bounded_and_who_was_shown_is_shown_when_it_ends),
        renderer_test(every_family_has_the_labels_of_its_process),
        renderer_test(a_storm_of_ended_processes_stays_bounded),
        renderer_test(cgroups_are_bounded_by_their_own_energy),
        cmocka_unit_test(the_documentation_is_what_the_table_says),
        cmocka_unit_test(names_follow_the_conventions),
};

JK_RUN_TESTS(tests)
