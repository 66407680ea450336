import { UsageError } from '../errors.ts';

const factors: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, B: 1e9, T: 1e12 };

/**
 * A count as people write large ones.
 *
 * @example parseQuantity('100B', 'rows') // 100_000_000_000
 * @throws UsageError
 */
export function parseQuantity(text: string, flag: string): number {
  const match = /^(\d[\d_,]*(?:\.\d+)?)([KMBT]?)$/i.exec(text.trim());
  const value =
    Number((match?.[1] ?? '').replaceAll(/[_,]/g, '')) * (factors[(match?.[2] ?? '').toUpperCase()] ?? 0);
  if (match === null || !Number.isFinite(value) || value < 1)
    throw new UsageError(
      `--${flag} ${text} is no count; allowed: whole numbers, also with K, M, B or T, such as 300M`,
    );
  return Math.round(value);
}
