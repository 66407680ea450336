"""Runs unit specifications with Spark: views over files, statements, outputs, questions. It knows no pipeline.

    runner.py --specifications PATH    a list in JSON, {"units": [{"specification", "report"}]}; on Glue paths are s3://…
    runner.py --serve                  such a list per line of stdin

Units run one after the other. The report of each is written last and whole, and says how it ended; whoever started the
runner believes nothing else. A unit that fails leaves the others alone. A unit that is run again writes the same outputs
anew: each one replaces what an earlier try left under its name.
"""

import argparse
import contextlib
import json
import re
import sys
import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

FORMAT_VERSION = 1
# Rows that are kept and take no more go whole to whoever joins them.
BROADCAST = 64 * 2**20
# Characters of an error that are kept.
MESSAGE = 8000

SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    # Statements come whole: `${…}` in a name or a value is text.
    "spark.sql.variable.substitute": "false",
    # Of long lists fewer rows at a time: what is decoded stays near the core, and wide tables take less memory.
    "spark.sql.parquet.columnarReaderBatchSize": "1024",
    "spark.sql.parquet.fieldId.read.enabled": "true",
    "spark.sql.parquet.fieldId.write.enabled": "true",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.sources.commitProtocolClass": "org.apache.spark.sql.execution.datasources.SQLHadoopMapReduceCommitProtocol",
    "spark.sql.parquet.output.committer.class": "org.apache.parquet.hadoop.ParquetOutputCommitter",
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--specifications")
    parser.add_argument("--serve", action="store_true")
    # Glue adds arguments of its own.
    arguments, _ = parser.parse_known_args()
    spark = SparkSession.builder.getOrCreate()
    files = Files(spark)
    if not arguments.serve:
        run_all(spark, files, json.loads(files.read(arguments.specifications)))
        return
    spark.sparkContext.setLogLevel("ERROR")
    for line in sys.stdin:
        try:
            run_all(spark, files, json.loads(line))
            answer = {"done": True}
        except Exception as error:
            if not is_alive(spark):
                raise
            answer = {"error": told(error)[:MESSAGE]}
        print("partwise " + json.dumps(answer), flush=True)


def is_alive(spark):
    """Whether there is still a JVM to run the next unit."""
    try:
        return not spark.sparkContext._jsc.sc().isStopped()
    except Exception:
        return False


def run_all(spark, files, tasks):
    """Every unit of the list. Raises when there is no Spark left, or a report cannot be written."""
    for task in tasks["units"]:
        paths = []
        try:
            specification = json.loads(files.read(task["specification"]))
            paths = [path for item in specification["inputs"] for path in item["paths"]]
            report = {"outcome": "done", **run(spark, specification)}
        except Exception as error:
            if not is_alive(spark):
                raise
            report = {"outcome": "failed", "error": {"kind": kind_of(error, paths), "message": told(error)[:MESSAGE]}}
        report = {"formatVersion": FORMAT_VERSION, **report}
        files.write(task["report"], json.dumps(report, default=str))


def run(spark, specification):
    elapsed = {}
    if specification["formatVersion"] != FORMAT_VERSION:
        raise ValueError(f"unknown version {specification['formatVersion']} of unit specifications")
    # Views and settings of its own.
    session = spark.newSession()
    kept = Kept(session)
    try:
        for name, value in {**SESSION, **specification.get("settings", {})}.items():
            session.conf.set(name, value)
        with timed(elapsed, "inputs"):
            for item in specification["inputs"]:
                make_view(session, item)
        with timed(elapsed, "statements"):
            for statement in specification["statements"]:
                run_statement(session, statement, kept)
        with timed(elapsed, "outputs"):
            for output in specification["outputs"]:
                write(session, output, kept)
        with timed(elapsed, "queries"):
            answers = {
                name: [row.asDict(recursive=True) for row in session.sql(sql).collect()]
                for name, sql in specification["queries"].items()
            }
    finally:
        kept.free()
    return {
        "answers": answers,
        "application": spark.sparkContext.applicationId,
        "version": spark.version,
        "elapsedMs": elapsed,
    }


KEEPS = re.compile(r"CACHE TABLE (\w+) AS\b(.*)", re.DOTALL)


def run_statement(session, statement, kept):
    keeps = KEEPS.fullmatch(statement)
    if keeps is None:
        session.sql(statement)
    else:
        kept.keep(*keeps.groups())


