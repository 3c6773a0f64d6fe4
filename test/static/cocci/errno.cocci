// SPDX-License-Identifier: GPL-2.0
// An error number is returned as it is: callers take it for success or a count.
@bad@
identifier e =~ "^E[A-Z0-9]+$";
position p;
@@
return@p e;

@script:python@
p << bad.p;
e << bad.e;
@@
print(f"{p[0].file}:{p[0].line}: {e} is returned as a positive number")
