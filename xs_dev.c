// SPDX-License-Identifier: GPL-2.0
/*
 * xs_dev.c - /dev/xen/xenbus: raw frames in, raw frames out, for libxenstore and its like.
 *
 *   write(2) ─▶ frame, piece by piece ─▶ xs_dev_requests.c ─▶ out ─▶ read(2), poll(2)
 *
 * Each open file is a client of its own that shares this guest's one connection. Requests go out in
 * the order in which they were written. An errno of write(2) means that the bytes are no frame;
 * what the store or we have against a whole one comes as a reply.
 *
 * Bounds, for each file: REQUESTS_MAX requests that have no reply in `out` yet, and REPLIES_BYTES
 * of replies, which count from when they are asked for until they are read; then write(2) waits or
 * says EAGAIN. So it does for a new frame while CLOSED_MAX files that were closed still wait for
 * replies: who opens, asks and closes, again and again, faster than the store answers, would use up
 * the memory else. They wait for a deadline at the most.
 *
 * Locks, outermost first: file->io (mutex: one reader or writer at a time; nobody sleeps for the
 * store under it), client.lock, xs_watch_lock (a reply's done() and a watch's event() run under
 * them), file->lock (spinlock, interrupts off: all lists and counts).
 *
 * Lifetime: a kref; the open file, each request and each queued work hold one. What a closed file
 * leaves at the store is ended by its worker, which holds up nobody.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "xs_dev.h"
#include "xs_dev_impl.h"
#include "xs_transaction.h"

#define REQUESTS_MAX	64
#define REPLIES_BYTES	(1024 * 1024)
#define CLOSED_MAX	16

static struct workqueue_struct *queue;
static atomic_t n_files = ATOMIC_INIT(0);
static atomic_t n_closed = ATOMIC_INIT(0);	/* of n_files */
static DECLARE_WAIT_QUEUE_HEAD(no_files);
static DECLARE_WAIT_QUEUE_HEAD(fewer_closed);

/* ---- life of a file --------------------------------------------------------------------- */

/* Frees a frame that was read, or that nobody will read. */
void xs_message_free(struct message *m)
{
	struct request *r = m->request;

	if (!r) {
		kfree(m);
		return;
	}
	kfree(r->reply);
	kfree(r);
}

static void free_messages(struct list_head *messages)
{
	struct message *m, *next;

	list_for_each_entry_safe(m, next, messages, link)
		xs_message_free(m);
}

static void file_free(struct kref *ref)
{
	struct xs_file *f = container_of(ref, struct xs_file, ref);

	free_messages(&f->out);
	xa_destroy(&f->transactions);
	kfree(f->frame);
	kfree(f);
	if (atomic_dec_return(&n_closed) == CLOSED_MAX - 1)
		wake_up_all(&fewer_closed);
	if (atomic_dec_and_test(&n_files))
		wake_up_all(&no_files);
}

/* Drops a reference: see Lifetime. */
void xs_file_put(struct xs_file *f)
{
	kref_put(&f->ref, file_free);
}

/* Has the worker run, which holds a reference meanwhile. Called with file->lock held. */
void xs_file_wake_worker(struct xs_file *f)
{
	lockdep_assert_held(&f->lock);
	if (queue_work(queue, &f->worker))
		kref_get(&f->ref);
}

/* ---- frames to read(2) ------------------------------------------------------------------ */

static bool readable(struct xs_file *f)
{
	return !list_empty_careful(&f->out);
}

/* Takes the first frame out when all of it was read. Called with file->lock held. */
static struct message *pop_if_read(struct xs_file *f)
{
	struct message *m = list_first_entry(&f->out, struct message, link);

	if (f->out_at < XS_HDR_SIZE + m->hdr.len)
		return NULL;
	list_del(&m->link);
	f->out_at = 0;
	if (m->request) {
		WRITE_ONCE(f->reply_bytes, f->reply_bytes - m->size);
		wake_up_all(&f->wait);	/* writers */
	} else {
		f->event_bytes -= m->size;
	}
	return m;
}

/*
 * Copies from the first frame. Readers take turns by file->io, so that frame stays where it is.
 * Returns bytes copied, 0 when there is nothing.
 */
