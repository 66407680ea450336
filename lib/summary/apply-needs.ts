import type { SummaryConfig } from '../config/schema.ts';
import { parseByteSize, parseDurationMs } from '../config/sizes.ts';
import {
  cellMemoryBytes,
  type EngineModel,
  type UnitVolume,
  unitCpuSeconds,
} from '../engine/engine-model.ts';
import { engineMemoryBytes } from '../run/context.ts';
import type { UnitNeeds, UnitRoom } from '../run/route-unit.ts';
import { rowEntries } from './cost-model.ts';
import { groupBytes } from './plan-groups.ts';
import type { ApplyGroup, SummaryContext } from './types.ts';

/** What units of `apply` want, by the engines' model, and what there is for them. */

/** So that a unit that takes twice as long as reckoned still ends in its function. */
const timeShare = 0.5;
/** Spill and the engine's own files take the rest. */
const diskShare = 0.6;
/** One core of a function comes with so many bytes of its memory. */
const bytesPerCore = 1_769 * 2 ** 20;

export function volumeOfGroups(config: SummaryConfig, groups: readonly ApplyGroup[], units = 1): UnitVolume {
  const entries = rowEntries(config);
  return {
    units,
    cells: groups.length,
    readEntries: sum(groups, rowsOf) * entries,
    writtenEntries: sum(groups, writtenRows) * entries,
  };
}

export function needsOf(model: EngineModel, config: SummaryConfig, groups: readonly ApplyGroup[]): UnitNeeds {
  const entries = rowEntries(config);
  const { baseBytes } = model.duckdb.memory;
  const most = (of: (group: ApplyGroup) => number) => Math.max(0, ...groups.map(of));
  const written = sum(
    groups,
    (group) => (groupBytes(group) * writtenRows(group)) / Math.max(1, rowsOf(group)),
  );
  const bytes = sum(groups, groupBytes);
  return {
    bytes,
    memoryBytes: most(
      (group) =>
        cellMemoryBytes(model, {
          entries,
          changedRows: group.expectedRows,
          writtenRows: writtenRows(group),
        }) - baseBytes,
    ),
    pieceSeconds: most((group) => unitCpuSeconds(model.duckdb, volumeOfGroups(config, [group]))),
    diskBytes: bytes + written,
  };
}

/** For a unit; undefined where none can be Spark's. */
export function roomOf(context: SummaryContext): UnitRoom | undefined {
  const { world, config } = context;
  if (world.spark === undefined) return undefined;
  if (world.spark !== 'glue') {
    return {
      // Units side by side share it; one that runs out spills, then tries with less at once, so the share is no limit.
      memoryBytes: engineMemoryBytes(context),
      seconds: Number.POSITIVE_INFINITY,
      diskBytes: Number.POSITIVE_INFINITY,
    };
  }
  const memory = parseByteSize(config.aws.memory);
  // The function that plans is another one, with a memory of its own.
  const resources = { ...world.resources, memoryBytes: memory };
  return {
    memoryBytes: engineMemoryBytes({ world: { ...world, resources }, config }),
    seconds:
      (parseDurationMs(config.aws.unitTimeout) / 1_000) * timeShare * Math.max(1, memory / bytesPerCore),
    diskBytes: parseByteSize(config.aws.disk) * diskShare,
  };
}

function rowsOf(group: ApplyGroup): number {
  return sum(group.files, ({ rows }) => rows);
}

function writtenRows(group: ApplyGroup): number {
  return group.mode === 'copy-on-write' ? rowsOf(group) : group.expectedRows;
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
