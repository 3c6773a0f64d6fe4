// SPDX-License-Identifier: GPL-2.0
/*
 * xs_frames.c - the recorder: the last messages on the ring, in both directions.
 *
 *                              ┌─▶ tracepoints (xs_trace.h)
 *   xs_conn_pump() ──seen()──▶ ├─▶ latency histogram ──▶ xs_debugfs.c
 *                              └─▶ records, 64 KiB ──▶ text ──▶ debugfs xsfront/frames
 *                                                       ▲
 *                                    one struct reader for each open file
 *
 * A message costs a copy of its header and path; text is made when somebody reads. What is not read
 * in time is pushed out by what is newer, and each reader is told how many.
 *
 * The clock is what can cost: where the hypervisor emulates the TSC, a look at it is a trap, and
 * two of them would be a twentieth of a round trip. So they are rationed: EXACT_BURST messages in a
 * row, refilled by one each jiffy, have exact times and latencies; what is beyond, in a flood, has
 * the time of the last tick and no latency. While somebody follows or traces, all are exact.
 *
 * Values can be secret, so they are not even recorded, unless the module parameter frames_values
 * says so. States of handshakes and the names of errors are no secrets (xs_seen_state()).
 *
 * Who owns what: the records are this file's, for the life of the module; a line of text is its
 * reader's.
 *
 * Locks, outermost first: client.lock (xs_client.c; seen() is called under it, and it guards
 * `sent`, `latency`, `conflicts` and the clock's ration), `lock` (spinlock, interrupts off: the
 * records). reader->lock (mutex: one read(2) of a file at a time) is taken outside of `lock`, and
 * not held while waiting.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include "xs_frames.h"
#include "xs_record.h"

#define CREATE_TRACE_POINTS
#include "xs_trace.h"

#define RECORDS_BYTES	(64 * 1024)
#define EXACT_BURST	256

static bool values;
module_param_named(frames_values, values, bool, 0644);
MODULE_PARM_DESC(frames_values, "record values, too, in debugfs xsfront/frames (default N)");

/**
 * struct frame - a record
 * @ns: when, ktime
 * @who: XS_WHO_*, or a process
 * @type: of the request, also for its reply; XS_WATCH_EVENT
 * @came: type of what came; the same as @type for what was sent
 * @req_id: as it was on the ring
 * @tx_id: as it was on the ring
 * @len: bytes of the payload
 * @us: see struct xs_sight
 * @path_len: bytes of the path
 * @value_len: bytes of the value, or of the error's name, behind it
 * @what: request, reply or event
 * @late: see struct xs_sight
 * @stray: see struct xs_sight
 * @shown: there is a value; it may be empty
 * @text: path and value
 */
struct frame {
	u64 ns;
	u32 who, type, came, req_id, tx_id, len, us;
	u16 path_len, value_len;
	u8 what;
	bool late, stray, shown;
	char text[];
};

#define FRAME_MAX	(sizeof(struct frame) + 2 * XENSTORE_PAYLOAD_MAX)
#define LINE_MAX	(256 + 4 * 2 * XENSTORE_PAYLOAD_MAX)

/**
 * struct reader - an open file
 * @lock: guards what follows
 * @at: its place among the records
 * @headed: the header line was made
 * @len: bytes of @line
 * @done: how many of them were read
 * @frame: what @line is made of
 * @line: text
 */
struct reader {
	struct mutex lock;
	struct xs_cursor at;
	bool headed;
	size_t len, done;
	u8 frame[FRAME_MAX] __aligned(8);
	char line[LINE_MAX];
};

/* What is on its way: a slot's request. @exact: its time is, and its reply's will be. */
struct sent {
	u64 ns;
	u32 id, who, type;
	bool exact;
};

static u64 memory[RECORDS_BYTES / sizeof(u64)];
static struct xs_records records = {
	.bytes = (char *)memory,
	.size = RECORDS_BYTES,
	.oldest = 1,
	.next = 1,
};
static DEFINE_SPINLOCK(lock);
static DECLARE_WAIT_QUEUE_HEAD(more);
static bool following;

static struct sent sent[XS_CONN_SLOTS];
static u32 latency[XS_LATENCY_TYPES][XS_LATENCY_STEPS];
static unsigned long conflicts;
static u64 latest;			/* the time that the last message was given */
static unsigned long latest_at;		/* the tick that it was given in */
static unsigned long ration = EXACT_BURST, rationed_at;

