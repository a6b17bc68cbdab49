// SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
/*
 * The tables of libvfiowc-preload: targets (fixed at start), mappings of them, MRs registered from
 * those. A target's fd is known by the file behind it, not by its number: fds are closed,
 * duplicated and their numbers used again.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "preload.h"

struct map {
	struct map *next;
	uintptr_t start;
	uintptr_t end;
	int target;
	uint64_t offset;
};

struct mr_entry {
	struct mr_entry *next;
	struct ibv_mr *mr;
};

static struct handover targets[HANDOVER_MAX];
static unsigned int num_targets;
static bool targets_malformed;
/* Guards maps and mrs. Never held across malloc() and free(), which may map and unmap, by functions replaced here. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct map *maps;
static struct mr_entry *mrs;

static __attribute__((constructor)) void read_targets(void)
{
	const char *text = getenv(HANDOVER_TARGETS);

	targets_malformed = text && handover_parse(text, targets, &num_targets);
	if (targets_malformed)
		num_targets = 0;
}

int targets_find_path(const char *path)
{
	const char *number = path + strlen(HANDOVER_PREFIX);
	char *end;
	unsigned long n = strtoul(number, &end, 10);

	errno = ENOENT;
	if (targets_malformed)
		refuse("path=%s reason=\"" HANDOVER_TARGETS " is malformed\"", path);
	else if (!num_targets)
		refuse("path=%s reason=\"no target: start the program with 'vfiowc run --target'\"", path);
	else if (*number < '0' || *number > '9' || *end || n >= num_targets)
		refuse("path=%s reason=\"no such target; there are vfiowc:0 to vfiowc:%u\"", path,
		       num_targets - 1);
	else
		return n;
	return -1;
}

int targets_find_fd(int fd)
{
	struct stat st;

	if (!num_targets || fstat(fd, &st))
		return -1;
	for (unsigned int i = 0; i < num_targets; i++) {
		struct stat own;

		if (targets[i].inode == st.st_ino && !fstat(targets[i].dmabuf_fd, &own) &&
		    own.st_ino == st.st_ino && own.st_dev == st.st_dev)
			return i;
	}
	return -1;
}

const struct handover *targets_get(int number)
{
	return &targets[number];
}

void maps_add(const void *address, size_t length, int target, uint64_t offset)
{
	struct map *map = malloc(sizeof(*map));

	/* Without its entry the memory would pass for host memory. */
	if (!map)
		abort();
	*map = (struct map) {
		.start = (uintptr_t)address,
		.end = (uintptr_t)address + length,
		.target = target,
		.offset = offset,
	};
	pthread_mutex_lock(&lock);
	map->next = maps;
	maps = map;
	pthread_mutex_unlock(&lock);
}

static bool lies_across(const struct map *map, uintptr_t at)
{
	return map->start < at && at < map->end;
}

/* How many mappings splitting at both ends of [start, end) makes. */
static unsigned int count_splits(uintptr_t start, uintptr_t end)
{
	unsigned int count = 0;

	for (const struct map *map = maps; map; map = map->next)
		count += lies_across(map, start) + lies_across(map, end);
	return count;
}

/* What lies behind @at becomes a mapping of its own, the next one; its room is the first of @spares. */
static void split(struct map *map, uintptr_t at, struct map **spares)
{
	struct map *behind = *spares;

	if (!lies_across(map, at))
		return;
	if (!behind) /* not so: they were counted */
		abort();
	*spares = behind->next;
	*behind = *map;
	behind->offset += at - map->start;
	behind->start = at;
	map->end = at;
	map->next = behind;
}

/* Another one in front of @spares. Not under the lock. */
static struct map *add_spare(struct map *spares)
{
	struct map *spare = malloc(sizeof(*spare));

	if (!spare)
		abort();
	spare->next = spares;
	return spare;
}

struct map *maps_take(const void *address, size_t length)
{
	uintptr_t start = (uintptr_t)address, end = start + length;
	struct map **at, *map, *spares = NULL, *taken = NULL;
	unsigned int num_spares = 0;

	if (start >= end)
		return NULL;
	pthread_mutex_lock(&lock);
	while (num_spares < count_splits(start, end)) {
		pthread_mutex_unlock(&lock);
		spares = add_spare(spares);
		num_spares++;
		pthread_mutex_lock(&lock);
	}
	for (at = &maps; (map = *at);) {
		split(map, start, &spares);
		split(map, end, &spares);
		if (map->start < start || map->end > end) {
			at = &map->next;
			continue;
		}
		*at = map->next;
		map->next = taken;
		taken = map;
	}
	pthread_mutex_unlock(&lock);
	maps_free(spares);
	return taken;
}

void maps_free(struct map *taken)
{
	struct map *map;

	while ((map = taken)) {
		taken = map->next;
		free(map);
	}
}

void maps_remove(const void *address, size_t length)
{
	maps_free(maps_take(address, length));
}

static bool continues(const struct map *map, const struct map *behind)
{
	return map->end == behind->start && map->target == behind->target &&
	       map->offset + (map->end - map->start) == behind->offset;
}

/* Joined to what was left on its sides: a registration may be of all of it. What is not needed then goes to @unused. */
static void join(struct map *map, struct map **unused)
{
	struct map **at, *other;

	for (at = &maps; (other = *at);) {
		if (continues(other, map)) {
			map->start = other->start;
			map->offset = other->offset;
		} else if (continues(map, other)) {
			map->end = other->end;
		} else {
			at = &other->next;
			continue;
		}
		*at = other->next;
		other->next = *unused;
		*unused = other;
	}
	map->next = maps;
	maps = map;
}

void maps_put_back(struct map *taken)
{
	struct map *map, *unused = NULL;

	pthread_mutex_lock(&lock);
	while ((map = taken)) {
		taken = map->next;
		join(map, &unused);
	}
	pthread_mutex_unlock(&lock);
	maps_free(unused);
}

int maps_find(const void *address, size_t length, struct piece *piece)
{
	uintptr_t start = (uintptr_t)address, end = start + length;
	int err = 0;

	piece->target = -1;
	piece->offset = 0;
	pthread_mutex_lock(&lock);
	for (const struct map *map = maps; map; map = map->next) {
		if (map->start >= end || map->end <= start)
			continue;
		if (start < map->start || end > map->end || end < start) {
			err = EINVAL;
			break;
		}
		piece->target = map->target;
		piece->offset = map->offset + (start - map->start);
	}
	pthread_mutex_unlock(&lock);
	return err;
}

void mrs_add(struct ibv_mr *mr)
{
	struct mr_entry *entry = malloc(sizeof(*entry));

	/* Only its end would go unreported. */
	if (!entry)
		return;
	pthread_mutex_lock(&lock);
	*entry = (struct mr_entry) { .next = mrs, .mr = mr };
	mrs = entry;
	pthread_mutex_unlock(&lock);
}

static struct ibv_mr *take(const struct ibv_mr *mr, const struct ibv_context *context)
{
	struct ibv_mr *found = NULL;
	struct mr_entry *entry;

	pthread_mutex_lock(&lock);
	for (struct mr_entry **at = &mrs; (entry = *at); at = &entry->next) {
		if ((mr && entry->mr != mr) || (context && entry->mr->context != context))
			continue;
		found = entry->mr;
		*at = entry->next;
		break;
	}
	pthread_mutex_unlock(&lock);
	free(entry);
	return found;
}

bool mrs_take(struct ibv_mr *mr)
{
	return take(mr, NULL);
}

struct ibv_mr *mrs_take_any(const struct ibv_context *context)
{
	return take(NULL, context);
}
