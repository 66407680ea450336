/**
 * The account summary's truth, rebuilt from nothing: initial tables plus every record ever accepted. Slow, small
 * and obvious on purpose; it imports nothing, so it cannot share a mistake with what it judges.
 */

/** A value in canonical text: integers in decimals, doubles as JavaScript prints them, dates as YYYY-MM-DD. */
export type Text = string | null;
export type Tie = number | string | null;

export interface OracleRules {
  /** H: entries of every array. */
  readonly historyLength: number;
  /** Array `<name>_history` collects the column `from`. */
  readonly history: readonly { readonly name: string; readonly from: string }[];
  /** `from` names a history entry. */
  readonly grids: readonly {
    readonly name: string;
    readonly from: string;
    readonly placeholder: string;
    readonly separator: string;
  }[];
  /** A record whose `deleteColumn` holds one of `deleteCodes` is a delete. */
  readonly deleteColumn: string | undefined;
  readonly deleteCodes: readonly string[];
  /** Date column that records of the deletions feed may override, with `deleteColumn`. */
  readonly overrides?: string;
  /** `apply`: a batch's newest normal record replaces the stored one even when it is older. Deletes go by their order. */
  readonly onStale: 'ignore' | 'apply';
}

export interface OracleRecord {
  readonly key: string;
  /** year * 12 + month. */
  readonly month: number;
  readonly version: number;
  readonly ties: readonly Tie[];
  /** Every column but key, month and version. */
  readonly values: Readonly<Record<string, Text>>;
}

/** A record of the deletions feed. Its month is the month of its date. */
export interface OracleFeedRecord {
  readonly key: string;
  readonly version: number;
  /** YYYY-MM-DD. */
  readonly date: string;
  readonly code: Text;
}

/** A row that was there before the first record: loaded in bulk, its arrays may know months that have no row. */
export interface InitialRow {
  readonly normal: OracleRecord;
  readonly deletion: OracleRecord | undefined;
  /** By history name; H entries, entry 0 is the row's own value. */
  readonly arrays: Readonly<Record<string, readonly Text[]>>;
}

export interface OracleRow {
  readonly key: string;
  readonly month: number;
  readonly alive: boolean;
  readonly values: Readonly<Record<string, Text>>;
  readonly arrays: Readonly<Record<string, readonly Text[]>>;
  readonly grids: Readonly<Record<string, string>>;
}

export interface OracleTables {
  /** By key, then month. */
  readonly summary: readonly OracleRow[];
  readonly latest: readonly OracleRow[];
  /** Deletes and feed records of months that have no row; `code` is the delete's. */
  readonly tombstones: readonly OracleTombstone[];
}

export interface OracleTombstone {
  readonly key: string;
  readonly month: number;
  readonly code: Text;
  readonly feed?: { readonly date: Text; readonly code: Text };
}

interface Registers {
  normal: OracleRecord | undefined;
  deletion: OracleRecord | undefined;
  feed: OracleFeedRecord | undefined;
}

/** Below zero when `a` is older. A NULL tie-break is older than any other. */
export function compareOrder(a: OracleRecord, b: OracleRecord): number {
  if (a.version !== b.version) return a.version - b.version;
  for (const [index, tie] of a.ties.entries()) {
    const order = compareTie(tie, b.ties[index] ?? null);
    if (order !== 0) return order;
  }
  return 0;
}

function compareTie(a: Tie, b: Tie): number {
  if (a === null || b === null) return Number(a !== null) - Number(b !== null);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b)));
}

/**
 * @param batches the accepted records, one list per run in the order of the runs; with `onStale: 'ignore'` only
 * the set of all of them matters. Two records of a kind with equal (key, month, version, ties) must be equal.
 * @param feed every accepted record of the deletions feed, in any order
 */
export function rebuild(
  rules: OracleRules,
  initial: readonly InitialRow[],
  batches: readonly (readonly OracleRecord[])[],
  feed: readonly OracleFeedRecord[] = [],
): OracleTables {
  const months = new Map<string, Map<number, Registers>>();
  const registersOf = (key: string, month: number): Registers => {
    const ofKey = months.get(key) ?? new Map<number, Registers>();
    months.set(key, ofKey);
    const registers = ofKey.get(month) ?? { normal: undefined, deletion: undefined, feed: undefined };
    ofKey.set(month, registers);
    return registers;
  };

  for (const row of initial) {
    const registers = registersOf(row.normal.key, row.normal.month);
    registers.normal = row.normal;
    registers.deletion = row.deletion;
  }
  for (const batch of batches) {
    for (const [kind, record] of newestOfBatch(rules, batch)) {
      const registers = registersOf(record.key, record.month);
      const stored = registers[kind];
      if (
        stored === undefined ||
        (rules.onStale === 'apply' && kind === 'normal') ||
        compareOrder(record, stored) > 0
      )
        registers[kind] = record;
    }
  }
  for (const record of feed) {
    const registers = registersOf(record.key, monthOfDate(record.date));
    if (registers.feed === undefined || record.version > registers.feed.version) registers.feed = record;
  }

  const initialOf = Map.groupBy(
    initial.toSorted((a, b) => a.normal.month - b.normal.month),
    (row) => row.normal.key,
  );
  const summary: OracleRow[] = [];
  const latest: OracleRow[] = [];
  const tombstones: OracleTombstone[] = [];
  for (const key of [...months.keys()].sort()) {
    const ofKey = months.get(key) ?? new Map<number, Registers>();
    const rows = rowsOfKey(rules, key, ofKey, initialOf.get(key) ?? []);
    summary.push(...rows);
    const newest = rows.findLast((row) => row.alive) ?? rows.at(-1);
    if (newest !== undefined) latest.push(newest);
    for (const month of [...ofKey.keys()].sort((a, b) => a - b)) {
      const registers = ofKey.get(month);
      if (registers === undefined || registers.normal !== undefined) continue;
      const { deletion, feed: waiting } = registers;
      tombstones.push({
        key,
        month,
        code: deletion === undefined ? null : codeOf(rules, deletion),
        ...(waiting === undefined ? {} : { feed: { date: waiting.date, code: waiting.code } }),
      });
    }
  }
  return { summary, latest, tombstones };
}

