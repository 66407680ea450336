import { expect, test } from 'vitest';
import { growingPartSize, partSize } from '../../lib/stores/s3/parts.ts';

const [mebibyte, gibibyte, tebibyte] = [2 ** 20, 2 ** 30, 2 ** 40];
/** What S3 takes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const s3 = { parts: 10_000, partBytes: 5 * gibibyte, objectBytes: 5 * tebibyte };
const preferred = 8 * mebibyte;

test('10,000 parts are enough for any file whose size is known, also roughly', () => {
  for (const size of [0, 1, 80 * gibibyte, tebibyte, s3.objectBytes - 1, s3.objectBytes]) {
    const part = partSize(size, preferred);
    expect(Math.ceil(size / part)).toBeLessThanOrEqual(s3.parts);
    expect(part).toBeGreaterThanOrEqual(preferred);
    expect(part).toBeLessThanOrEqual(s3.partBytes);
  }
});

test('10,000 parts are enough for any stream, and no part is larger than S3 takes', () => {
  let total = 0;
  for (let number = 1; number <= s3.parts; number += 1) total += growingPartSize(number, preferred);
  expect(total).toBeGreaterThanOrEqual(s3.objectBytes);
  expect(growingPartSize(s3.parts, preferred)).toBeLessThanOrEqual(s3.partBytes);
});
