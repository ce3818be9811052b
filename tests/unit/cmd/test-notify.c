/* SPDX-License-Identifier: Apache-2.0
 *
 * The service manager hears us: by path, by abstract name, and not at all where it did not ask.
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/array.h"
#include "base/clock.h"
#include "cmd/notify.h"

/* A manager's socket; `name` as NOTIFY_SOCKET has it. */
static int
listen_at(const char *name)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        size_t length = strlen(name);

        memcpy(address.sun_path, name, length);
        if (name[0] == '@')
                address.sun_path[0] = '\0';
        else
                length++;
        assert_int_equal(bind(fd, (struct sockaddr *)&address,
                              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)),
                         0);
        setenv("NOTIFY_SOCKET", name, 1);
        return fd;
}

static void
expect(int fd, const char *message)
{
        char buffer[600];
        ssize_t n = recv(fd, buffer, sizeof buffer - 1, MSG_DONTWAIT);

        assert_true(n >= 0);
        buffer[n] = '\0';
        assert_string_equal(buffer, message);
}

static void
both_kinds_of_socket_are_reached(void **state)
{
        char directory[] = "/tmp/jk-notify-XXXXXX", path[64], abstract[64];
        const char *const names[] = { path, abstract };

        (void)state;
        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof path, "%s/socket", directory);
        snprintf(abstract, sizeof abstract, "@jk-notify-%d", (int)getpid());

        for (size_t i = 0; i < JK_COUNT(names); i++) {
                int fd = listen_at(names[i]);

                assert_int_equal(jk_notify("READY=1\nSTATUS=%s", "well"), 0);
                expect(fd, "READY=1\nSTATUS=well");
                close(fd);
                assert_true(jk_notify("READY=1") < 0); /* nobody listens: said, not fatal */
        }

        unlink(path);
        rmdir(directory);
}

static void
reloading_tells_the_time(void **state)
{
        char abstract[64], buffer[128];
        long long us = 0;
        ssize_t n;
        int fd;

        (void)state;
        snprintf(abstract, sizeof abstract, "@jk-notify-%d", (int)getpid());
        fd = listen_at(abstract);
        assert_int_equal(jk_notify_reloading(), 0);
        n = recv(fd, buffer, sizeof buffer - 1, MSG_DONTWAIT);
        assert_true(n > 0);
        buffer[n] = '\0';
        assert_int_equal(sscanf(buffer, "RELOADING=1\nMONOTONIC_USEC=%lld", &us), 1);
        assert_true(us > 0 && us <= jk_monotonic_ns() / JK_NS_PER_US);
        close(fd);
}

static void
what_cannot_be_a_socket_is_refused(void **state)
{
        char name[300];

        (void)state;
        unsetenv("NOTIFY_SOCKET");
        assert_int_equal(jk_notify("READY=1"), 0);
        setenv("NOTIFY_SOCKET", "", 1);
        assert_int_equal(jk_notify("READY=1"), 0);
        setenv("NOTIFY_SOCKET", "vsock:2:9", 1);
        assert_int_equal(jk_notify("READY=1"), -EAFNOSUPPORT);
        memset(name, 'x', sizeof name - 1);
        name[0] = '/';
        name[sizeof name - 1] = '\0';
        setenv("NOTIFY_SOCKET", name, 1);
        assert_int_equal(jk_notify("READY=1"), -ENAMETOOLONG);
        snprintf(name, sizeof name, "@jk-notify-%d", (int)getpid());
        setenv("NOTIFY_SOCKET", name, 1);
        assert_int_equal(jk_notify("STATUS=%600d", 1), -EMSGSIZE);
}

static void
the_watchdog_is_ours_or_not(void **state)
{
        char pid[32];

        (void)state;
        unsetenv("WATCHDOG_USEC");
        assert_int_equal(jk_notify_watchdog_ns(), 0);
        setenv("WATCHDOG_USEC", "30000000", 1);
        assert_int_equal(jk_notify_watchdog_ns(), 30 * JK_NS_PER_S);
        setenv("WATCHDOG_PID", "1", 1);
        assert_int_equal(jk_notify_watchdog_ns(), 0);
        snprintf(pid, sizeof pid, "%d", (int)getpid());
        setenv("WATCHDOG_PID", pid, 1);
        assert_int_equal(jk_notify_watchdog_ns(), 30 * JK_NS_PER_S);
        setenv("WATCHDOG_USEC", "soon", 1);
        assert_int_equal(jk_notify_watchdog_ns(), 0);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_kinds_of_socket_are_reached),
        cmocka_unit_test(reloading_tells_the_time),
        cmocka_unit_test(what_cannot_be_a_socket_is_refused),
        cmocka_unit_test(the_watchdog_is_ours_or_not),
};

JK_RUN_TESTS(tests)
