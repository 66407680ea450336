import { decimalOf, fixedLengthOf } from './schema.ts';
import type { PartitionValue, PrimitiveType } from './types.ts';

/** An engine's text form of a value to this layer's (see values.ts); undefined when the text is not a finite value of the type. */
export function valueFromText(type: PrimitiveType, text: string): PartitionValue | undefined {
  switch (type) {
    case 'boolean':
      return /^(1|true)$/i.test(text) ? true : /^(0|false)$/i.test(text) ? false : undefined;
    case 'int':
      return /^-?\d+$/.test(text) ? Number(text) : undefined;
    case 'long':
      return /^-?\d+$/.test(text) ? BigInt(text) : undefined;
    case 'float':
    case 'double':
      return floating(text);
    case 'date':
      return dateDays(text);
    case 'time':
      return timeMicros(text);
    case 'timestamp':
    case 'timestamptz':
      return timestampMicros(text);
    case 'string':
      return text;
    case 'binary':
      return /^([0-9a-f]{2})*$/i.test(text) ? text.toLowerCase() : undefined;
    default: {
      const decimal = decimalOf(type);
      if (decimal !== undefined) return unscaled(text, decimal.scale);
      return /^([0-9a-f]{2})*$/i.test(text) && text.length === 2 * (fixedLengthOf(type) ?? 0)
        ? text.toLowerCase()
        : undefined;
    }
  }
}

function floating(text: string): number | undefined {
  if (/^-?inf(inity)?$/i.test(text))
    return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isNaN(value) ? undefined : value;
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar. */
function dateDays(text: string): number | undefined {
  const found = /^(\d{4,})-(\d\d)-(\d\d)( \(BC\))?$/.exec(text);
  if (found === null) return undefined;
  const [, year = '', month = '', day = '', era] = found;
  const date = new Date(0);
  date.setUTCFullYear(era === undefined ? Number(year) : 1 - Number(year), Number(month) - 1, Number(day));
  const days = date.getTime() / 86_400_000;
  return Number.isInteger(days) ? days : undefined;
}

function timeMicros(text: string): bigint | undefined {
  const found = /^(\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?$/.exec(text);
  if (found === null) return undefined;
  const [, hours = '', minutes = '', seconds = '', fraction = ''] = found;
  const whole = (Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds);
  return BigInt(whole) * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
}

/** Microseconds since the epoch; an offset behind the time is taken off. */
function timestampMicros(text: string): bigint | undefined {
  const found =
    /^(\d{4,}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?)(?:Z|([+-])(\d\d)(?::?(\d\d))?)?( \(BC\))?$/.exec(
      text,
    );
  if (found === null) return undefined;
  const [, date = '', time = '', sign, hours = '0', minutes = '0', era = ''] = found;
  const days = dateDays(`${date}${era}`);
  const micros = timeMicros(time);
  if (days === undefined || micros === undefined) return undefined;
  const offset = BigInt(Number(hours) * 60 + Number(minutes)) * 60_000_000n;
  return BigInt(days) * 86_400_000_000n + micros + (sign === '+' ? -offset : sign === '-' ? offset : 0n);
}

function unscaled(text: string, scale: number): bigint | undefined {
  const found = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text);
  if (found === null) return undefined;
  const [, sign = '', whole = '', fraction = ''] = found;
  if (`${whole}${fraction}` === '' || fraction.slice(scale).replace(/0+$/, '') !== '') return undefined;
  const digits = BigInt(`${whole}${fraction.slice(0, scale).padEnd(scale, '0')}` || '0');
  return sign === '-' ? -digits : digits;
}
