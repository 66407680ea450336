import type { InitialRow, OracleRecord, Tie } from '../oracle/summary-oracle.ts';
import { fileFormats } from './files.ts';
import { type Rng, rng } from './random.ts';
import { bulkRows, type Coordinates, keyText, recordOf } from './records.ts';
import type { Scenario, SourceFile } from './scenario.ts';
import type { Shape } from './shape.ts';

export interface BulkOptions {
  readonly shape: Shape;
  readonly seed: number;
  readonly keys: number;
  /** Months that a full key has in the bulk load. */
  readonly months: number;
  /** Fraction of the keys in each of the runs after the load. */
  readonly changed: number;
}

const lastMonth = 2025 * 12 + 12;

/**
 * A table as the old systems had it and the runs that hurt them: a forward month with new keys, twelve late months,
 * corrections with ties and duplicates, deletes (before their record too), keys deleted in every month, gaps beyond H.
 */
export function bulkScenario(options: BulkOptions): Scenario {
  const { shape } = options;
  const source = rng(`bulk/${options.seed}`);
  const keys = Array.from({ length: options.keys }, (_, index) => keyText(shape, index));
  const initial = keys.flatMap((key) => (source.chance(0.85) ? initialRows(options, source, key) : []));
  const some = () => keys.filter(() => source.chance(options.changed));
  const fresh = keys
    .map((_, index) => keyText(shape, options.keys + index))
    .filter(() => source.chance(options.changed));
  const make = (key: string, month: number, version: number, kind: Coordinates['kind'] = 'normal') =>
    recordOf(shape, { key, month, version, ties: ties(shape, source), kind });

  const forward = [...some(), ...fresh].map((key) => make(key, lastMonth + 1, 10));
  const late = some().flatMap((key) =>
    Array.from({ length: 12 }, (_, back) => make(key, lastMonth - back, 20)),
  );
  const corrections = some().flatMap((key) => {
    const month = lastMonth - source.int(0, options.months + 3);
    const tied = [make(key, month, 30), make(key, month, 30), make(key, month, source.int(1, 30))];
    return source.chance(0.3) ? [...tied, ...tied.slice(0, 1)] : tied;
  });
  const deletes = some().flatMap((key) =>
    Array.from({ length: source.int(1, 3) }, () =>
      make(key, lastMonth - source.int(-2, options.months), 40, 'delete'),
    ),
  );
  const wiped = some().slice(0, Math.ceil(options.keys / 20));
  const everyMonth = wiped.flatMap((key) =>
    Array.from({ length: options.months + 4 }, (_, back) => make(key, lastMonth + 1 - back, 41, 'delete')),
  );
  const gaps = some().map((key) => make(key, lastMonth + source.int(2, shape.historyLength + 3), 50));
  const early = [...some(), ...fresh].map((key) => make(key, lastMonth - source.int(0, 5), 35));
  const kinds = shape.deletes
    ? [forward, late, [...corrections, ...deletes], [...everyMonth, ...gaps], early]
    : [forward, late, corrections, gaps, early];
  return {
    shape,
    initial,
    runs: kinds.map((records, run) => filesOf(source, run, records)).filter((files) => files.length > 0),
  };
}

function initialRows(options: BulkOptions, source: Rng, key: string): InitialRow[] {
  const first = lastMonth - source.int(0, options.months - 1);
  const months = Array.from({ length: lastMonth - first + 1 }, (_, index) => first + index).filter(() =>
    source.chance(0.9),
  );
  const deleted = new Set(options.shape.deletes ? months.filter(() => source.chance(0.05)) : []);
  return bulkRows({ shape: options.shape, key, months, deleted, version: 5 });
}

function ties(shape: Shape, source: Rng): Tie[] {
  return shape.tieTypes.map((type) =>
    source.chance(0.2) ? null : type === 'int' ? source.int(0, 3) : source.pick(['a', 'b', 'é', '漢']),
  );
}

/** Shuffles the records over one to four files of mixed formats. */
function filesOf(source: Rng, run: number, records: readonly OracleRecord[]): SourceFile[] {
  const count = source.int(1, 4);
  const contents: OracleRecord[][] = Array.from({ length: count }, () => []);
  for (const record of source.shuffle(records)) contents[source.int(0, count - 1)]?.push(record);
  return contents.flatMap((part, index) => {
    const format = source.pick(fileFormats);
    return part.length === 0
      ? []
      : [{ name: `run-${run}/part-${index}.${format}`, format, seed: source.int(0, 999), records: part }];
  });
}
