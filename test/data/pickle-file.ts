/** Writers of the opcodes of Python pickles, for tests. */
const number = (value: number): Buffer =>
  value < 256 ? Buffer.from([0x4b, value]) : Buffer.from([0x4d, value & 255, value >> 8]);
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const bytes = (...parts: (string | Buffer | number)[]): Buffer =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === "string"
        ? Buffer.from(part, "latin1")
        : typeof part === "number"
          ? Buffer.from([part])
          : part,
    ),
  );

/** How a batch of CIFAR-10 was pickled. */
export type PickleVersion =
  | "python2" // as published: protocol 2, byte strings
  | "python3-protocol2" // bytes through _codecs.encode
  | "python3-protocol4" // frames, memoised, bytes
  | "python3-protocol5"; // NumPy's _frombuffer

/** A pickled CIFAR-10 batch: {"batch_label", "labels", "data", "filenames"}. */
export function pickledBatch(rows: Buffer, labels: readonly number[], version: PickleVersion): Buffer {
  const python2 = version === "python2";
  const text = (value: string): Buffer =>
    python2
      ? bytes("U", value.length, value)
      : version === "python3-protocol2"
        ? bytes("X", int32(value.length), value)
        : bytes(0x8c, value.length, value, 0x94);
  const name = (module: string, attribute: string): Buffer =>
    version === "python3-protocol4" || version === "python3-protocol5"
      ? bytes(text(module), text(attribute), 0x93, 0x94)
      : bytes("c", `${module}\n${attribute}\n`);
  const binary = (value: Buffer): Buffer => {
    if (python2) return bytes("T", int32(value.length), value);
    if (version !== "python3-protocol2") return bytes("B", int32(value.length), value, 0x94);
    const utf8 = Buffer.from(value.toString("latin1"), "utf8");
    const encoded = bytes("X", int32(utf8.length), utf8);
    return bytes(name("_codecs", "encode"), encoded, text("latin1"), 0x86, "R");
  };
  const shape = bytes(number(labels.length), "M", Buffer.from([0, 12]), 0x86); // 3072
  const core = python2 || version === "python3-protocol2" ? "numpy.core" : "numpy._core";
  const type = bytes(
    name("numpy", "dtype"),
    bytes(text("u1"), number(0), number(1), 0x87, "R"),
    bytes("(", number(3), text("|"), "NNN", "J", int32(0xffffffff), "J", int32(0xffffffff), number(0), "tb"),
  );
  const array =
    version === "python3-protocol5"
      ? bytes(
          name(`${core}.numeric`, "_frombuffer"),
          "(",
          bytes(0x96, int32(rows.length), int32(0), rows),
          type,
          shape,
          text("C"),
          "tR",
        )
      : bytes(
          name(`${core}.multiarray`, "_reconstruct"),
          bytes(name("numpy", "ndarray"), number(0), 0x85, binary(Buffer.from("b")), 0x87, "R"),
          bytes("(", number(1), shape, type, 0x89, binary(rows), "tb"),
        );
  const list = bytes("]q\x05(", ...labels.map(number), "e");
  const dictionary = bytes(
    "}q\x01(",
    bytes(text("batch_label"), text("training batch 1 of 5")),
    bytes(text("labels"), list),
    bytes(text("data"), array),
    bytes(text("filenames"), "](", ...labels.map((_, i) => text(`image_${i}.png`)), "e"),
    "u",
  );
  const protocol = version.startsWith("python3") ? Number(version.at(-1)) : 2;
  const frame = protocol >= 4 ? bytes(0x95, int32(dictionary.length + 1), int32(0)) : Buffer.alloc(0);
  return bytes(0x80, protocol, frame, dictionary, ".");
}
