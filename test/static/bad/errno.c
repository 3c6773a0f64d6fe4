// SPDX-License-Identifier: GPL-2.0
/* errno.c - what errno.cocci has to find. Never built. */
static int plain(int n)
{
	if (n < 0)
		return EINVAL;	/* BAD */
	return n > 3 ? -EIO : -ENOENT;
}
