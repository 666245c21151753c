/* SPDX-License-Identifier: GPL-2.0-or-later
   From the boot loader to `kernel_start(info, kind)`: long mode, boot page tables, cleared .bss, a stack.

   Both loaders enter in 32-bit protected mode without paging, at the physical address of the image: PVH (QEMU -kernel,
   Xen; the note below) with %ebx = start info, multiboot2 (GRUB) with %eax = magic, %ebx = tags.
   The boot tables map the first 4 GiB at DIRECT_MAP, never executable, the image's pages at KERNEL_BASE, each with the
   rights of its section (so compiled code never sees a page that is writable and executable), and the first 4 GiB at 0 for
   this code and the other cores' trampoline alone: `kernel_start` begins without it. boot_tables.py replaces them. */

#include "asm.inc"

#define BOOT_PVH        1
#define BOOT_MULTIBOOT2 2
#define IMAGE_TABLES    32              /* of 2 MiB each: link.ld asserts that the image fits */
#define NO_EXECUTE_HIGH 0x80000000      /* in the upper half of an entry */
#define MB2_MAGIC       0xe85250d6
#define MB2_LOADED      0x36d76289

/* The Xen note of type 18: physical address of a 32-bit entry. */
.section .note.Xen, "a", @note
    .balign 4
    .long 4                             /* size of the name */
    .long 4                             /* size of the address */
    .long 18
    .asciz "Xen"
    .long pvh_entry

.section .multiboot, "a"
    .balign 8
mb2_header:
    .long MB2_MAGIC
    .long 0                             /* i386 protected mode */
    .long mb2_end - mb2_header
    .long 0x100000000 - (MB2_MAGIC + (mb2_end - mb2_header))
    .short 3, 0                         /* entry address: ours is physical */
    .long 12
    .long mb2_entry
    .balign 8
    .short 6, 0                         /* modules page-aligned */
    .long 8
    .short 0, 0
    .long 8
mb2_end:

/* Entries for the pages [start, end) of the image, in physical addresses. Spoils eax, ecx, edi. */
.macro MAP_IMAGE start, end, low, high
    movl $\start, %eax
    movl %eax, %edi
    shrl $9, %edi                       /* 8 bytes of table for each page */
    addl $boot_image_tables, %edi
    movl $\end + 0xfff, %ecx
    shrl $12, %ecx
    andl $0xfffff000, %eax
    movl %eax, %edx
    shrl $12, %edx
    subl %edx, %ecx
    orl $\low, %eax
.Lmap\@:
    movl %eax, (%edi)
    movl $\high, 4(%edi)
    addl $0x1000, %eax
    addl $8, %edi
    loop .Lmap\@
.endm

/* No function types here: the symbol table of backtraces covers the higher half only. */
.section .boot.text, "ax"
    .code32
    .globl pvh_entry
pvh_entry:
    movl $BOOT_PVH, %ebp
    jmp boot_common

    .globl mb2_entry
mb2_entry:
    movl $BOOT_MULTIBOOT2, %ebp
    cmpl $MB2_LOADED, %eax
    jne boot_refused

boot_common:
    cli
    cld
    movl %ebx, %esi                     /* the loader's structure, kept over what follows */
    movl $boot_stack_low_end, %esp

    /* Long mode and no-execute are what all that follows rests on. */
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb boot_refused
    movl $0x80000001, %eax
    cpuid
    andl $0x20100000, %edx              /* LM, NX */
    cmpl $0x20100000, %edx
    jne boot_refused

    /* All of the image must be in memory, what no loader has loaded (.bss) as well. */
    movl $image_end_phys, %edi
    notl -4(%edi)
    movl -4(%edi), %eax
    notl -4(%edi)
    notl %eax
    cmpl %eax, -4(%edi)
    jne boot_no_memory

    /* Nobody has promised that .bss is zero. */
    movl $bss_start_phys, %edi
    movl $bss_end_phys, %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl
    movl $boot_tables, %edi
    movl $(boot_tables_end - boot_tables) / 4, %ecx
    rep stosl

    /* 4 GiB in 2 MiB pages: present, writable, large. */
    movl $boot_pds, %edi
    movl $0x83, %eax
    movl $2048, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 1b
    movl $boot_pds + 3, %eax
    movl $boot_pdpt_low, %edi
    movl $4, %ecx
2:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    loop 2b
    movl $boot_image_tables + 3, %eax
    movl $boot_image_pd, %edi
    movl $IMAGE_TABLES, %ecx
