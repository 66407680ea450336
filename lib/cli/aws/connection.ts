import { type Deployment, deploymentParameter, parseDeployment } from '../../config/index.ts';
import {
  AccessDeniedError,
  NotDeployedError,
  NotSignedInError,
  StoreUnavailableError,
  UsageError,
} from '../../errors.ts';
import { type ControlClients, openControlClients } from '../../stores/aws-control-clients.ts';
import { readParameter } from '../../stores/ssm-parameter.ts';
import type { CommandContext } from '../command.ts';
import { shellWord } from '../spelling.ts';

type Variables = Readonly<Record<string, string | undefined>>;

export interface Connection extends Disposable {
  readonly clients: ControlClients;
  readonly region: string;
  readonly profile: string | undefined;
  /** Other addresses of services, by the SDK's own variables (`AWS_ENDPOINT_URL_S3`, …). */
  readonly endpoints: Partial<Readonly<Record<Service, string>>>;
}

const services = ['s3', 'dynamodb', 'glue', 'sfn', 'sqs', 'ssm'] as const;
type Service = (typeof services)[number];

/** Who asks and where, by flag, else by the SDK's variables and files. Sends nothing yet. @throws UsageError without a region */
export async function connect({ flags, environment }: CommandContext): Promise<Connection> {
  const { variables } = environment;
  const profile = flags.text('profile') ?? variables['AWS_PROFILE'];
  const given = flags.text('region') ?? variables['AWS_REGION'] ?? variables['AWS_DEFAULT_REGION'];
  const endpoints = endpointsOf(variables);
  const clients = openControlClients({
    endpoints,
    ...(given === undefined ? {} : { region: given }),
    ...(profile === undefined ? {} : { profile }),
  });
  const region =
    given ??
    (await clients.region().catch((cause: unknown) => {
      clients[Symbol.dispose]();
      throw new UsageError(
        profile === undefined
          ? 'which region of AWS? Neither --region nor AWS_REGION says'
          : `which region of AWS? Profile ${profile} has none, or there is no such profile`,
        {
          cause,
          safe: 'nothing was done',
          next: 'the same with --region REGION; aws configure list-profiles names the profiles',
        },
      );
    }));
  return { clients, region, profile, endpoints, [Symbol.dispose]: () => clients[Symbol.dispose]() };
}

function endpointsOf(variables: Variables): Connection['endpoints'] {
  return Object.fromEntries(
    services.flatMap((service) => {
      const url =
        variables[`AWS_ENDPOINT_URL_${service.toUpperCase()}`] ?? variables['AWS_ENDPOINT_URL'] ?? '';
      return url === '' ? [] : [[service, url]];
    }),
  );
}

/**
 * Where the pipeline lives: as its stack's parameter says, or, name by name, as the environment says with the variables
 * that the functions have too.
 * @throws NotDeployedError, NotSignedInError, AccessDeniedError, StoreUnavailableError
 */
export async function findDeployment(
  connection: Connection,
  pipeline: string,
  variables: Variables,
): Promise<Deployment> {
  const said = namesIn(variables);
  const isAllSaid = Object.values(said).every((name) => name !== undefined);
  const text = isAllSaid ? undefined : await askedParameter(connection, pipeline);
  const found = text === undefined ? undefined : parseDeployment(text);
  if (found === undefined && !isAllSaid) {
    throw text === undefined
      ? notDeployed(connection, pipeline)
      : new NotDeployedError(
          `${deploymentParameter(pipeline)} in ${connection.region} is not of a form that this version knows`,
          { safe: 'nothing was done', next: 'npx cdk deploy --all, or the version that deployed it' },
        );
  }
  const names = Object.fromEntries(Object.entries(said).filter(([, name]) => name !== undefined));
  return { version: 1, pipeline, ...found, ...names } as Deployment;
}

function namesIn(variables: Variables) {
  const bucket = (name: string) => variables[name]?.replace(/^s3:\/\//, '');
  return {
    stateMachine: variables['PARTWISE_STATE_MACHINE'],
    queue: variables['PARTWISE_QUEUE'],
    stateTable: variables['PARTWISE_STATE_TABLE'],
    staging: bucket('PARTWISE_STAGING'),
    warehouse: bucket('PARTWISE_WAREHOUSE'),
    results: bucket('PARTWISE_RESULTS'),
  };
}

function notDeployed({ region, profile }: Connection, pipeline: string): NotDeployedError {
  const whose = profile === undefined ? '' : ` in the account of profile ${profile}`;
  return new NotDeployedError(`pipeline ${pipeline} is not deployed in ${region}${whose}`, {
    safe: 'nothing was done',
    next: 'the same with the --region and --profile of its stack, or npx cdk deploy --all',
  });
}

/** The first request of a command: what goes wrong here is told in terms of what was typed. */
async function askedParameter(connection: Connection, pipeline: string): Promise<string | undefined> {
  const { region, profile } = connection;
  const name = deploymentParameter(pipeline);
  try {
    return await readParameter(connection.clients.ssm, name);
  } catch (error) {
    const safe = 'nothing was done';
    const cause = error;
    if (error instanceof NotSignedInError)
      throw new NotSignedInError(error.message, { cause, safe, next: signIn(error.message, profile) });
    if (error instanceof AccessDeniedError)
      throw new AccessDeniedError(`${error.message}, so the pipeline cannot be found`, {
        cause,
        details: error.details,
        safe,
        next: 'ask for the rights of docs/aws/iam.md, or use --profile of somebody who has them',
      });
    if (error instanceof StoreUnavailableError && error.message.includes('ENOTFOUND'))
      throw new StoreUnavailableError(`AWS cannot be reached in ${region}: ${error.message}`, {
        cause,
        safe,
        next: `is ${region} a region, and is there a network? Then the same again`,
      });
    throw error;
  }
}

function signIn(message: string, profile: string | undefined): string {
  const as = profile === undefined ? '' : ` --profile ${shellWord(profile)}`;
  if (/sso/i.test(message)) return `aws sso login${as}`;
  return profile === undefined
    ? 'the same with --profile PROFILE; aws configure list-profiles names them, aws configure sso makes one'
    : `aws sts get-caller-identity${as} tells whether the profile is good; aws configure list-profiles names them`;
}
