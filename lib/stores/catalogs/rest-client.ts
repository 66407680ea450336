import { SignatureV4 } from '@smithy/signature-v4';
import { parseJson, stringifyJson } from '../../iceberg/json.ts';
import { Sha256 } from '../sha256.ts';

interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export type RestAuth =
  | { readonly kind: 'none' }
  /** OAuth2 or another token; asked for before each request, so that it may be renewed. */
  | { readonly kind: 'bearer'; readonly token: () => Promise<string> }
  /** AWS endpoints: service `glue` or `s3tables`. */
  | {
      readonly kind: 'sigv4';
      readonly region: string;
      readonly service: string;
      readonly credentials: SigningCredentials | (() => Promise<SigningCredentials>);
    };

export interface RestClientOptions {
  /** Without `/v1`, e.g. `https://glue.eu-west-1.amazonaws.com/iceberg`. */
  readonly uri: string;
  /** Given to `/v1/config`; what it names is the server's affair. */
  readonly warehouse?: string;
  readonly auth?: RestAuth;
  /** A request without an answer is given up after so long. Default 30 s. */
  readonly requestTimeoutMs?: number;
}

/** An answer that is not a success; also of a request that got none (`status` undefined). */
class RestError extends Error {
  override readonly name = 'RestError';
  readonly $metadata: { readonly httpStatusCode?: number };

  constructor(message: string, status: number | undefined, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.$metadata = status === undefined ? {} : { httpStatusCode: status };
  }
}

export interface RestClient {
  /**
   * `path` is below the catalog's prefix and already encoded. Sent once: what may be repeated the caller decides.
   * @throws RestError
   */
  send(method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<Record<string, unknown>>;
}

/** Speaks https://github.com/apache/iceberg/blob/main/open-api/rest-catalog-open-api.yaml. */
export function openRestClient(options: RestClientOptions): RestClient {
  const base = options.uri.replace(/\/+$/, '');
  const auth = options.auth ?? { kind: 'none' };
  let prefix: Promise<string> | undefined;

  async function exchange(method: string, url: URL, body: unknown): Promise<Record<string, unknown>> {
    const text = body === undefined ? undefined : stringifyJson(body);
    const headers = {
      accept: 'application/json',
      ...(text === undefined ? {} : { 'content-type': 'application/json' }),
    };
    let answer: Response;
    let said: string;
    try {
      answer = await fetch(url, {
        method,
        headers: await authorised(auth, method, url, headers, text),
        ...(text === undefined ? {} : { body: text }),
        signal: AbortSignal.timeout(options.requestTimeoutMs ?? 30_000),
      });
      said = await answer.text();
    } catch (cause) {
      throw new RestError(`no answer to ${method} ${url.pathname}`, undefined, cause);
    }
    if (!answer.ok)
      throw new RestError(`${method} ${url.pathname}: ${answer.status} ${messageOf(said)}`, answer.status);
    return said === '' ? {} : (parseJson(said) as Record<string, unknown>);
  }

  /** The server may keep several catalogs and say below which path ours is. */
  function prefixPath(): Promise<string> {
    prefix ??= (async () => {
      const url = new URL(`${base}/v1/config`);
      if (options.warehouse !== undefined) url.searchParams.set('warehouse', options.warehouse);
      const { overrides, defaults } = (await exchange('GET', url, undefined)) as {
        overrides?: { prefix?: string };
        defaults?: { prefix?: string };
      };
      const found = overrides?.prefix ?? defaults?.prefix;
      return found === undefined ? '' : `/${found}`;
    })().catch((error: unknown) => {
      prefix = undefined;
      throw error;
    });
    return prefix;
  }

  return {
    send: async (method, path, body) =>
      exchange(method, new URL(`${base}/v1${await prefixPath()}${path}`), body),
  };
}

async function authorised(
  auth: RestAuth,
  method: string,
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string | undefined,
): Promise<Record<string, string>> {
  switch (auth.kind) {
    case 'none':
      return { ...headers };
    case 'bearer':
      return { ...headers, authorization: `Bearer ${await auth.token()}` };
    case 'sigv4': {
      const signer = new SignatureV4({
        region: auth.region,
        service: auth.service,
        credentials: auth.credentials,
        sha256: Sha256,
      });
      const signed = await signer.sign({
        method,
        protocol: url.protocol,
        hostname: url.hostname,
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: { ...headers, host: url.host },
        ...(body === undefined ? {} : { body }),
      });
      const { host: _host, ...sent } = signed.headers;
      return sent;
    }
  }
}

function messageOf(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { type?: string; message?: string } };
    return `${error?.type ?? ''} ${error?.message ?? text}`.trim().slice(0, 1_000);
  } catch {
    return text.slice(0, 1_000);
  }
}
