// SPDX-License-Identifier: GPL-2.0
/*
 * transactions.c - tests of what happens together or not at all.
 */
#include "xs_test.h"

#define AT_ONCE		10	/* open transactions that the store allows a guest, by default */

static bool absent(struct xs_handle *h, u32 tx, const char *path)
{
	char buf[8];

	return xs_read(h, tx, path, buf, sizeof(buf)) == -ENOENT;
}

/* Two keys in one transaction, committed; then once more, rolled back. */
static void test_transaction(void)
{
	struct xs_handle *h = open_clean();
	u32 tx = 0;

	/* Who makes a node changes the one above it: that is no business of others here. */
	xs_mkdir(h, NO_TX, HERE);
	check_int(xs_transaction_start(h, &tx), 0, "a transaction is started");
	check(tx != XS_NO_TRANSACTION, "it has an id");
	check_int(xs_write(h, tx, HERE "/one", "1", 1), 0, "the first key is written in it");
	check_int(xs_write(h, tx, HERE "/two", "2", 1), 0, "the second key is written in it");
	check(holds(h, tx, HERE "/one", "1"), "inside of it the key is seen");
	check(absent(h, NO_TX, HERE "/one"), "outside of it the key is not seen");
	check_int(xs_transaction_end(h, tx, true), 0, "it is committed");
	check(holds(h, NO_TX, HERE "/one", "1"), "the first key is seen");
	check(holds(h, NO_TX, HERE "/two", "2"), "the second key is seen");

	check_int(xs_transaction_start(h, &tx), 0, "another one is started");
	xs_write(h, tx, HERE "/three", "3", 1);
	xs_write(h, tx, HERE "/one", "changed", 7);
	xs_rm(h, tx, HERE "/two");
	check(absent(h, tx, HERE "/two"), "inside of it a key has gone");
	check_int(xs_transaction_end(h, tx, false), 0, "it is rolled back");
	check(absent(h, NO_TX, HERE "/three"), "the new key is not seen");
	check(holds(h, NO_TX, HERE "/one", "1"), "the changed key is as it was");
	check(holds(h, NO_TX, HERE "/two", "2"), "the removed key is there");
	xs_close(h);
}

/* Somebody else changes what a transaction has read: EAGAIN, and nothing of it has happened. */
static void test_conflict(void)
{
	struct xs_handle *h = open_clean(), *other = xs_open("other");
	u32 tx = 0;

	xs_write(h, NO_TX, HERE "/k", "old", 3);
	check_int(xs_transaction_start(h, &tx), 0, "a transaction is started");
	check(holds(h, tx, HERE "/k", "old"), "it reads a key");
	check_int(xs_write(h, tx, HERE "/made", "x", 1), 0, "and writes another");
	check_int(xs_write(other, NO_TX, HERE "/k", "new", 3), 0, "somebody changes the first");
	check_int(xs_transaction_end(h, tx, true), -EAGAIN, "the commit says EAGAIN");
	check(absent(h, NO_TX, HERE "/made"), "nothing of it has happened");
	check(holds(h, NO_TX, HERE "/k", "new"), "the other's change stands");
	check_int(xs_transaction_end(h, tx, true), -EINVAL, "it is over: a second end is EINVAL");

	check_int(xs_transaction_start(h, &tx), 0, "it is run again");
	check(holds(h, tx, HERE "/k", "new"), "it reads what is there now");
	xs_write(h, tx, HERE "/made", "x", 1);
	check_int(xs_transaction_end(h, tx, true), 0, "and is committed");
	check(holds(h, NO_TX, HERE "/made", "x"), "now it has happened");
	xs_close(other);
	xs_close(h);
}

static void test_transaction_misuse(void)
{
	struct xs_handle *h = open_clean(), *other = xs_open("other");
	u32 tx = 0;

	check_int(xs_transaction_end(h, 4711, true), -EINVAL, "an id that nobody has");
	check_int(xs_transaction_end(h, XS_NO_TRANSACTION, true), -EINVAL, "id 0");
	check_int(xs_transaction_start(h, &tx), 0, "a transaction is started");
	check_int(xs_transaction_end(other, tx, true), -EINVAL, "another handle cannot end it");
	check_int(xs_transaction_end(h, tx, true), 0, "its own can");
	check(xs_write(h, tx, HERE "/a", "x", 1) < 0, "a write in one that has ended fails");
	check(absent(h, NO_TX, HERE "/a"), "and writes nothing");
	xs_close(other);
	xs_close(h);
}

/* xs_close() aborts what is open: else the store's quota would end the second round. */
static void test_close_ends_transactions(void)
{
	struct xs_handle *h = open_clean();
	int round, i, err;
	u32 tx;

	xs_close(h);
	for (round = 1; round <= 3; round++) {
		h = xs_open("xs_test");
		for (i = 0, err = 0; i < AT_ONCE - 1 && !err; i++)
			err = xs_transaction_start(h, &tx);
		check_int(err, 0, "round %d: %d transactions at once", round, AT_ONCE - 1);
		xs_write(h, tx, HERE "/open", "x", 1);
		xs_close(h);
	}
	h = xs_open("xs_test");
	check(absent(h, NO_TX, HERE "/open"), "what was open when a handle closed never happened");
	xs_close(h);
}

const struct test transaction_tests[] = {
	{ "transaction", test_transaction },
	{ "conflict", test_conflict },
	{ "transaction_misuse", test_transaction_misuse },
	{ "close_ends_transactions", test_close_ends_transactions },
	{}
};
