import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { pipelineNameFrom } from '../../lib/cli/commands/init.ts';
import { tableType } from '../../lib/cli/infer/inspect.ts';
import { openDuckDb } from '../../lib/engine/duckdb.ts';
import { text } from '../../lib/engine/sql.ts';
import { loadSummary } from '../support/pipelines.ts';
import { newHome } from './harness.ts';

const records = `account_id,month,balance,score,status,updated_at
1,2026-01,100.5,7,A,2026-02-01 00:00:00
2,2026-01,200,,B,2026-02-01 00:00:00
1,2026-02,110,8,A,2026-03-01 00:00:00
`;

describe('init --from', () => {
  it('guesses key, month and version, says so, and takes the numbers for history', async () => {
    await using home = await newHome();
    await writeFile(join(home.path, 'mine.csv'), records);
    const { code, stdout } = await home.run('init', '--from', 'mine.csv');
    expect(code).toBe(0);
    expect(stdout).toContain('wrote pipelines/mine.yaml, now the default pipeline of .partwise');
    expect(stdout).toMatch(/key +account_id +\(guessed\)/);
    expect(stdout).toContain('next   partwise run mine.csv');
    const config = await loadSummary(join(home.path, 'pipelines/mine.yaml'));
    expect(config).toMatchObject({
      pipeline: 'mine',
      key: 'account_id',
      month: 'month',
      version: 'updated_at',
    });
    expect(config.history.map(({ name }) => name)).toEqual(['balance', 'score']);
    expect(config.columns.map(({ type }) => type)).toEqual([
      'bigint',
      'month',
      'double',
      'bigint',
      'string',
      'timestamp',
    ]);
  });

  it('does as the flags say', async () => {
    await using home = await newHome();
    await writeFile(join(home.path, 'x.csv'), 'a;b;c;d;gone\n1;202601;5;1.5;0\n2;202602;6;2.5;1\n');
    const made = await home.json(
      ...[
        'init',
        '--from',
        'x.csv',
        '--name',
        'other',
        '--key',
        'a',
        '--month',
        'b',
        '--version',
        'c',
        '--history',
        'd',
      ],
      ...['--delete', 'gone', '--delete-code', '1', '--history-length', '24'],
    );
    expect(made).toMatchObject({ pipeline: 'other', guessed: [] });
    const config = await loadSummary(join(home.path, 'pipelines/other.yaml'));
    expect(config).toMatchObject({
      key: 'a',
      month: 'b',
      version: 'c',
      historyLength: 24,
      delete: { column: 'gone', codes: ['1'] },
    });
    expect(config.source.csv.delimiter).toBe(';');
  });

  it.each([
    ['no key', 'foo,month,updated_at,x\na,2026-01,1,2\n', 'no column is clearly the key', '--key'],
    [
      'two keys',
      'account_id,customer_id,month,version,x\n1,1,2026-01,1,2\n',
      'account_id, customer_id could be',
      '--key',
    ],
    ['no month', 'account_id,month,version,x\n1,soon,1,2\n', 'no column is clearly the month', '--month'],
    ['no version', 'account_id,month,x\n1,2026-01,2\n', 'no column is clearly the version', '--version'],
    [
      'no history',
      'account_id,month,version,x\n1,2026-01,1,text\n',
      'no numeric column is left',
      '--history',
    ],
  ])('with %s lists the columns and writes nothing', async (_name, content, problem, flag) => {
    await using home = await newHome();
    await writeFile(join(home.path, 'mine.csv'), content);
    const { code, stderr } = await home.run('init', '--from', 'mine.csv');
    expect(code).toBe(2);
    expect(stderr).toContain(problem);
    expect(stderr).toContain(flag);
    expect(stderr).toMatch(/column +type +NULLs +such as/);
    await expect(readFile(join(home.path, 'pipelines/mine.yaml'))).rejects.toThrow('ENOENT');
  });

  it.each([
    [['--key', 'acount_id'], 'there is no column acount_id; did you mean account_id?'],
    [['--key', 'score'], 'column score cannot be the key: it has NULLs'],
    [['--key', 'month', '--month', 'month'], 'cannot be both'],
    [['--month', 'status'], 'column status cannot be the month: it is VARCHAR, such as'],
  ])('refuses %j', async (flags, problem) => {
    await using home = await newHome();
    await writeFile(join(home.path, 'mine.csv'), records);
    const { code, stderr } = await home.run('init', '--from', 'mine.csv', ...flags);
    expect(code).toBe(2);
    expect(stderr).toContain(problem);
  });

  it('reads Parquet, gzipped CSV and JSON lines, whatever the columns are called', async () => {
    await using home = await newHome();
    const parquet = join(home.path, 'p.parquet');
    await using session = await openDuckDb({
      memoryBytes: 2e8,
      threads: 1,
      workFolder: join(home.path, 'work'),
    });
    await session.execute(`COPY (SELECT 'k' AS "the key", DATE '2026-01-31' AS month, 1::UBIGINT AS version, 1.5::DECIMAL(9,2) AS "a: b, {c}",
      2::INTEGER AS "1st", 3::INTEGER AS bucket, [1] AS list, 4 AS "A_B", 5 AS "a b") TO ${text(parquet)}`);
    await writeFile(join(home.path, 'z.csv.gz'), gzipSync(records));
    await writeFile(
      join(home.path, 'j.jsonl'),
      '{"account_id": 1, "month": "2026-01", "version": 3, "x": 1}\n',
    );
    expect((await home.run('init', '--from', 'p.parquet', '--key', 'the key')).code).toBe(2);
    const { code, stderr } = await home.run(
      'init',
      '--from',
      'p.parquet',
      '--key',
      'the key',
      '--version',
      '1st',
    );
    expect([code, stderr]).toEqual([0, '']);
    const config = await loadSummary(join(home.path, 'pipelines/p.yaml'));
    expect(config.columns.map(({ name, from }) => [name, from])).toEqual([
      ['the_key', 'the key'],
      ['month', undefined],
      ['version', undefined],
      ['a_b_c', 'a: b, {c}'],
      ['c_1st', '1st'],
      ['source_bucket', 'bucket'],
      ['A_B', undefined],
      ['a_b_2', 'a b'],
    ]);
    expect((await home.run('init', '--from', 'z.csv.gz')).code).toBe(0);
    expect((await home.run('init', '--from', 'j.jsonl')).code).toBe(0);
  });

  it('refuses a file with two columns of one name, and tells those apart that differ by case', async () => {
    await using home = await newHome();
    await writeFile(join(home.path, 'x.csv'), 'account_id,month,balance,version,balance\n1,2026-01,1,2,3\n');
    const { code, stderr } = await home.run('init', '--from', 'x.csv');
    expect(code).toBe(2);
    expect(stderr).toContain('x.csv has 2 columns called balance');
    await writeFile(join(home.path, 'y.csv'), 'account_id,month,balance,version,Balance\n1,2026-01,1,2,3\n');
    expect((await home.run('init', '--from', 'y.csv')).code).toBe(0);
    const { columns } = await loadSummary(join(home.path, 'pipelines/y.yaml'));
    expect(columns.map(({ name, from }) => from ?? name)).toEqual([
      ...['account_id', 'month', 'balance', 'version', 'Balance'],
    ]);
    expect((await home.run('run', 'y.csv')).code).toBe(0);
  });

  it('says what is wrong with a file that cannot be read', async () => {
    await using home = await newHome();
    await writeFile(join(home.path, 'x.parquet'), 'not parquet');
    await writeFile(join(home.path, 'x.bin'), '');
    expect((await home.run('init', '--from', 'x.parquet')).stderr).toContain('cannot be read as parquet');
    expect((await home.run('init', '--from', 'x.bin')).stderr).toContain('give the file the ending');
    expect((await home.run('init', '--from', 'none.csv')).stderr).toContain('there is no file');
    expect((await home.run('init')).stderr).toContain('init needs a file');
  });

  it('replaces a pipeline only with --force', async () => {
    await using home = await newHome();
    expect((await home.run('init', '--name', 'accounts')).code).toBe(0);
    expect((await home.run('init', '--name', 'accounts')).stderr).toContain('exists already');
    expect((await home.run('init', '--name', 'accounts', '--force')).code).toBe(0);
    expect((await home.run('init', '--name', 'Ä')).stderr).toContain("cannot be a pipeline's name");
  });

  it('names the pipeline after the file', () => {
    expect(pipelineNameFrom('/data/Mine 2026.csv.gz')).toBe('mine_2026');
    expect(pipelineNameFrom('2026-01.parquet')).toBe('records');
    expect(pipelineNameFrom('a'.repeat(100))).toHaveLength(62);
  });

  it('maps every engine type or none', () => {
    expect(tableType('DECIMAL(18,3)')).toBe('decimal(18,3)');
    expect(tableType('TIMESTAMP WITH TIME ZONE')).toBe('timestamp');
    expect(tableType('INTEGER[]')).toBeUndefined();
    expect(tableType('STRUCT(a INTEGER)')).toBeUndefined();
  });
});

