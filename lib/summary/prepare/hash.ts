import type { TargetColumn } from '../../config/types.ts';
import { identifier } from '../../engine/sql.ts';

/**
 * SQL of the 64-bit hash of a record: the first eight bytes, little-endian and signed, of the MD5 of a canonical text
 * of all its columns in table order. Per column: `-` for NULL, else the length of the value's text in bytes, `:`, and
 * that text. Texts are the same in every engine: decimal digits for numbers, `true`/`false`, `YYYY-MM-DD`,
 * microseconds since 1970 for timestamps, and four exact integer limbs for doubles, whose printed text is not.
 * Equal records have equal hashes, whatever file format they came in.
 */
export function recordHash(columns: readonly TargetColumn[]): string {
  const parts = columns.map((column) => {
    const value = canonicalText(column);
    return `coalesce(strlen(${value}) || ':' || ${value}, '-')`;
  });
  return signed(`md5_number_upper(concat(${parts.join(', ')}))`);
}

/** An unsigned 64-bit value as the signed one of the same bits. */
function signed(unsigned: string): string {
  return `CAST(CAST(${unsigned} AS HUGEINT) - CASE WHEN ${unsigned} >= 9223372036854775808 THEN 18446744073709551616 ELSE 0 END AS BIGINT)`;
}

function canonicalText({ name, type }: TargetColumn): string {
  const value = identifier(name);
  switch (type) {
    case 'string':
    case 'month':
      return value;
    case 'timestamp':
      return `CAST(epoch_us(${value}) AS VARCHAR)`;
    case 'double':
      return doubleText(value);
    default:
      return `CAST(${value} AS VARCHAR)`;
  }
}

/**
 * `x = a*2^53 + b + c*2^-53 + d*2^-106` with integers a to d; of its sign; each step is exact in IEEE arithmetic, so no two
 * doubles of ordinary size share a text and every engine computes the same one. Sizes beyond 2^106 saturate.
 */
function doubleText(value: string): string {
  const clamped = `greatest(least(${value}, 8e31), -8e31)`;
  const a = `trunc(${clamped} / 9007199254740992)`;
  const afterA = `(${clamped} - ${a} * 9007199254740992)`;
  const b = `trunc(${afterA})`;
  const afterB = `((${afterA} - ${b}) * 9007199254740992)`;
  const c = `trunc(${afterB})`;
  const d = `trunc((${afterB} - ${c}) * 9007199254740992)`;
  return [a, b, c, d].map((limb) => `CAST(CAST(${limb} AS BIGINT) AS VARCHAR)`).join(` || ',' || `);
}
