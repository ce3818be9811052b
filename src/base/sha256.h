/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 (FIPS 180-4), of files that come from elsewhere: a few hundred kilobytes now and then, so
 * that it is written to be read and not to be fast.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define JK_SHA256_HEX_SIZE 65 /* 64 lower-case hexadecimal digits and NUL */

/* In pieces: begin, add, end. */
struct jk_sha256 {
        uint32_t hash[8];
        uint8_t rest[64];
        uint64_t length;
};

void jk_sha256_begin(struct jk_sha256 *sha);
void jk_sha256_add(struct jk_sha256 *sha, const void *data, size_t length);
void jk_sha256_end(struct jk_sha256 *sha, char ret_hex[static JK_SHA256_HEX_SIZE]);

/* All in one. */
void jk_sha256_hex(const void *data, size_t length, char ret_hex[static JK_SHA256_HEX_SIZE]);
