import fc from 'fast-check';
import type { InitialRow, OracleRecord } from '../oracle/summary-oracle.ts';
import { fileFormats } from './files.ts';
import { bulkRows, type Coordinates, keyText, recordOf } from './records.ts';
import type { Scenario, SourceFile } from './scenario.ts';
import { type Shape, smallShape } from './shape.ts';

/** The first month in play; early enough that no history reaches before the accepted months. */
const firstMonth = 2024 * 12 + 1;

interface Entry {
  readonly key: number;
  readonly month: number;
  readonly version: number;
  readonly tie: number | null;
  readonly kind: Coordinates['kind'];
  /** Indexes of the files that carry the record: the same record may arrive twice, in one run or in two. */
  readonly files: readonly number[];
}

export interface ScenarioLimits {
  readonly maxRecords?: number;
  readonly maxFiles?: number;
  readonly onStale?: Shape['onStale'];
}

/** Any records, cut into any files and runs, in any order, on top of any consistent bulk-loaded tables. */
export function scenarios(limits: ScenarioLimits = {}): fc.Arbitrary<Scenario> {
  const { maxRecords = 60, maxFiles = 6, onStale = 'ignore' } = limits;
  const shapes = fc
    .record({
      historyLength: fc.constantFrom(2, 6, 13, 36),
      keyType: fc.constantFrom('string', 'bigint'),
      deletes: fc.constantFrom(true, true, true, false),
    } as const)
    .map((changes): Shape => ({ ...smallShape, ...changes, onStale }));
  return shapes.chain((shape) => {
    const months = Math.min(2 * shape.historyLength + 4, shape.historyLength + 16);
    const entry: fc.Arbitrary<Entry> = fc.record({
      key: fc.nat(7),
      month: fc.nat(months - 1),
      version: fc.nat(6),
      tie: fc.option(fc.nat(2)),
      kind: shape.deletes ? fc.constantFrom('normal', 'normal', 'normal', 'delete') : fc.constant('normal'),
      files: fc.uniqueArray(fc.nat(maxFiles - 1), { minLength: 1, maxLength: 2 }),
    });
    return fc
      .record({
        initial: fc.uniqueArray(
          fc.record({
            key: fc.nat(7),
            months: fc.uniqueArray(fc.nat(months - 1), { minLength: 1, maxLength: 6 }),
            deleted: fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }),
          }),
          { selector: ({ key }) => key, maxLength: 4 },
        ),
        entries: fc.array(entry, { minLength: 1, maxLength: maxRecords, size: 'max' }),
        files: fc.array(
          fc.record({ run: fc.nat(2), format: fc.constantFrom(...fileFormats), seed: fc.nat(1_000) }),
          {
            minLength: maxFiles,
            maxLength: maxFiles,
          },
        ),
      })
      .map((choice): Scenario => {
        const initial = choice.initial.flatMap(({ key, months: stored, deleted }): InitialRow[] =>
          bulkRows({
            shape,
            key: keyText(shape, key),
            months: stored.map((month) => firstMonth + month).sort((a, b) => a - b),
            deleted: new Set(
              shape.deletes
                ? stored.filter((_, index) => deleted[index] === true).map((month) => firstMonth + month)
                : [],
            ),
            version: 2,
          }),
        );
        const contents: OracleRecord[][] = choice.files.map(() => []);
        for (const one of choice.entries) {
          const record = recordOf(shape, {
            key: keyText(shape, one.key),
            month: firstMonth + one.month,
            version: one.version,
            ties: [one.tie],
            kind: one.kind,
          });
          for (const file of one.files) contents[file]?.push(record);
        }
        const runs: SourceFile[][] = [[], [], []];
        for (const [index, { run, format, seed }] of choice.files.entries()) {
          const records = contents[index] ?? [];
          if (records.length > 0)
            runs[run]?.push({ name: `drop-${run}/part ${index}.${format}`, format, seed, records });
        }
        return { shape, initial, runs: runs.filter((files) => files.length > 0) };
      });
  });
}