class Kept:
    """What the statements of a unit keep, by name: rows that stand for themselves. A cached query would bring its own plan into
    every plan that reads it, and into what Spark remembers of each, so that both double with each statement.
    """

    def __init__(self, session):
        self.session = session
        self.checkpoints = []
        # Names of those that go whole to whoever joins them.
        self.small = set()

    def keep(self, name, query):
        rows = self.session.sql(query).localCheckpoint()._jdf
        checkpoint = rows.queryExecution().logical().rdd()
        self.checkpoints.append(checkpoint)
        # Columns of their own: those of the checkpoint are still the ones of the query, which a later statement may join.
        own = self.session._jsparkSession.internalCreateDataFrame(rows.queryExecution().toRdd(), rows.schema(), False)
        # Rows that stand for themselves have no size for who plans a join.
        if self.stored_bytes(checkpoint) <= BROADCAST:
            own = self.session._jvm.org.apache.spark.sql.functions.broadcast(own)
            self.small.add(name)
        own.createOrReplaceTempView(name)

    def stored_bytes(self, checkpoint):
        """What the rows take, about; those on disk are compressed."""
        context = self.session._jsc.sc()
        # Sizes of blocks are told as events.
        context.listenerBus().waitUntilEmpty()
        return sum(
            info.memSize() + 4 * info.diskSize() for info in context.getRDDStorageInfo() if info.id() == checkpoint.id()
        )

    def free(self):
        """Nobody else would: neither the session's end nor the JVM's collector comes to them."""
        for checkpoint in self.checkpoints:
            checkpoint.unpersist(False)


@contextlib.contextmanager
def timed(elapsed, phase):
    started = time.monotonic()
    yield
    elapsed[phase] = round((time.monotonic() - started) * 1000)


def causes(error):
    """Class name and text of an error from the JVM and of its causes, the outermost first."""
    cause = getattr(error, "java_exception", None)
    while cause is not None:
        yield cause.getClass().getName(), cause.toString()
        cause = cause.getCause()


def told(error):
    """What Spark says: of an error from the JVM the message of its innermost cause first."""
    chain = list(causes(error))
    if not chain:
        return f"{type(error).__name__}: {error}"
    return f"{chain[-1][1]}\n{error}"


MISSING = ("java.io.FileNotFoundException", "PATH_NOT_FOUND", "java.nio.file.NoSuchFileException")
OUT_OF_MEMORY = ("java.lang.OutOfMemoryError", "SparkOutOfMemoryError", "UNABLE_TO_ACQUIRE_MEMORY", "memory limits")


def kind_of(error, paths):
    """By name what happened, for whoever reads the report. A failed task tells its cause in the text alone.

    A missing file is an input if one of the paths ends in its name: Spark makes files of its own, which can go away too.
    """
    text = "\n".join([str(error), *(f"{name} {message}" for name, message in causes(error))])
    if any(mark in text for mark in MISSING) and any(path.rstrip("/").rsplit("/", 1)[-1] in text for path in paths):
        return "missing-input"
    if any(mark in text for mark in OUT_OF_MEMORY):
        return "out-of-memory"
    return "other"


def make_view(session, item):
    """A view over Parquet files: columns by field id where fields are given, else as the files have them.

    With `places` also file_index, the file's position in `paths`, and file_row_number, the row's in its file. The path
    of each row is looked up for that, so that there are two views more for who wants it of few rows: <view>_unplaced
    has file_path and file_row_number, <view>_places file_path and file_index.
    """
    # Paths are taken as they stand, and nothing is read out of the names of their folders.
    reader = session.read.option("recursiveFileLookup", "true").option("__globPaths__", "false")
    refuse_missing(session, item["paths"])
    if item.get("fields") is not None:
        reader = reader.schema(schema_of(session, item["fields"]))
    rows = reader.parquet(*item["paths"])
    if item.get("places"):
        view = item["view"]
        rows = rows.select(
            "*", F.col("_metadata.file_path").alias("file_path"), F.col("_metadata.row_index").alias("file_row_number")
        )
        rows.createOrReplaceTempView(f"{view}_unplaced")
        places = table_of(
            session,
            [{"path": name, "at": at} for at, path in enumerate(item["paths"]) for name in spelt(session, path)],
            "path: STRING, at: INT",
        ).toDF("file_path", "file_index")
        F.broadcast(places).createOrReplaceTempView(f"{view}_places")
        rows = session.sql(
            "SELECT r.*, coalesce(p.file_index, CAST(raise_error(concat('not among the paths: ', r.file_path)) AS INT)) "
            f"AS file_index FROM {view}_unplaced AS r LEFT JOIN {view}_places AS p ON p.file_path = r.file_path"
        ).drop("file_path")
    rows.createOrReplaceTempView(item["view"])


