// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * What kernel importers get from the exporter's dma-bufs: a scatter list with the right addresses on a
 * second PCI function, the physical ranges for CPU access, tags; and who is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exporter.h"
#include "importer.h"

/* The PCI function that imports: not bound to VFIO, so its DMA goes through the kernel's domain. */
static void find_peer(char bdf[static GUEST_BDF_LEN])
{
	if (guest_find_pci(GUEST_E1000E, bdf) && guest_find_pci(GUEST_EDU, bdf))
		guest_skip("no second PCI function");
}

/* The segments, put end to end, are exactly the ranges of the request. */
static void assert_segments_are(const struct exporter *exp, int importer, unsigned int nr,
				const struct exporter_range *ranges)
{
	struct importer_info info = importer_info(importer);
	unsigned int range = 0;
	uint64_t done = 0;

	for (unsigned int i = 0; i < info.nr_segments; i++) {
		struct importer_segment seg = importer_segment(importer, i);
		uint64_t want = exp->bar_phys + ranges[range].offset + done;

		print_message("segment %u: dma 0x%llx phys 0x%llx, %llu bytes\n", i,
			      (unsigned long long)seg.dma, (unsigned long long)seg.phys,
			      (unsigned long long)seg.length);
		/* Translated by the IOMMU, or a bus address where none is in between. */
		assert_int_equal(seg.phys ? seg.phys : seg.dma, want);
		done += seg.length;
		assert_true(done <= ranges[range].length);
		if (done == ranges[range].length) {
			done = 0;
			range++;
		}
	}
	assert_int_equal(range, nr);
	assert_int_equal(done, 0);
}

static void scatter_list_of_a_second_function_leads_to_the_bar(void **state)
{
	struct exporter *exp = *state;
	struct exporter_range range = { 5 * MIB, 3 * MIB };
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, range.offset, range.length);
	int importer = importer_open();
	char peer[GUEST_BDF_LEN];

	find_peer(peer);
	assert_int_equal(importer_attach(importer, fd, peer, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_do(importer, IMPORTER_MAP), 0);
	/* Behind the guest's IOMMU an address that is not translated would be host memory. */
	assert_true(importer_segment(importer, 0).phys);
	assert_segments_are(exp, importer, 1, &range);
	assert_int_equal(importer_do(importer, IMPORTER_UNMAP), 0);
	importer_close(importer);
	close(fd);
}

static void several_ranges_map_behind_an_iommu(void **state)
{
	static const unsigned int counts[] = { 1, 2, 3, 64, 512 };
	struct exporter *exp = *state;
	struct exporter_range ranges[512];
	char peer[GUEST_BDF_LEN];

	find_peer(peer);
	for (unsigned int i = 0; i < 512; i++)
		ranges[i] = (struct exporter_range){ (511 - i) * 16 * PAGE, (1 + i % 3) * PAGE };
	for (unsigned int i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		int fd = exporter_export_ranges(exp, VFIOWC_MEMATTR_NC, O_RDWR, counts[i], ranges);
		int importer = importer_open();

		assert_return_code(fd, -fd);
		assert_int_equal(importer_attach(importer, fd, peer, IMPORTER_DYNAMIC), 0);
		assert_int_equal(importer_do(importer, IMPORTER_MAP), 0);
		assert_segments_are(exp, importer, counts[i], ranges);
		importer_close(importer);
		close(fd);
	}
}

/*
 * Stock kernels up to 7.3 leak the scatter list at each unmap: 32 bytes an entry. Importers get a list for
 * each range; the canary one of all ranges, which comes from the slab (where this looks) if it has fewer than
 * 128 entries. A quarter of what would leak is allowed for what else goes on.
 */
#define MAP_RANGES 512
#define MAP_ROUNDS 400
#define MAP_LEAK_KIB (MAP_RANGES * MAP_ROUNDS * 32 / 1024)
#define EXPORT_RANGES 120
#define EXPORT_ROUNDS 1600
#define EXPORT_LEAK_KIB (EXPORT_RANGES * EXPORT_ROUNDS * 32 / 1024)

/*
 * On a debug kernel a few rounds do, and the slab's size says nothing, since KASAN keeps for a while what was
 * freed: there kmemleak finds a single list that is lost, when all programs have run (run-tests).
 */
static bool kmemleak_looks(void)
{
	return !access("/sys/kernel/debug/kmemleak", W_OK);
}

static unsigned int leak_rounds(unsigned int rounds)
{
	return kmemleak_looks() ? rounds / 40 : rounds;
}

static void assert_grown_by_less(long kib, long leak)
{
	if (!kmemleak_looks())
		assert_true(kib < leak / 4);
}

