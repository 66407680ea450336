import { checkCsv, checkText } from './check-text.ts';
import { feedPrefix, sourcePrefix } from './feeds.ts';
import { historyColumnName, isReservedColumnName, nearest, reservedNames } from './names.ts';
import type { Path, Problem } from './problems.ts';
import type { ColumnType, SummaryConfig } from './schema.ts';
import { targetColumns } from './types.ts';

const keyTypes: readonly ColumnType[] = ['int', 'bigint', 'string'];
const versionTypes: readonly ColumnType[] = ['timestamp', 'bigint', 'int', 'date', 'string'];
const codeTypes: readonly ColumnType[] = ['string', 'int', 'bigint'];
/** The text of other types differs between engines. */
const gridTypes: readonly ColumnType[] = ['string', 'int', 'bigint'];

/** What one entry says about another: names that must exist, types that must fit, names that must differ. */
export function checkSummary(config: SummaryConfig): readonly Problem[] {
  return [
    ...checkColumnReferences(config),
    ...checkGrids(config),
    ...checkDeletions(config),
    ...checkColumnDetails(config),
    ...checkUnique(config),
    ...checkRest(config),
    ...checkText(config, []),
  ];
}

function checkColumnReferences(config: SummaryConfig): readonly Problem[] {
  const types = new Map(targetColumns(config).map(({ name, type }) => [name, type]));
  const reference = (path: Path, name: string, allowed?: readonly ColumnType[]): readonly Problem[] => {
    const type = types.get(name);
    if (type === undefined)
      return [{ path, message: `there is no column ${name}${among(name, [...types.keys()])}` }];
    if (allowed === undefined || allowed.includes(type)) return [];
    return [{ path, message: `column ${name} is of type ${type}; allowed: ${allowed.join(', ')}` }];
  };
  const columnsOnly = config.columns.map((column) => column.name);
  return [
    ...reference(['key'], config.key, keyTypes),
    ...reference(['month'], config.month, ['month']),
    ...reference(['version'], config.version, versionTypes),
    ...config.tieBreaks.flatMap((name, at) => reference(['tieBreaks', at], name)),
    ...config.history.flatMap(({ name, from }, at) =>
      reference(['history', at, from === undefined ? 'name' : 'from'], from ?? name),
    ),
    ...(config.delete === undefined ? [] : reference(['delete', 'column'], config.delete.column, codeTypes)),
    ...(config.deletions === undefined
      ? []
      : reference(['deletions', 'overrides'], config.deletions.overrides, ['date'])),
    ...config.transformations.flatMap(({ column }, at): readonly Problem[] =>
      columnsOnly.includes(column)
        ? []
        : [
            {
              path: ['transformations', at, 'column'],
              message: `there is no column ${column} in columns${among(column, columnsOnly)}`,
            },
          ],
    ),
  ];
}

function checkGrids(config: SummaryConfig): readonly Problem[] {
  const types = new Map(targetColumns(config).map(({ name, type }) => [name, type]));
  const entries = new Map(config.history.map(({ name, from }) => [name, types.get(from ?? name)]));
  return config.grids.flatMap(({ from }, at): readonly Problem[] => {
    const path = ['grids', at, 'from'];
    const type = entries.get(from);
    if (!entries.has(from))
      return [{ path, message: `there is no history entry ${from}${among(from, [...entries.keys()])}` }];
    if (type === undefined || gridTypes.includes(type)) return [];
    return [{ path, message: `history ${from} is of type ${type}; allowed: ${gridTypes.join(', ')}` }];
  });
}

