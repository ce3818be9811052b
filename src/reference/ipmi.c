/* SPDX-License-Identifier: Apache-2.0
 *
 * The source `ipmi`: what the machine's own BMC says that it draws (bmc.h), in whole watts. BMCs
 * average over a time of their own and tell it late; how late is found like for any other source.
 */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "reference/bmc.h"
#include "reference/reference.h"

struct jk_reference {
        struct jk_bmc *bmc;
        struct jk_dcmi_power latest;
        bool begun, stamps;     /* there is a latest; its timestamp was seen to change */
        int64_t latest_seen_ns; /* when it was first told, in realtime */
};

static int
ipmi_open(const struct jk_reference_config *config, struct jk_reference **ret_reference,
          struct jk_error *err)
{
        jk_autofree struct jk_reference *ipmi = calloc(1, sizeof *ipmi);
        int r;

        if (!ipmi)
                return jk_fail(err, ENOMEM, "wall: ipmi: out of memory");

        r = jk_bmc_open(config->device, &ipmi->bmc, err);
        if (r < 0) {
                jk_error_prefix(err, "wall: ipmi: ");
                return r;
        }

        *ret_reference = jk_steal(ipmi);
        return 0;
}

static void
ipmi_close(struct jk_reference *ipmi)
{
        jk_bmc_close(ipmi->bmc);
        free(ipmi);
}

/* Of what time a reading is, by our clock: when it was first told, so that one that is told again,
 * with the timestamp it had, is not new, whatever the BMC's clock shows. 0, not known, while that
 * clock stands, as some do. */
static int64_t
time_of(struct jk_reference *ipmi, const struct jk_dcmi_power *power)
{
        bool stamped = ipmi->begun && power->time_s != ipmi->latest.time_s;

        if (stamped || !ipmi->begun || power->current_w != ipmi->latest.current_w)
                ipmi->latest_seen_ns = jk_now().realtime_ns;
        ipmi->stamps |= stamped;
        ipmi->begun = true;
        ipmi->latest = *power;

        return ipmi->stamps ? ipmi->latest_seen_ns : 0;
}

static int
ipmi_read(struct jk_reference *ipmi, int stop_fd, struct jk_reference_value *ret_value,
          struct jk_error *err)
{
        struct jk_dcmi_power power;
        int r = jk_bmc_power(ipmi->bmc, stop_fd, &power, err);

        if (r < 0) {
                jk_error_prefix(err, "wall: ipmi: ");
                return r;
        }

        *ret_value = (struct jk_reference_value){
                .value = power.current_w,
                .realtime_ns = time_of(ipmi, &power),
        };
        return 0;
}

const struct jk_reference_ops jk_reference_ipmi = {
        .name = "ipmi",
        .summary = "the machine's own BMC, by IPMI DCMI",
        .uncertainty_pct = 12,
        .watts_only = true,
        .open = ipmi_open,
        .read = ipmi_read,
        .close = ipmi_close,
};
