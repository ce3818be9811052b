#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Whether data/cpu-table.csv is what tools/cpu-table.py makes of the data it was made from.
set -eu

if [ ! -d "$JK_SHARED/data/specpower" ]; then
        echo "skipped: no data of SPECpower results in JK_SHARED ($JK_SHARED)"
        exit 77
fi

"$JK_SOURCE_ROOT/tools/cpu-table.py" make "$JK_SHARED/data" 2>/dev/null |
        diff -u "$JK_SOURCE_ROOT/data/cpu-table.csv" -
