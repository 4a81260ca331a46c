/** How the formats of quantised models lay out a matrix: its codes, and what lies beside them. */
interface Packing {
  readonly by: string;
  /** The end of a tensor's name that holds codes. */
  readonly codes: string;
  /** Ends of names, put in the place of `codes`: any of them tells the format. */
  readonly beside: readonly string[];
}

const PACKINGS: readonly Packing[] = [
  ...[".qweight", ".qzeros", ".g_idx"].map((codes) => ({
    by: "GPTQ or AWQ (.qweight, .qzeros, .scales)",
    codes,
    beside: codes === ".qweight" ? [".scales", ".qzeros"] : [".qweight"],
  })),
  {
    by: "bitsandbytes (.absmax, .quant_map)",
    codes: "",
    beside: [".absmax", ".quant_map", ".quant_state.bitsandbytes__nf4", ".quant_state.bitsandbytes__fp4"],
  },
  { by: "bitsandbytes (.SCB)", codes: ".weight", beside: [".SCB", ".weight_format"] },
  { by: "MXFP4 (_blocks, _scales)", codes: "_blocks", beside: ["_scales"] },
  { by: "MXFP4 (_blocks, _scales)", codes: "_scales", beside: ["_blocks"] },
  { by: "MLX (.scales, .biases)", codes: ".weight", beside: [".scales"] },
  {
    by: "compressed-tensors (.weight_packed, .weight_scale)",
    codes: ".weight_packed",
    beside: [".weight_scale", ".weight_shape"],
  },
  { by: "HQQ (.W_q)", codes: ".W_q", beside: [".scale", ".zero", ".meta", ".nbits"] },
  { by: "quanto (._data, ._scale)", codes: "._data", beside: ["._scale"] },
  {
    by: "a format with scales beside them (_scale)",
    codes: "",
    beside: ["_scale", "_scale_inv", "_scale_2"],
  },
];

/** Which format's codes a tensor of integers holds, by the names beside it; undefined where none is known by them. */
export function packedBy(name: string, names: ReadonlySet<string>): string | undefined {
  return PACKINGS.find(
    ({ codes, beside }) =>
      name.endsWith(codes) &&
      beside.some((end) => names.has(name.slice(0, name.length - codes.length) + end)),
  )?.by;
}

/** The tensor of scales that a matrix of eight-bit floats has to be multiplied with; undefined if there is none. */
export function scaleBeside(name: string, names: ReadonlySet<string>): string | undefined {
  const stem = name.replace(/\.weight$/, "");
  return [
    `${name}_scale_inv`,
    `${name}_scale`,
    `${stem}.scale_weight`,
    `${stem}.scales`,
    `${name}.scale`,
  ].find((scale) => scale !== name && names.has(scale));
}
