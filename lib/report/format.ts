/** Numbers, sizes, times and values as people read them. No locale: the same input gives the same bytes everywhere. */

/** @example count(12043) // '12,043' */
export function count(value: number | bigint): string {
  return String(value).replace(
    /^(-?\d+)(.*)$/,
    (_, whole: string, rest: string) => whole.replace(/\B(?=(\d{3})+$)/g, ',') + rest,
  );
}

/** Decimal units, three significant digits. @example bytes(1234567) // '1.23 MB' */
export function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];
  let scaled = value;
  let unit = 0;
  while (Math.abs(scaled) >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? String(Math.round(scaled)) : threeDigits(scaled)} ${units[unit] ?? ''}`;
}

/** @example duration(93500) // '1 min 34 s' */
export function duration(elapsedMs: number): string {
  if (elapsedMs < 1000) return `${Math.max(0, Math.round(elapsedMs))} ms`;
  if (elapsedMs < 59_950) return `${threeDigits(elapsedMs / 1000)} s`;
  const seconds = Math.round(elapsedMs / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

/** @example plural(1, 'file') // '1 file' */
export function plural(value: number, noun: string, many = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : many}`;
}

/** UTC, seconds. @example instant(0) // '1970-01-01 00:00:00Z' */
export function instant(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19).replace('T', ' ')}Z`;
}

function threeDigits(value: number): string {
  const digits = Math.abs(value) >= 99.95 ? 0 : Math.abs(value) >= 9.995 ? 1 : 2;
  return value
    .toFixed(digits)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');
}

/** Text that cannot move the cursor, colour the screen or break a line, whatever the data holds. */
export function printable(value: string): string {
  return value.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    if (character === '\n') return '\\n';
    if (character === '\t') return '\\t';
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}
