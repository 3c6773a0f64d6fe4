// SPDX-License-Identifier: GPL-2.0
/*
 * xs_blk.c - /dev/xsblk<letter>: a disk from a backend of type vbd (Linux's xen-blkback).
 *
 *   block layer ─▶ queue_rq ─▶ copy ─▶ slot's pages ─▶ request ─┐ shared ┌─▶ backend maps the
 *   block layer ◀─ end ◀────── copy ◀───────┴──────── response ◀┘  ring  └── pages, reads, writes
 *
 * A request has the slot of its tag, and a slot has pages of its own, granted as long as the
 * connection lasts. All data are copied: the backend sees nothing else that lies in a page of the
 * guest's, changes nothing behind who has read it, and may keep the pages mapped.
 *
 * The disk outlives a connection. While the backend is away requests wait, and those that it has
 * not answered are sent anew when it is back. Where it will not be, they end with errors.
 *
 * Trust: the backend's index must not pass our requests; a response is copied out before it is
 * looked at, and must have the id and the operation of a request that is under way. Else all ends
 * with errors until the backend connects anew.
 *
 * Locks: b->lock (spinlock, interrupts off), inside the core's ring lock, guards the ring's
 * requests, b->rqs and b->open. The event alone consumes responses. Pages and grants change while
 * no request runs: the queue is quiesced from disconnect to connect.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <xen/page.h>
#include <xen/interface/io/blkif.h>
#include <xen/interface/io/protocols.h>
#define XS_COMPAT_BLK
#include "xs_compat.h"
#include "xs_blk.h"
#include "xs_client.h"
#include "xs_front.h"
#include "xs_sring.h"

#define LETTERS		26
#define SLOTS		__CONST_RING_SIZE(blkif, XEN_PAGE_SIZE)
#define SLOT_PAGES	BLKIF_MAX_SEGMENTS_PER_REQUEST
#define SLOT_BYTES	(SLOT_PAGES * PAGE_SIZE)
#define PAGES		(SLOTS * SLOT_PAGES)
#define SECTORS_MAX	((u64)LLONG_MAX / SECTOR_SIZE)	/* so that bytes are a positive loff_t */

static unsigned int blk[16];
static unsigned int blk_count;
module_param_array(blk, uint, &blk_count, 0444);
MODULE_PARM_DESC(blk, "numbers of disks to drive beside the kernel's own xenbus (blk=51712,…)");
static unsigned long letters;		/* those that are taken */

struct xs_blk {
	struct xs_front_dev *dev;
	unsigned int letter;		/* 0 for /dev/xsblka */
	struct blk_mq_tag_set tags;
	struct gendisk *disk;		/* NULL before the first connection */
	struct work_struct add;		/* makes it known to the world */
	bool added, quiet;		/* it is; its queue is quiesced */
	bool read_only;
	spinlock_t lock;
	bool open;			/* requests go into the ring; else they end with an error */
	struct request *rqs[SLOTS];	/* what is under way */
	struct xs_front_ring *channel;
	struct blkif_front_ring ring;
	char *data;			/* the pages of all slots, one behind the other */
	grant_ref_t refs[PAGES];
	unsigned int granted;		/* how many of them */
};

/* ---- requests --------------------------------------------------------------------------- */

static int op_of(const struct request *rq)
{
	return req_op(rq) == REQ_OP_READ ? BLKIF_OP_READ :
	       req_op(rq) == REQ_OP_WRITE ? BLKIF_OP_WRITE :
	       req_op(rq) == REQ_OP_FLUSH ? BLKIF_OP_FLUSH_DISKCACHE : -EOPNOTSUPP;
}

/* Between a request's own memory and its slot. */
static void copy_data(struct xs_blk *b, struct request *rq, bool out)
{
	char *at = b->data + rq->tag * SLOT_BYTES;
	struct req_iterator iter;
	struct bio_vec v;

	rq_for_each_segment(v, rq, iter) {
		if (out)
			memcpy_from_bvec(at, &v);
		else
			memcpy_to_bvec(&v, at);
		at += v.bv_len;
	}
}