static const struct {
	u32 type;
	const char *name;
} type_names[] = { XS_TYPE_NAMES };

/**
 * xs_type_name() - a message type by name
 * @type: its number
 *
 * Return: the name; NULL for a number that has none.
 */
const char *xs_type_name(u32 type)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(type_names); i++)
		if (type_names[i].type == type)
			return type_names[i].name;
	return NULL;
}

/**
 * xs_who_kind() - the kind of who sent a request
 * @who: see struct xs_req
 *
 * Return: the kind.
 */
enum xs_who_kind xs_who_kind(u32 who)
{
	switch (who) {
	case XS_WHO_MODULE:
		return XS_KIND_MODULE;
	case XS_WHO_KERNEL:
		return XS_KIND_KERNEL;
	case XS_WHO_UNKNOWN:
		return XS_KIND_UNKNOWN;
	}
	return XS_KIND_NODE;
}

/**
 * xs_who_pid() - the process that sent a request by the device node
 * @who: see struct xs_req
 *
 * Return: its number, 0 for all other kinds.
 */
u32 xs_who_pid(u32 who)
{
	return xs_who_kind(who) == XS_KIND_NODE ? who : 0;
}

/**
 * xs_sight_path() - a path as text for a trace
 * @s: the message
 * @path: takes s->path.len + 2 bytes; a hyphen where there is no path
 */
void xs_sight_path(const struct xs_sight *s, char *path)
{
	const char *from = s->path.base;
	u32 i;

	for (i = 0; i < s->path.len; i++)
		path[i] = from[i] > ' ' && from[i] < 0x7f ? from[i] : '?';
	if (!i)
		path[i++] = '-';
	path[i] = '\0';
}

/**
 * xs_sight_result() - what a reply said
 * @s: the reply
 * @result: takes XS_ERROR_MAX bytes: OK, LATE, STRAY, or an error's name
 */
void xs_sight_result(const struct xs_sight *s, char *result)
{
	u32 len = s->nvalue ? min(s->value[0].len, XS_ERROR_MAX - 1) : 0;

	if (s->late || s->stray || s->hdr->type != XS_ERROR || !len) {
		strcpy(result, s->late ? "LATE" : s->stray ? "STRAY" : "OK");
		return;
	}
	memcpy(result, s->value[0].base, len);
	result[len] = '\0';
}

/* ---- seeing ------------------------------------------------------------------------------ */

/* May the clock be looked at, for a message and its reply? */
static bool may_look(void)
{
	unsigned long now = jiffies;

	if (READ_ONCE(following) || trace_xs_request_enabled() || trace_xs_reply_enabled() ||
	    trace_xs_event_enabled())
		return true;
	if (now != rationed_at) {
		ration = min(ration + min(now - rationed_at, (unsigned long)EXACT_BURST),
			     (unsigned long)EXACT_BURST);
		rationed_at = now;
	}
	if (!ration)
		return false;
	ration--;
	return true;
}

/* The time of a message, never before that of another one that was seen before it. */
static u64 time_of(bool exact)
{
	unsigned long tick = jiffies;

	if (exact)
		latest = max_t(u64, latest, ktime_get_ns());
	else if (tick != latest_at)
		latest = max_t(u64, latest, ktime_to_ns(ktime_get_coarse()));
	latest_at = tick;
	return latest;
}

static void count_latency(u32 type, u32 us)
{
	u32 step = us ? ilog2(us) + 1 : 0;

	type = min_t(u32, type, XS_LATENCY_TYPES - 1);
	step = min_t(u32, step, XS_LATENCY_STEPS - 1);
	WRITE_ONCE(latency[type][step], latency[type][step] + 1);
}

/**
 * xs_frames_latency() - how many replies took so long
 * @type: of the request; XS_LATENCY_TYPES - 1 for all that are not below it
 * @step: 0 for below a microsecond, n for 2^(n-1) to 2^n - 1 of them, the last for all beyond
 *
 * Return: the count since the module was loaded.
 */
u32 xs_frames_latency(u32 type, u32 step)
{
	return READ_ONCE(latency[type][step]);
}

/* A commit that the store has refused, since somebody else has changed the same. */
static void count_conflict(const struct xs_sight *s)
{
	if (s->type == XS_TRANSACTION_END && s->hdr->type == XS_ERROR &&
	    s->value[0].len == 6 && !memcmp(s->value[0].base, "EAGAIN", 6))
		WRITE_ONCE(conflicts, conflicts + 1);
}

