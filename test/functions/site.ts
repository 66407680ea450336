import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// Before any function is imported: telemetry reads the environment once.
Object.assign(process.env, {
  POWERTOOLS_SERVICE_NAME: 'partwise-accounts',
  POWERTOOLS_METRICS_NAMESPACE: 'Partwise',
  POWERTOOLS_METRICS_DISABLED: 'true',
  POWERTOOLS_TRACE_ENABLED: 'false',
  POWERTOOLS_LOG_LEVEL: process.env['POWERTOOLS_LOG_LEVEL'] ?? 'SILENT',
  PARTWISE_PIPELINE_FILE: 'pipelines/accounts.yaml',
});

const { openLocally, localContext } = await import('../../functions/runtime/local.ts');
const { functionWorld, openWith } = await import('../../functions/runtime/world.ts');

type Handler = (event: never, context: never) => Promise<unknown>;

export const functionNames = [
  'trigger',
  'intake',
  'plan',
  'work',
  'audit',
  'publish',
  'report',
  'reap',
] as const;
export type FunctionName = (typeof functionNames)[number];
const handlers = new Map<string, Handler>();
for (const name of functionNames) {
  const { handler }: { handler: Handler } = await import(`../../functions/${name}.ts`);
  handlers.set(name, handler);
}

/** Calls the function as Lambda does; the time that remains may shrink while it works. */
export function call(name: string, event: unknown, remainingMs?: number | (() => number)): Promise<unknown> {
  const handler = handlers.get(name);
  if (handler === undefined) throw new TypeError(`there is no function ${name}`);
  const context =
    typeof remainingMs === 'function'
      ? { ...localContext(name), getRemainingTimeInMillis: remainingMs }
      : localContext(name, remainingMs);
  return handler(event as never, context as never);
}

/** Makes a new embedded world the one behind all functions. */
export async function openSite() {
  const root = await mkdtemp(join(tmpdir(), 'partwise-functions-'));
  const clock = { nowMs: Date.parse('2025-11-25T12:00:10Z'), now: () => clock.nowMs };
  const started: { readonly name: string; readonly input: Readonly<Record<string, unknown>> }[] = [];
  const ended: Readonly<Record<string, unknown>>[] = [];
  openWith(
    openLocally({
      root,
      clock,
      onStart: (start) => started.push(start),
      onWake: () => undefined,
      onEnd: (detail) => ended.push(detail),
    }),
  );
  return { root, clock, started, ended, opened: await functionWorld() };
}

export async function recorded(file: string): Promise<Readonly<Record<string, unknown>>> {
  return JSON.parse(await readFile(`events/${file}.json`, 'utf8'));
}
