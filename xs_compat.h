/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_compat.h - what differs between the kernels that the module is meant for, 5.10 and later
 * (doc/versions.md says which it was run on), and what they export but declare in no public header.
 * No other file asks for a version.
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

/* ---- disks; for who defines XS_COMPAT_BLK before ------------------------------------------ */

#ifdef XS_COMPAT_BLK
#include <linux/blk-mq.h>
#include <linux/blkdev.h>

#ifndef PAGE_SECTORS
#define PAGE_SECTORS		(PAGE_SIZE / SECTOR_SIZE)
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#define XS_BLK_MQ_FLAGS		0
#else
#define XS_BLK_MQ_FLAGS		BLK_MQ_F_SHOULD_MERGE
#endif

/**
 * struct xs_disk_limits - of a disk and its queue
 * @sectors: of 512 bytes, in all
 * @max_sectors: of 512 bytes, in a request
 * @sector_size: bytes
 * @flush: it has a cache that can be flushed
 */
struct xs_disk_limits {
	u64 sectors;
	u32 max_sectors, sector_size;
	bool flush;
};

static inline struct gendisk *xs_disk_alloc(struct blk_mq_tag_set *tags,
					    const struct xs_disk_limits *limits, void *data)
{
	struct gendisk *disk;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	struct queue_limits q = {
		.logical_block_size = limits->sector_size,
		.max_hw_sectors = limits->max_sectors,
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
		.features = limits->flush ? BLK_FEAT_WRITE_CACHE : 0,
#endif
	};

	disk = blk_mq_alloc_disk(tags, &q, data);
#else
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 15, 0)
	disk = blk_mq_alloc_disk(tags, data);
	if (IS_ERR(disk))
		return disk;
#else
	disk = alloc_disk(0);
	if (!disk)
		return ERR_PTR(-ENOMEM);
	disk->flags |= GENHD_FL_EXT_DEVT;
	disk->queue = blk_mq_init_queue(tags);
	if (IS_ERR(disk->queue)) {
		struct request_queue *none = disk->queue;

		disk->queue = NULL;
		put_disk(disk);
		return ERR_CAST(none);
	}
	disk->queue->queuedata = data;
#endif
	blk_queue_logical_block_size(disk->queue, limits->sector_size);
	blk_queue_max_hw_sectors(disk->queue, limits->max_sectors);
#endif
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
	if (!IS_ERR(disk))
		blk_queue_write_cache(disk->queue, limits->flush, false);
#endif
	return disk;
}

/* Makes it known to the world. */
static inline int xs_disk_add(struct gendisk *disk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 15, 0)
	return device_add_disk(NULL, disk, NULL);
#else
	device_add_disk(NULL, disk, NULL);
	return 0;
#endif
}

/* The mirror of xs_disk_alloc(), after del_gendisk(). */
static inline void xs_disk_free(struct gendisk *disk)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 19, 0)
	put_disk(disk);
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(5, 15, 0)
	blk_cleanup_disk(disk);
#else
	blk_cleanup_queue(disk->queue);
	put_disk(disk);
#endif
}

/* Returns whether it was another one. Those who have the disk open are told. */
static inline bool xs_set_capacity(struct gendisk *disk, u64 sectors)
{
	bool other = get_capacity(disk) != sectors;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
	set_capacity_and_notify(disk, sectors);
#else
	char *event[] = { "RESIZE=1", NULL };

	set_capacity(disk, sectors);
	revalidate_disk_size(disk, false);
	if (other && (disk->flags & GENHD_FL_UP))
		kobject_uevent_env(&disk_to_dev(disk)->kobj, KOBJ_CHANGE, event);
#endif
	return other;
}

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 15, 0)
static inline void memcpy_from_bvec(char *to, struct bio_vec *v)
{
	char *from = kmap_atomic(v->bv_page);

	memcpy(to, from + v->bv_offset, v->bv_len);
	kunmap_atomic(from);
}

static inline void memcpy_to_bvec(struct bio_vec *v, const char *from)
{
	char *to = kmap_atomic(v->bv_page);

	memcpy(to + v->bv_offset, from, v->bv_len);
	kunmap_atomic(to);
}
#endif
#endif /* XS_COMPAT_BLK */

/* ---- backends; for who defines XS_COMPAT_BACK before -------------------------------------- */

#ifdef XS_COMPAT_BACK
#include <xen/events.h>
#include <xen/xenbus.h>

/* What remove() of a struct xenbus_driver gives: nothing, any more. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 0)
#define XS_REMOVE_GIVES		void
#define XS_REMOVED
#else
#define XS_REMOVE_GIVES		int
#define XS_REMOVED		0
#endif

/* Binds the frontend's event channel; the handler has to say when it is done. */
static inline int xs_bind_frontend(struct xenbus_device *dev, evtchn_port_t port,
				   irq_handler_t handler, const char *name, void *arg)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 12, 0)
	return bind_interdomain_evtchn_to_irqhandler_lateeoi(dev, port, handler, 0, name, arg);
#else
	return bind_interdomain_evtchn_to_irqhandler_lateeoi(dev->otherend_id, port, handler, 0,
							     name, arg);
#endif
}
#endif /* XS_COMPAT_BACK */

#endif /* XS_COMPAT_H */
