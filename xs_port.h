/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xs_port.h - the one place where the pure files meet the world.
 *
 * xs_ring.c, xs_msg.c, xs_conn.c and xenbus_state.c are compiled into the kernel module, the unit
 * tests, the fuzzers and the model checks. They see fixed-width types, errno values, memcpy, the
 * barriers and Xen's ABI headers through this file and nothing else. Kernels whose copy of the ABI
 * lacks something get it here too, so that no other file asks for a version.
 */
#ifndef XS_PORT_H
#define XS_PORT_H

#ifdef __KERNEL__

#include <linux/kernel.h>
#include <linux/types.h>
#include <linux/kernel.h>	/* container_of() */
#include <linux/string.h>
#include <linux/errno.h>
#include <linux/compiler.h>
#include <asm/barrier.h>
#include <xen/interface/io/xs_wire.h>
#include <xen/interface/io/xenbus.h>

#else /* user space: unit tests, fuzzers, provers */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <errno.h>
#include <xen/io/xs_wire.h>
#include <xen/io/xenbus.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))

#ifdef __CPROVER__
#define virt_mb()		((void)0)
#define virt_rmb()		((void)0)
#define virt_wmb()		((void)0)
#else
#define virt_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define virt_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define virt_wmb()		__atomic_thread_fence(__ATOMIC_RELEASE)
#endif

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))

#endif /* __KERNEL__ */

/*
 * Words of the store page that came later than the oldest headers we build against (Linux 5.10's
 * struct ends at rsp_prod). Offsets from xen/include/public/io/xs_wire.h, "struct
 * xenstore_domain_interface".
 */
#define XS_PAGE_SERVER_FEATURES	2064
#define XS_PAGE_CONNECTION	2068
#define XS_PAGE_ERROR		2072

/* Feature bits by the same document; names of our own, since old headers have none. */
#define XS_FEATURE_RECONNECT	1u	/* the guest may ask for a fresh connection */
#define XS_FEATURE_ERROR	2u	/* the error word is valid */
#define XS_FEATURE_WATCHDEPTH	4u	/* WATCH takes a depth */

/* Message types that an older header may lack; numbers from docs/misc/xenstore.txt. */
#define XS_TYPE_CONTROL		0u
#define XS_TYPE_RESET_WATCHES	21u
#define XS_TYPE_DIRECTORY_PART	22u

/* The longest paths; Linux 5.10's copy of the header has not got them. */
#ifndef XENSTORE_ABS_PATH_MAX
#define XENSTORE_ABS_PATH_MAX	3072
#define XENSTORE_REL_PATH_MAX	2048
#endif

#endif /* XS_PORT_H */
