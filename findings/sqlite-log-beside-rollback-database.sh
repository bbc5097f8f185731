#!/bin/sh
# SQLite applies a file `NAME-wal` to the database NAME although NAME's header (bytes 18 and 19 are 1) says that it is not in WAL
# mode, and although the log was begun for another database: nothing in a log says whose it is. What comes out is the other
# database's content, the log is then folded into NAME for good, and `PRAGMA integrity_check` finds nothing wrong.
#
# So: a file in rollback mode that is restored over one whose writer was killed is lost to whoever opens it first. (The same
# rollback file with no log beside it is read as it is; deleting the log before the copy is the cure.)
# Status: 0 as described, 1 SQLite behaves otherwise, 2 the package cannot be had.
set -eu
VERSION=3.54.1.0
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
if ! python3 -m pip install -q --disable-pip-version-check --target packages "apsw==$VERSION" >log 2>&1; then
    tail -n 3 log >&2
    echo "apsw==$VERSION (SQLite with Python bindings) cannot be installed" >&2
    exit 2
fi
cat >look.py <<'PYTHON'
import os
import shutil

import apsw


def database(name, mode, text):
    connection = apsw.Connection(name)
    connection.execute(f"PRAGMA journal_mode = {mode}; CREATE TABLE t(x)").fetchall()
    connection.execute("INSERT INTO t VALUES (?)", (text,))
    return connection


def content(name):
    connection = apsw.Connection(name)
    rows = [x for (x,) in connection.execute("SELECT x FROM t")]
    check = connection.execute("PRAGMA integrity_check").fetchall()[0][0]
    connection.close()
    return rows, check


print("SQLite", apsw.sqlite_lib_version())
writer = database("killed.db", "wal", "of the writer that was killed")  # kept open: its log is not folded in
database("good.db", "delete", "what was restored").close()
with open("good.db", "rb") as file:
    header = file.read(100)
print("good.db: write version", header[18], "and read version", header[19], "(1: rollback journal, 2: WAL)")

shutil.copyfile("good.db", "alone.db")
print("good.db with no log beside it:          ", *content("alone.db"))
shutil.copyfile("good.db", "restored.db")
shutil.copyfile("killed.db-wal", "restored.db-wal")
found = content("restored.db")
print("good.db with the other database's log:  ", *found)
print("the log is still there:", os.path.exists("restored.db-wal"))
again = content("restored.db")
print("opened once more, the log gone:         ", *again)
assert header[18:20] == b"\1\1" and content("alone.db") == (["what was restored"], "ok"), "not as described"
assert found == again == (["of the writer that was killed"], "ok"), "not as described"
assert not os.path.exists("restored.db-wal"), "not as described"
writer.close()
PYTHON
PYTHONPATH=packages python3 look.py || exit 1
