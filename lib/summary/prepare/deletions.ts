import type { ColumnType, SummaryConfig } from '../../config/schema.ts';
import { parseByteSize } from '../../config/sizes.ts';
import { targetColumns } from '../../config/types.ts';
import { text } from '../../engine/sql.ts';
import { PoisonInputError } from '../../errors.ts';
import type { OpenedSource } from '../../run/sources/open.ts';
import { findColumn } from '../../run/sources/typed-rows.ts';
import { refuseTypes, typing } from '../../run/sources/typing.ts';
import { recordHash } from './hash.ts';
import { bucketOf, isDeleteCode } from './rows.ts';

type FeedColumn = 'key' | 'date' | 'code' | 'version';

/** `SELECT pw_row, pw_fault, key, date, code, version` of a deletions file. @throws PoisonInputError */
export function checkedDeletions(
  config: SummaryConfig,
  source: OpenedSource,
): { readonly sql: string; readonly dropped: readonly string[] } {
  const columns = feedColumns(config);
  const found = columns.map(({ from }) => findColumn(source, from));
  const missing = columns.filter((_, at) => found[at] === undefined).map(({ from }) => from);
  if (missing.length > 0) throw new PoisonInputError(`required columns are missing: ${missing.join(', ')}`);
  const fieldBytes = parseByteSize(config.limits.fieldBytes);
  const plans = columns.map(({ name, type, from }, at) => {
    const sourceType = source.columns.find((column) => column.name === found[at])?.type ?? 'TEXT';
    const refused = refuseTypes(sourceType, type);
    if (refused !== undefined) throw new PoisonInputError(`column ${from}: ${refused}`);
    return {
      name,
      from,
      typing: typing({
        column: { type, sentinels: [] },
        sourceType,
        source: `s${at}`,
        raw: `r${at}`,
        fieldBytes,
      }),
    };
  });
  const cast = plans.map(({ typing: t }, at) => `${t.cast} AS r${at}`);
  const judged = plans.map(
    ({ typing: t }, at) =>
      `CASE WHEN ${t.unknown} THEN NULL WHEN ${t.present} THEN ${t.valid} END AS ok${at}`,
  );
  const faults = plans.flatMap(({ name, from, typing: t }, at) => [
    `CASE WHEN NOT ok${at} THEN ${text(`${from}\x1f${t.reason}`)} END`,
    ...(name === 'code' ? [] : [`CASE WHEN ok${at} IS NULL THEN ${text(`${from}\x1fis NULL`)} END`]),
  ]);
  const { from, to } = config.acceptMonths;
  const month = `CASE WHEN strftime(date, '%Y-%m') NOT BETWEEN ${text(from)} AND ${text(to)} THEN ${text(`${config.deletions?.date}\x1fis outside of ${from} to ${to} (acceptMonths)`)} END`;
  const values = plans.map(({ name, typing: t }, at) => `CASE WHEN ok${at} THEN ${t.value} END AS "${name}"`);
  const sql =
    `SELECT * REPLACE (coalesce(pw_fault, ${month}) AS pw_fault) FROM (SELECT pw_row, coalesce(${faults.join(', ')}) AS pw_fault, ${values.join(', ')} FROM ` +
    `(SELECT *, ${judged.join(', ')} FROM (SELECT *, ${cast.join(', ')} FROM (${source.select(found.map((name) => name ?? ''))}))))`;
  const used = new Set(found);
  return { sql, dropped: source.columns.map(({ name }) => name).filter((name) => !used.has(name)) };
}

/**
 * `SELECT bucket, month_no, key, date, code, version, hash, is_delete` of the accepted rows; the month is the month of
 * the date.
 */
export function preparedDeletions(config: SummaryConfig, buckets: number, checked: string): string {
  const columns = feedColumns(config);
  const keyType = columns.find(({ name }) => name === 'key')?.type ?? 'string';
  return (
    `SELECT pw_row, ${bucketOf('"key"', keyType, buckets)} AS bucket, CAST(year("date") * 12 + month("date") AS INTEGER) AS month_no, ` +
    `"key", "date", "code", "version", ${recordHash(columns)} AS hash, ${isDeleteCode(config, '"code"')} AS is_delete FROM ${checked} WHERE pw_fault IS NULL`
  );
}

function feedColumns(
  config: SummaryConfig,
): readonly { readonly name: FeedColumn; readonly type: ColumnType; readonly from: string }[] {
  const feed = config.deletions;
  if (feed === undefined) return [];
  const typeOf = (name: string): ColumnType =>
    targetColumns(config).find((column) => column.name === name)?.type ?? 'string';
  return [
    { name: 'key', type: typeOf(config.key), from: feed.key },
    { name: 'date', type: 'date', from: feed.date },
    {
      name: 'code',
      type: config.delete === undefined ? 'string' : typeOf(config.delete.column),
      from: feed.code,
    },
    { name: 'version', type: typeOf(config.version), from: feed.version },
  ];
}
