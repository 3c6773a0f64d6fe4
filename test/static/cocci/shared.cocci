// SPDX-License-Identifier: GPL-2.0
// A word that the other end may write at any time, read or written plainly: the compiler may read
// it twice, and what was checked is not what is used.
@to_read@
expression page;
identifier w = {req_prod, req_cons, rsp_prod, rsp_cons, req_event, rsp_event};
position ok;
@@
 READ_ONCE(page->w@ok)

@to_write@
expression page;
identifier w = {req_prod, req_cons, rsp_prod, rsp_cons, req_event, rsp_event};
position ok;
@@
 WRITE_ONCE(page->w@ok, ...)

@to_point@
expression page;
identifier w = {req_prod, req_cons, rsp_prod, rsp_cons, req_event, rsp_event};
position ok;
@@
 &page->w@ok

@plain@
struct xenstore_domain_interface *page;
identifier w = {req_prod, req_cons, rsp_prod, rsp_cons};
position p != {to_read.ok, to_write.ok, to_point.ok};
@@
 page->w@p

@plain_ring@
expression r;
identifier w = {req_prod, rsp_prod, req_event, rsp_event};
position p != {to_read.ok, to_write.ok, to_point.ok};
@@
 r.sring->w@p

@script:python@
p << plain.p;
@@
print(f"{p[0].file}:{p[0].line}: a word of the store page, plainly")

@script:python@
p << plain_ring.p;
@@
print(f"{p[0].file}:{p[0].line}: a word of a device's ring, plainly")