function checkDeletions(config: SummaryConfig): readonly Problem[] {
  if (config.deletions === undefined) return [];
  const problems: Problem[] = [];
  if (config.delete === undefined)
    problems.push({ path: ['deletions'], message: 'needs delete.column, whose codes the feed overrides' });
  const { key, date, code, version } = config.deletions;
  if (new Set([key, date, code, version]).size < 4) {
    problems.push({
      path: ['deletions'],
      message: 'key, date, code and version must be four columns of the feed',
    });
  }
  if (config.deletions.overrides === config.version) {
    problems.push({
      path: ['deletions', 'overrides'],
      message: `column ${config.version} is the version, which nothing may override`,
    });
  }
  if (feedPrefix(config) === sourcePrefix(config)) {
    problems.push({
      path: ['deletions', 'prefix'],
      message: `is the folder of the records too: ${sourcePrefix(config)}`,
    });
  }
  return problems;
}

function checkColumnDetails(config: SummaryConfig): readonly Problem[] {
  const typed = [
    ...config.columns.map(({ type }, at) => ({ type, path: ['columns', at, 'type'] })),
    ...config.derived.map(({ type }, at) => ({ type, path: ['derived', at, 'type'] })),
  ];
  const scales = typed.flatMap(({ type, path }): readonly Problem[] => {
    const match = /^decimal\((\d+),\s?(\d+)\)$/.exec(type);
    if (match === null || Number(match[2]) <= Number(match[1])) return [];
    return [
      { path, message: `${type} is not allowed; allowed: a scale of at most the precision, ${match[1]}` },
    ];
  });
  const sentinels = config.columns.flatMap((column, at) =>
    column.sentinels.flatMap((value, position): readonly Problem[] => {
      const path = ['columns', at, 'sentinels', position];
      if (typeof value === 'string') return [];
      if (!Number.isFinite(value))
        return [{ path, message: `${value} is not a finite number; put it in quotes` }];
      if (!Number.isInteger(value) || Number.isSafeInteger(value)) return [];
      return [{ path, message: `${value} is too large to be exact as a number; put it in quotes` }];
    }),
  );
  return [...scales, ...sentinels];
}

/** Column names are compared without case, as every engine that reads the tables does. */
function checkUnique(config: SummaryConfig): readonly Problem[] {
  const names: readonly { readonly name: string; readonly path: Path }[] = [
    ...config.columns.map(({ name }, at) => ({ name, path: ['columns', at, 'name'] })),
    ...config.derived.map(({ name }, at) => ({ name, path: ['derived', at, 'name'] })),
    ...config.history.map(({ name }, at) => ({
      name: historyColumnName(name),
      path: ['history', at, 'name'],
    })),
    ...config.grids.map(({ name }, at) => ({ name, path: ['grids', at, 'name'] })),
  ];
  const seen = new Set<string>();
  return names.flatMap(({ name, path }): readonly Problem[] => {
    const known = seen.has(name.toLowerCase());
    seen.add(name.toLowerCase());
    if (known) return [{ path, message: `column ${name} exists already; names differ by more than case` }];
    if (isReservedColumnName(name))
      return [{ path, message: `column ${name} is reserved (${reservedNames})` }];
    return [];
  });
}

function checkRest(config: SummaryConfig): readonly Problem[] {
  const problems: Problem[] = [];
  if (config.acceptMonths.from > config.acceptMonths.to) {
    problems.push({
      path: ['acceptMonths'],
      message: `from ${config.acceptMonths.from} is later than to ${config.acceptMonths.to}`,
    });
  }
  problems.push(...checkCsv('source', config.source.csv));
  if (config.deletions !== undefined) problems.push(...checkCsv('deletions', config.deletions.csv));
  const base = config.pipeline.replaceAll('-', '_');
  const {
    summary = `${base}_summary`,
    latest = `${base}_latest`,
    tombstones = `${base}_tombstones`,
  } = config.tables;
  if (new Set([summary, latest, tombstones]).size < 3) {
    problems.push({
      path: ['tables'],
      message: `summary, latest and tombstones must differ: ${summary}, ${latest}, ${tombstones}`,
    });
  }
  return problems;
}

function among(name: string, candidates: readonly string[]): string {
  const guess = nearest(name, candidates);
  return `${guess === undefined ? '' : `; did you mean ${guess}?`}; allowed: ${candidates.join(', ')}`;
}
