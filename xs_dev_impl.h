/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_dev_impl.h - an open file of the device node, for the files that work on it: xs_dev.c (the
 * node, and bytes to and from programs) and xs_dev_requests.c (what the frames ask for).
 */
#ifndef XS_DEV_IMPL_H
#define XS_DEV_IMPL_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include "xs_client.h"

/**
 * struct message - a frame for read(2)
 * @link: in file->out
 * @hdr: its header
 * @data: its payload
 * @size: what it counts against EVENTS_BYTES or REPLIES_BYTES: the memory that it holds
 * @request: what it is the reply to, which it is a part of; NULL for an event, which stands alone
 */
struct message {
	struct list_head link;
	struct xsd_sockmsg hdr;
	const char *data;
	size_t size;
	struct request *request;
};

/**
 * struct request - a frame from write(2), and then its reply
 * @link: in file->todo
 * @file: whose it is
 * @req: what travels
 * @hdr: the header as it was written
 * @msg: the reply
 * @reply: the reply's payload, allocated
 * @payload: the request's
 */
struct request {
	struct list_head link;
	struct xs_file *file;
	struct xs_req req;
	struct xsd_sockmsg hdr;
	struct message msg;
	char *reply;
	char payload[];
};

/**
 * struct xs_file - an open file
 * @ref: see the top of xs_dev.c
 * @lock: guards lists and counts
 * @wait: readers and writers
 * @out: frames for read(2), replies and events in the order in which they came
 * @out_at: bytes of the first of them that were read already
 * @event_bytes: unread events, in bytes
 * @reply_bytes: replies that are to come or unread, in bytes
 * @requests: requests that have no reply in @out yet
 * @todo: frames that wait for the worker
 * @working: the worker has taken something from @todo, or will
 * @closed: nobody reads any more
 * @lossy: an event was lost
 * @worker: does @todo, and cleans up after the file was closed
 * @watches: the worker's
 * @nwatches: how many
 * @transactions: ids that this file has open; the worker and done() change it
 * @io: guards @out_at and what follows, the frame that is being written
 * @hdr: its header
 * @have: bytes of it
 * @frame: the request that it becomes
 * @pid: who opened it, for messages
 */
struct xs_file {
	struct kref ref;
	spinlock_t lock;
	wait_queue_head_t wait;
	struct list_head out;
	size_t out_at;
	size_t event_bytes;
	size_t reply_bytes;
	unsigned int requests;
	struct list_head todo;
	bool working, closed, lossy;
	struct work_struct worker;
	struct list_head watches;
	unsigned int nwatches;
	struct xarray transactions;

	struct mutex io;
	struct xsd_sockmsg hdr;
	u32 have;
	struct request *frame;
	pid_t pid;
};

/* xs_dev.c */
void xs_file_put(struct xs_file *f);
void xs_file_wake_worker(struct xs_file *f);
void xs_message_free(struct message *m);

/* xs_dev_requests.c */
void xs_file_dispatch(struct xs_file *f, struct request *r);
void xs_file_work(struct work_struct *work);

#endif /* XS_DEV_IMPL_H */
