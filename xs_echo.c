// SPDX-License-Identifier: GPL-2.0
/*
 * xs_echo.c - the demo driver: /dev/xsecho<N> gives back what is written to it, through a backend.
 *
 *   write(2) ─▶ requests ─┐ shared ┌─▶ backend
 *                         │  page  │      │ the same bytes
 *   read(2) ◀─ responses ─┘        └──────┘
 *
 * A stream of bytes, like a pipe through another domain. What the backend has sent back stays in
 * the ring until somebody reads it, so the ring is all the memory that there is: a writer waits (or
 * gets EAGAIN) when it is full, a reader when it is empty.
 *
 * /dev/xsecho<N> is there while the device is Connected. Each connection is a struct echo of its
 * own: one whose backend has gone answers ENODEV to those who still have it open.
 *
 * Trust: nothing that the backend writes is believed. The index that it moves is read once and must
 * not pass our requests; a response is copied out before it is looked at, and must have the id and
 * the length of the request that it answers. Else the connection is broken: EIO, said once.
 *
 * Locks: echo->write serialises writers, echo->read readers (mutexes; user memory is touched under
 * them, nobody sleeps for the peer under them). Requests are produced under write, responses
 * consumed under read. Inside read, echo->index guards rsp_cons and the rsp_event made of it: a
 * reader that asks for an event with an old rsp_cons would miss the next one. All three are taken
 * once by disconnect after it has said that the echo is dead: who has seen it alive under one of
 * them has left the ring by then.
 * So a user whose memory does not come, from a userfaultfd that nobody serves, holds up the close
 * of the device that it uses. A driver that more depends on copies through memory of its own.
 *
 * Lifetime: a kref; the connection holds one, each open file one. The ring is the core's.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/xarray.h>
#include <xen/page.h>
#include "include/xsecho.h"
#include "include/xsfront_driver.h"
#include "xs_compat.h"
#include "xs_echo.h"
#include "xs_sring.h"

#define ECHO_MINORS	256

/**
 * struct echo - one connection
 * @ref: the connection's and the open files'
 * @dev: its device; valid while it is connected
 * @channel: what the core has made for us
 * @ring: our view of the ring in it
 * @write: serialises writers
 * @read: serialises readers
 * @index: guards ring.rsp_cons and the shared rsp_event; see above for @dead
 * @seen: the responses that there were at the last event; the handler's
 * @wait: readers and writers that wait
 * @lens: the length of each request, by its slot
 * @msg: the response that is being read; guarded by @read
 * @at: how much of it has been read
 * @left: how much of it has not
 * @dead: the backend has gone, or must not be believed
 * @broken: the latter
 */
struct echo {
	struct kref ref;
	struct xs_front_dev *dev;
	struct xs_front_ring *channel;
	struct xsecho_front_ring ring;
	struct mutex write;
	struct mutex read;
	spinlock_t index;
	RING_IDX seen;
	wait_queue_head_t wait;
	u16 lens[64];
	struct xsecho_msg msg;
	unsigned int at, left;
	bool dead, broken;
};

static struct class *echo_class;
static dev_t echo_region;
static struct cdev echo_cdev;

/* Who is connected, by minor; what makes open() and disconnect agree. */
static DEFINE_XARRAY(connected);

static void echo_free(struct kref *ref)
{
	struct echo *e = container_of(ref, struct echo, ref);

	kfree(e);
}

static struct echo *echo_find(unsigned int minor)
{
	struct echo *e;

	xa_lock(&connected);
	e = xa_load(&connected, minor);
	if (e)
		kref_get(&e->ref);
	xa_unlock(&connected);
	return e;
}

static int why_dead(const struct echo *e)
{
	return READ_ONCE(e->broken) ? -EIO : -ENODEV;
}

static ssize_t break_off(struct echo *e, const char *why)
{
	if (!e->broken && xs_front_may_log(e->dev))
		pr_err("%s: the backend is not to be believed: %s\n",
		       xs_front_name(e->dev), why);
	WRITE_ONCE(e->broken, true);
	WRITE_ONCE(e->dead, true);
	wake_up_all(&e->wait);
	return -EIO;
}

/* ---- the ring --------------------------------------------------------------------------- */

static bool can_write(struct echo *e)
{
	/* Pairs with take_message(): a slot is ours again when its response has been copied out. */
	return READ_ONCE(e->dead) ||
		e->ring.req_prod_pvt - smp_load_acquire(&e->ring.rsp_cons) < RING_SIZE(&e->ring);
}

/* Asks for an event when there is nothing, and looks once more after that. */
static bool can_read(struct echo *e)
{
	bool more = true;

	if (READ_ONCE(e->left))
		return true;
	spin_lock(&e->index);
	if (!READ_ONCE(e->dead))
		more = xs_sring_more(&e->ring.sring->rsp_prod, &e->ring.sring->rsp_event,
				     e->ring.rsp_cons);
	spin_unlock(&e->index);
	return more;
}

