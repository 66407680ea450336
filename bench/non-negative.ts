/**
 * Coefficients, none below zero, that bring `features` nearest to `target` in relative error. Large errors count by their size,
 * not by its square, so that one bad measurement bends nothing: least squares, weighted anew by the errors of the time before.
 * @param rows one per measurement: what is counted, and what was measured, above zero
 * @param reluctance per feature, default 0: where measurements can hardly tell two features apart, the other one is taken
 */
export function fitNonNegative(
  rows: readonly { readonly features: readonly number[]; readonly target: number }[],
  reluctance: readonly number[] = [],
): readonly number[] {
  const count = rows[0]?.features.length ?? 0;
  const scaled = rows.map(({ features, target }) => features.map((value) => value / target));
  const at = (row: readonly number[], index: number) => row[index] ?? 0;
  const sizes = Array.from({ length: count }, (_, index) =>
    Math.hypot(...scaled.map((row) => at(row, index))),
  );
  const units = scaled.map((row) => row.map((value, index) => value / (sizes[index] || 1)));
  const found = Array.from({ length: count }, () => 0);
  const predicted = (row: readonly number[]) =>
    row.reduce((sum, value, index) => sum + value * at(found, index), 0);
  for (let round = 0; round < 60; round += 1) {
    const weights = units.map((row) => 1 / Math.max(0.02, Math.abs(1 - predicted(row))));
    const total = weights.reduce((sum, weight) => sum + weight, 0) / Math.max(1, units.length);
    for (let step = 0; step < 400; step += 1) {
      for (let index = 0; index < count; index += 1) {
        let up = 0;
        let down = (reluctance[index] ?? 0) * total;
        for (const [no, row] of units.entries()) {
          const weight = at(weights, no);
          const value = at(row, index);
          up += weight * value * (1 - predicted(row) + value * at(found, index));
          down += weight * value * value;
        }
        found[index] = down === 0 ? 0 : Math.max(0, up / down);
      }
    }
  }
  return found.map((value, index) => value / (sizes[index] || 1));
}
