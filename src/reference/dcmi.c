/* SPDX-License-Identifier: Apache-2.0
 *
 * DCMI's questions and answers: see dcmi.h.
 */
#include "reference/dcmi.h"

#include "base/array.h"

#define GROUP 0xdc /* the group extension's number, first in each question and answer */

#define MODE_STATISTICS         1
#define PARAMETER_CAPABILITIES  1
#define STATE_ACTIVE            0x40
#define CAPABILITY_POWER        0x01
#define POWER_ANSWER_BYTES      19
#define CAPABILITY_ANSWER_BYTES 8 /* 1.5 has these, earlier ones as well */

const struct jk_dcmi_question jk_dcmi_ask_power = {
        .name = "Get Power Reading",
        .command = 0x02,
        .data = { GROUP, MODE_STATISTICS, 0, 0 },
        .length = 4,
};

const struct jk_dcmi_question jk_dcmi_ask_capabilities = {
        .name = "Get DCMI Capabilities Info",
        .command = 0x01,
        .data = { GROUP, PARAMETER_CAPABILITIES },
        .length = 2,
};

/* IPMI 2.0, table 5-2, as far as it can be of these commands. */
static const struct {
        uint8_t code;
        int error;
        const char *name;
} completions[] = {
        { 0xc0, EBUSY, "node busy" },
        { 0xc1, EOPNOTSUPP, "invalid command" },
        { 0xc2, EOPNOTSUPP, "command invalid for this LUN" },
        { 0xc3, ETIMEDOUT, "timeout while processing the command" },
        { 0xc4, EBUSY, "out of space" },
        { 0xc7, EIO, "request data length invalid" },
        { 0xc9, EIO, "parameter out of range" },
        { 0xcb, EIO, "requested data not present" },
        { 0xcc, EIO, "invalid data field in request" },
        { 0xce, EBUSY, "response could not be provided" },
        { 0xd1, EBUSY, "device in firmware update mode" },
        { 0xd2, EBUSY, "BMC initialisation in progress" },
        { 0xd4, EACCES, "insufficient privilege level" },
        { 0xd5, EIO, "not supported in the present state" },
        { 0xd6, EACCES, "command disabled" },
        { 0xff, EIO, "unspecified error" },
};

static int
fail_completion(const char *question, uint8_t code, struct jk_error *err)
{
        for (size_t i = 0; i < JK_COUNT(completions); i++)
                if (completions[i].code == code)
                        return jk_fail(err, completions[i].error,
                                       "the BMC refuses %s with completion code 0x%02x, %s",
                                       question, code, completions[i].name);

        return jk_fail(err, EIO, "the BMC refuses %s with completion code 0x%02x", question, code);
}

/* What each answer begins with, and that it is long enough; a longer one is of a later version. */
static int
check_answer(const struct jk_dcmi_question *question, const uint8_t *answer, size_t length,
             size_t wanted, struct jk_error *err)
{
        if (length == 0)
                return jk_fail(err, EBADMSG, "the BMC's answer to %s is empty", question->name);
        if (answer[0] != 0)
                return fail_completion(question->name, answer[0], err);
        if (length < wanted)
                return jk_fail(err, EBADMSG, "the BMC's answer to %s has %zu bytes; it needs %zu",
                               question->name, length, wanted);
        if (answer[1] != GROUP)
                return jk_fail(err, EBADMSG,
                               "the BMC's answer to %s is of group 0x%02x; DCMI's is 0x%02x",
                               question->name, answer[1], GROUP);

        return 0;
}

static uint16_t
u16(const uint8_t *bytes)
{
        return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t
u32(const uint8_t *bytes)
{
        return u16(bytes) | (uint32_t)u16(bytes + 2) << 16;
}

int
jk_dcmi_power(const uint8_t *answer, size_t length, struct jk_dcmi_power *ret_power,
              struct jk_error *err)
{
        int r = check_answer(&jk_dcmi_ask_power, answer, length, POWER_ANSWER_BYTES, err);

        if (r < 0)
                return r;

        *ret_power = (struct jk_dcmi_power){
                .current_w = u16(answer + 2),
                .minimum_w = u16(answer + 4),
                .maximum_w = u16(answer + 6),
                .average_w = u16(answer + 8),
                .time_s = u32(answer + 10),
                .period_ms = u32(answer + 14),
                .active = answer[18] & STATE_ACTIVE,
        };
        return 0;
}

int
jk_dcmi_capabilities(const uint8_t *answer, size_t length,
                     struct jk_dcmi_capabilities *ret_capabilities, struct jk_error *err)
{
        int r = check_answer(&jk_dcmi_ask_capabilities, answer, length, CAPABILITY_ANSWER_BYTES,
                             err);

        if (r < 0)
                return r;

        /* Completion code, group, version (2), revision; then mandatory capabilities, optional ones
         * and those of access. */
        *ret_capabilities = (struct jk_dcmi_capabilities){
                .major = answer[2],
                .minor = answer[3],
                .power = answer[6] & CAPABILITY_POWER,
        };
        return 0;
}
