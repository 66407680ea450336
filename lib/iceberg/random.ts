import { randomBytes } from 'node:crypto';

/** Injected randomness: uuids and snapshot ids are made of it. */
export interface Random {
  bytes(length: number): Uint8Array;
}

export const systemRandom: Random = { bytes: (length) => randomBytes(length) };

/** A version 4 UUID. */
export function uuid(random: Random): string {
  const bytes = Uint8Array.from(random.bytes(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** A positive 63-bit id that is not taken. */
export function newSnapshotId(random: Random, taken: (id: bigint) => boolean): bigint {
  for (;;) {
    const id = Buffer.from(random.bytes(8)).readBigUInt64BE() & 0x7fff_ffff_ffff_ffffn;
    if (id > 0n && !taken(id)) return id;
  }
}
