import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What a process used from start to end, as the operating system counted it. */
export interface Usage {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** Called at the end of a measured child: prints its own usage as the last line. */
export function reportUsage(startedMs: number, extra: Readonly<Record<string, unknown>> = {}): void {
  const usage = process.resourceUsage();
  const io = Object.fromEntries(
    readFileSync('/proc/self/io', 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(': ') as [string, string]),
  );
  const report: Usage = {
    wallSeconds: (Date.now() - startedMs) / 1_000,
    cpuSeconds: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
    peakBytes: usage.maxRSS * 1_024,
    readBytes: Number(io['rchar']),
    writtenBytes: Number(io['wchar']),
  };
  console.log(`\nMEASURED ${JSON.stringify({ ...report, ...extra })}`);
}

/** Runs a script of this folder in a process of its own; wall time includes the process's start. */
export function measureChild<T>(script: string, argument: unknown): Promise<Usage & T> {
  return measureProcess({
    command: process.execPath,
    args: [`${import.meta.dirname}/${script}`, JSON.stringify(argument)],
    stderr: 'inherit',
  });
}

/** Runs a program that prints its usage as `reportUsage` does; wall time is the process's, from start to end. */
export async function measureProcess<T>(options: {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** `pipe`: shown only when the program fails. */
  readonly stderr: 'inherit' | 'pipe';
}): Promise<Usage & T> {
  const startedMs = performance.now();
  const child = spawn(options.command, options.args, {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', options.stderr],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const wallSeconds = (performance.now() - startedMs) / 1_000;
  const line = output.split('\n').findLast((text) => text.startsWith('MEASURED '));
  if (code !== 0 || line === undefined)
    throw new Error(`${options.command} ${options.args[0]} ended with ${code}:\n${output}`);
  return { ...(JSON.parse(line.slice('MEASURED '.length)) as Usage & T), wallSeconds };
}

export const mega = (bytes: number) => (bytes / 1e6).toFixed(0);
