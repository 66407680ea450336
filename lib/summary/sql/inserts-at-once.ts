import type { Dialect } from '../../engine/dialect.ts';
import { changedRun, type HistoryColumn, type SummaryShape } from '../tables/columns.ts';
import { tailFromNeighbours } from './arrays.ts';
import { batchRow } from './classify.ts';
import { standingRegisters } from './feed.ts';
import { entryByEntry, placesOf } from './felt.ts';
import { insertedRow, insertedScalars } from './inserts.ts';
import { monthTextSql } from './months.ts';
import { changeTables } from './patch.ts';

/** New rows of all months in one statement, for an engine that is not asked which months there are. */

interface AtOnce {
  readonly dialect: Dialect;
  readonly shape: SummaryShape;
  /** FROM item: rows of `pw_ins`. */
  readonly from: string;
  readonly runId: string;
  /** Whether rows are stored already: `pw_src` has what they know. */
  readonly stored: boolean;
  /** Whether the batch can have several months of a key. */
  readonly several: boolean;
  /** Whether `pw_key_lines` has the arrays of keys without stored rows. */
  readonly lines: boolean;
}

/**
 * `pw_key_lines`: per key without stored rows `pw_first`, its newest month, and per array column its values from that
 * month to its oldest one. Made of `pw_lists`.
 */
export function keyLines(dialect: Dialect, shape: SummaryShape): string {
  const { mapped, entry } = dialect;
  const lines = shape.histories.map(
    (_, index) => `${mapped('pw_at', (at) => entry(`pw_v${index}`, at))} AS pw_l${index}`,
  );
  const values = shape.histories.map((_, index) => `c.pw_v${index}`);
  const places = mapped(dialect.numbers(0, 'k.pw_first - k.pw_last'), (back) =>
    dialect.position('c.pw_months', `k.pw_first - ${back}`),
  );
  return dialect.keep(
    'pw_key_lines',
    `SELECT pw_key, pw_first, ${lines.join(', ')} FROM (
SELECT k.pw_key, k.pw_first, ${places} AS pw_at, ${values.join(', ')} FROM (SELECT pw_key, max(pw_month) AS pw_first, min(pw_month) AS pw_last FROM pw_ins WHERE NOT known GROUP BY pw_key) AS k
JOIN ${changeTables.lists} AS c ON c.pw_key = k.pw_key)`,
  );
}

/** SELECT of all stored columns of new rows. */
export function insertRows(options: AtOnce): string {
  if (!options.lines) return rowsOf(options, 'all');
  const fresh = rowsOf(options, 'new');
  return options.stored ? `${rowsOf(options, 'known')} UNION ALL ${fresh}` : fresh;
}

type Keys = 'all' | 'known' | 'new';
const filters = { all: 'true', known: 'i.known', new: 'NOT i.known' } as const;

function rowsOf(options: AtOnce, keys: Keys): string {
  const { dialect, shape, from } = options;
  const fresh = keys === 'new';
  const changes = options.several && !fresh;
  const joins = [
    `FROM ${from} AS i JOIN pw_batch AS n ON ${batchRow(dialect, 'n')} = i.n_row`,
    ...(options.stored && !fresh
      ? [
          'LEFT JOIN pw_src AS e ON e.pw_key = i.pw_key AND e.pw_month = i.earlier',
          'LEFT JOIN pw_src AS l ON l.pw_key = i.pw_key AND l.pw_month = i.later',
        ]
      : []),
    ...(changes ? [`LEFT JOIN ${changeTables.lists} AS c ON c.pw_key = i.pw_key`] : []),
    ...(fresh ? ['JOIN pw_key_lines AS w ON w.pw_key = i.pw_key'] : []),
  ];
  const columns = [
    ...insertedScalars(dialect, shape, monthTextSql(dialect, 'i.pw_month')),
    ...standingRegisters(dialect, shape, 'i'),
    ...shape.histories.flatMap((column, index) => [
      `${dialect.column('n', column.from)} AS pw_f${index}`,
      `${tailBefore(options, keys, column, index)} AS pw_b${index}`,
    ]),
    ...(changes
      ? [
          `${placesOf(dialect, shape, 'i.pw_month')} AS pw_at`,
          ...shape.histories.map((_, index) => `c.pw_v${index}`),
        ]
      : []),
    `${dialect.text(options.runId)} AS ${dialect.identifier(changedRun)}`,
  ];
  const arrays = shape.histories.map((column, index) => {
    const tail = `pw_b${index}`;
    const after = changes ? entryByEntry(dialect, shape, column, { index, tail, row: '' }) : tail;
    const whole = dialect.concat([dialect.list([`pw_f${index}`]), after]);
    return `${dialect.castList(whole, column.elementIcebergType)} AS ${dialect.identifier(column.name)}`;
  });
  const rows = `SELECT ${columns.join(', ')} ${joins.join(' ')} WHERE ${filters[keys]}`;
  return insertedRow(dialect, shape, `SELECT *, ${arrays.join(', ')} FROM (${rows})`);
}

/** Positions 1 to H - 1 as they are before the batch; of a new key with a line as they are after it. */
function tailBefore(options: AtOnce, keys: Keys, column: HistoryColumn, index: number): string {
  const { dialect, shape } = options;
  const length = shape.historyLength;
  if (keys === 'new') {
    const from = '(w.pw_first - i.pw_month + 2)';
    const slice = dialect.slice(`w.pw_l${index}`, from, `${from} + ${length - 2}`);
    return dialect.resized(slice, length - 1, column.elementIcebergType);
  }
  if (!options.stored) return tailFromNeighbours(dialect, column, {}, length);
  return tailFromNeighbours(
    dialect,
    column,
    {
      earlier: {
        array: dialect.column('e', column.name),
        alive: 'e.pw_alive',
        distance: '(i.pw_month - e.pw_month)',
      },
      later: { array: dialect.column('l', column.name), distance: '(l.pw_month - i.pw_month)' },
    },
    length,
  );
}
