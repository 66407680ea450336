/**
 * Orders two versions of one object. Sequencers are hexadecimal texts of different lengths, compared after
 * padding the shorter on the right (https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html).
 */
export function isNewerSequencer(left: string, right: string): boolean {
  const width = Math.max(left.length, right.length);
  return left.toLowerCase().padEnd(width, '0') > right.toLowerCase().padEnd(width, '0');
}

/**
 * A sequencer for a version whose event never came: lists of a bucket have times only. S3's own sequencers have so far
 * begun with `00` and the seconds since 1970; should that change, such a version is still taken in, only its order
 * among versions of the same key is then unsure.
 *
 * @example sequencerOfTime(1_659_476_616_000) // '0062E99A88'
 */
export function sequencerOfTime(ms: number): string {
  return `00${Math.floor(ms / 1_000)
    .toString(16)
    .toUpperCase()
    .padStart(8, '0')}`;
}
