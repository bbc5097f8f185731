"""The recording's tables. A recording is one SQLite file, so that any SQLite tool can read it.

Rowid tables throughout: a table WITHOUT ROWID keeps blobs in its index pages and grew to 94 MB where a rowid table
took 28. Everything after `meta` and the first blobs is only ever appended, in batches; a batch is one transaction.
Only `snapshot` is not: names are given and taken away later too.
"""

APPLICATION_ID = 0x50484452  # "PHDR", at byte 68 of the file
FORMAT = 5  # SQLite's user_version, at byte 60
WITHOUT_NETWORK = 4  # what is written of a machine without a network: the same without `packet`
READ = (3, 4, 5)  # formats that are read: 3 has the tables of 4, and another form of meta's `config`

MAX_BLOB = 1 << 30  # bytes of one content-addressed blob, uncompressed
MAX_META = 16 << 20  # bytes of one meta value

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL);
CREATE TABLE blob (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, codec TEXT NOT NULL,
                   data BLOB NOT NULL);
CREATE TABLE kind (tag INTEGER PRIMARY KEY, name TEXT NOT NULL, arguments TEXT NOT NULL);
CREATE TABLE event (id INTEGER PRIMARY KEY, icount INTEGER NOT NULL, seq INTEGER NOT NULL, kind INTEGER NOT NULL,
                    cpu INTEGER NOT NULL, args BLOB, payload BLOB);
CREATE TABLE digest (id INTEGER PRIMARY KEY, icount INTEGER NOT NULL, count INTEGER NOT NULL, roots BLOB NOT NULL,
                     checks BLOB NOT NULL);
CREATE TABLE checkpoint (id INTEGER PRIMARY KEY, icount INTEGER NOT NULL, seq INTEGER NOT NULL,
                         virtual_ns INTEGER NOT NULL, last_event INTEGER NOT NULL, parts BLOB NOT NULL,
                         pages BLOB NOT NULL);
CREATE TABLE pack (id INTEGER PRIMARY KEY, hashes BLOB NOT NULL, data BLOB NOT NULL);
CREATE TABLE content (id INTEGER PRIMARY KEY, records BLOB NOT NULL);
CREATE TABLE console (id INTEGER PRIMARY KEY, port INTEGER NOT NULL, position INTEGER NOT NULL, icount INTEGER NOT NULL,
                      seq INTEGER NOT NULL, size INTEGER NOT NULL, text BLOB NOT NULL, moments BLOB NOT NULL);
CREATE TABLE snapshot (id INTEGER PRIMARY KEY, name TEXT NOT NULL, icount INTEGER NOT NULL, seq INTEGER NOT NULL,
                       virtual_ns INTEGER NOT NULL, created TEXT NOT NULL, root BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE batch (id INTEGER PRIMARY KEY, last_event INTEGER NOT NULL, last_digest INTEGER NOT NULL,
                    last_checkpoint INTEGER NOT NULL, last_content INTEGER NOT NULL, last_console INTEGER NOT NULL,
                    icount INTEGER NOT NULL, seq INTEGER NOT NULL, virtual_ns INTEGER NOT NULL,
                    wall_ms INTEGER NOT NULL, hash BLOB NOT NULL);
CREATE VIEW events AS SELECT e.id, e.icount, e.seq, k.name, e.cpu, hex(e.args) AS args, e.payload
                      FROM event e LEFT JOIN kind k ON k.tag = e.kind;
"""

PACKET = """
CREATE TABLE packet (id INTEGER PRIMARY KEY, count INTEGER NOT NULL, data BLOB NOT NULL);
"""


def _objects(schema: str) -> dict[tuple[str, str, str], str | None]:
    """(type, name, table) -> SQL text, as in SQLite's own table of contents."""
    out: dict[tuple[str, str, str], str | None] = {}
    for statement in schema.split(";"):
        words = statement.split()
        if words:
            out[words[1].lower(), words[2], words[2]] = statement.strip()
    for table in ("meta", "blob"):  # of the primary key that is no number, and of UNIQUE
        out["index", f"sqlite_autoindex_{table}_1", table] = None
    return out


OBJECTS = {WITHOUT_NETWORK: _objects(SCHEMA), FORMAT: _objects(SCHEMA + PACKET)}
TABLES = tuple(name for kind, name, _ in OBJECTS[WITHOUT_NETWORK] if kind == "table")


def objects_of(format: int) -> dict[tuple[str, str, str], str | None]:
    """What a recording of this format has."""
    return OBJECTS[max(format, WITHOUT_NETWORK)]


def tables_of(format: int) -> set[str]:
    return {table for _, _, table in objects_of(format)}
