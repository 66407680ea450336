import {
  AccessDeniedError,
  NotSignedInError,
  PartwiseError,
  StoreMissingError,
  StoreUnavailableError,
} from '../errors.ts';

/** HTTP status of an SDK error; undefined when no answer came (or the answer was not understood). */
export function statusOf(error: unknown): number | undefined {
  const metadata = isRecord(error) ? error['$metadata'] : undefined;
  const status = isRecord(metadata) ? metadata['httpStatusCode'] : undefined;
  return typeof status === 'number' ? status : undefined;
}

/** How many requests the SDK sent before it gave up: more than one means that an earlier one may have had its effect. */
export function requestsOf(error: unknown): number {
  const metadata = isRecord(error) ? error['$metadata'] : undefined;
  const attempts = isRecord(metadata) ? metadata['attempts'] : undefined;
  return typeof attempts === 'number' ? attempts : 1;
}

export function isNamed(error: unknown, ...names: readonly string[]): boolean {
  return error instanceof Error && names.includes(error.name);
}

const throttles = [
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'ProvisionedThroughputExceededException',
  'OperationTimeoutException',
];

/** No answer, an answer of overload, or the service's own failure: the request may or may not have had its effect. */
export function isUnavailable(error: unknown): boolean {
  // Without credentials no request was sent.
  if (error instanceof PartwiseError || isNotSignedIn(error)) return false;
  const status = statusOf(error);
  return status === undefined || status >= 500 || status === 429 || isNamed(error, ...throttles);
}

const notSignedIn = [
  'CredentialsProviderError',
  'TokenProviderError',
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidAccessKeyId',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'InvalidToken',
  'MissingAuthenticationTokenException',
  'RequestExpired',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
];

/** Nobody is signed in, or with what is not (or no longer) good. */
function isNotSignedIn(error: unknown): boolean {
  return isNamed(error, ...notSignedIn);
}

function isDenied(error: unknown): boolean {
  return statusOf(error) === 403 || isNamed(error, 'AccessDenied', 'AccessDeniedException');
}

/** The named error of a failure that is nobody's race; other errors come back as they are. */
export function awsFailure(error: unknown, action: string, resource: string): unknown {
  if (error instanceof PartwiseError) return error;
  if (isNamed(error, ...missingStores)) return storeMissing(error, action, resource);
  if (isNotSignedIn(error)) {
    const said = error instanceof Error ? error.message : String(error);
    return new NotSignedInError(`not signed in to AWS: ${said}`, {
      cause: error,
      details: { action, resource },
      safe: 'nothing was changed by this call',
      next: 'sign in (aws sso login, or new keys), then the same again',
    });
  }
  if (isDenied(error)) {
    return new AccessDeniedError(`${action} on ${resource} is not allowed`, {
      cause: error,
      details: { action, resource },
      safe: 'nothing was changed by this call',
      next: `allow ${action} on ${resource} to the role of this function or person`,
    });
  }
  if (isUnavailable(error)) {
    const said = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    return new StoreUnavailableError(`${action} on ${resource} did not succeed: ${said}`, {
      cause: error,
      details: { action, resource, requests: requestsOf(error) },
      next: 'run the same again; if it stays so, look for throttling in the service’s metrics',
    });
  }
  return error;
}

/** S3 has no such bucket, DynamoDB no such table, Step Functions no such state machine, SQS no such queue. */
const missingStores = [
  'NoSuchBucket',
  'ResourceNotFoundException',
  'StateMachineDoesNotExist',
  'QueueDoesNotExist',
];

/** @example storeMissing(error, 's3:GetObject', 's3://bucket/key').message // 'bucket bucket does not exist (...)' */
export function storeMissing(error: unknown, action: string, resource: string): StoreMissingError {
  const bucket = /^s3:\/\/([^/]+)/.exec(resource)?.[1];
  const what =
    bucket !== undefined
      ? `bucket ${bucket}`
      : action.startsWith('dynamodb:')
        ? `table ${resource}`
        : resource;
  return new StoreMissingError(`${what} does not exist (${action} was asked for)`, {
    cause: error,
    details: { action, resource },
    safe: 'nothing was changed by this call',
    next: 'cdk deploy, which sets the names that the functions use; a bucket that was deleted must be made again by that name',
  });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
