import { join } from 'node:path';
import type { PipelineConfig } from '../../config/schema.ts';
import { parseByteSize } from '../../config/sizes.ts';
import type { EngineSession } from '../../engine/engine.ts';
import { text } from '../../engine/sql.ts';
import { PoisonInputError } from '../../errors.ts';
import { decompress } from './decompress.ts';
import { detectContainer, textFormat } from './format.ts';
import { literalPath } from './literal-path.ts';
import { normaliseCsv, normaliseLines, unitSeparator } from './normalise.ts';
import { openParquet } from './parquet.ts';
import type { RowRejects } from './rejects.ts';

/** A column as the file has it; `type` is DuckDB's name of it, `TEXT` for text formats whose values are read on. */
export interface SourceColumn {
  readonly name: string;
  readonly type: string;
}

/** A source object that is ready to be selected from, row faults of the format already taken out. */
export interface OpenedSource {
  readonly columns: readonly SourceColumn[];
  /** Rows need not have every column: an absent one is NULL. */
  readonly sparse: boolean;
  /** Rows in the file, refused ones included. */
  readonly rows: number;
  /** Rows that `rejects` has got already. */
  readonly rejected: number;
  /** `SELECT pw_row, … AS s0, … AS s1` of the named columns, in their order. */
  select(columns: readonly string[]): string;
  /** `SELECT pw_row, pw_raw`: each row as text, for the quarantine. */
  readonly raw: string;
}

export interface OpenOptions {
  readonly session: EngineSession;
  /** A private copy under a name of our own. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Name of the source object, for its ending alone. */
  readonly name: string;
  readonly feed: Pick<PipelineConfig['source'], 'format' | 'csv'>;
  readonly limits: PipelineConfig['limits'];
  /** Names of the fields of CSV without a header. */
  readonly positional: readonly string[];
  readonly rejects: RowRejects;
}

/** @throws PoisonInputError when the file as a whole cannot be read */
export async function openSource(options: OpenOptions): Promise<OpenedSource> {
  const container = await detectContainer(options.path);
  const { format } = options.feed;
  if (container.format === 'parquet') {
    if (format !== 'auto' && format !== 'parquet')
      throw new PoisonInputError(`the file is Parquet; the pipeline expects ${format}`);
    return openParquet(options);
  }
  if (format === 'parquet')
    throw new PoisonInputError('the file is not Parquet: it does not start with PAR1');
  if (format === 'auto' && /\.parquet$/i.test(options.name))
    throw new PoisonInputError('the file is not Parquet: it does not start with PAR1');

  const chunks = decompress({
    path: options.path,
    sizeBytes: options.sizeBytes,
    compression: container.compression,
    expansion: options.limits.expansion,
  });
  const { first, all } = await peek(chunks);
  const normalise = {
    chunks: all,
    path: join(options.session.workFolder, 'source.text'),
    rejects: options.rejects,
    fieldBytes: parseByteSize(options.limits.fieldBytes),
    columns: options.limits.columns,
  };
  if (textFormat(format, options.name, first) === 'jsonl') return openLines(options, normalise);
  return openCsv(options, normalise);
}

type Normalise = Parameters<typeof normaliseLines>[0];

async function openCsv(options: OpenOptions, normalise: Normalise): Promise<OpenedSource> {
  const { csv } = options.feed;
  const done = await normaliseCsv(normalise, { ...csv, width: options.positional.length });
  const names = done.header ?? options.positional;
  const columns = ['pw_row', ...names.map((_, at) => `c${at}`)];
  const reader =
    `read_csv(${literalPath(done.path)}, auto_detect = false, hive_partitioning = false, header = false, delim = ${text(csv.delimiter)}, quote = ${text(csv.quote)}, ` +
    `escape = ${text(csv.quote)}, new_line = '\\n', strict_mode = true, allow_quoted_nulls = false, ${nulls(csv.nullValues)}` +
    `${lineSize(done.longestBytes)}columns = {${columns.map((name, at) => `${text(name)}: ${at === 0 ? "'BIGINT'" : "'VARCHAR'"}`).join(', ')}})`;
  const object =
    names.length === 0
      ? "'{}'"
      : `json_object(${names.map((name, at) => `${text(name)}, c${at}`).join(', ')})`;
  return {
    columns: names.map((name) => ({ name, type: 'TEXT' })),
    sparse: false,
    rows: done.rows,
    rejected: done.rejected,
    select: (wanted) =>
      `SELECT pw_row${wanted.map((name, at) => `, c${names.indexOf(name)} AS s${at}`).join('')} FROM ${reader}`,
    raw: `SELECT pw_row, CAST(${object} AS VARCHAR) AS pw_raw FROM ${reader}`,
  };
}

