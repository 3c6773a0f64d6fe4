/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_compat.h - what differs between the kernels that the module is meant for, 5.10 and later (run
 * so far: 6.1), and what they export but declare in no public header. No other file asks for a
 * version.
 */
#ifndef XS_COMPAT_H
#define XS_COMPAT_H

#include <linux/version.h>
#include <linux/device.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <xen/grant_table.h>
#include <xen/interface/io/xs_wire.h>

/*
 * drivers/xen/xenbus: how the kernel's own xenbus reached the store. 0 (XS_UNKNOWN there) means
 * that it did not, and that the store page is ours to take.
 */
extern int xen_store_domain_type;
#define XS_KERNEL_XENBUS_DOWN	0
#define XS_KERNEL_XENBUS_LOCAL	3	/* the store runs in this very domain */

/* What it works on; ours to change while it sleeps (xs_share.c). */
extern struct xenstore_domain_interface *xen_store_interface;
extern int xen_store_evtchn;

/* Does a thread sleep so that only a wake-up can make it run? All other processors are stopped. */
static inline bool xs_task_sleeps(struct task_struct *task)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 14, 0)
	return READ_ONCE(task->__state) == TASK_INTERRUPTIBLE && !READ_ONCE(task->on_rq);
#else
	return READ_ONCE(task->state) == TASK_INTERRUPTIBLE && !READ_ONCE(task->on_rq);
#endif
}

static inline struct class *xs_class_create(const char *name)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	return class_create(name);
#else
	return class_create(THIS_MODULE, name);
#endif
}

/* Frees the page once the peer has unmapped it, now or later. */
static inline void xs_end_grant(grant_ref_t ref, struct page *page)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 19, 0)
	gnttab_end_foreign_access(ref, page);
#else
	gnttab_end_foreign_access(ref, 0, (unsigned long)page_address(page));
#endif
}

#endif /* XS_COMPAT_H */
