import { writeFileSync } from "node:fs";

/** A tensor as its header entry and bytes. */
export interface ForeignTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** A safetensors file of header text and data, as a foreign writer might make it. */
export function foreignBytes(header: string, data: Uint8Array = new Uint8Array(0)): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([length, Buffer.from(header), data]);
}

/** Writes tensors of any type, in their order. */
export function writeForeign(path: string, tensors: Readonly<Record<string, ForeignTensor>>): void {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => {
    const offsets = [end, (end += bytes.length)];
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: offsets })}`;
  });
  const data = Object.values(tensors).map(({ bytes }) => bytes);
  writeFileSync(path, foreignBytes(`{${entries.join(",")}}`, Buffer.concat(data)));
}

const bytesOf = (data: Float32Array | Float64Array): Uint8Array => new Uint8Array(data.buffer);

export function f32(shape: readonly number[], values: readonly number[]): ForeignTensor {
  return { dtype: "F32", shape, bytes: bytesOf(Float32Array.from(values)) };
}

export function f64(shape: readonly number[], values: readonly number[]): ForeignTensor {
  return { dtype: "F64", shape, bytes: bytesOf(Float64Array.from(values)) };
}

/** A tensor of `length` bytes that count up. */
export function raw(dtype: string, shape: readonly number[], length: number): ForeignTensor {
  return { dtype, shape, bytes: Uint8Array.from({ length }, (_, i) => (i * 7 + 1) % 100) };
}
