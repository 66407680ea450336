/** Sizes and durations as people write them in a pipeline. Sizes are decimal: 1 KB is 1,000 bytes. */

const byteUnits = { KB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 } as const;
const durationUnits = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export const byteSizePattern = /^(\d+(?:\.\d+)?)\s?(KB|MB|GB|TB)$/;
export const durationPattern = /^(\d+)(ms|s|m|h|d)$/;

/**
 * @example parseByteSize('1.5 GB') // 1_500_000_000
 * @throws TypeError for any other text; the schema lets none through
 */
export function parseByteSize(size: string): number {
  const match = byteSizePattern.exec(size);
  if (match === null) throw new TypeError(`not a size: ${size}`);
  return Math.floor(Number(match[1]) * byteUnits[match[2] as keyof typeof byteUnits]);
}

/**
 * Milliseconds of a duration.
 *
 * @example parseDurationMs('7d') // 604_800_000
 * @throws TypeError for any other text; the schema lets none through
 */
export function parseDurationMs(duration: string): number {
  const match = durationPattern.exec(duration);
  if (match === null) throw new TypeError(`not a duration: ${duration}`);
  return Number(match[1]) * durationUnits[match[2] as keyof typeof durationUnits];
}