/* Puts a request into the ring. Called under b->lock; there is room, since there is a slot. */
static void put_request(struct xs_blk *b, struct request *rq, int op)
{
	struct blkif_request *req = RING_GET_REQUEST(&b->ring, b->ring.req_prod_pvt);
	unsigned int sectors = op == BLKIF_OP_FLUSH_DISKCACHE ? 0 : blk_rq_sectors(rq);
	unsigned int i, n = DIV_ROUND_UP(sectors, PAGE_SECTORS);
	struct blkif_sring *sring = b->ring.sring;

	req->operation = (u8)op;
	req->u.rw.nr_segments = (u8)n;
	req->u.rw.handle = (blkif_vdev_t)xs_front_id(b->dev);
	req->u.rw.id = rq->tag;
	req->u.rw.sector_number = n ? blk_rq_pos(rq) : 0;
	for (i = 0; i < n; i++, sectors -= min_t(unsigned int, sectors, PAGE_SECTORS)) {
		req->u.rw.seg[i].gref = b->refs[rq->tag * SLOT_PAGES + i];
		req->u.rw.seg[i].first_sect = 0;
		req->u.rw.seg[i].last_sect = (u8)min_t(unsigned int, sectors, PAGE_SECTORS) - 1;
	}
	b->rqs[rq->tag] = rq;
	WRITE_ONCE(b->ring.req_prod_pvt, b->ring.req_prod_pvt + 1);
	if (xs_sring_push(&sring->req_prod, &sring->req_event, b->ring.req_prod_pvt))
		xs_front_signal(b->channel);
}

static blk_status_t queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct xs_blk *b = hctx->queue->queuedata;
	int op = op_of(bd->rq);
	unsigned long irq;
	bool open;

	if (op < 0)
		return BLK_STS_NOTSUPP;
	if (!READ_ONCE(b->open) || (b->read_only && op != BLKIF_OP_READ))
		return BLK_STS_IOERR;
	blk_mq_start_request(bd->rq);
	if (op == BLKIF_OP_WRITE)
		copy_data(b, bd->rq, true);
	spin_lock_irqsave(&b->lock, irq);
	open = b->open;
	if (open)
		put_request(b, bd->rq, op);
	spin_unlock_irqrestore(&b->lock, irq);
	return open ? BLK_STS_OK : BLK_STS_IOERR;
}

static const struct blk_mq_ops blk_ops = { .queue_rq = queue_rq };

/* Takes what is under way in a slot; an operation of -1 fits all. */
static struct request *take_rq(struct xs_blk *b, u64 slot, int op)
{
	struct request *rq = NULL;
	unsigned long irq;

	spin_lock_irqsave(&b->lock, irq);
	if (slot < SLOTS && b->rqs[slot] && (op < 0 || op == op_of(b->rqs[slot])))
		swap(rq, b->rqs[slot]);
	spin_unlock_irqrestore(&b->lock, irq);
	return rq;
}

static void break_off(struct xs_blk *b, const char *why)
{
	struct request *rq;
	unsigned long irq;
	unsigned int i;

	if (xs_front_may_log(b->dev))
		pr_err("%s: the backend is not to be believed: %s\n", xs_front_name(b->dev), why);
	spin_lock_irqsave(&b->lock, irq);
	WRITE_ONCE(b->open, false);
	spin_unlock_irqrestore(&b->lock, irq);
	for (i = 0; i < SLOTS; i++) {
		rq = take_rq(b, i, -1);
		if (rq)
			blk_mq_end_request(rq, BLK_STS_IOERR);
	}
}

