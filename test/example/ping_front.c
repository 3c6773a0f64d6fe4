// SPDX-License-Identifier: GPL-2.0
/* ping_front.c - a whole frontend: it says hello to its backend, and logs what comes back. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/err.h>
#include <linux/module.h>
#include "../../include/xsecho.h"
#include "../../include/xsfront_driver.h"

struct ping {
	struct xs_front_ring *pages;		/* made, granted and freed by xsfront */
	struct xsecho_front_ring ring;		/* our view of them: Xen's io/ring.h */
};

static int ping_probe(struct xs_front_dev *dev)
{
	xs_front_set_data(dev, kzalloc(sizeof(struct ping), GFP_KERNEL));
	return xs_front_data(dev) ? 0 : -ENOMEM;
}

static int ping_setup(struct xs_front_dev *dev)
{
	const struct xs_front_ring_spec one_page = { };
	struct ping *ping = xs_front_data(dev);
	struct xsecho_sring *sring;

	ping->pages = xs_front_ring(dev, &one_page);
	if (IS_ERR(ping->pages))
		return PTR_ERR(ping->pages);
	sring = ping->pages->shared;
	SHARED_RING_INIT(sring);
	FRONT_RING_INIT(&ping->ring, sring, ping->pages->size);
	return xs_front_key(dev, "greeting", "%s", "hello");
}

static int ping_connect(struct xs_front_dev *dev)
{
	struct ping *ping = xs_front_data(dev);
	struct xsecho_msg *msg = RING_GET_REQUEST(&ping->ring, ping->ring.req_prod_pvt++);

	msg->id = 1;
	msg->len = scnprintf(msg->bytes, XSECHO_BYTES, "hello from %s", xs_front_name(dev));
	RING_PUSH_REQUESTS(&ping->ring);
	xs_front_signal(ping->pages);
	return 0;
}

static bool ping_event(struct xs_front_dev *dev)
{
	struct xsecho_front_ring *ring = &((struct ping *)xs_front_data(dev))->ring;
	RING_IDX prod = READ_ONCE(ring->sring->rsp_prod);	/* once: it may change its mind */
	struct xsecho_msg msg;

	if (prod == ring->rsp_cons || prod - ring->rsp_cons > RING_SIZE(ring))
		return false;
	virt_rmb();						/* then what is behind it */
	RING_COPY_RESPONSE(ring, ring->rsp_cons++, &msg);
	pr_info("%s: %.*s\n", xs_front_name(dev), min_t(int, msg.len, XSECHO_BYTES), msg.bytes);
	ring->sring->rsp_event = ring->rsp_cons + 1;
	return true;
}

static void ping_remove(struct xs_front_dev *dev)
{
	kfree(xs_front_data(dev));
}

static struct xs_front_driver ping_driver = {
	.type = "ping", .probe = ping_probe, .setup = ping_setup, .connect = ping_connect,
	.event = ping_event, .remove = ping_remove,
};


module_xs_front_driver(ping_driver);
MODULE_DESCRIPTION("The example of doc/frontend.md");
MODULE_AUTHOR("The xsfront developers");
MODULE_LICENSE("GPL");
