"""Spark, pyiceberg and DuckDB behind one JSON-lines conversation: a request per line on stdin, an answer per line on stdout.

A request names the catalog that it is about: {"name", "path", "warehouse"}. One Spark serves all of them, each in a session of
its own.
"""

import datetime
import decimal
import glob
import json
import os
import sys

from spark_session import catalog_settings, spark_session

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def plain(value):
    """One spelling for each value, whichever engine it comes from."""
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return value.isoformat(sep=" ", timespec="microseconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


class Spark:
    """Sessions by their catalog. They share nothing but the JVM: views, settings and catalogs are a session's own."""

    first = None
    sessions = {}

    def session(self, catalog):
        name, path, warehouse = place = catalog["name"], catalog["path"], catalog["warehouse"]
        if place not in self.sessions:
            if self.first is None:
                self.first = spark_session(name, path, warehouse, jars=os.environ["ENGINE_JARS"], driver_memory="1500m")
            session = self.first.newSession()
            for setting, value in catalog_settings(name, path, warehouse).items():
                session.conf.set(setting, value)
            self.sessions[place] = session
        return self.sessions[place]

    def answer(self, request):
        rows = self.session(request["catalog"]).sql(request["sql"]).collect()
        return [row.asDict(recursive=True) for row in rows]


def pyiceberg_catalog(request):
    from pyiceberg.catalog.sql import SqlCatalog

    catalog = request["catalog"]
    return SqlCatalog(catalog["name"], uri="sqlite:///" + catalog["path"], warehouse=catalog["warehouse"])


def pyiceberg_scan(request):
    table = pyiceberg_catalog(request).load_table(request["table"])
    options = {}
    if request.get("filter"):
        options["row_filter"] = request["filter"]
    if request.get("ref"):
        options["snapshot_id"] = table.refs()[request["ref"]].snapshot_id
    return table.scan(**options).to_arrow().to_pylist()


def pyiceberg_append(request):
    """Appends the rows of the table that match a filter once more."""
    table = pyiceberg_catalog(request).load_table(request["table"])
    table.append(table.scan(row_filter=request["filter"]).to_arrow())
    return []


def pyiceberg_tables(request):
    return [".".join(name) for name in pyiceberg_catalog(request).list_tables(request["namespace"])]


def duckdb_query(request):
    import duckdb

    import duckdb_extension_avro
    import duckdb_extension_iceberg

    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for module in (duckdb_extension_avro, duckdb_extension_iceberg):
        (path,) = glob.glob(os.path.dirname(module.__file__) + "/extensions/*/*.duckdb_extension")
        connection.execute(f"LOAD '{path}'")
    connection.execute("SET TimeZone = 'UTC'")
    result = connection.execute(request["sql"])
    names = [column[0] for column in result.description]
    return [dict(zip(names, row)) for row in result.fetchall()]


spark = Spark()
actions = {
    "spark": spark.answer,
    "pyiceberg": pyiceberg_scan,
    "pyiceberg-append": pyiceberg_append,
    "pyiceberg-tables": pyiceberg_tables,
    "duckdb": duckdb_query,
}

for line in sys.stdin:
    request = json.loads(line)
    try:
        reply = {"rows": plain(actions[request["engine"]](request))}
    except Exception as error:
        reply = {"error": f"{type(error).__name__}: {error}"[:8000]}
    answers.write(json.dumps(reply) + "\n")
    answers.flush()