static void take_response(struct xs_blk *b)
{
	struct blkif_response rsp;
	struct request *rq;

	RING_COPY_RESPONSE(&b->ring, b->ring.rsp_cons, &rsp);
	b->ring.rsp_cons++;
	rq = take_rq(b, rsp.id, rsp.operation);
	if (!rq) {
		break_off(b, "a response does not fit any request");
		return;
	}
	if (rsp.operation == BLKIF_OP_READ && rsp.status == BLKIF_RSP_OKAY)
		copy_data(b, rq, false);
	blk_mq_end_request(rq, rsp.status == BLKIF_RSP_OKAY ? BLK_STS_OK :
			   rsp.status == BLKIF_RSP_EOPNOTSUPP ? BLK_STS_NOTSUPP : BLK_STS_IOERR);
}

static bool blk_event(struct xs_front_dev *dev)
{
	struct xs_blk *b = xs_front_data(dev);
	RING_IDX prod, cons = b->ring.rsp_cons;
	struct blkif_sring *sring;
	bool more = true;

	while (more && READ_ONCE(b->open)) {
		sring = b->ring.sring;
		prod = READ_ONCE(sring->rsp_prod);
		virt_rmb();	/* with the backend's barrier between response and rsp_prod */
		if (prod - b->ring.rsp_cons > READ_ONCE(b->ring.req_prod_pvt) - b->ring.rsp_cons) {
			break_off(b, "it answers what was not asked");
			break;
		}
		while (b->ring.rsp_cons != prod && READ_ONCE(b->open))
			take_response(b);
		more = xs_sring_more(&sring->rsp_prod, &sring->rsp_event, b->ring.rsp_cons);
	}
	return b->ring.rsp_cons != cons;
}

/* A page outlives the area by the reference of its grant, until the backend has let go of it. */
static void free_data(struct xs_blk *b)
{
	while (b->granted) {
		b->granted--;
		xs_front_end_grant(b->dev, b->refs[b->granted],
				   vmalloc_to_page(b->data + b->granted * PAGE_SIZE));
	}
	vfree(b->data);
	b->data = NULL;
}

static int make_data(struct xs_blk *b)
{
	struct page *page;
	int ref;

	b->data = vzalloc(PAGES * PAGE_SIZE);
	if (!b->data)
		return -ENOMEM;
	while (b->granted < PAGES) {
		page = vmalloc_to_page(b->data + b->granted * PAGE_SIZE);
		ref = gnttab_grant_foreign_access(xs_front_backend_id(b->dev),
						  xen_page_to_gfn(page), 0);
		if (ref < 0)
			return ref;
		get_page(page);
		b->refs[b->granted++] = ref;
	}
	return 0;
}

/* Whoever had the disk before, the kernel's blkfront for one, may have had more of both. */
static int only_one_ring(struct xs_front_dev *dev)
{
	int err = xs_front_key(dev, "multi-queue-num-queues", "1");

	if (!err)
		err = xs_front_no_key(dev, "ring-page-order");
	if (!err)
		err = xs_front_no_key(dev, "ring-ref0");
	return err;
}

static int blk_setup(struct xs_front_dev *dev)
{
	struct xs_blk *b = xs_front_data(dev);
	int err;

	b->channel = xs_front_ring(dev, &(struct xs_front_ring_spec){ });	/* one page */
	if (IS_ERR(b->channel))
		return PTR_ERR(b->channel);
	SHARED_RING_INIT((struct blkif_sring *)b->channel->shared);
	FRONT_RING_INIT(&b->ring, (struct blkif_sring *)b->channel->shared, XEN_PAGE_SIZE);
	err = make_data(b);
	if (!err)
		err = xs_front_key(dev, "protocol", XEN_IO_PROTO_ABI_NATIVE);
	if (!err)
		err = xs_front_key(dev, "feature-persistent", "1");
	if (!err)
		err = only_one_ring(dev);
	if (err)
		free_data(b);
	return err;
}

/* ---- the disk --------------------------------------------------------------------------- */

