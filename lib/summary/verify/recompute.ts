import { resolveShown } from './feed.ts';
import type { Value } from './order.ts';
import {
  type Deletion,
  isAlive,
  isSourceAlive,
  type KeyInput,
  noRegisters,
  type Registers,
  registersOf,
  type StoredMonth,
  sameRegisters,
  settle,
} from './registers.ts';

/**
 * The rows of one key that must stand after a run, from "The truth" of the account summary's rules: registers per
 * month, a value v(m) per month, arrays from v. Plain TypeScript over one key's rows; nothing here is shared
 * with the statements that do the work.
 */

export interface RecomputeRules {
  readonly historyLength: number;
  /** Array column and the scalar column whose values it collects. */
  readonly arrays: readonly { readonly column: string; readonly from: string }[];
  /** Text column over all entries of one of the arrays. */
  readonly grids: readonly {
    readonly column: string;
    readonly array: string;
    readonly placeholder: string;
    readonly separator: string;
  }[];
  /** Scalar column that holds the delete code while the month is deleted. */
  readonly deleteColumn: string | undefined;
  /** Date column that the deletions feed may override, with `deleteColumn`; undefined without a feed. */
  readonly overrides?: string;
  /** `apply`: a batch's newest normal record replaces an older or newer one alike; deletes always go by their order. */
  readonly onStale: 'ignore' | 'apply';
}

/** `scalars` is what the row shows. */
export interface ExpectedRow extends StoredMonth {
  /** The record's own scalars. */
  readonly own: Readonly<Record<string, Value>>;
  readonly alive: boolean;
  readonly grids: Readonly<Record<string, string>>;
  /** Whether the run must have written this row. */
  readonly changed: boolean;
}

export interface ExpectedKey {
  /** Ascending by month. */
  readonly rows: readonly ExpectedRow[];
  readonly tombstones: ReadonlyMap<number, Deletion>;
  /** Newest alive row, else newest row; undefined when no month is stored. */
  readonly latest: ExpectedRow | undefined;
}

/**
 * @param wanted which rows to make, given the month and whether it changes; default: every row. `latest` is made in any case.
 * Arrays of stored rows may be left out where every month that they could tell of is stored.
 */
export function recompute(
  rules: RecomputeRules,
  input: KeyInput,
  wanted: (month: number, changed: boolean) => boolean = () => true,
): ExpectedKey {
  const stored = new Map(input.stored.map((row) => [row.month, row]));
  const before = new Map(input.stored.map((row): [number, Registers] => [row.month, registersOf(row)]));
  const registers = settle(rules.onStale, stored, input);
  const stand = [...registers].flatMap(([month, register]) => (register.normal === undefined ? [] : [month]));
  stand.sort((a, b) => a - b);

  const first = (stand[0] ?? 0) - rules.historyLength + 1;
  const last = stand.at(-1) ?? first;
  const known = nearestLater(input.stored, first, last);
  const timelines = rules.arrays.map((array) =>
    timeline(registers, known, array, first, last, rules.historyLength),
  );
  const changedMonths = changes(rules, before, registers, known, timelines, first, last);

  const isChanged = (month: number): boolean =>
    !sameRegisters(before.get(month), registers.get(month)) ||
    changedMonths.some((other) => other < month && month - other < rules.historyLength);

  const make = (month: number): ExpectedRow => {
    const register = registers.get(month) ?? noRegisters;
    const arrays: Record<string, readonly Value[]> = {};
    for (const [index, array] of rules.arrays.entries()) {
      const values = timelines[index] ?? [];
      const at = month - first;
      arrays[array.column] = [
        ownValue(register, array),
        ...values.slice(at - rules.historyLength + 1, at).reverse(),
      ];
    }
    const alive = isAlive(register);
    const own = register.normal?.scalars ?? {};
    const scalars = { ...own, ...shown(rules, register) };
    return {
      month,
      tuple: register.normal?.tuple ?? { ranks: [], hash: null },
      deletion: register.deletion,
      feed: register.feed,
      own,
      scalars,
      arrays,
      alive,
      grids: Object.fromEntries(
        rules.grids.map((grid) => [grid.column, gridText(grid, arrays[grid.array] ?? [])]),
      ),
      changed: isChanged(month),
    };
  };

  const rows = stand.filter((month) => wanted(month, isChanged(month))).map(make);
  const newest = stand.findLast((month) => isAlive(registers.get(month))) ?? stand.at(-1);
  const tombstones = new Map<number, Deletion>();
  for (const [month, register] of registers) {
    if (register.normal === undefined && register.deletion !== undefined)
      tombstones.set(month, register.deletion);
  }
  return {
    rows,
    tombstones,
    latest: newest === undefined ? undefined : (rows.find((row) => row.month === newest) ?? make(newest)),
  };
}

