import { execFileSync } from 'node:child_process';

/** A Python that can make virtual environments. */
export function findPython(): string {
  for (const name of ['python3.11', 'python3.10', 'python3.12', 'python3']) {
    try {
      const found = execFileSync(
        name,
        ['-c', 'import sys, venv, ensurepip; print(sys.version_info >= (3, 10))'],
        { encoding: 'utf8', stdio: 'pipe' },
      );
      if (found.trim() === 'True') return name;
    } catch {
      // The next name may do.
    }
  }
  throw new Error('these tests need Python 3.10 or later with venv (Debian: apt-get install python3-venv)');
}

/** What a command says; the error names how to get it. */
export function probe(command: string, args: readonly string[], how: string): string {
  try {
    // java -version writes to stderr.
    return execFileSync('/bin/sh', ['-c', '"$0" "$@" 2>&1', command, ...args], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
  } catch (cause) {
    throw new Error(`these tests need ${how}`, { cause });
  }
}

/** Does a step of a set-up in the open. */
export function run(what: string, command: string, args: readonly string[]): void {
  process.stderr.write(`set-up: ${what}\n`);
  try {
    execFileSync(command, [...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  } catch (cause) {
    throw new Error(`could not ${what}; run it by hand to see why: ${command} ${args.join(' ')}`, { cause });
  }
}