/* In a work item of its own: it reads partitions, and waits for the backend. */
static void on_add(struct work_struct *work)
{
	struct xs_blk *b = container_of(work, struct xs_blk, add);
	int err = xs_disk_add(b->disk);

	if (err)
		pr_err("%s: no disk: error %d\n", xs_front_name(b->dev), err);
	b->added = !err;
}

static const struct block_device_operations blk_fops = { .owner = THIS_MODULE };

static int make_disk(struct xs_blk *b, const struct xs_disk_limits *limits)
{
	struct gendisk *disk;
	int err;

	b->tags = (struct blk_mq_tag_set){
		.ops = &blk_ops, .nr_hw_queues = 1, .queue_depth = SLOTS,
		.numa_node = NUMA_NO_NODE, .flags = XS_BLK_MQ_FLAGS };
	err = blk_mq_alloc_tag_set(&b->tags);
	if (err)
		return err;
	disk = xs_disk_alloc(&b->tags, limits, b);
	if (IS_ERR(disk)) {
		blk_mq_free_tag_set(&b->tags);
		return PTR_ERR(disk);
	}
	disk->fops = &blk_fops;
	disk->private_data = b;
	snprintf(disk->disk_name, sizeof(disk->disk_name), "xsblk%c", 'a' + b->letter);
	b->disk = disk;
	return 0;
}

/* What the backend says of its disk. Its "sectors" have 512 bytes, whatever their size is. */
static int read_disk(struct xs_blk *b, struct xs_disk_limits *limits)
{
	u32 info, flush = 0;
	const struct xs_front_key keys[] = {
		XS_KEY_U64("sectors", &limits->sectors),
		XS_KEY_U32("info", &info),
		XS_KEY_U32("sector-size", &limits->sector_size),
		XS_KEY_MAYBE_U32("feature-flush-cache", &flush),
	};
	int err = xs_front_read_keys(b->dev, keys, ARRAY_SIZE(keys));
	u32 size = limits->sector_size;

	if (err)
		return err;
	if (!is_power_of_2(size) || size < SECTOR_SIZE || size > PAGE_SIZE ||
	    (b->disk && size != queue_logical_block_size(b->disk->queue)) ||
	    limits->sectors > SECTORS_MAX || limits->sectors % (size / SECTOR_SIZE)) {
		if (xs_front_may_log(b->dev))
			pr_err("%s: %llu sectors of 512 bytes, sector size %u: cannot be\n",
			       xs_front_name(b->dev), limits->sectors, size);
		return -EINVAL;
	}
	limits->max_sectors = SLOT_BYTES / SECTOR_SIZE;
	limits->flush = flush;
	b->read_only = info & VDISK_READONLY;
	return 0;
}

/* Size and mode may change at any time. */
static void show_disk(struct xs_blk *b, const struct xs_disk_limits *limits)
{
	set_disk_ro(b->disk, b->read_only);
	if ((xs_set_capacity(b->disk, limits->sectors) || !b->added) && xs_front_may_log(b->dev))
		pr_info("%s: /dev/%s has %llu sectors of 512 bytes%s\n", xs_front_name(b->dev),
			b->disk->disk_name, limits->sectors, b->read_only ? ", read only" : "");
}

/* What has waited goes on: into the ring, or, where no backend is to come, to its end. */
static void go_on(struct xs_front_dev *dev)
{
	struct xs_blk *b = xs_front_data(dev);

	if (!b->quiet)
		return;
	b->quiet = false;
	blk_mq_unquiesce_queue(b->disk->queue);
	blk_mq_kick_requeue_list(b->disk->queue);
}

/* ---- the frontend ----------------------------------------------------------------------- */

static int blk_connect(struct xs_front_dev *dev)
{
	struct xs_blk *b = xs_front_data(dev);
	struct xs_disk_limits limits = { };
	bool first = !b->disk;
	int err = read_disk(b, &limits) ? : first ? make_disk(b, &limits) : 0;

	if (err)
		return err;
	show_disk(b, &limits);
	WRITE_ONCE(b->open, true);	/* nothing is under way that would mind */
	if (first)
		schedule_work(&b->add);
	go_on(dev);
	return 0;
}

