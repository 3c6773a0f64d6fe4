// SPDX-License-Identifier: GPL-2.0
/*
 * xs_debugfs.c - what the module shows of itself: debugfs xsfront/stats, frames and devices.
 *
 *   xs_client, xs_conn ──counts──┐
 *   xs_frames ──latencies────────┼──▶ stats
 *   xs_dev, xs_source ──counts───┘
 *   xs_frames ──────────────────────▶ frames
 *
 * stats: names and numbers, one a line; no paths, no values, no addresses. Mode 0400. Counts are
 * read one by one while they move, so two of them need not fit each other. A kernel without debugfs
 * loses the files and nothing else.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include "xs_client.h"
#include "xs_debugfs.h"
#include "xs_dev.h"
#include "xs_devices.h"
#include "xs_frames.h"
#include "xs_source.h"

static struct dentry *dir;

static long count(const atomic_long_t *n)
{
	return atomic_long_read(n);
}

static void show_ring(struct seq_file *m, const struct xs_conn_stats *s)
{
	seq_printf(m, "requests %llu\n", s->requests);
	seq_printf(m, "replies %llu\n", s->replies);
	seq_printf(m, "late_replies %llu\n", s->late);
	seq_printf(m, "expired %llu\n", s->expired);
	seq_printf(m, "events %llu\n", s->events);
	seq_printf(m, "bad_events %llu\n", s->bad_events);
	seq_printf(m, "lost_events %llu\n", xs_dev_lost());
	seq_printf(m, "wrong_type_replies %llu\n", s->wrong_type);
	seq_printf(m, "ring_full %llu\n", s->ring_full);
	seq_printf(m, "slots_full %llu\n", s->slots_full);
	seq_printf(m, "bytes_out %llu\n", s->bytes_out);
	seq_printf(m, "bytes_in %llu\n", s->bytes_in);
	seq_printf(m, "bytes_dropped %llu\n", s->dropped);
	seq_printf(m, "in_flight %u\n", s->inflight);
	seq_printf(m, "in_flight_most %u\n", s->inflight_most);
}

static void show_client(struct seq_file *m, const struct xs_client_counts *c)
{
	seq_printf(m, "signals_sent %ld\n", count(&c->signals_sent));
	seq_printf(m, "signals_received %ld\n", count(&c->signals_received));
	seq_printf(m, "wake_ups %ld\n", count(&c->wake_ups));
	seq_printf(m, "timeouts %ld\n", count(&c->timeouts));
	seq_printf(m, "retries %lu\n", xs_frames_conflicts());
	seq_printf(m, "watches %u\n", xs_source_count());
	seq_printf(m, "device_files %u\n", xs_dev_files());
}

static u64 shortest(u32 step)
{
	return step ? 1ull << (step - 1) : 0;
}

/* One line for a type that was answered: how many took from so many microseconds to twice as many. */
static void show_latency(struct seq_file *m, u32 type)
{
	const char *name = type < XS_LATENCY_TYPES - 1 ? xs_type_name(type) : "other";
	bool begun = false;
	u32 step, n;

	for (step = 0; step < XS_LATENCY_STEPS; step++) {
		n = xs_frames_latency(type, step);
		if (!n)
			continue;
		if (!begun && name)
			seq_printf(m, "latency_us %s", name);
		else if (!begun)
			seq_printf(m, "latency_us TYPE_%u", type);
		begun = true;
		seq_printf(m, " %llu:%u", shortest(step), n);
	}
	if (begun)
		seq_putc(m, '\n');
}

static int stats_show(struct seq_file *m, void *unused)
{
	struct xs_conn_stats s;
	u32 type;

	xs_client_stats(&s);
	seq_printf(m, "state %s\n", xs_life_name());
	show_ring(m, &s);
	show_client(m, &xs_client_counts);
	for (type = 0; type < XS_LATENCY_TYPES; type++)
		show_latency(m, type);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

/**
 * xs_debugfs_init() - make the files
 */
void xs_debugfs_init(void)
{
	dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file("stats", 0400, dir, NULL, &stats_fops);
	debugfs_create_file("devices", 0400, dir, NULL, &xs_devices_fops);
	debugfs_create_file("frames", 0600, dir, NULL, &xs_frames_fops);
}

/**
 * xs_debugfs_exit() - the mirror of xs_debugfs_init()
 */
void xs_debugfs_exit(void)
{
	debugfs_remove_recursive(dir);
}
