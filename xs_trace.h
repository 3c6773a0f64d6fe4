/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_trace.h - tracepoints: events/xsfront/ in tracefs.
 *
 *   xs_request     a request is in the ring, whole
 *   xs_reply       its reply has come
 *   xs_event       a watch event has come
 *   xenbus_state   one end's state was written, or read from the store, by whoever in this guest
 *
 * No values and no tokens, which can be secret: paths, types, ids, lengths, times. A state is one
 * digit of a handshake. What is no visible ASCII in a path is a question mark.
 *
 * xs_frames.c makes them, under client.lock.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM xsfront

#if !defined(XS_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define XS_TRACE_H

#include <linux/tracepoint.h>
#include "xs_frames.h"

TRACE_EVENT(xs_request,
	TP_PROTO(const struct xs_sight *s),
	TP_ARGS(s),
	TP_STRUCT__entry(
		__field(u32, kind)
		__field(u32, pid)
		__field(u32, type)
		__field(u32, req_id)
		__field(u32, tx_id)
		__field(u32, len)
		__dynamic_array(char, path, s->path.len + 2)
	),
	TP_fast_assign(
		__entry->kind = xs_who_kind(s->who);
		__entry->pid = xs_who_pid(s->who);
		__entry->type = s->hdr->type;
		__entry->req_id = s->hdr->req_id;
		__entry->tx_id = s->hdr->tx_id;
		__entry->len = s->hdr->len;
		xs_sight_path(s, __get_dynamic_array(path));
	),
	TP_printk("who=%s pid=%u type=%s id=%x tx=%u len=%u path=%s",
		  __print_symbolic(__entry->kind, XS_WHO_NAMES), __entry->pid,
		  __print_symbolic(__entry->type, XS_TYPE_NAMES), __entry->req_id,
		  __entry->tx_id, __entry->len, __get_str(path))
);

TRACE_EVENT(xs_reply,
	TP_PROTO(const struct xs_sight *s),
	TP_ARGS(s),
	TP_STRUCT__entry(
		__field(u32, kind)
		__field(u32, pid)
		__field(u32, type)
		__field(u32, req_id)
		__field(u32, tx_id)
		__field(u32, len)
		__field(u32, us)
		__array(char, result, XS_ERROR_MAX)
		__dynamic_array(char, path, s->path.len + 2)
	),
	TP_fast_assign(
		__entry->kind = xs_who_kind(s->who);
		__entry->pid = xs_who_pid(s->who);
		__entry->type = s->type;
		__entry->req_id = s->hdr->req_id;
		__entry->tx_id = s->hdr->tx_id;
		__entry->len = s->hdr->len;
		__entry->us = s->us;
		xs_sight_result(s, __entry->result);
		xs_sight_path(s, __get_dynamic_array(path));
	),
	TP_printk("who=%s pid=%u type=%s id=%x tx=%u len=%u us=%u result=%s path=%s",
		  __print_symbolic(__entry->kind, XS_WHO_NAMES), __entry->pid,
		  __print_symbolic(__entry->type, XS_TYPE_NAMES), __entry->req_id,
		  __entry->tx_id, __entry->len, __entry->us, __entry->result, __get_str(path))
);

TRACE_EVENT(xs_event,
	TP_PROTO(const struct xs_sight *s),
	TP_ARGS(s),
	TP_STRUCT__entry(
		__field(u32, kind)
		__field(u32, len)
		__dynamic_array(char, path, s->path.len + 2)
	),
	TP_fast_assign(
		__entry->kind = xs_who_kind(s->who);
		__entry->len = s->hdr->len;
		xs_sight_path(s, __get_dynamic_array(path));
	),
	TP_printk("who=%s len=%u path=%s", __print_symbolic(__entry->kind, XS_WHO_NAMES),
		  __entry->len, __get_str(path))
);

TRACE_EVENT(xenbus_state,
	TP_PROTO(const struct xs_sight *s, u32 state),
	TP_ARGS(s, state),
	TP_STRUCT__entry(
		__field(u32, kind)
		__field(u32, state)
		__field(bool, read)
		__dynamic_array(char, path, s->path.len + 2)
	),
	TP_fast_assign(
		__entry->kind = xs_who_kind(s->who);
		__entry->state = state;
		__entry->read = s->what == XS_SEEN_REPLY;
		xs_sight_path(s, __get_dynamic_array(path));
	),
	TP_printk("who=%s %s state=%s path=%s", __print_symbolic(__entry->kind, XS_WHO_NAMES),
		  __entry->read ? "read" : "wrote",
		  __print_symbolic(__entry->state, XS_STATE_NAMES), __get_str(path))
);

#endif /* XS_TRACE_H */

/* This must stand outside of the guard: the kernel's header reads this file several times. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE xs_trace
#include <trace/define_trace.h>
