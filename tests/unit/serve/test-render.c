/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON, health and the index page: shapes, sums to the microjoule, hostile names.
 */
#include "tests/unit/test.h"

#include <stdio.h>
#include <unistd.h>

#include "tests/unit/serve/render.h"

#define HOSTILE "a\n\"\\\xff\xc3(<script>&'\x01\xed\xa0\x80"

static int64_t
integer(const json_t *object, const char *key)
{
        const json_t *value = json_object_get(object, key);

        if (!json_is_integer(value))
                fail_msg("%s is no integer", key);
        return json_integer_value(value);
}

static const char *
string(const json_t *object, const char *key)
{
        const json_t *value = json_object_get(object, key);

        if (!json_is_string(value))
                fail_msg("%s is no string", key);
        return json_string_value(value);
}

/* Idle and dynamic of a {"zones":{ZONE:{"idle_uj","dynamic_uj"}}}. */
static int64_t
zone_sum(const json_t *owner, const char *zone)
{
        const json_t *pair = json_object_get(json_object_get(owner, "zones"), zone);

        return integer(pair, "idle_uj") + integer(pair, "dynamic_uj");
}

static int64_t
accounts_sum(struct renderer *r, const char *query, const char *zone)
{
        json_t *reply = get_json(r, "/api/v1/accounts", query);
        const json_t *list = json_object_get(reply, "accounts");
        int64_t sum = zone_sum(json_object_get(reply, "left_out"), zone);

        assert_int_equal(r->reply.status, 200);
        for (size_t i = 0; i < json_array_size(list); i++)
                sum += zone_sum(json_array_get(list, i), zone);
        json_decref(reply);
        return sum;
}

static void
before_the_first_tick_it_says_so(void **state)
{
        struct renderer *r = *state;
        static const char *const apis[] = { "/api/v1/status", "/api/v1/zones", "/api/v1/accounts",
                                            "/api/v1/balance" };

        for (size_t i = 0; i < JK_COUNT(apis); i++) {
                json_decref(get_json(r, apis[i], ""));
                assert_int_equal(r->reply.status, 503);
                assert_string_equal(r->reply.type, "application/problem+json");
        }
        assert_string_equal(get(r, "/healthz", ""), "alive\n");
        assert_int_equal(r->reply.status, 200);
        get(r, "/readyz", "");
        assert_int_equal(r->reply.status, 503);
        get(r, "/", "");
        assert_int_equal(r->reply.status, 200);
}

static void
ready_from_the_first_booked_tick_until_ticks_stop(void **state)
{
        struct renderer *r = *state;
        struct jk_snapshot *s = fake_machine(&r->shelf, 1, 1);

        s->elapsed_ns = 0; /* baselines only */
        jk_shelf_publish(&r->shelf, s);
        get(r, "/readyz", "");
        assert_int_equal(r->reply.status, 503);

        jk_shelf_publish(&r->shelf, fake_machine(&r->shelf, 1, 1));
        get(r, "/readyz", "");
        assert_int_equal(r->reply.status, 200);

        s = fake_machine(&r->shelf, 1, 1);
        s->time.monotonic_ns -= 6 * JK_NS_PER_S;
        jk_shelf_publish(&r->shelf, s);
        assert_non_null(strstr(get(r, "/readyz", ""), "stopped"));
        assert_int_equal(r->reply.status, 503);
        get(r, "/healthz", "");
        assert_int_equal(r->reply.status, 200);
}

