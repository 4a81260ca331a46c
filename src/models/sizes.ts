import { ConfigError } from "../core/errors.js";

/**
 * Checks a model's sizes.
 * @param divisible pairs of names: the first must be a multiple of the second
 * @throws ConfigError naming the model, the size and what was found
 */
export function checkSizes<Name extends string>(
  model: string,
  sizes: Readonly<Record<Name, number>>,
  divisible: readonly (readonly [NoInfer<Name>, NoInfer<Name>])[] = [],
): void {
  for (const name of Object.keys(sizes) as Name[]) {
    const size = sizes[name];
    if (!Number.isInteger(size) || size < 1) {
      throw new ConfigError(`${model}: ${name} must be a positive integer, found ${size}`);
    }
  }
  for (const [whole, part] of divisible) {
    if (sizes[whole] % sizes[part] !== 0) {
      throw new ConfigError(
        `${model}: ${whole} (${sizes[whole]}) must be divisible by ${part} (${sizes[part]})`,
      );
    }
  }
}