static ssize_t read_piece(struct xs_file *f, char __user *buf, size_t count)
{
	struct message *m;
	const char *from;
	size_t len;

	spin_lock_irq(&f->lock);
	m = list_first_entry_or_null(&f->out, struct message, link);
	spin_unlock_irq(&f->lock);
	if (!m)
		return 0;
	if (f->out_at < XS_HDR_SIZE) {
		from = (const char *)&m->hdr + f->out_at;
		len = min_t(size_t, count, XS_HDR_SIZE - f->out_at);
	} else {
		from = m->data + (f->out_at - XS_HDR_SIZE);
		len = min_t(size_t, count, XS_HDR_SIZE + m->hdr.len - f->out_at);
	}
	if (copy_to_user(buf, from, len))
		return -EFAULT;
	spin_lock_irq(&f->lock);
	f->out_at += len;
	m = pop_if_read(f);
	spin_unlock_irq(&f->lock);
	if (m)
		xs_message_free(m);
	return len;
}

static ssize_t read_some(struct xs_file *f, char __user *buf, size_t count)
{
	size_t done = 0;
	ssize_t n = 0;

	while (done < count) {
		n = read_piece(f, buf + done, count - done);
		if (n <= 0)
			break;
		done += n;
	}
	return done ? (ssize_t)done : n;
}

static ssize_t xs_dev_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct xs_file *f = file->private_data;
	ssize_t n = 0;

	while (count && !n) {
		if (mutex_lock_interruptible(&f->io))
			return -ERESTARTSYS;
		n = read_some(f, buf, count);
		mutex_unlock(&f->io);
		if (n)
			break;
		n = -EAGAIN;
		if (!(file->f_flags & O_NONBLOCK))
			n = wait_event_interruptible(f->wait, readable(f));
	}
	return n;
}

/* ---- frames from write(2) --------------------------------------------------------------- */

/* Too many closed files are not done yet. */
static bool crowded(void)
{
	return atomic_read(&n_closed) >= CLOSED_MAX;
}

static bool has_room(struct xs_file *f)
{
	return READ_ONCE(f->requests) < REQUESTS_MAX &&
		READ_ONCE(f->reply_bytes) < REPLIES_BYTES && !crowded();
}

/* Waits for some of what has_room() asks for; all of it may take more than one call. */
static int wait_for_room(struct xs_file *f)
{
	if (crowded())
		return wait_event_interruptible(fewer_closed, !crowded());
	return wait_event_interruptible(f->wait, has_room(f) || crowded());
}

static int begin_frame(struct xs_file *f)
{
	struct request *r;

	if (f->hdr.len > XS_PAYLOAD_MAX) {
		f->have = 0;	/* what follows is taken for a new frame */
		return -EINVAL;
	}
	r = kzalloc(struct_size(r, payload, f->hdr.len), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	r->file = f;
	r->hdr = f->hdr;
	f->frame = r;
	return 0;
}

/* Takes bytes of one frame. Returns how many, or a negative errno. Called with file->io held. */
static ssize_t write_piece(struct xs_file *f, const char __user *buf, size_t count)
{
	size_t len = 0;
	char *to;
	int err;

	if (f->have < XS_HDR_SIZE) {
		len = min_t(size_t, count, XS_HDR_SIZE - f->have);
		to = (char *)&f->hdr + f->have;
	} else {
		len = min_t(size_t, count, XS_HDR_SIZE + f->hdr.len - f->have);
		to = f->frame->payload + (f->have - XS_HDR_SIZE);
	}
	if (copy_from_user(to, buf, len))
		return -EFAULT;
	f->have += len;
	if (f->have == XS_HDR_SIZE && !f->frame) {
		err = begin_frame(f);
		if (err) {
			if (f->have)	/* the header's last bytes can be written again */
				f->have -= len;
			return err;
		}
	}
	if (f->frame && f->have == XS_HDR_SIZE + f->hdr.len) {
		xs_file_dispatch(f, f->frame);
		f->frame = NULL;
		f->have = 0;
	}
	return len;
}

/* Takes what there is room for. Returns bytes taken, or a negative errno when that is none. */
static ssize_t write_some(struct xs_file *f, const char __user *buf, size_t count)
{
	size_t done = 0;
	ssize_t n = 0;

	while (done < count && (f->have || has_room(f))) {
		n = write_piece(f, buf + done, count - done);
		if (n < 0)
			break;
		done += n;
	}
	return done ? (ssize_t)done : n;
}

static ssize_t xs_dev_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct xs_file *f = file->private_data;
	size_t done = 0;
	ssize_t n = 0;

	while (done < count) {
		if (mutex_lock_interruptible(&f->io)) {
			n = -ERESTARTSYS;
			break;
		}
		n = write_some(f, buf + done, count - done);
		mutex_unlock(&f->io);
		if (n < 0)
			break;
		done += n;
		if (done == count)
			break;
		n = -EAGAIN;
		if (!(file->f_flags & O_NONBLOCK))
			n = wait_for_room(f);
		if (n)
			break;
	}
	return done ? (ssize_t)done : n;
}

