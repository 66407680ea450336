import { type HttpProxy, openProxy, type ProxiedRequest } from './proxy.ts';

/** What happens to one request. */
export type Fault =
  /** The request never arrives. */
  | { readonly kind: 'lost request' }
  /** It has its effect; nobody hears of it. */
  | { readonly kind: 'lost reply' }
  /** It is refused before it has an effect. */
  | { readonly kind: 'status'; readonly status: number; readonly code: string };

export interface FaultProxy extends HttpProxy {
  /** The next `times` requests that match are struck. */
  strike(fault: Fault, times: number, matches: (asked: ProxiedRequest) => boolean): void;
  /** Strikes left over: a test that expects all to have happened asserts 0. */
  left(): number;
  /** Requests that came in, by `METHOD path` or the operation of a JSON protocol. */
  readonly seen: readonly string[];
}

export async function openFaultProxy(target: string): Promise<FaultProxy> {
  const strikes: { fault: Fault; times: number; matches: (asked: ProxiedRequest) => boolean }[] = [];
  const seen: string[] = [];
  const proxy = await openProxy(target, async (asked, forward) => {
    seen.push(operationOf(asked));
    const due = strikes.find((one) => one.times > 0 && one.matches(asked));
    if (due === undefined) return forward(asked);
    due.times -= 1;
    switch (due.fault.kind) {
      case 'lost request':
        return undefined;
      case 'lost reply':
        await forward(asked);
        return undefined;
      case 'status': {
        const { status, code } = due.fault;
        const json = asked.headers['x-amz-target'] !== undefined;
        const body = json
          ? JSON.stringify({ __type: `com.amazonaws#${code}`, message: code })
          : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;
        return {
          status,
          headers: { 'content-type': json ? 'application/x-amz-json-1.1' : 'application/xml' },
          body: Buffer.from(asked.method === 'HEAD' ? '' : body),
        };
      }
    }
  });
  return {
    url: proxy.url,
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
    strike: (fault, times, matches) => {
      strikes.push({ fault, times, matches });
    },
    left: () => strikes.reduce((sum, one) => sum + one.times, 0),
    seen,
  };
}

/** @example operationOf of a DynamoDB request // 'PutItem' */
export function operationOf(asked: ProxiedRequest): string {
  const target = asked.headers['x-amz-target']?.split('.').at(-1);
  if (target !== undefined) return target;
  const url = new URL(asked.path, 'http://x');
  const flags = [...url.searchParams.keys()].filter((key) => /^(uploads|uploadId|list-type)$/.test(key));
  return [asked.method, ...flags].join(' ');
}
