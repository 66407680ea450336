/** Names that a pipeline may not use for its own columns: rows carry them for other reasons, or the engine gives them. */
const reserved = new Set([
  ...['changed_run', 'bucket', 'month_no', 'is_delete', 'rec_hash'],
  ...['filename', 'file_row_number', 'rowid'],
]);

/** Whether a column name is the product's own: `pw_…`, `changed_run` and the columns of prepared rows. */
export function isReservedColumnName(name: string): boolean {
  const lower = name.toLowerCase();
  return lower.startsWith('pw_') || reserved.has(lower);
}

export const reservedNames = `pw_…, ${[...reserved].join(', ')}`;

/** Name of the array column of a history entry. */
export function historyColumnName(name: string): string {
  return `${name}_history`;
}

/**
 * The candidate nearest to a mistyped word, when it is near enough to be meant.
 *
 * @example nearest('colums', ['columns', 'key']) // 'columns'
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(word.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  const allowed = Math.min(word.length - 1, Math.max(1, Math.floor(word.length / 3)));
  return best !== undefined && best.distance <= allowed ? best.candidate : undefined;
}

/** Insertions, deletions, replacements and swaps of neighbours, each counting one. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          at(i - 1, j) + 1,
          at(i, j - 1) + 1,
          at(i - 1, j - 1) + same,
          swapped ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
  }
  return at(a.length, b.length);
}