/* ---- the character device --------------------------------------------------------------- */

static __poll_t xs_dev_poll(struct file *file, poll_table *wait)
{
	struct xs_file *f = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &f->wait, wait);
	poll_wait(file, &fewer_closed, wait);
	if (readable(f))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (has_room(f))
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}

static int xs_dev_open(struct inode *inode, struct file *file)
{
	struct xs_file *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	kref_init(&f->ref);
	spin_lock_init(&f->lock);
	init_waitqueue_head(&f->wait);
	INIT_LIST_HEAD(&f->out);
	INIT_LIST_HEAD(&f->todo);
	INIT_LIST_HEAD(&f->watches);
	INIT_WORK(&f->worker, xs_file_work);
	xa_init_flags(&f->transactions, XA_FLAGS_LOCK_IRQ);	/* on_done() changes it */
	mutex_init(&f->io);
	f->pid = task_tgid_nr(current);
	atomic_inc(&n_files);
	file->private_data = f;
	return stream_open(inode, file);
}

static int xs_dev_close(struct inode *inode, struct file *file)
{
	struct xs_file *f = file->private_data;
	LIST_HEAD(unread);

	atomic_inc(&n_closed);
	spin_lock_irq(&f->lock);
	WRITE_ONCE(f->closed, true);
	list_splice_init(&f->out, &unread);
	xs_file_wake_worker(f);
	spin_unlock_irq(&f->lock);
	free_messages(&unread);
	xs_tx_look();	/* the worker may wait for one */
	xs_file_put(f);
	return 0;
}

static const struct file_operations xs_dev_fops = {
	.owner = THIS_MODULE,
	.open = xs_dev_open,
	.release = xs_dev_close,
	.read = xs_dev_read,
	.write = xs_dev_write,
	.poll = xs_dev_poll,
};

static struct miscdevice xs_dev = {
	.minor = MISC_DYNAMIC_MINOR,
	.fops = &xs_dev_fops,
	.mode = 0600,
};

/**
 * xs_dev_files() - how many files are open, or closed and not cleaned up yet
 *
 * Return: the count.
 */
unsigned int xs_dev_files(void)
{
	return atomic_read(&n_files);
}

/**
 * xs_dev_init() - make the device node
 *
 * /dev/xen/xenbus, where libxenstore finds it by itself: on own attach the name is free, since the
 * kernel's node and its xenbus are made by initcalls of the same name. In a share the name is the
 * kernel's, and ours is /dev/xen/xsfront.
 *
 * Return: 0 or a negative errno.
 */
int xs_dev_init(void)
{
	int err;

	queue = alloc_workqueue("xsfront_dev", WQ_UNBOUND, 0);
	if (!queue)
		return -ENOMEM;
	xs_dev.name = xs_life_shares() ? "xen/xsfront" : "xen/xenbus";
	err = misc_register(&xs_dev);
	if (err) {
		pr_err("cannot make /dev/%s: error %d\n", xs_dev.name, err);
		destroy_workqueue(queue);
	}
	return err;
}

/**
 * xs_dev_exit() - the mirror of xs_dev_init()
 *
 * No file is open (the module would be in use). Waits for what closed files leave behind; each of
 * their requests has a deadline.
 */
void xs_dev_exit(void)
{
	misc_deregister(&xs_dev);
	wait_event(no_files, !atomic_read(&n_files));
	destroy_workqueue(queue);
}
