import fc from 'fast-check';
import type { InitialRow, OracleFeedRecord, OracleRecord } from '../oracle/summary-oracle.ts';
import { fileFormats } from './files.ts';
import { bulkRows, type Coordinates, feedRecordOf, keyText, recordOf } from './records.ts';
import type { Scenario, SourceFile } from './scenario.ts';
import { type Shape, smallShape } from './shape.ts';

/** Arrays of the columns that the feed overrides are the hardest. */
const feedHistory = [
  ...smallShape.history,
  { name: 'opened', from: 'opened' },
  { name: 'code', from: 'del_code' },
];

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

interface FeedEntry extends Pick<Entry, 'key' | 'month' | 'version' | 'files'> {}

export interface ScenarioLimits {
  readonly maxRecords?: number;
  readonly maxFiles?: number;
  readonly onStale?: Shape['onStale'];
  /** With a deletions feed, whose records and files come in any order among the others. */
  readonly feed?: boolean;
}

/** Any records, cut into any files and runs, in any order, on top of any consistent bulk-loaded tables. */
export function scenarios(limits: ScenarioLimits = {}): fc.Arbitrary<Scenario> {
  const { maxRecords = 60, maxFiles = 6, onStale = 'ignore', feed = false } = limits;
  const shapes = fc
    .record({
      historyLength: fc.constantFrom(2, 6, 13, 36),
      keyType: fc.constantFrom('string', 'bigint'),
      deletes: fc.constantFrom(true, true, true, false),
    } as const)
    .map(
      (changes): Shape => ({
        ...smallShape,
        ...changes,
        onStale,
        ...(feed ? { deletes: true, overrides: 'opened', history: feedHistory } : {}),
      }),
    );
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
    const feedEntry: fc.Arbitrary<FeedEntry> = fc.record({
      key: fc.nat(7),
      month: fc.nat(months - 1),
      version: fc.nat(3),
      files: fc.uniqueArray(fc.nat(maxFiles - 1), { minLength: 1, maxLength: 2 }),
    });
    const file = fc.record({
      run: fc.nat(2),
      format: fc.constantFrom(...fileFormats),
      seed: fc.nat(1_000),
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
        feed: fc.array(feedEntry, { maxLength: feed ? maxRecords : 0, size: 'max' }),
        feedFiles: fc.array(file, { minLength: maxFiles, maxLength: maxFiles }),
        files: fc.array(file, { minLength: maxFiles, maxLength: maxFiles }),
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
        const fed: OracleFeedRecord[][] = choice.feedFiles.map(() => []);
        for (const one of choice.feed) {
          const record = feedRecordOf({
            key: keyText(shape, one.key),
            month: firstMonth + one.month,
            version: one.version,
          });
          for (const at of one.files) fed[at]?.push(record);
        }
        for (const [index, { run, format, seed }] of choice.feedFiles.entries()) {
          const records = fed[index] ?? [];
          if (records.length > 0)
            runs[run]?.push({
              name: `drop-${run}/part ${index}.${format}`,
              format,
              seed,
              records: [],
              feed: records,
            });
        }
        return { shape, initial, runs: runs.filter((files) => files.length > 0) };
      });
  });
}
