import { mkdir, readdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openLocalWorld } from '../../lib/run/local/local-world.ts';
import { newHome } from './harness.ts';
import { balances, first, header, ok, warehouse } from './warehouse.ts';

const afterFirst = [
  [1, '2026-01', [100, null, null, null, null, null]],
  [1, '2026-02', [110, 100, null, null, null, null]],
  [2, '2026-01', [200, null, null, null, null, null]],
];
const afterLate = [
  [1, '2025-12', [90, null, null, null, null, null]],
  [1, '2026-01', [100, 90, null, null, null, null]],
  [1, '2026-02', [110, 100, 90, null, null, null]],
  [2, '2026-01', [200, null, null, null, null, null]],
  [3, '2026-01', [300, null, null, null, null, null]],
];

describe('run', () => {
  it('publishes, says what to type next, and has nothing to do with the same file', async () => {
    await using home = await warehouse();
    const { stdout, stderr } = await ok(home, 'run', 'first.csv');
    expect(stdout).toMatch(/^published accounts-\S+ to main in /);
    expect(stdout).toContain('next   partwise show latest');
    expect(stderr).toMatch(/^run accounts-\S+: 1 file$/m);
    expect(await balances(home)).toEqual(afterFirst);
    await writeFile(join(home.path, 'renamed.csv'), first);
    expect((await ok(home, 'run', 'first.csv')).stdout).toContain(
      'nothing to do: 1 file seen, all of them applied before',
    );
    await ok(home, 'run', 'late.csv');
    expect(await balances(home)).toEqual(afterLate);
  });

  it('takes what lies in the staging folder', async () => {
    await using home = await warehouse();
    expect((await ok(home, 'run')).stdout).toContain('nothing to do: no files have arrived');
    await ok(home, 'run', 'first.csv', '--quiet');
    await writeFile(join(home.path, '.partwise/staging/accounts.tmp'), '');
    expect((await ok(home, 'runs')).stdout).toContain('succeeded');
  });

  it('is one document with --json', async () => {
    await using home = await warehouse();
    const document = await home.json('run', 'first.csv');
    expect(document).toMatchObject({
      exitCode: 0,
      filesSeen: 1,
      filesNew: 1,
      run: { status: 'succeeded', branch: 'main' },
    });
    expect(await home.json('run', 'first.csv')).toMatchObject({ exitCode: 0, filesNew: 0 });
  });

  it('refuses a file that is not there before anything is claimed', async () => {
    await using home = await warehouse();
    const { code, stderr } = await home.run('run', 'nope.csv');
    expect(code).toBe(2);
    expect(stderr).toContain('nope.csv cannot be read');
  });

  it('stops over the error budget with its own exit code, and the run can be given up', async () => {
    await using home = await warehouse();
    const bad = Array.from({ length: 150 }, (_, index) => `${index},soon,1,2026-03-01 00:00:00\n`).join('');
    await writeFile(join(home.path, 'bad.csv'), `${header}${bad}`);
    const { code, stderr } = await home.run('run', 'bad.csv');
    expect(code).toBe(5);
    expect(stderr).toContain('over its error budget');
    expect(stderr).toContain('nothing was published');
    const [run] = (await home.json('runs')).runs as readonly { readonly runId: string }[];
    const runId = run?.runId ?? '';
    expect(await home.json('resume', runId)).toMatchObject({
      error: { name: 'ErrorBudgetExceededError', next: `partwise cancel ${runId}` },
      run: { runId },
      exitCode: 5,
    });
    expect((await ok(home, 'status', runId)).stdout).toMatch(/bad\.csv +1 +month/);
    expect((await ok(home, 'cancel', runId)).stdout).toContain('cancelled');
    expect((await home.json('runs')).runs).toMatchObject([{ runId, status: 'cancelled' }]);
  });

  it('says how many rows were refused, and that nothing was published when all were', async () => {
    await using home = await warehouse();
    await writeFile(join(home.path, 'some.csv'), `${first}7,soon,1,2026-03-01 00:00:00\n`);
    await writeFile(join(home.path, 'all.csv'), `${header}7,later,1,2026-03-01 00:00:00\n`);
    const some = await ok(home, 'run', 'some.csv');
    expect(some.stdout).toContain('  4 rows read from 1 file\n  1 row refused; partwise status accounts-');
    const all = await ok(home, 'run', 'all.csv');
    expect(all.stdout).toMatch(/^nothing published by accounts-\S+: no row was accepted$/m);
    expect(await balances(home)).toEqual(afterFirst);
  });
});

