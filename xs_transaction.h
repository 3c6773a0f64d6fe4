/* SPDX-License-Identifier: GPL-2.0 */
/* xs_transaction.h - transactions at the server, inside of the module. */
#ifndef XS_TRANSACTION_H
#define XS_TRANSACTION_H

#include <linux/types.h>

int xs_tx_start(u32 *tx, unsigned long *epoch);
void xs_tx_over(void);
void xs_tx_drop(u32 tx, unsigned long epoch);

#endif /* XS_TRANSACTION_H */
