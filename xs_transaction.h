/* SPDX-License-Identifier: GPL-2.0 */
/* xs_transaction.h - transactions at the server, inside of the module. */
#ifndef XS_TRANSACTION_H
#define XS_TRANSACTION_H

#include "xs_client.h"

int xs_tx_start(struct xs_tx *tx, u32 who, const bool *unwanted);
void xs_tx_look(void);
void xs_tx_over(void);
void xs_tx_drop(struct xs_tx tx);

struct xarray;

int xs_tx_keep(struct xarray *open, struct xs_tx tx, u32 *name);
struct xs_tx xs_tx_named(u32 name, const void *entry);

#endif /* XS_TRANSACTION_H */