static void
accounts_have_the_documented_shape(void **state)
{
        struct renderer *r = *state;
        json_t *reply, *account;

        jk_shelf_publish(&r->shelf, fake_machine(&r->shelf, 2, 5));

        reply = get_json(r, "/api/v1/accounts", "dimension=cgroup&sort=name&top=1");
        account = json_array_get(json_object_get(reply, "accounts"), 0);
        assert_string_equal(string(account, "id"), "cgroup:/system.slice/service-0.service");
        assert_string_equal(string(account, "dimension"), "cgroup");
        assert_string_equal(string(account, "name"), "/system.slice/service-0.service");
        assert_string_equal(string(account, "provenance"), "measured");
        assert_true(json_is_real(json_object_get(account, "watts")));
        assert_true(json_is_real(json_object_get(account, "uncertainty_pct")));
        assert_int_equal(zone_sum(account, "core-0"), 1077);
        assert_int_equal(integer(json_object_get(reply, "left_out"), "count"), 99);
        json_decref(reply);

        reply = get_json(r, "/api/v1/accounts", "sort=pid");
        assert_int_equal(json_array_size(json_object_get(reply, "accounts")), 6);
        account = json_array_get(json_object_get(reply, "accounts"), 1);
        assert_string_equal(string(account, "id"), "task:1000:1000003000");
        assert_int_equal(integer(account, "pid"), 1000);
        assert_int_equal(integer(account, "ppid"), 1);
        assert_int_equal(integer(account, "start_ns"), 1000003000);
        assert_string_equal(string(account, "comm"), "worker-0");
        assert_int_equal(integer(account, "uid"), 1000);
        assert_string_equal(string(account, "cgroup"), "/system.slice/service-0.service");
        assert_true(json_is_false(json_object_get(account, "ended")));
        assert_true(json_is_false(json_object_get(account, "self")));
        assert_true(json_real_value(json_object_get(account, "cpu_seconds")) == 0.000007);
        assert_int_equal(integer(account, "resident_bytes"), 4096000);
        assert_int_equal(integer(account, "read_bytes"), 0);
        assert_true(json_is_null(json_object_get(account, "cycles"))); /* nobody counts them */

        account = json_array_get(json_object_get(reply, "accounts"), 0);
        assert_string_equal(string(account, "id"), "task:ended");
        assert_true(json_is_null(json_object_get(account, "pid")));
        assert_true(json_is_true(json_object_get(account, "rest")));
        json_decref(reply);
}

static void
sums_equal_the_meter_along_each_dimension_whatever_is_cut_off(void **state)
{
        struct renderer *r = *state;
        static const char *const tops[] = { "", "&top=0", "&top=1", "&top=7&sort=energy",
                                            "&top=100000&sort=name" };
        static const char *const dimensions[] = { "dimension=task", "dimension=cgroup",
                                                  "dimension=user" };
        const json_t *list;
        json_t *balance;

        jk_shelf_publish(&r->shelf, fake_machine(&r->shelf, 3, 500));
        balance = get_json(r, "/api/v1/balance", "");
        assert_true(json_is_true(json_object_get(balance, "balanced")));

        list = json_object_get(balance, "zones");
        assert_int_equal(json_array_size(list), 3);
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *zone = json_array_get(list, i);
                const char *name = string(zone, "zone");
                int64_t machine = accounts_sum(r, "dimension=machine", name);

                for (size_t d = 0; d < JK_COUNT(dimensions); d++)
                        for (size_t t = 0; t < JK_COUNT(tops); t++) {
                                char query[64];

                                snprintf(query, sizeof query, "%s%s", dimensions[d], tops[t]);
                                assert_int_equal(accounts_sum(r, query, name) + machine,
                                                 integer(zone, "measured_uj"));
                        }
        }
        json_decref(balance);
}

static void
a_microjoule_that_is_missing_shows_in_the_balance(void **state)
{
        struct renderer *r = *state;
        struct jk_snapshot *s = fake_machine(&r->shelf, 2, 3);
        json_t *reply, *zones, *booked;

        s->zones[1].booked_uj[JK_DIMENSION_USER]--;
        jk_shelf_publish(&r->shelf, s);
        reply = get_json(r, "/api/v1/balance", "");
        zones = json_object_get(reply, "zones");
        assert_true(json_is_false(json_object_get(reply, "balanced")));
        assert_true(json_is_true(json_object_get(json_array_get(zones, 0), "balanced")));
        assert_true(json_is_false(json_object_get(json_array_get(zones, 1), "balanced")));
        booked = json_object_get(json_array_get(zones, 1), "booked_uj");
        assert_int_equal(integer(booked, "user") + 1, integer(booked, "task"));
        assert_int_equal(integer(booked, "cgroup"), integer(booked, "task"));
        json_decref(reply);
}

