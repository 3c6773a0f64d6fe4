// SPDX-License-Identifier: GPL-2.0
// A return between taking a lock and letting it go.
@mutex exists@
expression l;
position p;
@@
mutex_lock(l);
... when != mutex_unlock(l)
return@p ...;

@spin exists@
expression l, f;
position p;
@@
(
spin_lock_irqsave(l, f);
... when != spin_unlock_irqrestore(l, f)
    when != spin_unlock(l)
return@p ...;
|
spin_lock(l);
... when != spin_unlock(l)
return@p ...;
)

@script:python@
p << mutex.p;
@@
print(f"{p[0].file}:{p[0].line}: returns with a mutex locked")

@script:python@
p << spin.p;
@@
print(f"{p[0].file}:{p[0].line}: returns with a spinlock locked")
