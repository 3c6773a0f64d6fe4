/* SPDX-License-Identifier: GPL-2.0 */
/* xs_transaction.h - transactions at the server, inside of the module. */
#ifndef XS_TRANSACTION_H
#define XS_TRANSACTION_H

struct xs_tx;

int xs_tx_start(struct xs_tx *tx, u32 who);
void xs_tx_over(void);
void xs_tx_drop(struct xs_tx tx);

#endif /* XS_TRANSACTION_H */