# What Spark takes for a pattern, even where it is told that there is none.
PATTERN = re.compile(r"[{}\[\]*?\\]")


def refuse_missing(session, paths):
    """Spark looks itself whether a path is there, but for those that could be patterns: of such a one it would read no rows."""
    for path in paths:
        if PATTERN.search(path) is None:
            continue
        hadoop_path = session._jvm.org.apache.hadoop.fs.Path(path)
        if not hadoop_path.getFileSystem(session._jsc.hadoopConfiguration()).exists(hadoop_path):
            raise FileNotFoundError(f"[PATH_NOT_FOUND] Path does not exist: {path}")


def table_of(session, rows, fields):
    """Rows from here as a DataFrame; createDataFrame would start Python workers for them."""
    entries = F.from_json(F.lit(json.dumps(rows)), f"ARRAY<STRUCT<{fields}>>")
    return session.range(1).select(F.inline(entries))


def schema_of(session, fields):
    parse = session._jvm.org.apache.spark.sql.types.DataType.fromDDL
    kinds = [json.loads(parse(f"v {field['type']}").json())["fields"][0]["type"] for field in fields]
    return StructType.fromJson(
        {
            "type": "struct",
            "fields": [
                {
                    "name": field["name"],
                    "type": kind,
                    "nullable": True,
                    "metadata": {} if field.get("id") is None else {"parquet.field.id": field["id"]},
                }
                for field, kind in zip(fields, kinds)
            ],
        }
    )


def spelt(session, path):
    """The path in all ways in which Spark may show it in _metadata.file_path."""
    jvm = session._jvm
    hadoop_path = jvm.org.apache.hadoop.fs.Path(path)
    system = hadoop_path.getFileSystem(session._jsc.hadoopConfiguration())
    name = system.makeQualified(hadoop_path).toUri().toString()
    return {re.sub("^file:/+", slashes, name) for slashes in ("file:/", "file:///")}


def write(session, output, kept):
    kind = output["kind"]
    stays = output.get("stays")
    is_staying = stays is not None and kept.small.issuperset(stays["rows"])
    if is_staying:
        # A file is read by one task, which writes one.
        session.conf.set("spark.sql.files.minPartitionNum", "1")
        session.conf.set("spark.sql.files.maxPartitionBytes", str(stays["fileBytes"]))
    rows = session.sql(output["select"])
    if kind == "table":
        # An Iceberg table of the unit's own, which nobody else reads: it checks types and partitions, and writes field
        # ids, which Spark's own Parquet leaves out below lists. Its manifests tell the files and their statistics.
        options = {"check-nullability": "false"}
        if is_staying:
            options["distribution-mode"] = "none"
        rows.write.format("iceberg").mode("overwrite").options(**options).save(output["path"])
    elif kind == "files":
        rows.coalesce(1).write.mode("overwrite").option("compression", "zstd").parquet(output["path"])
    else:
        raise ValueError(f"unknown kind of output: {kind}")


class Files:
    """Small objects through Hadoop, so that every scheme that Spark reads is read here."""

    def __init__(self, spark):
        self.jvm = spark._jvm
        self.configuration = spark._jsc.hadoopConfiguration()

    def open(self, path):
        hadoop_path = self.jvm.org.apache.hadoop.fs.Path(path)
        return hadoop_path.getFileSystem(self.configuration), hadoop_path

    def read(self, path):
        system, hadoop_path = self.open(path)
        stream = system.open(hadoop_path)
        try:
            return bytes(self.jvm.org.apache.commons.io.IOUtils.toByteArray(stream)).decode("utf-8")
        finally:
            stream.close()

    def write(self, path, text):
        system, hadoop_path = self.open(path)
        stream = system.create(hadoop_path, True)
        try:
            stream.write(bytearray(text.encode("utf-8")))
        finally:
            stream.close()


if __name__ == "__main__":
    main()
