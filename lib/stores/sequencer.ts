/**
 * Orders two versions of one object. Sequencers are hexadecimal texts of different lengths, compared after
 * padding the shorter on the right (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
 */
export function isNewerSequencer(left: string, right: string): boolean {
  const width = Math.max(left.length, right.length);
  return left.toLowerCase().padEnd(width, '0') > right.toLowerCase().padEnd(width, '0');
}