static void
lists_are_in_the_order_that_was_asked_for(void **state)
{
        struct renderer *r = *state;
        struct jk_snapshot *s = fake_begin(&r->shelf);
        static const struct {
                const char *query, *names;
        } rows[] = {
                { "sort=watts", "bcad" },     { "sort=energy", "cbad" },
                { "sort=name", "abcd" },      { "sort=pid", "dcba" },
                { "sort=cpu", "cbad" },       { "sort=resident", "abcd" },
                { "sort=watts&top=2", "bc" },
        };

        fake_zone(s, "package-0", -1);
        fake_task(s, 9, "a", "/", 10);
        fake_task(s, 8, "b", "/", 20);
        fake_task(s, 7, "c", "/", 30);
        fake_task(s, 6, "d", "/", 5);
        s->entries[JK_DIMENSION_TASK][1].watts = 100;
        s->entries[JK_DIMENSION_TASK][2].watts = 50;
        s->entries[JK_DIMENSION_TASK][3].watts = NAN; /* not known: last, and null */
        jk_shelf_publish(&r->shelf, s);

        for (size_t i = 0; i < JK_COUNT(rows); i++) {
                json_t *reply = get_json(r, "/api/v1/accounts", rows[i].query);
                const json_t *list = json_object_get(reply, "accounts");
                char names[8] = "";

                for (size_t k = 0; k < json_array_size(list); k++)
                        names[k] = string(json_array_get(list, k), "name")[0];
                assert_string_equal(names, rows[i].names);
                if (strcmp(rows[i].query, "sort=watts") == 0)
                        assert_true(json_is_null(json_object_get(
                                json_array_get(json_object_get(reply, "accounts"), 3), "watts")));
                json_decref(reply);
        }
}

/* The heap that keeps the top must agree with sorting everything. */
static void
the_top_is_the_beginning_of_the_whole(void **state)
{
        struct renderer *r = *state;
        struct jk_rank all = { 0 }, top = { 0 };
        struct jk_snapshot *s = fake_machine(&r->shelf, 2, 1000);

        for (enum jk_sort sort = JK_SORT_WATTS; sort < JK_SORT_MAX; sort++) {
                assert_int_equal(jk_rank_sorted(&all, s, JK_DIMENSION_TASK, sort, SIZE_MAX), 0);
                assert_int_equal(all.n, 1001);
                for (size_t n = 0; n < 1003; n += n < 5 ? 1 : 111) {
                        assert_int_equal(jk_rank_sorted(&top, s, JK_DIMENSION_TASK, sort, n), 0);
                        assert_int_equal(top.n, n < all.n ? n : all.n);
                        for (size_t i = 0; i < top.n; i++)
                                assert_int_equal(top.items[i].index, all.items[i].index);
                }
        }
        jk_rank_free(&all);
        jk_rank_free(&top);
        jk_shelf_discard(&r->shelf, s);
}

