import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quickJava } from '../support/quick-java.ts';
import { openGlueGateway } from './glue-gateway.ts';
import { startServer } from './servers.ts';
import { isSetUp, paths } from './setup.ts';

export interface StandIns extends AsyncDisposable {
  readonly endpoints: {
    readonly s3: string;
    readonly dynamodb: string;
    readonly glue: string;
    readonly rest: string;
  };
}

/** What every client of the stand-ins signs with. */
export const credentials = { accessKeyId: 'partwise', secretAccessKey: 'partwise-secret' } as const;
export const region = 'us-east-1';

/** S3 (versitygw), DynamoDB Local, Glue (moto behind a gateway of ours) and Iceberg's REST catalog, empty, until disposed of. */
export async function startStandIns(): Promise<StandIns> {
  if (!isSetUp()) throw new Error('the stand-ins are not set up: npm run test:aws does it');
  await using started = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'partwise-stand-ins-'));
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const objects = join(folder, 'objects');
  await mkdir(objects);
  const [s3, dynamodb, moto, rest] = await Promise.all([
    startServer({
      name: 'versitygw',
      command: paths.versitygw,
      args: (port) => [
        '--access',
        credentials.accessKeyId,
        '--secret',
        credentials.secretAccessKey,
        '--region',
        region,
        '--quiet',
        '--port',
        `127.0.0.1:${port}`,
        'posix',
        objects,
      ],
    }),
    startServer({
      name: 'DynamoDB Local',
      command: 'java',
      env: quickJava,
      args: (port) => [
        `-Djava.library.path=${paths.dynamodb}`,
        '-Xmx512m',
        '-cp',
        `${paths.dynamodb}/*`,
        'software.amazon.dynamodb.services.local.main.ServerRunner',
        '-inMemory',
        '-disableTelemetry',
        '-port',
        String(port),
      ],
    }),
    startServer({
      name: 'moto',
      command: paths.motoServer,
      args: (port) => ['-H', '127.0.0.1', '-p', String(port)],
    }),
    startServer({
      name: 'the REST catalog',
      command: 'java',
      env: quickJava,
      args: (port) => [
        '-Xmx256m',
        '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
        '-cp',
        `${paths.rest}/*`,
        join(import.meta.dirname, 'RestCatalog.java'),
        String(port),
        `jdbc:sqlite:${join(folder, 'rest.db')}`,
        `file://${folder}/rest-warehouse`,
      ],
    }),
  ]);
  for (const server of [s3, dynamodb, moto, rest]) started.use(server);
  const glue = started.use(await openGlueGateway(moto.url));
  const running = started.move();
  return {
    endpoints: { s3: s3.url, dynamodb: dynamodb.url, glue: glue.url, rest: rest.url },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
