// SPDX-License-Identifier: GPL-2.0
/* shared.c - what shared.cocci has to find. Never built. */
static int unread(struct xenstore_domain_interface *page)
{
	if (page->rsp_prod - page->rsp_cons > 1024)	/* BAD BAD */
		return -EIO;
	return READ_ONCE(page->rsp_prod) - READ_ONCE(page->rsp_cons);
}

static void attach(struct xenstore_domain_interface *page, struct ring *r)
{
	xs_ring_attach(r, page->rsp, &page->rsp_cons, &page->rsp_prod);
	WRITE_ONCE(page->req_prod, 0);
	page->req_cons = 0;				/* BAD */
}

static int responses(struct front *f)
{
	if (f->ring.sring->rsp_prod == f->cons)		/* BAD */
		return 0;
	return READ_ONCE(f->ring.sring->rsp_prod) - f->cons;
}
