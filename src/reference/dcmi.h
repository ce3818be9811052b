/* SPDX-License-Identifier: Apache-2.0
 *
 * DCMI, the part of IPMI that tells what a machine draws (Data Center Manageability Interface 1.5,
 * sections 6.1.1 and 6.6.1): the questions as bytes, and what the answers' bytes mean. Pure; the
 * bytes are a BMC's. An answer begins with its completion code.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define JK_DCMI_NETFN 0x2c /* group extension, request */

/* A question: a command and its data. */
struct jk_dcmi_question {
        const char *name;
        uint8_t command;
        uint8_t data[4];
        uint16_t length;
};

extern const struct jk_dcmi_question jk_dcmi_ask_power;        /* Get Power Reading, statistics */
extern const struct jk_dcmi_question jk_dcmi_ask_capabilities; /* Get DCMI Capabilities Info, 1 */

struct jk_dcmi_power {
        uint16_t current_w;
        uint16_t minimum_w, maximum_w, average_w; /* over the period, */
        uint32_t period_ms;
        uint32_t time_s; /* which ended then, by the BMC's clock, of which little is to be hoped */
        bool active;     /* power is being measured; else the rest says nothing */
};

struct jk_dcmi_capabilities {
        uint8_t major, minor; /* of the specification that it conforms to */
        bool power;           /* it manages power, and so measures it */
};

/* Its meaning. -EOPNOTSUPP: the BMC does not know the command; -EBUSY, -ETIMEDOUT, -EACCES, -EIO:
 * it refuses, as the message says by the code's name; -EBADMSG: it is no such answer. */
int jk_dcmi_power(const uint8_t *answer, size_t length, struct jk_dcmi_power *ret_power,
                  struct jk_error *err);
int jk_dcmi_capabilities(const uint8_t *answer, size_t length,
                         struct jk_dcmi_capabilities *ret_capabilities, struct jk_error *err);
