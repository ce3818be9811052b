/* SPDX-License-Identifier: Apache-2.0
 *
 * The model files that an agent offers, and what a machine that asks makes of the list.
 */
#include "tests/unit/test.h"
#include "tests/unit/tree.h"

#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>

#include "base/sha256.h"
#include "model/offered.h"
#include "model/shipped.h"
#include "serve/offering.h"
#include "serve/offers.h"

static struct jk_offers *
open_offers(const char *directory)
{
        struct jk_offers *offers;
        struct jk_error err = { "" };

        if (jk_offers_open(directory, &offers, &err) < 0)
                fail_msg("%s", err.message);
        return offers;
}

static json_t *
list_of(const struct jk_offers *offers)
{
        json_t *json = json_loads(jk_offers_list(offers), JSON_REJECT_DUPLICATES, NULL);

        assert_non_null(json);
        return json;
}

static void
each_that_is_listed_is_there_with_its_checksum(void **state)
{
        struct jk_offers *offers = open_offers(NULL);
        json_t *json = list_of(offers), *entry;
        size_t i, length;

        (void)state;
        assert_int_equal(json_array_size(json_object_get(json, "models")), jk_n_shipped_models);
        json_array_foreach(json_object_get(json, "models"), i, entry) {
                const char *name = json_string_value(json_object_get(entry, "name"));
                const char *text = jk_offers_file(offers, name, &length);
                char hex[JK_SHA256_HEX_SIZE];

                assert_non_null(text);
                jk_sha256_hex(text, length, hex);
                assert_string_equal(json_string_value(json_object_get(entry, "sha256")), hex);
                assert_int_equal(json_integer_value(json_object_get(entry, "bytes")), length);
                assert_true(json_is_object(json_object_get(entry, "cpu")));
                assert_true(json_is_object(json_object_get(entry, "error")));
        }
        assert_null(jk_offers_file(offers, "no-such-model", &length));
        json_decref(json);
        jk_offers_close(offers);
}

static void
a_directory_adds_and_replaces_and_what_is_no_model_is_left_out(void **state)
{
        struct jk_offers *offers;
        struct jk_model_file file;
        struct jk_error err = { "" };
        struct tree tree;
        char path[128];
        size_t length;
        json_t *json;

        (void)state;
        tree_make(&tree);
        assert_int_equal(jk_shipped_model_read(&jk_shipped_models[0], &file, &err), 0);
        strcpy(file.summary, "ours");
        snprintf(path, sizeof path, "%s/a.json", tree.path);
        assert_int_equal(jk_model_file_save(&file, path, &err), 0);
        strcpy(file.name, "another");
        snprintf(path, sizeof path, "%s/b.json", tree.path);
        assert_int_equal(jk_model_file_save(&file, path, &err), 0);
        tree_write(&tree, "c.json", "{\"schema\": 99}");
        tree_write(&tree, "d.txt", "no model");
        tree_dir(&tree, "e.json");

        offers = open_offers(tree.path);
        json = list_of(offers);
        assert_int_equal(json_array_size(json_object_get(json, "models")), jk_n_shipped_models + 1);
        assert_non_null(strstr(jk_offers_file(offers, jk_shipped_models[0].name, &length), "ours"));
        assert_non_null(jk_offers_file(offers, "another", &length));
        json_decref(json);
        jk_offers_close(offers);
        tree_destroy(&tree);
        assert_true(jk_offers_open("/nonexistent", &offers, &err) < 0);
}

static void
trained_models_never_take_the_place_of_others(void **state)
{
        struct jk_offers *offers;
        struct jk_model_file file;
        struct jk_error err = { "" };
        struct tree tree;
        char path[128];
        size_t length;
        json_t *json;

        (void)state;
        tree_make(&tree);
        assert_int_equal(jk_shipped_model_read(&jk_shipped_models[0], &file, &err), 0);
        for (int i = 0; i < 300; i++) {
                snprintf(file.name, sizeof file.name, "trained-%03d", i);
                snprintf(path, sizeof path, "%s/%s.json", tree.path, file.name);
                assert_int_equal(jk_model_file_save(&file, path, &err), 0);
        }
        strcpy(file.name, "ours");
        snprintf(path, sizeof path, "%s/z.json", tree.path);
        assert_int_equal(jk_model_file_save(&file, path, &err), 0);

        offers = open_offers(tree.path);
        json = list_of(offers);
        assert_int_equal(json_array_size(json_object_get(json, "models")),
                         jk_n_shipped_models + 1 + 64);
        assert_non_null(jk_offers_file(offers, "ours", &length));
        json_decref(json);
        jk_offers_close(offers);
        tree_destroy(&tree);
}

static bool
offers_model(struct jk_offering *offering, const char *name)
{
        size_t length;

        return jk_offers_file(jk_offering_get(offering), name, &length) != NULL;
}

