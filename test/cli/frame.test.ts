import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { exitCodeOf, exitCodes } from '../../lib/cli/exit-codes.ts';
import { globalFlags } from '../../lib/cli/globals.ts';
import { commands } from '../../lib/cli/specs/index.ts';
import * as errors from '../../lib/errors.ts';
import { runOnce } from './harness.ts';

const shim = fileURLToPath(new URL('../../bin/partwise', import.meta.url));

describe('help', () => {
  it('lists every command, every global flag and every exit code', async () => {
    const { code, stdout } = await runOnce('--help');
    expect(code).toBe(0);
    for (const { name, summary } of commands) {
      expect(stdout).toContain(`  ${name} `);
      expect(stdout.replaceAll(/\s+/g, ' ')).toContain(summary);
    }
    for (const flag of globalFlags) expect(stdout).toContain(`--${flag.name}`);
    for (const { code: exitCode, meaning } of exitCodes)
      expect(stdout).toMatch(new RegExp(`  ${exitCode} +${meaning}`));
  });

  it('is the answer to no arguments and to the word help', async () => {
    const { stdout } = await runOnce('--help');
    expect((await runOnce()).stdout).toBe(stdout);
    expect((await runOnce('help')).stdout).toBe(stdout);
  });

  it.each(commands.map((command) => command.name))(
    'of %s lists its arguments, flags and examples',
    async (name) => {
      const spec = commands.find((command) => command.name === name);
      const { code, stdout } = await runOnce(name, '--help');
      expect(code).toBe(0);
      for (const argument of spec?.arguments ?? []) expect(stdout).toContain(argument.name);
      for (const flag of spec?.flags ?? []) expect(stdout).toContain(`  --${flag.name}`);
      expect(spec?.examples.length).toBeGreaterThan(0);
      for (const example of spec?.examples ?? []) {
        expect(example.command.startsWith(`partwise ${name}`)).toBe(true);
        expect(stdout).toContain(example.command);
      }
      expect((await runOnce('help', name)).stdout).toBe(stdout);
      expect((await runOnce(name, '-h')).stdout).toBe(stdout);
    },
  );

  it('keeps to 100 columns', async () => {
    const texts = [
      await runOnce('--help'),
      ...(await Promise.all(commands.map((command) => runOnce(command.name, '--help')))),
    ];
    for (const { stdout } of texts) {
      expect(
        stdout.split('\n').filter((line) => line.length > 100 && !line.startsWith('  partwise')),
      ).toEqual([]);
    }
  });

  it('is a JSON document with --json', async () => {
    const described: unknown = JSON.parse((await runOnce('--help', '--json')).stdout);
    expect(described).toHaveLength(commands.length);
    expect(JSON.parse((await runOnce('sql', '--help', '--json')).stdout)).toMatchObject({ name: 'sql' });
  });

  it('gives each command a handler', async () => {
    for (const command of commands) expect(await command.load()).toBeTypeOf('function');
  });
});

describe('a wrong command line', () => {
  it.each([
    [['rnu'], "unknown command 'rnu'; did you mean run?"],
    [['stauts'], 'did you mean status?'],
    [['ver'], 'did you mean verify?'],
    [['frobnicate'], "unknown command 'frobnicate'\n"],
    [['run', '--brunch', 'x'], 'unknown flag --brunch; did you mean --branch?'],
    [['run', '--jsno'], 'did you mean --json?'],
    [['--jsn'], 'unknown flag --jsn; did you mean --json?'],
    [['run', '-x'], 'unknown flag -x'],
    [['run', '--branch'], '--branch needs a value'],
    [['run', '--branch', '--quiet'], '--branch needs a value'],
    [['run', '--branch', 'a', '--branch', 'b'], '--branch is given twice'],
    [['run', '--quiet=yes'], '--quiet takes no value'],
    [['verify', '--sample-size', '0'], "needs a whole number from 1, not '0'"],
    [['verify', '--sample-size', '1e3'], 'needs a whole number'],
    [['run', '--memory', 'lots'], "needs a size such as 900MB or 2GB, not 'lots'"],
    [['show'], 'show needs TABLE'],
    [['diff', 'summary', 'main'], 'diff needs TO'],
    [['status', 'a', 'b'], "does not take the argument 'b'"],
  ])('%j is refused with what was meant', async (argv, message) => {
    const { code, stdout, stderr } = await runOnce(...argv);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^next {3}partwise .*--help$/m);
  });

  it('is reported as a document with --json', async () => {
    const { code, stdout, stderr } = await runOnce('rnu', '--json');
    expect(code).toBe(2);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      error: { name: 'UsageError', next: 'partwise --help' },
      exitCode: 2,
    });
  });

  it('never runs the command', async () => {
    const { stderr } = await runOnce('doctor', '--root', '/nonexistent/root', '--fix');
    expect(stderr).toContain('unknown flag --fix');
  });
});

describe('exit codes', () => {
  it('name only errors that exist', () => {
    const names = Object.keys(errors);
    const coded = names.filter((name) => exitCodeOf(name) !== 1);
    expect(coded).toContain('PlanStaleError');
    expect(exitCodeOf('UsageError')).toBe(2);
    expect(exitCodeOf('CommitStateUnknownError')).toBe(7);
    expect(exitCodeOf('SomethingElse')).toBe(1);
    expect(exitCodeOf('toString')).toBe(1);
  });
});

describe('the shim', () => {
  it('starts from anywhere, through a link, on the Node of the project', async () => {
    const { stdout } = await promisify(execFile)(shim, ['--version', '--json'], { cwd: '/' });
    expect(JSON.parse(stdout)).toMatchObject({ node: process.versions.node });
  });

  it('passes the exit code on', async () => {
    await expect(promisify(execFile)(shim, ['rnu'], { cwd: '/' })).rejects.toMatchObject({ code: 2 });
  });
});
