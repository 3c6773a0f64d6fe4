/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_frames.h - what goes by on the ring: the recorder, and what xs_trace.h makes events of.
 */
#ifndef XS_FRAMES_H
#define XS_FRAMES_H

#include <linux/fs.h>
#include "xs_conn.h"

/* Message types by number (docs/misc/xenstore.txt), for tables and __print_symbolic(). */
#define XS_TYPE_NAMES \
	{ 0, "CONTROL" }, { 1, "DIRECTORY" }, { 2, "READ" }, { 3, "GET_PERMS" }, \
	{ 4, "WATCH" }, { 5, "UNWATCH" }, { 6, "TRANSACTION_START" }, { 7, "TRANSACTION_END" }, \
	{ 8, "INTRODUCE" }, { 9, "RELEASE" }, { 10, "GET_DOMAIN_PATH" }, { 11, "WRITE" }, \
	{ 12, "MKDIR" }, { 13, "RM" }, { 14, "SET_PERMS" }, { 15, "WATCH_EVENT" }, \
	{ 16, "ERROR" }, { 17, "IS_DOMAIN_INTRODUCED" }, { 18, "RESUME" }, \
	{ 19, "SET_TARGET" }, { 21, "RESET_WATCHES" }, { 22, "DIRECTORY_PART" }, \
	{ 23, "GET_FEATURE" }, { 24, "SET_FEATURE" }, { 25, "GET_QUOTA" }, { 26, "SET_QUOTA" }

/* How often replies took how long: see xs_frames_latency(). */
#define XS_LATENCY_TYPES	28	/* the last is for all types beyond */
#define XS_LATENCY_STEPS	28	/* the last: 2^26 microseconds, 67 s, and more */

/* Who, as it is shown. */
enum xs_who_kind {
	XS_KIND_MODULE,
	XS_KIND_KERNEL,
	XS_KIND_NODE,		/* a process, by the device node */
	XS_KIND_UNKNOWN,	/* the request was abandoned; or the event is nobody's of ours */
};

#define XS_WHO_NAMES \
	{ XS_KIND_MODULE, "module" }, { XS_KIND_KERNEL, "kernel" }, { XS_KIND_NODE, "node" }, \
	{ XS_KIND_UNKNOWN, "-" }

#define XS_WHO_UNKNOWN	(~0u - 1)	/* beside XS_WHO_MODULE and XS_WHO_KERNEL */

#define XS_STATE_NAMES \
	{ 0, "Unknown" }, { 1, "Initialising" }, { 2, "InitWait" }, { 3, "Initialised" }, \
	{ 4, "Connected" }, { 5, "Closing" }, { 6, "Closed" }, { 7, "Reconfiguring" }, \
	{ 8, "Reconfigured" }

#define XS_NO_TIME	(~0u)

/**
 * struct xs_sight - a message that goes by
 * @what: request, reply or event
 * @hdr: its header
 * @ns: when, ktime; in a flood of messages the time of the last tick
 * @who: XS_WHO_*, or a process
 * @type: of the request, also for its reply
 * @us: what the reply took, microseconds, XS_NO_TIME where that was not measured
 * @path: what it is about; not NUL-terminated
 * @value: what else it carries that may be shown; an error's name
 * @nvalue: how many pieces
 * @late: a reply whose request was abandoned
 * @stray: a reply to what the kernel asked before the connection was ours
 */
struct xs_sight {
	enum xs_seen what;
	const struct xsd_sockmsg *hdr;
	u64 ns;
	u32 who;
	u32 type;
	u32 us;
	struct xs_vec path;
	struct xs_vec value[XS_OUT_VECS];
	u32 nvalue;
	bool late, stray;
};

enum xs_who_kind xs_who_kind(u32 who);
u32 xs_who_pid(u32 who);
void xs_sight_path(const struct xs_sight *s, char *path);
void xs_sight_result(const struct xs_sight *s, char *result);

void xs_frames_attach(struct xs_conn *conn);
const char *xs_type_name(u32 type);
u32 xs_frames_latency(u32 type, u32 step);
unsigned long xs_frames_conflicts(void);

extern const struct file_operations xs_frames_fops;

#endif /* XS_FRAMES_H */
