import { parseByteSize } from '../../config/sizes.ts';
import type { SparkReport } from '../../engine/spark.ts';
import { sparkPlaces } from '../../run/spark/places.ts';
import { createSparkRows, type SparkRows } from '../../run/spark/rows.ts';
import type { Compiled, CompiledUnit, Plan, SparkUse, UnitItem, UnitResult } from '../../run/workload.ts';
import { joinLocation } from '../../stores/location.ts';
import { tableChange } from '../files/file-changes.ts';
import { unitTable } from '../files/tables-io.ts';
import { takeSparkFiles } from '../spark/taken.ts';
import { summaryShape } from '../tables/columns.ts';
import type { SummaryContext } from '../types.ts';
import { readDeviations } from './compare.ts';
import { repairForSpark } from './for-spark.ts';
import {
  type RepairOutcome,
  type RepairSpec,
  refuseOtherRows,
  refuseStoredTwice,
  repairResult,
  repairStage,
} from './unit.ts';

/** A unit of a repair of latest in two halves, between which Spark runs it. */

interface Kept {
  readonly rows: SparkRows;
}

export function repairSparkUse({ engine }: RepairSpec): SparkUse {
  return engine === 'spark' ? 'planned' : 'possible';
}

export async function compileRepair(
  context: SummaryContext,
  plan: Plan,
  item: UnitItem,
  spec: RepairSpec,
): Promise<Compiled> {
  const places = sparkPlaces(context, item);
  const latest = await unitTable(context, plan, 'latest');
  const summary = await unitTable(context, plan, 'summary');
  const rows = await createSparkRows({
    context,
    table: latest,
    location: joinLocation(places.results, 'latest'),
    data: places.data(latest.location),
  });
  const kept: Kept = { rows };
  const unit = repairForSpark({
    shape: summaryShape(context.config),
    summary: { name: 'pw_summary', schema: summary.schema, files: spec.summary },
    latest: { name: 'pw_latest', schema: latest.schema, files: spec.latest },
    rows: rows.location,
    partBytes: repairPartBytes(context.config),
  });
  return { kind: 'spark', unit, bytes: repairBytes(spec), kept };
}

/** At the default of 1 GB 64 MB, half of a small cell: a part costs Spark about half a second. */
export function repairPartBytes({ work }: Pick<SummaryContext['config'], 'work'>): number {
  return parseByteSize(work.unitBytes) / 16;
}

/** Of all files that a unit opens. */
export function repairBytes({ summary, latest }: Pick<RepairSpec, 'summary' | 'latest'>): number {
  return [...summary, ...latest].reduce((sum, file) => sum + file.sizeBytes, 0);
}

/**
 * Second half: takes over what Spark wrote; nothing when no key deviated.
 * @throws DuplicateStoredKeyError when summary holds a (key, month) twice
 * @throws IntegrityError when other rows were written than were asked for; nothing of the unit is referenced
 */
export async function finishRepair(
  context: SummaryContext,
  plan: Plan,
  { bucket, latest }: RepairSpec,
  compiled: CompiledUnit,
  { answers }: SparkReport,
): Promise<UnitResult> {
  const { rows } = compiled.kept as Kept;
  const found = readDeviations(answers['counts']?.[0], answers['kinds'] ?? []);
  refuseStoredTwice(context, bucket, found);
  const outcome: RepairOutcome = { stage: repairStage, bucket, changes: [], found, written: 0 };
  if (found.deviating === 0) return repairResult(outcome);
  const table = await unitTable(context, plan, 'latest');
  const added = await takeSparkFiles({ context, table, rows, isOwn: (cell) => cell.bucket === bucket });
  refuseOtherRows(
    bucket,
    found,
    added.reduce((sum, file) => sum + file.rows, 0),
  );
  const change = tableChange({ role: 'latest', added, removed: latest });
  return repairResult({ ...outcome, changes: [change], written: found.keys });
}
