// SPDX-License-Identifier: GPL-2.0
// What may sleep, under a spinlock.
@under exists@
expression l, f, x;
identifier s = {msleep, usleep_range, schedule, cond_resched, synchronize_rcu, flush_work,
	cancel_work_sync, cancel_delayed_work_sync, mutex_lock, wait_for_completion, copy_to_user,
	copy_from_user, vfree, vmalloc, xs_client_call, xs_read, xs_write, xs_watch_end};
identifier a = {kmalloc, kzalloc, kstrdup, kmemdup, alloc_page, kvmalloc};
position p;
@@
(
spin_lock_irqsave(l, f);
|
spin_lock_irq(l);
|
spin_lock(l);
)
... when != spin_unlock_irqrestore(l, f)
    when != spin_unlock_irq(l)
    when != spin_unlock(l)
(
s@p(...)
|
a@p(..., GFP_KERNEL, ...)
|
wait_event@p(x, ...)
)

@script:python@
p << under.p;
@@
print(f"{p[0].file}:{p[0].line}: may sleep under a spinlock")
