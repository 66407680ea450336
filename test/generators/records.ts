import type { InitialRow, OracleFeedRecord, OracleRecord, Text, Tie } from '../oracle/summary-oracle.ts';
import { hashText, type Rng, rng } from './random.ts';
import { columnNames, type ScalarType, type Shape, tieName } from './shape.ts';

/** What decides everything about a record: equal coordinates give equal records, so ties never have two contents. */
export interface Coordinates {
  readonly key: string;
  readonly month: number;
  readonly version: number;
  readonly ties: readonly Tie[];
  readonly kind: 'normal' | 'delete';
}

export function recordOf(shape: Shape, at: Coordinates): OracleRecord {
  const source = rng(JSON.stringify([at.key, at.month, at.version, at.ties, at.kind]));
  const values: Record<string, Text> = {};
  for (const [index, tie] of at.ties.entries()) values[tieName(index)] = tie === null ? null : String(tie);
  if (shape.deletes) {
    values[columnNames.deleteCode] =
      at.kind === 'delete' ? source.pick(['1', '4']) : source.pick([null, '0', '2', '14']);
  }
  for (const { name, type } of shape.columns)
    values[name] = source.chance(0.15) ? null : valueText(type, source);
  if (shape.overrides !== undefined && source.chance(0.6)) {
    values[shape.overrides] = dateIn(at.month, source.pick(feedDays));
  }
  return { key: at.key, month: at.month, version: at.version, ties: at.ties, values };
}

/** Few days, so that dates of records and of the feed often tie. */
const feedDays = [5, 15, 25] as const;

/** A record of the deletions feed; like records, equal coordinates give equal ones. */
export function feedRecordOf(at: {
  readonly key: string;
  readonly month: number;
  readonly version: number;
}): OracleFeedRecord {
  const source = rng(JSON.stringify(['feed', at.key, at.month, at.version]));
  const code = source.pick(['1', '4', '4', '0', '2', null]);
  return { key: at.key, version: at.version, date: dateIn(at.month, source.pick(feedDays)), code };
}

function dateIn(month: number, day: number): string {
  const year = String(Math.floor((month - 1) / 12)).padStart(4, '0');
  return `${year}-${two(((month - 1) % 12) + 1)}-${two(day)}`;
}

/** Strings that quoting, escaping and cutting get wrong. No empty one: CSV cannot tell it from NULL. */
const strings = [
  '0',
  '1',
  '9',
  'A',
  'NULL',
  "it's",
  'say "x"',
  'a,b',
  'a;b|c',
  'x\ny',
  'Zoë',
  '漢字',
  '😀',
  ' padded ',
  '=cmd()',
  '<script>',
] as const;

export function valueText(type: ScalarType, source: Rng): string {
  switch (type) {
    case 'int':
      return String(source.pick([0, 1, -5, 2_147_483_647, -2_147_483_648, source.int(-999, 999)]));
    case 'bigint':
      return source.pick(['0', '9007199254740993', '-9223372036854775808', String(source.int(0, 100_000))]);
    case 'double':
      return String(source.pick([0.5, 1e20, -1.25e-7, 3, source.int(0, 1_000) / 8]));
    case 'decimal(12,2)':
      return `${source.chance(0.3) ? '-' : ''}${source.int(1, 99_999)}.${String(source.int(0, 99)).padStart(2, '0')}`;
    case 'string':
      return source.chance(0.5) ? String(source.int(0, 9)) : source.pick(strings);
    case 'date':
      return `${source.int(1970, 2100)}-${two(source.int(1, 12))}-${two(source.int(1, 28))}`;
    case 'timestamp':
      return `${source.int(1970, 2100)}-${two(source.int(1, 12))}-${two(source.int(1, 28))} ${two(source.int(0, 23))}:${two(source.int(0, 59))}:07`;
    case 'boolean':
      return source.chance(0.5) ? 'true' : 'false';
  }
}

const two = (value: number): string => String(value).padStart(2, '0');

/** Keys that are easily confused with each other or badly quoted; bounds of long ones are cut at 16 characters. */
const oddKeys = [
  'a',
  'A',
  ' a',
  'a ',
  "o'b",
  'q"q',
  'é',
  'e\u0301',
  '漢字',
  '😀',
  'a,b',
  'a%2Fb',
  '../up',
  'x\ny',
  'back\\slash',
  'NULL',
  '0',
  '00',
  'account-0000000000001',
  'account-0000000000002',
  '123456789012345😀1',
  '123456789012345😀2',
  '\u{10ffff}z',
] as const;

/** The key with this number: the odd ones first, then plain ones. */
export function keyText(shape: Shape, index: number): string {
  if (shape.keyType === 'bigint') return index === 0 ? '9007199254740993' : String(index * 7 - 3);
  return oddKeys[index] ?? `acct-${String(index).padStart(7, '0')}`;
}

/** Version numbers are minutes after this moment. */
export function versionText(version: number): string {
  return new Date(Date.UTC(2026, 0, 1) + version * 60_000).toISOString().slice(0, 19).replace('T', ' ');
}

interface BulkRowsOptions {
  readonly shape: Shape;
  readonly key: string;
  /** Months that have a row; some of them deleted. */
  readonly months: readonly number[];
  readonly deleted: ReadonlySet<number>;
  readonly version: number;
}

/**
 * Rows of one key as a bulk load leaves them: consistent with each other, and with arrays that also know months
 * which have no row (about half of them).
 */
export function bulkRows(options: BulkRowsOptions): InitialRow[] {
  const { shape, key, version } = options;
  const ties = shape.tieTypes.map((type): Tie => (type === 'int' ? 0 : 'bulk'));
  const made = new Map<string, OracleRecord>();
  const record = (month: number, kind: Coordinates['kind']): OracleRecord => {
    const name = `${kind} ${month}`;
    const found =
      made.get(name) ??
      recordOf(shape, { key, month, ties, kind, version: kind === 'delete' ? version + 0.5 : version });
    made.set(name, found);
    return found;
  };
  const stored = new Set(options.months);
  const value = (month: number, column: string): Text => {
    if (options.deleted.has(month)) return null;
    if (!stored.has(month) && hashText(`${key}/${month}`) % 2 === 0) return null;
    return record(month, 'normal').values[column] ?? null;
  };
  return options.months.map((month) => {
    const normal = record(month, 'normal');
    const arrays = Object.fromEntries(
      shape.history.map(({ name, from }) => [
        name,
        Array.from({ length: shape.historyLength }, (_, back) =>
          back === 0 ? (normal.values[from] ?? null) : value(month - back, from),
        ),
      ]),
    );
    return { normal, deletion: options.deleted.has(month) ? record(month, 'delete') : undefined, arrays };
  });
}