describe('columns that a file lacks or has too many', () => {
  it('are told once per file, at the end, in status and to programs', async () => {
    await using home = await warehouse();
    await writeFile(
      join(home.path, 'thin.csv'),
      'account_id,month,updated_at,remark,"a ""b"""\n7,2026-01,2026-02-01 00:00:00,x,y\n',
    );
    const { stdout } = await ok(home, 'run', 'first.csv', 'thin.csv');
    const told = [
      '  columns not in thin.csv, NULL in its rows: balance',
      '  columns of thin.csv that the pipeline does not name: remark, a "b"',
    ].join('\n');
    expect(stdout).toContain(told);
    expect(stdout.match(/thin\.csv/g)).toHaveLength(2);
    expect((await ok(home, 'status')).stdout).toContain(told);
    const { run } = (await home.json('status')) as { readonly run?: unknown };
    expect(run).toMatchObject({
      facts: {
        input: { columns: [{ missing: ['balance'], dropped: ['remark', 'a "b"'] }], filesWithColumns: 1 },
      },
    });
  });

  it('are counted when the files are many', async () => {
    await using home = await warehouse();
    for (let file = 0; file < 12; file += 1)
      await writeFile(
        join(home.path, `thin-${file}.csv`),
        `account_id,month,updated_at\n${file},2026-01,2026-02-01 00:00:00\n`,
      );
    const { stdout } = await ok(home, 'run', ...Array.from({ length: 12 }, (_, file) => `thin-${file}.csv`));
    expect(stdout.match(/columns not in thin-/g)).toHaveLength(10);
    expect(stdout).toContain('12 files in all lack columns or have others');
  });
});

describe('plan', () => {
  it('touches no table, and is executed as it is', async () => {
    await using home = await warehouse();
    await ok(home, 'run', 'first.csv');
    const { stdout } = await ok(home, 'plan', 'late.csv');
    expect(stdout).toContain('no table was touched');
    expect(stdout).toMatch(/^ {2}source {4}\S+\/late\.csv, \d+ B\n {2}2 rows read from 1 file$/m);
    expect(stdout).toContain('; no cost: this machine');
    expect(stdout.match(/strategy/g)).toHaveLength(1);
    const runId = /partwise run --plan (\S+)/.exec(stdout)?.[1] ?? '';
    expect(await balances(home)).toEqual(afterFirst);
    expect((await ok(home, 'status', runId)).stdout).toContain(`next   partwise run --plan ${runId}`);
    await ok(home, 'run', '--plan', runId);
    expect(await balances(home)).toEqual(afterLate);
  });

  it('is refused when the tables moved on', async () => {
    await using home = await warehouse();
    await ok(home, 'run', 'first.csv');
    const planned = await home.json('plan', 'late.csv');
    const { runId } = planned.run as { runId: string };
    await writeFile(join(home.path, 'other.csv'), `${header}1,2026-03,120,2026-04-01 00:00:00\n`);
    await ok(home, 'run', 'other.csv');
    const { code, stderr } = await home.run('run', '--plan', runId);
    expect(code).toBe(3);
    expect(stderr).toContain('PlanStaleError');
  });
});

describe('branches', () => {
  it('are compared, then switched to', async () => {
    await using home = await warehouse();
    await ok(home, 'run', 'first.csv');
    const { stdout } = await ok(home, 'run', 'late.csv', '--branch', 'check');
    expect(stdout).toContain('next   partwise diff summary main check');
    expect(await balances(home)).toEqual(afterFirst);
    expect(await balances(home, '--branch', 'check')).toEqual(afterLate);
    const diff = await ok(home, 'diff', 'summary', 'main', 'check');
    expect(diff.stdout).toMatch(/2 +rows added|added +2|2 added/);
    await ok(home, 'switch', 'check');
    expect(await balances(home)).toEqual(afterLate);
    expect((await home.run('switch', 'check')).code).toBe(2);
  });

  it('that main has left behind are refused', async () => {
    await using home = await warehouse();
    await ok(home, 'run', 'first.csv');
    await ok(home, 'run', 'late.csv', '--branch', 'check');
    await writeFile(join(home.path, 'other.csv'), `${header}9,2026-03,120,2026-04-01 00:00:00\n`);
    await ok(home, 'run', 'other.csv');
    const { code, stderr } = await home.run('switch', 'check');
    expect(code).toBe(4);
    expect(stderr).toContain('main has moved on');
  });
});