static bool echo_event(struct xs_front_dev *dev)
{
	struct echo *e = xs_front_data(dev);
	RING_IDX prod = READ_ONCE(e->ring.sring->rsp_prod);
	bool news = prod != e->seen;

	e->seen = prod;
	wake_up_all(&e->wait);
	return news;
}

/* Puts one message into the ring. Called under e->write, with room. */
static int put_message(struct echo *e, const char __user *from, size_t len)
{
	struct xsecho_msg *req = RING_GET_REQUEST(&e->ring, e->ring.req_prod_pvt);

	if (copy_from_user(req->bytes, from, len))
		return -EFAULT;
	req->id = (u16)e->ring.req_prod_pvt;
	req->len = (u16)len;
	e->lens[e->ring.req_prod_pvt % ARRAY_SIZE(e->lens)] = (u16)len;
	WRITE_ONCE(e->ring.req_prod_pvt, e->ring.req_prod_pvt + 1);
	return 0;
}

static void show_messages(struct echo *e)
{
	struct xsecho_sring *sring = e->ring.sring;

	if (xs_sring_push(&sring->req_prod, &sring->req_event, e->ring.req_prod_pvt))
		xs_front_signal(e->channel);
}

/* Takes the next response out of the ring, if one is there. Called under e->read. */
static ssize_t take_message(struct echo *e)
{
	RING_IDX prod = READ_ONCE(e->ring.sring->rsp_prod), cons = e->ring.rsp_cons;
	u16 expected;

	if (prod - cons > READ_ONCE(e->ring.req_prod_pvt) - cons)
		return break_off(e, "it answers what was not asked");
	if (prod == cons)
		return 0;
	virt_rmb();	/* with the backend's barrier between response and rsp_prod */
	RING_COPY_RESPONSE(&e->ring, cons, &e->msg);
	expected = e->lens[cons % ARRAY_SIZE(e->lens)];
	if (e->msg.id != (u16)cons || e->msg.len != expected)
		return break_off(e, "a response does not fit its request");
	spin_lock(&e->index);
	smp_store_release(&e->ring.rsp_cons, cons + 1);
	spin_unlock(&e->index);
	e->at = 0;
	WRITE_ONCE(e->left, e->msg.len);
	wake_up_all(&e->wait);		/* there is room for a request */
	return e->left;
}

/* ---- the character device --------------------------------------------------------------- */

static int echo_open(struct inode *inode, struct file *file)
{
	file->private_data = echo_find(iminor(inode));
	return file->private_data ? stream_open(inode, file) : -ENODEV;
}

static int echo_close(struct inode *inode, struct file *file)
{
	struct echo *e = file->private_data;

	kref_put(&e->ref, echo_free);
	return 0;
}

/* Puts what fits. Returns bytes put, or a negative errno when that is none. */
static ssize_t write_some(struct echo *e, const char __user *buf, size_t count)
{
	size_t done = 0, len;
	int err = 0;

	while (done < count && !READ_ONCE(e->dead) && can_write(e)) {
		len = min_t(size_t, count - done, XSECHO_BYTES);
		err = put_message(e, buf + done, len);
		if (err)
			break;
		done += len;
	}
	if (done)
		show_messages(e);
	if (READ_ONCE(e->dead))
		err = why_dead(e);
	return done ? (ssize_t)done : err;
}

static ssize_t echo_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	struct echo *e = file->private_data;
	size_t done = 0;
	ssize_t n = 0;

	while (done < count) {
		if (mutex_lock_interruptible(&e->write)) {
			n = -ERESTARTSYS;
			break;
		}
		n = write_some(e, buf + done, count - done);
		mutex_unlock(&e->write);
		if (n < 0)
			break;
		done += n;
		if (done == count)
			break;
		n = -EAGAIN;
		if (!(file->f_flags & O_NONBLOCK))
			n = wait_event_interruptible(e->wait, can_write(e));
		if (n)
			break;
	}
	return done ? (ssize_t)done : n;
}

/* Reads what is there. Returns bytes read, or a negative errno when that is none. */
static ssize_t read_some(struct echo *e, char __user *buf, size_t count)
{
	size_t done = 0, len;
	ssize_t n = 0;

	while (done < count) {
		if (!e->left) {
			n = READ_ONCE(e->dead) ? why_dead(e) : take_message(e);
			if (n <= 0)
				break;
		}
		len = min_t(size_t, count - done, e->left);
		if (copy_to_user(buf + done, e->msg.bytes + e->at, len)) {
			n = -EFAULT;
			break;
		}
		e->at += len;
		WRITE_ONCE(e->left, e->left - len);
		done += len;
	}
	return done ? (ssize_t)done : n;
}

static ssize_t echo_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct echo *e = file->private_data;
	ssize_t n = 0;

	while (count && !n) {
		if (mutex_lock_interruptible(&e->read))
			return -ERESTARTSYS;
		n = read_some(e, buf, count);
		mutex_unlock(&e->read);
		if (n)
			break;
		n = -EAGAIN;
		if (!(file->f_flags & O_NONBLOCK))
			n = wait_event_interruptible(e->wait, can_read(e));
	}
	return n;
}