3:  movl %eax, (%edi)
    addl $0x1000, %eax
    addl $8, %edi
    loop 3b
    movl $boot_image_pd + 3, boot_pdpt_high + 510 * 8
    movl $boot_pdpt_low + 3, boot_pml4
    movl $boot_pdpt_low + 3, boot_pml4 + 256 * 8
    movl $NO_EXECUTE_HIGH, boot_pml4 + 256 * 8 + 4
    movl $boot_pdpt_high + 3, boot_pml4 + 511 * 8

    MAP_IMAGE text_start_phys, text_end_phys, 1, 0
    MAP_IMAGE rodata_start_phys, rodata_end_phys, 1, NO_EXECUTE_HIGH
    MAP_IMAGE data_start_phys, data_end_phys, 3, NO_EXECUTE_HIGH
    MAP_IMAGE symbols_start_phys, image_end_phys, 1, NO_EXECUTE_HIGH

    movl $CR4_BOOT, %eax
    movl %eax, %cr4
    movl $boot_pml4, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $(EFER_LME | EFER_NXE), %eax
    wrmsr
    movl $CR0_BOOT, %eax
    movl %eax, %cr0
    lgdt boot_gdtr
    ljmp $KERNEL_CS, $boot_long

/* No such processor: say so where somebody may look, and stop. */
boot_no_memory:
    movl $boot_too_small, %esi
    jmp 3f
boot_refused:
    movl $boot_sorry, %esi
3:  lodsb
    testb %al, %al
    jz 4f
    movw $0x3f8, %dx
    outb %al, %dx
    movw $0xe9, %dx
    outb %al, %dx
    jmp 3b
4:  hlt
    jmp 4b

    .code64
boot_long:
    movw $KERNEL_SS, %ax
    movw %ax, %ss
    movw %ax, %ds
    movw %ax, %es
    xorl %eax, %eax
    movw %ax, %fs
    movw %ax, %gs
    movabsq $boot_high, %rax
    jmpq *%rax

.section .boot.data, "aw"
boot_sorry:
    .asciz "Pykaros needs an x86-64 processor with no-execute pages.\n"
boot_too_small:
    .asciz "Pykaros: there is less memory than the kernel's image takes.\n"
    .balign 16
boot_gdt:
    .quad 0
    .quad 0x00af9a000000ffff            /* 0x08: kernel code, 64-bit */
    .quad 0x00cf92000000ffff            /* 0x10: kernel data */
boot_gdtr:
    .short . - boot_gdt - 1
    .quad boot_gdt

.section .boot.bss, "aw", @nobits
    .balign 4096
boot_tables:
    .globl boot_pml4, boot_pdpt_low
boot_pml4:      .skip 4096
boot_pdpt_low:  .skip 4096
boot_pdpt_high: .skip 4096
boot_pds:       .skip 4 * 4096
boot_image_pd:  .skip 4096
boot_image_tables: .skip IMAGE_TABLES * 4096
boot_tables_end:
    .skip 256
boot_stack_low_end:

.text
/* In the higher half. The boot core's per-core area is the section itself: its displacement is 0. */
boot_high:
    movq $boot_stack_end, %rsp
    movl $MSR_GS_BASE, %ecx
    xorl %eax, %eax
    xorl %edx, %edx
    wrmsr
    /* Nothing is mapped at 0 any more. smp.py puts it back for the other cores. */
    movabsq $boot_pml4 + DIRECT_MAP, %rax
    movq $0, (%rax)
    movq %cr3, %rax
    movq %rax, %cr3
    /* The other cores' areas start as this one is now. */
    movl %esi, %ebx
    movq $percpu_template, %rdi
    movq $percpu_start, %rsi
    movq $percpu_end, %rcx
    subq %rsi, %rcx
    rep movsb
    movl %ebx, %edi
    movl %ebp, %esi
    xorl %ebp, %ebp                     /* the end of every backtrace */
    call kernel_start
    ud2

.bss
    .balign 4096
    .globl boot_stack
boot_stack:
    .skip 65536
    .globl boot_stack_end
boot_stack_end:
/* The boot core's stacks for double fault, NMI, machine check and debug, until there are guarded ones. */
    .globl boot_ist_stacks
boot_ist_stacks:
    .skip 4 * 32768

    .globl percore_deltas
percore_deltas:
    .skip 256 * 8

.section .percpu, "aw"
    .balign 64
    .globl percore_delta
percore_delta:      .quad 0             /* this core's area - the section */
    .globl core_kernel_stack
core_kernel_stack:  .quad 0             /* where entries from user space start */
    .globl core_actual_ctx
core_actual_ctx:    .quad 0             /* where they store the user's registers */
    .globl core_number
core_number:        .quad 0
    .balign 64
    .globl core_gdt
core_gdt:           .skip 64
    .globl core_tss
core_tss:           .skip 128