describe('interruption', () => {
  it('leaves a run that resume finishes', async () => {
    const control = new AbortController();
    await using home = await warehouse({
      signal: control.signal,
      onStderr: (text) => {
        if (text.startsWith('run accounts-')) control.abort();
      },
    });
    const { code, stderr } = await home.run('run', 'first.csv');
    expect(code).toBe(130);
    expect(stderr).toContain('next   partwise resume accounts-');
    await using later = await newHome();
    const looked = await ok(later, 'runs', '--root', join(home.path, '.partwise'));
    expect(looked.stdout).toMatch(/failed .* interrupted$/m);
    await using same = await newHome();
    const root = join(home.path, '.partwise');
    expect((await ok(same, 'resume', '--root', root)).stdout).toContain('published accounts-');
    expect(
      await balances(same, '--root', root, '--pipeline', join(home.path, 'pipelines/accounts.yaml')),
    ).toEqual(afterFirst);
  });
});

describe('a run that waits for another one', () => {
  it('says so once, and nothing has happened when it is stopped', async () => {
    const control = new AbortController();
    let notes = 0;
    await using home = await warehouse({
      signal: control.signal,
      onStderr: (text) => {
        if (text.includes('waiting: pipeline/accounts is being written by other')) notes += 1;
        if (notes > 0) setTimeout(() => control.abort(), 3_500);
      },
    });
    await using world = await openLocalWorld({ root: join(home.path, '.partwise') });
    await world.state.leases.acquire('pipeline/accounts', 'other', 600_000);
    const { code, stderr } = await home.run('run', 'first.csv');
    expect([code, notes]).toEqual([130, 1]);
    expect(stderr).toContain('failed stopped before a run was begun');
    expect(await world.state.runs.list()).toEqual([]);
  });
});

