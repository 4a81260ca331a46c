/** How the bits of a floating-point type of at most 16 bits are read. */
interface Layout {
  readonly exponentBits: number;
  readonly fractionBits: number;
  readonly bias: number;
  /**
   * What the topmost codes stand for: "ieee": infinity and NaN; "finite": numbers, and NaN where all bits are set;
   * "unsigned zero": numbers, and NaN in place of -0.
   */
  readonly special: "ieee" | "finite" | "unsigned zero";
}

const LAYOUTS = {
  F16: { exponentBits: 5, fractionBits: 10, bias: 15, special: "ieee" },
  F8_E5M2: { exponentBits: 5, fractionBits: 2, bias: 15, special: "ieee" },
  F8_E4M3: { exponentBits: 4, fractionBits: 3, bias: 7, special: "finite" },
  F8_E5M2FNUZ: { exponentBits: 5, fractionBits: 2, bias: 16, special: "unsigned zero" },
  F8_E4M3FNUZ: { exponentBits: 4, fractionBits: 3, bias: 8, special: "unsigned zero" },
} as const satisfies Record<string, Layout>;

/** A type whose values are looked up in a table of all its codes. */
export type SmallFloat = keyof typeof LAYOUTS;

const tables = new Map<SmallFloat, Float32Array>();

/** The value of every code of a type; all are exact in float32. */
export function valuesOf(type: SmallFloat): Float32Array {
  let table = tables.get(type);
  if (table === undefined) {
    const layout: Layout = LAYOUTS[type];
    table = new Float32Array(2 ** (1 + layout.exponentBits + layout.fractionBits));
    for (let code = 0; code < table.length; code++) table[code] = valueOf(code, layout);
    tables.set(type, table);
  }
  return table;
}

function valueOf(code: number, { exponentBits, fractionBits, bias, special }: Layout): number {
  const scale = 2 ** fractionBits;
  const fraction = code % scale;
  const topmost = 2 ** exponentBits - 1;
  const exponent = Math.floor(code / scale) % (topmost + 1);
  const negative = code >= scale * (topmost + 1);
  const sign = negative ? -1 : 1;
  if (special === "unsigned zero" && negative && exponent === 0 && fraction === 0) return NaN;
  if (exponent === topmost) {
    if (special === "ieee") return fraction === 0 ? sign * Infinity : NaN;
    if (special === "finite" && fraction === scale - 1) return NaN;
  }
  if (exponent === 0) return sign * (fraction / scale) * 2 ** (1 - bias); // zero and subnormal
  return sign * (1 + fraction / scale) * 2 ** (exponent - bias);
}
