// SPDX-License-Identifier: GPL-2.0
/*
 * xs_debugfs.c - what the module shows of itself: debugfs xsfront/stats.
 *
 * Names and numbers, one a line; no paths, no values, no addresses. Mode 0400. A kernel without
 * debugfs loses the file and nothing else.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include "xs_client.h"
#include "xs_debugfs.h"
#include "xs_dev.h"
#include "xs_frames.h"
#include "xs_source.h"

static struct dentry *dir;

static int stats_show(struct seq_file *m, void *unused)
{
	struct xs_conn_stats s;

	xs_client_stats(&s);
	seq_printf(m, "state %s\n", xs_life_name());
	seq_printf(m, "requests %llu\n", s.requests);
	seq_printf(m, "replies %llu\n", s.replies);
	seq_printf(m, "late_replies %llu\n", s.late);
	seq_printf(m, "expired %llu\n", s.expired);
	seq_printf(m, "events %llu\n", s.events);
	seq_printf(m, "bad_events %llu\n", s.bad_events);
	seq_printf(m, "lost_events %llu\n", xs_dev_lost());
	seq_printf(m, "wrong_type_replies %llu\n", s.wrong_type);
	seq_printf(m, "ring_full %llu\n", s.ring_full);
	seq_printf(m, "slots_full %llu\n", s.slots_full);
	seq_printf(m, "bytes_out %llu\n", s.bytes_out);
	seq_printf(m, "bytes_in %llu\n", s.bytes_in);
	seq_printf(m, "bytes_dropped %llu\n", s.dropped);
	seq_printf(m, "in_flight %u\n", s.inflight);
	seq_printf(m, "in_flight_most %u\n", s.inflight_most);
	seq_printf(m, "watches %u\n", xs_source_count());
	seq_printf(m, "device_files %u\n", xs_dev_files());
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
	debugfs_create_file("frames", 0600, dir, NULL, &xs_frames_fops);
}

/**
 * xs_debugfs_exit() - the mirror of xs_debugfs_init()
 */
void xs_debugfs_exit(void)
{
	debugfs_remove_recursive(dir);
}