static int export_many_ranges(const struct exporter *exp, unsigned int nr)
{
	struct exporter_range ranges[MAP_RANGES];
	int fd;

	for (unsigned int i = 0; i < nr; i++)
		ranges[i] = (struct exporter_range){ i * 2 * PAGE, PAGE };
	fd = exporter_export_ranges(exp, VFIOWC_MEMATTR_NC, O_RDWR | O_CLOEXEC, nr, ranges);
	assert_return_code(fd, -fd);
	return fd;
}

static void mappings_leak_no_scatter_lists(void **state)
{
	int fd = export_many_ranges(*state, MAP_RANGES), importer = importer_open();
	const unsigned int rounds = leak_rounds(MAP_ROUNDS);
	char peer[GUEST_BDF_LEN];
	long before, grown;

	find_peer(peer);
	assert_int_equal(importer_attach(importer, fd, peer, IMPORTER_DYNAMIC), 0);
	before = importer_slab_kib();
	for (unsigned int i = 0; i < rounds; i++) {
		assert_int_equal(importer_do(importer, IMPORTER_MAP), 0);
		assert_int_equal(importer_do(importer, IMPORTER_UNMAP), 0);
	}
	grown = importer_slab_kib() - before;
	print_message("%u mappings of %d ranges: %+ld KiB\n", rounds, MAP_RANGES, grown);
	assert_grown_by_less(grown, MAP_LEAK_KIB);
	importer_close(importer);
	close(fd);
}

static void exports_leak_no_scatter_lists(void **state)
{
	const unsigned int rounds = leak_rounds(EXPORT_ROUNDS);
	long before = importer_slab_kib(), grown;

	for (unsigned int i = 0; i < rounds; i++)
		close(export_many_ranges(*state, EXPORT_RANGES));
	grown = importer_slab_kib() - before;
	print_message("%u exports of %d ranges: %+ld KiB\n", rounds, EXPORT_RANGES, grown);
	assert_grown_by_less(grown, EXPORT_LEAK_KIB);
}

