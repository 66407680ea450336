import type { SparkReport } from '../../engine/spark.ts';
import { dataFileToJson } from '../../iceberg/index.ts';
import type { TableChange } from '../../run/publish/table-change.ts';
import { sparkPlaces } from '../../run/spark/places.ts';
import { createSparkRows, type SparkRows } from '../../run/spark/rows.ts';
import type { Compiled, CompiledUnit, Plan, SparkUse, UnitItem, UnitResult } from '../../run/workload.ts';
import { joinLocation } from '../../stores/location.ts';
import type { Location } from '../../stores/ports.ts';
import { rollupShape } from '../columns.ts';
import { unitBytes } from '../plan/part-range.ts';
import { rulesOf } from '../rules.ts';
import { rollups } from '../tables.ts';
import type { RollupContext, RollupOutcome, RollupSpec } from '../types.ts';
import { unitResult } from '../work/unit-result.ts';
import { type OutputTable, outputTable } from '../work/write-windows.ts';
import { countsOf } from './counts.ts';
import { takeRows, uploadFiles } from './files.ts';
import { unitSources } from './inputs.ts';
import { unitForSpark } from './unit.ts';

/**
 * A unit of a batch that Spark takes from its points to its rows and its state. Its files of state and dead letters are
 * uploaded, and its data files taken over, by the code here.
 */

/** What the second half needs to know of the first. */
interface Kept {
  readonly rows: SparkRows;
  readonly plain: Location;
}

/** A unit can be Spark's when its series are spread by a hash that Spark knows. */
export function rollupSparkUse(spec: Partial<RollupSpec>): SparkUse {
  if (spec.engine === 'spark') return 'planned';
  return spec.sources !== undefined && spec.hash === 'md5' ? 'possible' : 'never';
}

/** @throws CorruptStateError when the list of sources is not the one that was planned */
export async function compileRollup(
  context: RollupContext,
  plan: Plan,
  item: UnitItem,
  spec: RollupSpec,
): Promise<Compiled> {
  const { config } = context;
  const sources = await unitSources(context, spec);
  const table = await outputTable(context, plan);
  const places = sparkPlaces(context, item);
  const rows = await createSparkRows({
    context,
    table,
    location: joinLocation(places.results, 'rows'),
    data: places.data(table.location),
    sortOrder: sortOrder(context, table),
  });
  const plain = joinLocation(places.results, 'plain');
  const kept: Kept = { rows, plain };
  const unit = unitForSpark({ config, spec, sources, table, rows: rows.location, plain });
  return { kind: 'spark', unit, bytes: unitBytes(sources, spec), kept };
}

/** The table's, by its own field ids. */
function sortOrder({ config }: RollupContext, { schema }: OutputTable) {
  const { shard, series } = rollupShape(config);
  return [shard.name, series.name, 'window_ts'].flatMap((name) =>
    schema.fields
      .filter((field) => field.name === name)
      .map(
        ({ id }) =>
          ({ sourceId: id, transform: 'identity', direction: 'asc', nullOrder: 'nulls-last' }) as const,
      ),
  );
}

/** @throws IntegrityError when Spark's files are not what it counted; nothing of the unit is referenced */
export async function finishRollup(
  context: RollupContext,
  plan: Plan,
  item: UnitItem,
  spec: RollupSpec,
  { unit, kept, report }: CompiledUnit & { readonly report: SparkReport },
): Promise<UnitResult> {
  const { now } = context.world.clock;
  const started = now();
  const { rows, plain } = kept as Kept;
  const counts = countsOf(report, rulesOf(context.config));
  const { state, deadLetters } = await uploadFiles({ context, item, spec, unit, plain });
  const uploaded = now();
  const table = await outputTable(context, plan);
  const added = spec.closedAfterMs === null ? [] : await takeRows(context, table, rows, counts.windows);
  const change: TableChange = {
    role: rollups,
    added: added.map(dataFileToJson),
    addedDeletes: [],
    removed: [],
    removedDeletes: [],
  };
  const { inputs = 0, statements = 0, outputs = 0, queries = 0 } = report.elapsedMs;
  const outcome: RollupOutcome = {
    changes: added.length === 0 ? [] : [change],
    state,
    newestHotMs: counts.newestHotMs,
    newestPartMs: counts.newestPartMs,
    points: counts.points,
    windows: counts.windows,
    deadLetters,
    times: {
      compute: inputs + statements + queries,
      partial: uploaded - started,
      append: outputs + now() - uploaded,
    },
  };
  return unitResult(context, item, spec, outcome);
}
