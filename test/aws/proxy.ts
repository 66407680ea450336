import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';

export interface ProxiedRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

export interface ProxiedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** The connection breaks after the body, which the headers say is longer. */
  readonly breaksOff?: boolean;
}

/** What becomes of a request: `undefined` closes the connection without an answer. */
export type Handler = (
  asked: ProxiedRequest,
  forward: (asked: ProxiedRequest) => Promise<ProxiedAnswer>,
) => Promise<ProxiedAnswer | undefined>;

export interface HttpProxy extends AsyncDisposable {
  readonly url: string;
}

/** An HTTP server in front of another one. Headers pass as they are, so signatures stay good. */
export async function openProxy(target: string, handler: Handler): Promise<HttpProxy> {
  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => outgoing.destroy());
  });
  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const asked: ProxiedRequest = {
      method: incoming.method ?? 'GET',
      path: incoming.url ?? '/',
      headers: incoming.headers as Record<string, string | undefined>,
      body: await bytesOf(incoming),
    };
    const answer = await handler(asked, (changed) => forward(target, changed));
    if (answer === undefined) {
      outgoing.destroy();
      return;
    }
    const { 'transfer-encoding': _chunked, ...headers } = answer.headers;
    const length = asked.method === 'HEAD' ? {} : { 'content-length': String(answer.body.length) };
    if (answer.breaksOff === true) {
      outgoing.writeHead(answer.status, headers);
      outgoing.write(answer.body, () => outgoing.destroy());
      return;
    }
    outgoing.writeHead(answer.status, { ...headers, ...length });
    outgoing.end(answer.body);
  }
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return {
    url: `http://127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function forward(target: string, asked: ProxiedRequest): Promise<ProxiedAnswer> {
  const { hostname, port } = new URL(target);
  return new Promise((resolve, reject) => {
    const outgoing = request(
      { hostname, port, method: asked.method, path: asked.path, headers: { ...asked.headers } },
      (incoming) => {
        bytesOf(incoming).then(
          (body) => resolve({ status: incoming.statusCode ?? 502, headers: incoming.headers, body }),
          reject,
        );
      },
    );
    outgoing.once('error', reject);
    outgoing.end(asked.body);
  });
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
