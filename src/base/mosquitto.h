/* SPDX-License-Identifier: Apache-2.0
 *
 * libmosquitto, a client of MQTT brokers, loaded where one is configured and not linked, since it
 * would cost every agent 2 MB of memory that most never use. Only where its header was there at
 * build time.
 */
#pragma once

#include <mosquitto.h>

#include "base/error.h"

/* What is used of it. */
struct jk_mosquitto {
        __typeof__(&mosquitto_lib_init) lib_init;
        __typeof__(&mosquitto_new) create;
        __typeof__(&mosquitto_destroy) destroy;
        __typeof__(&mosquitto_username_pw_set) username_pw_set;
        __typeof__(&mosquitto_int_option) int_option;
        __typeof__(&mosquitto_tls_set) tls_set;
        __typeof__(&mosquitto_connect_callback_set) connect_callback_set;
        __typeof__(&mosquitto_subscribe_callback_set) subscribe_callback_set;
        __typeof__(&mosquitto_message_callback_set) message_callback_set;
        __typeof__(&mosquitto_log_callback_set) log_callback_set;
        __typeof__(&mosquitto_connect) connect;
        __typeof__(&mosquitto_subscribe) subscribe;
        __typeof__(&mosquitto_socket) socket;
        __typeof__(&mosquitto_want_write) want_write;
        __typeof__(&mosquitto_loop_read) loop_read;
        __typeof__(&mosquitto_loop_write) loop_write;
        __typeof__(&mosquitto_loop_misc) loop_misc;
        __typeof__(&mosquitto_strerror) strerror;
        __typeof__(&mosquitto_connack_string) connack_string;
};

/* -ENOENT with the remedy if there is none. */
int jk_mosquitto_load(struct jk_mosquitto *ret_mosquitto, struct jk_error *err);

/* The version of the one that is found, until the next call of this thread, or NULL if none is. */
const char *jk_mosquitto_version(void);
