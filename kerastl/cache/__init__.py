"""Keeps on disk what took time to compute: decoded photos, and what a frozen trunk makes of them.

A cache holds tables, a table holds rows of one kind, and each row has an id that tells what it was
computed from. Rows are written in blocks, files that appear as a whole by a rename and never change
after it: several runs can share a cache, and each may be killed at any moment.
"""

from kerastl.cache.block import Array, Ids
from kerastl.cache.gather import NoPlaceError, Numbers, gather, in_memory
from kerastl.cache.rows import ID_BYTES, Rows, code_of, id_of, ids_of
from kerastl.cache.store import LIMIT, Cache
from kerastl.cache.table import Table

__all__ = [
    "ID_BYTES",
    "LIMIT",
    "Array",
    "Cache",
    "Ids",
    "NoPlaceError",
    "Numbers",
    "Rows",
    "Table",
    "code_of",
    "gather",
    "id_of",
    "ids_of",
    "in_memory",
]
