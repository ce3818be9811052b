/* SPDX-License-Identifier: Apache-2.0
 *
 * Where an MQTT broker is, and what is read there: mqtt://HOST, mqtts://HOST:PORT, mqtt://[::1],
 * and one meter's topic. Pure.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct jk_broker {
        char host[256];
        int port; /* 1883, or 8883 of mqtts, where it is not given */
        bool tls;
};

/* 0 or -EINVAL. */
int jk_broker_parse(const char *url, struct jk_broker *ret_broker, struct jk_error *err);

/* 0; -EINVAL for what stands for several topics: values of different meters are not one's. */
int jk_broker_check_topic(const char *topic, struct jk_error *err);
