import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { configDigest, jsonSchema, jsonSchemaText, loadPipeline } from '../../lib/config/index.ts';
import { ConfigError } from '../../lib/errors.ts';
import { loadSummary, parseSummary } from '../support/pipelines.ts';

const yaml = `pipeline: p
kind: summary
columns:
  - { name: id, type: bigint }
  - { name: month, type: month }
  - { name: ver, type: timestamp }
  - { name: a, type: int }
  - { name: b, type: double }
  - { name: code, type: string }
  - { name: day, type: date }
key: id
month: month
version: ver
history: [{ name: a }, { name: b }]
`;

const problems = async (text: string): Promise<string> => {
  const error = await parseSummary(text, 'p.yaml').then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return error instanceof Error ? error.message : '';
};
const changed = (from: string, to: string) => {
  expect(yaml).toContain(from);
  return problems(yaml.replace(from, to));
};

describe('the section on deployment', () => {
  it.each([
    ['window: 1h', 'allowed: 0s to 15m'],
    ['unitTimeout: 16m', 'allowed: 1m to 15m'],
    ['memory: 20 GB', 'allowed: 512 MB to 10.7 GB'],
    ['memory: lots', 'allowed: a number and KB'],
    ['logDays: 31', 'allowed: 1, 3, 5, 7'],
    ["schedule: { expression: 'every day' }", 'cron(…) or rate(…)'],
    ['schedule: { expression: rate(1 hour), catchUp: 2d }', 'allowed: 1m to 1d'],
    ['concurency: 3', 'did you mean concurrency?'],
  ])('refuses %s and says what is allowed', async (entry, said) => {
    expect(await problems(`${yaml}aws:\n  ${entry}\n`)).toContain(said);
  });
});

describe('the grace of orphan files', () => {
  const rest = (grace: string) => `${yaml}maintenance: { graceForOrphans: ${grace} }\n`;

  it('is longer than a run of Spark, which names its files at its end', async () => {
    const said = await problems(`${rest('4h')}aws: { glue: { timeout: 4h } }\n`);
    expect(said).toMatch(
      /p\.yaml:15 maintenance\.graceForOrphans: .*aws\.glue\.timeout is 4h\); it must be longer/,
    );
    await parseSummary(`${rest('5h')}aws: { glue: { timeout: 4h } }\n`, 'p.yaml');
  });

  it('is free where there are no such runs', async () => {
    await parseSummary(rest('1h'), 'p.yaml');
  });
});

describe('a deadline', () => {
  it('that no run can meet is refused, with the reason', async () => {
    for (const deadline of ['0s', '1ms', '9s'])
      expect(await problems(`${yaml}work: { deadline: ${deadline} }\n`)).toMatch(
        `work.deadline: no run is done within ${deadline}: planning, audit and publishing take seconds`,
      );
    await parseSummary(`${yaml}work: { deadline: 10s }\n`, 'p.yaml');
  });
});