async function openLines(options: OpenOptions, normalise: Normalise): Promise<OpenedSource> {
  const done = await normaliseLines(normalise);
  const reader =
    `read_csv(${literalPath(done.path)}, auto_detect = false, hive_partitioning = false, header = false, delim = ${text(unitSeparator)}, quote = '', escape = '', ` +
    `new_line = '\\n', ${nulls([])}${lineSize(done.longestBytes)}columns = {'pw_row': 'BIGINT', 'line': 'VARCHAR'})`;
  const isObject = `CASE WHEN json_valid(line) THEN json_type(line) = 'OBJECT' ELSE false END`;
  const bad = await options.session.query(
    `SELECT pw_row, line[:4096] AS line, count(*) OVER () AS n FROM ${reader} WHERE NOT (${isObject}) ORDER BY pw_row LIMIT ${options.rejects.room + 1}`,
  );
  const badRows = Number(bad[0]?.n ?? 0);
  for (const row of bad) {
    options.rejects.add({
      row: Number(row.pw_row),
      column: undefined,
      reason: 'is not a JSON object',
      raw: row.line,
    });
  }
  options.rejects.addUnlisted(badRows - bad.length);
  const good = `(SELECT * FROM ${reader} WHERE ${isObject})`;
  const keys = await options.session.query(
    `SELECT DISTINCT unnest(keys) AS key FROM (SELECT DISTINCT json_keys(line) AS keys FROM ${good}) ORDER BY key LIMIT ${options.limits.columns + 1}`,
  );
  if (keys.length > options.limits.columns) {
    throw new PoisonInputError(
      `the objects have more than ${options.limits.columns} keys; allowed: ${options.limits.columns} (limits.columns)`,
    );
  }
  return {
    columns: keys.map((row) => ({ name: String(row['key']), type: 'TEXT' })),
    sparse: true,
    rows: done.rows,
    rejected: done.rejected + badRows,
    select: (wanted) => {
      const list = `[${wanted.map((name) => text(pointer(name))).join(', ')}]`;
      const fields = wanted.map((_, at) => `, v[${at + 1}] AS s${at}`).join('');
      return `SELECT pw_row${fields} FROM (SELECT pw_row, json_extract_string(line, ${list}) AS v FROM ${good})`;
    },
    raw: `SELECT pw_row, line AS pw_raw FROM ${good}`,
  };
}

/** JSON pointer (RFC 6901) of a key of the outermost object. */
function pointer(key: string): string {
  return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** The engine wants at least one text that means NULL: for none, one that no sensible field holds. */
function nulls(values: readonly string[]): string {
  return `nullstr = [${(values.length === 0 ? ['\x1e\x1e'] : values).map(text).join(', ')}], `;
}

function lineSize(longestBytes: number): string {
  return longestBytes < 1_000_000 ? '' : `max_line_size = ${longestBytes + 1_024}, `;
}

/** The first character of the text that is no blank, and the whole text again. */
async function peek(
  chunks: AsyncGenerator<Buffer>,
): Promise<{ readonly first: string; readonly all: AsyncIterable<Buffer> }> {
  const held: Buffer[] = [];
  let first = '';
  while (first === '') {
    const next = await chunks.next();
    if (next.done === true) break;
    held.push(next.value);
    first = next.value
      .toString('utf8', 0, 4_096)
      .replace(/^\uFEFF/, '')
      .trimStart()
      .slice(0, 1);
    if (held.length > 64) break;
  }
  return {
    first,
    all: (async function* () {
      yield* held;
      yield* chunks;
    })(),
  };
}
