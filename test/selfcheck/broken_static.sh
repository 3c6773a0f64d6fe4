#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# want: 0 passed, 1 failed
echo "this check finds something"
exit 1
