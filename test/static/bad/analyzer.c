// SPDX-License-Identifier: GPL-2.0
/* analyzer.c - what clang's analyzer has to find, in the kernel's own dress. Never built. */
#include <linux/slab.h>
#include <linux/string.h>

struct thing {
	int n;
	char *name;
};

int freed_twice(void);
int freed_twice(void)
{
	struct thing *t = kmalloc(sizeof(*t), GFP_KERNEL);
	int n;

	if (!t)
		return -ENOMEM;
	t->n = 1;
	kfree(t);
	n = t->n;		/* use after free */
	return n;
}

int nothing_there(struct thing *t);
int nothing_there(struct thing *t)
{
	if (!t)
		pr_err("nothing there\n");
	return t->n;		/* null pointer */
}

int never_set(int n);
int never_set(int n)
{
	int value;

	if (n > 1)
		value = n;
	return value;		/* uninitialized */
}
