/* SPDX-License-Identifier: Apache-2.0
 *
 * Prints docs/metrics.md from the table of metrics: `ninja -C build docs` writes it.
 */
#include <stdio.h>

#include "serve/metrics.h"

int
main(void)
{
        jk_autotext struct jk_text text = { 0 };

        jk_metrics_document(&text);
        if (text.failed || fputs(text.data, stdout) < 0)
                return 1;

        return fflush(stdout) != 0;
}