type ArrayRule = RecomputeRules['arrays'][number];

/** v(m) for every month from `first` to `last`, both included. */
function timeline(
  registers: ReadonlyMap<number, Registers>,
  known: readonly (StoredMonth | undefined)[],
  array: ArrayRule,
  first: number,
  last: number,
  historyLength: number,
): readonly Value[] {
  return Array.from({ length: last - first + 1 }, (_, index): Value => {
    const month = first + index;
    const register = registers.get(month);
    if (register?.normal !== undefined) return isAlive(register) ? ownValue(register, array) : null;
    const later = known[index];
    if (later === undefined || later.month - month >= historyLength) return null;
    return later.arrays[array.column]?.[later.month - month] ?? null;
  });
}

/** Months whose v differs between the stored rows and the given registers, in any array. */
function changes(
  rules: RecomputeRules,
  before: ReadonlyMap<number, Registers>,
  registers: ReadonlyMap<number, Registers>,
  known: readonly (StoredMonth | undefined)[],
  timelines: readonly (readonly Value[])[],
  first: number,
  last: number,
): readonly number[] {
  const changed = new Set<number>();
  for (const [index, array] of rules.arrays.entries()) {
    const old = timeline(before, known, array, first, last, rules.historyLength);
    for (const [month] of registers) {
      if (!sameValue(old[month - first], timelines[index]?.[month - first])) changed.add(month);
    }
  }
  return [...changed];
}

/** Per month from `first` to `last` the nearest row after it that was stored before the run: it knows bulk-loaded history. */
function nearestLater(
  stored: readonly StoredMonth[],
  first: number,
  last: number,
): readonly (StoredMonth | undefined)[] {
  const descending = stored.toSorted((a, b) => b.month - a.month);
  const nearest: (StoredMonth | undefined)[] = [];
  let later: StoredMonth | undefined;
  let next = 0;
  for (let month = last; month >= first; month -= 1) {
    for (let row = descending[next]; row !== undefined && row.month > month; row = descending[next]) {
      later = row;
      next += 1;
    }
    nearest[month - first] = later;
  }
  return nearest;
}

/** What the row shows in the columns that a delete or the deletions feed may set. */
function shown(rules: RecomputeRules, register: Registers): Record<string, Value> {
  if (rules.deleteColumn === undefined) return {};
  const deleteCode = register.deletion?.code ?? null;
  if (rules.overrides === undefined) return isAlive(register) ? {} : { [rules.deleteColumn]: deleteCode };
  const own = register.normal?.scalars ?? {};
  const { date, code } = resolveShown({
    sourceAlive: isSourceAlive(register),
    record: { date: own[rules.overrides], code: own[rules.deleteColumn] },
    deleteCode,
    feed: register.feed,
  });
  return { [rules.overrides]: date, [rules.deleteColumn]: code };
}

/** array[0]: the record's own value; of a row whose record did not change, what it has held so far. */
function ownValue(register: Registers, array: ArrayRule): Value {
  const held = register.before?.arrays[array.column];
  return (held === undefined ? register.normal?.scalars[array.from] : held[0]) ?? null;
}

/** All H entries as text; numbers in their shortest decimal form. */
function gridText(
  grid: { readonly placeholder: string; readonly separator: string },
  entries: readonly Value[],
): string {
  return entries
    .map((entry) => (entry === null || entry === undefined ? grid.placeholder : String(entry)))
    .join(grid.separator);
}

/** Equality of values and lists; NULL equals NULL, NaN equals NaN, 1n equals 1, -0 equals 0. */
export function sameValue(a: Value, b: Value): boolean {
  const left = a ?? null;
  const right = b ?? null;
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((entry, index) => sameValue(entry, right[index]));
  }
  if (typeof left === 'bigint' && typeof right === 'number')
    return left === BigInt(Number.isInteger(right) ? right : 0) && Number.isInteger(right);
  if (typeof left === 'number' && typeof right === 'bigint') return sameValue(right, left);
  return left === right || (Number.isNaN(left) && Number.isNaN(right));
}
