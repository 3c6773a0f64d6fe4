/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_front.h - frontends, inside of the module. What drivers see is include/xsfront_driver.h.
 *
 *   xs_front.c        which devices are there; drivers; who is told of which event
 *      │ looks at ▲ has gone
 *   xs_device.c       one device's life
 *      │
 *   xs_handshake.c    what it does with its backend
 *      │
 *   xs_front_ring.c   rings, channels, grants      xs_front_keys.c   keys, read and published
 *
 * Locks: xs_front_lock, then dev->view_lock. Neither is held over a round trip to the store or over
 * a driver's call.
 */
#ifndef XS_FRONT_H
#define XS_FRONT_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include "include/xsfront_driver.h"

/* A step that the store has not carried out, or that has failed, is taken again after this. */
#define XS_RETRY_SECONDS	5

#define XS_LINES_A_MINUTE 600	/* of a device in the log */
#define XS_HISTORY	8	/* transitions of a device that are kept */
#define XS_KEY_NAME	48	/* of a key that was not right: as much as is kept */

/**
 * struct xs_front_type - a driver, and its devices
 * @drv: the driver
 * @link: in xs_front_types
 * @watch: on device/<type>
 * @rescan: looks at device/<type> again after the store has failed
 * @devices: those that were found, by number
 * @pass: counts looks at the whole of it
 * @scanned: there was one
 * @leaving: the driver is going away: no new ones
 */
struct xs_front_type {
	struct xs_front_driver *drv;
	struct list_head link;
	struct xs_watch *watch;
	struct delayed_work rescan;
	struct xarray devices;
	unsigned int pass;
	bool scanned, leaving;
};

/**
 * struct xs_front_group - the directory that has backends' directories in it, watched once for all
 * @link: in the list of groups
 * @users: how many devices are in it
 * @setting: held while the watch is being set
 * @watch: on @path; NULL when it could not be set
 * @greeted: its first event has come
 * @path: the directory
 */
struct xs_front_group {
	struct list_head link;
	unsigned int users;
	struct mutex setting;
	struct xs_watch *watch;
	bool greeted;
	char path[];
};

/* What others ask of a device: bits of dev->asked. */
enum xs_front_ask {
	XS_ASK_IDENTIFY,	/* read again who you are */
	XS_ASK_RETRY,		/* what was wrong may be right now: try what has failed again */
	XS_ASK_GONE,		/* your directory is no more: write nothing, and end */
	XS_ASK_LEAVE,		/* your driver is going away: close, and end */
	XS_ASK_END,		/* end now, whatever the backend does */
};

/**
 * struct xs_transition - one that a device has made
 * @at: when, in ns of ktime_get()
 * @front: our state after it
 * @back: the backend's
 */
struct xs_transition {
	u64 at;
	u32 front, back;
};

/**
 * struct xs_front_view - what others may know of a device; a copy can be had at any time
 * @born: when it was found, in ns of ktime_get()
 * @backend: the backend's directory, which lives as long as the device; NULL while it is not known
 * @backend_id: the backend's domain
 * @front: our state
 * @back: the backend's, as read last; ~0 for one that is no number
 * @front_since: since when, in ns of ktime_get()
 * @back_since: since when we know
 * @found: its driver has taken it
 * @connected: data flows
 * @offline: both are closed, and the backend does not want to be called again
 * @refused: the driver does not want it
 * @left_alone: set-up has failed too often
 * @error: of the last step that failed; 0 since one went well
 * @failed: which step that was; NULL before
 * @key: the key of the backend's that was not right
 * @key_error: what is wrong with it: an errno; 0 for none
 * @doing: the driver's call that it is in; NULL for none
 * @doing_since: since when
 * @count: transitions so far
 * @history: the last ones; number n is at n % XS_HISTORY
 */
struct xs_front_view {
	u64 born;
	const char *backend;
	u16 backend_id;
	u32 front, back;
	u64 front_since, back_since;
	bool found, connected, offline, refused, left_alone;
	int error;
	const char *failed;
	char key[XS_KEY_NAME];
	int key_error;
	const char *doing;
	u64 doing_since;
	unsigned int count;
	struct xs_transition history[XS_HISTORY];
};