static void bare_device_borrows_the_physical_ranges(void **state)
{
	struct exporter *exp = *state;
	struct exporter_range ranges[] = { { MIB, 2 * PAGE }, { 0, PAGE } };
	int fd = exporter_export_ranges(exp, VFIOWC_MEMATTR_NC, O_RDWR, 2, ranges);
	int importer = importer_open();

	assert_return_code(fd, -fd);
	assert_int_equal(importer_attach(importer, fd, NULL, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_do(importer, IMPORTER_CPU_MAP), 0);
	assert_int_equal(importer_info(importer).nr_segments, 2);
	assert_segments_are(exp, importer, 2, ranges);
	importer_close(importer);
	close(fd);
}

static void bare_device_gets_no_scatter_list(void **state)
{
	int fd = exporter_export(*state, VFIOWC_MEMATTR_NC, 0, PAGE);
	int importer = importer_open();

	assert_int_equal(importer_attach(importer, fd, NULL, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_do(importer, IMPORTER_MAP), -EINVAL);
	importer_close(importer);
	close(fd);
}

static void importer_that_cannot_be_revoked_is_refused(void **state)
{
	int fd = exporter_export(*state, VFIOWC_MEMATTR_NC, 0, PAGE);
	int importer = importer_open();

	assert_int_equal(importer_attach(importer, fd, NULL, IMPORTER_NOT_REVOCABLE), -EOPNOTSUPP);
	assert_int_equal(importer_attach(importer, fd, NULL, IMPORTER_STATIC), -EOPNOTSUPP);
	importer_close(importer);
	close(fd);
}

static void importer_without_peer_to_peer_is_refused(void **state)
{
	int fd = exporter_export(*state, VFIOWC_MEMATTR_NC, 0, PAGE);
	int importer = importer_open();

	assert_int_equal(importer_attach(importer, fd, NULL, IMPORTER_NOT_P2P), -EOPNOTSUPP);
	importer_close(importer);
	close(fd);
}

static void query_counts_importers(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE);
	int a = importer_open(), b = importer_open();
	struct vfiowc_feature_query query;

	assert_int_equal(importer_attach(a, fd, NULL, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_attach(b, fd, NULL, IMPORTER_DYNAMIC), 0);
	assert_int_equal(importer_attach(b, fd, NULL, IMPORTER_DYNAMIC), -EBUSY);
	assert_int_equal(exporter_query(exp, fd, &query), 0);
	assert_int_equal(query.nr_importers, 2);
	importer_close(a);
	assert_int_equal(exporter_query(exp, fd, &query), 0);
	assert_int_equal(query.nr_importers, 1);
	importer_close(b);
	close(fd);
}

static int read_tag(int importer, bool extended, struct importer_tph *tph)
{
	*tph = (struct importer_tph){ .extended = extended };
	return ioctl(importer, IMPORTER_TPH, tph) ? -errno : 0;
}

static void importer_reads_the_tag_of_its_namespace(void **state)
{
	struct exporter *exp = *state;
	int fd = exporter_export(exp, VFIOWC_MEMATTR_NC, 0, PAGE), importer = importer_open();
	struct vfiowc_feature_tph tags = {
		.dmabuf_fd = fd, .flags = VFIOWC_TPH_ST, .steering_tag = 0xa5, .ph = 1,
	};
	struct importer_tph tph;

	exporter_param("tph_override", "3");
	assert_int_equal(importer_attach(importer, fd, NULL, IMPORTER_DYNAMIC), 0);
	assert_int_equal(read_tag(importer, false, &tph), -EOPNOTSUPP);
	assert_int_equal(exporter_feature(exp, VFIO_DEVICE_FEATURE_SET, VFIOWC_FEATURE_DMA_BUF_TPH,
					  &tags, sizeof(tags)), 0);
	assert_int_equal(read_tag(importer, false, &tph), 0);
	assert_int_equal(tph.st, 0xa5);
	assert_int_equal(tph.ph, 1);
	assert_int_equal(read_tag(importer, true, &tph), -EOPNOTSUPP); /* never converted */

	tags.flags = VFIOWC_TPH_ST | VFIOWC_TPH_ST_EXT;
	tags.steering_tag_ext = 0x1234;
	assert_int_equal(exporter_feature(exp, VFIO_DEVICE_FEATURE_SET, VFIOWC_FEATURE_DMA_BUF_TPH,
					  &tags, sizeof(tags)), 0);
	assert_int_equal(read_tag(importer, true, &tph), 0);
	assert_int_equal(tph.st, 0x1234);
	assert_int_equal(exporter_revoke(exp, fd), 0);
	assert_int_equal(read_tag(importer, true, &tph), -EOPNOTSUPP);
	exporter_param("tph_override", "0");
	importer_close(importer);
	close(fd);
}

/* Cache attributes of a 4 KiB page on x86: PWT, PCD, PAT pick one of the PAT register's eight types. */
#define PTE_PWT (1ULL << 3)
#define PTE_PCD (1ULL << 4)
#define PTE_PAT (1ULL << 7)

static struct importer_pte read_pte(int importer, volatile void *address)
{
	struct importer_pte pte = { .address = (uintptr_t)address };

	assert_return_code(ioctl(importer, IMPORTER_PTE, &pte), errno);
	return pte;
}

/* The exporter's MAP_QUERY does not vouch for itself: another module reads the same PTE. */
static void page_table_read_by_another_module_agrees(void **state)
{
	struct exporter *exp = *state;
	int nc = exporter_export(exp, VFIOWC_MEMATTR_NC, MIB, PAGE);
	int wc = exporter_export(exp, VFIOWC_MEMATTR_WC, 2 * MIB, PAGE);
	volatile uint8_t *a = exporter_mmap(nc, PAGE), *b = exporter_mmap(wc, PAGE);
	int importer = importer_open();
	struct importer_pte pte;

	a[0] = 1;
	b[0] = 1;
	pte = read_pte(importer, a);
	assert_int_equal(pte.pfn, (exp->bar_phys + MIB) / PAGE);
	assert_int_equal(pte.bits & (PTE_PWT | PTE_PCD | PTE_PAT), PTE_PCD); /* type 2: UC- */
	pte = read_pte(importer, b);
	assert_int_equal(pte.pfn, (exp->bar_phys + 2 * MIB) / PAGE);
	assert_int_equal(pte.bits & (PTE_PWT | PTE_PCD | PTE_PAT), PTE_PWT); /* type 1: WC */
	importer_close(importer);
	munmap((void *)a, PAGE);
	munmap((void *)b, PAGE);
	close(nc);
	close(wc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		importer_test(scatter_list_of_a_second_function_leads_to_the_bar),
		importer_test_nvme(scatter_list_of_a_second_function_leads_to_the_bar),
		importer_test(several_ranges_map_behind_an_iommu),
		importer_test(mappings_leak_no_scatter_lists),
		importer_test(exports_leak_no_scatter_lists),
		importer_test(bare_device_borrows_the_physical_ranges),
		importer_test(bare_device_gets_no_scatter_list),
		importer_test(importer_that_cannot_be_revoked_is_refused),
		importer_test(importer_without_peer_to_peer_is_refused),
		importer_test(query_counts_importers),
		importer_test(importer_reads_the_tag_of_its_namespace),
		importer_test(page_table_read_by_another_module_agrees),
	};

	return cmocka_run_group_tests_name("exporter_importer", tests, NULL, NULL);
}
