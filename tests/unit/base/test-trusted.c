/* SPDX-License-Identifier: Apache-2.0
 *
 * Which files may be run with this process's rights.
 */
#include "tests/unit/test.h"
#include "tests/unit/tree.h"

#include "base/cleanup.h"
#include "base/trusted.h"

struct place {
        struct tree tree;
        char path[128];
};

static void
make(struct place *place)
{
        int fd;

        tree_make(&place->tree);
        tree_dir(&place->tree, "lib/models");
        snprintf(place->path, sizeof place->path, "%s/lib/models/a.so", place->tree.path);
        fd = open(place->path, O_WRONLY | O_CREAT, 0644);
        assert_true(fd >= 0);
        close(fd);
        chmod(place->path, 0644);
}

static void
set_mode(const struct place *place, const char *path, mode_t mode)
{
        assert_int_equal(fchmodat(place->tree.root.fd, path, mode, 0), 0);
}

static void
expect(const struct place *place, int r, const char *says)
{
        jk_autofree char *real = NULL;
        struct jk_error err = { "" };

        assert_int_equal(jk_trusted_file(place->path, &real, &err), r);
        if (r == 0)
                assert_non_null(real);
        else if (!strstr(err.message, says))
                fail_msg("\"%s\" does not say \"%s\"", err.message, says);
}

static void
what_only_its_owner_can_change_is_trusted(void **state)
{
        struct place place;

        (void)state;
        make(&place);
        expect(&place, 0, NULL);
        tree_destroy(&place.tree);
}

static void
what_others_can_write_to_is_not(void **state)
{
        static const char *const parts[] = { "lib/models/a.so", "lib/models", "lib" };
        struct place place;

        (void)state;
        make(&place);
        for (size_t i = 0; i < 3; i++) {
                set_mode(&place, parts[i], 0777);
                expect(&place, -EPERM, "others than its owner may write to it (mode 0777)");
                expect(&place, -EPERM, "chmod go-w");
                set_mode(&place, parts[i], 0775);
                expect(&place, -EPERM, "mode 0775");
                set_mode(&place, parts[i], 0755);
                expect(&place, 0, NULL);
        }
        tree_destroy(&place.tree);
}

static void
in_a_sticky_directory_others_change_only_what_is_theirs(void **state)
{
        struct place place;

        (void)state;
        make(&place);
        set_mode(&place, "lib", 01777);
        expect(&place, 0, NULL);
        set_mode(&place, "lib/models/a.so", 01666);
        expect(&place, -EPERM, "mode 1666");
        tree_destroy(&place.tree);
}

static void
a_link_is_what_it_leads_to(void **state)
{
        struct place place;
        char target[128];

        (void)state;
        make(&place);
        memcpy(target, place.path, sizeof target);
        snprintf(place.path, sizeof place.path, "%s/link.so", place.tree.path);
        assert_int_equal(symlink(target, place.path), 0);
        expect(&place, 0, NULL);
        set_mode(&place, "lib/models", 0777);
        expect(&place, -EPERM, "lib/models");
        tree_destroy(&place.tree);
}

static void
what_belongs_to_others_is_not_trusted(void **state)
{
        struct place place;

        (void)state;
        if (geteuid() != 0)
                JK_SKIP("only root can give files away");
        make(&place);
        assert_int_equal(chown(place.path, 4242, 4242), 0);
        expect(&place, -EPERM, "it belongs to uid 4242");
        tree_destroy(&place.tree);
}

static void
only_the_whole_path_of_a_file_will_do(void **state)
{
        struct place place;

        (void)state;
        make(&place);
        *strrchr(place.path, '/') = '\0';
        expect(&place, -EINVAL, "it is not a file");
        strcpy(place.path, "lib/a.so");
        expect(&place, -EINVAL, "give its whole path");
        strcpy(place.path, "/nonexistent/a.so");
        expect(&place, -ENOENT, "/nonexistent/a.so");
        tree_destroy(&place.tree);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_only_its_owner_can_change_is_trusted),
        cmocka_unit_test(what_others_can_write_to_is_not),
        cmocka_unit_test(in_a_sticky_directory_others_change_only_what_is_theirs),
        cmocka_unit_test(a_link_is_what_it_leads_to),
        cmocka_unit_test(what_belongs_to_others_is_not_trusted),
        cmocka_unit_test(only_the_whole_path_of_a_file_will_do),
};

JK_RUN_TESTS(tests)