describe('which pipeline is meant', () => {
  const template = async (home: { readonly path: string }, name: string) => {
    await mkdir(join(home.path, 'pipelines'), { recursive: true });
    await writeFile(join(home.path, 'pipelines', `${name}.yaml`), 'kind: nonsense\n');
  };

  it('is the only one there is', async () => {
    await using home = await newHome();
    await template(home, 'one');
    expect((await home.run('plan')).stderr).toContain('one.yaml');
  });

  it('is asked for when there are several', async () => {
    await using home = await newHome();
    await template(home, 'one');
    await template(home, 'two');
    const { code, stderr } = await home.run('plan');
    expect(code).toBe(2);
    expect(stderr).toContain('which pipeline? There are one, two');
    expect((await home.run('plan', '--pipeline', 'two')).stderr).toContain('two.yaml');
    expect((await home.run('plan', '--pipeline', 'pipelines/one.yaml')).stderr).toContain('one.yaml');
    expect((await home.run('plan', '--pipeline', 'tow')).stderr).toContain('did you mean two?');
  });

  it('is the one that init made for this root', async () => {
    await using home = await newHome();
    await template(home, 'one');
    await home.run('init', '--name', 'mine');
    await writeFile(join(home.path, 'pipelines/mine.yaml'), 'kind: nonsense\n');
    expect((await home.run('plan')).stderr).toContain('mine.yaml');
    expect((await home.run('plan', '--root', 'elsewhere')).stderr).toContain('which pipeline?');
  });

  it('does not exist before init', async () => {
    await using home = await newHome();
    const { stderr } = await home.run('run', 'x.csv');
    expect(stderr).toContain('there is no pipeline');
    expect(stderr).toContain('partwise init --from FILE');
  });
});

