"""The Spark jobs that the benchmark puts beside a run: a late month's values set in the arrays of the later months.

No own rows, no `latest`, no versions, no deletes, no checkpoints, no audit. One argument, JSON; the last line says
what the job used, counted by the operating system for this process and the JVM that it started.
"""

import json
import sys
import time

from spark_session import spark_session
from spark_usage import cpu_so_far, end, report


def distance(month, earlier):
    """SQL: calendar months from `earlier` to `month`, both of them YYYY-MM."""
    number = "(CAST(substr({0}, 1, 4) AS INT) * 12 + CAST(substr({0}, 6, 2) AS INT))".format
    return f"({number(month)} - {number(earlier)})"


def replaced(job, at):
    """SQL assignments: each array with the source's value at the position `at`, no gathering of other months."""
    length = job["historyLength"]
    return ", ".join(
        f"t.{name}_history = concat(slice(t.{name}_history, 1, {at}), array(s.{name}), "
        f"slice(t.{name}_history, {at} + 2, {length} - {at} - 1))"
        for name in job["columns"]
    )


def months_list(job):
    return ", ".join(f"'{month}'" for month in job["laterMonths"])


def merge_by_month(spark, job):
    """A MERGE and a commit per later month: readers see some months corrected and others not."""
    for at, month in enumerate(job["laterMonths"], start=1):
        spark.sql(
            f"MERGE INTO {job['table']} AS t USING backfill AS s "
            f"ON t.account_id = s.account_id AND t.month = '{month}' "
            f"WHEN MATCHED THEN UPDATE SET {replaced(job, at)}"
        )


def merge_at_once(spark, job):
    """The same slices for all later months in one MERGE."""
    spark.sql(
        f"MERGE INTO {job['table']} AS t USING backfill AS s "
        f"ON t.account_id = s.account_id AND t.month IN ({months_list(job)}) "
        f"WHEN MATCHED THEN UPDATE SET {replaced(job, distance('t.month', 's.month'))}"
    )


def collect_arrays(spark, job):
    """Every month of an affected account gathered, every position of the later months' arrays rebuilt from them."""
    columns = job["columns"]
    values = ", ".join(f"IF(t.month = s.month, s.{name}, t.{name}) AS {name}" for name in columns)
    rebuilt = ", ".join(
        f"transform(sequence(0, {job['historyLength'] - 1}), back -> aggregate("
        f"filter(e.month_values, one -> one.month_number = e.month_number - back), "
        f"CAST(NULL AS BIGINT), (found, one) -> one.{name})) AS {name}_history"
        for name in columns
    )
    arrays = ", ".join(f"t.{name}_history = s.{name}_history" for name in columns)
    spark.sql(f"""
        MERGE INTO {job['table']} AS t USING (
          WITH final_data AS (
            SELECT t.account_id, t.month, {distance('t.month', "'0000-01'")} AS month_number, {values}
            FROM {job['table']} AS t JOIN backfill AS s ON t.account_id = s.account_id
          ), account_months AS (
            SELECT account_id, collect_list(struct(month_number, {', '.join(columns)})) AS month_values,
              collect_list(struct(month, month_number)) AS month_metadata
            FROM final_data GROUP BY account_id
          ), exploded AS (
            SELECT account_id, month_values, meta.month, meta.month_number
            FROM account_months LATERAL VIEW explode(month_metadata) AS meta
          )
          SELECT e.account_id, e.month, {rebuilt} FROM exploded AS e WHERE e.month IN ({months_list(job)})
        ) AS s
        ON t.account_id = s.account_id AND t.month = s.month AND t.month IN ({months_list(job)})
        WHEN MATCHED THEN UPDATE SET {arrays}""")


kinds = {"merge-by-month": merge_by_month, "merge-at-once": merge_at_once, "collect-arrays": collect_arrays}


def main(job):
    started = time.monotonic()
    spark = spark_session(
        catalog_name=job["catalogName"],
        catalog_path=job["catalogPath"],
        warehouse=job["warehouse"],
        jars=job["jars"],
        driver_memory=job["driverMemory"],
        java_options=job["javaOptions"],
    )
    spark.sql(f"ALTER TABLE {job['table']} SET TBLPROPERTIES ('write.merge.mode' = '{job['rewrite']}')")
    ready, ready_cpu = time.monotonic(), cpu_so_far(spark)
    spark.read.parquet(job["batch"]).createOrReplaceTempView("backfill")
    spark.sql("CACHE TABLE backfill")
    kinds[job["kind"]](spark, job)
    done, done_cpu = time.monotonic(), cpu_so_far(spark)
    end(spark)
    report(started, ready, done, workCpuSeconds=done_cpu - ready_cpu)


main(json.loads(sys.argv[1]))
