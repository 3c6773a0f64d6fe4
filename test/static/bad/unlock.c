// SPDX-License-Identifier: GPL-2.0
/* unlock.c - what unlock.cocci has to find. Never built. */
static int early(struct thing *t)
{
	mutex_lock(&t->lock);
	if (!t->n)
		return -ENOENT;	/* BAD */
	mutex_unlock(&t->lock);
	return 0;
}

static int early_spin(struct thing *t)
{
	unsigned long irq;

	spin_lock_irqsave(&t->spin, irq);
	if (t->dead)
		goto out;
	if (!t->n)
		return -ENOENT;	/* BAD */
out:
	spin_unlock_irqrestore(&t->spin, irq);
	return 0;
}

static int sound(struct thing *t)
{
	int err = 0;

	spin_lock(&t->spin);
	if (!t->n)
		err = -ENOENT;
	spin_unlock(&t->spin);
	return err;
}
