"""Writes the stubs through which an archive calls libraries that are loaded at the first call (cmake/lazy.cmake).

    lazy_stubs.py NM ARCHIVE OUTPUT.s LIBRARY…

A stub jumps to where its slot points: at first to code that has gaze_lazy_load (src/base/lazy_library.cpp) fill the slot,
with the call's arguments saved, then to the function itself. Stubs are weak, for several archives may call a function,
and hidden, so that no library binds to them.
"""
import pathlib
import subprocess
import sys


def names(*command):
    """(kind, name) of the symbols that nm prints, versions cut off."""
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {(words[-2], words[-1].partition("@")[0]) for words in map(str.split, lines) if len(words) > 1}


def soname(library):
    """What the program will ask for: DT_SONAME."""
    lines = subprocess.run(["readelf", "-d", library], check=True, capture_output=True, text=True).stdout.splitlines()
    return next(line.partition("[")[2].rstrip("]") for line in lines if "(SONAME)" in line)


STUB = """
    .weak {name}
    .hidden {name}
    .type {name}, @function
{name}:
    jmp *.Lslot{i}(%rip)
.Lfirst{i}:
    pushq ${i}
    jmp .Lload
    .size {name}, . - {name}
"""
ROW = """
    .quad .Llibrary{i}, .Lname{i}
.Lslot{i}:
    .quad .Lfirst{i}
"""
WORDS = """
.Llibrary{i}: .asciz "{library}"
.Lname{i}: .asciz "{name}"
"""
SAVED = ("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10")
LOAD = """
.Lload:
    .cfi_startproc
    .cfi_def_cfa_offset 16
    pushq %rbp
    .cfi_def_cfa_offset 24
    .cfi_offset %rbp, -24
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    andq $-16, %rsp
    subq $192, %rsp
{save}
    imulq $24, 8(%rbp), %rdi
    leaq .Ltable(%rip), %rax
    addq %rax, %rdi
    call gaze_lazy_load
    movq %rax, %r11
{restore}
    movq %rbp, %rsp
    popq %rbp
    addq $8, %rsp
    jmp *%r11
    .cfi_endproc
"""

nm, archive, output, *libraries = sys.argv[1:]
wanted = {name for kind, name in names(nm, "-u", archive) if kind in "Uw"}
found, data = {}, []
for library in libraries:
    for kind, name in names(nm, "-D", "--defined-only", library):
        if name in wanted and kind in "TtWi":
            found.setdefault(name, soname(library))
        elif name in wanted:
            data.append(f"{library}: {name} is data, which cannot be loaded lazily")
if data:
    sys.exit("\n".join(data))
move = [(f"movq {{}}", f"%{register}", f"{8 * i}(%rsp)") for i, register in enumerate(SAVED)]
move += [(f"movups {{}}", f"%xmm{i}", f"{64 + 16 * i}(%rsp)") for i in range(8)]
text = "    .text\n"
rows = sorted(found.items())
for i, (name, library) in enumerate(rows):
    text += STUB.format(i=i, name=name)
text += LOAD.format(save="\n".join("    " + code.format(f"{a}, {b}") for code, a, b in move),
                    restore="\n".join("    " + code.format(f"{b}, {a}") for code, a, b in move))
text += "    .section .data.rel.local, \"aw\"\n    .balign 8\n.Ltable:" + "".join(ROW.format(i=i) for i in range(len(rows)))
text += "    .section .rodata\n" + "".join(WORDS.format(i=i, name=name, library=library)
                                           for i, (name, library) in enumerate(rows))
pathlib.Path(output).parent.mkdir(parents=True, exist_ok=True)
pathlib.Path(output).write_text(text + "    .section .note.GNU-stack, \"\", @progbits\n")
