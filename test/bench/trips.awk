# SPDX-License-Identifier: GPL-2.0
# trips.awk - from xsfront/frames: for each life of device/echo/0 the module's sequential round trips,
# from the first event of it to the commit of Connected. One trip: from the first request that
# leaves when none is under way to the moment when none is under way again.
# The last three are printed as rows of `make bench`; set side with -v.

$3 != "module" { next }
$4 == "<" && $5 == "WATCH_EVENT" {
	if ($6 == "device/echo/0")
		n = 0
	next
}
$4 == ">" {
	if (!under_way++)
		n++
	if ($5 == "WRITE" && $6 == "device/echo/0/state" && $12 == "=4")
		connected = 1
	next
}
{
	if (--under_way < 0)
		under_way = 0
	if (connected && $5 == "TRANSACTION_END" && $11 == "OK") {
		trips[lives++] = n
		connected = 0
	}
}
END {
	for (i = lives < 3 ? 0 : lives - 3; i < lives; i++)
		printf "row setup-trips side %s round %d ops 1 total %d guest 0\n", side,
			i - (lives - 3), trips[i]
	if (lives < 3)
		print "failed setup-trips: " lives + 0 " lives of a device were recorded"
}
