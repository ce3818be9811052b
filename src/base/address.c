/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses to listen at: see address.h.
 */
#include "base/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/root.h"

static int
wrong_form(const char *string, struct jk_error *err)
{
        return jk_fail(err, EINVAL,
                       "'%s' is no address and port; give ADDR:PORT with a numeric address, as "
                       "127.0.0.1:9782, 0.0.0.0:9782 or [::1]:9782",
                       string);
}

static int
parse_host(char *host, uint16_t port, union jk_address *ret_address)
{
        size_t length = strlen(host);

        *ret_address = (union jk_address){ 0 };
        if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
                host[length - 1] = '\0';
                ret_address->v6.sin6_family = AF_INET6;
                ret_address->v6.sin6_port = htons(port);
                return inet_pton(AF_INET6, host + 1, &ret_address->v6.sin6_addr) == 1 ? 0 : -EINVAL;
        }

        ret_address->v4.sin_family = AF_INET;
        ret_address->v4.sin_port = htons(port);
        return inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host,
                         &ret_address->v4.sin_addr) == 1
                       ? 0
                       : -EINVAL;
}

int
jk_address_parse(const char *string, union jk_address *ret_address, struct jk_error *err)
{
        const char *colon = strrchr(string, ':');
        char host[INET6_ADDRSTRLEN + 2];
        union jk_address address;
        uint64_t port;

        if (!colon || (size_t)(colon - string) >= sizeof host || colon[1] < '0' || colon[1] > '9' ||
            jk_parse_u64(colon + 1, &port) < 0 || port > UINT16_MAX)
                return wrong_form(string, err);

        memcpy(host, string, (size_t)(colon - string));
        host[colon - string] = '\0';
        if (parse_host(host, (uint16_t)port, &address) < 0)
                return wrong_form(string, err);

        *ret_address = address;
        return 0;
}