/**
 * struct xs_front_dev - a device
 * @ref: the type's, and of those who show it
 * @type: its driver
 * @id: as in device/<type>/<id>
 * @node: device/<type>/<id>
 * @asked: what others have asked of it
 * @pass: the last look at device/<type> that has seen it
 * @work: its life: all below up to @data is touched by it alone
 * @stuck: says why it is stuck
 * @lines: how many may go to the log: xs_front_may_log()
 * @backend: the backend's directory; NULL until it is found, then constant
 * @backend_id: the backend's domain
 * @group: whose watch covers the backend's directory
 * @hash: by @backend
 * @rings: what xs_front_ring() has made
 * @keys: what xs_front_key() has made
 * @is_set_up: the driver's setup was called, its release was not
 * @failures: steps in a row that have failed
 * @offered: our keys are published, and no connection has come of them yet
 * @offers: how often that was so since the last connection
 * @maybe_offered: our keys may be published: how the transaction ended is not known
 * @hold: do not begin anew before @not_before
 * @not_before: in jiffies
 * @owed: our state could not be written yet
 * @has_state: our state's node was there when it was read or written last
 * @odd: the last pair of states that made no sense
 * @back_now: the backend's state, as it was when ours was written
 * @data: the driver's
 * @view_lock: guards @view
 * @view: what is known of it
 */
struct xs_front_dev {
	struct kref ref;
	struct xs_front_type *type;
	unsigned int id;
	char *node;
	unsigned long asked;
	unsigned int pass;
	struct delayed_work work;
	struct delayed_work stuck;
	struct ratelimit_state lines;

	char *backend;
	u16 backend_id;
	struct xs_front_group *group;
	struct hlist_node hash;
	struct list_head rings;
	struct list_head keys;
	bool is_set_up;
	unsigned int failures;
	bool offered, maybe_offered, hold;
	unsigned int offers;
	unsigned long not_before;
	bool owed;
	bool has_state;
	unsigned int odd;
	u32 back_now;
	void *data;

	spinlock_t view_lock;
	struct xs_front_view view;
};

/* xs_front.c */
extern struct mutex xs_front_lock;
extern struct list_head xs_front_types;
extern struct workqueue_struct *xs_front_queue;
extern struct xs_handle *xs_front_store;

int xs_front_init(void);
void xs_front_begin(void);
void xs_front_exit(void);
int xs_front_join(struct xs_front_dev *dev);
int xs_front_read_watched(struct xs_front_dev *dev, struct xs_op *ops, unsigned int n);
void xs_front_forget(struct xs_front_dev *dev);
void xs_front_moved(void);
bool xs_front_wait_moved(unsigned int *seen, long timeout);

/* xs_device.c */
struct xs_front_dev *xs_device_new(struct xs_front_type *type, unsigned int id);
void xs_device_put(struct xs_front_dev *dev);
void xs_device_ask(struct xs_front_dev *dev, enum xs_front_ask what);
void xs_device_look(struct xs_front_dev *dev);
void xs_device_look_later(struct xs_front_dev *dev);
int xs_device_call(struct xs_front_dev *dev, int (*fn)(struct xs_front_dev *dev), const char *name);
void xs_device_tell(struct xs_front_dev *dev, void (*fn)(struct xs_front_dev *dev),
		    const char *name);
void xs_device_set_flag(struct xs_front_dev *dev, bool *flag, bool value);
void xs_device_set_states(struct xs_front_dev *dev, u32 front, u32 back);
void xs_device_set_error(struct xs_front_dev *dev, const char *what, int err);
void xs_device_view(struct xs_front_dev *dev, struct xs_front_view *view);
bool xs_device_rests(const struct xs_front_view *view);

static inline bool xs_device_asked(const struct xs_front_dev *dev, enum xs_front_ask what)
{
	return test_bit(what, &dev->asked);
}

/* xs_handshake.c */
void xs_handshake(struct xs_front_dev *dev);
void xs_handshake_let_go(struct xs_front_dev *dev);
void xs_handshake_forgive(struct xs_front_dev *dev, bool anew);

/* xs_front_ring.c */
void xs_front_rings_start(struct xs_front_dev *dev);
void xs_front_rings_stop(struct xs_front_dev *dev);
void xs_front_rings_free(struct xs_front_dev *dev);
void xs_front_grants(unsigned int *now, u64 *ever);
void xs_front_grants_exit(void);

/* xs_front_keys.c */
int xs_front_gather(const char *dir, const struct xs_front_key *keys, unsigned int n, int *errs);
int xs_front_gather_watched(struct xs_front_dev *dev, const struct xs_front_key *keys,
			    unsigned int n, int *errs);
int xs_front_publish(struct xs_front_dev *dev, u32 state, bool with_keys);
void xs_front_keys_cut(struct xs_front_dev *dev, const struct list_head *last);
void xs_front_keys_free(struct xs_front_dev *dev);
bool xs_store_failed(int err);

#endif /* XS_FRONT_H */
