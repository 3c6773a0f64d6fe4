/* SPDX-License-Identifier: GPL-2.0 */
/* xs_echo.h - the demo driver. */
#ifndef XS_ECHO_H
#define XS_ECHO_H

int xs_echo_init(void);
void xs_echo_exit(void);

#endif /* XS_ECHO_H */