/**
 * xs_frames_conflicts() - how many commits the store has answered with EAGAIN
 *
 * Return: the count since the module was loaded; each is a transaction to be run again.
 */
unsigned long xs_frames_conflicts(void)
{
	return READ_ONCE(conflicts);
}

static void see_request(struct xs_sight *s, const struct xs_req *req)
{
	struct sent *slot = &sent[s->hdr->req_id & (XS_CONN_SLOTS - 1)];

	s->type = s->hdr->type;
	slot->exact = may_look();
	s->ns = time_of(slot->exact);
	if (req) {
		s->who = req->who;
		s->path = xs_seen_path(&req->out, !req->raw);
		s->nvalue = xs_seen_rest(&req->out, s->path.len, s->value);
	}
	slot->id = s->hdr->req_id;
	slot->ns = s->ns;
	slot->who = s->who;
	slot->type = s->type;
}

static void see_reply(struct xs_sight *s, const struct xs_conn *conn, const struct xs_req *req)
{
	const struct sent *slot = &sent[s->hdr->req_id & (XS_CONN_SLOTS - 1)];
	bool known = !conn->receiving_stray && slot->id == s->hdr->req_id;

	s->type = s->hdr->type;
	s->ns = time_of(known && slot->exact);
	/* What nobody asked is for the kernel, which asked before we came. */
	s->stray = conn->receiving_stray;
	if (s->stray) {
		s->who = XS_WHO_KERNEL;
	} else if (known) {
		s->type = slot->type;
		s->who = slot->who;
	}
	if (known && slot->exact) {
		s->us = (u32)min_t(u64, div_u64(s->ns - slot->ns, NSEC_PER_USEC), XS_NO_TIME - 1);
		count_latency(s->type, s->us);
	}
	s->late = !req && !s->stray;
	if (!req)
		return;
	s->path = xs_seen_path(&req->out, !req->raw);
	s->nvalue = 1;
	if (s->hdr->type == XS_ERROR && !req->raw) {
		s->value[0].base = req->error;
		s->value[0].len = strlen(req->error);
	} else {
		s->value[0].base = req->reply;
		s->value[0].len = min(req->len, req->cap);
		/* An error's name comes with its NUL. */
		if (s->hdr->type == XS_ERROR)
			s->value[0].len = strnlen(req->reply, s->value[0].len);
	}
	count_conflict(s);
}

static void see_event(struct xs_sight *s, const struct xs_conn *conn)
{
	const char *nul = memchr(conn->event_buf, '\0', s->hdr->len);
	u32 len;

	s->type = XS_WATCH_EVENT;
	s->ns = time_of(may_look());
	if (!nul)
		return;
	len = nul - conn->event_buf;
	s->path.base = conn->event_buf;
	s->path.len = len++;
	if (len == s->hdr->len)
		return;
	if (nul[1] == 'x')	/* xs_source.c's tokens begin so */
		s->who = XS_WHO_MODULE;
	else if (conn->stray)
		s->who = XS_WHO_KERNEL;
	s->value[0].base = nul + 1;
	s->value[0].len = s->hdr->len - len;
	s->nvalue = 1;
}

/* Is it the state of a device's end that goes by? Then its digit, else -1. */
static int state_of(const struct xs_sight *s)
{
	const char *digit;

	if (s->nvalue != 1 || s->value[0].len != 1 || s->what == XS_SEEN_EVENT ||
	    s->hdr->type != (s->what == XS_SEEN_REPLY ? XS_READ : XS_WRITE) ||
	    !xs_seen_state(s->path.base, s->path.len))
		return -1;
	digit = s->value[0].base;
	return *digit >= '0' && *digit <= '8' ? *digit - '0' : -1;
}

static bool may_show(const struct xs_sight *s, int state)
{
	return state >= 0 || READ_ONCE(values) ||
		(s->what == XS_SEEN_REPLY && s->hdr->type == XS_ERROR);
}