describe('a pipeline that is right', () => {
  it('gets every default', async () => {
    const config = await parseSummary(yaml, 'p.yaml');
    expect(config).toMatchObject({
      historyLength: 36,
      onStale: 'ignore',
      limits: { badRows: 1_000 },
      tables: { namespace: 'partwise' },
      source: { format: 'auto' },
      resumeHorizon: '30d',
    });
  });

  it('is the same to a plan however it is deployed', async () => {
    const [local, deployed] = await Promise.all([
      parseSummary(yaml, 'p.yaml'),
      parseSummary(`${yaml}aws: { concurrency: 7, schedule: { expression: rate(1 hour) } }\n`, 'p.yaml'),
    ]);
    expect(deployed.aws.concurrency).toBe(7);
    expect(configDigest(deployed)).toBe(configDigest(local));
  });

  it('may use everything that there is', async () => {
    const config = await loadSummary('test/config/everything.yaml');
    expect([config.history.length, config.grids.length, config.historyLength]).toEqual([22, 3, 24]);
    const rollup = await loadPipeline('test/config/everything-rollup.yaml');
    expect(rollup).toMatchObject({ lateness: null, resolutions: ['30s', '1m', '90s'] });
    const unused = keys(jsonSchema()).filter((key) => !new RegExp(`\\b${key}:`).test(everything));
    expect(unused).toEqual([]);
  });

  it('is what the example is, whose first line names the schema for editors', async () => {
    await expect(loadSummary('pipelines/accounts.yaml')).resolves.toMatchObject({ pipeline: 'accounts' });
    const text = await readFile('pipelines/accounts.yaml', 'utf8');
    expect(text.split('\n')[0]).toBe('# yaml-language-server: $schema=../docs/schema/pipeline.schema.json');
  });

  it('has a digest of what it means, not of how it is written', async () => {
    const digest = async (text: string) => configDigest(await parseSummary(text, 'p.yaml'));
    const base = await digest(yaml);
    expect(base).toMatch(/^[0-9a-f]{64}$/);
    expect(await digest(`# note\n${yaml}historyLength: 36\n`)).toBe(base);
    expect(await digest(yaml.replace('pipeline: p\nkind: summary', 'kind: summary\npipeline: p'))).toBe(base);
    expect(await digest(`${yaml}historyLength: 24\n`)).not.toBe(base);
  });
});

const everything = await Promise.all(
  ['everything', 'everything-rollup'].map((name) => readFile(`test/config/${name}.yaml`, 'utf8')),
).then((texts) => texts.join('\n'));

function keys(schema: unknown): readonly string[] {
  if (schema === null || typeof schema !== 'object') return [];
  return Object.entries(schema).flatMap(([name, value]) =>
    name === 'properties' && value !== null && typeof value === 'object'
      ? [...Object.keys(value), ...Object.values(value).flatMap(keys)]
      : keys(value),
  );
}

describe('the JSON Schema that is checked in', () => {
  it('is the one that the code has: write it with `node -e` as docs/configuration.md says', async () => {
    expect(await readFile('docs/schema/pipeline.schema.json', 'utf8')).toBe(jsonSchemaText());
  });
});

