import struct

from web.mappings import Mapping, heap_pages, hot_code, is_altered, mappings_in, pages_in_use

MB = 1 << 20
LARGE = 2 * MB

MAPS = """\
00400000-0041f000 r--p 00000000 fe:00 16391                              /usr/bin/python3.11
0041f000-006d2000 r-xp 0001f000 fe:00 16391                              /usr/bin/python3.11
0840d000-08d5c000 rw-p 00000000 00:00 0                                  [heap]
7f7f90868000-7f7f90d68000 rw-p 00000000 00:00 0 
7f7f90d6d000-7f7f90d8c000 r--p 00000000 fe:00 1203                       /srv/our visits/lib d/libssl.so.3
7f7f90d8c000-7f7f90de9000 r-xp 0001f000 fe:00 1203                       /usr/lib/libsqlite3.so.0 (deleted)
7ffe6bd7c000-7ffe6bd9d000 rw-p 00000000 00:00 0                          [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
"""  # noqa: W291


def code(path, *, size=MB, rights="r-xp", start=0):
    return Mapping(start, start + size, rights, path)


def states(*flags):
    """As pagemap has them: flags in the bits from 55 up, a page's number or a place in the swap below."""
    return struct.pack(f"={len(flags)}Q", *(each << 56 | 1 << 55 | 0x1234 for each in flags))


def test_maps_are_read_line_by_line():
    assert list(mappings_in(MAPS)) == [
        Mapping(0x400000, 0x41F000, "r--p", "/usr/bin/python3.11"),
        Mapping(0x41F000, 0x6D2000, "r-xp", "/usr/bin/python3.11"),
        Mapping(0x840D000, 0x8D5C000, "rw-p", "[heap]"),
        Mapping(0x7F7F90868000, 0x7F7F90D68000, "rw-p", ""),
        Mapping(0x7F7F90D6D000, 0x7F7F90D8C000, "r--p", "/srv/our visits/lib d/libssl.so.3"),
        Mapping(0x7F7F90D8C000, 0x7F7F90DE9000, "r-xp", "/usr/lib/libsqlite3.so.0 (deleted)"),
        Mapping(0x7FFE6BD7C000, 0x7FFE6BD9D000, "rw-p", "[stack]"),
        Mapping(0xFFFFFFFFFF600000, 0xFFFFFFFFFF601000, "--xp", "[vsyscall]"),
    ]


def test_a_path_may_hold_what_ends_a_line_elsewhere():
    line = "00400000-00401000 r--p 00000000 fe:00 7 /srv/a\x0bb\x0cc\x1cd\x85e\u2028f\rg\\012h.so"

    (mapping,) = mappings_in(f"{line}\n")

    assert mapping.path == "/srv/a\x0bb\x0cc\x1cd\x85e\u2028f\rg\\012h.so"


def test_of_nothing_there_are_no_mappings():
    assert list(mappings_in("")) == []


def test_the_pages_of_a_heap_begin_at_whole_large_pages_and_end_within_it():
    heap = Mapping(LARGE + 4096, 4 * LARGE + 4096, "rw-p", "[heap]")

    assert heap_pages([heap], large=LARGE) == [2 * LARGE, 3 * LARGE]


def test_a_heap_of_whole_large_pages_is_used_to_both_ends():
    assert heap_pages([Mapping(LARGE, 3 * LARGE, "rw-p", "")], large=LARGE) == [LARGE, 2 * LARGE]


def test_a_heap_that_holds_no_whole_large_page_has_none():
    assert heap_pages([Mapping(4096, 2 * LARGE - 4096, "rw-p", "")], large=LARGE) == []


def test_only_writable_memory_of_nobody_else_and_no_file_is_heap():
    others = [
        code("", size=LARGE, rights=rights, start=LARGE) for rights in ("r--p", "r-xp", "rwxp", "rw-s", "---p")
    ] + [
        code(path, size=LARGE, rights="rw-p", start=LARGE)
        for path in (
            "/usr/bin/python3.11",
            "[stack]",
            "[anon:guard]",
            "/dev/zero (deleted)",
            "/anon_hugepage (deleted)",
        )
    ]

    assert heap_pages(others, large=LARGE) == []


def test_hot_code_is_what_a_fix_runs_through_and_its_constants():
    hot = [
        code("/usr/bin/python3.11"),
        code("/usr/lib/libpython3.13.so.1.0", rights="r--p"),
        code("/usr/lib/x86_64-linux-gnu/libc.so.6"),
        code("/lib/libc-2.31.so"),
        code("/usr/lib/libsqlite3.so.0.8.6 (deleted)"),
        code("/venv/lib/enroute-compiled/61/enroute_core__mypyc.cpython-311.so"),
        code("/our venv/site-packages/uvloop/loop.cpython-311.so"),
        code("/usr/lib/python3.11/lib-dynload/_json.so"),
    ]
    cold = [
        code("/usr/lib/libcrypto.so.3"),
        code("/usr/lib/libc++.so.1"),
        code("/venv/site-packages/numpy/_core.so"),
        code("/venv/site-packages/uvloop-0.23.dist-info/x.so"),
        code("/usr/bin/python3.11", rights="rw-p"),
        code("/usr/lib/libc.so.6", rights="---p"),
        code("/var/libc.so.6", rights="r--s"),
        code("[vdso]"),
        code(""),
    ]

    assert hot_code([*hot, *cold]) == hot


def test_code_that_would_be_too_much_is_left_out_and_smaller_code_behind_it_is_not():
    one, huge, two, three = (
        code("/lib/libm.so.6", size=2 * MB),
        code("/usr/bin/python3", size=9 * MB),
        code("/lib/libc.so.6", size=3 * MB),
        code("/lib/libpq.so.5", size=1),
    )

    assert hot_code([one, huge, two, three], at_most=5 * MB) == [one, two]


def test_pages_in_use_are_those_in_memory_and_not_those_swapped_out():
    assert pages_in_use(states(0x80, 0x81, 0xA0, 0x00, 0x40, 0x01)) == 3


def test_of_no_pages_none_is_in_use():
    assert (pages_in_use(b""), is_altered(b"")) == (0, False)


def test_code_is_altered_where_a_page_is_the_process_s_own_be_it_swapped_out():
    untouched = states(0xA0, 0xA1, 0x00, 0x20)

    assert [is_altered(untouched + states(flags)) for flags in (0x00, 0xA0, 0x80, 0x81, 0x40)] == [
        False,
        False,
        True,
        True,
        True,
    ]