describe('advice', () => {
  it('is spelled as it has to be typed, with the same root', async () => {
    await using home = await newHome({ variables: { npm_lifecycle_event: 'partwise' } });
    const { stdout, stderr } = await home.run('runs', '--root', 'my root');
    expect(stdout).toBe('');
    expect(stderr).toContain("next   npm run partwise -- run FILE --root 'my root'");
  });
});

const points = `id,org_id,metric,metric_shard_id,long_value,logical_timestamp,note
7,acme,cpu,3,10,1767225600000,1.5
7,acme,cpu,3,12,1767225660000,2.5
`;

describe('init --rollup', () => {
  it('guesses series, time and value, takes text and ids for labels, and the pipeline runs', async () => {
    await using home = await newHome();
    await writeFile(join(home.path, 'points.csv'), points);
    const { code, stdout } = await home.run('init', '--rollup', '--from', 'points.csv');
    expect(code).toBe(0);
    expect(stdout).toMatch(/series +id +\(guessed\)/);
    expect(stdout).toMatch(/time +logical_timestamp, milliseconds since 1970 +\(guessed\)/);
    expect(stdout).toMatch(/labels +org_id, metric\n/);
    const text = await readFile(join(home.path, 'pipelines/points.yaml'), 'utf8');
    expect(text).toContain('# left out: note (DOUBLE)');
    const ran = await home.json('run', 'points.csv', '--flush');
    expect(ran).toMatchObject({
      run: { status: 'succeeded', facts: { rollup: { points: { arrived: 2 } } } },
    });
  });

  it('does as the flags say; one of them is enough to mean rollups', async () => {
    await using home = await newHome();
    await writeFile(join(home.path, 'x.csv'), 'a;b;c;count;e\n1;2026-01-01 00:00:00;5;x;y\n');
    const made = await home.json(
      ...['init', '--from', 'x.csv', '--series', 'a', '--time', 'b', '--value', 'c', '--shard', 'e'],
      ...['--label', 'count'],
    );
    expect(made).toMatchObject({
      guessed: [],
      config: {
        kind: 'rollup',
        points: {
          series: { name: 'a', type: 'bigint' },
          time: { from: 'b', type: 'timestamp' },
          value: { from: 'c' },
          shard: { name: 'e', type: 'string' },
          labels: [{ name: 'source_count', from: 'count', type: 'string' }],
        },
        source: { csv: { delimiter: ';' } },
      },
    });
  });

  it.each([
    ['no series', 'a,ts,value\n1.5,2026-01-01 00:00:00,2\n', 'no column is clearly the series', '--series'],
    ['a broken value', 'id,ts,value\n1,1767225600000,2.5\n', 'no column is clearly the value', '--value'],
  ])('writes nothing for %s and lists the columns', async (_what, content, problem, next) => {
    await using home = await newHome();
    await writeFile(join(home.path, 'p.csv'), content);
    const { code, stderr } = await home.run('init', '--rollup', '--from', 'p.csv');
    expect(code).toBe(2);
    expect(stderr).toContain(problem);
    expect(stderr).toContain(next);
    await expect(readFile(join(home.path, 'pipelines/p.yaml'))).rejects.toThrow();
  });

  it.each([
    ['s', 'seconds', 1_767_225_600],
    ['us', 'microseconds', 1_767_225_600_000_000],
    ['ns', 'nanoseconds', 1_767_225_600_000_000_000n],
  ])('knows times in %s by their magnitude, says so, and they are read as such', async (unit, name, time) => {
    await using home = await newHome();
    await writeFile(join(home.path, 'p.csv'), `id,ts,value\na,${time},2\n`);
    const { stdout } = await home.run('init', '--rollup', '--from', 'p.csv');
    expect(stdout).toMatch(new RegExp(`time +ts, ${name} since 1970`));
    const ran = await home.run('run', 'p.csv', '--flush');
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/1 +row of 1 min 00 s/);
    const read = 'SELECT CAST(first_ts AS VARCHAR) FROM rollups WHERE resolution = 60000';
    expect((await home.json('sql', read)).rows).toEqual([['2026-01-01 00:00:00']]);
    const document = await readFile(join(home.path, 'pipelines/p.yaml'), 'utf8');
    expect(document).toContain(`type: bigint, unit: ${unit} } # ${name} since 1970`);
  });

  it('writes the quantiles that are asked for', async () => {
    await using home = await newHome();
    await writeFile(join(home.path, 'p.csv'), points);
    const made = await home.json('init', '--from', 'p.csv', '--quantiles', '0.5,0.999');
    expect(made).toMatchObject({ config: { kind: 'rollup', quantiles: { values: [0.5, 0.999] } } });
    expect(await home.json('init', '--name', 'mine', '--quantiles', '0.9')).toMatchObject({
      config: { quantiles: { values: [0.9] } },
    });
    for (const wrong of ['p99', '0.5,', '1.5', '99']) {
      const { code, stderr } = await home.run('init', '--name', 'other', '--quantiles', wrong);
      expect(code).toBe(2);
      expect(stderr).toContain('is no number from 0 to 1');
    }
  });

  it('refuses flags of the other kind', async () => {
    await using home = await newHome();
    await writeFile(join(home.path, 'p.csv'), points);
    const { code, stderr } = await home.run('init', '--rollup', '--from', 'p.csv', '--key', 'id');
    expect(code).toBe(2);
    expect(stderr).toContain('--key is for a pipeline of summaries, --rollup for one of rollups');
  });

  it('writes a template without a file', async () => {
    await using home = await newHome();
    expect((await home.run('init', '--rollup', '--name', 'mine')).code).toBe(0);
    expect(await home.json('init', '--rollup', '--name', 'mine', '--force')).toMatchObject({
      config: { kind: 'rollup', resolutions: ['1m', '5m', '1h'] },
    });
  });
});