describe('a pipeline that is wrong says where, what, and what is allowed', () => {
  const cases: readonly [string, string, string, RegExp][] = [
    [
      'an unknown key',
      'key: id',
      'key: id\nhistoryLenght: 3',
      /p\.yaml:12 historyLenght: unknown key; did you mean historyLength\?; allowed: pipeline, kind/,
    ],
    [
      'an unknown key deep inside',
      '{ name: a, type: int }',
      '{ name: a, typ: int }',
      /p\.yaml:7 columns\[3\]\.typ: unknown key; did you mean type\?; allowed: name, from, type, required, sentinels/,
    ],
    [
      'an unknown type',
      'type: int }',
      'type: integer }',
      /p\.yaml:7 columns\[3\]\.type: "integer" is not allowed; .*allowed: boolean, int, bigint/,
    ],
    [
      'an unknown kind',
      'kind: summary',
      'kind: sumary',
      /p\.yaml:2 kind: "sumary" is not allowed; did you mean summary\?; allowed: summary/,
    ],
    ['a missing key', 'key: id\n', '', /p\.yaml:1 key: is required/],
    [
      'a number where text belongs',
      'key: id',
      'key: id\ndelete: { column: code, codes: [1] }',
      /delete\.codes\[0\]: 1 is not allowed; allowed: string; put it in quotes: '1'/,
    ],
    [
      'a size without a unit',
      'key: id',
      'key: id\nwork: { memory: "900" }',
      /work\.memory: "900" is not allowed; allowed: a number and KB, MB, GB or TB/,
    ],
    [
      'a folder outside',
      'key: id',
      'key: id\nsource: { prefix: ../x }',
      /source\.prefix: "\.\.\/x" is not allowed/,
    ],
    [
      'a key that is no column',
      'key: id',
      'key: idd',
      /p\.yaml:11 key: there is no column idd; did you mean id\?; allowed: id, month/,
    ],
    [
      'a key of a type that cannot be one',
      'key: id',
      'key: b',
      /key: column b is of type double; allowed: int, bigint, string/,
    ],
    [
      'a month that is none',
      'month: month\n',
      'month: day\n',
      /month: column day is of type date; allowed: month/,
    ],
    ['a version that cannot be ordered', 'version: ver', 'version: b', /version: column b is of type double/],
    [
      'a tie-break that is no column',
      'version: ver',
      'version: ver\ntieBreaks: [a, x]',
      /tieBreaks\[1\]: there is no column x/,
    ],
    ['a history of nothing', '{ name: b }', '{ name: c }', /history\[1\]\.name: there is no column c/],
    [
      'a grid over doubles',
      'key: id',
      'key: id\ngrids: [{ name: g, from: b }]',
      /grids\[0\]\.from: history b is of type double; allowed: string, int, bigint/,
    ],
    [
      'a grid over a column that has no history',
      'key: id',
      'key: id\ngrids: [{ name: g, from: code }]',
      /there is no history entry code; allowed: a, b/,
    ],
    ['the same name twice', 'name: b, type', 'name: A, type', /columns\[4\]\.name: column A exists already/],
    [
      'an array named as a column',
      'name: code, type',
      'name: a_history, type',
      /history\[0\]\.name: column a_history exists already/,
    ],
    [
      'a name that the product needs',
      'name: code, type',
      'name: pw_rec_hash, type',
      /columns\[5\]\.name: column pw_rec_hash is reserved \(pw_…, changed_run/,
    ],
    [
      'a delete code in a date',
      'key: id',
      'key: id\ndelete: { column: day }',
      /delete\.column: column day is of type date/,
    ],
    [
      'deletions without delete codes',
      'key: id',
      'key: id\ndeletions: { key: k, date: d, code: c, version: v, overrides: day }',
      /deletions: needs delete\.column/,
    ],
    [
      'deletions that override the version',
      'version: ver',
      'version: day\ndelete: { column: code }\ndeletions: { key: k, date: d, code: c, version: v, overrides: day }',
      /deletions\.overrides: column day is the version/,
    ],
    [
      'months the wrong way round',
      'key: id',
      "key: id\nacceptMonths: { from: '2026-01', to: '2025-01' }",
      /acceptMonths: from 2026-01 is later than to 2025-01/,
    ],
    [
      'a scale above the precision',
      'type: double',
      "type: 'decimal(4,5)'",
      /columns\[4\]\.type: decimal\(4,5\) is not allowed/,
    ],
    [
      'a sentinel that is no longer exact',
      'type: int }',
      'type: int, sentinels: [12345678901234567890] }',
      /too large to be exact/,
    ],
    [
      'one table for two',
      'key: id',
      'key: id\ntables: { summary: t, latest: t }',
      /must differ: t, t, p_tombstones/,
    ],
    ['a NUL', 'name: code, type', 'name: code, from: "a\\0b", type', /columns\[5\]\.from: holds a NUL/],
    ['YAML that is none', 'key: id', 'key: [id', /p\.yaml:\d+ /],
    ['a key that is there twice', 'key: id', 'key: id\nkey: id', /p\.yaml:12 Map keys must be unique/],
  ];
  it.each(cases)('%s', async (_name, from, to, message) => {
    expect(await changed(from, to)).toMatch(message);
  });

  it('all of it at once, in the order of the file', async () => {
    const message = await problems(
      yaml
        .replace('key: id', 'key: x')
        .replace('version: ver', 'version: y')
        .replace('{ name: b }', '{ name: z }'),
    );
    expect(message.split('\n').map((line) => line.trim().split(':').slice(0, 2).join(':'))).toEqual([
      '3 problems in p.yaml',
      'p.yaml:11 key',
      'p.yaml:13 version',
      'p.yaml:14 history[1].name',
    ]);
  });

  it('names the file that is not there', async () => {
    await expect(loadSummary('no/such.yaml')).rejects.toThrow('no/such.yaml: the file cannot be read');
  });

  it('stops at aliases that multiply', async () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`;
    expect(await problems(bomb)).toMatch(/alias/i);
  });
});
