import type { SparkUnit } from '../../engine/spark.ts';
import { spark } from '../../engine/spark-dialect.ts';
import type { Location } from '../../stores/ports.ts';
import { type SparkFiles, type SparkPart, sparkDead, sparkInputs, sparkScan } from '../spark/files.ts';
import { registerColumnNames } from '../sql/classify.ts';
import { newestMonth, type SummaryShape, storedNames } from '../tables/columns.ts';
import {
  deviatingTable,
  deviationCounts,
  hashesTable,
  storedTable,
  wantedCounts,
  wantedRows,
  wantedTable,
  withWanted,
} from './sql.ts';

export interface RepairForSpark {
  readonly shape: SummaryShape;
  readonly summary: SparkFiles;
  readonly latest: SparkFiles;
  /** The Iceberg table of the unit's own that takes the new rows. */
  readonly rows: Location;
  /** Bytes of files below which it is not worth asking whether any of their rows is wanted. */
  readonly partBytes: number;
}

/**
 * A unit of a repair of latest as Spark runs it: one bucket. Rows are looked for in parts of some months, the wanted places of a
 * part being known to each worker before its files are opened: of a part without any no file is read.
 */
export function repairForSpark(options: RepairForSpark): SparkUnit {
  const { shape, summary, latest, rows } = options;
  const columns = storedNames(shape);
  return {
    formatVersion: 1,
    inputs: [...sparkInputs(summary, partsOf(options)), ...sparkInputs(latest)],
    statements: [
      ...sparkDead(summary),
      ...sparkDead(latest),
      wantedTable(spark, shape, sparkScan(summary, { columns: registerColumnNames(shape) })),
      storedTable(spark, shape, sparkScan(latest, { columns: [...columns, newestMonth] })),
      hashesTable(spark, shape, wanted(options, 'pw_wanted')),
      deviatingTable(spark),
      spark.keep('pw_due', dueRows),
    ],
    outputs: [{ kind: 'table', select: wantedRows(spark, shape, wanted(options, 'pw_due')), path: rows }],
    queries: { counts: wantedCounts(spark), kinds: deviationCounts },
  };
}

/** `pw_due`: the rows of `pw_wanted`, all of which are written when a key deviates; none otherwise, or when a month is stored twice. */
const dueRows = `SELECT w.* FROM pw_wanted AS w CROSS JOIN (SELECT 1 AS pw_one FROM
  (SELECT count(*) AS n FROM pw_deviating) AS d CROSS JOIN (SELECT count(*) AS n FROM pw_wanted WHERE pw_twice > 0) AS t WHERE d.n > 0 AND t.n = 0) AS y`;

/** FROM items of all columns at the places of a table, part by part. */
function wanted(options: RepairForSpark, places: 'pw_wanted' | 'pw_due'): readonly string[] {
  const { shape, summary } = options;
  const columns = storedNames(shape);
  const parts = partsOf(options);
  if (parts.length === 0) return [withWanted(sparkScan(summary, { columns }), places)];
  return parts.map((part) =>
    withWanted(
      sparkScan(summary, { columns, part }),
      `(SELECT * FROM ${places} WHERE pw_month BETWEEN ${part.first} AND ${part.last})`,
    ),
  );
}

interface Months extends SparkPart {
  readonly first: number;
  readonly last: number;
}

/** Months that follow each other, from the newest on, until each part has the bytes; the oldest one may have less. */
function partsOf({ summary: { files }, partBytes }: RepairForSpark): readonly Months[] {
  const bytes = Map.groupBy(files, ({ month }) => month);
  const months = [...bytes.keys()].sort((a, b) => b - a);
  const parts: { first: number; last: number }[] = [];
  let left = 0;
  for (const month of months) {
    const part = parts.at(-1);
    if (part === undefined || left <= 0) {
      parts.push({ first: month, last: month });
      left = partBytes;
    } else part.first = month;
    left -= (bytes.get(month) ?? []).reduce((sum, file) => sum + file.sizeBytes, 0);
  }
  return parts.map(({ first, last }) => ({
    first,
    last,
    suffix: `_${first}`,
    has: ({ month }) => month >= first && month <= last,
  }));
}
