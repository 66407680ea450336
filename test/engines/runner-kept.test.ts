import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { pythonPath } from './setup.ts';

/** Units in one process, a failed one among them; then what Spark still holds of them. */
const script = `
import json, sys
sys.path.insert(0, sys.argv[1])
import runner
from pyspark.sql import SparkSession
builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
spark = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1").getOrCreate()
def unit(query):
    return {
        "formatVersion": 1,
        "inputs": [],
        "statements": ["CACHE TABLE kept AS SELECT id FROM range(1000)", query],
        "outputs": [],
        "queries": {"n": "SELECT count(*) AS n FROM kept"},
    }
answers = [runner.run(spark, unit("CACHE TABLE other AS SELECT id + 1 AS id FROM kept"))["answers"] for _ in range(2)]
try:
    runner.run(spark, unit("CACHE TABLE other AS SELECT CAST('x' AS INT) AS id"))
except Exception:
    answers.append("failed")
print(json.dumps({"answers": answers, "held": len(spark.sparkContext._jsc.sc().getRDDStorageInfo())}))
`;

it('a unit that has ended leaves nothing of what it kept in Spark', () => {
  const told = execFileSync(pythonPath, ['-c', script, resolve(import.meta.dirname, '../../glue')], {
    encoding: 'utf8',
    env: { ...process.env, SPARK_LOCAL_IP: '127.0.0.1', PYTHONDONTWRITEBYTECODE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [last] = told.trim().split('\n').slice(-1);
  expect(JSON.parse(last ?? '')).toEqual({
    answers: [{ n: [{ n: 1000 }] }, { n: [{ n: 1000 }] }, 'failed'],
    held: 0,
  });
});
