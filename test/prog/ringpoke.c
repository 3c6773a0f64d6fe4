// SPDX-License-Identifier: GPL-2.0
/*
 * ringpoke.c - changes one word of a guest's store page, from dom0, as a store that goes wrong
 * would.
 *
 *   ringpoke DOMID WORD          prints it
 *   ringpoke DOMID WORD VALUE    writes it; "+5000" and "-5000" are added to what is there
 *
 * WORD: req_cons, req_prod, rsp_cons, rsp_prod, features, connection, error. The page is mapped as
 * xenstored maps it: by the grant that the toolstack makes for each guest.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/gntdev.h>		/* wants grant_ref_t */
#include <xen/io/xs_wire.h>

static uint32_t *word_of(struct xenstore_domain_interface *page, const char *name)
{
	const struct {
		const char *name;
		uint32_t *word;
	} words[] = {
		{ "req_cons", &page->req_cons },
		{ "req_prod", &page->req_prod },
		{ "rsp_cons", &page->rsp_cons },
		{ "rsp_prod", &page->rsp_prod },
		{ "features", &page->server_features },
		{ "connection", &page->connection },
		{ "error", &page->error },
	};
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i].name, name))
			return words[i].word;
	return NULL;
}

static struct xenstore_domain_interface *map_page(int domid)
{
	struct ioctl_gntdev_map_grant_ref map = { .count = 1 };
	int fd = open("/dev/xen/gntdev", O_RDWR);
	void *page;

	map.refs[0].domid = domid;
	map.refs[0].ref = GNTTAB_RESERVED_XENSTORE;
	if (fd < 0 || ioctl(fd, IOCTL_GNTDEV_MAP_GRANT_REF, &map))
		return NULL;
	page = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, map.index);
	return page == MAP_FAILED ? NULL : page;
}

int main(int argc, char **argv)
{
	struct xenstore_domain_interface *page;
	volatile uint32_t *word;
	long value;

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: ringpoke DOMID WORD [VALUE]\n");
		return 2;
	}
	page = map_page(atoi(argv[1]));
	if (!page) {
		perror("ringpoke: cannot map the store page");
		return 1;
	}
	word = word_of(page, argv[2]);
	if (!word) {
		fprintf(stderr, "ringpoke: no word '%s'\n", argv[2]);
		return 2;
	}
	if (argc == 4) {
		value = strtol(argv[3], NULL, 0);
		*word = argv[3][0] == '+' || argv[3][0] == '-' ? *word + value : (uint32_t)value;
	}
	printf("%s %u\n", argv[2], *word);
	return 0;
}
