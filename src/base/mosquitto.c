/* SPDX-License-Identifier: Apache-2.0
 *
 * Loading libmosquitto: see mosquitto.h.
 */
#include "base/mosquitto.h"

#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/library.h"

#define SYMBOL(symbol, field)                                                                      \
        {                                                                                          \
#symbol, offsetof(struct jk_mosquitto, field)                                      \
        }

static const struct jk_library_symbol symbols[] = {
        SYMBOL(mosquitto_lib_init, lib_init),
        SYMBOL(mosquitto_new, create),
        SYMBOL(mosquitto_destroy, destroy),
        SYMBOL(mosquitto_username_pw_set, username_pw_set),
        SYMBOL(mosquitto_int_option, int_option),
        SYMBOL(mosquitto_tls_set, tls_set),
        SYMBOL(mosquitto_connect_callback_set, connect_callback_set),
        SYMBOL(mosquitto_subscribe_callback_set, subscribe_callback_set),
        SYMBOL(mosquitto_message_callback_set, message_callback_set),
        SYMBOL(mosquitto_log_callback_set, log_callback_set),
        SYMBOL(mosquitto_connect, connect),
        SYMBOL(mosquitto_subscribe, subscribe),
        SYMBOL(mosquitto_socket, socket),
        SYMBOL(mosquitto_want_write, want_write),
        SYMBOL(mosquitto_loop_read, loop_read),
        SYMBOL(mosquitto_loop_write, loop_write),
        SYMBOL(mosquitto_loop_misc, loop_misc),
        SYMBOL(mosquitto_strerror, strerror),
        SYMBOL(mosquitto_connack_string, connack_string),
};

static const struct jk_library library = {
        .name = "libmosquitto",
        .package = "libmosquitto1",
        .files = { "libmosquitto.so.1", "libmosquitto.so" },
        .symbols = symbols,
        .n_symbols = JK_COUNT(symbols),
};

int
jk_mosquitto_load(struct jk_mosquitto *ret_mosquitto, struct jk_error *err)
{
        struct jk_mosquitto mosquitto;
        int r = jk_library_load(&library, &mosquitto, err);

        if (r == 0)
                *ret_mosquitto = mosquitto;
        return r;
}

const char *
jk_mosquitto_version(void)
{
        static _Thread_local char version[40];
        void *symbol = jk_library_symbol(&library, "mosquitto_lib_version");
        __typeof__(&mosquitto_lib_version) lib_version;
        int major = 0, minor = 0, revision = 0;

        if (!symbol)
                return NULL;
        memcpy(&lib_version, &symbol, sizeof symbol);
        lib_version(&major, &minor, &revision);
        snprintf(version, sizeof version, "%d.%d.%d", major, minor, revision);
        return version;
}