static void keep(const struct xs_sight *s)
{
	struct frame *f;
	u32 len = 0, i;
	char *at;

	BUILD_BUG_ON(FRAME_MAX > RECORDS_BYTES / 2 - 8);	/* there is always room */
	for (i = 0; i < s->nvalue; i++)
		len += s->value[i].len;
	lockdep_assert_irqs_disabled();
	spin_lock(&lock);
	f = xs_records_put(&records, sizeof(*f) + s->path.len + len);
	f->ns = s->ns;
	f->who = s->who;
	f->type = s->type;
	f->came = s->hdr->type;
	f->req_id = s->hdr->req_id;
	f->tx_id = s->hdr->tx_id;
	f->len = s->hdr->len;
	f->us = s->us;
	f->path_len = s->path.len;
	f->value_len = len;
	f->what = s->what;
	f->late = s->late;
	f->stray = s->stray;
	f->shown = s->nvalue;
	at = f->text;
	memcpy(at, s->path.base, s->path.len);
	at += s->path.len;
	for (i = 0; i < s->nvalue; at += s->value[i++].len)
		memcpy(at, s->value[i].base, s->value[i].len);
	spin_unlock(&lock);
}

/* A message goes by. Called under client.lock, in any context. */
static void seen(struct xs_conn *conn, enum xs_seen what, const struct xs_req *req,
		 const struct xsd_sockmsg *hdr)
{
	struct xs_sight s = {
		.what = what,
		.hdr = hdr,
		.who = XS_WHO_UNKNOWN,
		.us = XS_NO_TIME,
	};
	int state;

	switch (what) {
	case XS_SEEN_REQUEST:
		see_request(&s, req);
		trace_xs_request(&s);
		break;
	case XS_SEEN_REPLY:
		see_reply(&s, conn, req);
		trace_xs_reply(&s);
		break;
	case XS_SEEN_EVENT:
		see_event(&s, conn);
		trace_xs_event(&s);
		break;
	}
	state = state_of(&s);
	if (state >= 0)
		trace_xenbus_state(&s, state);
	if (!may_show(&s, state))
		s.nvalue = 0;
	keep(&s);
	if (READ_ONCE(following) && wq_has_sleeper(&more))
		wake_up(&more);
}

/**
 * xs_frames_attach() - record what goes by on a connection
 * @conn: the connection, before its first message
 *
 * There is one at a time; what was recorded of others before it stays.
 */
void xs_frames_attach(struct xs_conn *conn)
{
	memset(sent, 0, sizeof(sent));
	conn->seen = seen;
}

/* ---- text -------------------------------------------------------------------------------- */

static const char header[] =
	"# xsfront frames 1: number seconds who direction type path req_id tx_id bytes us result "
	"value\n";

static char *put_who(char *at, u32 who)
{
	static const char *const name[] = {
		[XS_KIND_MODULE] = "module",
		[XS_KIND_KERNEL] = "kernel",
		[XS_KIND_UNKNOWN] = "-",
	};
	enum xs_who_kind kind = xs_who_kind(who);

	if (kind == XS_KIND_NODE)
		return at + sprintf(at, "node:%u", who);
	return at + sprintf(at, "%s", name[kind]);
}

static char *put_type(char *at, u32 type)
{
	const char *name = xs_type_name(type);

	return at + (name ? sprintf(at, "%s", name) : sprintf(at, "TYPE_%u", type));
}

/* One word, which is never mistaken for the lack of one. */
static char *put_path(char *at, const struct frame *f)
{
	if (!f->path_len)
		return at + sprintf(at, "-");
	if (f->path_len == 1 && f->text[0] == '-')
		return at + sprintf(at, "\\x2d");
	return at + xs_escape(at, f->text, f->path_len);
}

static char *put_result(char *at, const struct frame *f)
{
	if (f->what != XS_SEEN_REPLY)
		return at + sprintf(at, "-");
	if (f->late)
		return at + sprintf(at, "LATE");
	if (f->stray)
		return at + sprintf(at, "STRAY");
	if (f->came == XS_ERROR)
		return at + (f->value_len ? xs_escape(at, f->text + f->path_len, f->value_len)
					  : (u32)sprintf(at, "ERROR"));
	return at + sprintf(at, f->came == f->type ? "OK" : "WRONG_TYPE");
}

static char *put_value(char *at, const struct frame *f)
{
	bool error = f->what == XS_SEEN_REPLY && f->came == XS_ERROR;

	if (!f->shown || error)
		return at + sprintf(at, "-");
	*at++ = '=';
	return at + xs_escape(at, f->text + f->path_len, f->value_len);
}

