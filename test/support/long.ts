/**
 * How often a loop of a test runs: `count`, or more where SPECTRAL_LONG, a factor, asks for it (`npm run test:long`).
 */
export function times(count: number): number {
  return Math.max(1, Math.round(count * Number(process.env.SPECTRAL_LONG || 1)));
}
