import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { awsFailure } from '../aws-errors.ts';
import type { SourceListing } from '../trigger-ports.ts';

/** The current objects of a bucket with their ETags, page by page. */
export function s3Listing({
  client,
  bucket,
}: {
  readonly client: S3Client;
  readonly bucket: string;
}): SourceListing {
  return {
    async *list(prefix) {
      for (let token: string | undefined; ; ) {
        const page = await client
          .send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token }))
          .catch((error: unknown) => {
            throw awsFailure(error, 's3:ListBucket', `s3://${bucket}/${prefix}`);
          });
        for (const { Key: key, ETag: etag, Size: size, LastModified: modified } of page.Contents ?? []) {
          if (key === undefined || etag === undefined) continue;
          yield {
            key,
            etag: etag.replaceAll('"', ''),
            sizeBytes: size ?? 0,
            modifiedMs: modified?.getTime() ?? 0,
          };
        }
        token = page.NextContinuationToken;
        if (token === undefined) return;
      }
    },
  };
}
