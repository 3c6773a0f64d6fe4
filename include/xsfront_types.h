/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xsfront_types.h - types that the kernel API (xsfront.h) and the pure files (xs_msg.h) share.
 * Whoever includes it has u16 already: <linux/types.h> or xs_port.h.
 */
#ifndef XSFRONT_TYPES_H
#define XSFRONT_TYPES_H

#define XS_MAY_READ	1u
#define XS_MAY_WRITE	2u

/**
 * struct xs_permission - one entry of a node's permissions (docs/misc/xenstore.txt, GET_PERMS)
 * @domid: the domain; in the first entry the node's owner, who may always do everything
 * @may: XS_MAY_READ, XS_MAY_WRITE, both or 0; in the first entry what all others may
 */
struct xs_permission {
	u16 domid;
	u16 may;
};

#endif /* XSFRONT_TYPES_H */
