/* SPDX-License-Identifier: Apache-2.0
 *
 * Content negotiation (RFC 9110, section 12.5), pure: what a client's Accept and Accept-Encoding
 * say about the few forms that there are. A header that is absent (NULL) or malformed asks for the
 * plain form.
 */
#pragma once

#include <stdbool.h>

/* Whether OpenMetrics 1.0 is wanted rather than Prometheus text 0.0.4: it is named, and with at
 * least the weight of text/plain. A wildcard alone asks for the older form, which all can read. */
bool jk_accept_openmetrics(const char *accept);

/* Whether gzip is wanted: it is accepted, and identity is not preferred. */
bool jk_accept_gzip(const char *accept_encoding);