/* Makes a line of a frame. Returns its end; LINE_MAX less the line before it is enough. */
static char *put_frame(char *at, const struct frame *f, u64 number)
{
	u32 ns;
	u64 s = div_u64_rem(f->ns, NSEC_PER_SEC, &ns);

	at += sprintf(at, "%llu %llu.%06u ", number, s, ns / 1000);
	at = put_who(at, f->who);
	at += sprintf(at, f->what == XS_SEEN_REQUEST ? " > " : " < ");
	at = put_type(at, f->type);
	*at++ = ' ';
	at = put_path(at, f);
	at += sprintf(at, " %x %u %u ", f->req_id, f->tx_id, f->len);
	at += f->us == XS_NO_TIME ? sprintf(at, "- ") : sprintf(at, "%u ", f->us);
	at = put_result(at, f);
	*at++ = ' ';
	at = put_value(at, f);
	*at++ = '\n';
	return at;
}

/* ---- debugfs xsfront/frames --------------------------------------------------------------- */

static bool has_more(const struct reader *r)
{
	bool is;

	spin_lock_irq(&lock);
	is = r->at.at != records.head;
	spin_unlock_irq(&lock);
	return is;
}

/* Makes the next line, when there is one. Called with reader->lock held. */
static bool next_line(struct reader *r)
{
	const void *record;
	char *at = r->line;
	u64 lost = 0;
	u32 len;

	r->done = 0;
	r->len = 0;
	if (!r->headed) {
		r->headed = true;
		r->len = strlen(strcpy(r->line, header));
		return true;
	}
	spin_lock_irq(&lock);
	record = xs_records_next(&records, &r->at, &len, &lost);
	if (record)
		memcpy(r->frame, record, len);
	spin_unlock_irq(&lock);
	if (!record)
		return false;
	if (lost)
		at += sprintf(at, "# %llu frames were pushed out before they were read\n", lost);
	at = put_frame(at, (const struct frame *)r->frame, r->at.number - 1);
	r->len = at - r->line;
	return true;
}

static ssize_t read_lines(struct reader *r, char __user *buf, size_t count)
{
	size_t done = 0, len;

	while (done < count && (r->done < r->len || next_line(r))) {
		len = min(count - done, r->len - r->done);
		if (copy_to_user(buf + done, r->line + r->done, len))
			return done ? (ssize_t)done : -EFAULT;
		r->done += len;
		done += len;
		cond_resched();
	}
	return done;
}

static ssize_t frames_read(struct file *file, char __user *buf, size_t count, loff_t *pos)
{
	struct reader *r = file->private_data;
	ssize_t n = 0;

	while (count && !n) {
		if (mutex_lock_interruptible(&r->lock))
			return -ERESTARTSYS;
		n = read_lines(r, buf, count);
		mutex_unlock(&r->lock);
		if (n || !READ_ONCE(following))
			break;
		n = -EAGAIN;
		if (!(file->f_flags & O_NONBLOCK))
			n = wait_event_interruptible(more, has_more(r) || !READ_ONCE(following));
	}
	return n;
}

static __poll_t frames_poll(struct file *file, poll_table *wait)
{
	struct reader *r = file->private_data;

	if (!r)			/* open for writing alone, which never waits */
		return EPOLLOUT | EPOLLWRNORM;
	poll_wait(file, &more, wait);
	if (r->done < r->len || has_more(r) || !READ_ONCE(following))
		return EPOLLIN | EPOLLRDNORM;
	return 0;
}

static ssize_t frames_write(struct file *file, const char __user *buf, size_t count, loff_t *pos)
{
	unsigned int on;
	int err = kstrtouint_from_user(buf, count, 0, &on);

	if (err == -EFAULT)
		return err;
	if (err || on > 1) {
		pr_err("frames: neither 1 (readers wait for more) nor 0 (they end)\n");
		return -EINVAL;
	}
	WRITE_ONCE(following, on);
	wake_up_all(&more);
	return count;
}

static int frames_open(struct inode *inode, struct file *file)
{
	struct reader *r = NULL;

	if (file->f_mode & FMODE_READ) {
		r = vzalloc(sizeof(*r));
		if (!r)
			return -ENOMEM;
		mutex_init(&r->lock);
		spin_lock_irq(&lock);
		xs_records_start(&records, &r->at);
		spin_unlock_irq(&lock);
	}
	file->private_data = r;
	return stream_open(inode, file);
}

static int frames_close(struct inode *inode, struct file *file)
{
	vfree(file->private_data);
	return 0;
}

const struct file_operations xs_frames_fops = {
	.owner = THIS_MODULE,
	.open = frames_open,
	.release = frames_close,
	.read = frames_read,
	.write = frames_write,
	.poll = frames_poll,
};
