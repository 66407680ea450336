import { join } from 'node:path';
import { main } from './main.ts';

/** TypeScript is run by stripping its types, which Node does by default from here on. */
const neededMajor = 24;

export function checkNodeVersion(): boolean {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= neededMajor) return true;
  process.stderr.write(`failed partwise needs Node ${neededMajor}, this is ${process.versions.node}\n`);
  process.stderr.write(
    'next   npm ci, then npm run partwise or bin/partwise: both use the Node that npm ci installs\n',
  );
  process.exitCode = 1;
  return false;
}

/** Runs the command line of this process: streams, signals and the exit code. */
export async function runProcess(): Promise<void> {
  const interruption = new AbortController();
  const stop = (signal: string) => {
    if (interruption.signal.aborted) process.exit(130);
    process.stderr.write(
      `\n${signal}: stopping after what is under way; once more stops at once, and nothing is lost either way\n`,
    );
    interruption.abort();
  };
  process.on('SIGINT', () => stop('interrupted'));
  process.on('SIGTERM', () => stop('asked to end'));
  // A reader that went away, such as `head`, is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });
  const home = process.cwd();
  process.exitCode = await main(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: {
      home,
      cwd: typedIn(home),
      variables: process.env,
      signal: interruption.signal,
      now: Date.now,
    },
  });
}

/** `npm run` moves to the package's folder first; paths mean the folder that the person stood in. */
function typedIn(home: string): string {
  const startedIn = process.env.INIT_CWD;
  const byNpm =
    process.env.npm_lifecycle_event !== undefined &&
    process.env.npm_package_json === join(home, 'package.json');
  return byNpm && startedIn !== undefined ? startedIn : home;
}
