/* SPDX-License-Identifier: Apache-2.0
 *
 * What a BMC answers, byte for byte.
 */
#include "tests/fuzz/fuzz.h"

#include "reference/dcmi.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct jk_dcmi_capabilities capabilities = { .major = 77 };
        struct jk_dcmi_power power = { .current_w = 77, .period_ms = 77 };
        struct jk_error err = { "" };
        int r = jk_dcmi_power(data, size, &power, &err);

        PROMISE(r <= 0);
        PROMISE(r == 0 ? data[0] == 0 : power.current_w == 77 && power.period_ms == 77);
        PROMISE(r == 0 || err.message[0]);

        err.message[0] = '\0';
        r = jk_dcmi_capabilities(data, size, &capabilities, &err);
        PROMISE(r == 0 ? data[0] == 0 : r < 0 && capabilities.major == 77 && err.message[0]);
        return 0;
}
