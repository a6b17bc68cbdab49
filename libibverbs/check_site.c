// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * Where the calls of the ordering header are in this process: found by the notes that the header
 * leaves in every object, and replaced by traps while there are checked maps. Programs run at full
 * speed without them, and need not be compiled anew for a check.
 */
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "check.h"

#define NOTE_NAME "vfiowc"
#define WORD ((size_t)4) /* alignment inside a note */

/* What follows the name. */
struct note {
	int32_t distance; /* from here to the instruction */
	uint32_t reserved;
};

/* Replaced by one store: other threads may be executing it. */
#if defined(__x86_64__)
typedef uint8_t trap_word;
#define TRAP 0xcc /* int3 */
#else
typedef uint32_t trap_word;
#define TRAP 0xd4200000 /* brk #0 */
#endif

struct site {
	uintptr_t address;
	enum check_call call;
	unsigned int length;
	trap_word first; /* of the instruction, as much as the trap replaces */
	bool trapped; /* the trap is there */
};

/* Sites stay here when the traps are gone, until the next map: another thread may be about to ask. */
static struct site *sites;
static size_t num_sites, room;

#if defined(__x86_64__)

/* sfence or mfence, or nop; 0 for what the header does not make. */
static unsigned int instruction_length(const unsigned char *code)
{
	if (code[0] == 0x90)
		return 1;
	return code[0] == 0x0f && code[1] == 0xae && (code[2] == 0xf8 || code[2] == 0xf0) ? 3 : 0;
}

#else

/* dsb st, or nop */
static unsigned int instruction_length(const unsigned char *code)
{
	uint32_t word;

	memcpy(&word, code, sizeof(word));
	return word == 0xd5033e9f || word == 0xd503201f ? 4 : 0;
}

#endif

static void store_code(uintptr_t address, trap_word code)
{
	__atomic_store_n((trap_word *)address, code, __ATOMIC_RELAXED);
	__builtin___clear_cache((char *)address, (char *)address + sizeof(code));
}

/* When it fails, the code is what it was. */
static int write_code(uintptr_t address, trap_word code)
{
	uintptr_t page_bytes = vfiowc_check_page_bytes();
	char *page = (char *)(address / page_bytes * page_bytes);
	size_t length = (char *)address + sizeof(code) - page;
	trap_word before;
	int err = 0;

	if (mprotect(page, length, PROT_READ | PROT_WRITE | PROT_EXEC))
		return errno;
	before = *(const trap_word *)address;
	store_code(address, code);
	if (mprotect(page, length, PROT_READ | PROT_EXEC)) {
		err = errno;
		store_code(address, before);
	}
	return err;
}

static const struct site *find(uintptr_t address)
{
	size_t i;

	for (i = 0; i < num_sites; i++)
		if (sites[i].address == address)
			return &sites[i];
	return NULL;
}

static int add_site(uintptr_t address, uint32_t call)
{
	const unsigned char *code = (const unsigned char *)address;
	unsigned int length = instruction_length(code);
	struct site *more;

	if (!length || find(address))
		return 0;
	if (num_sites == room) {
		more = realloc(sites, (room + 64) * sizeof(*sites));
		if (!more)
			return ENOMEM;
		sites = more;
		room += 64;
	}
	sites[num_sites] = (struct site){ .address = address, .call = call, .length = length };
	memcpy(&sites[num_sites].first, code, sizeof(trap_word));
	num_sites++;
	return 0;
}

static int read_notes(const char *at, size_t left)
{
	while (left >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *head = (const ElfW(Nhdr) *)at;
		size_t name = (head->n_namesz + WORD - 1) / WORD * WORD;
		size_t bytes = sizeof(*head) + name + (head->n_descsz + WORD - 1) / WORD * WORD;
		const char *desc = at + sizeof(*head) + name;
		struct note note;
		int err;

		if (bytes > left)
			break;
		if (head->n_namesz == sizeof(NOTE_NAME) && head->n_descsz == sizeof(note) &&
		    !memcmp(at + sizeof(*head), NOTE_NAME, sizeof(NOTE_NAME))) {
			memcpy(&note, desc, sizeof(note));
			err = add_site((uintptr_t)desc + note.distance, head->n_type);
			if (err)
				return err;
		}
		at += bytes;
		left -= bytes;
	}
	return 0;
}

static int read_object(struct dl_phdr_info *info, size_t size, void *unused)
{
	int i, err = 0;

	(void)size, (void)unused;
	for (i = 0; !err && i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_NOTE && segment->p_align <= WORD)
			err = read_notes((const char *)info->dlpi_addr + segment->p_vaddr, segment->p_memsz);
	}
	return err;
}

static int set_trap(struct site *site)
{
	int err = site->trapped ? 0 : write_code(site->address, TRAP);

	site->trapped |= !err;
	return err;
}

/* Those without a trap are found anew, unless their object was unloaded. */
static void forget_sites(void)
{
	size_t i, kept = 0;

	for (i = 0; i < num_sites; i++)
		if (sites[i].trapped)
			sites[kept++] = sites[i];
	num_sites = kept;
}

/*
 * Also finds what was loaded since the last time. When it fails, traps may be missing, and the caller
 * restores those that are there unless another map needs them.
 */
int vfiowc_check_patch_sites(void)
{
	size_t i;
	int err;

	forget_sites();
	err = dl_iterate_phdr(read_object, NULL);
	for (i = 0; !err && i < num_sites; i++)
		err = set_trap(&sites[i]);
	return err;
}

void vfiowc_check_restore_sites(void)
{
	size_t i;

	for (i = 0; i < num_sites; i++)
		if (sites[i].trapped && !write_code(sites[i].address, sites[i].first))
			sites[i].trapped = false;
}

unsigned int vfiowc_check_find_site(uintptr_t pc, enum check_call *call)
{
	const struct site *site = find(pc);

	if (!site)
		return 0;
	*call = site->call;
	return site->length;
}