static void
make_old(const char *path, time_t when)
{
        const struct timespec times[2] = { { .tv_sec = when }, { .tv_sec = when } };

        assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void
a_directory_is_read_again_when_it_has_changed_and_not_else(void **state)
{
        struct jk_offering *offering;
        struct jk_model_file file;
        struct jk_error err = { "" };
        struct tree tree;
        char path[128];

        (void)state;
        tree_make(&tree);
        make_old(tree.path, 1000000000);
        assert_int_equal(jk_offering_open(tree.path, &offering, &err), 0);
        assert_int_equal(jk_offering_renew(offering, false, &err), 0);
        assert_int_equal(jk_offering_renew(offering, true, &err), 1);

        assert_int_equal(jk_shipped_model_read(&jk_shipped_models[0], &file, &err), 0);
        strcpy(file.name, "another");
        snprintf(path, sizeof path, "%s/b.json", tree.path);
        assert_int_equal(jk_model_file_save(&file, path, &err), 0);
        assert_int_equal(jk_offering_renew(offering, false, &err), 1);
        assert_true(offers_model(offering, "another"));

        /* It changed a moment ago, and may again within the same step of the clock. */
        assert_int_equal(jk_offering_renew(offering, false, &err), 1);
        make_old(tree.path, 1000000001);
        assert_int_equal(jk_offering_renew(offering, false, &err), 1);
        assert_int_equal(jk_offering_renew(offering, false, &err), 0);

        tree_destroy(&tree);
        assert_true(jk_offering_renew(offering, false, &err) < 0);
        assert_true(offers_model(offering, "another"));
        assert_int_equal(jk_offering_renew(offering, false, &err), 0);
        jk_offering_close(offering);
}

/* ---- who asks ---- */

static struct jk_model_cpu
a_cpu(void)
{
        struct jk_model_file blank;

        jk_model_file_init(&blank);
        strcpy(blank.cpu.vendor, "GenuineIntel");
        strcpy(blank.cpu.architecture, "haswell");
        blank.cpu.family = 6;
        blank.cpu.model = 63;
        blank.cpu.stepping = 2;
        blank.cpu.threads = 8;
        return blank.cpu;
}

static void
the_best_is_found_and_checked(void **state)
{
        struct jk_offers *offers = open_offers(NULL);
        const char *list = jk_offers_list(offers), *text;
        struct jk_model_cpu cpu = a_cpu();
        struct jk_model_file file;
        struct jk_offered offered;
        struct jk_error err = { "" };
        char *changed;
        size_t length;

        (void)state;
        assert_int_equal(jk_offered_best(list, strlen(list), &cpu, JK_ZONE_PACKAGE, &offered, &err),
                         0);
        assert_string_equal(offered.name, "haswell");
        text = jk_offers_file(offers, offered.name, &length);
        assert_int_equal(jk_offered_check(&offered, text, length, &file, &err), 0);
        assert_string_equal(file.name, "haswell");

        changed = malloc(length + 1);
        assert_non_null(changed);
        memcpy(changed, text, length + 1);
        changed[length / 2] ^= 1;
        assert_int_equal(jk_offered_check(&offered, changed, length, &file, &err), -EBADMSG);
        assert_non_null(strstr(err.message, "its SHA-256 is"));
        assert_int_equal(jk_offered_check(&offered, text, length - 1, &file, &err), -EBADMSG);
        free(changed);
        assert_int_equal(jk_offered_best(list, strlen(list), &cpu, JK_ZONE_GPU, &offered, &err),
                         -ENOENT);
        jk_offers_close(offers);
}

static void
lists_that_cannot_be_are_refused(void **state)
{
        static const struct {
                const char *text, *says;
        } bad[] = {
                { "", "no JSON" },
                { "[]", "no list" },
                { "{\"models\":{}}", "no list" },
                { "{\"models\":[]}", "offers no model" },
                { "{\"models\":[7,{\"name\":\"../../etc/passwd\",\"zone\":\"package\","
                  "\"sha256\":\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}"
                  ",{\"name\":\"a\",\"zone\":\"package\",\"sha256\":\"e3b0\"}]}",
                  "offers no model" },
        };
        struct jk_model_cpu cpu = a_cpu();

        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                struct jk_offered offered;
                struct jk_error err = { "" };

                assert_true(jk_offered_best(bad[i].text, strlen(bad[i].text), &cpu, JK_ZONE_PACKAGE,
                                            &offered, &err) < 0);
                if (!strstr(err.message, bad[i].says))
                        fail_msg("%s: %s", bad[i].text, err.message);
        }
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_that_is_listed_is_there_with_its_checksum),
        cmocka_unit_test(a_directory_adds_and_replaces_and_what_is_no_model_is_left_out),
        cmocka_unit_test(trained_models_never_take_the_place_of_others),
        cmocka_unit_test(a_directory_is_read_again_when_it_has_changed_and_not_else),
        cmocka_unit_test(the_best_is_found_and_checked),
        cmocka_unit_test(lists_that_cannot_be_are_refused),
};

JK_RUN_TESTS(tests)
