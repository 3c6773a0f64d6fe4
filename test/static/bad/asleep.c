// SPDX-License-Identifier: GPL-2.0
/* asleep.c - what asleep.cocci has to find. Never built. */
static int asleep(struct thing *t)
{
	unsigned long irq;

	spin_lock_irqsave(&t->spin, irq);
	t->name = kzalloc(8, GFP_KERNEL);	/* BAD */
	t->more = kzalloc(8, GFP_ATOMIC);
	spin_unlock_irqrestore(&t->spin, irq);
	t->third = kzalloc(8, GFP_KERNEL);
	return 0;
}

static int waits(struct thing *t)
{
	spin_lock(&t->spin);
	if (t->n)
		mutex_lock(&t->lock);		/* BAD */
	spin_unlock(&t->spin);
	return 0;
}
