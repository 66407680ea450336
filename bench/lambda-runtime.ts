import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';

export interface Answer {
  readonly error: string | undefined;
  readonly elapsedMs: number;
  readonly body: unknown;
}

export interface LambdaProcess extends AsyncDisposable {
  /** From the start of the process until it asked for its first call. */
  readonly initMs: number;
  call(event: unknown): Promise<Answer>;
  peakMb(): number;
}

export interface LambdaOptions {
  /** Folder of a bundle. */
  readonly bundle: string;
  readonly name: string;
  readonly environment?: Readonly<Record<string, string>>;
}

interface Waiting {
  readonly response: ServerResponse;
}

/** One execution environment: a process with the bundle in it and the Runtime API of Lambda on the loopback. */
export async function startLambda({ bundle, name, environment = {} }: LambdaOptions): Promise<LambdaProcess> {
  let idle: Waiting | undefined;
  let asked: (() => void) | undefined;
  let answered: ((answer: Omit<Answer, 'elapsedMs'>) => void) | undefined;
  const server = createServer((request, response) => {
    if (request.url?.endsWith('/next') === true) {
      idle = { response };
      asked?.();
      return;
    }
    void bodyOf(request).then((text) => {
      response.writeHead(202).end();
      const body: { readonly errorType?: string } | null = JSON.parse(text);
      answered?.({ body, error: request.url?.endsWith('/error') === true ? body?.errorType : undefined });
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const startedMs = performance.now();
  const ready = new Promise<void>((resolveReady) => {
    asked = resolveReady;
  });
  const child = spawn(process.execPath, [resolve(import.meta.dirname, 'lambda-bootstrap.mjs')], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env['PATH'] ?? '',
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
      AWS_LAMBDA_FUNCTION_NAME: name,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '3072',
      BENCH_HANDLER: `${bundle}/${name}.mjs`,
      POWERTOOLS_SERVICE_NAME: 'bench',
      POWERTOOLS_METRICS_NAMESPACE: 'Partwise',
      POWERTOOLS_TRACE_ENABLED: 'false',
      ...environment,
    },
  });
  await ready;
  const initMs = performance.now() - startedMs;
  return {
    initMs,
    call: async (event) => {
      const callMs = performance.now();
      const answer = new Promise<Omit<Answer, 'elapsedMs'>>((resolveAnswer) => {
        answered = resolveAnswer;
      });
      const again = new Promise<void>((resolveAgain) => {
        asked = resolveAgain;
      });
      idle?.response
        .writeHead(200, {
          'lambda-runtime-aws-request-id': crypto.randomUUID(),
          'lambda-runtime-deadline-ms': String(Date.now() + 900_000),
        })
        .end(JSON.stringify(event));
      const said = await answer;
      const elapsedMs = performance.now() - callMs;
      await again;
      return { ...said, elapsedMs };
    },
    peakMb: () =>
      Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) / 1_024,
    [Symbol.asyncDispose]: async () => {
      child.kill();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
