// SPDX-License-Identifier: GPL-2.0
/* listed.c - what listed.cocci has to find. Never built. */
static int listed(struct thing *t)
{
	list_add_tail(&t->link, &things);
	if (start(t) < 0) {
		kfree(t);	/* BAD */
		return -EIO;
	}
	return 0;
}

static int sound(struct thing *t)
{
	list_add_tail(&t->link, &things);
	if (start(t) < 0) {
		list_del(&t->link);
		kfree(t);
		return -EIO;
	}
	return 0;
}
