"""The one Spark session on a warehouse of ours: Iceberg over the SQLite file, laid out as Iceberg's JDBC catalog."""

import glob


def spark_session(catalog_name, catalog_path, warehouse, jars, driver_memory, java_options=""):
    from pyspark.sql import SparkSession

    builder = (
        SparkSession.builder.master("local[2]")
        # Not spark.jars, which copies them at every start.
        .config("spark.driver.extraClassPath", ":".join(sorted(glob.glob(jars + "/*.jar"))))
        .config("spark.sql.extensions", "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions")
        .config("spark.driver.memory", driver_memory)
        .config("spark.driver.extraJavaOptions", java_options)
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.warehouse.dir", warehouse + "/spark")
    )
    for name, value in catalog_settings(catalog_name, catalog_path, warehouse).items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    return session


def catalog_settings(catalog_name, catalog_path, warehouse):
    catalog = f"spark.sql.catalog.{catalog_name}"
    return {
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.type": "jdbc",
        f"{catalog}.uri": "jdbc:sqlite:" + catalog_path,
        f"{catalog}.jdbc.schema-version": "V1",
        # Its check for the tables leaves a read open, which pins the connection to what it saw first.
        f"{catalog}.jdbc.init-catalog-tables": "false",
        f"{catalog}.warehouse": warehouse,
        f"{catalog}.cache-enabled": "false",
    }
