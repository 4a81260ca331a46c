/** Three significant digits, for JSON that people read. */
export function round(x: number): number {
  return Number(x.toPrecision(3));
}
