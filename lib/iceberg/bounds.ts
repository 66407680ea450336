import { valueFromText } from './text-values.ts';
import type { PrimitiveType } from './types.ts';
import { bytesToHex, hexToBytes, singleValueToBytes } from './values.ts';

/** Column bounds of data files, https://iceberg.apache.org/spec/#data-file-fields: what they say must hold, they may say less. */

const boundLength = 16;

/** Lower bound of a column from the engine's minimum; undefined when nothing safe can be said. */
export function lowerBound(type: PrimitiveType, minimum: string): Uint8Array | undefined {
  if (type === 'string') return singleValueToBytes(type, lowerText(minimum));
  const value = valueFromText(type, minimum);
  if (value === undefined || value === null) return undefined;
  if (type === 'binary') return singleValueToBytes(type, String(value).slice(0, 2 * boundLength));
  // A stored -0.0 may hide behind a minimum of 0.
  return singleValueToBytes(type, value === 0 && (type === 'float' || type === 'double') ? -0 : value);
}

export function upperBound(type: PrimitiveType, maximum: string): Uint8Array | undefined {
  if (type === 'string') {
    const text = upperText(maximum);
    return text === undefined ? undefined : singleValueToBytes(type, text);
  }
  const value = valueFromText(type, maximum);
  if (value === undefined || value === null) return undefined;
  if (type === 'binary') {
    const bytes = upperBytes(hexToBytes(String(value)));
    return bytes === undefined ? undefined : singleValueToBytes(type, bytesToHex(bytes));
  }
  return singleValueToBytes(type, value === 0 && (type === 'float' || type === 'double') ? 0 : value);
}

/** The first 16 code points. */
export function lowerText(text: string): string {
  return firstCodePoints(text)?.join('') ?? text;
}

/** The text itself, or a short one that is not below any text with its first 16 code points; undefined when there is none. */
export function upperText(text: string): string | undefined {
  const points = firstCodePoints(text);
  if (points === undefined) return text;
  for (let length = points.length; length > 0; length -= 1) {
    const next = nextCodePoint(points[length - 1] ?? '');
    if (next !== undefined) return points.slice(0, length - 1).join('') + next;
  }
  return undefined;
}

/** undefined when the text is short enough to stand whole. */
function firstCodePoints(text: string): string[] | undefined {
  if (text.length <= boundLength) return undefined;
  const points: string[] = [];
  let units = 0;
  for (const point of text) {
    if (points.length === boundLength) break;
    points.push(point);
    units += point.length;
  }
  return units === text.length ? undefined : points;
}

/** Surrogates are no characters of their own: the successor of U+D7FF is U+E000. */
function nextCodePoint(point: string): string | undefined {
  const next = (point.codePointAt(0) ?? 0) + 1;
  if (next > 0x10ffff) return undefined;
  return String.fromCodePoint(next >= 0xd800 && next <= 0xdfff ? 0xe000 : next);
}

function upperBytes(bytes: Uint8Array): Uint8Array | undefined {
  if (bytes.length <= boundLength) return bytes;
  for (let length = boundLength; length > 0; length -= 1) {
    const last = bytes[length - 1] ?? 0xff;
    if (last === 0xff) continue;
    const cut = bytes.slice(0, length);
    cut[length - 1] = last + 1;
    return cut;
  }
  return undefined;
}
