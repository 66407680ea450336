import { ConfigError } from '../../lib/errors.ts';

/** @throws ConfigError when the stack did not set it */
export function setting(name: string): string {
  const value = process.env[name];
  if (value !== undefined && value !== '') return value;
  throw new ConfigError(`the function's environment has no ${name}`, {
    safe: 'nothing was done; what has arrived waits',
    next: 'cdk deploy',
  });
}

/** @example bucketName('PARTWISE_STAGING') // 'a-bucket', when the variable is 's3://a-bucket' */
export function bucketName(variable: string): string {
  return setting(variable).replace(/^s3:\/\//, '');
}
