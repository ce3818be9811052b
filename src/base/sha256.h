/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 (FIPS 180-4), of files that come from elsewhere: a few hundred kilobytes now and then, so
 * that it is written to be read and not to be fast.
 */
#pragma once

#include <stddef.h>

#define JK_SHA256_HEX_SIZE 65 /* 64 lower-case hexadecimal digits and NUL */

void jk_sha256_hex(const void *data, size_t length, char ret_hex[static JK_SHA256_HEX_SIZE]);
