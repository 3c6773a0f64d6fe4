// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_state.c - the handshake with a backend that writes any number at any time, and a front that
 * closes when it likes. The front's ring is watched: made once, used only while the backend is
 * connected, and ended only when the backend has let go.
 */
#include "fuzz.h"
#include "../../xenbus_state.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, data + size };
	u32 front = XenbusStateInitialising, back = XenbusStateUnknown;
	int granted = 0, used = 0, closing = 0;
	struct xenbus_step s;
	u8 op;

	while (more(&in)) {
		op = byte(&in);
		if (op < 9)
			back = op;
		else if (op == 255)
			back = word(&in);
		else if (op == 254)
			front = byte(&in);	/* what a predecessor left: we hold nothing */
		if (op == 254)
			granted = used = closing = 0;
		if (op == 253) {
			s = xenbus_front_close(front);
			closing = 1;
		} else {
			s = xenbus_front_step(front, back);
		}
		CHECK(xenbus_state_name(front) && xenbus_state_name(back));
		if (back >= XENBUS_STATES && op != 253)
			CHECK(s.action == XENBUS_ODD);
		switch (s.action) {
		case XENBUS_WAIT:
		case XENBUS_ODD:
			CHECK(s.next == (u8)front);
			break;
		case XENBUS_SETUP:
			CHECK(!granted && !used && s.next == XenbusStateInitialised);
			granted = 1;
			break;
		case XENBUS_CONNECT:
			CHECK(back == XenbusStateConnected || back == XenbusStateReconfiguring);
			CHECK(s.next == XenbusStateConnected);
			used = 1;
			break;
		case XENBUS_RECONFIGURE:
			CHECK(back == XenbusStateReconfigured && s.next == XenbusStateConnected);
			used = 1;
			break;
		case XENBUS_CLOSE:
			CHECK(s.next == XenbusStateClosing || s.next == XenbusStateClosed);
			used = 0;
			break;
		case XENBUS_RELEASE:
		case XENBUS_RESTART:
			if (op != 253)
				CHECK(back == XenbusStateUnknown || back == XenbusStateClosed);
			else
				CHECK(!granted);
			granted = used = 0;
			closing = closing && s.action == XENBUS_RELEASE;
			break;
		default:
			CHECK(0);
		}
		if (closing)
			CHECK(s.next == XenbusStateClosing || s.next == XenbusStateClosed ||
			      front >= XENBUS_STATES);
		front = s.next;
	}
	return 0;
}
