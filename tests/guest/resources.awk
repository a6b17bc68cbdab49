# SPDX-License-Identifier: GPL-2.0 OR Linux-OpenIB
# What is in use in the kernel on behalf of the modules under test, as lines "NAME<TAB>COUNT", for
# run-tests, which compares them before and after a program. Arguments: the files to read, any of
#
#   /proc/vmstat				pinned pages
#   /proc/vmallocinfo				vmalloc areas, by the module that made them
#   /sys/kernel/debug/dma_buf/bufinfo		dma-bufs of all exporters
#   /sys/kernel/debug/vfiowc_pci/dma_bufs	dma-bufs that our exporter knows
#   /proc/modules				references of modules, less those of modules
#   /sys/kernel/debug/slab/CACHE/alloc_traces	slab objects, by the function of ours that made them or had
#						them made by a helper (only when booted with
#						slab_debug=U,CACHE)
# An entry that lives as long as its module belongs to nobody's program: what init functions allocate.
# With -v stacks=1 the objects come with their stacks, one a line, instead of with a sum.
BEGIN {
	FS = "[ \t]+"
	# Through these an object is as good as our own. What others have made for us, a device's sysfs nodes, a stock of
	# vmalloc, they may keep.
	helpers = "^(k[mzv]*alloc|__kv?malloc|kmemdup|kvmemdup|memdup|krealloc|kstr|kv?asprintf|__?sg_|sg_|dma_buf_phys_vec_to_sgt)"
}

FILENAME ~ /vmstat$/ && /^nr_foll_pin_acquired / { pins += $2 }
FILENAME ~ /vmstat$/ && /^nr_foll_pin_released / { pins -= $2 }

FILENAME ~ /vmallocinfo$/ && match($0, /\[(vfiowc|ib_|rdma|vfio)[a-z_]*\]/) {
	count["vmalloc areas of " substr($0, RSTART + 1, RLENGTH - 2)]++
}

FILENAME ~ /bufinfo$/ && /^Total [0-9]+ objects/ { count["dma-bufs"] = $2 }
FILENAME ~ /dma_bufs$/ { count["dma-bufs of vfiowc_pci"]++ }

# The fourth field lists the modules among the users, each followed by a comma.
FILENAME ~ /^.proc.modules$/ && $1 ~ /^(vfiowc|ib_|rdma|vfio)/ {
	count["references of " $1] = $3 - gsub(/,/, ",", $4)
}

# An entry is "COUNT FUNCTION age=..." and a stack, one function a line, innermost first.
function slab_flush(   i)
{
	if (objects && owner != "" && !init) {
		count["slab objects of " owner] += objects
		if (stacks)
			print substr(stack, 4)
	}
	objects = init = depth = others = 0
	owner = stack = ""
}

FILENAME ~ /alloc_traces$/ && /^ *[0-9]+ .* age=/ {
	slab_flush()
	line = $0
	sub(/^ */, "", line)
	objects = line + 0
}
FILENAME ~ /alloc_traces$/ && NF > 1 {
	stack = stack " < " $2
	depth++
}
# The first line is no part of the stack.
FILENAME ~ /alloc_traces$/ && depth > 1 && owner == "" && !others {
	if (match($0, /[a-zA-Z0-9_.]+\+0x[0-9a-f]+\/0x[0-9a-f]+ \[vfiowc_[a-z_]*\]/)) {
		owner = substr($0, RSTART, RLENGTH)
		sub(/\+0x[0-9a-f]+\/0x[0-9a-f]+/, "", owner)
	} else if ($2 ~ /^0xffffffff[0-9a-f]+$/)
		# A function of a module that is gone has no name any more.
		owner = "unloaded modules"
	else if ($2 !~ helpers)
		others = 1
}
# What the slab allocator itself keeps in stock, whoever was the first to need it, belongs to nobody, either.
FILENAME ~ /alloc_traces$/ && /do_init_module|alloc_empty_sheaf|__pcs_replace/ { init = 1 }

END {
	slab_flush()
	if (stacks)
		exit
	count["pinned pages"] = pins
	for (name in count)
		printf "%s\t%d\n", name, count[name]
}
