"""Arguments and results of system calls as text: numbers, flags, texts and bytes out of the guest's memory.

Sources: Linux's include/uapi headers for x86 (values of flags and error numbers).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

Read = Callable[[int, int], bytes]  # of linear memory: (address, length) -> bytes, fewer where memory ends

LONGEST_TEXT, SHOWN_BYTES, MOST_TEXTS = 4096, 32, 32
PAGE = 4096
MASK = 0xFFFFFFFF
AT_FDCWD = -100
ERRORS = """
EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV
ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK
ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP - ENOMSG EIDRM ECHRNG EL2NSYNC EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT
EBADE EBADR EXFULL ENOANO EBADRQC EBADSLT - EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV
ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EOVERFLOW ENOTUNIQ EBADFD EREMCHG ELIBACC ELIBBAD ELIBSCN ELIBMAX
ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT
ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET
ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH
EALREADY EINPROGRESS ESTALE EUCLEAN ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE ECANCELED ENOKEY
EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE ERFKILL EHWPOISON
""".split()
RESTARTS = {512: "ERESTARTSYS", 513: "ERESTARTNOINTR", 514: "ERESTARTNOHAND", 516: "ERESTART_RESTARTBLOCK"}
LARGEST_ERROR = 4095

SIGNALS = ("0 HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN "
           "TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS").split()  # fmt: skip
FLAGS = {
    "oflags": {0o100: "O_CREAT", 0o200: "O_EXCL", 0o400: "O_NOCTTY", 0o1000: "O_TRUNC", 0o2000: "O_APPEND",
               0o4000: "O_NONBLOCK", 0o4010000: "O_SYNC", 0o10000: "O_DSYNC", 0o20000: "FASYNC", 0o40000: "O_DIRECT",
               0o100000: "O_LARGEFILE", 0o20200000: "O_TMPFILE", 0o200000: "O_DIRECTORY", 0o400000: "O_NOFOLLOW",
               0o1000000: "O_NOATIME", 0o2000000: "O_CLOEXEC", 0o10000000: "O_PATH"},
    "prot": {1: "PROT_READ", 2: "PROT_WRITE", 4: "PROT_EXEC", 0x1000000: "PROT_GROWSDOWN"},
    "map": {3: "MAP_SHARED_VALIDATE", 1: "MAP_SHARED", 2: "MAP_PRIVATE", 0x10: "MAP_FIXED", 0x20: "MAP_ANONYMOUS",
            0x100: "MAP_GROWSDOWN", 0x800: "MAP_DENYWRITE", 0x2000: "MAP_LOCKED", 0x4000: "MAP_NORESERVE",
            0x8000: "MAP_POPULATE", 0x10000: "MAP_NONBLOCK", 0x20000: "MAP_STACK", 0x100000: "MAP_FIXED_NOREPLACE"},
    "clone": {0x100: "CLONE_VM", 0x200: "CLONE_FS", 0x400: "CLONE_FILES", 0x800: "CLONE_SIGHAND",
              0x1000: "CLONE_PIDFD", 0x4000: "CLONE_VFORK", 0x8000: "CLONE_PARENT", 0x10000: "CLONE_THREAD",
              0x20000: "CLONE_NEWNS", 0x40000: "CLONE_SYSVSEM", 0x80000: "CLONE_SETTLS",
              0x100000: "CLONE_PARENT_SETTID", 0x200000: "CLONE_CHILD_CLEARTID", 0x1000000: "CLONE_CHILD_SETTID",
              0x4000000: "CLONE_NEWUTS", 0x8000000: "CLONE_NEWIPC", 0x10000000: "CLONE_NEWUSER",
              0x20000000: "CLONE_NEWPID", 0x40000000: "CLONE_NEWNET"},
    "access": {4: "R_OK", 2: "W_OK", 1: "X_OK"},
}  # fmt: skip
NONE = {"prot": "PROT_NONE", "access": "F_OK"}
CONSTANTS = {
    "whence": "SEEK_SET SEEK_CUR SEEK_END SEEK_DATA SEEK_HOLE".split(),
    "how": "SIG_BLOCK SIG_UNBLOCK SIG_SETMASK".split(),
    "fcntl": "F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_GETLK F_SETLK F_SETLKW F_SETOWN F_GETOWN F_SETSIG F_GETSIG "
             "F_GETLK64 F_SETLK64 F_SETLKW64".split(),
}  # fmt: skip
NAMED = {
    "fcntl": {1030: "F_DUPFD_CLOEXEC", 1031: "F_SETPIPE_SZ", 1032: "F_GETPIPE_SZ"},
    "ioctl": {0x5401: "TCGETS", 0x5402: "TCSETS", 0x5403: "TCSETSW", 0x5404: "TCSETSF", 0x540E: "TIOCSCTTY",
              0x540F: "TIOCGPGRP", 0x5410: "TIOCSPGRP", 0x5413: "TIOCGWINSZ", 0x5414: "TIOCSWINSZ", 0x541B: "FIONREAD",
              0x5421: "FIONBIO"},
}  # fmt: skip
POINTER_RESULTS = frozenset(("brk", "mmap", "mmap2", "mremap", "shmat"))
OPEN_ACCESS = ("O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE")
CREATES = 0o20000100  # bits of `oflags`: O_CREAT, O_TMPFILE


def argument_text(kind: str, args: Sequence[int], n: int, read: Read) -> str:
    """Argument `n` as far as it is known when the call is made; what the call gives is its address yet."""
    value = args[n]
    head, _, rest = kind.partition(":")
    match head:
        case "d" | "f":
            return str(signed(value))
        case "at":
            return "AT_FDCWD" if signed(value) == AT_FDCWD else str(signed(value))
        case "u":
            return str(value)
        case "mode":
            return f"0{value:03o}"
        case "path" | "str":
            return text_at(value, read)
        case "argv":
            return texts_at(value, read)
        case "in":
            return bytes_at(value, args[int(rest)], read)
        case "sig":
            return f"SIG{SIGNALS[value]}" if 0 < value < len(SIGNALS) else str(signed(value))
        case "x" | "out":
            return pointer_text(value)
    return _named(head, value)


def _named(kind: str, value: int) -> str:
    if kind == "oflags":
        words = [OPEN_ACCESS[value & 3]] if value & 3 or not value & 0o2000000 or value & ~0o2004000 else []
        return "|".join([*words, *_flags(FLAGS[kind], value & ~3)]) or "0"
    if kind == "clone":
        signal = value & 0xFF
        words = _flags(FLAGS[kind], value & ~0xFF)
        return "|".join([*words, f"SIG{SIGNALS[signal]}"] if 0 < signal < len(SIGNALS) else words) or "0"
    if kind in FLAGS:
        return "|".join(_flags(FLAGS[kind], value)) or NONE.get(kind, "0")
    constants = CONSTANTS.get(kind, [])
    if value < len(constants):
        return constants[value]
    return NAMED.get(kind, {}).get(value) or (f"{value:#x}" if kind == "ioctl" else str(signed(value)))


def _flags(names: dict[int, str], value: int) -> list[str]:
    """The larger combinations first; what has no name in hexadecimal."""
    words = []
    for bits in sorted(names, key=lambda bits: (-bits.bit_count(), bits)):
        if value & bits == bits:
            words.append((bits, names[bits]))
            value &= ~bits
    found = [name for _, name in sorted(words)]
    return [*found, f"{value:#x}"] if value else found


def signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value


def pointer_text(value: int) -> str:
    return f"{value:#x}" if value else "NULL"


def text_at(address: int, read: Read) -> str:
    """A text up to its zero; an address if there is none."""
    if not address:
        return "NULL"
    data = bytearray()
    while len(data) < LONGEST_TEXT:
        piece = read(address + len(data) & MASK, PAGE - (address + len(data)) % PAGE)
        end = piece.find(b"\0")
        data += piece[:end] if end >= 0 else piece
        if end >= 0:
            return quoted(bytes(data))
        if not piece:
            return pointer_text(address)
    return quoted(bytes(data[:LONGEST_TEXT])) + "..."


def texts_at(address: int, read: Read) -> str:
    """A list of pointers to texts, such as argv."""
    if not address:
        return "NULL"
    words: list[str] = []
    for n in range(MOST_TEXTS):
        pointer = read(address + 4 * n & MASK, 4)
        if len(pointer) < 4:
            return pointer_text(address)
        if pointer == bytes(4):
            return f"[{', '.join(words)}]"
        words.append(text_at(int.from_bytes(pointer, "little"), read))
    return f"[{', '.join(words)}, ...]"


def bytes_at(address: int, length: int, read: Read) -> str:
    """So many bytes, but the first ones only if there are many."""
    if not address:
        return "NULL"
    data = read(address, min(length, SHOWN_BYTES))
    if len(data) < min(length, SHOWN_BYTES):
        return pointer_text(address)
    return quoted(data) + ("..." if length > SHOWN_BYTES else "")


ESCAPES = {0x22: '\\"', 0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x0B: "\\v", 0x0C: "\\f"}


def quoted(data: bytes) -> str:
    """As C has texts: octal numbers for what cannot be printed."""
    out = []
    for n, c in enumerate(data):
        if c in ESCAPES:
            out.append(ESCAPES[c])
        elif 0x20 <= c < 0x7F:
            out.append(chr(c))
        else:
            digits = data[n + 1 : n + 2].isdigit()
            out.append(f"\\{c:03o}" if digits else f"\\{c:o}")
    return f'"{"".join(out)}"'


def error_name(value: int) -> str:
    """Of a result that is an error, by its number: EPERM for 1."""
    if value in RESTARTS:
        return RESTARTS[value]
    return ERRORS[value - 1] if 0 < value <= len(ERRORS) and ERRORS[value - 1] != "-" else f"error {value}"


def result_text(name: str, value: int) -> str:
    """What a call has given."""
    number = signed(value)
    if -LARGEST_ERROR <= number < 0:
        return f"-1 {error_name(-number)}" if -number not in RESTARTS else f"? {error_name(-number)}"
    return f"{value:#x}" if name in POINTER_RESULTS else str(number)