describe('looking', () => {
  it('shows rows with readable arrays', async () => {
    await using home = await warehouse();
    await ok(home, 'run', 'first.csv');
    const { stdout } = await ok(home, 'show', 'latest', '--key', '1');
    expect(stdout).toContain('account_id 1  month 2026-02');
    expect(stdout).toMatch(/balance_history +\[110, 100, 4 x _\]/);
    expect(stdout).not.toContain('pw_');
    expect(
      (await ok(home, 'show', 'summary', '--month', '2026-01', '--csv')).stdout.split('\n'),
    ).toHaveLength(4);
    expect((await ok(home, 'show', 'latest', '--system', '--limit', '1')).stdout).toContain('changed_run');
    expect((await home.run('show', 'lates')).stderr).toContain('did you mean latest?');
    expect((await home.run('show', 'latest', '--month', 'May')).code).toBe(2);
    expect((await home.run('show', 'latest', '--branch', 'nope')).stderr).toContain('has no branch nope');
  });

  it('answers queries over tables, runs, units and cases, and takes nothing but queries', async () => {
    await using home = await warehouse();
    await ok(home, 'run', 'first.csv');
    const one = async (query: string) => (await home.json('sql', query)).rows;
    expect(await one('SELECT count(*) FROM partwise.accounts_summary')).toEqual([[3]]);
    expect(await one('SELECT count(*) FROM latest JOIN summary USING (account_id, month)')).toEqual([[2]]);
    expect(await one('SELECT status, branch FROM runs')).toEqual([['succeeded', 'main']]);
    expect(await one("SELECT DISTINCT status FROM units WHERE rows > 0 AND stage = 'prepare'")).toEqual([
      ['done'],
    ]);
    expect(await one('SELECT case_name, rows FROM cases ORDER BY ALL')).toEqual([
      ['caseI', 2],
      ['caseIV', 1],
    ]);
    expect(await one('SELECT step, stage, units, rows, status FROM steps')).toEqual([
      ['prepare', 'prepare', 1, 3, 'done'],
      ['judge', 'resolve', 1, 3, 'done'],
      ['changes', 'resolve', 1, 0, 'done'],
      ['inserts', 'resolve', 1, 3, 'done'],
      ['latest', 'resolve', 1, 2, 'done'],
      ['tombstones', 'resolve', 1, 0, 'done'],
      ['audit', 'audit', 1, 0, 'done'],
      ['publish', 'publish', 1, 0, 'done'],
    ]);
    expect(
      await one(`SELECT DISTINCT c.step, c.step_ms = s.elapsed_ms, c.step_bytes = s.bytes, s.bytes > 0, s.started <= s.ended
        FROM cases AS c JOIN steps AS s USING (run_id, step)`),
    ).toEqual([['inserts', true, true, true, true]]);
    expect((await ok(home, 'sql', 'FROM latest SELECT account_id ORDER BY 1;', '--csv')).stdout).toBe(
      'account_id\n1\n2\n',
    );
    expect((await ok(home, 'sql', 'DESCRIBE latest')).stdout).toContain('balance_history');
    expect((await ok(home, 'sql', 'SELECT 1 AS a -- remark')).stdout).toContain('1 row');
    for (const statement of [
      'DROP VIEW latest',
      "COPY (SELECT 1) TO 'x.csv'",
      'SELECT 1; SELECT 2',
      'CREATE TABLE t AS SELECT 1',
      "ATTACH 'x.db'",
      'SELECT 1) ; (SELECT 2',
      '',
    ]) {
      const { code, stderr } = await home.run('sql', statement);
      expect([statement, code, stderr]).toEqual([statement, 2, expect.stringContaining('not a query')]);
    }
    const wrong = await home.run('sql', 'SELECT nope FROM latest');
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('nope')]);
    const left = await readdir(join(home.path, '.partwise/work'));
    expect(left.filter((folder) => !folder.startsWith('accounts-'))).toEqual([]);
  });

  it('says what became of a run', async () => {
    await using home = await warehouse();
    await ok(home, 'run', 'first.csv');
    const { stdout } = await ok(home, 'status');
    expect(stdout).toMatch(/first\.csv .*done/);
    expect(stdout).toMatch(/prepare +1\/1/);
    expect(stdout).toMatch(/first month of a new key \(case I\) +2 {2}inserts/);
    expect(stdout).toMatch(/^publish +done/m);
    const document = await home.json('status');
    expect(document).toMatchObject({ run: { status: 'succeeded' }, files: [{ status: 'done' }] });
    expect((await home.run('status', 'nope')).code).toBe(2);
  });

  it('finds nothing wrong, until a file is damaged', async () => {
    await using home = await warehouse();
    const fresh = await ok(home, 'doctor');
    expect(fresh.stdout).toContain('nothing in');
    await ok(home, 'run', 'first.csv');
    expect((await home.json('doctor')).exitCode).toBe(0);
    const root = join(home.path, '.partwise/warehouse');
    const data = (await readdir(root, { recursive: true }))
      .filter((file) => file.endsWith('.parquet'))
      .sort();
    await truncate(join(root, data[0] ?? ''), 10);
    const { code, stdout } = await home.run('doctor');
    expect(code).toBe(1);
    expect(stdout).toContain('has 10 bytes, not');
  });
});

describe('care', () => {
  it('verifies a run and the whole tables', async () => {
    await using home = await warehouse();
    await ok(home, 'run', 'first.csv');
    await ok(home, 'run', 'late.csv');
    expect((await home.json('verify', '--sample-size', '2')).exitCode).toBe(0);
    expect((await home.json('verify', '--full')).exitCode).toBe(0);
  });

  it('maintains without changing a row', async () => {
    await using home = await warehouse();
    await ok(home, 'run', 'first.csv');
    await ok(home, 'run', 'late.csv');
    await ok(home, 'maintain', '--dry-run');
    await ok(home, 'maintain', 'compact', 'expire', 'orphans');
    expect(await balances(home)).toEqual(afterLate);
    expect((await home.run('maintain', 'compcat')).stderr).toContain('did you mean compact?');
  });
});

describe('watch', () => {
  it('takes in what lands in a folder and leaves it there', async () => {
    await using home = await warehouse();
    const drops = join(home.path, 'drops');
    await writeFile(join(home.path, 'not-a-folder'), '');
    expect((await home.run('watch', 'nowhere')).code).toBe(2);
    expect((await home.run('watch', 'not-a-folder')).code).toBe(2);
    await mkdir(drops);
    await writeFile(join(drops, 'a.csv'), first);
    await writeFile(join(drops, '_hidden.csv'), 'nonsense');
    const { code, stdout } = await home.run('watch', 'drops', '--once', '--interval', '1', '--json');
    expect(code).toBe(0);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([{ run: { status: 'succeeded' } }]);
    expect(await balances(home)).toEqual(afterFirst);
    expect(await readFile(join(drops, 'a.csv'), 'utf8')).toBe(first);
  });
});