static void blk_changed(struct xs_front_dev *dev)
{
	struct xs_blk *b = xs_front_data(dev);
	struct xs_disk_limits limits = { };

	if (!read_disk(b, &limits))
		show_disk(b, &limits);
}

/* From here on requests wait. */
static void blk_disconnect(struct xs_front_dev *dev)
{
	struct xs_blk *b = xs_front_data(dev);

	blk_mq_quiesce_queue(b->disk->queue);
	b->quiet = true;
	WRITE_ONCE(b->open, false);
}

/* What the backend has not answered is sent anew when it is back. */
static void blk_release(struct xs_front_dev *dev)
{
	struct xs_blk *b = xs_front_data(dev);
	struct request *rq;
	unsigned int i;

	for (i = 0; i < SLOTS; i++) {
		rq = take_rq(b, i, -1);
		if (rq)
			blk_mq_requeue_request(rq, !b->quiet);
	}
	free_data(b);
}

/* In share, disks are the kernel's business, but for those that were named. */
static bool is_ours(unsigned int id)
{
	unsigned int i;

	for (i = 0; i < blk_count; i++)
		if (blk[i] == id)
			return true;
	return !xs_life_shares();
}

/* xvda, xvdb, … by either of their numbers; a partition as a disk of its own has none. */
static int letter_of(unsigned int id)
{
	bool large = id >> 28 == 1;
	unsigned int letter = large ? (id & 0xfffffff) >> 8 : (id & 0xff) >> 4;

	return (large || id >> 8 == 202) && !(id & (large ? 0xff : 0xf)) && letter < LETTERS ?
		(int)letter : -ERANGE;
}

static int blk_probe(struct xs_front_dev *dev)
{
	int letter = letter_of(xs_front_id(dev));
	struct xs_blk *b;

	if (!is_ours(xs_front_id(dev)))
		return -ENODEV;
	if (letter < 0 || test_and_set_bit(letter, &letters)) {
		pr_err("%s: %s\n", xs_front_name(dev), letter < 0 ?
		       "not the number of a whole disk from xvda to xvdz" : "its letter is taken");
		return letter < 0 ? letter : -EEXIST;
	}
	b = kzalloc(sizeof(*b), GFP_KERNEL);
	if (!b) {
		clear_bit(letter, &letters);
		return -ENOMEM;
	}
	b->dev = dev;
	b->letter = letter;
	spin_lock_init(&b->lock);
	INIT_WORK(&b->add, on_add);
	xs_front_set_data(dev, b);
	return 0;
}

/* All that waits ends with errors; then the disk goes. */
static void blk_remove(struct xs_front_dev *dev)
{
	struct xs_blk *b = xs_front_data(dev);

	if (b->disk) {
		go_on(dev);
		cancel_work_sync(&b->add);
		if (b->added)
			del_gendisk(b->disk);
		xs_disk_free(b->disk);
		blk_mq_free_tag_set(&b->tags);
	}
	clear_bit(b->letter, &letters);
	kfree(b);
}

static struct xs_front_driver blk_driver = {
	.type = "vbd",
	.probe = blk_probe,
	.setup = blk_setup,
	.connect = blk_connect,
	.event = blk_event,
	.backend_changed = blk_changed,
	.reconfigure = blk_changed,
	.disconnect = blk_disconnect,
	.release = blk_release,
	.given_up = go_on,
	.remove = blk_remove,
};

/**
 * xs_blk_init() - serve block devices
 *
 * Return: 0 or a negative errno.
 */
int xs_blk_init(void)
{
	return xs_front_register(&blk_driver);
}

/**
 * xs_blk_exit() - the mirror of xs_blk_init()
 */
void xs_blk_exit(void)
{
	xs_front_unregister(&blk_driver);
}