static __poll_t echo_poll(struct file *file, poll_table *wait)
{
	struct echo *e = file->private_data;
	__poll_t mask = 0;

	poll_wait(file, &e->wait, wait);
	if (can_read(e))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (can_write(e))
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (READ_ONCE(e->dead))
		mask |= EPOLLHUP | EPOLLERR;
	return mask;
}

static const struct file_operations echo_fops = {
	.owner = THIS_MODULE,
	.open = echo_open,
	.release = echo_close,
	.read = echo_read,
	.write = echo_write,
	.poll = echo_poll,
};

/* ---- the frontend ----------------------------------------------------------------------- */

static int echo_probe(struct xs_front_dev *dev)
{
	if (xs_front_id(dev) >= ECHO_MINORS) {
		pr_err("%s: only numbers below %u are served\n", xs_front_name(dev), ECHO_MINORS);
		return -ERANGE;
	}
	return 0;
}

static int echo_setup(struct xs_front_dev *dev)
{
	const struct xs_front_ring_spec one_page = { };
	struct echo *e = kzalloc(sizeof(*e), GFP_KERNEL);
	struct xsecho_sring *sring;

	if (!e)
		return -ENOMEM;
	e->channel = xs_front_ring(dev, &one_page);
	if (IS_ERR(e->channel)) {
		int err = PTR_ERR(e->channel);

		kfree(e);
		return err;
	}
	kref_init(&e->ref);
	mutex_init(&e->write);
	mutex_init(&e->read);
	spin_lock_init(&e->index);
	init_waitqueue_head(&e->wait);
	e->dev = dev;
	sring = e->channel->shared;
	SHARED_RING_INIT(sring);
	FRONT_RING_INIT(&e->ring, sring, e->channel->size);
	BUILD_BUG_ON(__CONST_RING_SIZE(xsecho, XEN_PAGE_SIZE) > ARRAY_SIZE(e->lens));
	xs_front_set_data(dev, e);
	return 0;
}

/* No new users, and those that there are see that the backend has gone. */
static void drop_users(struct echo *e, unsigned int minor)
{
	xa_erase(&connected, minor);
	WRITE_ONCE(e->dead, true);
	wake_up_all(&e->wait);
	/* Whoever was in the ring has left it when all three were ours once. */
	mutex_lock(&e->write);
	mutex_unlock(&e->write);
	mutex_lock(&e->read);
	mutex_unlock(&e->read);
	spin_lock(&e->index);
	spin_unlock(&e->index);
}

static int echo_connect(struct xs_front_dev *dev)
{
	struct echo *e = xs_front_data(dev);
	unsigned int minor = xs_front_id(dev);
	struct device *node;
	int err = xa_err(xa_store(&connected, minor, e, GFP_KERNEL));

	if (err)
		return err;
	node = device_create(echo_class, NULL, MKDEV(MAJOR(echo_region), minor), NULL,
			     "xsecho%u", minor);
	if (!IS_ERR(node))
		return 0;
	drop_users(e, minor);	/* a node that somebody has made by hand can be open already */
	return PTR_ERR(node);
}

static void echo_disconnect(struct xs_front_dev *dev)
{
	struct echo *e = xs_front_data(dev);
	unsigned int minor = xs_front_id(dev);

	device_destroy(echo_class, MKDEV(MAJOR(echo_region), minor));
	drop_users(e, minor);
}

static void echo_release(struct xs_front_dev *dev)
{
	struct echo *e = xs_front_data(dev);

	xs_front_set_data(dev, NULL);
	kref_put(&e->ref, echo_free);
}

static struct xs_front_driver echo_driver = {
	.type = XSECHO_TYPE,
	.probe = echo_probe,
	.setup = echo_setup,
	.connect = echo_connect,
	.event = echo_event,
	.disconnect = echo_disconnect,
	.release = echo_release,
};

/* ---- start and stop --------------------------------------------------------------------- */

/**
 * xs_echo_init() - serve all echo devices
 *
 * Return: 0 or a negative errno.
 */
int xs_echo_init(void)
{
	int err = alloc_chrdev_region(&echo_region, 0, ECHO_MINORS, "xsecho");

	if (err)
		return err;
	echo_class = xs_class_create("xsecho");
	err = PTR_ERR_OR_ZERO(echo_class);
	if (err)
		goto err_class;
	cdev_init(&echo_cdev, &echo_fops);
	echo_cdev.owner = THIS_MODULE;
	err = cdev_add(&echo_cdev, echo_region, ECHO_MINORS);
	if (err)
		goto err_cdev;
	err = xs_front_register(&echo_driver);
	if (err)
		goto err_register;
	return 0;

err_register:
	cdev_del(&echo_cdev);
err_cdev:
	class_destroy(echo_class);
err_class:
	unregister_chrdev_region(echo_region, ECHO_MINORS);
	return err;
}

/**
 * xs_echo_exit() - the mirror of xs_echo_init()
 */
void xs_echo_exit(void)
{
	xs_front_unregister(&echo_driver);
	cdev_del(&echo_cdev);
	class_destroy(echo_class);
	unregister_chrdev_region(echo_region, ECHO_MINORS);
}
