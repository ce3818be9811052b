/* SPDX-License-Identifier: Apache-2.0
 *
 * Content negotiation, by what real clients send and by RFC 9110.
 */
#include "tests/unit/test.h"

#include "base/array.h"
#include "serve/accept.h"

static void
openmetrics_is_sent_to_who_names_it(void **state)
{
        static const struct {
                const char *accept;
                bool openmetrics;
        } rows[] = {
                /* Prometheus 2.42 and 3.x, curl, Firefox */
                { "application/openmetrics-text;version=1.0.0,application/"
                  "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                  true },
                { "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                  "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;"
                  "escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                  true },
                { "*/*", false },
                { "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false },
                { "text/plain;version=0.0.4;q=1,*/*;q=0.1", false },
                /* weights */
                { "application/openmetrics-text;q=0.3, text/plain;q=0.4", false },
                { "application/openmetrics-text;q=0.4, text/plain;q=0.4", true },
                { "application/openmetrics-text;q=0.3, */*;q=0.9", false },
                { "application/openmetrics-text;q=0.3, text/*;q=0.1, */*;q=0.9", true },
                { "application/openmetrics-text;q=0", false },
                { "Application/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=1.000", true },
                { "application/openmetrics-text;version=2.0.0", false },
                { "application/openmetrics-text;version=0.0.1", false },
                /* nonsense asks for nothing */
                { "application/openmetrics-text;q=abc", false },
                { "application/openmetrics-text;q=1.0000000", false },
                { "application/openmetrics-text;q=", false },
                { "", false },
                { ",,;;,=;q", false },
                { NULL, false },
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (jk_accept_openmetrics(rows[i].accept) != rows[i].openmetrics)
                        fail_msg("Accept: %s", rows[i].accept);
}

static void
gzip_is_sent_to_who_prefers_it(void **state)
{
        static const struct {
                const char *accept;
                bool gzip;
        } rows[] = {
                { "gzip", true },
                { "gzip, deflate, br", true },
                { "deflate, X-GZIP", true },
                { "br;q=1.0, gzip;q=0.8, *;q=0.1", true },
                { "*", true },
                { "identity", false },
                { "gzip;q=0", false },
                { "gzip;q=0.000", false },
                { "*;q=1, gzip;q=0", false },
                { "identity;q=1, gzip;q=0.5", false },
                { "identity;q=0.5, gzip;q=0.5", true },
                { "deflate", false },
                { "gzipped", false },
                { "", false },
                { NULL, false },
        };

        (void)state;
        for (size_t i = 0; i < JK_COUNT(rows); i++)
                if (jk_accept_gzip(rows[i].accept) != rows[i].gzip)
                        fail_msg("Accept-Encoding: %s", rows[i].accept);
}

static const struct CMUnitTest tests[] = {
        cmocka_unit_test(openmetrics_is_sent_to_who_names_it),
        cmocka_unit_test(gzip_is_sent_to_who_prefers_it),
};

JK_RUN_TESTS(tests)
