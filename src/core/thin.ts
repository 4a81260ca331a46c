/** At most `count` of some values, evenly chosen; the first and last stay. */
export function thin<Value>(values: readonly Value[], count: number): readonly Value[] {
  if (values.length <= count) return values;
  if (count < 2) return values.slice(values.length - count);
  return Array.from({ length: count }, (_, i) => values[Math.round((i * (values.length - 1)) / (count - 1))]);
}
