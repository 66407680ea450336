"""Prints columns of a table as JSON rows of text, read by pyiceberg."""

import json
import os
import sys

from pyiceberg.catalog import load_catalog

table, *columns = sys.argv[1:]
catalog = load_catalog("aws", **json.loads(os.environ["CATALOG"]))


def text(value):
    if isinstance(value, list):
        return [text(entry) for entry in value]
    return None if value is None else str(value)


arrow = catalog.load_table(table).scan(selected_fields=tuple(columns)).to_arrow()
rows = [[text(row[name]) for name in columns] for row in arrow.to_pylist()]
print(json.dumps(rows))