/** Records and deletes are de-duplicated apart from each other. */
function newestOfBatch(
  rules: OracleRules,
  batch: readonly OracleRecord[],
): readonly ['normal' | 'deletion', OracleRecord][] {
  const newest = new Map<string, ['normal' | 'deletion', OracleRecord]>();
  for (const record of batch) {
    const kind = isDelete(rules, record) ? 'deletion' : 'normal';
    const slot = JSON.stringify([kind, record.month, record.key]);
    const found = newest.get(slot);
    if (found === undefined || compareOrder(record, found[1]) > 0) newest.set(slot, [kind, record]);
  }
  return [...newest.values()];
}

function rowsOfKey(
  rules: OracleRules,
  key: string,
  ofKey: ReadonlyMap<number, Registers>,
  initial: readonly InitialRow[],
): OracleRow[] {
  const stored = [...ofKey]
    .flatMap(([month, { normal }]) => (normal === undefined ? [] : [month]))
    .sort((a, b) => a - b);
  return stored.map((month) => {
    const { normal } = ofKey.get(month) ?? {};
    const alive = isAlive(rules, ofKey.get(month));
    const values: Record<string, Text> = { ...normal?.values, ...shownValues(rules, ofKey.get(month)) };

    const arrays: Record<string, Text[]> = {};
    for (const { name, from } of rules.history) {
      const entries = [normal?.values[from] ?? null];
      for (let back = 1; back < rules.historyLength; back += 1)
        entries.push(monthValue(rules, ofKey, initial, name, from, month - back));
      arrays[name] = entries;
    }
    const grids: Record<string, string> = {};
    for (const grid of rules.grids) {
      grids[grid.name] = (arrays[grid.from] ?? [])
        .map((entry) => entry ?? grid.placeholder)
        .join(grid.separator);
    }
    return { key, month, alive, values, arrays, grids };
  });
}

/** v(m). `initial`: the key's initial rows, ascending by month. */
function monthValue(
  rules: OracleRules,
  ofKey: ReadonlyMap<number, Registers>,
  initial: readonly InitialRow[],
  name: string,
  from: string,
  month: number,
): Text {
  const registers = ofKey.get(month);
  if (registers?.normal !== undefined)
    return isAlive(rules, registers) ? (registers.normal.values[from] ?? null) : null;
  const later = initial.find((row) => row.normal.month > month);
  if (later === undefined || later.normal.month - month >= rules.historyLength) return null;
  return later.arrays[name]?.[later.normal.month - month] ?? null;
}

/** What the row shows where a delete or the feed may override its record: the four rules, word for word. */
function shownValues(rules: OracleRules, registers: Registers | undefined): Record<string, Text> {
  if (registers?.normal === undefined || rules.deleteColumn === undefined) return {};
  const { normal, deletion, feed } = registers;
  const sourceAlive = isSourceAlive(registers);
  const sourceCode = codeOf(rules, sourceAlive || deletion === undefined ? normal : deletion);
  if (rules.overrides === undefined) return { [rules.deleteColumn]: sourceCode };
  const sourceDate = normal.values[rules.overrides] ?? null;
  const source = { [rules.deleteColumn]: sourceCode, [rules.overrides]: sourceDate };
  if (feed === undefined) return source;
  const feedAlive = isFeedAlive(rules, feed);
  const overridden = { [rules.deleteColumn]: feed.code, [rules.overrides]: feed.date };
  if (!sourceAlive && !feedAlive) return { [rules.deleteColumn]: sourceCode, [rules.overrides]: null };
  if (sourceAlive && (!feedAlive || isLater(sourceDate, feed.date))) return source;
  if (feedAlive && (!sourceAlive || isLater(feed.date, sourceDate))) return overridden;
  return source;
}

/** A NULL date is earlier than any. */
function isLater(a: Text, b: Text): boolean {
  return a !== null && (b === null || a > b);
}

function isAlive(rules: OracleRules, registers: Registers | undefined): boolean {
  if (registers?.normal === undefined) return false;
  return isSourceAlive(registers) || (registers.feed !== undefined && isFeedAlive(rules, registers.feed));
}

function isFeedAlive(rules: OracleRules, feed: OracleFeedRecord): boolean {
  return feed.code === null || !rules.deleteCodes.includes(feed.code);
}

function monthOfDate(date: string): number {
  return Number(date.slice(0, 4)) * 12 + Number(date.slice(5, 7));
}

function isSourceAlive(registers: Registers): boolean {
  if (registers.normal === undefined) return false;
  return registers.deletion === undefined || compareOrder(registers.normal, registers.deletion) >= 0;
}

export function isDelete(rules: OracleRules, record: OracleRecord): boolean {
  if (rules.deleteColumn === undefined) return false;
  const code = record.values[rules.deleteColumn] ?? null;
  return code !== null && rules.deleteCodes.includes(code);
}

function codeOf(rules: OracleRules, record: OracleRecord): Text {
  return rules.deleteColumn === undefined ? null : (record.values[rules.deleteColumn] ?? null);
}
