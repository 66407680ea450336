"""The one Spark session on a warehouse of ours: Iceberg over the SQLite file, laid out as Iceberg's JDBC catalog."""

import glob


def spark_session(catalog_name, catalog_path, warehouse, jars, driver_memory, java_options=""):
    from pyspark.sql import SparkSession

    catalog = f"spark.sql.catalog.{catalog_name}"
    session = (
        SparkSession.builder.master("local[2]")
        # Not spark.jars, which copies them at every start.
        .config("spark.driver.extraClassPath", ":".join(glob.glob(jars + "/*.jar")))
        .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
        .config("spark.driver.memory", driver_memory)
        .config("spark.driver.extraJavaOptions", java_options)
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .config(catalog, "org.apache.iceberg.spark.SparkCatalog")
        .config(f"{catalog}.type", "jdbc")
        .config(f"{catalog}.uri", "jdbc:sqlite:" + catalog_path)
        .config(f"{catalog}.jdbc.schema-version", "V1")
        # Its check for the tables leaves a read open, which pins the connection to what it saw first.
        .config(f"{catalog}.jdbc.init-catalog-tables", "false")
        .config(f"{catalog}.warehouse", warehouse)
        .config(f"{catalog}.cache-enabled", "false")
        .config("spark.sql.warehouse.dir", warehouse + "/spark")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    return session
