// SPDX-License-Identifier: GPL-2.0
// Freed in the function that put it into a list, with the list still leading to it.
@still exists@
expression x, h;
identifier m;
position p;
@@
(
list_add(&x->m, h);
|
list_add_tail(&x->m, h);
)
... when != list_del(&x->m)
    when != list_del_init(&x->m)
    when != list_move(&x->m, ...)
    when != x = ...
(
kfree@p(x);
|
kvfree@p(x);
|
vfree@p(x);
)

@script:python@
p << still.p;
@@
print(f"{p[0].file}:{p[0].line}: is freed while a list leads to it")
