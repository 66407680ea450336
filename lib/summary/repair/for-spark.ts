import type { SparkUnit } from '../../engine/spark.ts';
import { spark } from '../../engine/spark-dialect.ts';
import type { Location } from '../../stores/ports.ts';
import { newestMonth, type SummaryShape, storedNames } from '../columns.ts';
import { type SparkFiles, type SparkPart, sparkDead, sparkInputs, sparkScan } from '../spark-files.ts';
import { registerColumnNames } from '../sql/classify.ts';
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
}

/**
 * A unit of a repair of latest as Spark runs it: one bucket. Rows are looked for month by month, the wanted places of a month
 * being known to each worker before its files are opened: of a month without any no file is read.
 */
export function repairForSpark(options: RepairForSpark): SparkUnit {
  const { shape, summary, latest, rows } = options;
  const columns = storedNames(shape);
  const months = monthsOf(summary);
  return {
    formatVersion: 1,
    inputs: [...sparkInputs(summary, months.map(partOf)), ...sparkInputs(latest)],
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

/** FROM items of all columns at the places of a table, month by month. */
function wanted({ shape, summary }: RepairForSpark, places: 'pw_wanted' | 'pw_due'): readonly string[] {
  const columns = storedNames(shape);
  const months = monthsOf(summary);
  if (months.length === 0) return [withWanted(sparkScan(summary, { columns }), places)];
  return months.map((month) =>
    withWanted(
      sparkScan(summary, { columns, part: partOf(month) }),
      `(SELECT * FROM ${places} WHERE pw_month = ${month})`,
    ),
  );
}

function monthsOf({ files }: SparkFiles): readonly number[] {
  return [...new Set(files.map(({ month }) => month))].sort((a, b) => a - b);
}

function partOf(month: number): SparkPart {
  return { suffix: `_${month}`, has: (file) => file.month === month };
}
