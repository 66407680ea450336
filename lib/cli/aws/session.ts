import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configDigest, type Deployment, type PipelineConfig } from '../../config/index.ts';
import { RunCancelledError } from '../../errors.ts';
import { openAwsWorld } from '../../run/aws-world.ts';
import { openAwsClients } from '../../stores/aws-clients.ts';
import type { CatalogPointer } from '../../stores/ports.ts';
import { s3Listing } from '../../stores/s3/listing.ts';
import { type ExecutionControl, sfnControl } from '../../stores/sfn-control.ts';
import { sendMessage } from '../../stores/sqs-messages.ts';
import type { SourceListing } from '../../stores/trigger-ports.ts';
import type { CommandContext } from '../command.ts';
import { loadChosenPipeline } from '../pipeline.ts';
import type { Session } from '../session.ts';
import { connect, findDeployment } from './connection.ts';

/** A deployed pipeline as a person's process sees it. */
export interface AwsSession extends Session {
  readonly pipeline: string;
  /** Of the pipeline file here. */
  readonly config: PipelineConfig;
  readonly deployment: Deployment;
  /** Whether the file here is the one that was deployed. */
  readonly isSameConfig: boolean;
  readonly executions: ExecutionControl;
  readonly listing: SourceListing;
  /** Puts a message into the pipeline's queue. */
  send(message: Readonly<Record<string, unknown>>): Promise<void>;
}

/**
 * Finds the pipeline on AWS and opens its stores. Fetched files and spill go to a folder below the system's folder for
 * temporary files, which is removed with the session.
 * @throws NotDeployedError, NotSignedInError, AccessDeniedError, UsageError
 */
export async function openAwsSession(context: CommandContext): Promise<AwsSession> {
  const { flags, environment } = context;
  if (environment.signal.aborted) throw new RunCancelledError('stopped before anything was begun');
  const { config, path } = await loadChosenPipeline(context);
  const { pipeline } = config;
  await using opened = new AsyncDisposableStack();
  const connection = opened.use(await connect(context));
  const deployment = await findDeployment(connection, pipeline, environment.variables);
  const isSameConfig =
    deployment.configDigest === undefined || deployment.configDigest === configDigest(config);
  if (!isSameConfig) context.output.note(`${path} is not what is deployed; for runs what is deployed counts`);
  const workRoot = await mkdtemp(join(tmpdir(), 'partwise-aws-'));
  opened.defer(() => rm(workRoot, { recursive: true, force: true }));
  const { clients, region, endpoints } = connection;
  const reach = { region, endpoints, credentials: clients.credentials };
  const threads = flags.number('threads');
  const memoryBytes = flags.number('memory');
  const world = opened.use(
    await openAwsWorld({
      ...reach,
      staging: { bucket: deployment.staging },
      warehouse: { bucket: deployment.warehouse },
      results: { bucket: deployment.results },
      stateTable: deployment.stateTable,
      workRoot,
      clock: { now: environment.now },
      ...(threads === undefined ? {} : { threads }),
      ...(memoryBytes === undefined ? {} : { memoryBytes }),
    }),
  );
  const { s3 } = opened.use(openAwsClients(reach));
  const kept = opened.move();
  return {
    world: { ...world, catalog: within(world.catalog, config.tables.namespace) },
    pipeline,
    config,
    deployment,
    isSameConfig,
    executions: sfnControl({ client: clients.sfn, stateMachineArn: deployment.stateMachine }),
    listing: s3Listing({ client: s3, bucket: deployment.staging }),
    send: (message) => sendMessage({ client: clients.sqs, queueUrl: deployment.queue }, message),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** The account's catalog may hold thousands of databases; this is about the pipeline's own. */
function within(catalog: CatalogPointer, namespace: string): CatalogPointer {
  return { ...catalog, list: (named) => catalog.list(named ?? namespace) };
}
