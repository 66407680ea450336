"""The Spark jobs that the benchmark puts beside the rollups: one batch of points, the first one.

Rows of closed windows are appended to an Iceberg table, rows of open ones are written as partial points. Nothing is
deduplicated or refused, sums are 64 bits, and rows and partial points are two commits: less than a rollup does. One
argument, JSON; the last line says what the job used and how long each step took.
"""

import json
import sys
import time

from spark_session import spark_session
from spark_usage import end, report

AGGREGATES = """
    FIRST(org_id) AS org_id, FIRST(metric) AS metric, FIRST(metric_shard_id) AS metric_shard_id,
    COUNT(*) AS count, SUM(v) AS sum, AVG(v) AS average, MIN(v) AS min, MAX(v) AS max,
    MIN(ms) AS first_ms, MIN_BY(v, ms) AS first_value, MAX(ms) AS last_ms, MAX_BY(v, ms) AS last_value,
    SUM(CASE WHEN previous IS NULL THEN 0 WHEN v >= previous THEN v - previous ELSE v END) AS increase,
    COUNT_IF(v < previous) AS resets"""

MERGED = """
    FIRST(org_id) AS org_id, FIRST(metric) AS metric, FIRST(metric_shard_id) AS metric_shard_id,
    SUM(count) AS count, SUM(sum) AS sum, SUM(sum) / SUM(count) AS average, MIN(min) AS min, MAX(max) AS max,
    MIN(first_ms) AS first_ms, MIN_BY(first_value, first_ms) AS first_value,
    MAX(last_ms) AS last_ms, MAX_BY(last_value, last_ms) AS last_value,
    SUM(increase) AS increase, SUM(resets) AS resets"""

STEPS = """
    SELECT id, org_id, metric, metric_shard_id, logical_timestamp AS ms, long_value AS v,
      LAG(long_value) OVER (PARTITION BY id ORDER BY logical_timestamp) AS previous
    FROM datapoints"""


def edge(column, resolution):
    """SQL: right edge of the window, for times after 1970."""
    return f"({column} + {resolution} - 1) DIV {resolution} * {resolution}"


def from_points(spark, job):
    """Each resolution from the points, as the optimisation's text has it: LAG and aggregates once per resolution."""
    parts = [
        f"SELECT {resolution} AS resolution, id, {edge('ms', resolution)} AS window_ms, {AGGREGATES} "
        f"FROM ({STEPS}) GROUP BY id, {edge('ms', resolution)}"
        for resolution in job["resolutions"]
    ]
    return spark.sql(" UNION ALL ".join(parts))


def from_finer(spark, job):
    """LAG once, then each resolution from the finer one, which is cached."""
    base, *coarser = job["resolutions"]
    level = spark.sql(
        f"SELECT {base} AS resolution, id, {edge('ms', base)} AS window_ms, {AGGREGATES} "
        f"FROM ({STEPS}) GROUP BY id, {edge('ms', base)}"
    ).cache()
    levels = level
    for resolution in coarser:
        level.createOrReplaceTempView("finer")
        level = spark.sql(
            f"SELECT {resolution} AS resolution, id, {edge('window_ms', resolution)} AS window_ms, {MERGED} "
            f"FROM finer GROUP BY id, {edge('window_ms', resolution)}"
        ).cache()
        levels = levels.unionByName(level)
    return levels


def split(job, rows):
    """Rows of closed and of open windows."""
    closed = f"window_ms <= {job['closedMs']}"
    return rows.where(closed), rows.where(f"NOT {closed}")


def compatible(rows):
    return rows.selectExpr(
        "resolution", "id", "timestamp_millis(window_ms) AS window_ts", "org_id", "metric", "metric_shard_id", "count",
        "sum", "average", "min", "max", "timestamp_millis(first_ms) AS first_ts", "first_value",
        "timestamp_millis(last_ms) AS last_ts", "last_value", "increase", "resets",
    )


def create_table(spark, job, rows, partitioning):
    columns = ", ".join(f"{name} {kind}" for name, kind in rows.dtypes)
    spark.sql(f"CREATE TABLE {job['table']} ({columns}) USING iceberg {partitioning}")


def as_it_was(spark, job, step):
    """One lazy plan that each of four actions evaluates again; many small uncompressed files of partial points."""
    spark.conf.set("spark.sql.shuffle.partitions", "200")
    spark.conf.set("spark.sql.adaptive.coalescePartitions.enabled", "false")
    spark.read.parquet(job["points"]).repartition(200, spark_column("id")).createOrReplaceTempView("datapoints")
    rollups, partial = split(job, from_points(spark, job))
    step("compute", partial.count)
    rows = compatible(rollups)
    step("prepare", rows.count)
    create_table(spark, job, rows, "")
    step("append", rows.writeTo(job["table"]).append)
    step("partial", lambda: partial.write.option("compression", "uncompressed").parquet(job["partial"]))


def improved(spark, job, step, compute):
    """Points by series once, rows cached, no count, clustered appends, few compressed files of partial points."""
    spark.conf.set("spark.sql.shuffle.partitions", "4")
    points = spark.read.parquet(job["points"]).repartition(4, spark_column("id"))
    points.createOrReplaceTempView("datapoints")
    all_rows = compute(spark, job).cache()
    rollups, partial = split(job, all_rows)
    rows = compatible(rollups)
    create_table(spark, job, rows, "PARTITIONED BY (resolution, months(window_ts))")
    clustered = rows.repartition(spark_column("metric_shard_id"), spark_column("resolution"))
    writer = clustered.writeTo(job["table"]).option("target-file-size-bytes", str(512 * 2**20))
    step("append", writer.option("distribution-mode", "hash").append)
    step("partial", lambda: partial.coalesce(1).write.option("compression", "snappy").parquet(job["partial"]))


def spark_column(name):
    from pyspark.sql.functions import col

    return col(name)


kinds = {
    "as-it-was": as_it_was,
    "optimised": lambda *options: improved(*options, from_points),
    "optimised-two-stage": lambda *options: improved(*options, from_finer),
}


def main(job):
    started = time.monotonic()
    spark = spark_session(
        catalog_name=job["catalogName"],
        catalog_path=job["catalogPath"],
        warehouse=job["warehouse"],
        jars=job["jars"],
        driver_memory=job["driverMemory"],
    )
    spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {job['table'].rsplit('.', 1)[0]}")
    ready = time.monotonic()
    steps = {}

    def step(name, action):
        begun = time.monotonic()
        action()
        steps[name] = time.monotonic() - begun

    kinds[job["kind"]](spark, job, step)
    done = time.monotonic()
    end(spark)
    report(started, ready, done, steps=steps)


main(json.loads(sys.argv[1]))