static void
hostile_names_break_nothing(void **state)
{
        struct renderer *r = *state;
        struct jk_snapshot *s = fake_begin(&r->shelf);
        struct jk_zone_entry *zone = fake_zone(s, HOSTILE, -1);
        json_t *reply, *account;

        zone->watts = NAN;
        zone->idle = (struct jk_idle_estimate){ NAN, INFINITY };
        fake_task(s, 1, HOSTILE, HOSTILE, 5);
        fake_entry(s, JK_DIMENSION_CGROUP, HOSTILE, 5);
        fake_entry(s, JK_DIMENSION_USER, HOSTILE, 5)->uid = JK_UID_UNKNOWN;
        fake_balance(s);
        s->machine_w = NAN;
        snprintf(s->status.activity_missing, sizeof s->status.activity_missing, HOSTILE);
        jk_shelf_publish(&r->shelf, s);

        reply = get_json(r, "/api/v1/accounts", "");
        account = json_array_get(json_object_get(reply, "accounts"), 0);
        assert_string_equal(string(account, "comm"),
                            "a\xef\xbf\xbd\"\\\xef\xbf\xbd\xef\xbf\xbd(<script>&'\xef\xbf\xbd"
                            "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
        json_decref(reply);

        reply = get_json(r, "/api/v1/accounts", "dimension=user");
        account = json_array_get(json_object_get(reply, "accounts"), 0);
        assert_true(json_is_null(json_object_get(account, "uid")));
        json_decref(reply);

        reply = get_json(r, "/api/v1/zones", "");
        account = json_array_get(json_object_get(reply, "zones"), 0);
        assert_true(json_is_null(json_object_get(account, "watts")));
        assert_true(json_is_null(json_object_get(account, "idle_watts")));
        assert_true(json_is_null(json_object_get(account, "limit_watts")));
        json_decref(reply);

        json_decref(get_json(r, "/api/v1/accounts", "dimension=cgroup"));
        json_decref(get_json(r, "/api/v1/status", ""));
        json_decref(get_json(r, "/api/v1/balance", ""));

        assert_null(strstr(get(r, "/", ""), "<script"));
        assert_non_null(strstr(get(r, "/", ""), "&lt;script&gt;&amp;&#39;"));
        assert_null(strstr(get(r, "/", ""), "nan"));
}

static void
accounts_that_look_the_same_have_ids_of_their_own(void **state)
{
        struct renderer *r = *state;
        struct jk_snapshot *s = fake_machine(&r->shelf, 1, 0);
        json_t *reply, *accounts;

        s->n_entries[JK_DIMENSION_CGROUP] = 0;
        fake_entry(s, JK_DIMENSION_CGROUP, "/a\xfe", 1);
        fake_entry(s, JK_DIMENSION_CGROUP, "/a\xff", 1);
        jk_shelf_publish(&r->shelf, s);

        reply = get_json(r, "/api/v1/accounts", "dimension=cgroup&sort=name");
        accounts = json_object_get(reply, "accounts");
        assert_string_equal(string(json_array_get(accounts, 0), "id"), "cgroup:/a%FE");
        assert_string_equal(string(json_array_get(accounts, 1), "id"), "cgroup:/a%FF");
        json_decref(reply);
}

static void
wrong_requests_get_a_problem_that_helps(void **state)
{
        struct renderer *r = *state;
        json_t *problem;

        jk_shelf_publish(&r->shelf, fake_machine(&r->shelf, 1, 1));

        problem = get_json(r, "/api/v1/accounts", "dimension=pod%22%0a");
        assert_int_equal(r->reply.status, 400);
        assert_string_equal(r->reply.type, "application/problem+json");
        assert_int_equal(integer(problem, "status"), 400);
        assert_string_equal(string(problem, "parameter"), "dimension");
        assert_string_equal(json_string_value(json_array_get(json_object_get(problem, "valid"), 1)),
                            "cgroup");
        json_decref(problem);

        problem = get_json(r, "/api/v1/accounts", "top=many");
        assert_string_equal(string(problem, "valid"), "a whole number, or all");
        json_decref(problem);

        problem = get_json(r, "/api/v1/zones", "zone=package-0");
        assert_int_equal(r->reply.status, 400);
        assert_non_null(strstr(string(problem, "detail"), "takes no parameters"));
        json_decref(problem);

        problem = get_json(r, "/api/v2/accounts", "");
        assert_int_equal(r->reply.status, 404);
        assert_non_null(strstr(string(problem, "detail"), "/api/v1/accounts"));
        json_decref(problem);

        json_decref(get_json(r, "", ""));
        assert_int_equal(r->reply.status, 404);
}

static void
a_machine_without_zones_is_shown(void **state)
{
        struct renderer *r = *state;
        struct jk_snapshot *s = fake_begin(&r->shelf);
        json_t *reply;

        fake_machine_accounts(s);
        fake_task(s, 1, "init", "/", 0);
        jk_shelf_publish(&r->shelf, s);

        reply = get_json(r, "/api/v1/accounts", "");
        assert_int_equal(json_array_size(json_object_get(reply, "accounts")), 1);
        json_decref(reply);
        reply = get_json(r, "/api/v1/balance", "");
        assert_true(json_is_true(json_object_get(reply, "balanced")));
        json_decref(reply);
        assert_non_null(strstr(get(r, "/", ""), "no meter"));
}

static void
ten_thousand_tasks_are_listed(void **state)
{
        struct renderer *r = *state;
        json_t *reply;

        jk_shelf_publish(&r->shelf, fake_machine(&r->shelf, 4, 10000));
        reply = get_json(r, "/api/v1/accounts", "");
        assert_int_equal(json_array_size(json_object_get(reply, "accounts")), 10001);
        json_decref(reply);
}

static void
what_vanished_cgroups_left_is_named(void **state)
{
        struct renderer *r = *state;
        struct jk_snapshot *s = fake_begin(&r->shelf);
        json_t *reply, *account;

        fake_zone(s, "package-0", -1);
        fake_inherit(s, fake_entry(s, JK_DIMENSION_CGROUP, "/", 100), 40);
        jk_shelf_publish(&r->shelf, s);

        reply = get_json(r, "/api/v1/accounts", "dimension=cgroup");
        account = json_array_get(json_object_get(reply, "accounts"), 0);
        assert_int_equal(zone_sum(account, "package-0"), 140);
        assert_int_equal(
                integer(json_object_get(json_object_get(account, "inherited"), "package-0"), "uj"),
                40);
        json_decref(reply);
}

static void
status_tells_all_about_the_agent(void **state)
{
        struct renderer *r = *state;
        json_t *reply;

        jk_shelf_publish(&r->shelf, fake_machine(&r->shelf, 1, 3));
        reply = get_json(r, "/api/v1/status", "");
        assert_string_equal(string(reply, "version"), JK_VERSION);
        assert_string_equal(string(reply, "model"), "share");
        assert_string_equal(string(json_object_get(reply, "activity"), "source"), "bpf");
        assert_int_equal(integer(json_object_get(reply, "ticks"), "total"), 8);
        assert_int_equal(integer(json_object_get(reply, "ticks"), "collect_ns"), 1234567);
        assert_int_equal(json_array_size(json_object_get(reply, "meters")), 3);
        assert_int_equal(integer(json_object_get(reply, "machine"), "measured_uj"), 123456789);
        assert_int_equal(integer(json_object_get(reply, "accounts"), "task"), 4);
        assert_int_equal(integer(json_object_get(reply, "self"), "resident_bytes"), 9 << 20);
        assert_non_null(strstr(get(r, "/api/v1/status", ""), "\"cpu_seconds\":5.000000001"));
        json_decref(reply);
}

/* The policy names the style by its hash: a browser applies no other. */
static void
the_index_policy_has_the_hash_of_its_style(void **state)
{
        static const char digits[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        struct renderer *r = *state;
        char path[] = "/tmp/joulekeeper-style-XXXXXX", command[128], hex[65] = "", hash[64] = "";
        const char *start = strstr(get(r, "/", ""), "<style>") + 7;
        unsigned char bytes[33] = { 0 };
        FILE *pipe;
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        assert_true(write(fd, start, (size_t)(strstr(start, "</style>") - start)) > 0);
        close(fd);
        snprintf(command, sizeof command, "sha256sum %s", path);
        pipe = popen(command, "r"); /* NOLINT(cert-env33-c) */
        assert_non_null(pipe);
        assert_non_null(fgets(hex, sizeof hex, pipe));
        pclose(pipe);
        unlink(path);

        for (int i = 0; i < 32; i++) {
                char byte[3] = { hex[2 * i], hex[2 * i + 1] };

                bytes[i] = (unsigned char)strtoul(byte, NULL, 16);
        }
        for (int i = 0, n = 0; i < 33; i += 3, n += 4) {
                unsigned int group = (unsigned int)(bytes[i] << 16 | bytes[i + 1] << 8 |
                                                    (i + 2 < 33 ? bytes[i + 2] : 0));

                for (int k = 0; k < 4; k++)
                        hash[n + k] = digits[group >> (18 - 6 * k) & 63];
        }
        hash[43] = '='; /* 32 bytes are 43 digits */
        if (!strstr(r->reply.policy, hash))
                fail_msg("the style's hash is %s, the policy says %s", hash, r->reply.policy);
}

static const struct CMUnitTest tests[] = {
        renderer_test(before_the_first_tick_it_says_so),
        renderer_test(ready_from_the_first_booked_tick_until_ticks_stop),
        renderer_test(accounts_have_the_documented_shape),
        renderer_test(sums_equal_the_meter_along_each_dimension_whatever_is_cut_off),
        renderer_test(a_microjoule_that_is_missing_shows_in_the_balance),
        renderer_test(lists_are_in_the_order_that_was_asked_for),
        renderer_test(the_top_is_the_beginning_of_the_whole),
        renderer_test(hostile_names_break_nothing),
        renderer_test(accounts_that_look_the_same_have_ids_of_their_own),
        renderer_test(wrong_requests_get_a_problem_that_helps),
        renderer_test(a_machine_without_zones_is_shown),
        renderer_test(ten_thousand_tasks_are_listed),
        renderer_test(what_vanished_cgroups_left_is_named),
        renderer_test(status_tells_all_about_the_agent),
        renderer_test(the_index_policy_has_the_hash_of_its_style),
};

JK_RUN_TESTS(tests)
